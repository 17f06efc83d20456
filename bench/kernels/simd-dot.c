/* Vectors of f32x4: products of a matrix with a vector, and scaled sums, each with
   four running sums as compilers make them. */
#include "kernel.h"
#include "simd.h"

#define ROWS 128
#define COLUMNS 512

static float matrix[ROWS][COLUMNS] __attribute__((aligned(16)));
static float vector[COLUMNS] __attribute__((aligned(16)));
static float product[ROWS];

static float dot(const float *a, const float *b) {
    f32x4 s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    for (int i = 0; i < COLUMNS; i += 16) {
        s0 += load_f32x4(a + i) * load_f32x4(b + i);
        s1 += load_f32x4(a + i + 4) * load_f32x4(b + i + 4);
        s2 += load_f32x4(a + i + 8) * load_f32x4(b + i + 8);
        s3 += load_f32x4(a + i + 12) * load_f32x4(b + i + 12);
    }
    f32x4 s = (s0 + s1) + (s2 + s3);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void add_scaled(float *to, const float *from, float factor) {
    f32x4 f = {factor, factor, factor, factor};
    for (int i = 0; i < COLUMNS; i += 4)
        store_f32x4(to + i, load_f32x4(to + i) * 0.5f + load_f32x4(from + i) * f);
}

EXPORT(run) int64_t run(int32_t n) {
    random_state = 2463534242u;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            matrix[i][j] = (float)(random_u32() >> 8) / 16777216.0f - 0.5f;
    for (int j = 0; j < COLUMNS; j++)
        vector[j] = (float)(j % 7) - 3.0f;
    uint64_t checksum = 0;
    for (int round = 0; round < n; round++) {
        for (int i = 0; i < ROWS; i++)
            product[i] = dot(matrix[i], vector);
        for (int i = 0; i < ROWS; i += 8)
            add_scaled(vector, matrix[i], product[i] / 64.0f + 0.25f);
        uint32_t bits;
        __builtin_memcpy(&bits, &product[round % ROWS], 4);
        checksum = mix(checksum, bits);
    }
    return (int64_t)checksum;
}
