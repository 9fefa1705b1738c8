#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/histogram.h"

static struct histogram histogram;

static int setup(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    return 0;
}

static void test_empty_gives_0(void **state)
{
    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 64; value++)
        histogram_add(&histogram, value);
    assert_int_equal(histogram_quantile(&histogram, 0), 0);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 31);
    assert_int_equal(histogram_quantile(&histogram, 1), 63);
    assert_int_equal(histogram.total, 64);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Values of all sizes: a quantile lies at most 1/32 above the true one, and never below it. */
static void test_quantiles_are_within_one_step(void **state)
{
    (void)state;
    static uint64_t values[20000];
    const size_t count = sizeof(values) / sizeof(values[0]);
    srandom(3);
    for (size_t i = 0; i < count; i++) {
        uint64_t wide = (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random();
        values[i] = wide >> (random() % 64);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, count, sizeof(values[0]), compare);
    for (size_t percent = 1; percent <= 100; percent++) {
        uint64_t exact = values[percent * count / 100 - 1];
        uint64_t found = histogram_quantile(&histogram, (double)percent / 100);
        if (found < exact || found - exact > exact / 32)
            fail_msg("%zu%%: %llu for %llu", percent, (unsigned long long)found,
                     (unsigned long long)exact);
    }
    assert_true(histogram_quantile(&histogram, 1) == histogram.max);
}

static void test_the_greatest_value_has_a_bucket(void **state)
{
    (void)state;
    histogram_add(&histogram, UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 1) == UINT64_MAX);
    assert_int_equal(histogram.counts[HISTOGRAM_BUCKETS - 1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty_gives_0, setup),
        cmocka_unit_test_setup(test_small_values_are_exact, setup),
        cmocka_unit_test_setup(test_quantiles_are_within_one_step, setup),
        cmocka_unit_test_setup(test_the_greatest_value_has_a_bucket, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
