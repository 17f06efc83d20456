/* A JSON document of some 30 KB is written, parsed into a tree and printed again,
   n times; the two texts must be equal. Recursive descent, strings with escapes,
   integers, arrays, objects, and an allocator that only moves up. */
#include "kernel.h"

enum { TEXT_MAX = 65536, ARENA_SIZE = 1 << 20, RECORDS = 250 };
static char source[TEXT_MAX], printed[TEXT_MAX];
static uint8_t arena[ARENA_SIZE] __attribute__((aligned(8)));
static uint32_t arena_used, printed_size;

typedef enum { NIL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT } Kind;
typedef struct Node {
    Kind kind;
    int32_t number;
    const char *string;
    uint32_t size;
    struct Node *key, *child, *next;
} Node;

static void *allocate(uint32_t size) {
    void *memory = arena + arena_used;
    arena_used += (size + 7) & ~7u;
    if (arena_used > ARENA_SIZE) __builtin_trap();
    return memory;
}

static Node *node(Kind kind) {
    Node *made = allocate(sizeof(Node));
    *made = (Node){.kind = kind};
    return made;
}

static const char *cursor;

static void skip_space(void) {
    while (*cursor == ' ' || *cursor == '\n' || *cursor == '\t' || *cursor == '\r') cursor++;
}

static void expect(char c) {
    if (*cursor++ != c) __builtin_trap();
}

static Node *parse_string(void) {
    Node *made = node(STRING);
    expect('"');
    char *out = allocate(0);
    uint32_t size = 0;
    while (*cursor != '"') {
        char c = *cursor++;
        if (c == '\\') {
            c = *cursor++;
            if (c == 'n') c = '\n';
            else if (c == 't') c = '\t';
        }
        out[size++] = c;
    }
    cursor++;
    allocate(size);
    made->string = out;
    made->size = size;
    return made;
}

static Node *parse_number(void) {
    Node *made = node(NUMBER);
    int negative = *cursor == '-';
    if (negative) cursor++;
    int32_t value = 0;
    while (*cursor >= '0' && *cursor <= '9') value = value * 10 + (*cursor++ - '0');
    made->number = negative ? -value : value;
    return made;
}

static Node *parse_word(const char *word, Kind kind) {
    while (*word) expect(*word++);
    return node(kind);
}

static NOINLINE Node *parse_value(void) {
    skip_space();
    switch (*cursor) {
    case 'n': return parse_word("null", NIL);
    case 't': return parse_word("true", TRUE);
    case 'f': return parse_word("false", FALSE);
    case '"': return parse_string();
    case '[':
    case '{': break;
    default: return parse_number();
    }
    char close = *cursor == '[' ? ']' : '}';
    Node *made = node(*cursor++ == '[' ? ARRAY : OBJECT);
    Node **end = &made->child;
    skip_space();
    while (*cursor != close) {
        Node *key = 0;
        if (made->kind == OBJECT) {
            skip_space();
            key = parse_string();
            skip_space();
            expect(':');
        }
        *end = parse_value();
        (*end)->key = key;
        end = &(*end)->next;
        skip_space();
        if (*cursor == ',') cursor++;
    }
    cursor++;
    return made;
}

static void put(char c) { printed[printed_size++] = c; }

static void put_word(const char *word) {
    while (*word) put(*word++);
}

static void print_string(const Node *string) {
    put('"');
    for (uint32_t i = 0; i < string->size; i++) {
        char c = string->string[i];
        if (c == '\n') put_word("\\n");
        else if (c == '\t') put_word("\\t");
        else {
            if (c == '"' || c == '\\') put('\\');
            put(c);
        }
    }
    put('"');
}

static void print_number(int32_t number) {
    char digits[12];
    int count = 0;
    uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
    if (number < 0) put('-');
    do digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    while (count) put(digits[--count]);
}

static NOINLINE void print_value(const Node *value) {
    switch (value->kind) {
    case NIL: put_word("null"); return;
    case TRUE: put_word("true"); return;
    case FALSE: put_word("false"); return;
    case NUMBER: print_number(value->number); return;
    case STRING: print_string(value); return;
    case ARRAY:
    case OBJECT: break;
    }
    put(value->kind == ARRAY ? '[' : '{');
    for (const Node *child = value->child; child; child = child->next) {
        if (child->key) {
            print_string(child->key);
            put(':');
        }
        print_value(child);
        if (child->next) put(',');
    }
    put(value->kind == ARRAY ? ']' : '}');
}

/* The first document is put together as text, in the form that print_value gives. */
static void write_document(void) {
    printed_size = 0;
    put('[');
    for (int i = 0; i < RECORDS; i++) {
        if (i) put(',');
        put_word("{\"id\":");
        print_number((int32_t)random_u32());
        put_word(",\"name\":\"record \\\"");
        print_number(i);
        put_word("\\\"\\n\",\"tags\":[\"alpha\",\"beta\",\"gamma\\t\"],\"size\":{\"width\":");
        print_number((int32_t)(random_u32() & 4095));
        put_word(",\"height\":-7},\"open\":");
        put_word(random_u32() & 1 ? "true" : "false");
        put_word(",\"parent\":null}");
    }
    put(']');
    put(0);
    for (uint32_t i = 0; i < printed_size; i++) source[i] = printed[i];
}

EXPORT(run) uint64_t run(uint32_t n) {
    uint64_t checksum = 0;
    random_state = 0x15050;
    while (n--) {
        write_document();
        arena_used = 0;
        printed_size = 0;
        cursor = source;
        print_value(parse_value());
        put(0);
        uint32_t equal = 1;
        for (uint32_t i = 0; i < printed_size; i++) {
            equal &= source[i] == printed[i];
            checksum += (uint8_t)printed[i];
        }
        checksum = mix(checksum, (uint64_t)printed_size << 1 | equal);
    }
    return checksum;
}
