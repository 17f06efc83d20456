// A guest for tests of backtraces: a chain of calls that ends in a trap, one
// of them inlined.
__attribute__((noinline)) int fail(int n) {
    if (n > 3)
        __builtin_trap();
    return n + 1;
}

static inline __attribute__((always_inline)) int helper(int n) {
    return fail(n * 2) + 7;
}

__attribute__((export_name("run"))) int run(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += helper(i);
    return sum;
}
