/* Numbers in vectors of f64x2: the Mandelbrot set, two points at a time, with masks
   from comparisons and a loop that ends when neither point goes on. */
#include "kernel.h"
#include "simd.h"

EXPORT(run) int64_t run(int32_t n) {
    uint64_t checksum = 0;
    for (int y = 0; y < n; y++) {
        double cy = 2.0 * y / n - 1.0;
        uint64_t row = 0;
        for (int x = 0; x < n; x += 2) {
            f64x2 cx = {3.0 * x / n - 2.0, 3.0 * (x + 1) / n - 2.0};
            f64x2 zx = {0, 0}, zy = {0, 0};
            i64x2 rounds = {0, 0};
            for (int i = 0; i < 50; i++) {
                f64x2 xx = zx * zx, yy = zy * zy;
                i64x2 inside = xx + yy <= (f64x2){4.0, 4.0};
                if (!any_i64x2(inside))
                    break;
                rounds -= inside;
                f64x2 next = xx - yy + cx;
                zy = 2.0 * zx * zy + (f64x2){cy, cy};
                zx = next;
            }
            row = row * 31 + (uint64_t)(rounds[0] * 64 + rounds[1]);
        }
        checksum = mix(checksum, row);
    }
    return (int64_t)checksum;
}
