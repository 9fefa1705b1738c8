#include "state/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/state_layouts.h"

enum { CUSTOMERS = 300 };

static struct layout layout;
static struct layout_machine machines[STATE_LAYOUT_MACHINES];
static struct customer *customers[CUSTOMERS];
static struct timers timers;

static int open_timers(void **state)
{
    (void)state;
    shipped_layout(&layout, machines);
    for (int i = 0; i < CUSTOMERS; i++)
        customers[i] = customer_new(&layout, SLICE("u"), 0);
    timers_init(&timers);
    return 0;
}

static int close_timers(void **state)
{
    (void)state;
    timers_fini(&timers);
    for (int i = 0; i < CUSTOMERS; i++)
        customer_free(&layout, customers[i]);
    return 0;
}

/* As the engine does after a step. */
static void step(struct customer *customer, int64_t deadline_ms)
{
    customer->deadline_ms = deadline_ms;
    timers_lower(&timers, customer, deadline_ms);
}

static void test_they_pop_in_order(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int i = 0; i < CUSTOMERS; i++) {
        seed = seed * 1664525u + 1013904223u;
        timers_set(&timers, customers[i], seed >> 8);
    }
    int64_t last = INT64_MIN;
    for (int i = 0; i < CUSTOMERS; i++) {
        int64_t next = timers_peek(&timers)->deadline_ms;
        assert_true(next >= last);
        last = next;
        struct customer *customer = timers_pop(&timers);
        assert_int_equal(customer->timer_index, CUSTOMER_NO_TIMER);
    }
    assert_null(timers_pop(&timers));
    assert_null(timers_peek(&timers));
}

static void test_a_later_deadline_is_found_out_when_it_is_due(void **state)
{
    (void)state;
    step(customers[0], 100);
    step(customers[1], 150);
    step(customers[0], 200);
    assert_int_equal(timers_peek(&timers)->deadline_ms, 100); /* the bound has not moved */
    assert_null(timers_due(&timers, 150));
    assert_int_equal(timers_peek(&timers)->deadline_ms, 150); /* put right on the way */
    assert_ptr_equal(timers_due(&timers, 151), customers[1]);
    timers_remove(&timers, customers[1]);
    assert_null(timers_due(&timers, 200));
    assert_ptr_equal(timers_due(&timers, 201), customers[0]);
}

static void test_an_earlier_deadline_moves_at_once(void **state)
{
    (void)state;
    step(customers[0], 100);
    step(customers[1], 50);
    step(customers[0], 10);
    assert_ptr_equal(timers_peek(&timers)->customer, customers[0]);
    assert_int_equal(timers_peek(&timers)->deadline_ms, 10);
    assert_int_equal(timers.count, 2);
}

static void test_no_deadline_leaves_when_its_bound_is_due(void **state)
{
    (void)state;
    step(customers[0], CUSTOMER_NEVER);
    assert_int_equal(timers.count, 0);
    step(customers[0], 100);
    step(customers[0], CUSTOMER_NEVER);
    assert_int_equal(timers.count, 1);
    assert_null(timers_due(&timers, 1000));
    assert_int_equal(timers.count, 0);
    assert_int_equal(customers[0]->timer_index, CUSTOMER_NO_TIMER);
}

static void test_set_moves_both_ways_and_takes_out(void **state)
{
    (void)state;
    timers_set(&timers, customers[0], 100);
    timers_set(&timers, customers[1], 200);
    timers_set(&timers, customers[0], 300);
    assert_ptr_equal(timers_peek(&timers)->customer, customers[1]);
    timers_set(&timers, customers[1], CUSTOMER_NEVER);
    assert_ptr_equal(timers_peek(&timers)->customer, customers[0]);
    timers_remove(&timers, customers[1]); /* is in none */
    assert_int_equal(timers.count, 1);
}

static void test_any_sequence_of_changes_equals_the_model(void **state)
{
    (void)state;
    bool in[CUSTOMERS] = {false};
    int64_t bound[CUSTOMERS] = {0};
    uint32_t seed = 9;
    for (int turn = 0; turn < 50000; turn++) {
        seed = seed * 1664525u + 1013904223u;
        int i = (int)(seed >> 9) % CUSTOMERS;
        int64_t deadline = seed >> 16 & 4095;
        switch (seed >> 30) {
        case 0:
            timers_remove(&timers, customers[i]);
            in[i] = false;
            break;
        case 1:
            timers_lower(&timers, customers[i], deadline);
            bound[i] = in[i] && bound[i] < deadline ? bound[i] : deadline;
            in[i] = true;
            break;
        default:
            timers_set(&timers, customers[i], deadline);
            bound[i] = deadline;
            in[i] = true;
        }
        int64_t earliest = CUSTOMER_NEVER;
        size_t count = 0;
        for (int k = 0; k < CUSTOMERS; k++) {
            assert_int_equal(in[k], customers[k]->timer_index != CUSTOMER_NO_TIMER);
            count += in[k];
            if (in[k] && bound[k] < earliest)
                earliest = bound[k];
        }
        assert_int_equal(timers.count, count);
        if (count)
            assert_int_equal(timers_peek(&timers)->deadline_ms, earliest);
    }
    timers_clear(&timers);
    for (int k = 0; k < CUSTOMERS; k++)
        assert_int_equal(customers[k]->timer_index, CUSTOMER_NO_TIMER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_they_pop_in_order, open_timers, close_timers),
        cmocka_unit_test_setup_teardown(test_a_later_deadline_is_found_out_when_it_is_due,
                                        open_timers, close_timers),
        cmocka_unit_test_setup_teardown(test_an_earlier_deadline_moves_at_once, open_timers,
                                        close_timers),
        cmocka_unit_test_setup_teardown(test_no_deadline_leaves_when_its_bound_is_due, open_timers,
                                        close_timers),
        cmocka_unit_test_setup_teardown(test_set_moves_both_ways_and_takes_out, open_timers,
                                        close_timers),
        cmocka_unit_test_setup_teardown(test_any_sequence_of_changes_equals_the_model, open_timers,
                                        close_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
