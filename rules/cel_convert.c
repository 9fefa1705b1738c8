/*
 * Conversions between types, by the type's name: int(x), string(x) and so on.
 */
#include <math.h>

#include "core/datetime.h"
#include "core/number.h"
#include "core/utf8.h"
#include "rules/cel_convert.h"
#include "rules/cel_functions.h"
#include "rules/cel_literal.h"
#include "rules/cel_time.h"
#include "rules/cel_value.h"

static struct value out_of_range(const char *type)
{
    return type[0] == 'u' ? cel_error_literal("the number is outside of uint's range")
                          : cel_error_literal("the number is outside of int's range");
}

/* ---- numbers ---- */

/* Digits with an optional sign, in `limit`. */
static bool parse_digits(struct slice text, uint64_t limit, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (__builtin_mul_overflow(*value, (uint64_t)10, value) ||
            __builtin_add_overflow(*value, digit, value) || *value > limit)
            return false;
    }
    return text.size > 0;
}

static struct value int_of_text(struct cel_activation *activation, struct value from)
{
    struct slice text = value_text(from);
    uint64_t magnitude;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+')) {
        text.data++;
        text.size--;
    }
    if (!parse_digits(text, (uint64_t)INT64_MAX + negative, &magnitude))
        return cel_fail(activation, "the text '%.*s' is no int",
                        from.size > 64 ? 64 : (int)from.size, from.s);
    return value_int((int64_t)(negative ? 0 - magnitude : magnitude));
}

static struct value to_int(struct cel_activation *activation, const struct value *arguments,
                           uint32_t count)
{
    (void)count;
    struct value from = arguments[0];
    if (from.kind == VALUE_STRING)
        return int_of_text(activation, from);
    if (from.kind == VALUE_UINT)
        return from.u > INT64_MAX ? out_of_range("int") : value_int((int64_t)from.u);
    /* As in the reference the lowest one is out of range too; NaN fails both comparisons. */
    if (from.kind == VALUE_DOUBLE)
        return from.d > -0x1p63 && from.d < 0x1p63 ? value_int((int64_t)from.d)
                                                   : out_of_range("int");
    return value_int(from.i); /* an int, or a timestamp's seconds */
}

static struct value uint_of(uint64_t u)
{
    return (struct value){.kind = VALUE_UINT, .u = u};
}

static struct value to_uint(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    (void)count;
    struct value from = arguments[0];
    uint64_t u;
    if (from.kind == VALUE_STRING)
        return parse_digits(value_text(from), UINT64_MAX, &u)
                   ? uint_of(u)
                   : cel_fail(activation, "the text '%.*s' is no uint",
                              from.size > 64 ? 64 : (int)from.size, from.s);
    if (from.kind == VALUE_INT)
        return from.i < 0 ? out_of_range("uint") : uint_of((uint64_t)from.i);
    if (from.kind == VALUE_DOUBLE)
        return from.d >= 0 && from.d < 0x1p64 ? uint_of((uint64_t)from.d) : out_of_range("uint");
    return from;
}

static struct value to_double(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)count;
    struct value from = arguments[0];
    double d;
    if (from.kind == VALUE_INT)
        return value_double((double)from.i);
    if (from.kind == VALUE_UINT)
        return value_double((double)from.u);
    if (from.kind == VALUE_DOUBLE)
        return from;
    if (cel_literal_double(value_text(from), &d))
        return value_double(d);
    return cel_fail(activation, "the text '%.*s' is no double",
                    from.size > 64 ? 64 : (int)from.size, from.s);
}

/* ---- bool ---- */

static struct value to_bool(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    (void)count;
    struct value from = arguments[0];
    if (from.kind == VALUE_BOOL)
        return from;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (slice_is(value_text(from), yes[i]))
            return value_bool(true);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (slice_is(value_text(from), no[i]))
            return value_bool(false);
    return cel_fail(activation, "the text '%.*s' is no bool", from.size > 64 ? 64 : (int)from.size,
                    from.s);
}

/* ---- text ---- */

int cel_double_format(double value, char out[40])
{
    if (isnan(value))
        return snprintf(out, 40, "NaN");
    if (isinf(value))
        return snprintf(out, 40, value > 0 ? "Infinity" : "-Infinity");
    return number_format_double(value, out);
}

int cel_scalar_format(struct value value, char out[40])
{
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
        return snprintf(out, 40, "null");
    case VALUE_BOOL:
        return snprintf(out, 40, value.b ? "true" : "false");
    case VALUE_INT:
        return number_format_int(value.i, out);
    case VALUE_UINT:
        return number_format_uint(value.u, out);
    case VALUE_DOUBLE:
        return cel_double_format(value.d, out);
    case VALUE_TIMESTAMP:
        return datetime_format(value.i, value.size, out);
    case VALUE_DURATION:
        return cel_duration_format(value, out);
    case VALUE_ABSENT:
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_TYPE:
    case VALUE_ERROR:
        break;
    }
    return 0;
}

static struct value to_string(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)count;
    struct value from = arguments[0];
    char text[40];
    if (from.kind == VALUE_STRING)
        return from;
    if (from.kind == VALUE_BYTES) {
        from.kind = VALUE_STRING;
        return utf8_valid(value_text(from)) ? from
                                            : cel_error_literal("the bytes are not valid UTF-8");
    }
    int size = cel_scalar_format(from, text);
    return value_string(arena_copy(activation->arena, (struct slice){text, (size_t)size}));
}

static struct value to_bytes(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    (void)activation;
    (void)count;
    struct value from = arguments[0];
    from.kind = VALUE_BYTES;
    return from;
}

/* ---- time ---- */

static struct value to_timestamp(struct cel_activation *activation, const struct value *arguments,
                                 uint32_t count)
{
    (void)count;
    struct value from = arguments[0];
    int64_t seconds;
    uint32_t nanos;
    if (from.kind == VALUE_INT)
        return cel_timestamp(from.i, 0);
    if (from.kind == VALUE_TIMESTAMP)
        return from;
    if (datetime_parse(value_text(from), &seconds, &nanos))
        return cel_timestamp(seconds, nanos);
    return cel_fail(activation,
                    "the text '%.*s' is no timestamp; one looks like 2026-01-05T10:00:00Z",
                    from.size > 64 ? 64 : (int)from.size, from.s);
}

static struct value to_duration(struct cel_activation *activation, const struct value *arguments,
                                uint32_t count)
{
    (void)count;
    struct value from = arguments[0], duration;
    if (from.kind == VALUE_DURATION)
        return from;
    if (cel_duration_parse(value_text(from), &duration))
        return duration;
    return cel_fail(activation, "the text '%.*s' is no duration; one looks like 1h30m",
                    from.size > 64 ? 64 : (int)from.size, from.s);
}

#define TEXT   CEL_BIT(CEL_STRING)
#define STAMP  CEL_BIT(CEL_TIMESTAMP)
#define LENGTH CEL_BIT(CEL_DURATION)
#define SHOWN  (CEL_NUMBERS | TEXT | CEL_BIT(CEL_BYTES) | CEL_BIT(CEL_BOOL) | STAMP | LENGTH)

static const struct cel_builtin items[] = {
    {"int", CEL_GLOBAL, 1, 1, CEL_INT, {CEL_NUMBERS | TEXT | STAMP}, to_int},
    {"uint", CEL_GLOBAL, 1, 1, CEL_UINT, {CEL_NUMBERS | TEXT}, to_uint},
    {"double", CEL_GLOBAL, 1, 1, CEL_DOUBLE, {CEL_NUMBERS | TEXT}, to_double},
    {"bool", CEL_GLOBAL, 1, 1, CEL_BOOL, {CEL_BIT(CEL_BOOL) | TEXT}, to_bool},
    {"string", CEL_GLOBAL, 1, 1, CEL_STRING, {SHOWN}, to_string},
    {"bytes", CEL_GLOBAL, 1, 1, CEL_BYTES, {TEXT | CEL_BIT(CEL_BYTES)}, to_bytes},
    {"timestamp", CEL_GLOBAL, 1, 1, CEL_TIMESTAMP, {TEXT | STAMP | CEL_BIT(CEL_INT)}, to_timestamp},
    {"duration", CEL_GLOBAL, 1, 1, CEL_DURATION, {TEXT | LENGTH}, to_duration},
};

const struct cel_builtins cel_conversion_builtins = {items, sizeof(items) / sizeof(items[0])};
