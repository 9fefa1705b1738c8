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
    timers_init(&timers, &layout);
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

/* The next entry of all, however far away. */
static const struct timers_entry *first_entry(void)
{
    return timers_next(&timers, CUSTOMER_NEVER);
}

/* As the engine does after a step. */
static void step(struct customer *customer, int64_t deadline_ms)
{
    customer->deadline_ms = deadline_ms;
    timers_lower(&timers, customer, deadline_ms);
}

static void take_all_out(void)
{
    for (int k = 0; k < CUSTOMERS; k++)
        timers_remove(&timers, customers[k]);
    assert_null(first_entry());
    assert_int_equal(timers.count, 0);
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
        const struct timers_entry *next = first_entry();
        struct customer *customer = next->customer;
        assert_true(next->deadline_ms >= last);
        last = next->deadline_ms;
        timers_remove(&timers, customer);
        assert_int_equal(customer->timer_index, CUSTOMER_NO_TIMER);
    }
    assert_null(first_entry());
}

static void test_a_later_deadline_is_found_out_when_it_is_due(void **state)
{
    (void)state;
    step(customers[0], 100);
    step(customers[1], 150);
    step(customers[0], 200);
    assert_int_equal(first_entry()->deadline_ms, 100); /* the bound has not moved */
    assert_null(timers_due(&timers, 150));
    assert_int_equal(first_entry()->deadline_ms, 150); /* put right on the way */
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
    assert_ptr_equal(first_entry()->customer, customers[0]);
    assert_int_equal(first_entry()->deadline_ms, 10);
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
    assert_ptr_equal(first_entry()->customer, customers[1]);
    timers_set(&timers, customers[1], CUSTOMER_NEVER);
    assert_ptr_equal(first_entry()->customer, customers[0]);
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
            assert_int_equal(first_entry()->deadline_ms, earliest);
    }
    take_all_out();
}

/* Deadlines of every size, also behind the present and before 1970, while time goes on in steps of every size. */
static void test_whatever_the_distance_they_come_in_order_and_in_time(void **state)
{
    (void)state;
    static const int64_t scales_ms[] = {1,
                                        900,
                                        60000,
                                        3600000,
                                        86400000,
                                        8640000000,
                                        864000000000,
                                        86400000000000,
                                        INT64_C(600000000000000)};
    static const int64_t starts_ms[] = {-62135596800000, -5, 0, 1764288000000, 253402300000000};
    uint32_t seed = 77;
    for (size_t s = 0; s < sizeof starts_ms / sizeof *starts_ms; s++) {
        int64_t now_ms = starts_ms[s], bound[CUSTOMERS] = {0};
        bool in[CUSTOMERS] = {false};
        for (int turn = 0; turn < 20000; turn++) {
            seed = seed * 1664525u + 1013904223u;
            int i = (int)(seed >> 9) % CUSTOMERS;
            int64_t scale_ms = scales_ms[(seed >> 5) % (sizeof scales_ms / sizeof *scales_ms)];
            seed = seed * 1664525u + 1013904223u;
            int64_t far_ms = (int64_t)((double)(seed >> 8) / (1 << 24) * (double)scale_ms);
            customers[i]->clock_ms = now_ms;
            if (seed % 16 == 0) { /* time goes on: all that are due come, the earliest first */
                now_ms += far_ms / 64;
                const struct timers_entry *next;
                int64_t last_ms = INT64_MIN;
                while ((next = timers_next(&timers, now_ms))) {
                    int k = 0;
                    while (customers[k] != next->customer)
                        k++;
                    assert_true(in[k] && next->deadline_ms == bound[k]);
                    assert_true(last_ms <= bound[k] && bound[k] < now_ms);
                    last_ms = bound[k];
                    in[k] = false;
                    timers_remove(&timers, customers[k]);
                }
                for (int k = 0; k < CUSTOMERS; k++)
                    assert_true(!in[k] || bound[k] >= now_ms);
            } else if (seed % 16 == 1) {
                timers_remove(&timers, customers[i]);
                in[i] = false;
            } else {
                bound[i] = now_ms + (seed % 16 == 2 ? -far_ms / 1000 : far_ms);
                in[i] = true;
                timers_set(&timers, customers[i], bound[i]);
            }
        }
        take_all_out();
    }
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
        cmocka_unit_test_setup_teardown(test_whatever_the_distance_they_come_in_order_and_in_time,
                                        open_timers, close_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
