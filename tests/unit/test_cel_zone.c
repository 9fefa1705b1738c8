/*
 * Time zones against libc's, which reads the same files in its own way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/datetime.h"
#include "rules/cel_zone.h"
#include "rules/cel_zone_file.h"

static const char *const zones[] = {
    "Asia/Bangkok",        "Europe/Berlin",     "America/New_York",  "Australia/Sydney",
    "Asia/Kathmandu",      "America/St_Johns",  "Africa/Casablanca", "Europe/Dublin",
    "Pacific/Apia",        "America/Sao_Paulo", "Asia/Tehran",       "Antarctica/Troll",
    "Australia/Lord_Howe", "US/Central",        "EST5EDT",           "Etc/GMT+12",
    "Africa/Cairo",        "Asia/Gaza",         "America/Godthab",   "Europe/London",
};
#define ZONE_COUNT (sizeof(zones) / sizeof(zones[0]))

static struct cel_zone_ref zone_of(const char *name)
{
    struct cel_zone_ref ref;
    if (!cel_zone_find(slice_of(name), &ref))
        fail_msg("no zone %s", name);
    return ref;
}

/* A small generator with a fixed seed: the same moments in every run. */
static int64_t next_random(uint64_t *seed, int64_t min, int64_t max)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return min + (int64_t)((*seed >> 11) % (uint64_t)(max - min));
}

static void test_offsets_are_those_of_libc(void **state)
{
    const int64_t from = -5364662400, until = 7258118400; /* 1800 to 2200 */
    uint64_t seed = 42;
    (void)state;
    for (size_t i = 0; i < ZONE_COUNT; i++) {
        struct cel_zone_ref ref = zone_of(zones[i]);
        setenv("TZ", zones[i], 1);
        tzset();
        for (int j = 0; j < 2000; j++) {
            time_t moment = next_random(&seed, from, until);
            struct tm tm;
            assert_non_null(localtime_r(&moment, &tm));
            if (tm.tm_gmtoff != cel_zone_offset(ref, moment))
                fail_msg("%s at %lld: %ld, not %d", zones[i], (long long)moment, tm.tm_gmtoff,
                         cel_zone_offset(ref, moment));
        }
    }
    unsetenv("TZ");
    tzset();
}

static void test_what_a_clock_shows_leads_back_to_the_moment(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (size_t i = 0; i < ZONE_COUNT; i++) {
        struct cel_zone_ref ref = zone_of(zones[i]);
        for (int j = 0; j < 2000; j++) {
            int64_t moment = next_random(&seed, 0, 4102444800);
            int64_t local = moment + cel_zone_offset(ref, moment);
            int64_t back = cel_zone_to_utc(ref, local);
            /* What is shown twice may lead back to the first of the two moments. */
            assert_true(back <= moment);
            assert_int_equal(back + cel_zone_offset(ref, back), local);
        }
    }
}

static int64_t utc(int year, int month, int day, int hour, int minute)
{
    return datetime_days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void test_skipped_hours_are_later_and_repeated_ones_the_first(void **state)
{
    struct cel_zone_ref berlin = zone_of("Europe/Berlin");
    (void)state;
    /* 02:30 is skipped on 29 March 2026: it is 03:30 in summer time. */
    assert_int_equal(cel_zone_to_utc(berlin, utc(2026, 3, 29, 2, 30)), utc(2026, 3, 29, 1, 30));
    /* 02:30 is shown twice on 25 October 2026: first in summer time. */
    assert_int_equal(cel_zone_to_utc(berlin, utc(2026, 10, 25, 2, 30)), utc(2026, 10, 25, 0, 30));
    assert_int_equal(cel_zone_to_utc(berlin, utc(2026, 10, 25, 3, 30)), utc(2026, 10, 25, 2, 30));
    assert_int_equal(cel_zone_to_utc(berlin, utc(2070, 7, 1, 9, 0)), utc(2070, 7, 1, 7, 0));
}

static void test_fixed_offsets_and_names_that_are_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "Bangkok",
        "asia/bangkok",
        "../../etc/passwd",
        "posix/Europe/Berlin",
        "Europe",
        "+7:0",
        "+07:60",
        "+24:00",
        "zone.tab",
        "Europe/Berlin/",
        "Europe//Berlin",
    };
    struct cel_zone_ref ref;
    (void)state;
    assert_int_equal(cel_zone_offset(zone_of("+07:00"), 0), 25200);
    assert_int_equal(cel_zone_offset(zone_of("-02:30"), 0), -9000);
    assert_int_equal(cel_zone_offset(zone_of("05:45"), 0), 20700);
    assert_int_equal(cel_zone_offset(zone_of("UTC"), 0), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (cel_zone_find(slice_of(wrong[i]), &ref))
            fail_msg("'%s' is found", wrong[i]);
    assert_false(cel_zone_find((struct slice){"UTC\0x", 5}, &ref));
}

/* ---- files ---- */

static size_t read_zone_file(const char *name, char *bytes, size_t capacity)
{
    char path[128];
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, capacity, file);
    fclose(file);
    return size;
}

/* A copy of exactly that size, so that a sanitizer sees what is read behind it. */
static void parse_copy(const char *bytes, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    struct cel_zone *zone = cel_zone_parse((struct slice){copy, size});
    if (zone) {
        cel_zone_file_offset(zone, INT64_C(-62135596800));
        cel_zone_file_offset(zone, INT64_C(253402300799));
    }
    cel_zone_free(zone);
    free(copy);
}

static void test_damaged_files_are_refused_or_read(void **state)
{
    char bytes[8192], damaged[8192];
    uint64_t seed = 3;
    size_t size = read_zone_file("Europe/Berlin", bytes, sizeof(bytes));
    (void)state;
    for (size_t i = 0; i <= size; i += 7)
        parse_copy(bytes, i);
    for (int i = 0; i < 3000; i++) {
        memcpy(damaged, bytes, size);
        for (int j = 0; j < 3; j++) {
            bool in_header = next_random(&seed, 0, 2) == 0;
            damaged[next_random(&seed, 0, in_header ? 60 : (int64_t)size)] =
                (char)next_random(&seed, 0, 256);
        }
        parse_copy(damaged, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_are_those_of_libc),
        cmocka_unit_test(test_what_a_clock_shows_leads_back_to_the_moment),
        cmocka_unit_test(test_skipped_hours_are_later_and_repeated_ones_the_first),
        cmocka_unit_test(test_fixed_offsets_and_names_that_are_none),
        cmocka_unit_test(test_damaged_files_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
