#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/yaml.h"

static struct diag diag;
static struct yaml_file *file;

static int setup(void **state)
{
    (void)state;
    diag_init(&diag);
    file = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    yaml_free(file);
    diag_fini(&diag);
    return 0;
}

static const struct yaml_node *parse(const char *text)
{
    yaml_free(file);
    file = yaml_parse("f.yaml", slice_of(text), &diag);
    return file ? yaml_root(file) : NULL;
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
    diag_fini(&diag);
}

static void assert_at(struct diag_pos at, int line, int column)
{
    assert_string_equal(at.file, "f.yaml");
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
}

static void test_a_tree_has_its_values_and_places(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("name: cart\n"
                                         "ตะกร้า: [ a, 'b c', \"d\" ]\n"
                                         "nested:\n"
                                         "  deep: { x: 1, y: }\n");
    assert_int_equal(diag.count, 0);
    assert_int_equal(root->kind, YAML_MAPPING);
    assert_int_equal(root->count, 3);
    assert_string_equal(yaml_get(root, "name")->text.data, "cart");
    assert_at(yaml_get(root, "name")->at, 1, 7);

    const struct yaml_node *list = yaml_get(root, "ตะกร้า");
    assert_int_equal(list->kind, YAML_SEQUENCE);
    assert_int_equal(list->count, 3);
    assert_at(root->keys[1]->at, 2, 1);
    assert_at(list->at, 2, 9); /* columns count characters: this key has six */
    assert_at(list->items[1]->at, 2, 14);
    assert_false(list->items[0]->quoted);
    assert_true(list->items[1]->quoted);
    assert_true(slice_is(list->items[1]->text, "b c"));

    const struct yaml_node *deep = yaml_get(yaml_get(root, "nested"), "deep");
    assert_int_equal(deep->count, 2);
    assert_true(yaml_is_null(yaml_get(deep, "y")));
    assert_null(yaml_get(deep, "z"));
    assert_null(yaml_get(list, "a")); /* no mapping */
    assert_null(yaml_get(NULL, "a"));
    assert_true(yaml_source(file).size > 50);
}

static void test_plain_scalars_follow_the_json_schema(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("[true, false, 'true', yes, null, ~, '', 'null', no, ]");
    bool value = false;
    assert_true(yaml_bool(root->items[0], &value) && value);
    assert_true(yaml_bool(root->items[1], &value) && !value);
    assert_false(yaml_bool(root->items[2], &value));
    assert_false(yaml_bool(root->items[3], &value));
    assert_true(yaml_is_null(root->items[4]));
    assert_true(yaml_is_null(root->items[5]));
    assert_false(yaml_is_null(root->items[6]));
    assert_false(yaml_is_null(root->items[7]));
    assert_false(yaml_bool(root->items[8], &value));
    assert_false(yaml_bool(root, &value));
    assert_false(yaml_is_null(root));
}

static void test_an_alias_is_the_same_node(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("a: &x { k: v }\nb: *x\nc: [*x, *x]\n");
    assert_int_equal(diag.count, 0);
    assert_ptr_equal(yaml_get(root, "a"), yaml_get(root, "b"));
    assert_ptr_equal(yaml_get(root, "c")->items[1], yaml_get(root, "a"));
}

/*
 * The place in an expression is what a person looks at: it must be exact in all styles. The place of the X is asked for.
 */
static void test_a_place_inside_of_a_scalar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
    } rows[] = {
        {"k: a + X\n", 1, 8},
        {"k: X", 1, 4},
        {"ตะกร้า: ก + X\n", 1, 13},
        {"k: &x a + X\n", 1, 11},
        {"k: &x # why\n  # and so\n  a + X\n", 3, 7},
        {"k: 'a + X'\n", 1, 9},
        {"k: \"é + X\"\n", 1, 9},
        {"k: 'it''s '' X'\n", 1, 14},
        {"k: 'it''s\n\n   '' X'\n", 3, 7},
        {"k: \"\\t\\\"\\x20ก\\u0e01\\U00000e01\\\\ X\"\n", 1, 33},
        {"k: \"\\N\\L\\P\\_\\0\\e\\/ \\\n   \\  \\n X\"\n", 2, 10},
        {"k: \"a\\\n  b\n\n  \\\n  X\"\n", 5, 3},
        {"k: a +\n  b +\n\n    ก X\n", 4, 7},
        {"k:\n  a +\n  X\n", 3, 3},
        {"k: >-\n  a +\n  b X\n", 3, 5},
        {"k: |\n  a + ' \\ \" ''\n    ก X\n", 3, 7},
        {"k: |2+ # |\n\n     a\n  # X\n", 4, 5},
        {"k: &x |\n  a\n  X", 3, 3},
        {"k: &x\n  >\n  a\n\n  X\n", 5, 3},
        {"k: >\r\n  a +\r\n\r\n  b X\r\nl: 1\r\n", 4, 5},
        {"k: a +\r\n  X\r\n", 2, 3},
        {"k: \"a\\\r\n  X\"\r\n", 2, 3},
        {"k: |\n  a \t b\t\n  \tX\n", 3, 4},
        {"k: a\xE2\x80\xA8  X\n", 2, 3}, /* a line separator ends a line, too */
        {"\xEF\xBB\xBFk: a\n  X\n", 2, 3},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct yaml_node *root = parse(rows[i].text);
        assert_non_null(root);
        const struct yaml_node *value = root->items[0];
        const char *found = memchr(value->text.data, 'X', value->text.size);
        assert_non_null(found);
        assert_at(yaml_pos_in(value, (size_t)(found - value->text.data)), rows[i].line,
                  rows[i].column);
    }
}

/* What is missing is missing behind what is there. */
static void test_a_place_at_the_end_of_a_scalar(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("plain: a + b\n"
                                         "blank: 'a +  '\n"
                                         "empty: ''\n"
                                         "nothing:\n"
                                         "literal: |\n"
                                         "  ก +\n"
                                         "\n"
                                         "  # no comment\n"
                                         "# a comment\n"
                                         "folded: >2-\n"
                                         "    a +\n"
                                         "double: \"a\\x2b\"\n"
                                         "anchored: &x a +\n"
                                         "  b\n");
    assert_int_equal(root->count, 8);
    assert_at(yaml_pos_in(yaml_get(root, "plain"), 5), 1, 13);
    assert_at(yaml_pos_in(yaml_get(root, "plain"), 99), 1, 13);
    assert_at(yaml_pos_in(yaml_get(root, "plain"), 3), 1, 11); /* a blank */
    assert_at(yaml_pos_in(yaml_get(root, "blank"), 5), 2, 12);
    assert_at(yaml_pos_in(yaml_get(root, "empty"), 0), 3, 9);
    assert_at(yaml_pos_in(yaml_get(root, "nothing"), 0), 4, 9);
    assert_at(yaml_pos_in(yaml_get(root, "literal"), 99), 8, 15);
    assert_at(yaml_pos_in(yaml_get(root, "folded"), 99), 11, 8);
    assert_at(yaml_pos_in(yaml_get(root, "double"), 99), 12, 15);
    assert_at(yaml_pos_in(yaml_get(root, "anchored"), 99), 14, 4);
}

static void test_refused_pairs_are_reported_all_at_once_and_left_out(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("a: 1\n"
                                         "b: &x { c: 1, c: 2, 'c': 3 }\n"
                                         "<<: *x\n"
                                         "'<<': kept\n"
                                         "[k]: 1\n"
                                         "a: 2\n"
                                         "d: !x 3\n"
                                         "e: !!str 4\n"
                                         "f: ! 5\n"
                                         "g: &y !seq [1]\n");
    assert_non_null(root);
    assert_int_equal(root->count, 7);
    assert_string_equal(yaml_get(root, "a")->text.data, "1");
    assert_string_equal(yaml_get(root, "<<")->text.data, "kept");
    assert_int_equal(yaml_get(root, "b")->count, 1);
    assert_printed(
        "f.yaml:2:15: the key 'c' is already in line 2\n"
        "f.yaml:2:21: the key 'c' is already in line 2\n"
        "f.yaml:3:1: a merge key '<<' is not read; write the keys out, or use an alias as a value\n"
        "f.yaml:5:1: a key must be a text\n"
        "f.yaml:6:1: the key 'a' is already in line 1\n"
        "f.yaml:7:4: the tag '!x' has no meaning here; put a text that begins with '!' in quotes\n"
        "f.yaml:8:4: the tag '!!str' has no meaning here; put a text that begins with '!' in "
        "quotes\n"
        "f.yaml:9:4: the tag '!' has no meaning here; put a text that begins with '!' in quotes\n"
        "f.yaml:10:4: the tag '!seq' has no meaning here; put a text that begins with '!' in "
        "quotes\n");
}

static void test_a_quoted_exclamation_mark_is_no_tag(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("guard: '!context.seen'\nother: a != b\nblock: >\n  !x\n");
    assert_int_equal(diag.count, 0);
    assert_string_equal(yaml_get(root, "guard")->text.data, "!context.seen");
}

static void test_mistakes_are_said_in_words_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {"", "f.yaml:1:1: the file is empty\n"},
        {"# nothing\n", "f.yaml:1:1: the file is empty\n"},
        {"a: b: c\n", "f.yaml:1:5: ':' can't stand here; quote a text that contains ': ', or start "
                      "a new line\n"},
        {"a:\n\tb: c\n", "f.yaml:2:1: a tab can't indent; use spaces\n"},
        {"a: 'never\nclosed\n", "f.yaml:1:4: this quote is never closed\n"},
        {"a: [1,\n2\nb: 3\n", "f.yaml:3:2: expected ',' or ']' (while parsing a flow sequence that "
                              "starts in line 1)\n"},
        {"a: @x\n", "f.yaml:1:4: this character can't start a text; put the text in quotes\n"},
        {"ä: *x\n", "f.yaml:1:4: this alias (*name) has no anchor (&name) before it\n"},
        {"a: !e!x b\n",
         "f.yaml:1:4: a tag has no meaning here; put a text that begins with '!' in quotes\n"},
        {"a: \"\\q\"\n",
         "f.yaml:1:5: unknown escape; write \\\\ for a backslash, or use single quotes\n"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here; a file holds one\n"},
        {"a: 1\n...\nb: 2\n", "f.yaml:3:1: the document ends before this; a file holds one\n"},
        {"a: &x [1, *x]\n", "f.yaml:1:4: this contains itself, by way of an alias\n"},
        {"a: &x { b: { c: *x } }\n", "f.yaml:1:4: this contains itself, by way of an alias\n"},
        {"a: ü\xff\n", "f.yaml:1:5: not UTF-8; save the file in this encoding\n"},
        {"a: 1\nb: \x01\n", "f.yaml:2:4: control characters are not allowed\n"},
        {"\xff\xfe"
         "a",
         "f.yaml:1:1: not UTF-8; save the file in this encoding\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(parse(rows[i].text));
        assert_printed(rows[i].printed);
    }
}

static void test_a_byte_order_mark_moves_no_column(void **state)
{
    (void)state;
    const struct yaml_node *root = parse("\xEF\xBB\xBF"
                                         "a: b\n");
    assert_at(root->keys[0]->at, 1, 1);
    assert_at(yaml_get(root, "a")->at, 1, 4);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    char text[1001];
    memset(text, '[', 500);
    memset(text + 500, ']', 500);
    text[1000] = '\0';
    assert_null(parse(text));
    assert_printed("f.yaml:1:129: nested deeper than 128 levels\n");
    text[628] = '\0';
    assert_non_null(parse(text + 372)); /* 128 of each */
}

/* Nine lines that stand for a thousand million values. */
static void test_aliases_can_not_blow_a_file_up(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_add_text(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&text, "%s*a%d", j ? "," : "", i - 1);
        buf_add_text(&text, "]\n");
    }
    buf_add_char(&text, '\0');
    assert_null(parse(text.data));
    buf_fini(&text);
    assert_printed("f.yaml:6:5: more than 1000000 values, when aliases are followed\n");
}

/* Each line is shallow, but hangs below the one before it. */
static void test_aliases_can_not_nest_without_bound(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_add_text(&text, "a0: &a0 x\n");
    for (int i = 1; i < 1000; i++)
        buf_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    buf_add_char(&text, '\0');
    assert_null(parse(text.data));
    buf_fini(&text);
    assert_int_equal(diag.error_count, 1);
}

static void test_a_large_mapping_is_searched_for_duplicates_in_a_moment(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < 50000; i++)
        buf_printf(&text, "k%d: v\n", i);
    buf_add_text(&text, "k49999: v\n");
    buf_add_char(&text, '\0');
    const struct yaml_node *root = parse(text.data);
    assert_int_equal(root->count, 50000);
    buf_fini(&text);
    assert_printed("f.yaml:50001:1: the key 'k49999' is already in line 50000\n");
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/stagecoach-yaml-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    close(fd);
    file = yaml_load(path, &diag);
    assert_non_null(file);
    assert_string_equal(yaml_root(file)->at.file, path);
    assert_true(slice_is(yaml_source(file), "a: 1\n"));

    assert_int_equal(truncate(path, YAML_SIZE_MAX + 1), 0);
    assert_null(yaml_load(path, &diag));
    unlink(path);
    assert_int_equal(diag.error_count, 1);
    diag_fini(&diag);

    assert_null(yaml_load("/nowhere/at-all.yaml", &diag));
    assert_printed("/nowhere/at-all.yaml: can't be read: No such file or directory\n");
    assert_null(yaml_load("/", &diag));
    assert_printed("/: can't be read: Is a directory\n");
}

#define WITH_DIAG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIAG(test_a_tree_has_its_values_and_places),
        WITH_DIAG(test_plain_scalars_follow_the_json_schema),
        WITH_DIAG(test_an_alias_is_the_same_node),
        WITH_DIAG(test_a_place_inside_of_a_scalar),
        WITH_DIAG(test_a_place_at_the_end_of_a_scalar),
        WITH_DIAG(test_refused_pairs_are_reported_all_at_once_and_left_out),
        WITH_DIAG(test_a_quoted_exclamation_mark_is_no_tag),
        WITH_DIAG(test_mistakes_are_said_in_words_with_their_place),
        WITH_DIAG(test_a_byte_order_mark_moves_no_column),
        WITH_DIAG(test_depth_is_bounded),
        WITH_DIAG(test_aliases_can_not_blow_a_file_up),
        WITH_DIAG(test_aliases_can_not_nest_without_bound),
        WITH_DIAG(test_a_large_mapping_is_searched_for_duplicates_in_a_moment),
        WITH_DIAG(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
