#include "rules/cel_literal.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "core/buf.h"
#include "core/utf8.h"

/* ---- numbers ---- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool read_unsigned(struct slice text, uint64_t *value)
{
    bool hex = text.size > 2 && (text.data[1] | 0x20) == 'x';
    uint64_t base = hex ? 16 : 10;
    *value = 0;
    for (size_t i = hex ? 2 : 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)digit_value(text.data[i]);
        if (__builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return true;
}

static bool read_int(struct slice text, bool negative, struct value *value)
{
    uint64_t magnitude;
    if (!read_unsigned(text, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = value_int((int64_t)(negative ? 0 - magnitude : magnitude));
    return true;
}

static bool read_uint(struct slice text, bool negative, struct value *value)
{
    uint64_t magnitude;
    text.size--; /* the u */
    if (negative || !read_unsigned(text, &magnitude))
        return false;
    *value = (struct value){.kind = VALUE_UINT, .u = magnitude};
    return true;
}

static bool is_named_double(struct slice text, const char *name)
{
    return text.size == strlen(name) && strncasecmp(text.data, name, text.size) == 0;
}

/* strtod() also reads hexadecimal numbers and leading space, which CEL does not. */
static bool is_decimal(struct slice text)
{
    size_t pos = 0, digits = 0;
    for (; pos < text.size && text.data[pos] >= '0' && text.data[pos] <= '9'; pos++)
        digits++;
    if (pos < text.size && text.data[pos] == '.')
        for (pos++; pos < text.size && text.data[pos] >= '0' && text.data[pos] <= '9'; pos++)
            digits++;
    if (digits == 0)
        return false;
    if (pos == text.size)
        return true;
    if ((text.data[pos++] | 0x20) != 'e')
        return false;
    if (pos < text.size && (text.data[pos] == '+' || text.data[pos] == '-'))
        pos++;
    size_t exponent = pos;
    while (pos < text.size && text.data[pos] >= '0' && text.data[pos] <= '9')
        pos++;
    return pos == text.size && pos > exponent;
}

/* strtod() wants an end. Longer texts than any number needs go over the heap. */
static double read_decimal(struct slice text)
{
    char small[128];
    if (text.size < sizeof(small)) {
        memcpy(small, text.data, text.size);
        small[text.size] = '\0';
        return strtod(small, NULL);
    }
    struct buf copy;
    buf_init(&copy);
    buf_add_slice(&copy, text);
    buf_add_char(&copy, '\0');
    double value = strtod(copy.data, NULL);
    buf_fini(&copy);
    return value;
}

bool cel_literal_double(struct slice text, double *value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+')) {
        text.data++;
        text.size--;
    }
    if (is_named_double(text, "nan"))
        *value = (double)NAN;
    else if (is_named_double(text, "inf") || is_named_double(text, "infinity"))
        *value = (double)INFINITY;
    else if (!is_decimal(text))
        return false;
    else if (isinf(*value = read_decimal(text)))
        return false;
    if (negative)
        *value = -*value;
    return true;
}

static bool read_double(struct slice text, bool negative, struct value *value)
{
    double d;
    if (!cel_literal_double(text, &d))
        return false;
    *value = value_double(negative ? -d : d);
    return true;
}

static bool read_number(const struct cel_token *token, bool negative, struct value *value)
{
    if (token->kind == TOKEN_INT)
        return read_int(token->text, negative, value);
    if (token->kind == TOKEN_UINT)
        return read_uint(token->text, negative, value);
    return read_double(token->text, negative, value);
}

/* ---- text ---- */

/* A text literal while its escapes are read. */
struct text {
    struct slice in; /* between the quotes */
    size_t pos;
    char *out;
    size_t size;
    bool bytes;
};

static bool read_digits(struct text *text, uint32_t base, int count, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < count; i++) {
        if (text->pos == text->in.size)
            return false;
        int value = digit_value(text->in.data[text->pos]);
        if (value < 0 || value >= (int)base)
            return false;
        *code = *code * base + (uint32_t)value;
        text->pos++;
    }
    return true;
}

static bool add_code(struct text *text, uint32_t code)
{
    if (text->bytes) {
        if (code > 0xff)
            return false;
        text->out[text->size++] = (char)code;
        return true;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return false;
    text->size += (size_t)utf8_encode(code, text->out + text->size);
    return true;
}

static bool add_simple_escape(struct text *text, char c)
{
    static const char names[] = "abfnrtv\\?\"'`";
    static const char codes[] = "\a\b\f\n\r\t\v\\\?\"'`";
    const char *found = c ? strchr(names, c) : NULL;
    if (!found)
        return false;
    text->out[text->size++] = codes[found - names];
    text->pos++;
    return true;
}

/* text->pos is behind the backslash. In bytes \x and \ooo are bytes, in text characters. */
static bool add_escape(struct text *text)
{
    uint32_t code = 0;
    if (text->pos == text->in.size)
        return false;
    char c = text->in.data[text->pos];
    if (add_simple_escape(text, c))
        return true;
    if (c >= '0' && c <= '3')
        return read_digits(text, 8, 3, &code) && add_code(text, code);
    text->pos++;
    if (c == 'x' || c == 'X')
        return read_digits(text, 16, 2, &code) && add_code(text, code);
    if (c == 'u' && !text->bytes)
        return read_digits(text, 16, 4, &code) && add_code(text, code);
    if (c == 'U' && !text->bytes)
        return read_digits(text, 16, 8, &code) && add_code(text, code);
    return false;
}

/* Takes prefix and quotes off. */
static struct slice between_quotes(struct slice token, bool *raw)
{
    *raw = false;
    for (; token.data[0] != '"' && token.data[0] != '\''; token.data++, token.size--)
        *raw |= (token.data[0] | 0x20) == 'r';
    size_t quotes =
        token.size >= 6 && token.data[1] == token.data[0] && token.data[2] == token.data[0] ? 3 : 1;
    return (struct slice){token.data + quotes, token.size - 2 * quotes};
}

static bool unescape(struct text *text, uint32_t offset, struct cel_report *report)
{
    while (text->pos < text->in.size) {
        char c = text->in.data[text->pos];
        size_t start = text->pos++;
        if (c != '\\') {
            text->out[text->size++] = c;
        } else if (!add_escape(text)) {
            cel_report(report, offset + (uint32_t)start,
                       "no such escape; a backslash is written '\\\\', or the text as r'...'");
            return false;
        }
    }
    return true;
}

static bool read_text(const struct cel_token *token, struct arena *arena, struct cel_report *report,
                      struct value *value)
{
    bool raw;
    struct text text = {.in = between_quotes(token->text, &raw),
                        .bytes = token->kind == TOKEN_BYTES};
    uint32_t offset = token->offset + (uint32_t)(text.in.data - token->text.data);
    /* No escape is shorter than what it stands for. */
    text.out = arena_alloc(arena, text.in.size + 1);
    if (raw) {
        memcpy(text.out, text.in.data, text.in.size);
        text.size = text.in.size;
    } else if (!unescape(&text, offset, report)) {
        return false;
    }
    *value = value_string((struct slice){text.out, text.size});
    if (text.bytes)
        value->kind = VALUE_BYTES;
    return true;
}

bool cel_literal_read(const struct cel_token *token, bool negative, struct arena *arena,
                      struct cel_report *report, struct value *value)
{
    if (token->kind == TOKEN_STRING || token->kind == TOKEN_BYTES)
        return read_text(token, arena, report, value);
    if (read_number(token, negative, value))
        return true;
    cel_report(report, token->offset, "the number %s%.*s is too large for its type",
               negative ? "-" : "", token->text.size > 40 ? 40 : (int)token->text.size,
               token->text.data);
    return false;
}
