/* Adam's update of parameters in one pass over memory, or in two around roots that are taken elsewhere.
 *
 * Arrays are float32. Every operation rounds as torch's own does; fma stands where torch's vectors have it.
 */
#include <math.h>
#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "subnormals.h"

#define BLOCK 512 /* numbers that stay in the first cache between the parts of a step */
#define INLINE static inline __attribute__((always_inline))

struct parameter {
    float *weight, *mean, *square, *root;
    const float *gradient;
    int64_t size;
};

struct step {
    float keep1, beta2, keep2;    /* 1 - beta1, beta2, 1 - beta2 */
    float correction2, eps, rate; /* sqrt(1 - beta2^t), eps, -lr / (1 - beta1^t) */
};

/* mean.lerp_(gradient, keep1); square.mul_(beta2).addcmul_(gradient, gradient, keep2) */
INLINE void average(const struct step *step, float *restrict mean, float *restrict square,
                    const float *restrict gradient, int64_t size) {
    const float keep1 = step->keep1, beta2 = step->beta2, keep2 = step->keep2;
    for (int64_t i = 0; i < size; i++) {
        const float g = gradient[i];
        mean[i] = fmaf(keep1, g - mean[i], mean[i]);
        square[i] = fmaf(keep2 * g, g, square[i] * beta2);
    }
}

/* root.div_(correction2).add_(eps); weight.addcdiv_(mean, root, rate) */
INLINE void move(const struct step *step, float *restrict weight, const float *restrict mean,
                 const float *restrict root, int64_t size) {
    const float correction2 = step->correction2, eps = step->eps, rate = step->rate;
    for (int64_t i = 0; i < size; i++) weight[i] += rate * mean[i] / (root[i] / correction2 + eps);
}

INLINE void nearest_roots(const float *restrict of, float *restrict root, int64_t size) {
    for (int64_t i = 0; i < size; i++) root[i] = sqrtf(of[i]);
}

/* The roots of MKL's vectors, of which every 160th is not the nearest number: an estimate and one correction. */
INLINE void mkl_roots(const float *restrict of, float *restrict root, int64_t size) {
#ifdef __AVX512F__
    for (int64_t i = 0; i < size; i += 16) {
        const __mmask16 there = size - i >= 16 ? 0xffff : (1u << (size - i)) - 1;
        const __m512 x = _mm512_maskz_loadu_ps(there, of + i);
        const __mmask16 tiny = _mm512_cmp_ps_mask(x, _mm512_set1_ps(0x1p-100f), _CMP_LT_OQ);
        const __mmask16 odd = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NGT_UQ) |
                              _mm512_cmp_ps_mask(x, _mm512_set1_ps(INFINITY), _CMP_EQ_OQ);
        const __m512 scaled = _mm512_mask_mul_ps(x, tiny, x, _mm512_set1_ps(0x1p96f));
        const __m512 inverse = _mm512_rsqrt14_ps(scaled), estimate = _mm512_mul_ps(scaled, inverse);
        const __m512 rest = _mm512_fnmadd_ps(estimate, estimate, scaled);
        __m512 y = _mm512_fmadd_ps(rest, _mm512_mul_ps(_mm512_set1_ps(0.5f), inverse), estimate);
        y = _mm512_mask_mul_ps(y, tiny, y, _mm512_set1_ps(0x1p-48f));
        _mm512_mask_storeu_ps(root + i, there, _mm512_mask_sqrt_ps(y, odd, x));
    }
#else
    nearest_roots(of, root, size);
#endif
}

INLINE void update(const struct parameter *parameters, int64_t count, const struct step *step,
                   void (*roots)(const float *restrict, float *restrict, int64_t)) {
    float root[BLOCK];
    for (const struct parameter *p = parameters; p < parameters + count; p++)
        for (int64_t at = 0; at < p->size; at += BLOCK) {
            const int64_t size = p->size - at < BLOCK ? p->size - at : BLOCK;
            average(step, p->mean + at, p->square + at, p->gradient + at, size);
            roots(p->square + at, root, size);
            move(step, p->weight + at, p->mean + at, root, size);
        }
}

void update_nearest(const struct parameter *parameters, int64_t count, const struct step *step) {
    update(parameters, count, step, nearest_roots);
}

void update_mkl(const struct parameter *parameters, int64_t count, const struct step *step) {
    update(parameters, count, step, mkl_roots);
}

/* With the nearest roots, where torch's own bits are not asked for: the averages of units that have died fade away. */
void update_fused(const struct parameter *parameters, int64_t count, const struct step *step) {
    const unsigned before = flush_subnormals();
    update(parameters, count, step, nearest_roots);
    restore_subnormals(before);
}

/* The part before the roots of p->square are taken into p->root, and the part behind. */
void before_roots(const struct parameter *parameters, int64_t count, const struct step *step) {
    for (const struct parameter *p = parameters; p < parameters + count; p++)
        average(step, p->mean, p->square, p->gradient, p->size);
}

void behind_roots(const struct parameter *parameters, int64_t count, const struct step *step) {
    for (const struct parameter *p = parameters; p < parameters + count; p++)
        move(step, p->weight, p->mean, p->root, p->size);
}
