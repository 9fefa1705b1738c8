/*
 * rules/cel_convert.h - scalars as text, alike in string(), format() and JSON.
 */
#ifndef RULES_CEL_CONVERT_H
#define RULES_CEL_CONVERT_H

#include <stdio.h>

#include "core/value.h"

/*
 * The shortest text that reads back the same; "NaN", "Infinity", "-Infinity". Returns the length.
 */
int cel_double_format(double value, char out[40]);

/* Null, bool, numbers, timestamp and duration; 0 of all else. Returns the length. */
int cel_scalar_format(struct value value, char out[40]);
#endif
