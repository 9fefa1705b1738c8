/*
 * core/datetime.h - dates and durations as text. Proleptic Gregorian calendar, years 1 to 9999.
 *
 * Civil-from-days and days-from-civil follow Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms".
 */
#ifndef CORE_DATETIME_H
#define CORE_DATETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

#define DATETIME_MIN_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define DATETIME_MAX_SECONDS INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

struct datetime_civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int weekday; /* 0 Sunday */
    int yearday; /* from 0 */
};

int64_t datetime_days_from_civil(int year, int month, int day);
struct datetime_civil datetime_civil_from_seconds(int64_t seconds);

/* Division that rounds down, also before 1970. */
static inline int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* The whole second at or before `ms`, in ms. */
static inline int64_t floor_second(int64_t ms)
{
    return floor_div(ms, 1000) * 1000;
}

/*
 * RFC 3339 with any fraction and a required offset (`Z`, `z`, `+hh:mm`, `-hh:mm`); `T`, `t` or a
 * space between date and time; second 60 is the following second. Digits beyond the ninth of a
 * fraction are cut. False where it is not one, or outside the years 1 to 9999 (in UTC).
 */
bool datetime_parse(struct slice text, int64_t *seconds, uint32_t *nanos);

/* The same, floored to ms. */
bool datetime_parse_ms(struct slice text, int64_t *ms);

/*
 * `2026-01-05T10:00:00Z`, with `.123` only where ms are not 0. Returns the length; `out` holds 32
 * bytes.
 */
int datetime_format_ms(int64_t ms, char out[32]);

/*
 * As above with up to nine digits of fraction, trailing zeros in groups of three cut (CEL's text).
 */
int datetime_format(int64_t seconds, uint32_t nanos, char out[40]);

/*
 * `1s`, `30m`, `4h`, `7d`, `100ms` and sums such as `1h30m`, without sign or space, units in
 * falling order. False where it is not one or overflows.
 */
bool duration_parse_ms(struct slice text, int64_t *ms);

/* The text that duration_parse_ms() reads as `ms` (>= 0): `1h30m`, `0s`. Returns the length. */
int duration_format_ms(int64_t ms, char out[32]);
#endif
