/*
 * The conformance vectors of the language's own project, each through compiler and evaluator.
 *
 * Those that fail are listed here and, with their reasons, in docs/cel.md: one that begins to pass,
 * or another that begins to fail, fails the test.
 */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/arena.h"
#include "rules/cel.h"

#define VECTORS STAGECOACH_SOURCE_DIR "/../shared/data/cel/conformance.jsonl"

/* file/section/name: expression */
static const char *const known_failures[] = {
    NULL,
};

static bool resolve_nothing(void *self, const struct slice *segments, uint32_t count,
                            struct cel_binding *binding, char *message)
{
    (void)self;
    (void)segments;
    (void)count;
    (void)binding;
    (void)message;
    return false;
}

static struct value load_nothing(struct cel_activation *activation, uint32_t slot)
{
    (void)activation;
    (void)slot;
    return (struct value){0};
}

static struct value evaluate(struct slice text, struct arena *arena, struct cel_program **program)
{
    const struct cel_host host = {.resolve = resolve_nothing, .bind_late = true};
    struct cel_activation activation = {.load = load_nothing, .arena = arena};
    struct cel_problem problem;
    uint32_t count;
    *program = cel_compile(text, &host, CEL_DYN, &problem, 1, &count);
    if (!*program)
        return cel_error(arena, "%s", problem.message);
    return cel_eval(*program, &activation);
}

static bool double_is(double got, const char *wanted)
{
    double d = strtod(wanted, NULL);
    return (isnan(d) && isnan(got)) || (!(got < d) && !(got > d) && signbit(d) == signbit(got));
}

static bool is_expected(struct value got, const json_t *vector)
{
    if (json_object_get(vector, "error"))
        return got.kind == VALUE_ERROR;
    const char *type = json_string_value(json_object_get(vector, "type"));
    const json_t *json = json_object_get(vector, "value");
    const char *wanted = json_string_value(json);
    if (strcmp(type, "int64") == 0)
        return got.kind == VALUE_INT && got.i == strtoll(wanted, NULL, 10);
    if (strcmp(type, "uint64") == 0)
        return got.kind == VALUE_UINT && got.u == strtoull(wanted, NULL, 10);
    if (strcmp(type, "double") == 0)
        return got.kind == VALUE_DOUBLE && double_is(got.d, wanted);
    if (strcmp(type, "bool") == 0)
        return got.kind == VALUE_BOOL && got.b == (strcmp(wanted, "true") == 0);
    if (strcmp(type, "string") == 0)
        return got.kind == VALUE_STRING &&
               slice_equal(value_text(got), (struct slice){wanted, json_string_length(json)});
    return strcmp(type, "null") == 0 && got.kind == VALUE_NULL;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; known_failures[i]; i++)
        if (strcmp(known_failures[i], name) == 0)
            return true;
    return false;
}

struct tally {
    int total, passed, surprises;
};

static void run_vector(const json_t *vector, struct tally *core, struct tally *extensions)
{
    const char *file = json_string_value(json_object_get(vector, "file"));
    const json_t *expr = json_object_get(vector, "expr");
    bool is_extension = strcmp(file, "math_ext") == 0 || strcmp(file, "string_ext") == 0 ||
                        strcmp(file, "macros2") == 0;
    struct tally *tally = is_extension ? extensions : core;
    struct cel_program *program;
    struct arena arena;
    char name[4096];
    arena_init(&arena);
    struct slice text = {json_string_value(expr), json_string_length(expr)};
    struct value got = evaluate(text, &arena, &program);
    bool passed = is_expected(got, vector);
    snprintf(name, sizeof(name), "%s/%s/%s: %s", file,
             json_string_value(json_object_get(vector, "section")),
             json_string_value(json_object_get(vector, "name")), text.data);
    if (passed == is_known(name)) {
        print_error("%s %s (kind %u: %.*s)\n", passed ? "passes now:" : "fails:", name, got.kind,
                    got.kind == VALUE_ERROR || got.kind == VALUE_STRING ? (int)got.size : 0,
                    got.kind == VALUE_ERROR || got.kind == VALUE_STRING ? got.s : "");
        tally->surprises++;
    }
    tally->total++;
    tally->passed += passed;
    cel_free(program);
    arena_fini(&arena);
}

static void test_the_vectors_give_what_the_language_defines(void **state)
{
    struct tally core = {0}, extensions = {0};
    char *line = NULL;
    size_t capacity = 0;
    (void)state;
    FILE *file = fopen(VECTORS, "r");
    if (!file) {
        print_message("SKIPPED: no vectors at ../shared/data/cel/conformance.jsonl\n");
        skip();
    }
    while (getline(&line, &capacity, file) > 0) {
        json_t *vector = json_loads(line, JSON_ALLOW_NUL, NULL);
        assert_non_null(vector);
        run_vector(vector, &core, &extensions);
        json_decref(vector);
    }
    free(line);
    fclose(file);
    print_message("core: %d of %d, extensions: %d of %d\n", core.passed, core.total,
                  extensions.passed, extensions.total);
    assert_int_equal(core.surprises + extensions.surprises, 0);
    assert_true(core.total > 400 && extensions.total > 200);
    assert_true(core.passed * 100 >= core.total * 98);
    assert_true(extensions.passed * 100 >= extensions.total * 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors_give_what_the_language_defines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
