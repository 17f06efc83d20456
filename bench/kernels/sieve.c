/* The sieve of Eratosthenes over 200,000 flags, n times. */
#include "kernel.h"

enum { LIMIT = 200000 };
static uint8_t composite[LIMIT];

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    while (n--) {
        for (uint32_t i = 0; i < LIMIT; i++) composite[i] = 0;
        uint32_t primes = 0, last = 0;
        for (uint32_t i = 2; i < LIMIT; i++) {
            if (composite[i]) continue;
            primes++;
            last = i;
            for (uint32_t j = i + i; j < LIMIT; j += i) composite[j] = 1;
        }
        checksum = mix(checksum, (uint64_t)primes << 32 | last);
    }
    return checksum;
}
