/*
 * rules/cel_tree.h - an expression as a tree: what the parser makes, the checker completes and the
 * compiler reads. Lives in the arena of one compilation.
 */
#ifndef RULES_CEL_TREE_H
#define RULES_CEL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "rules/cel_functions.h"
#include "rules/cel_operators.h"
#include "rules/cel_report.h"

#define CEL_HEIGHT_MAX    1000 /* levels of a tree: a + b + c nests without brackets */
#define CEL_ARGUMENTS_MAX 64
#define CEL_LOOPS_MAX     32 /* macros within each other's bodies: bits of `locals` */

enum cel_node_kind {
    NODE_LITERAL,  /* constant */
    NODE_NAME,     /* text; until the checker finds what it stands for */
    NODE_SELECT,   /* kids[0].text */
    NODE_HAS,      /* has(kids[0].text) */
    NODE_INDEX,    /* kids[0][kids[1]] */
    NODE_OPERATOR, /* kids[0] op kids[1], or op kids[0] */
    NODE_AND,
    NODE_OR,
    NODE_TERNARY,
    NODE_CALL,   /* text(kids) */
    NODE_METHOD, /* kids[0].text(kids[1]...) */
    NODE_LIST,
    NODE_MAP,  /* kids: key, value, key, value... */
    NODE_LOOP, /* a macro over kids[0]; the other kids are what is evaluated for each element */

    /* what the checker makes of names and calls */
    NODE_LOAD, /* slot */
    NODE_HAS_LOAD,
    NODE_LOCAL, /* a macro's variable: slot is the loop, op 0 the first one, 1 the second */
    NODE_BUILTIN,
    NODE_HOST_CALL,
    NODE_FAIL, /* an error whenever it is evaluated; text is its message */
};

enum cel_macro {
    MACRO_ALL,
    MACRO_EXISTS,
    MACRO_EXISTS_ONE,
    MACRO_FILTER,          /* kids[1]: predicate */
    MACRO_MAP,             /* kids[1]: predicate or NULL, kids[2]: element; also transformList */
    MACRO_TRANSFORM_MAP,   /* the same, kids[2] the value */
    MACRO_TRANSFORM_ENTRY, /* the same, kids[2] a map of entries */
};

struct cel_node {
    uint8_t kind; /* enum cel_node_kind */
    uint8_t op;   /* enum cel_operator; of a local which of the two */
    uint8_t type; /* enum cel_type, set by the checker */
    uint8_t macro;
    bool is_absolute;  /* a name with a leading dot: no macro's variable */
    bool has_two;      /* a macro with two variables */
    bool by_reference; /* of a host call: kids[0] is a whole slot, not loaded */
    bool is_dynamic;   /* depends on the host: not folded */
    bool is_broken;    /* a constant part that is an error: not folded either */
    bool is_reported;  /* which a person has been told of */
    uint16_t height;
    uint32_t offset;
    uint32_t slot;
    uint32_t locals; /* bits of the loops around it whose variables it uses */
    uint32_t kid_count;
    struct cel_node **kids;
    struct slice text;
    struct slice variables[2]; /* of a macro */
    struct value constant;
    const struct cel_shape *shape; /* set by the checker where it knows more than `type` */
    const struct cel_builtin *builtin;
    const struct cel_function *function;
};

/* The tree of a text, or NULL: reported. */
struct cel_node *cel_parse(struct slice text, struct arena *arena, struct cel_report *report);
#endif
