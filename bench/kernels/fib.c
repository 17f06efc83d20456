/* Direct recursive calls: the n-th Fibonacci number, the slow way. */
#include "kernel.h"

static NOINLINE uint32_t fib(uint32_t n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

EXPORT(run) uint64_t run(uint32_t n) {
    return mix(0, fib(n));
}
