/* Words in vectors of u32x4: the permutation of ChaCha20 over rows of its state, with
   additions, exclusive ors, rotations by constants and shuffles of lanes. */
#include "kernel.h"
#include "simd.h"

static uint32_t stream[1024][16] __attribute__((aligned(16)));

#define ROTATE(v, k) (((v) << (k)) | ((v) >> (32 - (k))))
#define LANES(v, a, b, c, d) __builtin_shufflevector(v, v, a, b, c, d)

#define QUARTER(a, b, c, d)                    \
    do {                                       \
        a += b; d ^= a; d = ROTATE(d, 16);     \
        c += d; b ^= c; b = ROTATE(b, 12);     \
        a += b; d ^= a; d = ROTATE(d, 8);      \
        c += d; b ^= c; b = ROTATE(b, 7);      \
    } while (0)

static void block(uint32_t *out, u32x4 key0, u32x4 key1, u32x4 counter) {
    const u32x4 constants = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    u32x4 a = constants, b = key0, c = key1, d = counter;
    for (int i = 0; i < 10; i++) {
        QUARTER(a, b, c, d);
        b = LANES(b, 1, 2, 3, 0);
        c = LANES(c, 2, 3, 0, 1);
        d = LANES(d, 3, 0, 1, 2);
        QUARTER(a, b, c, d);
        b = LANES(b, 3, 0, 1, 2);
        c = LANES(c, 2, 3, 0, 1);
        d = LANES(d, 1, 2, 3, 0);
    }
    store_u32x4(out, a + constants);
    store_u32x4(out + 4, b + key0);
    store_u32x4(out + 8, c + key1);
    store_u32x4(out + 12, d + counter);
}

EXPORT(run) int64_t run(int32_t n) {
    random_state = 2463534242u;
    u32x4 key0 = {random_u32(), random_u32(), random_u32(), random_u32()};
    u32x4 key1 = {random_u32(), random_u32(), random_u32(), random_u32()};
    uint64_t checksum = 0;
    for (int round = 0; round < n; round++) {
        for (uint32_t i = 0; i < 1024; i++)
            block(stream[i], key0, key1, (u32x4){i, (uint32_t)round, 7, 9});
        key0 = load_u32x4(stream[round % 1024]);
        checksum = mix(checksum, stream[(round * 31) % 1024][round % 16]);
    }
    return (int64_t)checksum;
}
