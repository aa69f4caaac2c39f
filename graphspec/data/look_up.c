/* Rows of uint8 images as floats: every value is looked up in its channel's table of 256. */
#include <stdint.h>

#define LINE 64 /* bytes of the processor's cache */

void look_up(const uint8_t *images, const int64_t *rows, int64_t count, int64_t channels, int64_t pixels,
             const float *tables, float *restrict out) {
    const int64_t size = channels * pixels;
    for (int64_t row = 0; row < count; row++) {
        const uint8_t *image = images + rows[row] * size;
        if (row + 1 < count) /* rows are far apart: the next one is fetched meanwhile */
            for (int64_t i = 0; i < size; i += LINE) __builtin_prefetch(images + rows[row + 1] * size + i);
        for (int64_t channel = 0; channel < channels; channel++) {
            const float *table = tables + 256 * channel;
            for (int64_t i = 0; i < pixels; i++) *out++ = table[*image++];
        }
    }
}
