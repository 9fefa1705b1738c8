#include "state/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"
#include "tests/support/state_layouts.h"

static struct layout layout;
static struct layout_machine machines[STATE_LAYOUT_MACHINES];

static int use_shipped_layout(void **state)
{
    (void)state;
    shipped_layout(&layout, machines);
    return 0;
}

/* The i-th key, in a buffer of its own until the next call. */
static struct slice key_of(int i)
{
    static char text[32];
    int size = snprintf(text, sizeof(text), "customer-%d", i);
    return (struct slice){text, (size_t)size};
}

static struct customer *find(struct table *table, int i)
{
    struct slice key = key_of(i);
    table_prefetch(table, hash_bytes(key));
    table_prefetch_customer(table, hash_bytes(key));
    return table_find(table, key, hash_bytes(key));
}

static struct customer *add(struct table *table, int i)
{
    struct customer *customer = customer_new(&layout, key_of(i), i);
    table_add(table, customer);
    return customer;
}

static void test_what_is_added_is_found_until_it_is_removed(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    assert_null(find(table, 1));
    struct customer *customer = add(table, 1);
    assert_ptr_equal(find(table, 1), customer);
    assert_null(find(table, 2));
    assert_int_equal(table_count(table), 1);
    table_remove(table, customer);
    assert_null(find(table, 1));
    assert_int_equal(table_count(table), 0);
    customer_free(&layout, customer);
    table_free(table);
    table_free(NULL);
}

/*
 * Two customers of one hash: table_find() is told the hash, so a wrong one stands for a collision.
 */
static void test_the_key_decides_not_the_hash(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    add(table, 1);
    uint64_t hash = hash_bytes(key_of(1));
    assert_null(table_find(table, SLICE("customer-2"), hash));
    assert_null(table_find(table, SLICE("customer-"), hash));
    assert_non_null(table_find(table, SLICE("customer-1"), hash));
    table_free(table);
}

static void test_any_sequence_of_changes_equals_the_model(void **state)
{
    (void)state;
    enum { KEYS = 600 };
    static struct customer *model[KEYS];
    struct table *table = table_new(&layout);
    size_t count = 0;
    uint32_t seed = 11;
    for (int step = 0; step < 60000; step++) {
        seed = seed * 1664525u + 1013904223u;
        int i = (int)(seed >> 8) % KEYS;
        if (model[i] && seed >> 31) {
            table_remove(table, model[i]);
            customer_free(&layout, model[i]);
            model[i] = NULL;
            count--;
        } else if (!model[i] && (step < 30000 || seed >> 29 == 0)) {
            model[i] = add(table, i);
            count++;
        }
        assert_int_equal(table_count(table), count);
        int k = (int)(seed >> 4) % KEYS;
        assert_ptr_equal(find(table, k), model[k]);
    }
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(find(table, i), model[i]);
    table_free(table);
}

static void test_iteration_meets_each_once(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    for (int i = 0; i < 1000; i++)
        add(table, i);
    bool met[1000] = {false};
    size_t position = 0, count = 0;
    struct customer *customer;
    while ((customer = table_next(table, &position))) {
        assert_false(met[customer->clock_ms]);
        met[customer->clock_ms] = true;
        count++;
    }
    assert_int_equal(count, 1000);
    table_free(table);
}

static bool may_all(void *user, struct customer *customer)
{
    (void)customer;
    if (user)
        ++*(int *)user;
    return true;
}

static bool may_none(void *user, struct customer *customer)
{
    (void)customer;
    ++*(int *)user;
    return false;
}

static bool may_clean(void *user, struct customer *customer)
{
    (void)user;
    return !(customer->flags & CUSTOMER_DIRTY);
}

/* All marks are fresh at first, so the hand's first round takes them off. */
static void cool(struct table *table)
{
    size_t position = 0;
    struct customer *customer;
    while ((customer = table_next(table, &position)))
        customer->flags &= (uint8_t)~CUSTOMER_REFERENCED;
}

static void test_the_coldest_go_first(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    for (int i = 0; i < 1000; i++)
        add(table, i);
    cool(table);
    for (int i = 0; i < 400; i++)
        find(table, i); /* warm */
    assert_int_equal(table_evict(table, 600, may_all, NULL), 600);
    assert_int_equal(table_count(table), 400);
    for (int i = 0; i < 1000; i++)
        assert_true((find(table, i) != NULL) == (i < 400));
    table_free(table);
}

static void test_who_may_not_leave_stays(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    for (int i = 0; i < 100; i++)
        add(table, i)->flags = i % 2 ? CUSTOMER_DIRTY : 0;
    assert_int_equal(table_evict(table, 100, may_clean, NULL), 50);
    for (int i = 0; i < 100; i++)
        assert_true((find(table, i) != NULL) == (i % 2 == 1));
    table_free(table);
}

static void test_eviction_ends_where_nobody_may_leave(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    for (int i = 0; i < 100; i++)
        add(table, i);
    int asked = 0;
    assert_int_equal(table_evict(table, 10, may_none, &asked), 0);
    assert_true(asked >= 100 && asked <= 200);
    assert_int_equal(table_count(table), 100);
    table_free(table);
}

/* With all warm, those evicted next are spread by the hand, not always the same ones. */
static void test_the_hand_goes_on_where_it_stood(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    for (int i = 0; i < 100; i++)
        add(table, i);
    cool(table);
    int asked = 0;
    assert_int_equal(table_evict(table, 30, may_all, &asked), 30);
    assert_int_equal(asked, 30);
    struct customer *left[70];
    size_t position = 0;
    for (size_t i = 0; i < 70; i++)
        left[i] = table_next(table, &position);
    assert_null(table_next(table, &position));
    for (size_t i = 0; i < 70; i++) /* none warm: the next 70 leave without a second round */
        assert_false(left[i]->flags & CUSTOMER_REFERENCED);
    assert_int_equal(table_evict(table, 100, may_all, &asked), 70);
    assert_int_equal(asked, 100);
    table_free(table);
}

static void test_it_grows_and_says_its_size(void **state)
{
    (void)state;
    struct table *table = table_new(&layout);
    size_t before = table_size(table);
    for (int i = 0; i < 5000; i++)
        add(table, i);
    assert_true(table_size(table) > before);
    assert_true(table_size(table) <= 5000 * 16 * 4);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(find(table, i)->clock_ms, i);
    table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_added_is_found_until_it_is_removed),
        cmocka_unit_test(test_the_key_decides_not_the_hash),
        cmocka_unit_test(test_any_sequence_of_changes_equals_the_model),
        cmocka_unit_test(test_iteration_meets_each_once),
        cmocka_unit_test(test_the_coldest_go_first),
        cmocka_unit_test(test_who_may_not_leave_stays),
        cmocka_unit_test(test_eviction_ends_where_nobody_may_leave),
        cmocka_unit_test(test_the_hand_goes_on_where_it_stood),
        cmocka_unit_test(test_it_grows_and_says_its_size),
    };
    return cmocka_run_group_tests(tests, use_shipped_layout, NULL);
}
