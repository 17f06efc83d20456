/* Bytes in vectors of u8x16: a picture is blurred by rounded means of neighbours,
   brightened and darkened with saturation, and its extremes are kept. */
#include "kernel.h"
#include "simd.h"

#define WIDTH 512
#define HEIGHT 128

static uint8_t picture[HEIGHT][WIDTH + 32] __attribute__((aligned(16)));
static uint8_t blurred[HEIGHT][WIDTH + 32] __attribute__((aligned(16)));

static void blur(void) {
    for (int y = 1; y + 1 < HEIGHT; y++)
        for (int x = 16; x < WIDTH + 16; x += 16) {
            u8x16 sides = average_u8x16(load_u8x16(&picture[y][x - 1]),
                                        load_u8x16(&picture[y][x + 1]));
            u8x16 ends = average_u8x16(load_u8x16(&picture[y - 1][x]),
                                       load_u8x16(&picture[y + 1][x]));
            u8x16 around = average_u8x16(sides, ends);
            store_u8x16(&blurred[y][x],
                        average_u8x16(around, load_u8x16(&picture[y][x])));
        }
}

/* What is bright where the blurred picture is dark is an edge. */
static void edges(uint8_t gain) {
    u8x16 floor = splat_u8x16(gain), low = splat_u8x16(255), high = splat_u8x16(0);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 16; x < WIDTH + 16; x += 16) {
            u8x16 old = load_u8x16(&picture[y][x]), soft = load_u8x16(&blurred[y][x]);
            u8x16 edge = sub_sat_u8x16(old, soft) | sub_sat_u8x16(soft, old);
            u8x16 strong = (u8x16)(edge > floor);
            u8x16 next = add_sat_u8x16(soft, edge & strong) ^ (floor & ~strong);
            low = min_u8x16(low, next);
            high = max_u8x16(high, next);
            store_u8x16(&picture[y][x], next);
        }
    store_u8x16(&picture[0][0], low);
    store_u8x16(&picture[1][0], high);
}

EXPORT(run) int64_t run(int32_t n) {
    random_state = 88172645u;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH + 32; x++) {
            picture[y][x] = (uint8_t)(random_u32() >> 24);
            blurred[y][x] = 0;
        }
    uint64_t checksum = 0;
    for (int round = 0; round < n; round++) {
        blur();
        edges((uint8_t)(3 + round % 29));
        for (int y = 0; y < HEIGHT; y += 17)
            checksum = mix(checksum, picture[y][(round * 37 + y) % (WIDTH + 16)]);
    }
    return (int64_t)checksum;
}
