/* The product of two 96 by 96 matrices of f64, row by column, n times; each
   product, scaled, is a factor of the next. */
#include "kernel.h"

enum { SIZE = 96 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static NOINLINE void multiply(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++) sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    }
}

EXPORT(run) uint64_t run(uint32_t n) {
    random_state = 0x1234567;
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = (double)(random_u32() & 1023) / 1024;
            b[i][j] = (double)(random_u32() & 1023) / 1024;
        }
    }
    uint64_t checksum = 0;
    while (n--) {
        multiply();
        for (int i = 0; i < SIZE; i++) {
            for (int j = 0; j < SIZE; j++) a[i][j] = c[i][j] / 48;
            checksum = mix(checksum, (uint64_t)(int64_t)(c[i][i] * 65536));
        }
    }
    return checksum;
}
