/* `check --dot`: every state with its labels, every timer and signal, in text that Graphviz reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/utf8.h"
#include "rules/machine.h"
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
        "description: 'a \"quoted\" \\ text, &amp;'\n"
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
    assert_non_null(strstr(text, "a \\\"quoted\\\" \\\\ text, &amp;amp;"));
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

/* ---- with Graphviz itself ---- */

/* `&#45;` and its like to what they stand for, in place. */
static void unescape(char *text)
{
    static const char *const names[][2] = {
        {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}};
    char *out = text;
    while (*text) {
        size_t n = 0, count = sizeof names / sizeof *names;
        if (strncmp(text, "&#", 2) == 0) {
            *out++ = (char)strtol(text + 2, &text, 10);
            text += *text == ';';
            continue;
        }
        while (n < count && strncmp(text, names[n][0], strlen(names[n][0])) != 0)
            n++;
        *out++ = n < count ? *names[n][1] : *text;
        text += n < count ? strlen(names[n][0]) : 1;
    }
    *out = '\0';
}

/* What `dot -Tsvg` makes of it; fails where it does not like it. */
static char *picture_of(const char *drawing)
{
    char path[] = "/tmp/stagecoach-dot-XXXXXX", command[64];
    size_t capacity = 4 << 20, size;
    char *svg = malloc(capacity);
    int file = mkstemp(path);
    assert_true(svg && file >= 0);
    assert_int_equal(write(file, drawing, strlen(drawing)), strlen(drawing));
    close(file);
    snprintf(command, sizeof command, "dot -Tsvg %s", path);
    FILE *dot = popen(command, "r");
    assert_non_null(dot);
    size = fread(svg, 1, capacity - 1, dot);
    svg[size] = '\0';
    assert_int_equal(pclose(dot), 0);
    unlink(path);
    unescape(svg);
    return svg;
}

static void assert_in_picture(const char *svg, struct slice label)
{
    char text[256];
    snprintf(text, sizeof text, ">%.*s</text>", (int)label.size, label.data);
    if (!strstr(svg, text))
        fail_msg("%.*s is not in the picture", (int)label.size, label.data);
}

static void test_graphviz_draws_every_label(void **state)
{
    static const char *const names[] = {"cart",         "browse",     "lifecycle",
                                        "buyer",        "experience", "loyalty",
                                        "relationship", "friction",   "touchpoints"};
    (void)state;
    if (system("dot -V 2>/dev/null") != 0) {
        print_message("skipped: Graphviz (dot) is not installed\n");
        skip();
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        const char *file = path;
        struct scenario_world world;
        snprintf(path, sizeof path, STAGECOACH_SOURCE_DIR "/config/machines/%s.yaml", names[i]);
        scenario_open_files(&world, &file, 1, 0);
        char *text = drawn(&world), *svg = picture_of(text);
        const struct machine *machine = &world.rules->machines[0];
        for (uint32_t s = 0; s < machine->state_count; s++) {
            assert_in_picture(svg, machine->states[s].name);
            for (size_t d = 0; d < machine->states[s].description->count; d++)
                assert_in_picture(svg, machine->states[s].description->items[d]->text);
        }
        free(svg);
        free(text);
        scenario_close(&world);
    }
}

static void test_graphviz_reads_what_is_odd(void **state)
{
    static const char *const machines[] = {
        "machine: m\n"
        "initial: a\n"
        "states:\n"
        "  a: { description: 'A \"label\" \\n <b>&amp;</b> {x|y} ก' }\n"};
    struct scenario_world world;
    (void)state;
    if (system("dot -V 2>/dev/null") != 0)
        skip();
    scenario_open(&world, machines, 1);
    char *text = drawn(&world), *svg = picture_of(text);
    assert_in_picture(svg, SLICE("A \"label\" \\n <b>&amp;</b> {x|y} ก"));
    free(svg);
    free(text);
    scenario_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shipped_cart),
        cmocka_unit_test(test_quotes_and_long_guards),
        cmocka_unit_test(test_graphviz_draws_every_label),
        cmocka_unit_test(test_graphviz_reads_what_is_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
