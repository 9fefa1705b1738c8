/*
 * rules/functions_free.h - the functions of our own that need neither a customer nor a machine:
 * get() and next_date().
 *
 * For `eval`, which has only an expression and perhaps an event.
 */
#ifndef RULES_FUNCTIONS_FREE_H
#define RULES_FUNCTIONS_FREE_H

#include "rules/cel.h"

#define FUNCTIONS_FREE_COUNT 2

/* Rows of the machines' own table, so that they are the same functions. */
void functions_free(struct cel_function functions[FUNCTIONS_FREE_COUNT]);

#endif
