#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/datetime.h"

static void test_every_day_of_the_years_1_to_9999_round_trips(void **state)
{
    (void)state;
    int64_t last = DATETIME_MAX_SECONDS / 86400;
    struct datetime_civil previous = datetime_civil_from_seconds(DATETIME_MIN_SECONDS);
    assert_int_equal(previous.year, 1);
    assert_int_equal(previous.weekday, 1); /* a Monday */
    for (int64_t day = DATETIME_MIN_SECONDS / 86400 + 1; day <= last; day++) {
        struct datetime_civil civil = datetime_civil_from_seconds(day * 86400);
        if (datetime_days_from_civil(civil.year, civil.month, civil.day) != day ||
            civil.weekday != (previous.weekday + 1) % 7 ||
            civil.yearday != (civil.year == previous.year ? previous.yearday + 1 : 0))
            fail_msg("day %lld", (long long)day);
        previous = civil;
    }
    assert_int_equal(previous.year, 9999);
    assert_int_equal(previous.month, 12);
    assert_int_equal(previous.day, 31);
}

static void test_agrees_with_the_c_library(void **state)
{
    (void)state;
    srandom(7);
    for (int i = 0; i < 20000; i++) {
        time_t seconds = (time_t)(random() * 100 % 500000000000 - 62135596800);
        if (seconds > DATETIME_MAX_SECONDS)
            seconds %= DATETIME_MAX_SECONDS;
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        struct datetime_civil civil = datetime_civil_from_seconds(seconds);
        assert_int_equal(civil.year, tm.tm_year + 1900);
        assert_int_equal(civil.month, tm.tm_mon + 1);
        assert_int_equal(civil.day, tm.tm_mday);
        assert_int_equal(civil.hour, tm.tm_hour);
        assert_int_equal(civil.minute, tm.tm_min);
        assert_int_equal(civil.second, tm.tm_sec);
        assert_int_equal(civil.weekday, tm.tm_wday);
        assert_int_equal(civil.yearday, tm.tm_yday);
    }
}

/* Date and time as the C library has them, and each kind of fraction. */
static void test_formats_as_the_c_library_does(void **state)
{
    (void)state;
    srandom(8);
    for (int i = 0; i < 100000; i++) {
        time_t seconds = DATETIME_MIN_SECONDS + (time_t)(random() * random()) %
                                                    (DATETIME_MAX_SECONDS - DATETIME_MIN_SECONDS);
        uint32_t nanos = (uint32_t)(random() % 1000000000);
        struct tm tm;
        char text[40], expected[80];
        assert_non_null(gmtime_r(&seconds, &tm));
        int length = snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ",
                              tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                              tm.tm_sec, nanos);
        bool has_nanos = nanos % 1000 != 0;
        assert_int_equal(datetime_format(seconds, nanos, text), has_nanos ? length : length - 3);
        if (has_nanos)
            assert_string_equal(text, expected);
        memcpy(expected + 26, "Z", 2); /* up to the microseconds */
        nanos -= nanos % 1000;
        if (nanos % 1000000 != 0) {
            assert_int_equal(datetime_format(seconds, nanos, text), 27);
            assert_string_equal(text, expected);
        }
        memcpy(expected + 23, "Z", 2); /* and the milliseconds */
        nanos -= nanos % 1000000;
        if (nanos != 0) {
            assert_int_equal(datetime_format_ms(seconds * 1000 + nanos / 1000000, text), 24);
            assert_string_equal(text, expected);
        }
    }
}

static void test_reads_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        uint32_t nanos;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"2026-01-05T10:00:00Z", 1767607200, 0},
        {"2026-01-05t10:00:00z", 1767607200, 0},
        {"2026-01-05 10:00:00Z", 1767607200, 0},
        {"2026-01-05T10:00:00.5Z", 1767607200, 500000000},
        {"2026-01-05T10:00:00.123456789Z", 1767607200, 123456789},
        {"2026-01-05T10:00:00.1234567899999Z", 1767607200, 123456789},
        {"2026-01-05T10:00:00.000000001+00:00", 1767607200, 1},
        {"2026-01-05T17:00:00+07:00", 1767607200, 0},
        {"2026-01-05T04:30:00-05:30", 1767607200, 0},
        {"2026-01-05T10:00:00-00:00", 1767607200, 0},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"2016-12-31T23:59:60.25Z", 1483228800, 250000000},
        {"1969-12-31T23:59:59.999Z", -1, 999000000},
        {"2024-02-29T00:00:00Z", 1709164800, 0},
        {"2000-02-29T00:00:00Z", 951782400, 0},
        {"0001-01-01T00:00:00Z", DATETIME_MIN_SECONDS, 0},
        {"9999-12-31T23:59:59.999999999Z", DATETIME_MAX_SECONDS, 999999999},
        {"0001-01-01T23:59:00+23:59", DATETIME_MIN_SECONDS, 0},
        {"0000-12-31T23:00:00-01:00", DATETIME_MIN_SECONDS, 0}, /* the year counts in UTC */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds = -42;
        uint32_t nanos = 42;
        if (!datetime_parse(slice_of(rows[i].text), &seconds, &nanos))
            fail_msg("refused: %s", rows[i].text);
        if (seconds != rows[i].seconds || nanos != rows[i].nanos)
            fail_msg("%s: %lld.%09u", rows[i].text, (long long)seconds, nanos);
    }
}

static void test_refuses_what_is_not_rfc_3339(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "Z",
        "2026-01-05",
        "2026-01-05T10:00:00",
        "2026-01-05T10:00Z",
        "2026-01-05T10:00:00.Z",
        "2026-01-05T10:00:00.5",
        "2026-01-05T10:00:00,5Z",
        "2026-01-05T10:00:00Zx",
        "2026-01-05T10:00:00 Z",
        " 2026-01-05T10:00:00Z",
        "2026-01-05T10:00:00+07",
        "2026-01-05T10:00:00+0700",
        "2026-01-05T10:00:00+24:00",
        "2026-01-05T10:00:00+07:60",
        "2026-01-05T10:00:00+07:000",
        "2026-01-05T24:00:00Z",
        "2026-01-05T10:60:00Z",
        "2026-01-05T10:00:61Z",
        "2026-00-05T10:00:00Z",
        "2026-13-05T10:00:00Z",
        "2026-01-00T10:00:00Z",
        "2026-01-32T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2026-1-05T10:00:00Z0",
        "2026-01-05X10:00:00Z",
        "2026/01/05T10:00:00Z",
        "2026-01-05T10.00.00Z",
        "+026-01-05T10:00:00Z",
        "20 6-01-05T10:00:00Z",
        "2026-01- 5T10:00:00Z",
        "2026-01-05T-1:00:00Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "99999-12-31T23:59:59Z",
        "1767607200",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds = -42;
        uint32_t nanos = 42;
        if (datetime_parse(slice_of(rows[i]), &seconds, &nanos))
            fail_msg("read: %s", rows[i]);
        assert_true(seconds == -42 && nanos == 42);
    }
}

static int reference_number(const char *text, size_t from, size_t count)
{
    int value = 0;
    for (size_t i = from; i < from + count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* `YYYY-MM-DDThh:mm:ssZ` read letter by letter, the calendar being the C library's. */
static bool reference_parse(const char *text, int64_t *seconds)
{
    if (text[4] != '-' || text[7] != '-' || !strchr("Tt ", text[10]) || text[10] == '\0' ||
        text[13] != ':' || text[16] != ':' || (text[19] != 'Z' && text[19] != 'z'))
        return false;
    int year = reference_number(text, 0, 4);
    struct tm tm = {
        .tm_year = year - 1900,
        .tm_mon = reference_number(text, 5, 2) - 1,
        .tm_mday = reference_number(text, 8, 2),
        .tm_hour = reference_number(text, 11, 2),
        .tm_min = reference_number(text, 14, 2),
        .tm_sec = reference_number(text, 17, 2),
    };
    if (year < 1 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_hour < 0 ||
        tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return false;
    struct tm copy = tm;
    copy.tm_sec = 0;
    int64_t minutes = timegm(&copy);
    if (copy.tm_mday != tm.tm_mday) /* the month is shorter: timegm() has moved into the next */
        return false;
    *seconds = minutes + tm.tm_sec;
    return *seconds <= DATETIME_MAX_SECONDS;
}

/*
 * The reader looks at eight bytes at a time; this looks at each, whatever stands there and in its
 * neighbour.
 */
static void test_every_byte_at_every_place_is_read_as_by_a_slow_reader(void **state)
{
    (void)state;
    static const char *const texts[] = {"2026-01-05T10:00:00Z", "1999-12-31t23:59:60z",
                                        "0009-09-09 09:09:09Z", "2024-02-29T19:58:07Z"};
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
        for (int places = 0; places < 20; places++) {
            for (unsigned bytes = 0; bytes < 0x10000; bytes++) {
                char text[21];
                memcpy(text, texts[t], sizeof(text));
                text[places] = (char)bytes;
                if (places < 19 && bytes >> 8)
                    text[places + 1] = (char)(bytes >> 8);
                int64_t expected = 0, seconds = 0;
                uint32_t nanos;
                bool good = reference_parse(text, &expected);
                if (datetime_parse((struct slice){text, 20}, &seconds, &nanos) != good ||
                    (good && seconds != expected))
                    fail_msg("%s with %04x at %d", texts[t], bytes, places);
            }
        }
    }
}

static void test_ms_are_floored(void **state)
{
    (void)state;
    int64_t ms;
    assert_true(datetime_parse_ms(SLICE("1970-01-01T00:00:01.0019Z"), &ms));
    assert_int_equal(ms, 1001);
    assert_true(datetime_parse_ms(SLICE("1969-12-31T23:59:59.9999Z"), &ms));
    assert_int_equal(ms, -1);
    assert_false(datetime_parse_ms(SLICE("yesterday"), &ms));
}

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1767607200000, "2026-01-05T10:00:00Z"},
        {1767607200120, "2026-01-05T10:00:00.120Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59Z"},
        {DATETIME_MIN_SECONDS * 1000, "0001-01-01T00:00:00Z"},
        {DATETIME_MAX_SECONDS * 1000 + 999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        assert_int_equal(datetime_format_ms(rows[i].ms, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
    char text[40];
    datetime_format(0, 120000000, text);
    assert_string_equal(text, "1970-01-01T00:00:00.120Z");
    datetime_format(0, 120000, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000120Z");
    datetime_format(0, 1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000001Z");
}

/* A time that no calendar of ours holds must not write beyond the caller's array. */
static void test_formats_what_is_out_of_range_as_the_nearest_second_in_it(void **state)
{
    (void)state;
    char text[32];
    datetime_format_ms(INT64_MIN, text);
    assert_memory_equal(text, "0001-01-01T00:00:00.", 20);
    datetime_format_ms(INT64_MAX, text);
    assert_memory_equal(text, "9999-12-31T23:59:59.", 20);
}

static void test_what_is_formatted_reads_back(void **state)
{
    (void)state;
    srandom(11);
    for (int i = 0; i < 100000; i++) {
        int64_t range = (DATETIME_MAX_SECONDS - DATETIME_MIN_SECONDS) * 1000;
        int64_t ms = (random() << 31 | random()) % range + DATETIME_MIN_SECONDS * 1000;
        char text[32];
        int64_t back;
        struct slice slice = {text, (size_t)datetime_format_ms(ms, text)};
        if (!datetime_parse_ms(slice, &back) || back != ms)
            fail_msg("%lld %s", (long long)ms, text);
    }
}

static void test_reads_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1s", 1000},       {"0s", 0},
        {"30m", 1800000},   {"4h", 14400000},
        {"7d", 604800000},  {"100ms", 100},
        {"1h30m", 5400000}, {"1d2h3m4s5ms", 93784005},
        {"90m", 5400000},   {"400d", INT64_C(34560000000)},
        {"1m5ms", 60005},   {"007s", 7000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms;
        if (!duration_parse_ms(slice_of(rows[i].text), &ms) || ms != rows[i].ms)
            fail_msg("%s", rows[i].text);
    }
}

static void test_refuses_what_is_no_duration(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "5",
        "s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1.5h",
        "1w",
        "1S",
        "30m1h",
        "1h1h",
        "1ms1s",
        "1hm",
        "1h30",
        "1sec",
        "1hour",
        "99999999999999999999s",
        "106751991168d",
        "9223372036854775807s",
        "106751991167d24h",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms = 42;
        if (duration_parse_ms(slice_of(rows[i]), &ms) || ms != 42)
            fail_msg("%s: %lld", rows[i], (long long)ms);
    }
}

static void test_formats_durations_so_that_they_read_back(void **state)
{
    (void)state;
    static const int64_t rows[] = {0,        1,           999,   1000,     5400000,
                                   93784005, 34560000000, 60005, INT64_MAX};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        int64_t ms;
        struct slice slice = {text, (size_t)duration_format_ms(rows[i], text)};
        assert_int_equal(slice.size, strlen(text));
        assert_true(duration_parse_ms(slice, &ms));
        assert_int_equal(ms, rows[i]);
    }
    char text[32];
    duration_format_ms(5400000, text);
    assert_string_equal(text, "1h30m");
}

static void test_floor_div_rounds_down(void **state)
{
    (void)state;
    assert_int_equal(floor_div(7, 2), 3);
    assert_int_equal(floor_div(-7, 2), -4);
    assert_int_equal(floor_div(-8, 2), -4);
    assert_int_equal(floor_div(0, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day_of_the_years_1_to_9999_round_trips),
        cmocka_unit_test(test_agrees_with_the_c_library),
        cmocka_unit_test(test_formats_as_the_c_library_does),
        cmocka_unit_test(test_reads_rfc_3339),
        cmocka_unit_test(test_refuses_what_is_not_rfc_3339),
        cmocka_unit_test(test_every_byte_at_every_place_is_read_as_by_a_slow_reader),
        cmocka_unit_test(test_ms_are_floored),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_formats_what_is_out_of_range_as_the_nearest_second_in_it),
        cmocka_unit_test(test_what_is_formatted_reads_back),
        cmocka_unit_test(test_reads_durations),
        cmocka_unit_test(test_refuses_what_is_no_duration),
        cmocka_unit_test(test_formats_durations_so_that_they_read_back),
        cmocka_unit_test(test_floor_div_rounds_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
