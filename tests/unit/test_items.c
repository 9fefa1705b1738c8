#include "state/items.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct items_line line(const char *id, const char *name, double price, double quantity)
{
    return (struct items_line){.product_id = slice_of(id),
                               .name = slice_of(name),
                               .has_price = price >= 0,
                               .price = price,
                               .quantity = quantity};
}

static bool add(struct items **items, const char *id, double price, double quantity)
{
    struct items_line added = line(id, NULL, price, quantity);
    return items_add(items, &added, 4);
}

/* `ids` is the expected order, one letter a line. */
static void assert_ids(const struct items *items, const char *ids)
{
    assert_int_equal(items_count(items), strlen(ids));
    for (size_t i = 0; i < strlen(ids); i++) {
        struct slice id = items_at(items, i).product_id;
        assert_int_equal(id.size, 1);
        assert_int_equal(id.data[0], ids[i]);
    }
}

static void test_a_second_addition_adds_quantity_and_moves_to_the_end(void **state)
{
    (void)state;
    struct items *items = NULL;
    add(&items, "a", 10, 1);
    add(&items, "b", 5, 2);
    add(&items, "a", 12, 3);
    assert_ids(items, "ba");
    assert_true(items_at(items, 1).quantity == 4);
    assert_true(items_at(items, 1).price == 12);
    assert_true(items_total(items) == 58);
    items_clear(&items);
    assert_null(items);
}

static void test_name_and_price_stay_where_none_is_given(void **state)
{
    (void)state;
    struct items *items = NULL;
    struct items_line full = line("a", "Tee", 10, 1);
    struct items_line bare = line("a", "", -1, 1);
    items_add(&items, &full, 4);
    items_add(&items, &bare, 4);
    assert_true(slice_is(items_at(items, 0).name, "Tee"));
    assert_true(items_at(items, 0).has_price);
    assert_true(items_at(items, 0).price == 10);
    struct items_line renamed = line("a", "A longer name than before", 0, 1);
    items_add(&items, &renamed, 4);
    assert_true(slice_is(items_at(items, 0).name, "A longer name than before"));
    assert_true(slice_is(items_at(items, 0).product_id, "a"));
    assert_true(items_at(items, 0).price == 0);
    assert_true(items_at(items, 0).quantity == 3);
    items_clear(&items);
}

static void test_beyond_max_the_line_changed_longest_ago_goes(void **state)
{
    (void)state;
    struct items *items = NULL;
    assert_false(add(&items, "a", 1, 1));
    assert_false(add(&items, "b", 1, 1));
    assert_false(add(&items, "c", 1, 1));
    assert_false(add(&items, "d", 1, 1));
    assert_false(add(&items, "a", 1, 1));
    assert_true(add(&items, "e", 1, 1));
    assert_ids(items, "cdae");
    items_clear(&items);
}

static void test_removing_takes_some_or_all(void **state)
{
    static const struct {
        double quantity;
        const char *order;
        double rest; /* of line b */
    } cases[] = {{1, "acb", 2}, {2.5, "acb", 0.5}, {3, "ac", 0},  {9, "ac", 0},
                 {0, "ac", 0},  {-1, "ac", 0},     {NAN, "ac", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct items *items = NULL;
        add(&items, "a", 1, 1);
        add(&items, "b", 1, 3);
        add(&items, "c", 1, 1);
        assert_true(items_remove(&items, SLICE("b"), cases[i].quantity));
        assert_ids(items, cases[i].order);
        if (cases[i].rest > 0)
            assert_true(items_at(items, 2).quantity == cases[i].rest);
        items_clear(&items);
    }
}

static void test_what_is_not_there_is_not_removed(void **state)
{
    (void)state;
    struct items *items = NULL;
    assert_false(items_remove(&items, SLICE("a"), 1));
    assert_null(items);
    add(&items, "a", 1, 1);
    assert_false(items_remove(&items, SLICE("b"), 1));
    assert_ids(items, "a");
    items_clear(&items);
}

static void test_the_last_line_takes_memory_and_currency_with_it(void **state)
{
    (void)state;
    struct items *items = NULL;
    add(&items, "a", 1, 1);
    items_set_currency(items, SLICE("THB"));
    assert_true(slice_is(items_currency(items), "THB"));
    items_set_currency(items, SLICE("a currency of more than 16 bytes"));
    assert_true(slice_is(items_currency(items), "a currency of mo"));
    items_remove(&items, SLICE("a"), 0);
    assert_null(items);
    assert_int_equal(items_currency(items).size, 0);
    assert_int_equal(items_size(items), 0);
    add(&items, "a", 1, 1);
    assert_int_equal(items_currency(items).size, 0);
    items_clear(&items);
}

static void test_no_price_counts_as_nothing(void **state)
{
    (void)state;
    struct items *items = NULL;
    assert_true(items_total(items) == 0);
    add(&items, "a", -1, 5);
    add(&items, "b", 2, 3);
    assert_true(items_total(items) == 6);
    items_clear(&items);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char id[200], name[400];
    memset(id, 'i', sizeof(id));
    memset(name, 'n', sizeof(name));
    id[127] = '\xc3', id[128] = '\xa9';                         /* é over the end of 128 bytes */
    name[254] = '\xe0', name[255] = '\xb8', name[256] = '\x81'; /* ก over the end of 256 */
    struct items *items = NULL;
    struct items_line added = {
        .product_id = {id, sizeof(id)}, .name = {name, sizeof(name)}, .quantity = 1};
    items_add(&items, &added, 4);
    assert_int_equal(items_at(items, 0).product_id.size, 127);
    assert_int_equal(items_at(items, 0).name.size, 254);
    items_add(&items, &added, 4); /* the same product by its uncut id */
    assert_int_equal(items_count(items), 1);
    assert_true(items_remove(&items, added.product_id, 0));
    assert_null(items);
}

static void test_no_id_no_line(void **state)
{
    (void)state;
    struct items *items = NULL;
    assert_false(add(&items, "", 1, 1));
    assert_null(items);
}

static void test_value_is_a_list_of_maps(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct items *items = NULL;
    struct value none = items_value(items);
    assert_int_equal(none.kind, VALUE_LIST);
    assert_int_equal(none.view->ops->count(none.view), 0);

    struct items_line tee = line("a", "Tee", 9.5, 2);
    items_add(&items, &tee, 4);
    add(&items, "b", -1, 1);
    struct value list = items_value(items);
    assert_int_equal(list.rep, VALUE_REP_VIEW);
    assert_int_equal(list.view->ops->count(list.view), 2);
    struct value first = list.view->ops->at(list.view, 0, &arena);
    assert_int_equal(first.kind, VALUE_MAP);
    assert_int_equal(first.size, 4);
    assert_true(slice_is(value_text(first.items[0]), "product_id"));
    assert_true(slice_is(value_text(first.items[1]), "a"));
    assert_true(slice_is(value_text(first.items[3]), "Tee"));
    assert_true(first.items[5].d == 9.5);
    assert_true(first.items[7].d == 2);
    struct value second = list.view->ops->at(list.view, 1, &arena);
    assert_int_equal(second.items[3].kind, VALUE_NULL);
    assert_int_equal(second.items[5].kind, VALUE_NULL);
    items_clear(&items);
    arena_fini(&arena);
}

/* Against the simplest model: an array of structs. */
static void test_any_sequence_of_changes_equals_the_model(void **state)
{
    (void)state;
    struct model {
        char id[8], name[24];
        double quantity;
    } model[5];
    size_t count = 0;
    struct items *items = NULL;
    uint32_t seed = 7;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        struct model change = {.quantity = 1 + seed % 3};
        snprintf(change.id, sizeof(change.id), "p%u", seed >> 20 & 7);
        snprintf(change.name, sizeof(change.name), "%.*s", (int)(seed >> 12 & 15),
                 "a name of any length");
        size_t at = 0;
        while (at < count && strcmp(model[at].id, change.id) != 0)
            at++;
        if (seed >> 30) {
            struct items_line added = line(change.id, change.name, 1, change.quantity);
            items_add(&items, &added, 5);
            if (at < count) {
                change.quantity += model[at].quantity;
                if (change.name[0] == '\0')
                    memcpy(change.name, model[at].name, sizeof(change.name));
            } else if (count < 5) {
                count++;
            } else {
                at = 0;
            }
            memmove(&model[at], &model[at + 1], (count - at - 1) * sizeof(*model));
            model[count - 1] = change;
        } else {
            assert_int_equal(items_remove(&items, slice_of(change.id), 0), at < count);
            if (at < count) {
                memmove(&model[at], &model[at + 1], (count - at - 1) * sizeof(*model));
                count--;
            }
        }
        assert_int_equal(items_count(items), count);
        for (size_t i = 0; i < count; i++) {
            struct items_line is = items_at(items, i);
            assert_true(slice_is(is.product_id, model[i].id));
            assert_true(slice_is(is.name, model[i].name));
            assert_true(is.quantity == model[i].quantity);
        }
    }
    items_clear(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_addition_adds_quantity_and_moves_to_the_end),
        cmocka_unit_test(test_name_and_price_stay_where_none_is_given),
        cmocka_unit_test(test_beyond_max_the_line_changed_longest_ago_goes),
        cmocka_unit_test(test_removing_takes_some_or_all),
        cmocka_unit_test(test_what_is_not_there_is_not_removed),
        cmocka_unit_test(test_the_last_line_takes_memory_and_currency_with_it),
        cmocka_unit_test(test_no_price_counts_as_nothing),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
        cmocka_unit_test(test_no_id_no_line),
        cmocka_unit_test(test_value_is_a_list_of_maps),
        cmocka_unit_test(test_any_sequence_of_changes_equals_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
