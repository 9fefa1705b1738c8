/*
 * rules/cel_time.h - timestamps and durations.
 *
 * A timestamp lies in the years 1 to 9999. A duration is at most as many nanoseconds as an int64
 * holds (292 years), as in the reference. What leaves these ranges is an error.
 */
#ifndef RULES_CEL_TIME_H
#define RULES_CEL_TIME_H

#include "core/slice.h"
#include "core/value.h"

/* Timestamp + duration, either way round, or duration + duration. */
struct value cel_time_add(struct value a, struct value b);

/* Timestamp - timestamp, timestamp - duration, duration - duration. */
struct value cel_time_subtract(struct value a, struct value b);

/* An error where out of range. */
struct value cel_timestamp(int64_t seconds, uint32_t nanos);

/* "1h30m", "-1.5s", "7d", "0": sums of decimal numbers with units d, h, m, s, ms, us, ns. */
bool cel_duration_parse(struct slice text, struct value *duration);

/* "5400s", "-1.5s". Returns the length. */
int cel_duration_format(struct value duration, char out[40]);
#endif
