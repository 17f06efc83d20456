/* A hash map with open addressing and linear probing, 32,768 slots of u64 keys:
   n rounds of 20,000 inserts or increments, lookups, and removals that close the
   gap by moving later entries back. */
#include "kernel.h"

enum { SLOTS = 32768, MASK = SLOTS - 1, OPERATIONS = 20000, KEYS = 16384 };
typedef struct { uint64_t key; uint32_t value, used; } Entry;
static Entry entries[SLOTS];

static inline uint32_t home(uint64_t key) {
    return (uint32_t)(key * 0x9E3779B97F4A7C15u >> 40) & MASK;
}

static Entry *find(uint64_t key) {
    uint32_t i = home(key);
    while (entries[i].used && entries[i].key != key) i = (i + 1) & MASK;
    return &entries[i];
}

static NOINLINE void add(uint64_t key, uint32_t value) {
    Entry *entry = find(key);
    if (!entry->used) {
        entry->key = key;
        entry->value = 0;
        entry->used = 1;
    }
    entry->value += value;
}

static NOINLINE uint32_t get(uint64_t key) {
    Entry *entry = find(key);
    return entry->used ? entry->value : 0;
}

static NOINLINE uint32_t discard(uint64_t key) {
    Entry *entry = find(key);
    if (!entry->used) return 0;
    uint32_t gap = (uint32_t)(entry - entries);
    for (uint32_t i = (gap + 1) & MASK; entries[i].used; i = (i + 1) & MASK) {
        uint32_t distance = (i - home(entries[i].key)) & MASK;
        if (distance >= ((i - gap) & MASK)) {
            entries[gap] = entries[i];
            gap = i;
        }
    }
    entries[gap].used = 0;
    return 1;
}

static inline uint64_t random_key(void) {
    uint64_t low = random_u32() % KEYS;
    return low * 0x100000001B3u + 7;
}

EXPORT(run) uint64_t run(uint32_t n) {
    for (uint32_t i = 0; i < SLOTS; i++) entries[i] = (Entry){0};
    uint64_t checksum = 0;
    random_state = 0xBADC0DE;
    while (n--) {
        uint32_t sum = 0, gone = 0;
        for (uint32_t i = 0; i < OPERATIONS; i++) add(random_key(), i);
        for (uint32_t i = 0; i < OPERATIONS; i++) sum += get(random_key());
        for (uint32_t i = 0; i < OPERATIONS / 2; i++) gone += discard(random_key());
        checksum = mix(checksum, (uint64_t)sum << 32 | gone);
    }
    return checksum;
}
