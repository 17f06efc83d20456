/* Quicksort with a median of three and insertion sort for short ranges, over
   20,000 pseudo-random numbers, n times. */
#include "kernel.h"

enum { COUNT = 20000, SHORT = 12 };
static uint32_t values[COUNT];

static void insertion_sort(uint32_t *a, int32_t low, int32_t high) {
    for (int32_t i = low + 1; i <= high; i++) {
        uint32_t value = a[i];
        int32_t j = i - 1;
        for (; j >= low && a[j] > value; j--) a[j + 1] = a[j];
        a[j + 1] = value;
    }
}

static void swap(uint32_t *a, int32_t i, int32_t j) {
    uint32_t value = a[i];
    a[i] = a[j];
    a[j] = value;
}

static uint32_t median_of_three(uint32_t *a, int32_t low, int32_t high) {
    int32_t middle = low + (high - low) / 2;
    if (a[middle] < a[low]) swap(a, middle, low);
    if (a[high] < a[low]) swap(a, high, low);
    if (a[high] < a[middle]) swap(a, high, middle);
    return a[middle];
}

static NOINLINE void quicksort(uint32_t *a, int32_t low, int32_t high) {
    while (high - low > SHORT) {
        uint32_t pivot = median_of_three(a, low, high);
        int32_t i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot) i++;
            while (a[j] > pivot) j--;
            if (i <= j) swap(a, i++, j--);
        }
        if (j - low < high - i) {
            quicksort(a, low, j);
            low = i;
        } else {
            quicksort(a, i, high);
            high = j;
        }
    }
    insertion_sort(a, low, high);
}

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    random_state = 0x2545F491;
    while (n--) {
        for (int32_t i = 0; i < COUNT; i++) values[i] = random_u32();
        quicksort(values, 0, COUNT - 1);
        for (int32_t i = 0; i < COUNT; i += 97) checksum = mix(checksum, values[i]);
    }
    return checksum;
}
