/*
 * When events are due: by number, by their own time, or at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/pacer.h"

#define START_NS INT64_C(5000000000)
#define SECOND   INT64_C(1000000000)

static void test_by_number_each_event_has_its_slot(void **state)
{
    (void)state;
    struct pacer pacer = {.events_per_s = 4};
    assert_int_equal(pacer_due_ns(&pacer, 1000, START_NS), START_NS);
    assert_int_equal(pacer_due_ns(&pacer, 1000, START_NS + 3 * SECOND), START_NS + SECOND / 4);
    assert_int_equal(pacer_due_ns(&pacer, 0, START_NS + 9 * SECOND), START_NS + SECOND / 2);
    for (int i = 3; i < 400; i++)
        pacer_due_ns(&pacer, 0, START_NS);
    assert_int_equal(pacer_due_ns(&pacer, 0, START_NS), START_NS + 100 * SECOND);
}

static void test_by_time_gaps_shrink_by_the_speed(void **state)
{
    (void)state;
    struct pacer pacer = {.speed = 60};
    assert_int_equal(pacer_due_ns(&pacer, 1000000, START_NS), START_NS);
    assert_int_equal(pacer_due_ns(&pacer, 1060000, START_NS), START_NS + SECOND);
    assert_int_equal(pacer_due_ns(&pacer, 1000000 + 3600000, START_NS + 7), START_NS + 60 * SECOND);
}

/* A late event goes out with those around it, and those behind it are not held back. */
static void test_time_does_not_run_backwards(void **state)
{
    (void)state;
    struct pacer pacer = {.speed = 1};
    assert_int_equal(pacer_due_ns(&pacer, 10000, START_NS), START_NS);
    assert_int_equal(pacer_due_ns(&pacer, 12000, START_NS), START_NS + 2 * SECOND);
    assert_int_equal(pacer_due_ns(&pacer, 4000, START_NS), START_NS + 2 * SECOND);
    assert_int_equal(pacer_due_ns(&pacer, 13000, START_NS), START_NS + 3 * SECOND);
}

static void test_without_a_pace_everything_is_due_at_once(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 10; i++)
        assert_int_equal(pacer_due_ns(&pacer, i * 100000, START_NS + i), START_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_number_each_event_has_its_slot),
        cmocka_unit_test(test_by_time_gaps_shrink_by_the_speed),
        cmocka_unit_test(test_time_does_not_run_backwards),
        cmocka_unit_test(test_without_a_pace_everything_is_due_at_once),
    };
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
