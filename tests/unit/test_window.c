#include "state/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/datetime.h"

#define BUCKET_MS INT64_C(1000)
#define BUCKETS   4u

static bool count(struct window **window, int64_t time_ms, int64_t now_ms)
{
    return window_add_count(window, BUCKETS, BUCKET_MS, time_ms, now_ms);
}

static int64_t counted(const struct window *window, int64_t now_ms)
{
    return window_count(window, BUCKETS, BUCKET_MS, now_ms);
}

static void test_an_amount_leaves_after_so_many_buckets(void **state)
{
    (void)state;
    struct window *window = NULL;
    assert_int_equal(counted(window, 0), 0);
    assert_true(count(&window, 1500, 1500));
    assert_int_equal(counted(window, 1000), 1); /* by buckets, not by ms */
    assert_int_equal(counted(window, 4999), 1);
    assert_int_equal(counted(window, 5000), 0);
    assert_int_equal(counted(window, 999), 0);
    window_clear(&window);
    assert_null(window);
}

static void test_late_amounts_go_into_their_own_bucket(void **state)
{
    (void)state;
    struct window *window = NULL;
    assert_true(count(&window, 10500, 10500));
    assert_true(count(&window, 7000, 10500));
    assert_false(count(&window, 6999, 10500)); /* before the window */
    assert_int_equal(counted(window, 10500), 2);
    assert_int_equal(counted(window, 11000), 1);
    window_clear(&window);
}

static void test_buckets_are_aligned_to_1970_also_before(void **state)
{
    (void)state;
    struct window *window = NULL;
    assert_true(count(&window, -1, -1));
    assert_true(count(&window, -1000, -1));
    assert_true(count(&window, 0, 0));
    assert_int_equal(counted(window, 999), 3);
    assert_int_equal(counted(window, 3000), 1);
    assert_int_equal(counted(window, 2999), 3);
    window_clear(&window);
}

static void test_times_after_now_are_kept_for_when_they_come(void **state)
{
    (void)state;
    struct window *window = NULL;
    assert_true(count(&window, 0, 0));
    assert_true(count(&window, 2000, 0));
    assert_int_equal(counted(window, 0), 1);
    assert_int_equal(counted(window, 2000), 2);
    assert_true(count(&window, 100000000, 0)); /* farther than is kept: the oldest make room */
    assert_int_equal(counted(window, 100000000), 1);
    assert_true(window_size(window) <= 64 + WINDOW_SPAN_MAX * 8);
    window_clear(&window);
}

static void test_sums_are_formed_from_the_oldest_on(void **state)
{
    (void)state;
    struct window *window = NULL;
    assert_true(window_sum(window, BUCKETS, BUCKET_MS, 0) == 0);
    const double amounts[] = {1e16, 1, -1e16, 0.1};
    for (int i = 3; i >= 0; i--) /* arrive from the newest on */
        assert_true(window_add_sum(&window, BUCKETS, BUCKET_MS, i * BUCKET_MS, 3000, amounts[i]));
    assert_true(window_sum(window, BUCKETS, BUCKET_MS, 3000) == ((1e16 + 1) + -1e16) + 0.1);
    window_clear(&window);
}

static void test_buckets_read_out_and_restored_give_the_same(void **state)
{
    (void)state;
    struct window *window = NULL, *copy = NULL;
    count(&window, 0, 3000);
    count(&window, 2000, 3000);
    count(&window, 2000, 3000);
    int64_t newest;
    const double *sums;
    const int64_t *counts;
    size_t used = window_buckets(window, &newest, &sums, &counts);
    assert_int_equal(used, 3);
    assert_int_equal(newest, 2);
    assert_null(sums);
    for (size_t i = 0; i < used; i++)
        window_restore(&copy, false, newest - (int64_t)used + 1 + (int64_t)i, counts[i], 0);
    for (int64_t now = 0; now < 9000; now += 500)
        assert_int_equal(counted(copy, now), counted(window, now));
    window_clear(&window);
    window_clear(&copy);
}

/* Against the list of all amounts that were let in. */
static void test_any_sequence_equals_the_model(void **state)
{
    (void)state;
    static int64_t times[5000];
    size_t added = 0;
    int64_t now = 1000000;
    uint32_t seed = 3;
    struct window *window = NULL;
    for (int step = 0; step < 5000; step++) {
        seed = seed * 1664525u + 1013904223u;
        now += seed >> 24 > 250 ? 70000 : seed >> 20 & 1023;
        int64_t time = now - (seed >> 8 & 127) * 500;
        bool in_window = floor_div(time, 1000) > floor_div(now, 1000) - 64;
        assert_int_equal(window_add_count(&window, 64, 1000, time, now), in_window);
        if (in_window)
            times[added++] = time;
        int64_t expected = 0;
        for (size_t i = 0; i < added; i++)
            expected += floor_div(times[i], 1000) > floor_div(now, 1000) - 64;
        assert_int_equal(window_count(window, 64, 1000, now), expected);
    }
    window_clear(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_amount_leaves_after_so_many_buckets),
        cmocka_unit_test(test_late_amounts_go_into_their_own_bucket),
        cmocka_unit_test(test_buckets_are_aligned_to_1970_also_before),
        cmocka_unit_test(test_times_after_now_are_kept_for_when_they_come),
        cmocka_unit_test(test_sums_are_formed_from_the_oldest_on),
        cmocka_unit_test(test_buckets_read_out_and_restored_give_the_same),
        cmocka_unit_test(test_any_sequence_equals_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
