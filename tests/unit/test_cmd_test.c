/*
 * `stagecoach test`: what it accepts, what it shows, how it ends. Every test has a folder of its
 * own with a machine file and a file of tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "command_run.h"
#include "core/buf.h"

struct folder {
    char path[64], machine[96], tests[96], junit[96];
    struct command_output output;
};

/* A door: knock opens it, 10 minutes of silence close it. */
static const char door[] =
    "machine: door\n"
    "context: { knocks: int, by: { type: set, max: 8 } }\n"
    "data: { knocks: context.knocks, by: context.by, half: context.knocks / 2, parts: '[{\"a\": 1, "
    "\"b\": context.knocks}]' }\n"
    "observe:\n"
    "  knock:\n"
    "    - assign: { knocks: context.knocks + 1 }\n"
    "    - { guard: has(event.properties.who), add: { by: event.properties.who } }\n"
    "initial: shut\n"
    "states:\n"
    "  shut: { on: { knock: { target: open, emit: door.opened } } }\n"
    "  open:\n"
    "    idle: { 10m: { target: shut, emit: { type: door.shut, data: { since: now - entered } } } "
    "}\n"
    "    on: { knock: { emit: door.knocked } }\n";

static int open_folder(void **state)
{
    static struct folder folder;
    snprintf(folder.path, sizeof folder.path, "/tmp/stagecoach-tests-XXXXXX");
    if (!mkdtemp(folder.path))
        return -1;
    snprintf(folder.machine, sizeof folder.machine, "%s/door.yaml", folder.path);
    snprintf(folder.tests, sizeof folder.tests, "%s/door.test.yaml", folder.path);
    snprintf(folder.junit, sizeof folder.junit, "%s/junit.xml", folder.path);
    *state = &folder;
    return 0;
}

static int close_folder(void **state)
{
    struct folder *folder = *state;
    remove(folder->machine);
    remove(folder->tests);
    remove(folder->junit);
    return rmdir(folder->path);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Runs `tests` as they stand. */
static int run(struct folder *folder, const char *tests)
{
    write_file(folder->machine, door);
    write_file(folder->tests, tests);
    command_run(cmd_test, (const char *const[]){"test", folder->tests, NULL}, &folder->output);
    return folder->output.code;
}

#define HEAD "machines: [ door.yaml ]\ncases:\n"

/* `text` with every FILE as the path of the tests. */
static void assert_prints(const struct folder *folder, const char *got, const char *text)
{
    struct buf wanted;
    const char *file;
    buf_init(&wanted);
    for (; (file = strstr(text, "FILE")) != NULL; text = file + 4) {
        buf_add(&wanted, text, (size_t)(file - text));
        buf_add_text(&wanted, folder->tests);
    }
    buf_add(&wanted, text, strlen(text) + 1);
    assert_string_equal(got, wanted.data);
    buf_fini(&wanted);
}

/* ---- what passes ---- */

static void test_all_that_is_named_is_compared(void **state)
{
    struct folder *folder = *state;
    int code =
        run(folder,
            HEAD "  - name: every field\n"
                 "    given:\n"
                 "      - { at: 0s, event: knock, properties: { who: Ann } }\n"
                 "      - { at: +5m, event: Page Viewed, customer: customer }\n"
                 "    expect:\n"
                 "      - { at: 0s, type: door.opened, machine: door, from: shut, to: open, cause: "
                 "knock, customer: customer, data: { knocks: 1, by: [ Ann ] } }\n"
                 "      - { at: 15m, type: door.shut, cause: timer, data: { since: 900000 } }\n"
                 "    until: 1h\n"
                 "    state: { door: shut }\n");
    assert_prints(folder, folder->output.err, "");
    assert_prints(folder, folder->output.out, "ok     FILE: 1 passed\n1 passed, 0 failed\n");
    assert_int_equal(code, 0);
}

/* `+` is from the event before, also where that was late; ids drop duplicates; 20.0 is 20. */
static void test_given_events_are_those_of_production(void **state)
{
    struct folder *folder = *state;
    int code =
        run(folder,
            "machines: [ door.yaml ]\nstart: 2026-01-05T10:00:00+07:00\ncases:\n"
            "  - name: duplicates\n"
            "    given:\n"
            "      - { at: 2m, event: knock, id: 7 }\n"
            "      - { at: 3m, event: knock, id: '7' }\n"
            "      - { at: 1m, event: page_viewed }\n"
            "      - { at: +2m, event: knock }\n"
            "    expect:\n"
            "      - { at: 2m, type: door.opened, data: { knocks: 1.0, parts: [ { b: 1 } ] } }\n"
            "      - { at: 3m, type: door.knocked, data: { knocks: 2 } }\n"
            "  - name: the clock stops at the greatest event time\n"
            "    given: [ { at: 2026-01-05T03:00:01Z, event: knock } ]\n"
            "    expect: [ { at: 1s, type: door.opened } ]\n"
            "    state: { door: open }\n"
            "  - name: only the state is looked at\n"
            "    given: [ { at: 0s, event: knock } ]\n"
            "    until: 10m\n"
            "    state: { door: shut }\n");
    assert_prints(folder, folder->output.out, "ok     FILE: 3 passed\n3 passed, 0 failed\n");
    assert_int_equal(code, 0);
}

/* Of one time the order between customers is not defined, so either is right; by time it is. */
static void test_several_customers_in_the_order_of_time(void **state)
{
    static const char *const orders[] = {"Ann", "Bob", "Bob", "Ann"};
    struct folder *folder = *state;
    for (int i = 0; i < 4; i += 2) {
        char tests[1024];
        snprintf(tests, sizeof tests,
                 HEAD "  - name: two\n"
                      "    given:\n"
                      "      - { at: 0s, event: knock, customer: Ann }\n"
                      "      - { at: 0s, event: knock, customer: Bob }\n"
                      "      - { at: 10m3s, event: knock, customer: Eve }\n"
                      "    expect:\n"
                      "      - { type: door.opened }\n"
                      "      - { type: door.opened }\n"
                      "      - { at: 10m, type: door.shut, customer: %s }\n"
                      "      - { at: 10m, type: door.shut, customer: %s }\n"
                      "      - { at: 10m3s, type: door.opened, customer: Eve }\n",
                 orders[i], orders[i + 1]);
        assert_int_equal(run(folder, tests), 0);
    }
}

/*
 * Traits of an identify and the context's time zone are properties to the rules, and so they are
 * here.
 */
static void test_properties_are_what_rules_see(void **state)
{
    struct folder *folder = *state;
    write_file(
        folder->machine,
        "machine: door\n"
        "initial: shut\n"
        "states:\n"
        "  shut:\n"
        "    on:\n"
        "      customer_identified: { emit: { type: met, data: { in: event.properties.timezone, "
        "born: event.properties.birthday, type: event.raw.type } } }\n"
        "      knock: { emit: { type: met, data: { in: event.properties.timezone, type: "
        "event.raw.type } } }\n");
    write_file(folder->tests, HEAD
               "  - name: traits\n"
               "    given:\n"
               "      - { at: 0s, event: customer_identified, properties: { birthday: 1990-02, "
               "timezone: Asia/Tokyo } }\n"
               "      - { at: 1s, event: knock, properties: { timezone: Asia/Bangkok } }\n"
               "    expect:\n"
               "      - { type: met, data: { in: Asia/Tokyo, born: 1990-02, type: identify } }\n"
               "      - { type: met, data: { in: Asia/Bangkok, type: track } }\n");
    command_run(cmd_test, (const char *const[]){"test", folder->tests, NULL}, &folder->output);
    assert_prints(folder, folder->output.out, "ok     FILE: 1 passed\n1 passed, 0 failed\n");
}

static void test_constants(void **state)
{
    static const char machine[] =
        "machine: door\n"
        "initial: shut\n"
        "states:\n"
        "  shut: { on: { knock: { emit: { type: met, data: { in: constants.timezone } } } } }\n";
    static const char tests[] = "  - name: zone\n"
                                "    given: [ { at: 0s, event: knock } ]\n"
                                "    expect: [ { type: met, data: { in: %s } } ]\n";
    static const char *const heads[][2] = {
        {HEAD, "Asia/Bangkok"}, {"constants: { timezone: Europe/Rome }\n" HEAD, "Europe/Rome"}};
    struct folder *folder = *state;
    write_file(folder->machine, machine);
    for (size_t i = 0; i < 2; i++) {
        char text[512];
        int size = snprintf(text, sizeof text, "%s", heads[i][0]);
        snprintf(text + size, sizeof text - (size_t)size, tests, heads[i][1]);
        write_file(folder->tests, text);
        command_run(cmd_test, (const char *const[]){"test", folder->tests, NULL}, &folder->output);
        assert_int_equal(folder->output.code, 0);
    }
}

/* ---- what fails ---- */

static void test_a_difference_is_shown_line_by_line(void **state)
{
    struct folder *folder = *state;
    int code = run(folder, HEAD "  - name: knocking\n"
                                "    given:\n"
                                "      - { at: 0s, event: knock, properties: { who: Ann } }\n"
                                "      - { at: 1m, event: knock, properties: { who: Bob } }\n"
                                "    expect:\n"
                                "      - { at: 0s, type: door.opened, data: { knocks: 1 } }\n"
                                "      - { at: 2m, type: door.knocked, to: shut, data: { knocks: "
                                "'2', by: [ Ann ], nobody: 1, "
                                "parts: [ { b: 3 }, 4 ] } }\n"
                                "      - { type: door.locked }\n"
                                "    state: { door: shut }\n"
                                "\n"
                                "  - name: nothing comes of it\n"
                                "    given: [ { at: 0s, event: page_viewed } ]\n"
                                "    expect: []\n");
    assert_prints(folder, folder->output.out,
                  "FAILED FILE:3: knocking\n"
                  "--- expected\n"
                  "+++ got\n"
                  "  { at: 0s, type: door.opened, data: { knocks: 1 } }\n"
                  "  { at: 1m, type: door.knocked }, but:\n"
                  "-     at: 2m\n"
                  "+     at: 1m\n"
                  "-     to: shut\n"
                  "+     to: open\n"
                  "-     data.knocks: \"2\"\n"
                  "+     data.knocks: 2\n"
                  "+     data.by[1]: Bob\n"
                  "-     data.nobody: 1\n"
                  "-     data.parts[0].b: 3\n"
                  "+     data.parts[0].b: 2\n"
                  "-     data.parts[1]: 4\n"
                  "- { type: door.locked }\n"
                  "  state:\n"
                  "-     door: shut\n"
                  "+     door: open\n"
                  "\n"
                  "FAILED FILE: 1 passed, 1 failed\n"
                  "1 passed, 1 failed\n");
    assert_int_equal(code, 1);
}

static void test_a_signal_that_nobody_expects_is_shown_whole(void **state)
{
    struct folder *folder = *state;
    int code =
        run(folder, HEAD
            "  - name: quiet\n"
            "    given: [ { at: 90s, event: knock, properties: { who: '7' }, customer: Ann } ]\n"
            "    expect: []\n");
    assert_prints(folder, folder->output.out,
                  "FAILED FILE:3: quiet\n"
                  "--- expected\n"
                  "+++ got\n"
                  "+ { at: 1m30s, type: door.opened, machine: door, from: shut, to: open, cause: "
                  "knock, customer: Ann, "
                  "data: { knocks: 1, by: [ \"7\" ], half: 0, parts: [ { a: 1, b: 1 } ] } }\n"
                  "\n"
                  "FAILED FILE: 0 passed, 1 failed\n"
                  "0 passed, 1 failed\n");
    assert_int_equal(code, 1);
}

/* Signals that came in another order than expected are not as expected. */
static void test_order_counts(void **state)
{
    struct folder *folder = *state;
    int code =
        run(folder, HEAD "  - name: order\n"
                         "    given: [ { at: 0s, event: knock }, { at: 0s, event: knock } ]\n"
                         "    expect: [ { type: door.knocked }, { type: door.opened } ]\n");
    assert_int_equal(code, 1);
    assert_non_null(
        strstr(folder->output.out, "- { type: door.knocked }\n  { type: door.opened }\n+ "));
}

static void test_a_difference_of_one_ms_or_of_a_fraction_counts(void **state)
{
    struct folder *folder = *state;
    static const char *const since[] = {"600000",   "600000.0", "6e5",  "600001", "600000.001",
                                        "'600000'", "null",     "true", "[]",     "{}"};
    for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
        char tests[512];
        snprintf(tests, sizeof tests,
                 HEAD "  - name: n\n    given: [ { at: 0s, event: knock } ]\n    until: 1h\n"
                      "    expect: [ { type: door.opened }, { at: 10m, data: { since: %s } } ]\n",
                 since[i]);
        assert_int_equal(run(folder, tests), i < 3 ? 0 : 1);
    }
}

static void test_rules_that_failed_are_named(void **state)
{
    struct folder *folder = *state;
    write_file(folder->machine, "machine: door\ninitial: shut\nstates:\n  shut:\n    on:\n"
                                "      knock: { guard: event.properties.hard, target: open }\n  "
                                "open: {description: { en: Open } }\n");
    write_file(
        folder->tests, HEAD
        "  - name: hard\n    given: [ { at: 0s, event: knock } ]\n    state: { door: open }\n");
    command_run(cmd_test, (const char *const[]){"test", folder->tests, NULL}, &folder->output);
    assert_int_equal(folder->output.code, 1);
    assert_non_null(strstr(folder->output.out,
                           "  rules that failed: guards 1, data 0, actions 0, chains 0\n    "));
    assert_non_null(strstr(folder->output.out, "door.yaml:6:23: 1 times, the last: "));
}

/* ---- wrong files ---- */

static void test_wrong_files_are_told_where(void **state)
{
    static const char *const table[][2] = {
        {"", "FILE:1:1: the file is empty\n"},
        {"- 1\n", "FILE:1:1: a file of tests must be a mapping (key: value), not a list\n"},
        {"machines: [ door.yaml ]\n", "FILE:1:1: a file of tests needs `cases`\n"},
        {"machines: [ door.yaml ]\ncases: []\n",
         "FILE:2:8: `cases` is empty: nothing would be tested\n"},
        {"machines: []\ncases: [ { name: x, given: [ { at: 0s, event: a } ], expect: [] } ]\n",
         "FILE:1:11: `machines` is empty: name the machine files that are tested\n"},
        {HEAD "  - { nam: x, given: [ { at: 0s, event: a } ], expect: [] }\n",
         "FILE:3:5: a case needs `name`\nFILE:3:7: a case has no key 'nam': did you mean "
         "'name'?\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a } ] }\n",
         "FILE:3:5: a case needs `expect` (`[]` for no signal at all) or `state`\n"},
        {HEAD "  - { name: x, given: [], expect: [] }\n",
         "FILE:3:23: `given` is empty: without an event there is no clock\n"},
        {HEAD "  - { name: x, given: [ { at: 30 min, event: a } ], expect: [] }\n",
         "FILE:3:31: `at` must be the time since the start, such as 0s, 35m or 1d2h, or since the "
         "event before, such "
         "as +5m, not '30 min'\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a, propertis: {} } ], expect: [] }\n",
         "FILE:3:45: an event has no key 'propertis': did you mean 'properties'?\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a, properties: [] } ], expect: [] }\n",
         "FILE:3:57: `properties` must be a mapping (key: value), not a list\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: '' } ], expect: [] }\n",
         "FILE:3:42: `event` must be a text, not nothing\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a, customer: 1.5 } ], expect: [] }\n",
         "FILE:3:55: `customer` must be a text or an integer, 1 to 128 bytes long\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a } ], expect: [ { at: +5m, typ: y } ] }\n",
         "FILE:3:65: `at` must be the time since the start, such as 0s, 35m or 1d2h, not '+5m'\n"
         "FILE:3:70: a signal has no key 'typ': did you mean 'type'?\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a } ], state: { dor: open } }\n",
         "FILE:3:58: `machines` has no machine 'dor': did you mean 'door'?\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a } ], state: { door: opne } }\n",
         "FILE:3:64: door has no state 'opne': did you mean 'open'?\n"},
        {HEAD "  - { name: x, given: [ { at: 0s, event: a } ], expect: [], until: soon }\n",
         "FILE:3:68: `until` must be the time since the start, such as 0s, 35m or 1d2h, not "
         "'soon'\n"},
        {"start: yesterday\n" HEAD "  - { name: x, given: [ { at: 0s, event: a } ], expect: [] }\n",
         "FILE:1:8: `start` must be a time with an offset, such as 2026-01-05T10:00:00Z\n"},
        {"constants: 3\n" HEAD "  - { name: x, given: [ { at: 0s, event: a } ], expect: [] }\n",
         "FILE:1:12: `constants` must be a mapping (key: value), not a single value\n"},
    };
    struct folder *folder = *state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int code = run(folder, table[i][0]);
        assert_prints(folder, folder->output.err, table[i][1]);
        assert_prints(folder, folder->output.out, "");
        assert_int_equal(code, 2);
    }
}

static void test_data_deeper_than_a_signal_can_be(void **state)
{
    struct folder *folder = *state;
    char tests[512] =
        HEAD "  - { name: x, given: [ { at: 0s, event: a } ], expect: [ { data: { x: ";
    for (int i = 0; i < 40; i++)
        strcat(tests, "[");
    for (int i = 0; i < 40; i++)
        strcat(tests, "]");
    strcat(tests, " } } ] }\n");
    int code = run(folder, tests);
    assert_prints(folder, folder->output.err,
                  "FILE:3:67: `data` is deeper than 32 levels: no signal is\n");
    assert_int_equal(code, 2);
}

static void test_a_wrong_machine_is_told_too(void **state)
{
    struct folder *folder = *state;
    write_file(folder->machine, "machine: door\ninitial: shut\nstates: { shut: { onn: {} } }\n");
    write_file(folder->tests,
               HEAD "  - { name: x, given: [ { at: 0s, event: a } ], expect: [] }\n");
    command_run(cmd_test, (const char *const[]){"test", folder->tests, NULL}, &folder->output);
    assert_int_equal(folder->output.code, 2);
    assert_non_null(strstr(folder->output.err, "door.yaml:3:19: "));
    remove(folder->machine);
    command_run(cmd_test, (const char *const[]){"test", folder->tests, NULL}, &folder->output);
    assert_int_equal(folder->output.code, 2);
    assert_non_null(strstr(folder->output.err, "door.test.yaml:1:13: "));
    assert_non_null(
        strstr(folder->output.err, "door.yaml can't be read: No such file or directory\n"));
}

static void test_wrong_usage(void **state)
{
    struct folder *folder = *state;
    command_run(cmd_test, (const char *const[]){"test", NULL}, &folder->output);
    assert_int_equal(folder->output.code, 2);
    command_run(cmd_test, (const char *const[]){"test", "/nowhere/x.test.yaml", NULL},
                &folder->output);
    assert_int_equal(folder->output.code, 2);
    assert_string_equal(folder->output.err,
                        "/nowhere/x.test.yaml: can't be read: No such file or directory\n");
}

/* ---- JUnit ---- */

static void read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_junit(void **state)
{
    struct folder *folder = *state;
    char xml[4096];
    write_file(folder->machine, door);
    write_file(
        folder->tests, HEAD
        "  - { name: 'a < b & \"c\"', given: [ { at: 0s, event: knock } ], expect: [ { type: "
        "door.opened } ] }\n"
        "  - { name: fails, given: [ { at: 0s, event: knock } ], expect: [ { type: <none> } ], "
        "state: { door: shut } }\n");
    command_run(cmd_test,
                (const char *const[]){"test", folder->tests, "--junit", folder->junit, NULL},
                &folder->output);
    assert_int_equal(folder->output.code, 1);
    read_file(folder->junit, xml, sizeof xml);
    assert_non_null(strstr(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "
                                "name=\"stagecoach test\" tests=\"2\" failures=\"1\""));
    assert_non_null(strstr(xml, "name=\"a &lt; b &amp; &quot;c&quot;\""));
    assert_non_null(strstr(xml, "\" line=\"4\" time=\""));
    assert_non_null(strstr(xml, "<failure message=\"not as expected\">- { type: "
                                "&quot;&lt;none&gt;&quot; }&#10;+ { at: 0s, type: door.opened"));
    assert_non_null(strstr(xml, "-     door: shut&#10;+     door: open&#10;</failure>\n    "
                                "</testcase>\n  </testsuite>\n</testsuites>\n"));
    command_run(cmd_test,
                (const char *const[]){"test", folder->tests, "--junit", "/nowhere/x.xml", NULL},
                &folder->output);
    assert_int_equal(folder->output.code, 1);
    assert_non_null(strstr(folder->output.err, "/nowhere/x.xml can't be written"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_named_is_compared),
        cmocka_unit_test(test_given_events_are_those_of_production),
        cmocka_unit_test(test_several_customers_in_the_order_of_time),
        cmocka_unit_test(test_properties_are_what_rules_see),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_a_difference_is_shown_line_by_line),
        cmocka_unit_test(test_a_signal_that_nobody_expects_is_shown_whole),
        cmocka_unit_test(test_order_counts),
        cmocka_unit_test(test_a_difference_of_one_ms_or_of_a_fraction_counts),
        cmocka_unit_test(test_rules_that_failed_are_named),
        cmocka_unit_test(test_wrong_files_are_told_where),
        cmocka_unit_test(test_data_deeper_than_a_signal_can_be),
        cmocka_unit_test(test_a_wrong_machine_is_told_too),
        cmocka_unit_test(test_wrong_usage),
        cmocka_unit_test(test_junit),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
