/* producer/sink_kafka.h against a real broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "consumer/source_kafka.h"
#include "core/buf.h"
#include "core/log.h"
#include "producer/dead_letter.h"
#include "producer/signal_record.h"
#include "producer/sink_kafka.h"
#include "tests/support/cluster.h"
#include "tests/support/process.h"

/* A group with an input topic of two partitions, an output topic, a member, and a sink. */
struct fixture {
    struct cluster_kafka *kafka;
    char input[128], output[128], group[128];
    const char *topics[1];
    struct config config;
    struct source_listener listener;
    size_t assigned;
    struct source *source;
    struct sink *sink;
    struct errinfo info;
};

static void on_assigned(void *self, const struct topic_partition *partitions, size_t count)
{
    (void)partitions;
    ((struct fixture *)self)->assigned = count;
}

static void on_revoked(void *self, bool lost)
{
    (void)lost;
    ((struct fixture *)self)->assigned = 0;
}

static struct config config_of(struct fixture *fixture)
{
    return (struct config){
        .brokers = cluster_kafka_address(fixture->kafka),
        .group = fixture->group,
        .instance = "test",
        .topics = {.items = fixture->topics, .count = 1},
    };
}

static struct sink *open_sink(struct fixture *fixture, const struct config *config)
{
    const char *topics[] = {fixture->output, fixture->input, fixture->output};
    struct sink *sink = sink_kafka_open(config, 0, topics, 3, &fixture->info);
    assert_non_null(sink);
    return sink;
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    log_set_level(LOG_OFF);
    fixture.kafka = cluster_kafka_shared();
    cluster_name(fixture.input, sizeof(fixture.input), "in");
    cluster_name(fixture.output, sizeof(fixture.output), "out");
    cluster_name(fixture.group, sizeof(fixture.group), "group");
    cluster_topic_create(fixture.kafka, fixture.input, 2, NULL);
    cluster_topic_create(fixture.kafka, fixture.output, 3, NULL);
    fixture.topics[0] = fixture.input;
    fixture.config = config_of(&fixture);
    fixture.listener = (struct source_listener){&fixture, on_assigned, on_revoked};
    fixture.sink = open_sink(&fixture, &fixture.config);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    sink_close(fixture->sink);
    source_close(fixture->source);
    return 0;
}

static void poll_once(struct fixture *fixture)
{
    struct source_batch batch;
    assert_int_equal(source_poll(fixture->source, 50, &batch, &fixture->info), ERR_NONE);
}

static void join(struct fixture *fixture)
{
    fixture->source = source_kafka_open(&fixture->config, 0, &fixture->listener, &fixture->info);
    assert_non_null(fixture->source);
    for (int i = 0; i < 400 && fixture->assigned == 0; i++)
        poll_once(fixture);
    assert_int_equal(fixture->assigned, 2);
}

static struct slice membership(struct fixture *fixture)
{
    static struct buf bytes;
    buf_reset(&bytes);
    source_membership(fixture->source, &bytes);
    return buf_slice(&bytes);
}

#define assert_done(rc)                                                                            \
    do {                                                                                           \
        if ((rc) != ERR_NONE)                                                                      \
            fail_msg("%s", fixture->info.text);                                                    \
    } while (0)

static void settle_and_begin(struct fixture *fixture)
{
    assert_done(sink_settle(fixture->sink, &fixture->info));
    assert_done(sink_begin(fixture->sink, &fixture->info));
}

static enum err produce(struct fixture *fixture, struct sink *sink, const char *key,
                        const char *value)
{
    struct sink_record record = {
        .topic = fixture->output, .partition = -1, .key = slice_of(key), .value = slice_of(value)};
    return sink_produce(sink, &record, &fixture->info);
}

static enum err send_offset(struct fixture *fixture, int64_t offset, const char *metadata,
                            struct slice bytes)
{
    struct sink_offset offsets[] = {{{fixture->input, 0}, offset, metadata},
                                    {{fixture->input, 1}, offset + 1, metadata}};
    return sink_offsets(fixture->sink, offsets, 2, bytes, &fixture->info);
}

static size_t count_committed(struct fixture *fixture)
{
    struct cluster_records *records =
        cluster_read(fixture->kafka, fixture->output, CLUSTER_COMMITTED);
    size_t count = records->count;
    cluster_records_free(records);
    return count;
}

static int64_t committed(struct fixture *fixture, int partition, char *metadata, size_t size)
{
    return cluster_committed(fixture->kafka, fixture->group, fixture->input, partition, metadata,
                             size);
}

static void test_records_and_offsets_are_committed_together(void **state)
{
    struct fixture *fixture = *state;
    char metadata[600];
    join(fixture);
    settle_and_begin(fixture);
    assert_done(produce(fixture, fixture->sink, "a", "1"));
    assert_done(send_offset(fixture, 17, "epoch=1", membership(fixture)));
    assert_int_equal(cluster_committed(fixture->kafka, "nobody", fixture->input, 0, NULL, 0), -1);
    assert_int_equal(count_committed(fixture), 0);
    assert_done(sink_commit(fixture->sink, &fixture->info));

    assert_int_equal(count_committed(fixture), 1);
    assert_int_equal(committed(fixture, 0, metadata, sizeof(metadata)), 17);
    assert_string_equal(metadata, "epoch=1");
    assert_int_equal(committed(fixture, 1, metadata, sizeof(metadata)), 18);
}

/* Many short ones: the markers of one are still being written when the next begins. */
static void test_transactions_follow_one_another(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    assert_done(sink_settle(fixture->sink, &fixture->info));
    int64_t start_ms = process_now_ms();
    for (int i = 0; i < 50; i++) {
        assert_done(sink_begin(fixture->sink, &fixture->info));
        assert_done(produce(fixture, fixture->sink, "a", "1"));
        assert_done(send_offset(fixture, i, "", membership(fixture)));
        assert_done(sink_commit(fixture->sink, &fixture->info));
    }
    print_message("50 transactions: %d ms\n", (int)(process_now_ms() - start_ms));
    assert_int_equal(count_committed(fixture), 50);
    assert_int_equal(committed(fixture, 0, NULL, 0), 49);
}

static void test_a_record_arrives_as_it_was_given(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    struct sink_record record = {.topic = fixture->output,
                                 .partition = 2,
                                 .key = SLICE("key"),
                                 .value = SLICE("va\0ue"),
                                 .time_ms = 1767607200123,
                                 .headers = {{"one", SLICE("1")}, {"none", {NULL, 0}}},
                                 .header_count = 2};
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    record = (struct sink_record){.topic = fixture->output, .partition = 2};
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    record.value = (struct slice){"", 0};
    record.key = (struct slice){"", 0};
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    assert_done(sink_commit(fixture->sink, &fixture->info));

    struct cluster_records *records =
        cluster_read(fixture->kafka, fixture->output, CLUSTER_COMMITTED);
    assert_int_equal(records->count, 3);
    const struct cluster_record *first = &records->items[0];
    assert_int_equal(first->partition, 2);
    assert_int_equal(first->time_ms, 1767607200123);
    assert_true(slice_is(first->key, "key"));
    assert_int_equal(first->value.size, 5);
    assert_memory_equal(first->value.data, "va\0ue", 5);
    assert_string_equal(cluster_record_header(first, "one"), "1");
    assert_string_equal(cluster_record_header(first, "none"), "");
    assert_null(records->items[1].key.data);
    assert_null(records->items[1].value.data);
    assert_non_null(records->items[2].value.data);
    assert_int_equal(records->items[2].value.size, 0);
    assert_true(records->items[1].time_ms > 1767607200123); /* the producer's clock */
    cluster_records_free(records);
}

/*
 * Known keys of org.apache.kafka.clients.producer.internals.BuiltInPartitioner with three
 * partitions.
 */
static void test_keys_go_where_java_clients_send_them(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *key;
        int partition;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829}}; /* murmur2, as Kafka's own test has it */
    settle_and_begin(fixture);
    for (size_t i = 0; i < 4; i++)
        assert_done(produce(fixture, fixture->sink, rows[i].key, "x"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    struct cluster_records *records =
        cluster_read(fixture->kafka, fixture->output, CLUSTER_COMMITTED);
    assert_int_equal(records->count, 4);
    for (size_t i = 0; i < records->count; i++) {
        for (size_t k = 0; k < 4; k++) {
            if (slice_is(records->items[i].key, rows[k].key))
                assert_int_equal(records->items[i].partition, (rows[k].partition & 0x7fffffff) % 3);
        }
    }
    cluster_records_free(records);
}

static void test_a_signal_and_a_dead_letter_pass_whole(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena;
    struct buf scratch;
    struct sink_record record;
    static char long_value[DEAD_LETTER_VALUE_MAX + 5];
    arena_init(&arena);
    buf_init(&scratch);
    struct signal signal = {.type = SLICE("cart.abandoned"),
                            .customer = SLICE("u42"),
                            .time_ms = 1767607200000,
                            .machine = SLICE("cart"),
                            .from = SLICE("active"),
                            .to = SLICE("abandoned"),
                            .cause = SLICE("x")};
    struct signal_envelope envelope = {.topic = fixture->output,
                                       .source = SLICE("/stagecoach/g"),
                                       .from = {fixture->input, 1},
                                       .offset = 5};
    struct dead_letter letter = {.error = "bad_msgpack",
                                 .from = {fixture->input, 1},
                                 .offset = 6,
                                 .time_ms = 7,
                                 .key = SLICE("u42"),
                                 .value = {long_value, sizeof(long_value)}};

    settle_and_begin(fixture);
    signal_record(&signal, &envelope, &arena, &scratch, &record);
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    dead_letter_record(&letter, fixture->output, &arena, &record);
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    assert_done(sink_commit(fixture->sink, &fixture->info));

    struct cluster_records *records =
        cluster_read(fixture->kafka, fixture->output, CLUSTER_COMMITTED);
    assert_int_equal(records->count, 2);
    assert_string_equal(cluster_record_header(&records->items[0], "ce_type"), "cart.abandoned");
    assert_string_equal(cluster_record_header(&records->items[0], "content-type"),
                        "application/json");
    assert_string_equal(cluster_record_header(&records->items[1], "source_size"), "65541");
    assert_int_equal(records->items[1].value.size, DEAD_LETTER_VALUE_MAX);
    cluster_records_free(records);
    arena_fini(&arena);
    buf_fini(&scratch);
}

static void test_a_settle_aborts_what_is_open(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    settle_and_begin(fixture);
    assert_done(produce(fixture, fixture->sink, "a", "1"));
    assert_done(send_offset(fixture, 17, "", membership(fixture)));
    int64_t start_ms = process_now_ms();
    settle_and_begin(fixture);
    print_message("settled in %d ms\n", (int)(process_now_ms() - start_ms));
    assert_done(produce(fixture, fixture->sink, "a", "2"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), 1);
    assert_int_equal(committed(fixture, 0, NULL, 0), -1);
}

/* Values are lent, not copied: once dropped they may go, however many are still waiting to be sent. */
static void test_dropped_values_may_go(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 5000, SIZE = 500 };
    char *values = malloc((size_t)COUNT * SIZE);
    settle_and_begin(fixture);
    for (size_t i = 0; i < COUNT; i++) {
        struct sink_record record = {
            .topic = fixture->output, .partition = -1, .value = {values + i * SIZE, SIZE}};
        memset(values + i * SIZE, 'a' + (int)(i % 26), SIZE);
        assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    }
    sink_drop(fixture->sink);
    free(values);
    sink_drop(fixture->sink); /* nothing is open: nothing happens */
    settle_and_begin(fixture);
    assert_done(produce(fixture, fixture->sink, "a", "2"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), 1);
}

static void test_a_closed_sink_leaves_no_transaction_open(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    assert_done(produce(fixture, fixture->sink, "a", "1"));
    sink_close(fixture->sink);
    fixture->sink = NULL;
    struct cluster_records *records =
        cluster_read(fixture->kafka, fixture->output, CLUSTER_COMMITTED);
    assert_int_equal(records->count, 0);
    cluster_records_free(records);
}

/* What a crash left open is settled by the next process with the same name. */
static void test_a_new_process_settles_what_the_old_one_left(void **state)
{
    struct fixture *fixture = *state;
    struct sink *old = fixture->sink;
    join(fixture);
    settle_and_begin(fixture);
    assert_done(produce(fixture, old, "a", "1"));
    assert_done(send_offset(fixture, 17, "", membership(fixture)));

    fixture->sink = open_sink(fixture, &fixture->config);
    int64_t start_ms = process_now_ms();
    settle_and_begin(fixture);
    print_message("settled in %d ms\n", (int)(process_now_ms() - start_ms));
    assert_done(produce(fixture, fixture->sink, "a", "2"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), 1);
    assert_int_equal(committed(fixture, 0, NULL, 0), -1);

    assert_int_equal(sink_commit(old, &fixture->info), ERR_FENCED);
    assert_non_null(strstr(fixture->info.text, "/test/0: does another process run"));
    assert_int_equal(produce(fixture, old, "a", "3"), ERR_FENCED);
    assert_int_equal(count_committed(fixture), 1);
    sink_close(old);
}

/* Two processes with one name fence each other for ever: somebody has to be told. */
static void test_a_clash_of_two_processes_becomes_fatal(void **state)
{
    struct fixture *fixture = *state;
    struct sink *sinks[] = {fixture->sink, open_sink(fixture, &fixture->config)};
    enum err rc = ERR_NONE;
    for (int round = 0; round < 10 && rc != ERR_FATAL; round++) {
        struct sink *sink = sinks[round % 2];
        rc = sink_settle(sink, &fixture->info);
        if (rc != ERR_NONE)
            break;
        assert_done(sink_begin(sink, &fixture->info));
        assert_done(produce(fixture, sink, "a", "1"));
        if (round > 0) {
            assert_int_equal(sink_commit(sinks[(round + 1) % 2], &fixture->info), ERR_FENCED);
        }
    }
    assert_int_equal(rc, ERR_FATAL);
    assert_non_null(strstr(fixture->info.text, "in use by another process"));
    sink_close(sinks[1]);
}

static void test_offsets_of_no_member_are_refused(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    assert_int_equal(send_offset(fixture, 17, "", (struct slice){NULL, 0}), ERR_FENCED);
    assert_non_null(strstr(fixture->info.text, "no member"));
    assert_int_equal(sink_commit(fixture->sink, &fixture->info), ERR_FENCED);
    settle_and_begin(fixture);
    assert_int_equal(send_offset(fixture, 17, "", SLICE("garbage")), ERR_FENCED);
    settle_and_begin(fixture);
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(committed(fixture, 0, NULL, 0), -1);
}

/* The consumer has been given other partitions, or the same anew, since its events were handled. */
static void test_a_former_membership_is_fenced_by_the_group(void **state)
{
    struct fixture *fixture = *state;
    struct buf former;
    buf_init(&former);
    join(fixture);
    buf_add_slice(&former, membership(fixture));

    struct fixture second = *fixture;
    second.listener.self = &second;
    second.assigned = 0;
    second.source = source_kafka_open(&fixture->config, 1, &second.listener, &second.info);
    assert_non_null(second.source);
    for (int i = 0; i < 400 && second.assigned == 0; i++) {
        poll_once(fixture);
        poll_once(&second);
    }
    assert_int_equal(second.assigned, 1);
    assert_false(slice_equal(buf_slice(&former), membership(fixture)));

    settle_and_begin(fixture);
    assert_done(produce(fixture, fixture->sink, "a", "1"));
    assert_int_equal(send_offset(fixture, 17, "", buf_slice(&former)), ERR_FENCED);
    settle_and_begin(fixture);
    assert_done(send_offset(fixture, 18, "", membership(fixture)));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), 0);
    assert_int_equal(committed(fixture, 0, NULL, 0), 18);
    source_close(second.source);
    buf_fini(&former);
}

static void test_a_record_above_the_clients_limit_is_rejected_and_the_rest_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char *value = calloc(1, 1100000);
    struct sink_record record = {
        .topic = fixture->output, .partition = -1, .value = {value, 1100000}};
    settle_and_begin(fixture);
    assert_int_equal(sink_produce(fixture->sink, &record, &fixture->info), ERR_REJECT);
    assert_done(produce(fixture, fixture->sink, "a", "1"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), 1);
    free(value);
}

static void test_a_record_within_the_signals_limit_is_not_rejected(void **state)
{
    struct fixture *fixture = *state;
    char *value = calloc(1, 1100000);
    struct sink_record record = {
        .topic = fixture->output, .partition = -1, .value = {value, 1100000}};
    struct config config = fixture->config;
    config.max_bytes = 1100000;
    struct sink *sink = open_sink(fixture, &config);
    assert_done(sink_settle(sink, &fixture->info));
    assert_done(sink_begin(sink, &fixture->info));
    assert_done(sink_produce(sink, &record, &fixture->info));
    assert_done(
        sink_commit(sink, &fixture->info)); /* zeros: lz4 brings it below the topic's limit */
    assert_int_equal(count_committed(fixture), 1);
    sink_close(sink);
    free(value);
}

/* The broker refuses it later, when nobody can say which one it was but by its topic. */
static void test_a_record_that_the_topic_never_takes_is_fatal_and_named(void **state)
{
    struct fixture *fixture = *state;
    char small[128];
    char value[5000];
    cluster_name(small, sizeof(small), "small");
    cluster_topic_create(fixture->kafka, small, 1,
                         (const char *[]){"max.message.bytes", "1000", NULL});
    sink_close(fixture->sink);
    const char *topics[] = {small, fixture->output};
    fixture->sink = sink_kafka_open(&fixture->config, 0, topics, 2, &fixture->info);
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)(i * 7919 % 251 + i % 13); /* lz4 must not make it small */

    settle_and_begin(fixture);
    assert_done(produce(fixture, fixture->sink, "a", "1"));
    struct sink_record record = {.topic = small, .partition = -1, .value = {value, sizeof(value)}};
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    assert_int_equal(sink_commit(fixture->sink, &fixture->info), ERR_FATAL);
    sink_drop(fixture->sink);
    assert_non_null(strstr(fixture->info.text, small));
    assert_non_null(strstr(fixture->info.text, "max.message.bytes"));
    assert_int_equal(count_committed(fixture), 0);
}

static void test_a_missing_topic_is_fatal_and_named(void **state)
{
    struct fixture *fixture = *state;
    char missing[128];
    cluster_name(missing, sizeof(missing), "missing");
    const char *topics[] = {missing};
    struct sink *sink = sink_kafka_open(&fixture->config, 1, topics, 1, &fixture->info);
    assert_non_null(sink);
    assert_int_equal(sink_settle(sink, &fixture->info), ERR_FATAL);
    assert_non_null(strstr(fixture->info.text, missing));
    sink_close(sink);

    settle_and_begin(fixture);
    struct sink_record record = {.topic = missing, .partition = -1};
    assert_int_equal(sink_produce(fixture->sink, &record, &fixture->info), ERR_FATAL);
    settle_and_begin(fixture);
    record = (struct sink_record){.topic = fixture->output, .partition = 77};
    assert_int_equal(sink_produce(fixture->sink, &record, &fixture->info), ERR_FATAL);
}

static void test_brokers_away_are_retried_and_named(void **state)
{
    struct fixture *fixture = *state;
    char address[64];
    const char *topics[] = {fixture->output};
    struct config config = fixture->config;
    snprintf(address, sizeof(address), "127.0.0.1:%d", process_free_port());
    config.brokers = address;
    struct sink *sink = sink_kafka_open(&config, 0, topics, 1, &fixture->info);
    assert_non_null(sink);
    assert_int_equal(sink_settle(sink, &fixture->info), ERR_RETRY);
    assert_non_null(strstr(fixture->info.text, address));
    assert_int_equal(sink_begin(sink, &fixture->info), ERR_FENCED);
    sink_close(sink);
}

static void test_wrong_settings_are_found_when_it_is_opened(void **state)
{
    struct fixture *fixture = *state;
    struct config_property properties[] = {
        {.name = "linger.ms", .value = "soon", .at = {"shop.yaml", 3, 5}}};
    struct config config = fixture->config;
    config.properties = properties;
    config.property_count = 1;
    assert_null(sink_kafka_open(&config, 0, NULL, 0, &fixture->info));
    assert_non_null(strstr(fixture->info.text, "shop.yaml:3:5: kafka.properties: linger.ms"));

    properties[0] = (struct config_property){
        .name = "sasl.mechanism", .value = "hunter2", .is_secret = true, .at = {"shop.yaml", 3, 5}};
    properties[0].name = "security.protocol";
    assert_null(sink_kafka_open(&config, 0, NULL, 0, &fixture->info));
    assert_null(strstr(fixture->info.text, "hunter2"));

    config = fixture->config;
    config.instance = "\xe0\xb8\xa3\xe0\xb9\x89\xe0\xb8\xb2\xe0\xb8\x99";
    assert_null(sink_kafka_open(&config, 0, NULL, 0, &fixture->info));
    assert_non_null(strstr(fixture->info.text, "ASCII"));
}

static void test_nothing_goes_before_the_first_settle(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(sink_begin(fixture->sink, &fixture->info), ERR_FENCED);
    assert_int_equal(produce(fixture, fixture->sink, "a", "1"), ERR_FENCED);
    assert_int_equal(sink_commit(fixture->sink, &fixture->info), ERR_FENCED);
}

static void test_many_records_pass_a_small_queue(void **state)
{
    struct fixture *fixture = *state;
    struct config_property properties[] = {
        {.name = "queue.buffering.max.messages", .value = "1000"}};
    struct config config = fixture->config;
    config.properties = properties;
    config.property_count = 1;
    struct sink *sink = open_sink(fixture, &config);
    size_t full = 0;
    assert_done(sink_settle(sink, &fixture->info));
    assert_done(sink_begin(sink, &fixture->info));
    for (int i = 0; i < 20000; i++) {
        enum err rc;
        while ((rc = produce(fixture, sink, "a", "some value")) == ERR_AGAIN)
            full++;
        assert_done(rc);
    }
    assert_done(sink_commit(sink, &fixture->info));
    assert_true(full > 0);
    assert_int_equal(count_committed(fixture), 20000);
    sink_close(sink);
}

static void test_topics_are_created_once_as_asked(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    int32_t count = 0;
    cluster_name(name, sizeof(name), "journal");
    assert_int_equal(sink_kafka_partition_count(&fixture->config, name, &count, &fixture->info),
                     ERR_REJECT);
    assert_done(sink_kafka_ensure_topic(&fixture->config, name, 5, true, &fixture->info));
    assert_done(sink_kafka_partition_count(&fixture->config, name, &count, &fixture->info));
    assert_int_equal(count, 5);
    assert_done(sink_kafka_ensure_topic(&fixture->config, name, 5, true, &fixture->info));
    assert_done(sink_kafka_ensure_topic(&fixture->config, name, -1, true, &fixture->info));
    assert_int_equal(sink_kafka_ensure_topic(&fixture->config, name, 6, true, &fixture->info),
                     ERR_FATAL);
    assert_non_null(strstr(fixture->info.text, "has 5 partitions where 6 are needed"));

    const struct cluster_message old = {.partition = 4, .time_ms = 1000, .value = SLICE("x")};
    cluster_produce(fixture->kafka, name, &old, 1); /* of 1970: other topics would drop it */

    cluster_name(name, sizeof(name), "default");
    assert_done(sink_kafka_ensure_topic(&fixture->config, name, -1, false, &fixture->info));
    assert_done(sink_kafka_partition_count(&fixture->config, name, &count, &fixture->info));
    assert_true(count >= 1);
    assert_int_equal(
        sink_kafka_ensure_topic(&fixture->config, "not a name", 1, false, &fixture->info),
        ERR_FATAL);
}

/* A setting of a topic, as the broker says it. To be freed. */
static char *topic_setting(struct fixture *fixture, const char *topic, const char *name)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture->config.brokers, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(rk, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    size_t count;
    char *value = NULL;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            value = strdup(rd_kafka_ConfigEntry_value(entries[i]));
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return value;
}

static void test_a_topic_that_is_kept_for_ever_is_kept_for_ever(void **state)
{
    struct fixture *fixture = *state;
    static const char *const expected[][2] = {
        {"retention.ms", "-1"}, {"retention.bytes", "-1"}, {"cleanup.policy", "delete"}};
    char name[128];
    cluster_name(name, sizeof(name), "journal");
    assert_done(sink_kafka_ensure_topic(&fixture->config, name, 1, true, &fixture->info));
    for (size_t i = 0; i < 3; i++) {
        char *value = topic_setting(fixture, name, expected[i][0]);
        assert_non_null(value);
        assert_string_equal(value, expected[i][1]);
        free(value);
    }
}

/* A broker of this test's own, with a sink that has committed one record. */
static void open_own(struct fixture *own, const struct fixture *fixture,
                     struct config_property *properties, size_t property_count)
{
    *own = *fixture;
    own->kafka = cluster_kafka_start();
    own->config.brokers = cluster_kafka_address(own->kafka);
    own->config.properties = properties;
    own->config.property_count = property_count;
    cluster_topic_create(own->kafka, own->input, 1, NULL);
    cluster_topic_create(own->kafka, own->output, 1, NULL);
    own->sink = open_sink(own, &own->config);
    settle_and_begin(own);
    assert_done(produce(own, own->sink, "a", "1"));
    assert_done(sink_commit(own->sink, &own->info));
}

static void close_own(struct fixture *own)
{
    sink_close(own->sink);
    cluster_kafka_free(own->kafka);
}

static void settle_in_the_end(struct fixture *fixture)
{
    enum err rc;
    while ((rc = sink_settle(fixture->sink, &fixture->info)) == ERR_RETRY)
        process_nap_ms(50);
    assert_done(rc);
}

/* A broker that is restarted in the middle: the transaction may be lost, the sink is not. */
static void test_a_restarted_broker_is_survived(void **state)
{
    struct fixture own;
    struct fixture *fixture = &own;
    open_own(fixture, *state, NULL, 0);
    assert_done(sink_begin(fixture->sink, &fixture->info));
    assert_done(produce(fixture, fixture->sink, "a", "2"));
    cluster_kafka_restart(fixture->kafka);
    enum err rc = sink_commit(fixture->sink, &fixture->info);
    assert_true(rc == ERR_NONE || rc == ERR_FENCED);
    size_t committed_count = rc == ERR_NONE ? 2 : 1;

    settle_in_the_end(fixture);
    assert_done(sink_begin(fixture->sink, &fixture->info));
    assert_done(produce(fixture, fixture->sink, "a", "3"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), committed_count + 1);

    /* Between two transactions it needs no settling: the next begins with a new producer. */
    cluster_kafka_restart(fixture->kafka);
    assert_done(sink_begin(fixture->sink, &fixture->info));
    assert_done(produce(fixture, fixture->sink, "a", "4"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), committed_count + 2);
    close_own(fixture);
}

/* The main thread is in a commit at that moment. */
static void *thaw_later(void *kafka)
{
    process_nap_ms(4000);
    cluster_kafka_thaw(kafka);
    return NULL;
}

/*
 * The broker hangs during the commit for longer than a request may take. librdkafka asks again and
 * says that all is well, but the first request may still be on its way, and end the next
 * transaction.
 */
static void test_a_commit_longer_than_a_request_is_a_doubt(void **state)
{
    struct config_property properties[] = {{.name = "socket.timeout.ms", .value = "2000"}};
    pthread_t thread;
    struct fixture own;
    struct fixture *fixture = &own;
    open_own(fixture, *state, properties, 1);
    assert_done(sink_begin(fixture->sink, &fixture->info));
    assert_done(produce(fixture, fixture->sink, "a", "2"));
    process_nap_ms(500); /* the record is there, and only the end of the transaction is left */
    cluster_kafka_freeze(fixture->kafka);
    assert_int_equal(pthread_create(&thread, NULL, thaw_later, fixture->kafka), 0);
    assert_int_equal(sink_commit(fixture->sink, &fixture->info), ERR_FENCED);
    assert_non_null(strstr(fixture->info.text, "longer than socket.timeout.ms"));
    pthread_join(thread, NULL);
    assert_int_equal(sink_begin(fixture->sink, &fixture->info), ERR_FENCED);

    settle_in_the_end(fixture);
    assert_int_equal(count_committed(fixture), 2);
    assert_done(sink_begin(fixture->sink, &fixture->info));
    assert_done(produce(fixture, fixture->sink, "a", "3"));
    assert_done(sink_commit(fixture->sink, &fixture->info));
    assert_int_equal(count_committed(fixture), 3);

    /* Dropping ends, too, although nothing can be aborted; settling says that it has to be repeated. */
    char *value = strdup("4");
    assert_done(sink_begin(fixture->sink, &fixture->info));
    assert_done(produce(fixture, fixture->sink, "a", value));
    process_nap_ms(500); /* where nothing has been sent, nothing has to be aborted */
    cluster_kafka_freeze(fixture->kafka);
    assert_done(produce(fixture, fixture->sink, "a", value));
    process_nap_ms(400); /* this one is under way */
    sink_drop(fixture->sink);
    free(value);
    assert_int_equal(sink_settle(fixture->sink, &fixture->info), ERR_RETRY);
    cluster_kafka_thaw(fixture->kafka);
    settle_in_the_end(fixture);
    assert_int_equal(count_committed(fixture), 3);
    close_own(fixture);
}

/* The broker aborts it; that is no clash, however often it happens. */
static void test_a_transaction_that_is_open_too_long_is_told_from_a_clash(void **state)
{
    struct config_property properties[] = {
        {.name = "transaction.timeout.ms", .value = "1000"},
        {.name = "message.timeout.ms", .value = "900"},
        {.name = "socket.timeout.ms", .value = "900"},
    };
    struct fixture own = *(struct fixture *)*state;
    struct sink_record record = {.topic = own.output, .partition = 0, .value = SLICE("1")};
    struct fixture *fixture = &own;
    fixture->config.properties = properties;
    fixture->config.property_count = 3;
    fixture->sink = open_sink(fixture, &fixture->config);
    settle_and_begin(fixture);
    assert_done(sink_produce(fixture->sink, &record, &fixture->info));
    /* The record, and then the marker that takes it back. */
    wait_until(cluster_end(fixture->kafka, fixture->output, 0) == 2, 60000);
    assert_int_equal(sink_commit(fixture->sink, &fixture->info), ERR_FENCED);
    assert_non_null(strstr(fixture->info.text, "longer than transaction.timeout.ms"));
    settle_in_the_end(fixture);
    assert_int_equal(count_committed(fixture), 0);
    sink_close(fixture->sink);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_and_offsets_are_committed_together),
        TEST(test_transactions_follow_one_another),
        TEST(test_a_record_arrives_as_it_was_given),
        TEST(test_keys_go_where_java_clients_send_them),
        TEST(test_a_signal_and_a_dead_letter_pass_whole),
        TEST(test_a_settle_aborts_what_is_open),
        TEST(test_dropped_values_may_go),
        TEST(test_a_closed_sink_leaves_no_transaction_open),
        TEST(test_a_new_process_settles_what_the_old_one_left),
        TEST(test_a_clash_of_two_processes_becomes_fatal),
        TEST(test_offsets_of_no_member_are_refused),
        TEST(test_a_former_membership_is_fenced_by_the_group),
        TEST(test_a_record_above_the_clients_limit_is_rejected_and_the_rest_goes_on),
        TEST(test_a_record_within_the_signals_limit_is_not_rejected),
        TEST(test_a_record_that_the_topic_never_takes_is_fatal_and_named),
        TEST(test_a_missing_topic_is_fatal_and_named),
        TEST(test_brokers_away_are_retried_and_named),
        TEST(test_wrong_settings_are_found_when_it_is_opened),
        TEST(test_nothing_goes_before_the_first_settle),
        TEST(test_many_records_pass_a_small_queue),
        TEST(test_topics_are_created_once_as_asked),
        TEST(test_a_topic_that_is_kept_for_ever_is_kept_for_ever),
        TEST(test_a_restarted_broker_is_survived),
        TEST(test_a_commit_longer_than_a_request_is_a_doubt),
        TEST(test_a_transaction_that_is_open_too_long_is_told_from_a_clash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
