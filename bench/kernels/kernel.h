/* What every kernel shares: exact integer types, the one export, a generator of
   pseudo-random numbers and a checksum. Kernels use no library and keep nothing
   from one call of `run` to the next, so calling it again gives the same result. */
#pragma once
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define NOINLINE __attribute__((noinline))
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t random_state;

static inline uint32_t random_u32(void) {
    uint32_t x = random_state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return random_state = x;
}

static inline uint64_t mix(uint64_t checksum, uint64_t value) {
    checksum = (checksum ^ value) * 0x9E3779B97F4A7C15u;
    return checksum ^ (checksum >> 29);
}
