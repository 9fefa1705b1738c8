/*
 * config/stagecoach.yaml is the documentation of the configuration: it must name each key of the
 * table, and say its default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_table.h"
#include "core/buf.h"

#define SHIPPED STAGECOACH_SOURCE_DIR "/config/stagecoach.yaml"

static struct buf text;

static int setup_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        char name[64];
        config_key_variable(&config_keys[i], name);
        unsetenv(name);
    }
    buf_init(&text);
    FILE *in = fopen(SHIPPED, "rb");
    if (!in)
        return -1;
    size_t size = fread(buf_reserve(&text, 1 << 20), 1, 1 << 20, in);
    text.size = size;
    buf_add_char(&text, '\0');
    return fclose(in);
}

static int teardown_group(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

static struct yaml_file *parse(const char *yaml, struct diag *diag)
{
    diag_init(diag);
    struct yaml_file *file = yaml_parse(SHIPPED, slice_of(yaml), diag);
    if (!file || diag->count > 0) {
        diag_print(diag, stderr);
        fail();
    }
    return file;
}

/* The value of a key as it stands in the tree of a file. */
static const struct yaml_node *find(const struct yaml_node *root, const char *path)
{
    char section[64];
    const char *dot = strchr(path, '.');
    if (!dot)
        return yaml_get(root, path);
    snprintf(section, sizeof(section), "%.*s", (int)(dot - path), path);
    return yaml_get(yaml_get(root, section), dot + 1);
}

static bool same_tree(const struct yaml_node *a, const struct yaml_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == YAML_SCALAR)
        return slice_equal(a->text, b->text);
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == YAML_MAPPING && !slice_equal(a->keys[i]->text, b->keys[i]->text))
            return false;
        if (!same_tree(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

/* A key without a default can only be shown as a comment. */
static bool is_in_a_comment(const char *path)
{
    char wanted[64];
    const char *dot = strchr(path, '.');
    snprintf(wanted, sizeof(wanted), "\n%s# %s: ", dot ? "  " : "", dot ? dot + 1 : path);
    return strstr(text.data, wanted) != NULL;
}

static void test_shows_each_key_with_its_default(void **state)
{
    (void)state;
    struct diag diag, default_diag;
    struct yaml_file *file = parse(text.data, &diag);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const struct yaml_node *shown = find(yaml_root(file), key->path);
        if (!key->fallback) {
            if (shown || !is_in_a_comment(key->path))
                fail_msg("%s has no default: shown as a comment", key->path);
            continue;
        }
        struct yaml_file *fallback = parse(key->fallback, &default_diag);
        if (!shown || !same_tree(shown, yaml_root(fallback)))
            fail_msg("%s is not shown as %s", key->path, key->fallback);
        yaml_free(fallback);
        diag_fini(&default_diag);
    }
    yaml_free(file);
    diag_fini(&diag);
}

/* A configuration of which nothing but Kafka's brokers are given is the shipped one. */
static void test_loads_to_the_defaults(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    struct config *shipped = config_load(SHIPPED, &diag);
    struct config *defaults =
        config_parse(SHIPPED, SLICE("kafka: { brokers: 'localhost:9092' }\n"), &diag);
    if (!shipped || !defaults) {
        diag_print(&diag, stderr);
        fail();
        return;
    }
    char *a = NULL, *b = NULL;
    size_t a_size, b_size;
    FILE *out = open_memstream(&a, &a_size);
    assert_non_null(out);
    config_print_effective(shipped, out);
    fclose(out);
    out = open_memstream(&b, &b_size);
    assert_non_null(out);
    config_print_effective(defaults, out);
    fclose(out);
    assert_string_equal(a, b);
    free(a);
    free(b);
    config_free(shipped);
    config_free(defaults);
    diag_fini(&diag);
}

static void test_the_table_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        assert_int_equal(config_key_find(key->path), i); /* no path twice */
        assert_true(strlen(key->help) > 10);
        assert_true(key->type != CONFIG_CHOICE || key->choices);
        assert_true(key->min <= key->max);
    }
    assert_int_equal(config_key_find("kafka"), config_key_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_complete),
        cmocka_unit_test(test_shows_each_key_with_its_default),
        cmocka_unit_test(test_loads_to_the_defaults),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
