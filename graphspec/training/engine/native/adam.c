/* Adam's update of parameters in one pass over memory, or in two around roots that are taken elsewhere.
 *
 * Arrays are float32. Every operation rounds as torch's own does; fma stands where torch's vectors have it.
 */
#include <math.h>
#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

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
INLINE void average(const struct step *step, float gradient, float *mean, float *square) {
    *mean = fmaf(step->keep1, gradient - *mean, *mean);
    *square = fmaf(step->keep2 * gradient, gradient, *square * step->beta2);
}

/* root.div_(correction2).add_(eps); weight.addcdiv_(mean, root, rate) */
INLINE void move(const struct step *step, float *weight, float mean, float root) {
    *weight += step->rate * mean / (root / step->correction2 + step->eps);
}

/* The part before the roots of p->square are taken into p->root, and the part behind. */
void before_roots(const struct parameter *parameters, int64_t count, const struct step *step) {
    const struct step s = *step;
    for (const struct parameter *p = parameters; p < parameters + count; p++) {
        float *restrict mean = p->mean, *restrict square = p->square;
        for (int64_t i = 0; i < p->size; i++) average(&s, p->gradient[i], mean + i, square + i);
    }
}

void behind_roots(const struct parameter *parameters, int64_t count, const struct step *step) {
    const struct step s = *step;
    for (const struct parameter *p = parameters; p < parameters + count; p++) {
        float *restrict weight = p->weight;
        for (int64_t i = 0; i < p->size; i++) move(&s, weight + i, p->mean[i], p->root[i]);
    }
}

void update_nearest(const struct parameter *parameters, int64_t count, const struct step *step) {
    const struct step s = *step;
    for (const struct parameter *p = parameters; p < parameters + count; p++) {
        float *restrict mean = p->mean, *restrict square = p->square, *restrict weight = p->weight;
        const float *restrict gradient = p->gradient;
        for (int64_t i = 0; i < p->size; i++) {
            average(&s, gradient[i], mean + i, square + i);
            move(&s, weight + i, mean[i], sqrtf(square[i]));
        }
    }
}

#ifdef __AVX512F__
#define ALL(x) _mm512_set1_ps(x)

/* The roots of MKL's vectors, of which every 160th is not the nearest number: an estimate and one correction. */
INLINE __m512 mkl_root(__m512 x) {
    const __mmask16 tiny = _mm512_cmp_ps_mask(x, ALL(0x1p-100f), _CMP_LT_OQ);
    const __mmask16 odd = _mm512_cmp_ps_mask(x, ALL(0), _CMP_NGT_UQ) | _mm512_cmp_ps_mask(x, ALL(INFINITY), _CMP_EQ_OQ);
    const __m512 scaled = _mm512_mask_mul_ps(x, tiny, x, ALL(0x1p96f));
    const __m512 inverse = _mm512_rsqrt14_ps(scaled), estimate = _mm512_mul_ps(scaled, inverse);
    const __m512 rest = _mm512_fnmadd_ps(estimate, estimate, scaled);
    __m512 y = _mm512_fmadd_ps(rest, _mm512_mul_ps(ALL(0.5f), inverse), estimate);
    y = _mm512_mask_mul_ps(y, tiny, y, ALL(0x1p-48f));
    return odd ? _mm512_mask_sqrt_ps(y, odd, x) : y;
}

/* The means among `before` of units that have died, where the gradient is 0 and nothing is left but a number below the
 * normal ones, which decays for ever and never reaches 0: to compute with such a number costs a hundred times more than
 * with another. */
INLINE __mmask16 faint(__m512 before, __m512 gradient, __m512 weight) {
    const __m512i magnitude = _mm512_and_si512(_mm512_castps_si512(before), _mm512_set1_epi32(INT32_MAX));
    const __mmask16 small = _mm512_cmplt_epu32_mask(_mm512_sub_epi32(magnitude, _mm512_set1_epi32(1)), _mm512_set1_epi32(1 << 22));
    const __mmask16 still = _mm512_mask_cmp_ps_mask(small, gradient, ALL(0), _CMP_EQ_OQ);
    return _mm512_mask_cmp_ps_mask(still, _mm512_abs_ps(weight), ALL(0x1p-60f), _CMP_GE_OQ);
}

/* mean.lerp_(0, keep1) of numbers below 2^22 times the smallest, as integers: beside 1.5 · 2^23, sums round to integers. */
INLINE __m512 faded(__m512 before, __m512 keep1) {
    const __m512i all = _mm512_castps_si512(before), sign = _mm512_and_si512(all, _mm512_set1_epi32(INT32_MIN));
    const __m512 count = _mm512_cvtepi32_ps(_mm512_xor_si512(all, sign)), rounding = ALL(0x1.8p23f);
    const __m512 kept = _mm512_sub_ps(_mm512_fnmadd_ps(keep1, count, _mm512_add_ps(count, rounding)), rounding);
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_cvtps_epi32(kept), sign));
}

void update_mkl(const struct parameter *parameters, int64_t count, const struct step *step) {
    const __m512 keep1 = ALL(step->keep1), beta2 = ALL(step->beta2), keep2 = ALL(step->keep2);
    const __m512 correction2 = ALL(step->correction2), eps = ALL(step->eps), rate = ALL(step->rate);
    const int unmoved = step->eps >= 0x1p-40f && fabsf(step->rate) <= 1; /* a weight of 2^-60, by a faint mean */
    for (const struct parameter *p = parameters; p < parameters + count; p++)
        for (int64_t i = 0; i < p->size; i += 16) {
            const __mmask16 there = p->size - i >= 16 ? 0xffff : (1u << (p->size - i)) - 1;
            const __m512 gradient = _mm512_maskz_loadu_ps(there, p->gradient + i);
            const __m512 weight = _mm512_maskz_loadu_ps(there, p->weight + i);
            const __m512 before = _mm512_maskz_loadu_ps(there, p->mean + i);
            const __mmask16 fading = unmoved ? faint(before, gradient, weight) : 0;
            const __m512 strong = _mm512_maskz_mov_ps(~fading, before);
            const __m512 mean = _mm512_fmadd_ps(keep1, _mm512_sub_ps(gradient, strong), strong);
            const __m512 kept = _mm512_mul_ps(_mm512_maskz_loadu_ps(there, p->square + i), beta2);
            const __m512 square = _mm512_fmadd_ps(_mm512_mul_ps(keep2, gradient), gradient, kept);
            const __m512 below = _mm512_add_ps(_mm512_div_ps(mkl_root(square), correction2), eps);
            const __m512 moved = _mm512_div_ps(_mm512_mul_ps(rate, mean), below);
            _mm512_mask_storeu_ps(p->mean + i, there, mean);
            if (fading) _mm512_mask_storeu_ps(p->mean + i, fading, faded(before, keep1));
            _mm512_mask_storeu_ps(p->square + i, there, square);
            _mm512_mask_storeu_ps(p->weight + i, there, _mm512_add_ps(weight, moved));
        }
}
#else
void update_mkl(const struct parameter *parameters, int64_t count, const struct step *step) {
    update_nearest(parameters, count, step);
}
#endif
