#include "state/texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_a_set_keeps_the_order_of_arrival(void **state)
{
    (void)state;
    struct texts *texts = NULL;
    assert_int_equal(texts_add(&texts, SLICE("b"), 3), TEXTS_ADDED);
    assert_int_equal(texts_add(&texts, SLICE("a"), 3), TEXTS_ADDED);
    assert_int_equal(texts_add(&texts, SLICE("b"), 3), TEXTS_THERE);
    assert_int_equal(texts_count(texts), 2);
    assert_true(slice_is(texts_at(texts, 0), "b"));
    assert_true(slice_is(texts_at(texts, 1), "a"));
    texts_clear(&texts);
    assert_null(texts);
}

static void test_beyond_max_new_ones_are_left_out(void **state)
{
    (void)state;
    struct texts *texts = NULL;
    texts_add(&texts, SLICE("a"), 2);
    texts_add(&texts, SLICE("b"), 2);
    assert_int_equal(texts_add(&texts, SLICE("c"), 2), TEXTS_FULL);
    assert_int_equal(texts_add(&texts, SLICE("a"), 2), TEXTS_THERE);
    assert_int_equal(texts_count(texts), 2);
    texts_clear(&texts);
    assert_int_equal(texts_add(&texts, SLICE("c"), 0), TEXTS_FULL);
    assert_null(texts);
}

static void test_a_counter_counts_by_key(void **state)
{
    (void)state;
    struct texts *texts = NULL;
    assert_int_equal(texts_count_up(&texts, SLICE("shoes"), 2), TEXTS_ADDED);
    assert_int_equal(texts_count_up(&texts, SLICE("hats"), 2), TEXTS_ADDED);
    assert_int_equal(texts_count_up(&texts, SLICE("shoes"), 2), TEXTS_THERE);
    assert_int_equal(texts_count_up(&texts, SLICE("bags"), 2), TEXTS_FULL);
    assert_int_equal(texts_count(texts), 2);
    assert_int_equal(texts_count_at(texts, 0), 2);
    assert_int_equal(texts_count_at(texts, 1), 1);
    texts_clear(&texts);
}

static void test_an_empty_text_is_neither_added_nor_counted(void **state)
{
    (void)state;
    struct texts *texts = NULL;
    assert_int_equal(texts_add(&texts, SLICE(""), 2), TEXTS_THERE);
    assert_int_equal(texts_count_up(&texts, SLICE(""), 2), TEXTS_THERE);
    assert_null(texts);
    assert_int_equal(texts_size(texts), 0);
}

static void test_long_texts_are_cut_and_then_the_same(void **state)
{
    (void)state;
    char text[140];
    memset(text, 'x', sizeof(text));
    text[126] = '\xe0', text[127] = '\xb8', text[128] = '\x81'; /* ก over the end of 128 bytes */
    struct texts *texts = NULL;
    assert_int_equal(texts_add(&texts, (struct slice){text, 140}, 9), TEXTS_ADDED);
    assert_int_equal(texts_at(texts, 0).size, 126);
    assert_int_equal(texts_add(&texts, (struct slice){text, 131}, 9), TEXTS_THERE);
    texts_clear(&texts);
}

static void test_a_text_that_begins_another_is_another(void **state)
{
    (void)state;
    struct texts *texts = NULL;
    assert_int_equal(texts_add(&texts, SLICE("ab"), 9), TEXTS_ADDED);
    assert_int_equal(texts_add(&texts, SLICE("a"), 9), TEXTS_ADDED);
    assert_int_equal(texts_add(&texts, SLICE("abc"), 9), TEXTS_ADDED);
    assert_int_equal(texts_count(texts), 3);
    texts_clear(&texts);
}

static void test_values_are_a_list_and_a_map(void **state)
{
    (void)state;
    struct value none = texts_counter_value(NULL);
    assert_int_equal(none.kind, VALUE_MAP);
    assert_int_equal(none.view->ops->count(none.view), 0);
    assert_int_equal(none.view->ops->find(none.view, SLICE("a"), NULL).kind, VALUE_ABSENT);

    struct texts *set = NULL, *counter = NULL;
    texts_add(&set, SLICE("a"), 9);
    texts_count_up(&counter, SLICE("k"), 9);
    texts_count_up(&counter, SLICE("k"), 9);
    struct value list = texts_set_value(set);
    assert_int_equal(list.kind, VALUE_LIST);
    assert_int_equal(list.view->ops->count(list.view), 1);
    assert_true(slice_is(value_text(list.view->ops->at(list.view, 0, NULL)), "a"));
    struct value map = texts_counter_value(counter);
    assert_int_equal(map.view->ops->count(map.view), 1);
    assert_true(slice_is(value_text(map.view->ops->key_at(map.view, 0, NULL)), "k"));
    assert_int_equal(map.view->ops->at(map.view, 0, NULL).i, 2);
    assert_int_equal(map.view->ops->find(map.view, SLICE("k"), NULL).i, 2);
    assert_int_equal(map.view->ops->find(map.view, SLICE("x"), NULL).kind, VALUE_ABSENT);
    texts_clear(&set);
    texts_clear(&counter);
}

static void test_many_texts_are_all_found_again(void **state)
{
    (void)state;
    struct texts *texts = NULL;
    char text[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            int size = snprintf(text, sizeof(text), "%0*d", 1 + i % 20, i);
            enum texts_added added =
                texts_count_up(&texts, (struct slice){text, (size_t)size}, 300);
            assert_int_equal(added, round ? TEXTS_THERE : TEXTS_ADDED);
        }
    }
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(texts_count_at(texts, i), 2);
    assert_true(texts_size(texts) >= 300 * (4 + 8));
    texts_clear(&texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_keeps_the_order_of_arrival),
        cmocka_unit_test(test_beyond_max_new_ones_are_left_out),
        cmocka_unit_test(test_a_counter_counts_by_key),
        cmocka_unit_test(test_an_empty_text_is_neither_added_nor_counted),
        cmocka_unit_test(test_long_texts_are_cut_and_then_the_same),
        cmocka_unit_test(test_a_text_that_begins_another_is_another),
        cmocka_unit_test(test_values_are_a_list_and_a_map),
        cmocka_unit_test(test_many_texts_are_all_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
