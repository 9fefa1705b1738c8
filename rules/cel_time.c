#include "rules/cel_time.h"

#include <stdio.h>

#include "core/datetime.h"
#include "rules/cel_functions.h"
#include "rules/cel_zone.h"

#define NANOS_PER_SECOND INT64_C(1000000000)

/* Of durations as text: sums of their parts can't overflow. */
typedef __int128 nanos;

/* ---- ranges ---- */

static nanos nanos_of(struct value time)
{
    return (nanos)time.i * NANOS_PER_SECOND + time.size;
}

/* `rest` may be a second less or more than it should be. */
static struct value time_of(enum value_kind kind, int64_t seconds, int64_t rest)
{
    if (rest < 0) {
        rest += NANOS_PER_SECOND;
        seconds--;
    } else if (rest >= NANOS_PER_SECOND) {
        rest -= NANOS_PER_SECOND;
        seconds++;
    }
    return (struct value){.kind = (uint8_t)kind, .size = (uint32_t)rest, .i = seconds};
}

static struct value checked_timestamp(struct value timestamp)
{
    if (timestamp.i < DATETIME_MIN_SECONDS || timestamp.i > DATETIME_MAX_SECONDS)
        return cel_error_literal("the timestamp is outside of the years 1 to 9999");
    return timestamp;
}

/* The bounds of an int64 of nanoseconds, floored to seconds. */
static struct value checked_duration(struct value duration)
{
    static const struct value least = {.size = 145224192, .i = -9223372037};
    static const struct value greatest = {.size = 854775807, .i = 9223372036};
    bool too_short = duration.i < least.i || (duration.i == least.i && duration.size < least.size);
    bool too_long =
        duration.i > greatest.i || (duration.i == greatest.i && duration.size > greatest.size);
    if (too_short || too_long)
        return cel_error_literal("the duration is longer than 292 years");
    return duration;
}

struct value cel_timestamp(int64_t seconds, uint32_t rest)
{
    return checked_timestamp(time_of(VALUE_TIMESTAMP, seconds, rest));
}

/* Durations of hosts are made of ms, timestamps are bounded: no sum of seconds overflows. */
struct value cel_time_add(struct value a, struct value b)
{
    int64_t rest = (int64_t)a.size + b.size;
    if (a.kind == VALUE_TIMESTAMP || b.kind == VALUE_TIMESTAMP)
        return checked_timestamp(time_of(VALUE_TIMESTAMP, a.i + b.i, rest));
    return checked_duration(time_of(VALUE_DURATION, a.i + b.i, rest));
}

struct value cel_time_subtract(struct value a, struct value b)
{
    int64_t rest = (int64_t)a.size - b.size;
    if (a.kind == b.kind)
        return checked_duration(time_of(VALUE_DURATION, a.i - b.i, rest));
    return checked_timestamp(time_of(VALUE_TIMESTAMP, a.i - b.i, rest));
}

/* ---- durations as text ---- */

struct unit {
    const char *name;
    int64_t nanos;
};

/* Longer names before their beginnings. */
static const struct unit units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* Greek mu */
    {"ms", 1000000},
    {"s", NANOS_PER_SECOND},
    {"m", 60 * NANOS_PER_SECOND},
    {"h", 3600 * NANOS_PER_SECOND},
    {"d", 86400 * NANOS_PER_SECOND},
};

static bool is_digit(struct slice text, size_t pos)
{
    return pos < text.size && text.data[pos] >= '0' && text.data[pos] <= '9';
}

static const struct unit *read_unit(struct slice text, size_t *pos)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t size = strlen(units[i].name);
        if (text.size - *pos >= size && memcmp(text.data + *pos, units[i].name, size) == 0) {
            *pos += size;
            return &units[i];
        }
    }
    return NULL;
}

/* Digits behind the point, cut where they are less than a nanosecond of a day. */
static nanos read_fraction(struct slice text, size_t *pos, nanos *scale)
{
    nanos fraction = 0;
    *scale = 1;
    for (; is_digit(text, *pos); (*pos)++) {
        if (*scale > (nanos)1000000 * NANOS_PER_SECOND)
            continue;
        fraction = fraction * 10 + (text.data[*pos] - '0');
        *scale *= 10;
    }
    return fraction;
}

/* One number and its unit. */
static bool read_part(struct slice text, size_t *pos, nanos *total)
{
    nanos whole = 0, fraction = 0, scale = 1;
    size_t start = *pos;
    for (; is_digit(text, *pos); (*pos)++) {
        whole = whole * 10 + (text.data[*pos] - '0');
        if (whole > INT64_MAX)
            return false;
    }
    bool has_digits = *pos > start;
    if (*pos < text.size && text.data[*pos] == '.') {
        (*pos)++;
        has_digits |= is_digit(text, *pos);
        fraction = read_fraction(text, pos, &scale);
    }
    const struct unit *unit = has_digits ? read_unit(text, pos) : NULL;
    if (!unit)
        return false;
    *total += whole * unit->nanos + fraction * unit->nanos / scale;
    return *total <= (nanos)INT64_MAX + 1;
}

bool cel_duration_parse(struct slice text, struct value *duration)
{
    nanos total = 0;
    size_t pos = 0;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+'))
        pos++;
    if (pos == text.size)
        return false;
    if (text.size - pos == 1 && text.data[pos] == '0')
        pos++;
    while (pos < text.size)
        if (!read_part(text, &pos, &total))
            return false;
    if (negative)
        total = -total;
    nanos seconds = total / NANOS_PER_SECOND; /* towards zero; the rest has the same sign */
    *duration = checked_duration(
        time_of(VALUE_DURATION, (int64_t)seconds, (int64_t)(total - seconds * NANOS_PER_SECOND)));
    return duration->kind != VALUE_ERROR;
}

int cel_duration_format(struct value duration, char out[40])
{
    nanos total = nanos_of(duration);
    bool negative = total < 0;
    if (negative)
        total = -total;
    int64_t seconds = (int64_t)(total / NANOS_PER_SECOND);
    int rest = (int)(total % NANOS_PER_SECOND);
    int length = snprintf(out, 40, "%s%lld", negative ? "-" : "", (long long)seconds);
    if (rest != 0) {
        length += snprintf(out + length, (size_t)(40 - length), ".%09d", rest);
        while (out[length - 1] == '0')
            length--;
    }
    out[length++] = 's';
    out[length] = '\0';
    return length;
}

/* ---- accessors ---- */

enum field {
    FIELD_YEAR,
    FIELD_MONTH,
    FIELD_DATE,
    FIELD_DAY_OF_MONTH,
    FIELD_DAY_OF_WEEK,
    FIELD_DAY_OF_YEAR,
    FIELD_HOURS,
    FIELD_MINUTES,
    FIELD_SECONDS,
};

static int64_t civil_field(struct datetime_civil civil, enum field field)
{
    switch (field) {
    case FIELD_YEAR:
        return civil.year;
    case FIELD_MONTH:
        return civil.month - 1;
    case FIELD_DATE:
        return civil.day;
    case FIELD_DAY_OF_MONTH:
        return civil.day - 1;
    case FIELD_DAY_OF_WEEK:
        return civil.weekday;
    case FIELD_DAY_OF_YEAR:
        return civil.yearday;
    case FIELD_HOURS:
        return civil.hour;
    case FIELD_MINUTES:
        return civil.minute;
    case FIELD_SECONDS:
        return civil.second;
    }
    return 0;
}

/*
 * A zone may move a time of the year 1 or 9999 out of the calendar by hours: the civil date is
 * still right.
 */
static struct value timestamp_field(struct cel_activation *activation,
                                    const struct value *arguments, uint32_t count, enum field field)
{
    int64_t seconds = arguments[0].i;
    struct cel_zone_ref zone;
    if (count == 2) {
        if (!cel_zone_find(value_text(arguments[1]), &zone))
            return cel_fail(activation, "no time zone '%.*s'",
                            arguments[1].size > 64 ? 64 : (int)arguments[1].size, arguments[1].s);
        seconds += cel_zone_offset(zone, seconds);
    }
    return value_int(civil_field(datetime_civil_from_seconds(seconds), field));
}

static struct value get_full_year(struct cel_activation *activation, const struct value *arguments,
                                  uint32_t count)
{
    return timestamp_field(activation, arguments, count, FIELD_YEAR);
}

static struct value get_month(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    return timestamp_field(activation, arguments, count, FIELD_MONTH);
}

static struct value get_date(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    return timestamp_field(activation, arguments, count, FIELD_DATE);
}

static struct value get_day_of_month(struct cel_activation *activation,
                                     const struct value *arguments, uint32_t count)
{
    return timestamp_field(activation, arguments, count, FIELD_DAY_OF_MONTH);
}

static struct value get_day_of_week(struct cel_activation *activation,
                                    const struct value *arguments, uint32_t count)
{
    return timestamp_field(activation, arguments, count, FIELD_DAY_OF_WEEK);
}

static struct value get_day_of_year(struct cel_activation *activation,
                                    const struct value *arguments, uint32_t count)
{
    return timestamp_field(activation, arguments, count, FIELD_DAY_OF_YEAR);
}

/* Of a duration whole units of all of it, rounded towards zero; it has no time zone. */
static struct value duration_field(struct cel_activation *activation, const char *name,
                                   const struct value *arguments, uint32_t count, int64_t unit)
{
    if (count == 2)
        return cel_refuse_arguments(activation, name, arguments, count);
    return value_int((int64_t)(nanos_of(arguments[0]) / unit));
}

static struct value get_hours(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    if (arguments[0].kind == VALUE_DURATION)
        return duration_field(activation, "getHours", arguments, count, 3600 * NANOS_PER_SECOND);
    return timestamp_field(activation, arguments, count, FIELD_HOURS);
}

static struct value get_minutes(struct cel_activation *activation, const struct value *arguments,
                                uint32_t count)
{
    if (arguments[0].kind == VALUE_DURATION)
        return duration_field(activation, "getMinutes", arguments, count, 60 * NANOS_PER_SECOND);
    return timestamp_field(activation, arguments, count, FIELD_MINUTES);
}

static struct value get_seconds(struct cel_activation *activation, const struct value *arguments,
                                uint32_t count)
{
    if (arguments[0].kind == VALUE_DURATION)
        return duration_field(activation, "getSeconds", arguments, count, NANOS_PER_SECOND);
    return timestamp_field(activation, arguments, count, FIELD_SECONDS);
}

/*
 * Of a timestamp and of a duration the milliseconds of its second, 0 to 999, as the language's
 * definition has it.
 */
static struct value get_milliseconds(struct cel_activation *activation,
                                     const struct value *arguments, uint32_t count)
{
    if (arguments[0].kind == VALUE_TIMESTAMP) {
        /* Only so that a zone that does not exist is an error here too. */
        struct value second = timestamp_field(activation, arguments, count, FIELD_SECONDS);
        return second.kind == VALUE_ERROR ? second : value_int(arguments[0].size / 1000000);
    }
    struct value milliseconds =
        duration_field(activation, "getMilliseconds", arguments, count, 1000000);
    return milliseconds.kind == VALUE_ERROR ? milliseconds : value_int(milliseconds.i % 1000);
}

#define TIME  (CEL_BIT(CEL_TIMESTAMP) | CEL_BIT(CEL_DURATION))
#define ZONE  (CEL_BIT(CEL_STRING) | CEL_IS_ZONE)
#define STAMP CEL_BIT(CEL_TIMESTAMP)

static const struct cel_builtin items[] = {
    {"getFullYear", CEL_METHOD, 1, 2, CEL_INT, {STAMP, ZONE}, get_full_year},
    {"getMonth", CEL_METHOD, 1, 2, CEL_INT, {STAMP, ZONE}, get_month},
    {"getDate", CEL_METHOD, 1, 2, CEL_INT, {STAMP, ZONE}, get_date},
    {"getDayOfMonth", CEL_METHOD, 1, 2, CEL_INT, {STAMP, ZONE}, get_day_of_month},
    {"getDayOfWeek", CEL_METHOD, 1, 2, CEL_INT, {STAMP, ZONE}, get_day_of_week},
    {"getDayOfYear", CEL_METHOD, 1, 2, CEL_INT, {STAMP, ZONE}, get_day_of_year},
    {"getHours", CEL_METHOD, 1, 2, CEL_INT, {TIME, ZONE}, get_hours},
    {"getMinutes", CEL_METHOD, 1, 2, CEL_INT, {TIME, ZONE}, get_minutes},
    {"getSeconds", CEL_METHOD, 1, 2, CEL_INT, {TIME, ZONE}, get_seconds},
    {"getMilliseconds", CEL_METHOD, 1, 2, CEL_INT, {TIME, ZONE}, get_milliseconds},
};

const struct cel_builtins cel_time_builtins = {items, sizeof(items) / sizeof(items[0])};
