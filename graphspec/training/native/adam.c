/* Adam's update of parameters in few passes over memory. Arrays are float32.
 *
 * averages() and then, with the roots of the squares, move() round as torch's own operations do, one by one; fma stands
 * where torch's vectors have it. The roots are torch's: those of MKL are not always the nearest number.
 */
#include <math.h>
#include <stdint.h>

struct parameter {
    float *weight, *mean, *square, *root;
    const float *gradient;
    int64_t size;
};

/* mean.lerp_(gradient, keep1); square.mul_(beta2).addcmul_(gradient, gradient, keep2) */
void averages(const struct parameter *parameters, int64_t count, float keep1, float beta2, float keep2) {
    for (const struct parameter *p = parameters; p < parameters + count; p++) {
        float *restrict mean = p->mean, *restrict square = p->square;
        const float *restrict gradient = p->gradient;
        for (int64_t i = 0; i < p->size; i++) {
            const float g = gradient[i];
            mean[i] = fmaf(keep1, g - mean[i], mean[i]);
            square[i] = fmaf(keep2 * g, g, square[i] * beta2);
        }
    }
}

/* root.div_(correction2).add_(eps); weight.addcdiv_(mean, root, rate) */
void move(const struct parameter *parameters, int64_t count, float correction2, float eps, float rate) {
    for (const struct parameter *p = parameters; p < parameters + count; p++) {
        float *restrict weight = p->weight;
        const float *restrict mean = p->mean, *restrict root = p->root;
        for (int64_t i = 0; i < p->size; i++) weight[i] += rate * mean[i] / (root[i] / correction2 + eps);
    }
}

/* Both in one pass, with the nearest roots. */
void update(const struct parameter *parameters, int64_t count, float keep1, float beta2, float keep2, float correction2,
            float eps, float rate) {
    for (const struct parameter *p = parameters; p < parameters + count; p++) {
        float *restrict weight = p->weight, *restrict mean = p->mean, *restrict square = p->square;
        const float *restrict gradient = p->gradient;
        for (int64_t i = 0; i < p->size; i++) {
            const float g = gradient[i], m = fmaf(keep1, g - mean[i], mean[i]);
            const float s = fmaf(keep2 * g, g, square[i] * beta2);
            mean[i] = m;
            square[i] = s;
            weight[i] += rate * m / (sqrtf(s) / correction2 + eps);
        }
    }
}
