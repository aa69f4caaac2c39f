/* Numbers that fade below the normal ones cost a hundred times more than others: inside, they count as zero. */
#ifdef __SSE__
#include <xmmintrin.h>
#endif

static inline unsigned flush_subnormals(void) {
#ifdef __SSE__
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static inline void restore_subnormals(unsigned before) {
#ifdef __SSE__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}
