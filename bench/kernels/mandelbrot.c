/* The Mandelbrot set on a grid of n by n points, at most 100 steps each: f64
   arithmetic in locals with a data-dependent exit. */
#include "kernel.h"

enum { STEPS = 100 };

static uint32_t escape(double cx, double cy) {
    double x = 0, y = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4) return step;
        y = 2 * x * y + cy;
        x = xx - yy + cx;
    }
    return STEPS;
}

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    for (uint32_t row = 0; row < n; row++) {
        uint32_t sum = 0;
        for (uint32_t column = 0; column < n; column++)
            sum += escape(3.0 * column / n - 2.2, 2.4 * row / n - 1.2);
        checksum = mix(checksum, sum);
    }
    return checksum;
}
