/*
 * rules/cel_checker.h - what the files of the check share: cel_check.c (the walk over the tree, operators, macros),
 * cel_check_names.c (what names stand for), cel_check_calls.c (functions and methods). Private to the check.
 */
#ifndef RULES_CEL_CHECKER_H
#define RULES_CEL_CHECKER_H

#include "rules/cel_shape.h"
#include "rules/cel_tree.h"

/* A macro's variable, and those outside of it. */
struct cel_scope {
    struct slice name;
    uint32_t loop;
    uint8_t which;
    const struct cel_shape *shape;
    const struct cel_scope *outer;
};

struct cel_checker {
    const struct cel_host *host;
    struct arena *arena;
    struct cel_report *report;
    const struct cel_scope *scope;
    uint32_t loops; /* macros around the node */
};

/* ---- mistakes ---- */

/* How much of a name a message shows. */
static inline int cel_shown(struct slice text)
{
    return text.size > 60 ? 60 : (int)text.size;
}

/* A mistake in a type. Bound late, it is the evaluation's. */
void cel_type_problem(struct cel_checker *checker, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A mistake in a name: the node can't be evaluated. */
void cel_name_problem(struct cel_checker *checker, struct cel_node *node, uint32_t offset,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- nodes ---- */

void cel_check_node(struct cel_checker *checker, struct cel_node *node);
void cel_check_kid(struct cel_checker *checker, struct cel_node *node, uint32_t index);
void cel_check_kids(struct cel_checker *checker, struct cel_node *node);

/* ---- names ---- */

/* The macro's variable that a name is, or NULL. */
const struct cel_scope *cel_find_local(const struct cel_checker *checker,
                                       const struct cel_node *name);
void cel_check_name(struct cel_checker *checker, struct cel_node *node);
void cel_check_select(struct cel_checker *checker, struct cel_node *node);
void cel_check_index(struct cel_checker *checker, struct cel_node *node);

/* ---- calls ---- */

void cel_check_call(struct cel_checker *checker, struct cel_node *node);
void cel_check_method(struct cel_checker *checker, struct cel_node *node);
#endif
