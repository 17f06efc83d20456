/* Vectors of 128 bits in the compiler's own notation, so that the same source runs on
   the machine that computes the checksums. */
#pragma once
#include <stdint.h>

typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
typedef int64_t i64x2 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef signed char i8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

#define ACCESS(type, lane)                                     \
    static inline type load_##type(const lane *from) {         \
        type v;                                                \
        __builtin_memcpy(&v, from, sizeof v);                  \
        return v;                                              \
    }                                                          \
    static inline void store_##type(lane *to, type v) {        \
        __builtin_memcpy(to, &v, sizeof v);                    \
    }
ACCESS(f32x4, float)
ACCESS(u32x4, uint32_t)
ACCESS(u8x16, uint8_t)
#undef ACCESS

static inline u8x16 splat_u8x16(uint8_t x) {
    return (u8x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

static inline u8x16 add_sat_u8x16(u8x16 a, u8x16 b) {
    return __builtin_elementwise_add_sat(a, b);
}

static inline u8x16 sub_sat_u8x16(u8x16 a, u8x16 b) {
    return __builtin_elementwise_sub_sat(a, b);
}

static inline u8x16 min_u8x16(u8x16 a, u8x16 b) {
    return __builtin_elementwise_min(a, b);
}

static inline u8x16 max_u8x16(u8x16 a, u8x16 b) {
    return __builtin_elementwise_max(a, b);
}

/* Half the sum, rounded up. */
static inline u8x16 average_u8x16(u8x16 a, u8x16 b) {
#ifdef __wasm_simd128__
    return (u8x16)__builtin_wasm_avgr_u_i8x16(a, b);
#else
    u16x16 sum = __builtin_convertvector(a, u16x16) + __builtin_convertvector(b, u16x16);
    return __builtin_convertvector((sum + 1) >> 1, u8x16);
#endif
}

static inline int any_i64x2(i64x2 v) {
#ifdef __wasm_simd128__
    return __builtin_wasm_any_true_v128((i8x16)v);
#else
    return (v[0] | v[1]) != 0;
#endif
}
