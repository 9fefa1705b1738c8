/*
 * rules/cel_program.h - a compiled expression: instructions of a stack machine, their constants,
 * and the limits of its memory. One block, immutable.
 */
#ifndef RULES_CEL_PROGRAM_H
#define RULES_CEL_PROGRAM_H

#include "rules/cel.h"
#include "rules/cel_functions.h"
#include "rules/cel_operators.h"

enum cel_code {
    CODE_CONSTANT,   /* push constants[arg] */
    CODE_LOAD,       /* push the slot of loads[arg]; absent: its error */
    CODE_HAS_LOAD,   /* push whether slot arg is there */
    CODE_LOCAL,      /* push a variable of loop arg: key (count 0) or value (1) */
    CODE_SELECT,     /* map -> its field constants[arg]; absent: constants[arg + 1], an error */
    CODE_HAS_SELECT, /* map -> whether it has the field constants[arg] */
    CODE_INDEX,      /* container, index -> element */
    CODE_UNARY,      /* a -> op a; count: enum cel_operator */
    CODE_BINARY,     /* a, b -> a op b */
    CODE_BINARY_CONSTANT, /* the same with constants[arg] as b: each instruction saved is some ns */
    CODE_BINARY_LOAD,     /* and with loads[arg] */
    CODE_JUMP,            /* to arg */
    CODE_JUMP_FALSE,      /* to arg where the top is false; it stays */
    CODE_JUMP_TRUE,       /* likewise */
    CODE_AND,             /* a, b -> a && b, errors absorbed */
    CODE_OR,
    CODE_JUMP_NO_BOOL, /* to arg where the top is neither true nor false, it becomes an error */
    CODE_BRANCH,       /* takes a bool off, to arg where it is false */
    CODE_LIST,         /* arg elements -> list */
    CODE_MAP,          /* arg pairs -> map */
    CODE_BUILTIN,      /* count arguments -> result of calls[arg] */
    CODE_HOST,
    CODE_HOST_CONSTANT, /* where all arguments are constants, or references: constants[first] on */
    CODE_MATCH,         /* text -> whether regexes[arg] matches */
    CODE_ABSENT,        /* an error becomes VALUE_ABSENT */
    CODE_LOOP_OPEN,     /* container -> nothing, loop count begins; else its error and to arg */
    CODE_LOOP_NEXT,     /* next element, or to arg */
    CODE_LOOP_ALL,      /* a bool off; to arg, or on when the result is known */
    CODE_LOOP_EXISTS,
    CODE_LOOP_ONE,
    CODE_LOOP_FILTER, /* a bool off; on where it is true, else to arg */
    CODE_LOOP_APPEND, /* an element off into the result; to arg */
    CODE_LOOP_PUT,    /* a value off under the loop's key; to arg */
    CODE_LOOP_MERGE,  /* a map off, its entries into the result; to arg */
    CODE_LOOP_RESULT, /* push the result */
    CODE_RETURN,
};

#define CEL_LOOP_HAS_TWO 0x100u /* a flag of `macro` */

struct cel_instruction {
    uint8_t code;  /* enum cel_code */
    uint8_t count; /* also the loop of CODE_LOOP_... */
    /* LOOP_OPEN, LOOP_RESULT: enum cel_macro; LOOP_NEXT: what a turn costs in steps. */
    uint16_t macro;
    uint32_t arg;
};

struct cel_slot {
    uint32_t slot;
    struct value absent; /* the error where there is nothing in it */
};

struct cel_call {
    const struct cel_builtin *builtin; /* one of the two */
    const struct cel_function *function;
    uint32_t first; /* of CODE_HOST_CONSTANT */
};

struct cel_regex;

struct cel_program {
    const struct cel_instruction *code;
    const struct value *constants;
    const struct cel_slot *loads;
    uint32_t load_count;
    const struct cel_call *calls;
    struct cel_regex *const *regexes; /* owned */
    uint32_t regex_count;
    uint32_t stack_size; /* values */
    uint32_t loop_count; /* loops that are open at one time */
    enum cel_type type;
    bool is_constant; /* `constants[0]` is the value */
};

/* cel_eval() with another number of steps; what is left is in the activation. */
struct value cel_eval_within(const struct cel_program *program, struct cel_activation *activation,
                             uint32_t steps);

struct cel_node;

/* The program of a checked tree. Free with cel_free(). */
struct cel_program *cel_emit(const struct cel_node *tree, struct arena *scratch);
#endif
