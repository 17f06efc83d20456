/* Loops over single bytes of a 64 KiB buffer, n rounds: fold the case of letters,
   count words, a checksum of bytes (Adler-32), and a reversal in place. */
#include "kernel.h"

enum { SIZE = 65536 };
static uint8_t buffer[SIZE];

static NOINLINE void fold_case(uint8_t by) {
    for (uint32_t i = 0; i < SIZE; i++) {
        uint8_t c = buffer[i];
        if ((uint8_t)((c | 32) - 'a') < 26) buffer[i] = c ^ by;
    }
}

static NOINLINE uint32_t count_words(void) {
    uint32_t words = 0, inside = 0;
    for (uint32_t i = 0; i < SIZE; i++) {
        if (buffer[i] <= ' ') inside = 0;
        else if (!inside) {
            inside = 1;
            words++;
        }
    }
    return words;
}

static NOINLINE uint32_t adler(void) {
    uint32_t a = 1, b = 0;
    for (uint32_t at = 0; at < SIZE;) {
        for (uint32_t end = at + 4096; at < end; at++) {
            a += buffer[at];
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    return b << 16 | a;
}

static NOINLINE void reverse(void) {
    for (uint8_t *low = buffer, *high = buffer + SIZE - 1; low < high; low++, high--) {
        uint8_t byte = *low;
        *low = *high;
        *high = byte;
    }
}

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    random_state = 0xB17E5;
    for (uint32_t i = 0; i < SIZE; i++) {
        uint32_t r = random_u32();
        buffer[i] = (uint8_t)((r & 7) == 0 ? ' ' : 'A' + (r >> 8) % 58);
    }
    while (n--) {
        fold_case(32);
        checksum = mix(checksum, count_words());
        reverse();
        checksum = mix(checksum, adler());
    }
    return checksum;
}
