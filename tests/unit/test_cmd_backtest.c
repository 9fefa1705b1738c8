/*
 * `stagecoach backtest`: what its summary says of rules that fail, and the ids of what timers say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "command_run.h"

static struct {
    char path[64], config[96], machine[96], other[96], input[96];
    struct command_output output;
} folder; /* of the test that runs */

/* `path` is where it lies then. */
static void write_file(char path[96], const char *name, const char *text)
{
    snprintf(path, 96, "%s/%s", folder.path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int open_folder(void **state)
{
    (void)state;
    folder.other[0] = '\0';
    snprintf(folder.path, sizeof folder.path, "/tmp/stagecoach-backtest-XXXXXX");
    if (!mkdtemp(folder.path))
        return -1;
    write_file(folder.config, "stagecoach.yaml",
               "kafka: { topics: [shop.events] }\nmachines: [ door.yaml ]\n"
               "events: { schema: " STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml }\n"
               "signals: { topics: { '*': shop.signals } }\n");
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    remove(folder.config);
    remove(folder.machine);
    if (folder.other[0])
        remove(folder.other);
    remove(folder.input);
    return rmdir(folder.path);
}

static void run_backtest(void)
{
    command_run(cmd_backtest,
                (const char *const[]){"backtest", "-c", folder.config, "--input", folder.input,
                                      "--format", "segment-jsonl", NULL},
                &folder.output);
    assert_int_equal(folder.output.code, 0);
}

/* Each failing rule, with its place and how often; those that never fail are not listed. */
static void test_the_summary_lists_the_rules_that_failed(void **state)
{
    (void)state;
    char first[160], second[160];
    write_file(folder.machine, "door.yaml",
               "machine: door\n"
               "context: { by: { type: set, max: 1 } }\n"
               "data: { who: event.properties.who, name: event.name }\n"
               "observe: { knock: { add: { by: event.id } } }\n"
               "initial: shut\n"
               "states:\n"
               "  shut:\n"
               "    on:\n"
               "      knock:\n"
               "        - { guard: event.properties.force > 3, target: open }\n"
               "        - { emit: door.knocked }\n"
               "  open: {}\n");
    write_file(folder.input, "events.jsonl",
               "{\"userId\":\"a\",\"event\":\"knock\",\"timestamp\":\"2026-01-05T10:00:00Z\","
               "\"messageId\":"
               "\"1\",\"properties\":{\"force\":1}}\n"
               "{\"userId\":\"a\",\"event\":\"knock\",\"timestamp\":\"2026-01-05T10:00:01Z\","
               "\"messageId\":"
               "\"2\"}\n"
               "{\"userId\":\"a\",\"event\":\"knock\",\"timestamp\":\"2026-01-05T10:00:02Z\","
               "\"messageId\":"
               "\"3\",\"properties\":{\"force\":1}}\n");
    run_backtest();
    snprintf(first, sizeof first, "\n    %s:3:14: 3 times, the last: ", folder.machine);
    snprintf(second, sizeof second, "\n    %s:10:20: 1 times, the last: ", folder.machine);
    const char *summary = folder.output.err;
    assert_non_null(strstr(summary, "\n3 rows, 3 events, 1 customers, 3 signals"));
    assert_non_null(
        strstr(summary, "\n  rules that failed: guards 1, data 3, actions 0, chains 0\n"));
    assert_non_null(strstr(summary, first));
    assert_non_null(strstr(summary, second));
    assert_true(strstr(summary, first) < strstr(summary, second));
    assert_null(strstr(summary, ":3:42"));
    assert_non_null(
        strstr(summary, "\n  left out   2 elements that a full variable had no room for\n"));
}

/*
 * A late event arms an idle timer anew, behind the customer's clock; whoever hears its signal enters a state before the one it
 * has been in, and a timer of the same deadline comes again. Its rank goes on.
 */
static void check_ids(const char *hears, const char *says)
{
    write_file(folder.machine, "door.yaml", hears);
    write_file(folder.other, "bell.yaml", says);
    write_file(folder.config, "stagecoach.yaml",
               "kafka: { topics: [shop.events] }\nmachines: [ bell.yaml, door.yaml ]\n"
               "events: { schema: " STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml }\n"
               "signals: { topics: { '*': shop.signals } }\n");
    write_file(folder.input, "events.jsonl",
               "{\"userId\":\"u\",\"event\":\"x\",\"timestamp\":0}\n"
               "{\"userId\":\"v\",\"event\":\"x\",\"timestamp\":30000}\n"
               "{\"userId\":\"u\",\"event\":\"x\",\"timestamp\":0}\n"
               "{\"userId\":\"v\",\"event\":\"x\",\"timestamp\":31000}\n");
    run_backtest();
    assert_non_null(strstr(folder.output.out, "/u/b/15000/0\""));
    assert_non_null(strstr(folder.output.out, "/u/b/15000/1\""));
}

static void test_no_id_is_given_twice(void **state)
{
    (void)state;
    const char *bell = "machine: a\n"
                       "initial: s\n"
                       "states: { s: { idle: { 10s: { emit: a.x }, 16s: { emit: a.y } } } }\n";
    const char *plain_bell =
        "machine: a\n"
        "initial: s\n"
        "states: { s: { idle: { 10s: { emit: rang }, 16s: { emit: a.y } } } }\n";
    check_ids("machine: b\n"
              "initial: p\n"
              "states:\n"
              "  p: { on: { a.x: q } }\n"
              "  q: { after: { 5s: { target: p, emit: b.z } } }\n",
              bell);
    check_ids("machine: b\n" /* a type without a dot */
              "initial: p\n"
              "states:\n"
              "  p: { on: { rang: q } }\n"
              "  q: { after: { 5s: { target: p, emit: b.z } } }\n",
              plain_bell);
    check_ids("machine: b\n" /* it only observes, and then `always` */
              "context: { heard: bool }\n"
              "observe: { a.x: { assign: { heard: true } } }\n"
              "initial: p\n"
              "states:\n"
              "  p: { always: { guard: context.heard, target: q } }\n"
              "  q: { entry: { clear: heard }, after: { 5s: { target: p, emit: b.z } } }\n",
              bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_summary_lists_the_rules_that_failed, open_folder,
                                        close_folder),
        cmocka_unit_test_setup_teardown(test_no_id_is_given_twice, open_folder, close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
