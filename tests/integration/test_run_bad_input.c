/*
 * What is wrong in the input, in the configuration or around the program gets a dead letter or a
 * clear sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"
#include "tests/support/pipeline.h"

#define TIME_MS (SHOP_START_MS + 12345)

/* ---- messages that can't be read ---- */

/*
 * {userId: "u", event: "Page Viewed", timestamp: TIME_MS} is a good one; of each of these one thing
 * is not.
 */
static const struct {
    const char *what;
    struct slice value;
    const char *error;
} bad_messages[] = {
    {"a null value", {NULL, 0}, "empty"},
    {"a zero-length value", SLICE(""), "empty"},
    {"text that is no msgpack", SLICE("{\"userId\":\"u\"}"), "bad_msgpack"},
    {"truncated in a key", SLICE("\x83\xa6user"), "bad_msgpack"},
    {"truncated in a value",
     SLICE("\x83\xa6userId\xa1u\xa5"
           "event\xa4Pag"),
     "bad_msgpack"},
    {"bytes behind the map",
     SLICE("\x82\xa6userId\xa1u\xa5"
           "event\xa4Page\xc0"),
     "bad_msgpack"},
    {"an array", SLICE("\x92\xa1u\xa4Page"), "bad_msgpack"},
    {"a count larger than what is left", SLICE("\xdf\xff\xff\xff\xff\xa6userId\xa1u"),
     "bad_msgpack"},
    {"invalid UTF-8 in a field that is used",
     SLICE("\x82\xa6userId\xa2u\xff\xa5"
           "event\xa4Page"),
     "bad_msgpack"},
    {"no customer",
     SLICE("\x81\xa5"
           "event\xa4Page"),
     "missing_customer"},
    {"a customer that is a map, beside a good one",
     SLICE("\x83\xa6userId\x80\xab"
           "anonymousId\xa1u\xa5"
           "event\xa4Page"),
     "missing_customer"},
    {"no event", SLICE("\x81\xa6userId\xa1u"), "missing_event"},
    {"an event that is a number",
     SLICE("\x82\xa6userId\xa1u\xa5"
           "event\x05"),
     "missing_event"},
    {"a time that can't be read",
     SLICE("\x83\xa6userId\xa1u\xa5"
           "event\xa4Page\xa9timestamp\xa9yesterday"),
     "bad_time"},
    {"a time without an offset",
     SLICE("\x83\xa6userId\xa1u\xa5"
           "event\xa4Page\xa9timestamp\xb3"
           "2026-01-05T00:00:00"),
     "bad_time"},
};
#define BAD_MESSAGES (sizeof bad_messages / sizeof *bad_messages)

static struct slice bytes_of(size_t size, const char *begin, size_t begin_size, char fill)
{
    char *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, fill, size);
    memcpy(bytes, begin, begin_size);
    return (struct slice){bytes, size};
}

static const struct cluster_record *letter_of(const struct cluster_records *letters, int64_t offset)
{
    for (size_t i = 0; i < letters->count; i++)
        if (strtoll(cluster_record_header(&letters->items[i], "source_offset"), NULL, 10) == offset)
            return &letters->items[i];
    fail_msg("offset %lld has no dead letter", (long long)offset);
    return NULL;
}

static void assert_header_is(const struct cluster_record *letter, const char *name,
                             const char *format, ...) __attribute__((format(printf, 3, 4)));

static void assert_header_is(const struct cluster_record *letter, const char *name,
                             const char *format, ...)
{
    char wanted[256];
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof wanted, format, args);
    va_end(args);
    assert_non_null(cluster_record_header(letter, name));
    assert_string_equal(cluster_record_header(letter, name), wanted);
}

/* All that a person needs to find the message again, and why. */
static void check_letter(const struct pipeline *pipeline, const struct cluster_record *letter,
                         const char *error, int64_t offset, struct slice value)
{
    size_t kept = value.size < 65536 ? value.size : 65536;
    assert_header_is(letter, "error", "%s", error);
    assert_true(strlen(cluster_record_header(letter, "error_detail")) > 0 ||
                strcmp(error, "empty") == 0);
    assert_header_is(letter, "source_topic", "%s", pipeline->events);
    assert_header_is(letter, "source_partition", "0");
    assert_header_is(letter, "source_offset", "%lld", (long long)offset);
    assert_header_is(letter, "source_time", "%lld", (long long)TIME_MS);
    assert_header_is(letter, "source_size", "%zu", value.size);
    assert_header_is(letter, "source_xxh3", "%016llx", (unsigned long long)hash_bytes(value));
    assert_string_equal(letter->key.data, "key");
    assert_int_equal(letter->value.data == NULL, value.data == NULL);
    assert_int_equal(letter->value.size, kept);
    if (kept)
        assert_memory_equal(letter->value.data, value.data, kept);
}

/*
 * Every bad message becomes a dead letter; the good ones between them are handled as if it were not
 * there.
 */
static void test_bad_messages_become_dead_letters(void **state)
{
    /* {x: ..., arrays in arrays}, and a map whose text is longer than a message may be. */
    struct slice deep = bytes_of(80, "\x81\xa1x", 3, '\x91'),
                 large = bytes_of((1 << 20) + 1, "\x81\xa1x\xdb\x00\x0f\xff\xf9", 8, 'y');
    struct pipeline_options options = {.partitions = 1, .more = "workers: 1\n"};
    struct pipeline pipeline;
    int64_t offset = 0;

    (void)state;
    ((char *)(uintptr_t)deep.data)[79] = '\xc0';
    pipeline_open(&pipeline, &options);
    for (size_t i = 0; i < BAD_MESSAGES; i++) {
        char customer[16];
        snprintf(customer, sizeof customer, "good-%zu", i);
        pipeline_add(&pipeline, 0, TIME_MS, SLICE("key"), bad_messages[i].value);
        pipeline_add_event(&pipeline, customer, "Product Added", TIME_MS);
        pipeline_add_event(&pipeline, customer, "Order Completed", TIME_MS + 1);
    }
    pipeline_add(&pipeline, 0, TIME_MS, SLICE("key"), deep);
    pipeline_add(&pipeline, 0, TIME_MS, SLICE("key"), large);
    pipeline_add_closers(&pipeline, TIME_MS + PIPELINE_DAY_MS);
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_start(&pipeline, 0);
    pipeline_await_end(&pipeline);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);
    assert_int_equal(pipeline_check_signals(&pipeline),
                     2 * BAD_MESSAGES); /* stage.changed, twice each */

    struct cluster_records *letters =
        cluster_read(pipeline.kafka, pipeline.dead_letters, CLUSTER_COMMITTED);
    assert_int_equal(letters->count, BAD_MESSAGES + 2);
    for (size_t i = 0; i < BAD_MESSAGES; i++, offset += 3) {
        print_message("%s\n", bad_messages[i].what);
        check_letter(&pipeline, letter_of(letters, offset), bad_messages[i].error, offset,
                     bad_messages[i].value);
    }
    check_letter(&pipeline, letter_of(letters, offset), "bad_msgpack", offset, deep);
    check_letter(&pipeline, letter_of(letters, offset + 1), "bad_msgpack", offset + 1, large);
    cluster_records_free(letters);
    free((void *)(uintptr_t)deep.data);
    free((void *)(uintptr_t)large.data);
    pipeline_close(&pipeline);
}

/* ---- what is wrong around it ---- */

static void test_an_evicting_redis_is_refused_with_the_command_that_changes_it(void **state)
{
    const char *const evicting[] = {"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru",
                                    NULL};
    struct pipeline_options options = {.partitions = 1, .redis = evicting};
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_start(&pipeline, 0);
    pipeline_await_failure(&pipeline, 0, 1, "CONFIG SET maxmemory-policy noeviction");
    pipeline_close(&pipeline);
}

static void test_an_unknown_input_topic_is_named(void **state)
{
    struct pipeline_options options = {.partitions = 1};
    struct pipeline pipeline;
    char sentence[256];

    (void)state;
    pipeline_open(&pipeline, &options);
    cluster_name(pipeline.events, sizeof pipeline.events, "nowhere");
    snprintf(sentence, sizeof sentence, "the topic %s is not there", pipeline.events);
    pipeline_start(&pipeline, 0);
    pipeline_await_failure(&pipeline, 0, 1, sentence);
    pipeline_close(&pipeline);
}

/* Both of them, with their places in the file. */
static void test_mistakes_in_the_configuration_are_all_named_and_nothing_starts(void **state)
{
    struct pipeline_options options = {.partitions = 1,
                                       .more = "worker: 1\ncommit_interval: often\n"};
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_start(&pipeline, 0);
    wait_until(process_wait(pipeline.processes[0], 0, NULL), PIPELINE_TIMEOUT_MS);
    assert_int_equal(pipeline_log_count(&pipeline, 0, "stagecoach.yaml:8:"), 1);
    assert_int_equal(pipeline_log_count(&pipeline, 0, "stagecoach.yaml:9:"), 1);
    pipeline_await_failure(&pipeline, 0, 2, "worker");
    pipeline_close(&pipeline);
}

/* ---- changed rules ---- */

static const char first_rules[] =
    "machine: greeter\n"
    "context: { pages: { type: int } }\n"
    "observe: { page_viewed: { assign: { pages: context.pages + 1 } } }\n"
    "data: { pages: context.pages }\n"
    "initial: new\n"
    "states:\n"
    "  new: { on: { page_viewed: { emit: first.greeting } } }\n";
static const char other_rules[] =
    "machine: greeter\n"
    "context: { pages: { type: int } }\n"
    "observe: { page_viewed: { assign: { pages: context.pages + 1 } } }\n"
    "data: { pages: context.pages }\n"
    "initial: new\n"
    "states:\n"
    "  new: { on: { page_viewed: { emit: other.greeting } } }\n";

static void send_page(struct pipeline *pipeline, int64_t time_ms)
{
    pipeline_add_event(pipeline, "u", "Page Viewed", time_ms);
    pipeline_send(pipeline, 1);
    pipeline_await_end(pipeline);
}

static size_t count_with_pages(struct pipeline *pipeline, const char *type, int pages)
{
    struct cluster_records *signals =
        cluster_read(pipeline->kafka, pipeline->signals, CLUSTER_COMMITTED);
    char data[64];
    size_t count = 0;
    snprintf(data, sizeof data, "\"data\":{\"pages\":%d}", pages);
    for (size_t i = 0; i < signals->count; i++)
        count += strcmp(cluster_record_header(&signals->items[i], "ce_type"), type) == 0 &&
                 strstr(signals->items[i].value.data, data);
    cluster_records_free(signals);
    return count;
}

/*
 * Other rules take over at the committed offset, with what the customers' records hold, also where
 * the checkpoint is behind or gone: what lies before is computed again by the former rules, which
 * the journal has kept.
 */
static void test_other_rules_go_on_where_the_former_were(void **state)
{
    struct pipeline_options options = {
        .partitions = 1,
        .machines = pipeline_write("greeter.yaml", first_rules),
        .more = "workers: 1\ncheckpoint_interval: 1h\n",
    };
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_start(&pipeline, 0);
    send_page(&pipeline, TIME_MS); /* the first checkpoint of a life may come at once */
    send_page(&pipeline, TIME_MS + 1);
    pipeline_kill(&pipeline, 0); /* R < C */

    pipeline_write("greeter.yaml", other_rules);
    pipeline_start(&pipeline, 0);
    pipeline_await_log(&pipeline, 0, "partition.rules_changed", 1);
    send_page(&pipeline, TIME_MS + 2);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);

    pipeline_write("greeter.yaml", first_rules);
    cluster_redis_restart_wiped(pipeline.redis);
    pipeline_start(&pipeline, 0);
    pipeline_await_log(&pipeline, 0, "partition.rules_changed",
                       3); /* to the other ones, and back */
    send_page(&pipeline, TIME_MS + 3);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);

    assert_int_equal(pipeline_count_signals(&pipeline, "first.greeting"), 3);
    assert_int_equal(pipeline_count_signals(&pipeline, "other.greeting"), 1);
    assert_int_equal(count_with_pages(&pipeline, "other.greeting", 3), 1);
    assert_int_equal(count_with_pages(&pipeline, "first.greeting", 4), 1);
    pipeline_close(&pipeline);
}

/* ---- rules that fail ---- */

static const char failing_rules[] = "machine: greeter\n"
                                    "data: { referrer: event.properties.referrer }\n"
                                    "initial: first\n"
                                    "states:\n"
                                    "  first: { on: { page_viewed: { emit: first.greeting } } }\n";

/* Not a line an event: what has failed since the last progress line is one line a rule. */
static void test_rules_that_fail_are_named_and_counted(void **state)
{
    struct pipeline_options options = {
        .partitions = 1,
        .machines = pipeline_write("failing.yaml", failing_rules),
        .more = "workers: 1\n",
    };
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_start(&pipeline, 0);
    send_page(&pipeline, TIME_MS);
    send_page(&pipeline, TIME_MS + 1);
    pipeline_await_log(&pipeline, 0, " rule_errors=2 ", 1);
    pipeline_await_log(&pipeline, 0, "/failing.yaml:2:19\" count=", 1);
    /* Two where a progress line came between. */
    assert_in_range(pipeline_log_count(&pipeline, 0, "warn rule.failed place=\""), 1, 2);
    pipeline_stop(&pipeline, 0);
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_messages_become_dead_letters),
        cmocka_unit_test(test_an_evicting_redis_is_refused_with_the_command_that_changes_it),
        cmocka_unit_test(test_an_unknown_input_topic_is_named),
        cmocka_unit_test(test_mistakes_in_the_configuration_are_all_named_and_nothing_starts),
        cmocka_unit_test(test_rules_that_fail_are_named_and_counted),
        cmocka_unit_test(test_other_rules_go_on_where_the_former_were),
    };

    cmocka_set_test_filter(getenv("STAGECOACH_TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
