/* `check --dot`: every state with its labels, every timer and signal, in text that Graphviz reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/utf8.h"
#include "step_scenario.h"

static char *drawn(struct scenario_world *world)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    rules_dot(world->rules, out);
    fclose(out);
    return text;
}

/* Braces and brackets outside of quotes close, and each quote does. */
static bool is_balanced(const char *text)
{
    int depth = 0;
    bool quoted = false;
    for (; *text; text++) {
        if (quoted && *text == '\\')
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
    }
    return !quoted && depth == 0;
}

static void test_the_shipped_cart(void **state)
{
    static const char *const parts[] = {"label=\"cart\\nShopping cart\\nตะกร้าสินค้า\"",
                                        "label=\"empty\\nEmpty\\nว่างเปล่า\"",
                                        "label=\"active\\nIn use\\n",
                                        "label=\"checkout\\nAt the checkout\\n",
                                        "label=\"abandoned\\nAbandoned\\nรถเข็นที่ถูกละทิ้ง\"",
                                        "m0_s1 -> m0_s3 [label=\"idle 30m\\n» cart.abandoned\"]",
                                        "m0_s3 -> m0_s0 [label=\"after 7d\\n» cart.expired\"]",
                                        "[event.time < entered]",
                                        "any state",
                                        "m0_begin -> m0_s0"};
    const char *file = STAGECOACH_SOURCE_DIR "/config/machines/cart.yaml";
    struct scenario_world world;
    (void)state;
    scenario_open_files(&world, &file, 1, 0);
    char *text = drawn(&world);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_non_null(strstr(text, parts[i]));
    assert_true(is_balanced(text));
    free(text);
    scenario_close(&world);
}

/* What means something to Graphviz is written so that it does not; long guards are cut between characters. */
static void test_quotes_and_long_guards(void **state)
{
    static const char *const machines[] = {
        "machine: m\n"
        "description: 'a \"quoted\" \\ text'\n"
        "context: { when: timestamp }\n"
        "initial: a\n"
        "states:\n"
        "  a:\n"
        "    goal: true\n"
        "    at: { when: { target: b } }\n"
        "    on: { go: { guard: 'event.name == \"x\" || event.name == "
        "\"ตะกร้าสินค้าตะกร้าสินค้าตะกร้าสินค้า\"', emit: m.went }, quiet: {}, assigned: { actions: { "
        "assign: { when: now } } } }\n"
        "  b: {}\n"};
    struct scenario_world world;
    (void)state;
    scenario_open(&world, machines, 1);
    char *text = drawn(&world);
    assert_non_null(strstr(text, "a \\\"quoted\\\" \\\\ text"));
    assert_non_null(strstr(text, "\\n[event.name == \\\"x\\\" || "));
    assert_non_null(strstr(text, " …]\\n» m.went"));
    assert_non_null(strstr(text, "m0_s0 -> m0_s1 [label=\"at when\"]"));
    assert_non_null(strstr(text, "m0_s0 -> m0_s0 [style=dashed, label=\"assigned\"]"));
    assert_null(strstr(text, "quiet"));
    assert_true(is_balanced(text));
    assert_true(utf8_valid(slice_of(text)));
    free(text);
    scenario_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shipped_cart),
        cmocka_unit_test(test_quotes_and_long_guards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
