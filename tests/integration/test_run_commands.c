/*
 * The commands together, as a user types them: what was fed, run and followed is what a backtest of
 * the same file says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define EVENTS (20000 / PIPELINE_SHARE)

/* What a command has said on stdout and stderr, to be freed; it must end with 0. */
static char *said(const char *const argv[])
{
    char folder[400];
    process_folder("command", folder, sizeof folder);
    struct process *process = process_start(folder, argv);
    int code = process_exit_code(process, PIPELINE_TIMEOUT_MS);
    char *text = process_read_log(process);
    if (code != 0)
        fail_msg("%s ended with %d: %s", argv[1], code, text);
    process_free(process);
    return text;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of JSON in it, sorted, in place; terminated by NULL; to be freed. */
static char **json_lines(char *text, size_t *count)
{
    char **lines = NULL;
    *count = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (*line != '{')
            continue;
        lines = realloc(lines, (*count + 1) * sizeof *lines);
        assert_non_null(lines);
        lines[(*count)++] = line;
    }
    if (*count)
        qsort(lines, *count, sizeof *lines, compare_lines);
    return lines;
}

/* Named as the topic, so that even the signals' ids are equal. */
static void write_events(const struct pipeline *pipeline, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", process_scratch(), pipeline->events);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < pipeline->message_count; i++) {
        struct slice value = pipeline->messages[i].value;
        assert_int_equal(fwrite(value.data, 1, value.size, file), value.size);
    }
    assert_int_equal(fclose(file), 0);
}

static void test_replay_run_and_signals_say_what_backtest_says(void **state)
{
    struct shop_options shop = {.seed = 8, .customers = 3000, .events_per_second = 0.5};
    struct pipeline_options options = {.partitions = 1, .more = "workers: 1\n"};
    struct pipeline pipeline;
    size_t expected_count, found_count;
    char path[512];

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_add_shop(&pipeline, &shop, EVENTS);
    pipeline_add_closers(&pipeline, SHOP_START_MS + 100 * PIPELINE_DAY_MS);
    write_events(&pipeline, path, sizeof path);
    const char *config = pipeline_configure(&pipeline, 0);
    free(said((const char *[]){STAGECOACH_PROGRAM, "check", "-c", config, NULL}));
    char *expected = said((const char *[]){STAGECOACH_PROGRAM, "backtest", "-c", config, "--input",
                                           path, "--format", "msgpack", NULL});
    free(said((const char *[]){STAGECOACH_PROGRAM, "replay", "-c", config, "--input", path,
                               "--format", "msgpack", NULL}));
    assert_int_equal(cluster_end(pipeline.kafka, pipeline.events, 0), EVENTS + 1);
    pipeline_start(&pipeline, 0);
    pipeline_await_committed(&pipeline, EVENTS + 1);
    pipeline_stop(&pipeline, 0);
    char *found = said((const char *[]){STAGECOACH_PROGRAM, "signals", "-c", config,
                                        "--from-beginning", "--until-end", NULL});

    char **expected_lines = json_lines(expected, &expected_count);
    char **found_lines = json_lines(found, &found_count);
    for (size_t i = 0; i < expected_count && i < found_count; i++)
        assert_string_equal(expected_lines[i], found_lines[i]);
    assert_int_equal(expected_count, found_count);
    assert_true(found_count > EVENTS / 20);
    free(expected_lines);
    free(found_lines);
    free(expected);
    free(found);
    pipeline_close(&pipeline);
}

/* One type only, and events that `generate` has made up. */
static void test_generate_and_signals_of_one_type(void **state)
{
    struct pipeline_options options = {.partitions = 3, .more = "workers: 2\n"};
    struct pipeline pipeline;
    size_t count;

    (void)state;
    pipeline_open(&pipeline, &options);
    const char *config = pipeline_configure(&pipeline, 0);
    free(said((const char *[]){STAGECOACH_PROGRAM, "generate", "-c", config, "--events", "3000",
                               "--customers", "500", "--per-second", "0.1", NULL}));
    pipeline_start(&pipeline, 0);
    pipeline_await_committed(&pipeline, 3000);
    pipeline_stop(&pipeline, 0);
    char *found = said((const char *[]){STAGECOACH_PROGRAM, "signals", "-c", config, "--type",
                                        "cart.*", "--from-beginning", "--until-end", NULL});
    char **lines = json_lines(found, &count);
    for (size_t i = 0; i < count; i++)
        assert_non_null(strstr(lines[i], "\"type\":\"cart."));
    assert_int_equal(count, pipeline_count_signals(&pipeline, "cart.abandoned") +
                                pipeline_count_signals(&pipeline, "cart.resumed") +
                                pipeline_count_signals(&pipeline, "cart.recovered") +
                                pipeline_count_signals(&pipeline, "cart.retracted") +
                                pipeline_count_signals(&pipeline, "cart.expired"));
    assert_true(count > 20);
    free(lines);
    free(found);
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_run_and_signals_say_what_backtest_says),
        cmocka_unit_test(test_generate_and_signals_of_one_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
