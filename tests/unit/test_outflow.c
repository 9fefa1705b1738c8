/* producer/outflow.h: how many records only a flush sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/outflow.h"

static size_t rest_of(int32_t partitions, size_t count, size_t size)
{
    struct outflow outflow = {.partitions = partitions};
    for (size_t i = 0; i < count; i++)
        outflow_add(&outflow, size);
    return outflow_rest(&outflow, 1000000);
}

static void test_what_is_less_than_a_batch_is_all_left_to_a_flush(void **state)
{
    (void)state;
    assert_int_equal(rest_of(1, 0, 0), 0);
    assert_int_equal(rest_of(1, 1, 0), 1); /* neither key nor value: no batch gets full of these */
    assert_int_equal(rest_of(1, 5000, 0), 5000);
    assert_int_equal(rest_of(1, 1, 500), 1);
    assert_int_equal(rest_of(1, 999, 1000), 999);
    assert_int_equal(rest_of(1, 1, 5000000), 0); /* a batch of its own */
}

static void test_of_more_at_most_a_batch_a_partition_is_left(void **state)
{
    (void)state;
    assert_int_equal(rest_of(1, 20000, 1000), 1000);
    assert_int_equal(rest_of(6, 20000, 1000), 6000);
    assert_int_equal(rest_of(20, 20000, 1000), 20000);
    assert_int_equal(rest_of(64, 20000, 1000), 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_less_than_a_batch_is_all_left_to_a_flush),
        cmocka_unit_test(test_of_more_at_most_a_batch_a_partition_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
