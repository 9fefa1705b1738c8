/*
 * rules/cel_check.h - finds out what the names of a tree stand for, and which types are known.
 *
 * Goes on after a mistake, so that all are found in one run. With host->bind_late mistakes in names
 * become nodes that fail when they are evaluated, and those in types are left to the evaluation.
 */
#ifndef RULES_CEL_CHECK_H
#define RULES_CEL_CHECK_H

#include "rules/cel_tree.h"

void cel_check(struct cel_node *tree, const struct cel_host *host, struct arena *arena,
               struct cel_report *report);
#endif
