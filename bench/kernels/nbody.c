/* Five bodies attract each other for n steps: f64 arithmetic, square roots and
   divisions over a small array of structures. */
#include "kernel.h"

typedef struct { double x, y, z, vx, vy, vz, mass; } Body;

static const Body START[5] = {
    {0, 0, 0, 0, 0, 0, 39.5},
    {4.8, -1.2, -0.1, 0.6, 2.8, -0.02, 0.038},
    {8.3, 4.1, -0.4, -1.0, 1.8, 0.008, 0.011},
    {12.9, -15.1, -0.2, 1.1, 0.9, -0.01, 0.0017},
    {15.4, -25.9, 0.2, 0.97, 0.6, -0.03, 0.002},
};
static Body bodies[5];

static void attract(Body *a, Body *b, double step) {
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    double square = dx * dx + dy * dy + dz * dz;
    double pull = step / (square * __builtin_sqrt(square));
    a->vx -= dx * b->mass * pull;
    a->vy -= dy * b->mass * pull;
    a->vz -= dz * b->mass * pull;
    b->vx += dx * a->mass * pull;
    b->vy += dy * a->mass * pull;
    b->vz += dz * a->mass * pull;
}

static NOINLINE void advance(double step) {
    for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 5; j++) attract(&bodies[i], &bodies[j], step);
    for (int i = 0; i < 5; i++) {
        bodies[i].x += step * bodies[i].vx;
        bodies[i].y += step * bodies[i].vy;
        bodies[i].z += step * bodies[i].vz;
    }
}

EXPORT(run) uint64_t run(uint32_t n) {
    for (int i = 0; i < 5; i++) bodies[i] = START[i];
    while (n--) advance(0.001);
    uint64_t checksum = 0;
    for (int i = 0; i < 5; i++) {
        union { double number; uint64_t bits; } x = {bodies[i].x}, y = {bodies[i].vy};
        checksum = mix(mix(checksum, x.bits), y.bits);
    }
    return checksum;
}
