/* An LZ77 compressor with a hash table of recent positions and its decompressor,
   over 64 KiB of repetitive text, n times; what comes back is compared.
   Token: a byte below 128 is followed by that many literals plus one; any other is
   a match of (byte - 128 + 4) bytes, two bytes of distance follow. */
#include "kernel.h"

enum { SIZE = 65536, MATCH_MIN = 4, MATCH_MAX = 131, TABLE_BITS = 12 };
static uint8_t plain[SIZE], packed[SIZE * 2], unpacked[SIZE];
static int32_t table[1 << TABLE_BITS];

static const char *const WORDS[] = {
    "bridge ", "deck ", "raised ", "lowered ", "ship ", "shore ", "the ", "until ",
    "meets ", "component ", "typed ", "value ", "memory ", "and ", "of ", "a ",
};

static void write_text(void) {
    uint32_t at = 0;
    while (at < SIZE) {
        uint32_t r = random_u32();
        const char *word = WORDS[r & 15];
        while (*word && at < SIZE) plain[at++] = (uint8_t)*word++;
        if ((r >> 8 & 7) == 0 && at < SIZE) plain[at++] = (uint8_t)(r >> 16);
    }
}

static inline uint32_t read_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t put_literals(uint32_t out, uint32_t from, uint32_t to) {
    while (from < to) {
        uint32_t count = to - from < 128 ? to - from : 128;
        packed[out++] = (uint8_t)(count - 1);
        for (uint32_t i = 0; i < count; i++) packed[out++] = plain[from++];
    }
    return out;
}

static NOINLINE uint32_t compress(void) {
    for (uint32_t i = 0; i < LENGTH(table); i++) table[i] = -1;
    uint32_t at = 0, literals = 0, out = 0;
    while (at + MATCH_MIN <= SIZE) {
        uint32_t hash = read_u32(plain + at) * 2654435761u >> (32 - TABLE_BITS);
        int32_t candidate = table[hash];
        table[hash] = (int32_t)at;
        uint32_t length = 0;
        if (candidate >= 0 && at - (uint32_t)candidate < 65536) {
            uint32_t limit = SIZE - at < MATCH_MAX ? SIZE - at : MATCH_MAX;
            while (length < limit && plain[(uint32_t)candidate + length] == plain[at + length]) length++;
        }
        if (length < MATCH_MIN) {
            at++;
            continue;
        }
        out = put_literals(out, literals, at);
        uint32_t distance = at - (uint32_t)candidate;
        packed[out++] = (uint8_t)(128 + length - MATCH_MIN);
        packed[out++] = (uint8_t)distance;
        packed[out++] = (uint8_t)(distance >> 8);
        at += length;
        literals = at;
    }
    return put_literals(out, literals, SIZE);
}

static NOINLINE uint32_t decompress(uint32_t size) {
    uint32_t out = 0;
    for (uint32_t at = 0; at < size;) {
        uint32_t token = packed[at++];
        if (token < 128) {
            for (uint32_t i = 0; i <= token; i++) unpacked[out++] = packed[at++];
        } else {
            uint32_t distance = packed[at] | (uint32_t)packed[at + 1] << 8;
            at += 2;
            for (uint32_t i = 0; i < token - 128 + MATCH_MIN; i++, out++) unpacked[out] = unpacked[out - distance];
        }
    }
    return out;
}

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    random_state = 0xDECADE;
    while (n--) {
        write_text();
        uint32_t size = compress();
        uint32_t restored = decompress(size);
        for (uint32_t i = 0; i < SIZE; i++)
            if (plain[i] != unpacked[i]) restored = 0;
        checksum = mix(checksum, (uint64_t)size << 32 | restored);
    }
    return checksum;
}
