/*
 * `stagecoach eval`: what it prints of each type, what it says of errors, what an event is made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "command_run.h"

static struct command_output output;

static int eval(const char *event, const char *expression)
{
    if (event)
        command_run(cmd_eval,
                    (const char *const[]){"eval", "--event", event, "--", expression, NULL},
                    &output);
    else
        command_run(cmd_eval, (const char *const[]){"eval", "--", expression, NULL}, &output);
    return output.code;
}

/* One line of JSON on stdout, and nothing else. */
static void assert_value(const char *event, const char *expression, const char *json)
{
    char line[1024];
    snprintf(line, sizeof line, "%s\n", json);
    int code = eval(event, expression);
    assert_string_equal(output.err, "");
    assert_string_equal(output.out, line);
    assert_int_equal(code, 0);
}

static void assert_error(const char *event, const char *expression, const char *text)
{
    char line[1024];
    snprintf(line, sizeof line, "error: %s\n", text);
    int code = eval(event, expression);
    assert_string_equal(output.err, line);
    assert_string_equal(output.out, "");
    assert_int_equal(code, 1);
}

static void test_values_are_printed_as_json(void **state)
{
    static const char *const table[][2] = {
        {"null", "null"},
        {"1 < 2", "true"},
        {"-7 / 2", "-3"},
        {"9223372036854775807", "9223372036854775807"},
        {"18446744073709551615u", "18446744073709551615"},
        {"0.1 + 0.2", "0.30000000000000004"},
        {"2.0", "2"},
        {"0.0 / 0.0", "\"NaN\""},
        {"1.0 / 0.0", "\"Infinity\""},
        {"-1.0 / 0.0", "\"-Infinity\""},
        {"'รถ\\n\"' + 'x'", "\"รถ\\n\\\"x\""},
        {"b'xyz'", "\"eHl6\""},
        {"timestamp('2026-01-05T10:00:00+07:00')", "\"2026-01-05T03:00:00Z\""},
        {"timestamp('2026-01-05T10:00:00.5Z')", "\"2026-01-05T10:00:00.500Z\""},
        {"duration('1d') + duration('500ms')", "\"86400.5s\""},
        {"[1, 2, 3].map(n, n * n)", "[1,4,9]"},
        {"{'a': [1u, null], 'b': {2: 3.5}}", "{\"a\":[1,null],\"b\":{\"2\":3.5}}"},
        {"type(1)", "\"int\""},
        {"next_date(timestamp('2026-01-05T10:00:00Z'), '02-01T09:00', 'Asia/Bangkok')",
         "\"2026-02-01T02:00:00Z\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_value(NULL, table[i][0], table[i][1]);
}

/*
 * A name that nobody has asked for does no harm; one that is needed is an error of the evaluation.
 */
static void test_names_are_bound_late(void **state)
{
    (void)state;
    assert_value(NULL, "true || nobody", "true");
    assert_value(NULL, "false && nobody(1)", "false");
    assert_value(NULL, "get(nobody.knows, 3)", "3");
    assert_error(NULL, "nobody", "there is no 'nobody'");
    assert_error(NULL, "event.name", "there is no 'event'");
    assert_error(NULL, "touched(context.items)", "there is no function 'touched'");
}

static void test_errors_go_to_stderr(void **state)
{
    (void)state;
    assert_error(NULL, "1 / 0", "division by zero");
    assert_error(NULL, "[1, 1 / 0]", "division by zero");
    assert_error(NULL, "'a' + 1", "no such overload: string + int");
    assert_error(NULL, "9223372036854775807 + 1", "the result is too large for its type");
    assert_error(NULL, "{'a': 1}.b", "no such key: b");
    assert_error(NULL, "", "the expression is empty, at column 1");
    assert_error(NULL, "'é' +", "the expression ends here, but a value is missing, at column 6");
}

#define EVENT                                                                                      \
    "{\"name\": \"product_added\", \"time\": \"2026-01-05T10:00:00+07:00\", \"id\": 7, "           \
    "\"customer\": 42, "                                                                           \
    "\"properties\": {\"product_id\": 5, \"price\": \"9.90\", \"timezone\": \"Asia/Bangkok\", "    \
    "\"revenue\": 3, "                                                                             \
    "\"products\": [{\"sku\": 8}], \"tags\": {\"a\": [true]}}}"

static void test_the_event_is_as_rules_see_it(void **state)
{
    static const char *const table[][2] = {
        {"event.name", "\"product_added\""},
        {"event.time", "\"2026-01-05T03:00:00Z\""},
        {"event.time.getHours('Asia/Bangkok')", "10"},
        {"now - event.time", "\"0s\""},
        {"event.id + event.customer", "\"742\""},
        {"event.late", "false"},
        {"event.properties.product_id", "\"5\""},
        {"event.properties.products[0].product_id", "\"8\""},
        {"event.properties.value", "3"},
        {"event.properties.timezone", "\"Asia/Bangkok\""},
        {"event.properties.tags.a[0]", "true"},
        {"event.properties.price == '9.90'", "true"},
        {"get(event.properties.price, 0.0) * 2.0", "19.8"},
        {"get(event.properties.quantity, 1)", "1"},
        {"has(event.properties.coupon)", "false"},
        {"event.raw.time", "\"2026-01-05T10:00:00+07:00\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_value(EVENT, table[i][0], table[i][1]);
    assert_error(EVENT, "event.properties.nope", "no such key: nope");
    assert_value("{\"time\": 1767582000123, \"late\": true}", "[event.time, event.late]",
                 "[\"2026-01-05T03:00:00.123Z\",true]");
    assert_value("{\"time\": \"1969-12-31T23:59:59.9996Z\"}", "[event.time, now]",
                 "[\"1969-12-31T23:59:59.999Z\",\"1969-12-31T23:59:59.999Z\"]");
    assert_value("{\"time\": null}", "has(event.time)", "false");
}

static void test_wrong_events(void **state)
{
    (void)state;
    assert_error("[1]", "1", "--event: not a JSON object");
    assert_error("{\"time\": \"yesterday\"}", "1",
                 "--event: `time` must be a text with an offset, such as \"2026-01-05T10:00:00Z\", "
                 "or ms since 1970");
    assert_error("{\"properties\": 3}", "1", "--event: `properties` must be an object");
    assert_int_equal(eval("{\"a\":", "1"), 1);
    assert_memory_equal(output.err, "error: --event: not JSON, at column ", 36);
    char deep[256] = "{\"a\":";
    for (int i = 0; i < 40; i++)
        strcat(deep, "[");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]");
    strcat(deep, "}");
    assert_error(deep, "1", "--event: deeper than 32 levels");
}

static void test_usage(void **state)
{
    (void)state;
    command_run(cmd_eval, (const char *const[]){"eval", "1 + 2", NULL}, &output);
    assert_string_equal(output.out, "3\n");
    command_run(cmd_eval, (const char *const[]){"eval", NULL}, &output);
    assert_int_equal(output.code, 2);
    command_run(cmd_eval, (const char *const[]){"eval", "1", "+", "2", NULL}, &output);
    assert_int_equal(output.code, 2);
    assert_non_null(strstr(output.err, "one EXPRESSION is needed, in quotes; there are 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_printed_as_json),
        cmocka_unit_test(test_names_are_bound_late),
        cmocka_unit_test(test_errors_go_to_stderr),
        cmocka_unit_test(test_the_event_is_as_rules_see_it),
        cmocka_unit_test(test_wrong_events),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
