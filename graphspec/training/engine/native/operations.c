/* Operations of a recorded pass, one after the other, each with torch's own bits.
 *
 * Products are those of the library that torch calls. Where a sum has more than one order, it is torch's: see
 * SumKernel.cpp, LossNLL.cpp, LogSoftmaxKernelImpl.h and SoftMaxKernel.cpp of ATen. LANES is the length of its vectors.
 * Arrays are float32, row-major and contiguous; labels are int64.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define NLL_LEVELS 8

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef void product(const char *, const char *, const int *, const int *, const int *, const float *, const float *,
                     const int *, const float *, const int *, const float *, float *, const int *);

enum kind { PRODUCT, RELU, THRESHOLD_BACKWARD, TANH_BACKWARD, SIGMOID_BACKWARD, SUM, LOG_SOFTMAX, LOG_SOFTMAX_BACKWARD,
            NLL, NLL_BACKWARD };

/* What it reads and writes are places in a table of addresses. */
struct operation {
    int64_t kind, in[3], out[2], size[5];
};

static product *sgemm;
static lanes (*exponential)(lanes), (*logarithm)(lanes);

void use(product *p, lanes (*e)(lanes), lanes (*l)(lanes)) {
    sgemm = p;
    exponential = e;
    logarithm = l;
}

/* out[m][n] = Σ_k a[m][k] b[k][n] (+ bias[n]), where a or b may lie in memory the other way round */
static void multiply(const int64_t *size, const float *a, const float *b, const float *bias, float *out) {
    const int m = size[0], n = size[1], k = size[2], across_a = size[3] ? m : k, across_b = size[4] ? k : n;
    const float one = 1, start = bias ? 1 : 0;
    for (int i = 0; bias && i < m; i++) memcpy(out + (int64_t)i * n, bias, sizeof(float) * n);
    sgemm(size[4] ? "t" : "n", size[3] ? "t" : "n", &n, &m, &k, &one, b, &across_b, a, &across_a, &start, out, &n);
}

static int power_of_parts(int64_t size, int levels) {
    int log = 0;
    while ((1ll << log) < size) log++;
    return log / levels > 4 ? log / levels : 4;
}

/* A sum in parts of 2^power terms, of 2^power of these, and so on: whether behind `taken` terms `level` is carried on. */
static inline int carries(int level, int power, int64_t taken) {
    return !(taken & (((1ll << power) - 1) << (level * power)));
}

#define LEVELS 4
#define WIDTH 32

/* The sums of `width` columns of `rows` rows. */
static inline __attribute__((always_inline)) void sum_rows(const float *x, int64_t rows, int64_t stride, int width,
                                                           float *out) {
    float levels[LEVELS][WIDTH];
    memset(levels, 0, sizeof levels);
    const int power = power_of_parts(rows, LEVELS);
    int64_t row = 0;
    while (row + (1ll << power) <= rows) {
        for (const int64_t end = row + (1ll << power); row < end; row++)
            for (int i = 0; i < width; i++) levels[0][i] += x[row * stride + i];
        for (int level = 0; level + 1 < LEVELS && (!level || carries(level, power, row)); level++)
            for (int i = 0; i < width; i++) {
                levels[level + 1][i] += levels[level][i];
                levels[level][i] = 0;
            }
    }
    for (; row < rows; row++)
        for (int i = 0; i < width; i++) levels[0][i] += x[row * stride + i];
    for (int level = 1; level < LEVELS; level++)
        for (int i = 0; i < width; i++) levels[0][i] += levels[level][i];
    memcpy(out, levels[0], sizeof(float) * width);
}

/* Σ over the rows of rows × columns: the first `whole` columns row by row, the others in four interleaved parts. */
static void sum(int64_t rows, int64_t columns, int64_t whole, const float *x, float *out) {
    int64_t column = 0;
    for (; column + WIDTH <= whole; column += WIDTH) sum_rows(x + column, rows, columns, WIDTH, out + column);
    if (column < whole) sum_rows(x + column, rows, columns, whole - column, out + column);
    for (column = whole; column < columns; column++) {
        float part[4];
        for (int i = 0; i < 4; i++) sum_rows(x + column + i * columns, rows / 4, 4 * columns, 1, part + i);
        for (int64_t row = rows / 4 * 4; row < rows; row++) part[0] += x[row * columns + column];
        for (int i = 1; i < 4; i++) part[0] += part[i];
        out[column] = part[0];
    }
}

static inline lanes part_of(const float *x, int64_t size) {
    lanes v = {0};
    memcpy(&v, x, sizeof(float) * (size < LANES ? size : LANES));
    return v;
}

/* The sum of a row: lane by lane, then halves of the lanes, or the few there are one after the other. */
static float row_sum(const float *x, int64_t size) {
    if (size < LANES) {
        float found = x[0];
        for (int64_t i = 1; i < size; i++) found += x[i];
        return found;
    }
    lanes all = part_of(x, LANES);
    int64_t i = LANES;
    for (; i + LANES <= size; i += LANES) all += part_of(x + i, LANES);
    for (int64_t lane = 0; i + lane < size; lane++) all[lane] += x[i + lane];
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) all[lane] += all[lane + half];
    return all[0];
}

static void log_softmax(int64_t rows, int64_t classes, const float *x, float *out) {
    for (int64_t row = 0; row < rows; row++, x += classes, out += classes) {
        float most = x[0];
        for (int64_t i = 1; i < classes; i++) most = x[i] > most || x[i] != x[i] ? x[i] : most;
        for (int64_t i = 0; i < classes; i += LANES) {
            const int64_t size = classes - i < LANES ? classes - i : LANES;
            const lanes power = exponential(part_of(x + i, size) - most);
            memcpy(out + i, &power, sizeof(float) * size);
        }
        const float total = logarithm((lanes){0} + row_sum(out, classes))[0];
        for (int64_t i = 0; i < classes; i++) out[i] = x[i] - most - total;
    }
}

static void log_softmax_backward(int64_t rows, int64_t classes, const float *gradient, const float *output, float *out) {
    for (int64_t row = 0; row < rows; row++, gradient += classes, output += classes, out += classes) {
        const float total = row_sum(gradient, classes);
        for (int64_t i = 0; i < classes; i += LANES) {
            const int64_t size = classes - i < LANES ? classes - i : LANES;
            const lanes power = exponential(part_of(output + i, size));
            for (int64_t lane = 0; lane < size; lane++) out[i + lane] = fmaf(-power[lane], total, gradient[i + lane]);
        }
    }
}

/* The mean of -x[row][label], and the number of labels that count; whether all are classes. */
static int nll(int64_t rows, int64_t classes, int64_t ignored, const float *x, const int64_t *label, float *out,
               float *counted) {
    float levels[NLL_LEVELS] = {0}, found = 0;
    int64_t left_out = 0;
    const int power = power_of_parts(rows, NLL_LEVELS);
    for (int64_t row = 0; row < rows; row++) {
        if (label[row] == ignored) {
            left_out++;
            continue;
        }
        if (label[row] < 0 || label[row] >= classes) return 0;
        levels[0] -= x[row * classes + label[row]];
        for (int level = 0; level + 1 < NLL_LEVELS && carries(level, power, row); level++) {
            levels[level + 1] += levels[level];
            levels[level] = 0;
        }
    }
    for (int level = 0; level < NLL_LEVELS; level++) found += levels[level];
    *counted = rows - left_out;
    *out = found / *counted;
    return 1;
}

static int nll_backward(int64_t rows, int64_t classes, int64_t ignored, float gradient, const int64_t *label,
                        float counted, float *out) {
    memset(out, 0, sizeof(float) * rows * classes);
    for (int64_t row = 0; row < rows; row++) {
        if (label[row] == ignored) continue;
        if (label[row] < 0 || label[row] >= classes) return 0;
        out[row * classes + label[row]] = -(gradient / counted);
    }
    return 1;
}

/* Whether all could be done; a label that is no class ends it. */
int run(const struct operation *operations, int64_t count, void **places) {
    for (const struct operation *o = operations; o < operations + count; o++) {
        const float *a = places[o->in[0]], *b = o->in[1] < 0 ? 0 : places[o->in[1]];
        const float *c = o->in[2] < 0 ? 0 : places[o->in[2]];
        float *out = places[o->out[0]];
        const int64_t n = o->size[0];
        switch (o->kind) {
        case PRODUCT: multiply(o->size, a, b, c, out); break;
        case RELU: for (int64_t i = 0; i < n; i++) out[i] = a[i] < 0 ? 0 : a[i]; break;
        case THRESHOLD_BACKWARD: for (int64_t i = 0; i < n; i++) out[i] = b[i] <= 0 ? 0 : a[i]; break;
        case TANH_BACKWARD: for (int64_t i = 0; i < n; i++) out[i] = a[i] * fmaf(-b[i], b[i], 1); break;
        case SIGMOID_BACKWARD: for (int64_t i = 0; i < n; i++) out[i] = a[i] * (1 - b[i]) * b[i]; break;
        case SUM: sum(n, o->size[1], o->size[2], a, out); break;
        case LOG_SOFTMAX: log_softmax(n, o->size[1], a, out); break;
        case LOG_SOFTMAX_BACKWARD: log_softmax_backward(n, o->size[1], a, b, out); break;
        case NLL: if (!nll(n, o->size[1], o->size[2], a, (const int64_t *)b, out, places[o->out[1]])) return 0; break;
        case NLL_BACKWARD: if (!nll_backward(n, o->size[1], o->size[2], *a, (const int64_t *)b, *c, out)) return 0;
        }
    }
    return 1;
}
