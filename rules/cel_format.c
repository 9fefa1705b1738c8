#include "rules/cel_format.h"

#include <math.h>
#include <stdlib.h>

#include "core/utf8.h"
#include "rules/cel_convert.h"
#include "rules/cel_functions.h"
#include "rules/cel_value.h"

#define PRECISION_MAX 100

struct formatter {
    struct cel_activation *activation;
    struct buf *out;
    struct value list;
    uint32_t used; /* of its elements */
};

static struct value done(void)
{
    return value_null();
}

static struct value refuse(struct formatter *formatter, char clause, const char *takes,
                           struct value value)
{
    if (value.kind == VALUE_ERROR)
        return value;
    return cel_fail(formatter->activation, "%%%c is for %s, not for %s", clause, takes,
                    cel_type_name((enum cel_type)value.kind));
}

/* For one element, before it is written. */
static bool pay(struct formatter *formatter, struct value value)
{
    bool is_text = value.kind == VALUE_STRING || value.kind == VALUE_BYTES;
    return cel_spend(formatter->activation, 1 + (is_text ? value.size >> 6 : 0)) &&
           formatter->out->size <= CEL_STRING_MAX;
}

/* ---- %s ---- */

static struct value add_string(struct formatter *formatter, struct value value);

static struct value add_list(struct formatter *formatter, struct value list)
{
    struct cel_iter iter;
    struct value index, element;
    cel_iter_open(&iter, formatter->activation, list);
    buf_add_char(formatter->out, '[');
    while (cel_iter_next(&iter, formatter->activation, &index, &element)) {
        if (index.i > 0)
            buf_add_text(formatter->out, ", ");
        struct value result = add_string(formatter, element);
        if (result.kind == VALUE_ERROR)
            return result;
    }
    buf_add_char(formatter->out, ']');
    return done();
}

/* A pair of a map as text, to be sorted by its key's. */
struct pair {
    struct slice key;
    struct value value;
};

static int compare_pairs(const void *a, const void *b)
{
    return slice_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static struct slice key_text(struct arena *arena, struct value key)
{
    char text[40];
    if (key.kind == VALUE_STRING)
        return value_text(key);
    int size = cel_scalar_format(key, text);
    return arena_copy(arena, (struct slice){text, (size_t)size});
}

static struct pair *sorted_pairs(struct formatter *formatter, struct value map, uint32_t *count)
{
    struct cel_iter iter;
    struct value key, value;
    struct arena *arena = formatter->activation->arena;
    cel_iter_open(&iter, formatter->activation, map);
    struct pair *pairs = arena_alloc(arena, (iter.count + 1) * sizeof(struct pair));
    *count = 0;
    while (cel_iter_next(&iter, formatter->activation, &key, &value))
        pairs[(*count)++] = (struct pair){key_text(arena, key), value};
    if (*count > 1)
        qsort(pairs, *count, sizeof(struct pair), compare_pairs);
    return pairs;
}

static struct value add_map(struct formatter *formatter, struct value map)
{
    uint32_t count;
    struct pair *pairs = sorted_pairs(formatter, map, &count);
    buf_add_char(formatter->out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_text(formatter->out, ", ");
        buf_add_slice(formatter->out, pairs[i].key);
        buf_add_text(formatter->out, ": ");
        struct value result = add_string(formatter, pairs[i].value);
        if (result.kind == VALUE_ERROR)
            return result;
    }
    buf_add_char(formatter->out, '}');
    return done();
}

static struct value add_string(struct formatter *formatter, struct value value)
{
    char text[40];
    if (value.kind == VALUE_ERROR)
        return value;
    if (!pay(formatter, value))
        return cel_error_literal("the formatted text is too long");
    if (value.kind == VALUE_BYTES && !utf8_valid(value_text(value)))
        return cel_error_literal("the bytes are not valid UTF-8");
    if (value.kind == VALUE_LIST)
        return add_list(formatter, value);
    if (value.kind == VALUE_MAP)
        return add_map(formatter, value);
    if (value.kind == VALUE_STRING || value.kind == VALUE_BYTES || value.kind == VALUE_TYPE)
        buf_add_slice(formatter->out, value_text(value));
    else
        buf_add(formatter->out, text, (size_t)cel_scalar_format(value, text));
    return done();
}

/* ---- numbers ---- */

static bool is_whole(struct value value)
{
    return value.kind == VALUE_INT || value.kind == VALUE_UINT;
}

static struct value add_decimal(struct formatter *formatter, struct value value)
{
    bool is_special = value.kind == VALUE_DOUBLE && !isfinite(value.d);
    if (is_whole(value) || is_special)
        return add_string(formatter, value);
    return refuse(formatter, 'd', "whole numbers", value);
}

static struct value add_fixed(struct formatter *formatter, char clause, int precision,
                              struct value value)
{
    if (!cel_is_number(value))
        return refuse(formatter, clause, "numbers", value);
    double d = value.kind == VALUE_INT    ? (double)value.i
               : value.kind == VALUE_UINT ? (double)value.u
                                          : value.d;
    if (!isfinite(d))
        return add_string(formatter, value);
    if (clause == 'f')
        buf_printf(formatter->out, "%.*f", precision, d);
    else
        buf_printf(formatter->out, "%.*e", precision, d);
    return done();
}

/* Digits in base 2, 8 or 16, with a minus before negative ones. */
static void add_digits(struct buf *out, struct value value, int shift, const char *digits)
{
    char text[64];
    size_t pos = sizeof(text);
    bool negative = value.kind == VALUE_INT && value.i < 0;
    uint64_t rest = negative ? 0 - value.u : value.u;
    do {
        text[--pos] = digits[rest & ((1u << shift) - 1)];
        rest >>= shift;
    } while (rest != 0);
    if (negative)
        buf_add_char(out, '-');
    buf_add(out, text + pos, sizeof(text) - pos);
}

static struct value add_hex(struct formatter *formatter, char clause, struct value value)
{
    const char *digits = clause == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    if (is_whole(value)) {
        add_digits(formatter->out, value, 4, digits);
        return done();
    }
    if (value.kind != VALUE_STRING && value.kind != VALUE_BYTES)
        return refuse(formatter, clause, "whole numbers, texts and bytes", value);
    if (!pay(formatter, value))
        return cel_error_literal("the formatted text is too long");
    for (uint32_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.s[i];
        buf_add_char(formatter->out, digits[c >> 4]);
        buf_add_char(formatter->out, digits[c & 15]);
    }
    return done();
}

static struct value add_bits(struct formatter *formatter, char clause, struct value value)
{
    if (clause == 'b' && value.kind == VALUE_BOOL)
        value = value_int(value.b);
    if (!is_whole(value))
        return refuse(formatter, clause,
                      clause == 'b' ? "whole numbers and bools" : "whole numbers", value);
    add_digits(formatter->out, value, clause == 'b' ? 1 : 3, "01234567");
    return done();
}

/* ---- clauses ---- */

/* ".3" before a clause; 6 where there is none. False: wrong. */
static bool read_precision(struct slice pattern, size_t *pos, int *precision)
{
    *precision = 6;
    if (*pos == pattern.size || pattern.data[*pos] != '.')
        return true;
    size_t start = ++*pos;
    *precision = 0;
    for (; *pos < pattern.size && pattern.data[*pos] >= '0' && pattern.data[*pos] <= '9'; (*pos)++)
        if (*precision <= PRECISION_MAX)
            *precision = *precision * 10 + (pattern.data[*pos] - '0');
    return *pos > start && *precision <= PRECISION_MAX;
}

static struct value add_clause(struct formatter *formatter, char clause, int precision)
{
    struct cel_activation *activation = formatter->activation;
    if (!clause || !strchr("sdfebxXo", clause))
        return cel_error_literal("a clause is one of %s %d %f %e %b %x %X %o %%");
    if (formatter->used >= cel_size(formatter->list))
        return cel_fail(activation, "index %u out of range: the list has too few elements",
                        formatter->used);
    struct value value = cel_at_within(activation, formatter->list, formatter->used++);
    switch (clause) {
    case 's':
        return add_string(formatter, value);
    case 'd':
        return add_decimal(formatter, value);
    case 'f':
    case 'e':
        return add_fixed(formatter, clause, precision, value);
    case 'x':
    case 'X':
        return add_hex(formatter, clause, value);
    default:
        return add_bits(formatter, clause, value);
    }
}

/* `pos` is behind the percent sign. */
static struct value add_percent(struct formatter *formatter, struct slice pattern, size_t *pos)
{
    int precision;
    if (*pos < pattern.size && pattern.data[*pos] == '%') {
        buf_add_char(formatter->out, '%');
        (*pos)++;
        return done();
    }
    if (!read_precision(pattern, pos, &precision))
        return cel_error_literal("a precision is a number from 0 to 100, such as %.2f");
    char clause = *pos < pattern.size ? pattern.data[*pos] : '\0';
    (*pos)++;
    return add_clause(formatter, clause, precision);
}

static size_t plain_end(struct slice pattern, size_t pos)
{
    const char *percent = memchr(pattern.data + pos, '%', pattern.size - pos);
    return percent ? (size_t)(percent - pattern.data) : pattern.size;
}

struct value cel_format(struct cel_activation *activation, struct slice pattern,
                        struct value arguments, struct buf *out)
{
    struct formatter formatter = {.activation = activation, .out = out, .list = arguments};
    size_t pos = 0;
    while (pos < pattern.size) {
        size_t end = plain_end(pattern, pos);
        buf_add(out, pattern.data + pos, end - pos);
        pos = end + 1;
        if (end == pattern.size)
            break;
        struct value result = add_percent(&formatter, pattern, &pos);
        if (result.kind == VALUE_ERROR)
            return result;
        if (out->size > CEL_STRING_MAX || !cel_spend(activation, 1 + (out->size >> 12)))
            return cel_error_literal("the formatted text is too long");
    }
    if (!cel_spend(activation, out->size >> 4))
        return cel_too_many_steps();
    return done();
}
