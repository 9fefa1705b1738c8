#include "rules/failures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/rules.h"

/* Four rules in a file: a field of data, two transitions and the guard of one. */
static const char machine[] = "machine: m\n"
                              "data: { bad: event.properties.x }\n"
                              "initial: a\n"
                              "states:\n"
                              "  a:\n"
                              "    on:\n"
                              "      go: { guard: event.properties.y > 1, target: b }\n"
                              "  b: { on: { back: a } }\n";

static int load(void **state)
{
    const char *file = "m.yaml";
    struct slice text = SLICE(machine);
    struct rules_options options = {.files = &file, .file_count = 1, .texts = &text};
    struct diag diag;
    diag_init(&diag);
    *state = rules_load(&options, &diag);
    diag_fini(&diag);
    return *state ? 0 : -1;
}

static int unload(void **state)
{
    rules_free(*state);
    return 0;
}

static uint32_t rule_at(const struct rules *rules, const char *place)
{
    for (uint32_t i = 0; i < rules_rule_count(rules); i++)
        if (strcmp(rules_place(rules, i), place) == 0)
            return i;
    fail_msg("there is no rule at %s", place);
    return 0;
}

static void test_every_rule_is_known_by_its_place(void **state)
{
    assert_int_equal(rules_rule_count(*state), 4);
    rule_at(*state, "m.yaml:2:14");
    rule_at(*state, "m.yaml:7:20");
    rule_at(*state, "m.yaml:7:11");
    rule_at(*state, "m.yaml:8:20");
}

static void test_failures_are_counted_by_rule_and_the_worst_come_first(void **state)
{
    struct failures failures;
    struct failures_list list = {0};
    uint32_t data = rule_at(*state, "m.yaml:2:14"), guard = rule_at(*state, "m.yaml:7:20");
    failures_init(&failures, *state);
    failures_list_add(&list, &failures);
    failures_list_sort(&list);
    assert_int_equal(list.count, 0);
    assert_null(failures.items); /* nothing has failed: no memory either */

    failures_add(&failures, data, SLICE("first"));
    failures_add(&failures, guard, SLICE("a"));
    failures_add(&failures, guard, SLICE("b"));
    failures_list_add(&list, &failures);
    failures_list_sort(&list);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].place, "m.yaml:7:20");
    assert_int_equal(list.items[0].count, 2);
    assert_string_equal(list.items[0].message, "b");
    assert_string_equal(list.items[1].place, "m.yaml:2:14");
    assert_string_equal(list.items[1].message, "first");
    failures_list_fini(&list);
    failures_fini(&failures);
}

/* Of two workers, or of two rulesets with the same files: one line for one place. */
static void test_a_place_is_listed_once(void **state)
{
    struct failures one, two;
    struct failures_list list = {0};
    uint32_t data = rule_at(*state, "m.yaml:2:14"), guard = rule_at(*state, "m.yaml:7:20");
    failures_init(&one, *state);
    failures_init(&two, *state);
    failures_add(&one, guard, SLICE("x"));
    failures_add(&one, data, SLICE("x"));
    failures_add(&two, data, SLICE("x"));
    failures_list_add(&list, &one);
    failures_list_add(&list, &two);
    failures_list_sort(&list);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].place, "m.yaml:2:14");
    assert_int_equal(list.items[0].count, 2);
    assert_int_equal(list.items[1].count, 1);
    failures_list_fini(&list);
    failures_fini(&one);
    failures_fini(&two);
}

static void test_what_is_moved_is_counted_once(void **state)
{
    struct failures from, to;
    uint32_t guard = rule_at(*state, "m.yaml:7:20");
    failures_init(&from, *state);
    failures_init(&to, *state);
    for (int i = 0; i < 3; i++) {
        failures_add(&from, guard, SLICE("x"));
        failures_move(&from, &to);
        assert_int_equal(from.failed_count, 0);
    }
    assert_int_equal(to.failed_count, 1);
    assert_int_equal(to.items[guard].count, 3);
    failures_clear(&to);
    assert_int_equal(to.failed_count, 0);
    failures_add(&to, guard, SLICE("y"));
    assert_int_equal(to.items[guard].count, 1);
    failures_fini(&from);
    failures_fini(&to);
}

static void test_a_long_message_is_cut_between_characters(void **state)
{
    struct failures failures;
    char message[400];
    for (size_t i = 0; i < sizeof(message); i += 4)
        memcpy(message + i, "\xf0\x9f\x9b\x92", 4);
    failures_init(&failures, *state);
    failures_add(&failures, 0, (struct slice){message, sizeof(message)});
    assert_int_equal(strlen(failures.items[0].message), 156);
    failures_add(&failures, 0, SLICE(""));
    assert_string_equal(failures.items[0].message, "");
    failures_add(&failures, 0, SLICE("bad: a\n\x1b[31m\x7f"));
    assert_string_equal(failures.items[0].message, "bad: a  [31m ");
    failures_fini(&failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule_is_known_by_its_place),
        cmocka_unit_test(test_failures_are_counted_by_rule_and_the_worst_come_first),
        cmocka_unit_test(test_a_place_is_listed_once),
        cmocka_unit_test(test_what_is_moved_is_counted_once),
        cmocka_unit_test(test_a_long_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
