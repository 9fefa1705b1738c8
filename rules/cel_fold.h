/*
 * rules/cel_fold.h - computes what is constant once, when an expression is compiled.
 */
#ifndef RULES_CEL_FOLD_H
#define RULES_CEL_FOLD_H

#include "rules/cel_tree.h"

/*
 * Constant parts become literals, whose values live in `arena`. One that is an error stays as it
 * is, to fail when it is evaluated; where it is certain to be evaluated and nothing could absorb
 * it, it is reported (`report` NULL: never).
 */
void cel_fold(struct cel_node *tree, struct arena *arena, struct cel_report *report);
#endif
