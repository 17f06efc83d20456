/* A virtual machine with a stack, variables and sixteen instructions, dispatched
   by one `switch`, runs a program that counts the Collatz steps of every number
   below n. */
#include "kernel.h"

typedef enum {
    PUSH, LOAD, STORE, ADD, SUB, MUL, AND, SHR, XOR, LESS, EQUAL, JUMP, JUMP_IF_ZERO, DUP, DROP, HALT
} Op;
typedef struct { uint8_t op, operand; } Instruction;

enum { NUMBER, LIMIT, CURRENT, STEPS, HASH, VARIABLES };
enum { OUTER = 0, INNER = 8, STEP = 13, EVEN = 27, NEXT = 32, END = 43 };

static const Instruction PROGRAM[] = {
    [OUTER] = {LOAD, NUMBER}, {LOAD, LIMIT}, {LESS, 0}, {JUMP_IF_ZERO, END},
    {LOAD, NUMBER}, {STORE, CURRENT}, {PUSH, 0}, {STORE, STEPS},
    [INNER] = {LOAD, CURRENT}, {PUSH, 1}, {EQUAL, 0}, {JUMP_IF_ZERO, STEP}, {JUMP, NEXT},
    [STEP] = {LOAD, STEPS}, {PUSH, 1}, {ADD, 0}, {STORE, STEPS},
    {LOAD, CURRENT}, {DUP, 0}, {PUSH, 1}, {AND, 0}, {JUMP_IF_ZERO, EVEN},
    {PUSH, 3}, {MUL, 0}, {PUSH, 1}, {ADD, 0}, {JUMP, EVEN + 2},
    [EVEN] = {PUSH, 1}, {SHR, 0}, {STORE, CURRENT}, {JUMP, INNER}, {HALT, 0},
    [NEXT] = {LOAD, HASH}, {PUSH, 31}, {MUL, 0}, {LOAD, STEPS}, {XOR, 0}, {STORE, HASH},
    {LOAD, NUMBER}, {PUSH, 1}, {ADD, 0}, {STORE, NUMBER}, {JUMP, OUTER},
    [END] = {PUSH, 0}, {DROP, 0}, {HALT, 0},
};

static uint32_t variables[VARIABLES];

static NOINLINE uint32_t interpret(const Instruction *program) {
    uint32_t stack[16], *top = stack, done = 0;
    for (const Instruction *at = program;; done++) {
        Instruction instruction = *at++;
        switch ((Op)instruction.op) {
        case PUSH: *top++ = instruction.operand; break;
        case LOAD: *top++ = variables[instruction.operand]; break;
        case STORE: variables[instruction.operand] = *--top; break;
        case ADD: top--; top[-1] += top[0]; break;
        case SUB: top--; top[-1] -= top[0]; break;
        case MUL: top--; top[-1] *= top[0]; break;
        case AND: top--; top[-1] &= top[0]; break;
        case SHR: top--; top[-1] >>= top[0] & 31; break;
        case XOR: top--; top[-1] ^= top[0]; break;
        case LESS: top--; top[-1] = top[-1] < top[0]; break;
        case EQUAL: top--; top[-1] = top[-1] == top[0]; break;
        case JUMP: at = program + instruction.operand; break;
        case JUMP_IF_ZERO: if (!*--top) at = program + instruction.operand; break;
        case DUP: *top = top[-1]; top++; break;
        case DROP: top--; break;
        case HALT: return done;
        }
    }
}

EXPORT(run) uint64_t run(uint32_t n) {
    for (int i = 0; i < VARIABLES; i++) variables[i] = 0;
    variables[NUMBER] = 1;
    variables[LIMIT] = n;
    uint64_t done = interpret(PROGRAM);
    return mix(mix(0, done), variables[HASH]);
}
