/*
 * `stagecoach backtest` over the real event logs beside the project: it runs, and what it counts is what their READMEs say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "core/buf.h"

#define DATA STAGECOACH_SOURCE_DIR "/../shared/data/"

struct log_case {
    const char *file, *format;
    const char *
        summary; /* rows, events, customers as the README counts them: the beginning of the summary's first line */
    const char *span;     /* first and last event time */
    const char *reported; /* a row that can't be read, or NULL */
};

static const struct log_case cases[] = {
    {"rees46-oct2019/user_behavior_sample.csv.gz", "rees46-csv",
     "4999 rows, 4999 events, 1747 customers,", "2019-10-01T00:00:00Z to 2019-10-01T02:28:14Z",
     NULL},
    {"taobao-userbehavior/UserBehavior_even_users.csv.gz", "taobao-csv",
     "48031 rows, 48030 events, 29376 customers,", "2017-11-26T01:00:00Z to 2017-11-26T02:55:09Z",
     "UserBehavior_even_users.csv.gz:48031: "},
    {"otto-sessions/sessions_even.jsonl.gz", "otto-jsonl", "547 rows, 547 events, 10 customers,",
     "2022-07-31T22:00:00", NULL},
};

static char *read_all(FILE *file)
{
    struct buf all;
    size_t size;
    buf_init(&all);
    while ((size = fread(buf_reserve(&all, 65536), 1, 65536, file)) > 0)
        all.size += size;
    buf_add_char(&all, '\0');
    return all.data;
}

static char *run(const char *command)
{
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char *text = read_all(pipe);
    assert_int_equal(pclose(pipe), 0);
    return text;
}

/* Every line is the value of a signal with its id, named after the file. */
static size_t check_signals(const char *text, const char *base_name)
{
    size_t count = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, count++) {
        json_t *signal = json_loadb(line, (size_t)(strchr(line, '\n') - line), 0, NULL);
        assert_non_null(signal);
        const char *id = json_string_value(json_object_get(signal, "id"));
        assert_int_equal(strncmp(id, base_name, strlen(base_name)), 0);
        assert_non_null(json_string_value(json_object_get(signal, "type")));
        assert_true(json_is_object(json_object_get(signal, "data")));
        json_decref(signal);
    }
    return count;
}

static void check_log(const struct log_case *log)
{
    char command[1024], errors[] = "/tmp/stagecoach-logs-XXXXXX", expected[64];
    int fd = mkstemp(errors);
    assert_true(fd >= 0);
    snprintf(command, sizeof command,
             "'%s' backtest -c '%s/config/stagecoach.yaml' --format %s --input '" DATA "%s' 2>%s",
             STAGECOACH_PROGRAM, STAGECOACH_SOURCE_DIR, log->format, log->file, errors);
    char *signals = run(command);
    FILE *file = fdopen(fd, "r");
    char *said = read_all(file);
    fclose(file);
    unlink(errors);

    size_t count = check_signals(signals, strrchr(log->file, '/') + 1);
    snprintf(expected, sizeof expected, ", %zu signals, ", count);
    assert_true(count > 0);
    if (!strstr(said, log->summary) || !strstr(said, log->span) || !strstr(said, expected) ||
        (log->reported && !strstr(said, log->reported)))
        fail_msg("%s: expected '%s', '%s', '%s', '%s' in:\n%s", log->file, log->summary, expected,
                 log->span, log->reported ? log->reported : "", said);
    if (!log->reported)
        assert_non_null(strstr(said, " 0 dead letters"));
    free(signals);
    free(said);
}

static void test_logs_give_what_their_readmes_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_log(&cases[i]);
}

static void test_a_second_run_gives_the_same_bytes(void **state)
{
    char command[1024];
    (void)state;
    snprintf(command, sizeof command,
             "'%s' backtest -c '%s/config/stagecoach.yaml' --format rees46-csv --input '" DATA
             "%s' 2>/dev/null",
             STAGECOACH_PROGRAM, STAGECOACH_SOURCE_DIR, cases[0].file);
    char *first = run(command), *second = run(command);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logs_give_what_their_readmes_say),
        cmocka_unit_test(test_a_second_run_gives_the_same_bytes),
    };
    if (access(DATA "rees46-oct2019", R_OK) != 0) {
        printf("SKIPPED: " DATA " is not there, so that no real log is read\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
