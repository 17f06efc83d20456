/* Calls through a table of functions: n rounds in which eight objects of four
   kinds answer through their tables of methods, and a fold that is handed a
   function. */
#include "kernel.h"

typedef struct Shape Shape;
typedef struct {
    uint32_t (*area)(const Shape *);
    void (*grow)(Shape *, uint32_t by);
} Methods;
struct Shape { const Methods *methods; uint32_t a, b; };

static uint32_t square_area(const Shape *s) { return s->a * s->a; }
static void square_grow(Shape *s, uint32_t by) { s->a = (s->a + by) & 1023; }
static uint32_t rectangle_area(const Shape *s) { return s->a * s->b; }
static void rectangle_grow(Shape *s, uint32_t by) { s->b = (s->b ^ by) & 1023; }
static uint32_t triangle_area(const Shape *s) { return s->a * s->b / 2; }
static void triangle_grow(Shape *s, uint32_t by) { s->a = (s->a * 3 + by) & 1023; }
static uint32_t point_area(const Shape *s) { return s->a & 1; }
static void point_grow(Shape *s, uint32_t by) { s->a += by; }

static const Methods METHODS[] = {
    {square_area, square_grow},
    {rectangle_area, rectangle_grow},
    {triangle_area, triangle_grow},
    {point_area, point_grow},
};

static uint32_t fold_add(uint32_t a, uint32_t b) { return a + b; }
static uint32_t fold_xor(uint32_t a, uint32_t b) { return a ^ b; }
static uint32_t fold_max(uint32_t a, uint32_t b) { return a > b ? a : b; }
static uint32_t (*const FOLDS[])(uint32_t, uint32_t) = {fold_add, fold_xor, fold_max};

static Shape shapes[8];

static NOINLINE uint32_t fold(uint32_t (*with)(uint32_t, uint32_t)) {
    uint32_t result = 0;
    for (uint32_t i = 0; i < LENGTH(shapes); i++) result = with(result, shapes[i].methods->area(&shapes[i]));
    return result;
}

EXPORT(run) uint64_t run(uint32_t n) {
    for (uint32_t i = 0; i < LENGTH(shapes); i++) shapes[i] = (Shape){&METHODS[i * 3 & 3], i + 1, i + 2};
    uint64_t checksum = 0;
    for (uint32_t round = 0; round < n; round++) {
        for (uint32_t i = 0; i < LENGTH(shapes); i++) shapes[i].methods->grow(&shapes[i], round);
        checksum = mix(checksum, fold(FOLDS[round % LENGTH(FOLDS)]));
    }
    return checksum;
}
