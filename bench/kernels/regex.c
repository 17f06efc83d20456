/* A regular expression is compiled to the states of an automaton, which is run
   over 16 KiB of text by keeping the set of states it can be in, n times.
   Patterns: literals, `.`, classes such as [a-z], groups, `|`, `*`, `+`, `?`. */
#include "kernel.h"

enum { TEXT_SIZE = 16384, STATES_MAX = 256 };
typedef enum { CHAR, ANY, CLASS, SPLIT, JUMP, MATCH } Op;
typedef struct { Op op; uint32_t x, y, class; } State;

static State program[STATES_MAX];
static uint32_t program_size;
static uint32_t classes[16][8], class_count;
static char haystack[TEXT_SIZE];
static const char *pattern;

static uint32_t emit(Op op, uint32_t x, uint32_t y) {
    if (program_size == STATES_MAX) __builtin_trap();
    program[program_size] = (State){op, x, y, 0};
    return program_size++;
}

/* Makes room for one state before `at`; all that follows moves up by one. */
static void insert(uint32_t at) {
    emit(JUMP, 0, 0);
    for (uint32_t i = program_size - 1; i > at; i--) {
        program[i] = program[i - 1];
        if (program[i].op == SPLIT || program[i].op == JUMP) {
            if (program[i].x >= at) program[i].x++;
            if (program[i].y >= at) program[i].y++;
        }
    }
}

static void compile_class(void) {
    if (class_count == LENGTH(classes)) __builtin_trap();
    uint32_t *set = classes[class_count];
    for (int i = 0; i < 8; i++) set[i] = 0;
    while (*pattern != ']') {
        uint8_t low = (uint8_t)*pattern++, high = low;
        if (*pattern == '-') {
            high = (uint8_t)pattern[1];
            pattern += 2;
        }
        for (uint32_t c = low; c <= high; c++) set[c >> 5] |= 1u << (c & 31);
    }
    pattern++;
    program[emit(CLASS, 0, 0)].class = class_count++;
}

static void compile_alternatives(void);

static void compile_repeated(void) {
    uint32_t start = program_size;
    char c = *pattern++;
    if (c == '(') {
        compile_alternatives();
        pattern++;
    } else if (c == '[') {
        compile_class();
    } else if (c == '.') {
        emit(ANY, 0, 0);
    } else {
        emit(CHAR, (uint8_t)c, 0);
    }
    switch (*pattern) {
    case '*':
        insert(start);
        emit(JUMP, start, 0);
        program[start] = (State){SPLIT, start + 1, program_size, 0};
        break;
    case '+':
        emit(SPLIT, start, program_size + 1);
        break;
    case '?':
        insert(start);
        program[start] = (State){SPLIT, start + 1, program_size, 0};
        break;
    default: return;
    }
    pattern++;
}

static void compile_alternatives(void) {
    uint32_t start = program_size;
    while (*pattern && *pattern != '|' && *pattern != ')') compile_repeated();
    if (*pattern != '|') return;
    pattern++;
    insert(start);
    uint32_t jump = emit(JUMP, 0, 0);
    program[start] = (State){SPLIT, start + 1, program_size, 0};
    compile_alternatives();
    program[jump].x = program_size;
}

static void compile(const char *text) {
    pattern = text;
    program_size = class_count = 0;
    compile_alternatives();
    emit(MATCH, 0, 0);
}

static uint32_t lists[2][STATES_MAX], list_size, marks[STATES_MAX], mark;

static void add_state(uint32_t *list, uint32_t state) {
    if (marks[state] == mark) return;
    marks[state] = mark;
    if (program[state].op == JUMP) {
        add_state(list, program[state].x);
    } else if (program[state].op == SPLIT) {
        add_state(list, program[state].x);
        add_state(list, program[state].y);
    } else {
        list[list_size++] = state;
    }
}

static int accepts(const State *state, uint8_t c) {
    switch (state->op) {
    case CHAR: return state->x == c;
    case ANY: return c != '\n';
    case CLASS: return classes[state->class][c >> 5] >> (c & 31) & 1;
    case SPLIT:
    case JUMP:
    case MATCH: break;
    }
    return 0;
}

/* Counts the positions at which a match that began anywhere ends. */
static NOINLINE uint32_t count_matches(void) {
    uint32_t current = 0, current_size = 0, matches = 0;
    for (uint32_t at = 0; at < TEXT_SIZE; at++) {
        uint32_t *next = lists[current ^ 1];
        list_size = current_size;
        mark++;
        for (uint32_t i = 0; i < current_size; i++) marks[lists[current][i]] = mark;
        add_state(lists[current], 0);
        current_size = list_size;
        list_size = 0;
        mark++;
        for (uint32_t i = 0; i < current_size; i++) {
            uint32_t state = lists[current][i];
            if (accepts(&program[state], (uint8_t)haystack[at])) add_state(next, state + 1);
        }
        uint32_t kept = 0, matched = 0;
        for (uint32_t i = 0; i < list_size; i++) {
            if (program[next[i]].op == MATCH) matched = 1;
            else next[kept++] = next[i];
        }
        matches += matched;
        current_size = kept;
        current ^= 1;
    }
    return matches;
}

EXPORT(run) uint64_t run(uint32_t n) {
    static const char *const PATTERNS[] = {"(a|b)*abb", "[a-f]+[0-9]?(x|yz)", "a.c(d|ef?)+g*"};
    static const char LETTERS[] = "abcdefabcabbg0xyz\n";
    uint64_t checksum = 0;
    random_state = 0xABBA;
    mark = 0;
    for (uint32_t i = 0; i < STATES_MAX; i++) marks[i] = 0;
    while (n--) {
        for (uint32_t i = 0; i < TEXT_SIZE; i++) haystack[i] = LETTERS[random_u32() % (LENGTH(LETTERS) - 1)];
        for (uint32_t i = 0; i < LENGTH(PATTERNS); i++) {
            compile(PATTERNS[i]);
            checksum = mix(checksum, count_matches());
        }
    }
    return checksum;
}
