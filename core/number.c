#include "core/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/check.h"

/*
 * Reading and writing by strtod() and snprintf() rely on the "C" locale; the program never sets
 * another.
 */

#define EXACT_INT_MAX  INT64_C(9007199254740992) /* 2^53: every integer up to here is a double */
#define EXACT_POWER_10 22 /* and 10^22 is the greatest power of ten that is one */

static const double powers_of_10[EXACT_POWER_10 + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* ---- reading ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* What the grammar found. */
struct scan {
    bool negative;
    bool has_fraction, has_exponent;
    bool is_exact;     /* `mantissa` holds all digits */
    uint64_t mantissa; /* all digits, without the point */
    int exponent;      /* of ten, for `mantissa`; clamped, far outside of a double's range */
};

struct reader {
    const char *pos, *end;
};

static bool reader_at_digit(const struct reader *reader)
{
    return reader->pos < reader->end && is_digit(*reader->pos);
}

static void scan_digit(struct scan *scan, char c)
{
    uint64_t digit = (uint64_t)(c - '0');
    if (scan->mantissa > (UINT64_MAX - 9) / 10)
        scan->is_exact = false;
    else
        scan->mantissa = scan->mantissa * 10 + digit;
}

/* No leading zero but a single one. */
static bool scan_integer(struct reader *reader, struct scan *scan)
{
    if (!reader_at_digit(reader))
        return false;
    if (*reader->pos == '0') {
        reader->pos++;
        return !reader_at_digit(reader);
    }
    while (reader_at_digit(reader))
        scan_digit(scan, *reader->pos++);
    return true;
}

static bool scan_fraction(struct reader *reader, struct scan *scan)
{
    if (reader->pos == reader->end || *reader->pos != '.')
        return true;
    reader->pos++;
    scan->has_fraction = true;
    if (!reader_at_digit(reader))
        return false;
    while (reader_at_digit(reader)) {
        scan_digit(scan, *reader->pos++);
        if (scan->exponent > -100000)
            scan->exponent--;
    }
    return true;
}

static bool scan_exponent(struct reader *reader, struct scan *scan)
{
    if (reader->pos == reader->end || (*reader->pos != 'e' && *reader->pos != 'E'))
        return true;
    reader->pos++;
    scan->has_exponent = true;
    bool negative = reader->pos < reader->end && *reader->pos == '-';
    if (reader->pos < reader->end && (*reader->pos == '-' || *reader->pos == '+'))
        reader->pos++;
    if (!reader_at_digit(reader))
        return false;
    int exponent = 0;
    while (reader_at_digit(reader)) {
        if (exponent < 100000)
            exponent = exponent * 10 + (*reader->pos - '0');
        reader->pos++;
    }
    scan->exponent += negative ? -exponent : exponent;
    return true;
}

static bool scan_number(struct slice text, struct scan *scan)
{
    struct reader reader = {text.data, text.data + text.size};
    *scan = (struct scan){.is_exact = true};
    if (reader.pos < reader.end && *reader.pos == '-') {
        scan->negative = true;
        reader.pos++;
    }
    return scan_integer(&reader, scan) && scan_fraction(&reader, scan) &&
           scan_exponent(&reader, scan) && reader.pos == reader.end;
}

static bool as_int(const struct scan *scan, int64_t *value)
{
    if (scan->has_fraction || scan->has_exponent || !scan->is_exact)
        return false;
    if (scan->mantissa > (uint64_t)INT64_MAX + scan->negative)
        return false;
    *value = (int64_t)(scan->negative ? 0 - scan->mantissa : scan->mantissa);
    return true;
}

/* strtod() wants an end; only texts longer than any number needs are copied to the heap. */
static double read_slowly(struct slice text)
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

/* Both factors are exact, so the one rounding is the right one (Clinger's fast path). */
static double as_double(const struct scan *scan, struct slice text)
{
    if (!scan->is_exact || scan->mantissa > (uint64_t)EXACT_INT_MAX ||
        scan->exponent < -EXACT_POWER_10 || scan->exponent > EXACT_POWER_10)
        return read_slowly(text);
    double value = (double)scan->mantissa;
    if (scan->exponent < 0)
        value /= powers_of_10[-scan->exponent];
    else
        value *= powers_of_10[scan->exponent];
    return scan->negative ? -value : value;
}

bool number_parse(struct slice text, struct number *number)
{
    struct scan scan;
    text = trim(text);
    if (!scan_number(text, &scan))
        return false;
    *number = (struct number){.d = as_double(&scan, text)};
    number->is_int = as_int(&scan, &number->i);
    return isfinite(number->d);
}

/* ---- writing ---- */

/* By the number of bits, times log10(2): right, or one too few. 0 has one digit, as 1 has. */
static int digits_of(uint64_t value)
{
    static const uint64_t powers[] = {
        UINT64_C(1),
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(10000000000000000000),
    };
    int fewest = (64 - __builtin_clzll(value | 1)) * 1233 >> 12;
    return fewest + ((value | 1) >= powers[fewest]);
}

const char number_pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* From the back, four digits a step. */
static int format_digits(uint64_t value, char *out)
{
    int count = digits_of(value);
    char *pos = out + count;
    *pos = '\0';
    for (; value >= 10000; value /= 10000) {
        unsigned four = (unsigned)(value % 10000);
        number_put_two(pos -= 2, four % 100);
        number_put_two(pos -= 2, four / 100);
    }
    unsigned rest = (unsigned)value;
    if (rest >= 100) {
        number_put_two(pos -= 2, rest % 100);
        rest /= 100;
    }
    if (rest >= 10)
        number_put_two(pos - 2, rest);
    else
        pos[-1] = (char)('0' + rest);
    return count;
}

int number_format_uint(uint64_t value, char out[32])
{
    return format_digits(value, out);
}

int number_format_int(int64_t value, char out[32])
{
    if (value >= 0)
        return format_digits((uint64_t)value, out);
    out[0] = '-';
    return 1 + format_digits(0 - (uint64_t)value, out + 1);
}

/*
 * Prices and the like: at most 15 digits, of which a few are behind the point. n / 10^k with both
 * exact is rounded once, as reading the text would be, so equality proves that the text reads
 * back. The first k that fits has the fewest digits. Returns 0 where it does not apply.
 */
static int format_short_fraction(double value, char *out)
{
    if (value >= 1e11 || value < 1e-3)
        return 0;
    for (int k = 1; k <= 4; k++) {
        double scaled = nearbyint(value * powers_of_10[k]);
        if (scaled >= 1e15 || scaled / powers_of_10[k] != value)
            continue;
        uint64_t n = (uint64_t)scaled;
        uint64_t unit = (uint64_t)powers_of_10[k];
        int length = format_digits(n / unit, out);
        uint64_t fraction = n % unit;
        out[length] = '.';
        for (int i = k; i > 0; i--) {
            out[length + i] = (char)('0' + fraction % 10);
            fraction /= 10;
        }
        out[length + k + 1] = '\0';
        return length + k + 1;
    }
    return 0;
}

/* Decimal digits without the point, and where it stands: 0.DIGITS x 10^point. */
struct decimal {
    char digits[20];
    int count;
    int point;
};

/* `text` is what "%.*e" writes. */
static struct decimal decimal_of(const char *text)
{
    struct decimal decimal = {0};
    const char *pos = text;
    for (; *pos != 'e'; pos++) {
        if (is_digit(*pos))
            decimal.digits[decimal.count++] = *pos;
    }
    decimal.point = (int)strtol(pos + 1, NULL, 10) + 1;
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    return decimal;
}

static bool reads_back(const char *text, double value)
{
    return strtod(text, NULL) == value;
}

/*
 * At a power of two the doubles above are twice as far apart as those below. So a text of 16
 * digits may read back although the nearest one, on the near side, does not: the next one up.
 */
static bool try_next_up(double value, char *text)
{
    snprintf(text, 32, "%.15e", value);
    for (int i = 16; i >= 0; i--) { /* D.DDDDDDDDDDDDDDD, adding one at the end */
        if (text[i] == '.')
            continue;
        if (text[i] != '9') {
            text[i]++;
            return reads_back(text, value);
        }
        text[i] = '0';
    }
    return false;
}

/*
 * The fewest digits that read back. Every text of up to 15 digits survives the way through a
 * normal double, so there the search starts at 15; a subnormal has fewer digits.
 */
static struct decimal shortest_decimal(double value)
{
    char text[32];
    for (int digits = value < 2.2250738585072014e-308 ? 1 : 15; digits <= 16; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (reads_back(text, value))
            return decimal_of(text);
    }
    if (!try_next_up(value, text))
        snprintf(text, sizeof(text), "%.16e", value);
    return decimal_of(text);
}

/* Digits, with zeros where `decimal` has none left. */
static int put_digits(const struct decimal *decimal, int from, int to, char *out)
{
    for (int i = from; i < to; i++)
        *out++ = i < decimal->count ? decimal->digits[i] : '0';
    return to - from;
}

static int format_positional(const struct decimal *decimal, char *out)
{
    int length = 0;
    int from = decimal->point;
    if (decimal->point > 0) {
        length = put_digits(decimal, 0, decimal->point, out);
    } else {
        out[length++] = '0';
        from = 0;
    }
    if (decimal->count > decimal->point) {
        out[length++] = '.';
        for (int i = decimal->point; i < 0; i++)
            out[length++] = '0';
        length += put_digits(decimal, from, decimal->count, out + length);
    }
    out[length] = '\0';
    return length;
}

static int format_exponent(const struct decimal *decimal, char *out)
{
    int length = put_digits(decimal, 0, 1, out);
    if (decimal->count > 1) {
        out[length++] = '.';
        length += put_digits(decimal, 1, decimal->count, out + length);
    }
    return length + snprintf(out + length, 8, "e%+d", decimal->point - 1);
}

/* The layout is ECMAScript's (RFC 8785): an exponent below 1e-6 and from 1e21 on. */
static int format_any(double value, char *out)
{
    struct decimal decimal = shortest_decimal(value);
    if (decimal.point > -6 && decimal.point <= 21)
        return format_positional(&decimal, out);
    return format_exponent(&decimal, out);
}

static int format_positive(double value, char *out)
{
    if (value < 1e15 && value == (double)(int64_t)value)
        return format_digits((uint64_t)value, out);
    int length = format_short_fraction(value, out);
    return length > 0 ? length : format_any(value, out);
}

int number_format_double(double value, char out[32])
{
    CHECK(isfinite(value));
    if (!signbit(value))
        return format_positive(value, out);
    out[0] = '-'; /* also of -0, which must read back as such */
    return 1 + format_positive(-value, out + 1);
}
