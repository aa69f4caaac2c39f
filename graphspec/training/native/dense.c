/* A training step of a network of dense layers, in one thread: forward pass and cross entropy, then gradients and update.
 *
 * Products are computed in blocks that stay in registers, and a block of a weight's gradient is used for its update at
 * once: gradients are never written to memory, and weights and optimiser state are read and written once a step.
 * All arrays are float32, row-major and contiguous; labels are int64.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "subnormals.h"

#define LANES 16
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

enum activation { NONE, RELU, TANH, SIGMOID };
enum optimizer { ADAM, ADAMW, SGD };

struct layer {
    int64_t in, out, activation;
    float *weight, *bias;                                     /* out × in, out; bias may be null */
    float *weight_mean, *weight_square, *bias_mean, *bias_square; /* Adam's; of SGD the first, null without momentum */
};

struct update {
    int64_t kind;
    float lr, decay, beta1, beta2, eps, correction1, correction2; /* 1 - beta1^t, sqrt(1 - beta2^t) */
    float momentum, dampening;
    int64_t nesterov;
};

static inline lanes load(const float *p) { return *(const lanes *)p; }

static inline float total(lanes v) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/* y[b][o] = bias[o] + Σ_k x[b][k] w[o][k], for 4 rows and 4 outputs */
static inline void dots_4x4(const float *x, const float *w, float *y, int64_t in, int64_t out) {
    lanes s[4][4];
    memset(s, 0, sizeof s);
    int64_t k = 0;
    for (; k + LANES <= in; k += LANES) {
        const lanes x0 = load(x + k), x1 = load(x + in + k), x2 = load(x + 2 * in + k), x3 = load(x + 3 * in + k);
#define OUTPUT(j)                                   \
        {                                           \
            const lanes wj = load(w + j * in + k);  \
            s[0][j] += x0 * wj;                     \
            s[1][j] += x1 * wj;                     \
            s[2][j] += x2 * wj;                     \
            s[3][j] += x3 * wj;                     \
        }
        OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3)
#undef OUTPUT
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            float sum = total(s[i][j]);
            for (int64_t r = k; r < in; r++) sum += x[i * in + r] * w[j * in + r];
            y[i * out + j] = sum;
        }
}

static float dot(const float *x, const float *w, int64_t n) {
    float sum = 0;
    for (int64_t k = 0; k < n; k++) sum += x[k] * w[k];
    return sum;
}

static float activated(float value, int64_t activation) {
    switch (activation) {
    case RELU: return value > 0 ? value : 0;
    case TANH: return tanhf(value);
    case SIGMOID: return 1 / (1 + expf(-value));
    default: return value;
    }
}

/* The derivative, from the activated value. */
static float slope(float value, int64_t activation) {
    switch (activation) {
    case RELU: return value > 0;
    case TANH: return 1 - value * value;
    case SIGMOID: return value * (1 - value);
    default: return 1;
    }
}

static void layer_forward(const struct layer *l, const float *x, float *y, int64_t batch) {
    int64_t b = 0;
    for (; b + 4 <= batch; b += 4) {
        int64_t o = 0;
        for (; o + 4 <= l->out; o += 4) dots_4x4(x + b * l->in, l->weight + o * l->in, y + b * l->out + o, l->in, l->out);
        for (; o < l->out; o++)
            for (int i = 0; i < 4; i++) y[(b + i) * l->out + o] = dot(x + (b + i) * l->in, l->weight + o * l->in, l->in);
    }
    for (; b < batch; b++)
        for (int64_t o = 0; o < l->out; o++) y[b * l->out + o] = dot(x + b * l->in, l->weight + o * l->in, l->in);
    for (b = 0; b < batch; b++)
        for (int64_t o = 0; o < l->out; o++) {
            float *value = y + b * l->out + o;
            *value = activated(*value + (l->bias ? l->bias[o] : 0), l->activation);
        }
}

/* The mean cross entropy of a batch. `work` gets the layers' outputs one behind the other, the last ones being logits,
 * and then the derivative of the loss by the logits. */
double dense_forward(const struct layer *layers, int64_t count, int64_t batch, const float *x, const int64_t *label,
                     float *work) {
    const unsigned before = flush_subnormals();
    const float *input = x;
    for (int64_t i = 0; i < count; i++) {
        layer_forward(layers + i, input, work, batch);
        input = work;
        work += batch * layers[i].out;
    }
    const int64_t classes = layers[count - 1].out;
    double loss = 0;
    for (int64_t b = 0; b < batch; b++) {
        const float *logit = input + b * classes;
        float most = logit[0], sum = 0;
        for (int64_t c = 1; c < classes; c++) most = logit[c] > most ? logit[c] : most;
        for (int64_t c = 0; c < classes; c++) sum += work[b * classes + c] = expf(logit[c] - most);
        for (int64_t c = 0; c < classes; c++) work[b * classes + c] *= 1 / (sum * batch);
        work[b * classes + label[b]] -= 1.0f / batch;
        loss += most + logf(sum) - logit[label[b]];
    }
    restore_subnormals(before);
    return loss / batch;
}

static inline __attribute__((always_inline)) void move(const struct update *u, int64_t kind, float *w, float *mean,
                                                       float *square, const float *gradient, int64_t n) {
    if (kind == SGD) {
        for (int64_t i = 0; i < n; i++) {
            float g = gradient[i] + u->decay * w[i];
            if (mean) {
                mean[i] = u->momentum * mean[i] + (1 - u->dampening) * g;
                g = u->nesterov ? g + u->momentum * mean[i] : mean[i];
            }
            w[i] -= u->lr * g;
        }
        return;
    }
    const float shrink = kind == ADAMW ? 1 - u->lr * u->decay : 1, decay = kind == ADAM ? u->decay : 0;
    const float rate = u->lr / u->correction1, inverse = 1 / u->correction2;
    const float keep1 = 1 - u->beta1, keep2 = 1 - u->beta2, beta2 = u->beta2, eps = u->eps;
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] + decay * w[i];
        const float m = mean[i] + keep1 * (g - mean[i]), s = beta2 * square[i] + keep2 * g * g;
        mean[i] = m;
        square[i] = s;
        w[i] = shrink * w[i] - rate * m / (sqrtf(s) * inverse + eps);
    }
}

#define ROWS 4
#define COLUMNS (2 * LANES)

/* The gradient of a block of a weight, ROWS outputs by COLUMNS inputs: Σ_b delta[b][o] x[b][k] */
static inline void gradient_block(const float *x, const float *delta, float *gradient, int64_t batch, int64_t in,
                                  int64_t out) {
    lanes s[ROWS][2];
    memset(s, 0, sizeof s);
    for (int64_t b = 0; b < batch; b++) {
        const lanes x0 = load(x + b * in), x1 = load(x + b * in + LANES);
#define OUTPUT(i)                                   \
        s[i][0] += delta[b * out + i] * x0;         \
        s[i][1] += delta[b * out + i] * x1;
        OUTPUT(0) OUTPUT(1) OUTPUT(2) OUTPUT(3)
#undef OUTPUT
    }
    memcpy(gradient, s, sizeof s);
}

static inline __attribute__((always_inline)) void update_layer(const struct layer *l, const struct update *u, int64_t kind,
                                                               const float *x, const float *delta, int64_t batch) {
    float gradient[ROWS * COLUMNS];
    const int64_t in = l->in, out = l->out;
    for (int64_t o = 0; o < out; o++) {
        const int whole = o + ROWS <= out;
        int64_t k = 0;
        for (; whole && k + COLUMNS <= in; k += COLUMNS) {
            gradient_block(x + k, delta + o, gradient, batch, in, out);
            for (int64_t i = 0; i < ROWS; i++) {
                const int64_t at = (o + i) * in + k;
                move(u, kind, l->weight + at, l->weight_mean ? l->weight_mean + at : 0,
                     l->weight_square ? l->weight_square + at : 0, gradient + i * COLUMNS, COLUMNS);
            }
        }
        for (int64_t i = 0; i < (whole ? ROWS : 1); i++)
            for (int64_t r = k; r < in; r++) {
                float g = 0;
                for (int64_t b = 0; b < batch; b++) g += delta[b * out + o + i] * x[b * in + r];
                const int64_t at = (o + i) * in + r;
                move(u, kind, l->weight + at, l->weight_mean ? l->weight_mean + at : 0,
                     l->weight_square ? l->weight_square + at : 0, &g, 1);
            }
        if (whole) o += ROWS - 1;
    }
    for (int64_t o = 0; l->bias && o < out; o++) {
        float g = 0;
        for (int64_t b = 0; b < batch; b++) g += delta[b * out + o];
        move(u, kind, l->bias + o, l->bias_mean ? l->bias_mean + o : 0, l->bias_square ? l->bias_square + o : 0, &g, 1);
    }
}

/* before[b][k] = slope(x[b][k]) Σ_o delta[b][o] w[o][k] */
static void layer_backward(const struct layer *l, int64_t activation, const float *x, const float *delta, float *before,
                           int64_t batch) {
    const int64_t in = l->in;
    memset(before, 0, sizeof(float) * batch * in);
    for (int64_t b = 0; b < batch; b++) {
        float *row = before + b * in;
        for (int64_t o = 0; o < l->out; o++) {
            const float d = delta[b * l->out + o], *w = l->weight + o * in;
            for (int64_t k = 0; k < in; k++) row[k] += d * w[k];
        }
        for (int64_t k = 0; k < in; k++) row[k] *= slope(x[b * in + k], activation);
    }
}

/* Gradients and update, after dense_forward on the same batch and `work`, behind which there is room for the
 * derivatives by every layer's output. */
void dense_backward(const struct layer *layers, int64_t count, int64_t batch, const float *x, const struct update *update,
                    float *work) {
    const unsigned control = flush_subnormals();
    float *output = work; /* of the last layer, in the end */
    for (int64_t i = 0; i + 1 < count; i++) output += batch * layers[i].out;
    float *delta = output + batch * layers[count - 1].out;
    for (int64_t i = count - 1; i >= 0; i--) {
        const struct layer *l = layers + i;
        const float *input = i ? output - batch * l->in : x;
        float *before = delta + batch * l->out;
        if (i) layer_backward(l, layers[i - 1].activation, input, delta, before, batch);
        switch (update->kind) {
        case ADAM: update_layer(l, update, ADAM, input, delta, batch); break;
        case ADAMW: update_layer(l, update, ADAMW, input, delta, batch); break;
        default: update_layer(l, update, SGD, input, delta, batch);
        }
        output -= i ? batch * l->in : 0;
        delta = before;
    }
    restore_subnormals(control);
}
