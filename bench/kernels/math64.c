/* Arithmetic on 64-bit integers, n rounds: modular powers with a 128-bit product
   from four halves, greatest common divisors, and a generator of rotations. */
#include "kernel.h"

typedef struct { uint64_t high, low; } Wide;

static inline uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static Wide multiply(uint64_t a, uint64_t b) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32);
    uint64_t other = a0 * b1 + (uint32_t)middle;
    return (Wide){a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | (uint32_t)low};
}

/* Modulo the Mersenne prime 2^61 - 1, by adding the halves. */
static const uint64_t PRIME = ((uint64_t)1 << 61) - 1;

static uint64_t multiply_modulo(uint64_t a, uint64_t b) {
    Wide product = multiply(a, b);
    uint64_t sum = (product.low & PRIME) + (product.high << 3 | product.low >> 61);
    return sum >= PRIME ? sum - PRIME : sum;
}

static NOINLINE uint64_t power(uint64_t base, uint64_t exponent) {
    uint64_t result = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) result = multiply_modulo(result, base);
        base = multiply_modulo(base, base);
    }
    return result;
}

static NOINLINE uint64_t divisor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t s[4] = {1, 2, 3, 4}, checksum = 0;
    while (n--) {
        uint64_t word = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;
        s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = rotate(s[3], 45);
        uint64_t bits = (uint64_t)__builtin_popcountll(word) + (uint64_t)__builtin_clzll(word | 1);
        checksum = mix(checksum, power(word % PRIME, s[3] >> 32) + bits);
        checksum = mix(checksum, divisor(word, s[0] | 1));
    }
    return checksum;
}
