/*
 * core/number.h - numbers as text.
 */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/slice.h"

/*
 * JSON's number grammar, ASCII white space around it trimmed. An integer that fits gives is_int;
 * all else a double. False where it is not a number, or is not finite as a double.
 */
struct number {
    bool is_int;
    int64_t i; /* where is_int */
    double d;  /* always */
};
bool number_parse(struct slice text, struct number *number);

/*
 * The shortest text that reads back the same; whole numbers without `.0`. Finite only. Returns the
 * length.
 */
int number_format_double(double value, char out[32]);
int number_format_int(int64_t value, char out[32]);
int number_format_uint(uint64_t value, char out[32]);

extern const char number_pairs[]; /* the texts 00 to 99, one behind the other */

/* The two digits of a value below 100; the place behind them. */
static inline char *number_put_two(char *out, unsigned value)
{
    memcpy(out, &number_pairs[2 * value], 2);
    return out + 2;
}
#endif
