#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"

static uint64_t seed = 88172645463325252;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool same_bits(double a, double b)
{
    uint64_t bits_of_a, bits_of_b; /* so that -0 and 0 differ */
    memcpy(&bits_of_a, &a, sizeof(a));
    memcpy(&bits_of_b, &b, sizeof(b));
    return bits_of_a == bits_of_b;
}

static void test_formats_doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1, "-1"},
        {0.1, "0.1"},
        {-0.25, "-0.25"},
        {0.30000000000000004, "0.30000000000000004"},
        {12.34, "12.34"},
        {99.995, "99.995"},
        {1e5, "100000"},
        {999999999999999, "999999999999999"},
        {1e15, "1000000000000000"},
        {9007199254740994, "9007199254740994"},
        {123456789012345680, "123456789012345680"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {1e300, "1e+300"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {1e-6, "0.000001"},
        {1.25e-6, "0.00000125"},
        {1e-7, "1e-7"},
        {0.001, "0.001"},
        {5.684341886080802e-14,
         "5.684341886080802e-14"}, /* 2^-44, whose nearest text of 16 digits fails */
        {1.0 / 3, "0.3333333333333333"},
        {100.0 / 3, "33.333333333333336"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        int length = number_format_double(rows[i].value, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(length, strlen(text));
    }
}

/* How many digits the text has, without zeros at its ends. */
static int significant_digits(const char *text)
{
    char digits[40];
    int count = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0'))
            digits[count++] = *text;
    }
    while (count > 0 && digits[count - 1] == '0')
        count--;
    return count;
}

/* The fewest that the C library needs; ours may be one fewer at a power of two. */
static int library_digits(double value)
{
    char text[40];
    for (int digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            return digits;
    }
    return 17;
}

static void check_round_trip(double value)
{
    char text[32];
    struct number number;
    int length = number_format_double(value, text);
    if (length != (int)strlen(text) || length > 31)
        fail_msg("length of %s", text);
    if (!same_bits(strtod(text, NULL), value))
        fail_msg("strtod: %.17g %s", value, text);
    if (!number_parse((struct slice){text, (size_t)length}, &number))
        fail_msg("not JSON: %s", text);
    if (number.d != value || (value != 0 && !same_bits(number.d, value)))
        fail_msg("ours: %.17g %s", value, text);
    if (value != 0 && significant_digits(text) > library_digits(value))
        fail_msg("not the shortest: %.17g %s", value, text);
}

static void test_random_doubles_round_trip_in_the_fewest_digits(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        double value = double_of(next_random());
        if (isfinite(value))
            check_round_trip(value);
        check_round_trip((double)(int64_t)next_random());
        check_round_trip((double)(next_random() % 10000000) / 100);
        check_round_trip((double)(next_random() % 10000000) / 10000);
        check_round_trip((double)(next_random() % 1000000000000) / 1e9);
        check_round_trip(double_of(next_random() & 0x000FFFFFFFFFFFFF)); /* subnormal */
    }
}

static void test_powers_of_two_and_ten_and_their_neighbours_round_trip(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double value = ldexp(1, exponent);
        check_round_trip(value);
        check_round_trip(nextafter(value, 0));
        check_round_trip(-nextafter(value, INFINITY));
    }
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        snprintf(text, sizeof(text), "1e%d", exponent);
        double value = strtod(text, NULL);
        check_round_trip(value);
        check_round_trip(nextafter(value, 0));
        check_round_trip(nextafter(value, INFINITY));
    }
}

static void test_formats_integers(void **state)
{
    (void)state;
    static const int64_t rows[] = {0, 1, -1, 9, 10, -10, 123456789, INT64_MAX, INT64_MIN};
    char text[32], expected[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(expected, sizeof(expected), "%lld", (long long)rows[i]);
        assert_int_equal(number_format_int(rows[i], text), strlen(expected));
        assert_string_equal(text, expected);
    }
    assert_int_equal(number_format_uint(UINT64_MAX, text), 20);
    assert_string_equal(text, "18446744073709551615");
    assert_int_equal(number_format_uint(0, text), 1);
    assert_string_equal(text, "0");
}

static void check_integer(uint64_t value)
{
    char text[32], expected[32];
    int length = snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
    if (number_format_uint(value, text) != length || strcmp(text, expected) != 0)
        fail_msg("%s, not %s", text, expected);
    length = snprintf(expected, sizeof(expected), "%lld", (long long)value);
    if (number_format_int((int64_t)value, text) != length || strcmp(text, expected) != 0)
        fail_msg("%s, not %s", text, expected);
}

/* Where the number of digits and of bits changes, and of every length at random. */
static void test_formats_integers_as_printf_does(void **state)
{
    (void)state;
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
        check_integer(power - 1);
        check_integer(power);
        check_integer(power * 10 - 1);
        check_integer(power * 10);
        check_integer(0 - power);
    }
    for (int bit = 0; bit < 64; bit++) {
        check_integer((UINT64_C(1) << bit) - 1);
        check_integer(UINT64_C(1) << bit);
        for (int i = 0; i < 2000; i++)
            check_integer(next_random() >> bit);
    }
    for (uint64_t value = 0; value < 20000; value++)
        check_integer(value);
}

static void test_reads_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"42", 42},
        {"-42", -42},
        {" \t\r\n7\v\f ", 7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct number number;
        assert_true(number_parse(slice_of(rows[i].text), &number));
        assert_true(number.is_int);
        assert_int_equal(number.i, rows[i].value);
        assert_true(number.d == (double)rows[i].value);
    }
}

static void test_reads_doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"0.5", 0.5},
        {"-0.0", -0.0},
        {"1e0", 1},
        {"1.0", 1},
        {"1E5", 1e5},
        {"1e+5", 1e5},
        {"12.34e-5", 12.34e-5},
        {"9223372036854775808", 9223372036854775808.0},
        {"-9223372036854775809", -9223372036854775808.0},
        {"99999999999999999999999", 1e23},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"0.1e23", 1e22},
        {"9007199254740993e0", 9007199254740992.0},
        {"1.7976931348623157e308", DBL_MAX},
        {"4.9e-324", 5e-324},
        {"1e-400", 0},
        {"0e99999999999", 0},
        {"1e-99999999999999999999", 0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct number number;
        if (!number_parse(slice_of(rows[i].text), &number))
            fail_msg("refused: %s", rows[i].text);
        if (number.is_int || !same_bits(number.d, rows[i].value))
            fail_msg("%s: %.17g", rows[i].text, number.d);
    }
}

/* More digits than the stack's copy holds. */
static void test_reads_very_long_numbers(void **state)
{
    (void)state;
    char text[2000];
    struct number number;
    memset(text, '0', sizeof(text));
    text[0] = '1';
    text[1] = '.';
    text[1999] = '1';
    assert_true(number_parse((struct slice){text, sizeof(text)}, &number));
    assert_true(number.d == 1.0);
    memset(text, '9', 200);
    assert_true(number_parse((struct slice){text, 200}, &number));
    assert_true(number.d == 1e200);
    assert_false(number.is_int);
}

static void test_refuses_what_is_no_json_number(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",         " ",    "-",    "+1",    ".5",     "5.",    "01",    "-01", "1e",
        "1e+",      "0x10", "1_0",  "1,5",   "1 2",    "nan",   "NaN",   "inf", "1a",
        "Infinity", "--1",  "1e5.", "1e400", "-1e400", "1.5.5", "1e1e1", "0b1", "\u00A07",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct number number;
        if (number_parse(slice_of(rows[i]), &number))
            fail_msg("read: %s", rows[i]);
    }
    struct number number;
    assert_false(number_parse((struct slice){0}, &number));
    assert_false(number_parse((struct slice){"1\0", 2}, &number));
}

static void test_reads_as_strtod_does(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        struct number number;
        snprintf(text, sizeof(text), "%llu.%0*llue%d",
                 (unsigned long long)(next_random() >> (next_random() % 64)),
                 (int)(next_random() % 5 + 1), (unsigned long long)(next_random() % 100000),
                 (int)(next_random() % 60) - 30);
        if (!number_parse(slice_of(text), &number) || !same_bits(number.d, strtod(text, NULL)))
            fail_msg("%s: %.17g", text, number.d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_doubles),
        cmocka_unit_test(test_random_doubles_round_trip_in_the_fewest_digits),
        cmocka_unit_test(test_powers_of_two_and_ten_and_their_neighbours_round_trip),
        cmocka_unit_test(test_formats_integers),
        cmocka_unit_test(test_formats_integers_as_printf_does),
        cmocka_unit_test(test_reads_integers),
        cmocka_unit_test(test_reads_doubles),
        cmocka_unit_test(test_reads_very_long_numbers),
        cmocka_unit_test(test_refuses_what_is_no_json_number),
        cmocka_unit_test(test_reads_as_strtod_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
