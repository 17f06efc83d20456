/* Bulk memory: n rounds of memory.fill and memory.copy of changing lengths from a
   few bytes to 64 KiB, overlapping ones too. */
#include "kernel.h"

enum { SIZE = 1 << 20, MASK = SIZE - 1 };
static uint8_t buffer[SIZE + 65536];

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    random_state = 0xF111;
    __builtin_memset(buffer, 0, sizeof buffer);
    while (n--) {
        uint32_t r = random_u32(), from = random_u32() & MASK, to = random_u32() & MASK;
        uint32_t size = r >> 8 & (r & 15 ? 255 : 65535);
        __builtin_memset(buffer + from, (int)r, size);
        __builtin_memmove(buffer + to, buffer + from / 2, size);
        __builtin_memmove(buffer + to + 3, buffer + to, size / 2);
        checksum = mix(checksum, buffer[to] + buffer[to + size / 2]);
    }
    return checksum;
}
