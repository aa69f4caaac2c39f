/* Adam's update of parameters in one pass over memory, or in two around roots that are taken elsewhere.
 *
 * Arrays are float32. Every operation rounds as torch's own does; fma stands where torch's vectors have it.
 */
#include <math.h>
#include <stdint.h>
#ifdef __SSE__
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

void update_mkl(const struct parameter *parameters, int64_t count, const struct step *step) {
    const __m512 keep1 = ALL(step->keep1), beta2 = ALL(step->beta2), keep2 = ALL(step->keep2);
    const __m512 correction2 = ALL(step->correction2), eps = ALL(step->eps), rate = ALL(step->rate);
    for (const struct parameter *p = parameters; p < parameters + count; p++)
        for (int64_t i = 0; i < p->size; i += 16) {
            const __mmask16 there = p->size - i >= 16 ? 0xffff : (1u << (p->size - i)) - 1;
            const __m512 gradient = _mm512_maskz_loadu_ps(there, p->gradient + i);
            const __m512 before = _mm512_maskz_loadu_ps(there, p->mean + i);
            const __m512 mean = _mm512_fmadd_ps(keep1, _mm512_sub_ps(gradient, before), before);
            const __m512 kept = _mm512_mul_ps(_mm512_maskz_loadu_ps(there, p->square + i), beta2);
            const __m512 square = _mm512_fmadd_ps(_mm512_mul_ps(keep2, gradient), gradient, kept);
            const __m512 below = _mm512_add_ps(_mm512_div_ps(mkl_root(square), correction2), eps);
            const __m512 moved = _mm512_div_ps(_mm512_mul_ps(rate, mean), below);
            _mm512_mask_storeu_ps(p->mean + i, there, mean);
            _mm512_mask_storeu_ps(p->square + i, there, square);
            const __m512 weight = _mm512_maskz_loadu_ps(there, p->weight + i);
            _mm512_mask_storeu_ps(p->weight + i, there, _mm512_add_ps(weight, moved));
        }
}
#else
void update_mkl(const struct parameter *parameters, int64_t count, const struct step *step) {
    update_nearest(parameters, count, step);
}
#endif

/* Numbers that fade below the normal ones cost a hundred times more than others: in between, they count as zero. */
static unsigned flush_subnormals(void) {
#ifdef __SSE__
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static void restore_subnormals(unsigned before) {
#ifdef __SSE__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

/* By the faster roots, where torch's own bits are not asked for: the averages of units that have died fade away. */
void update_fused(const struct parameter *parameters, int64_t count, const struct step *step) {
    const unsigned before = flush_subnormals();
    update_mkl(parameters, count, step);
    restore_subnormals(before);
}
