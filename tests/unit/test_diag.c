#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/diag.h"

static struct diag diag;

static int setup(void **state)
{
    (void)state;
    diag_init(&diag);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    diag_fini(&diag);
    return 0;
}

static void assert_printed(const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    diag_print(&diag, out);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_prints_in_the_order_of_file_line_and_column(void **state)
{
    (void)state;
    diag_error(&diag, (struct diag_pos){"b.yaml", 9, 1}, "first file, late line");
    diag_error(&diag, (struct diag_pos){"a.yaml", 1, 1}, "second file");
    diag_warning(&diag, (struct diag_pos){"b.yaml", 2, 10}, "late column %d", 10);
    diag_error(&diag, (struct diag_pos){"b.yaml", 2, 9}, "early column");
    diag_error(&diag, (struct diag_pos){"b.yaml", 2, 9}, "same place, reported later");
    diag_error(&diag, (struct diag_pos){"b.yaml", 2, 9}, "early column"); /* an alias of it */
    diag_error(&diag, (struct diag_pos){"b.yaml", 0, 0}, "the whole file");
    assert_int_equal(diag.count, 7);
    assert_int_equal(diag.error_count, 6);
    assert_printed("b.yaml: the whole file\n"
                   "b.yaml:2:9: early column\n"
                   "b.yaml:2:9: same place, reported later\n"
                   "b.yaml:2:10: warning: late column 10\n"
                   "b.yaml:9:1: first file, late line\n"
                   "a.yaml:1:1: second file\n");
}

/* A block that several aliases name is read as often; nobody has to read of it as often. */
static void test_the_same_of_the_same_place_is_said_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        diag_error(&diag, (struct diag_pos){"a.yaml", 2, 9}, "one");
        diag_error(&diag, (struct diag_pos){"a.yaml", 2, 9}, "other");
        diag_warning(&diag, (struct diag_pos){"a.yaml", 2, 9}, "one");
        diag_error(&diag, (struct diag_pos){"a.yaml", 2, 8}, "one");
        diag_error(&diag, (struct diag_pos){"b.yaml", 2, 9}, "one");
    }
    assert_printed("a.yaml:2:8: one\n"
                   "a.yaml:2:9: one\n"
                   "a.yaml:2:9: other\n"
                   "a.yaml:2:9: warning: one\n"
                   "b.yaml:2:9: one\n");
}

/* So that a message can outlive the tree that it is about. */
static void test_file_names_are_copied(void **state)
{
    (void)state;
    char name[] = "gone.yaml";
    diag_error(&diag, (struct diag_pos){name, 1, 2}, "x");
    memset(name, '?', sizeof(name) - 1);
    assert_printed("gone.yaml:1:2: x\n");
}

static void test_no_file_no_place(void **state)
{
    (void)state;
    diag_error(&diag, (struct diag_pos){0}, "all of it");
    diag_warning(&diag, (struct diag_pos){0}, "a little");
    assert_printed("all of it\nwarning: a little\n");
}

static void test_many_are_kept(void **state)
{
    (void)state;
    for (int i = 5000; i > 0; i--)
        diag_error(&diag, (struct diag_pos){i % 2 ? "odd" : "even", i, 1}, "line %d", i);
    assert_int_equal(diag.error_count, 5000);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    diag_print(&diag, out);
    fclose(out);
    assert_memory_equal(text, "even:2:1: line 2\neven:4:1: line 4\n", 34);
    free(text);
}

static void test_nothing_prints_nothing(void **state)
{
    (void)state;
    assert_printed("");
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"topics", "brokers", "group", "start", "properties", "at"};
    static const struct {
        const char *wrong, *nearest;
    } rows[] = {
        {"topic", "topics"},  {"toipcs", "topics"},
        {"Topics", "topics"}, {"broker", "brokers"},
        {"bootstrap", NULL},  {"grp", NULL},
        {"gruop", "group"},   {"propertys", "properties"},
        {"x", NULL},          {"", NULL},
        {"stat", "start"},    {"ta", "at"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *nearest = diag_nearest(rows[i].wrong, names, 6);
        if (!rows[i].nearest)
            assert_null(nearest);
        else
            assert_string_equal(nearest, rows[i].nearest);
    }
    char longer[500];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(diag_nearest(longer, names, 6));
    assert_null(diag_nearest("topic", names, 0));
}

#define WITH_DIAG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIAG(test_prints_in_the_order_of_file_line_and_column),
        WITH_DIAG(test_the_same_of_the_same_place_is_said_once),
        WITH_DIAG(test_file_names_are_copied),
        WITH_DIAG(test_no_file_no_place),
        WITH_DIAG(test_many_are_kept),
        WITH_DIAG(test_nothing_prints_nothing),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
