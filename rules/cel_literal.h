/*
 * rules/cel_literal.h - what the literals of an expression mean.
 */
#ifndef RULES_CEL_LITERAL_H
#define RULES_CEL_LITERAL_H

#include <stdbool.h>

#include "core/arena.h"
#include "rules/cel_lex.h"

/* The value of a literal token, `negative` where a minus stood before a number. False: reported. */
bool cel_literal_read(const struct cel_token *token, bool negative, struct arena *arena,
                      struct cel_report *report, struct value *value);

/*
 * A decimal number as conversions read it: an optional sign, then digits, a point and an exponent,
 * or `NaN`, `Inf`, `Infinity` in any case. False where it is none, or too large for a double.
 */
bool cel_literal_double(struct slice text, double *value);
#endif
