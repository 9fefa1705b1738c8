/* consumer/source_kafka.h against a real broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "consumer/event.h"
#include "consumer/membership.h"
#include "consumer/source_kafka.h"
#include "core/buf.h"
#include "core/log.h"
#include "producer/sink_kafka.h"
#include "tests/support/cluster.h"
#include "tests/support/process.h"

/* A member of the group, and what it was told. */
struct member {
    struct source *source;
    struct source_listener listener;
    struct topic_partition assigned[8];
    size_t assigned_count;
    size_t assignments, revocations, losses;
    int64_t resume_at;    /* in assigned(); -1: it does not */
    struct buf at_revoke; /* membership */
};

struct fixture {
    struct cluster_kafka *kafka;
    char input[128], group[128];
    const char *topics[2];
    struct config config;
    struct member members[2];
    struct errinfo info;
};

static void on_assigned(void *self, const struct topic_partition *partitions, size_t count)
{
    struct member *member = self;
    member->assignments++;
    member->assigned_count = count;
    for (size_t i = 0; i < count; i++) {
        member->assigned[i] = partitions[i];
        if (member->resume_at >= 0)
            assert_int_equal(source_resume(member->source, partitions[i], member->resume_at, NULL),
                             ERR_NONE);
    }
}

static void on_revoked(void *self, bool lost)
{
    struct member *member = self;
    member->assigned_count = 0;
    member->revocations++;
    member->losses += lost;
    buf_reset(&member->at_revoke);
    source_membership(member->source, &member->at_revoke);
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    log_set_level(LOG_OFF);
    fixture.kafka = cluster_kafka_shared();
    cluster_name(fixture.input, sizeof(fixture.input), "in");
    cluster_name(fixture.group, sizeof(fixture.group), "group");
    cluster_topic_create(fixture.kafka, fixture.input, 2,
                         (const char *[]){"retention.ms", "-1", NULL});
    fixture.topics[0] = fixture.input;
    fixture.config = (struct config){
        .brokers = cluster_kafka_address(fixture.kafka),
        .group = fixture.group,
        .instance = "test",
        .topics = {.items = fixture.topics, .count = 1},
    };
    for (size_t i = 0; i < 2; i++) {
        fixture.members[i].listener =
            (struct source_listener){&fixture.members[i], on_assigned, on_revoked};
        fixture.members[i].resume_at = -1;
        buf_init(&fixture.members[i].at_revoke);
    }
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 2; i++) {
        source_close(fixture->members[i].source);
        buf_fini(&fixture->members[i].at_revoke);
    }
    return 0;
}

#define assert_done(rc)                                                                            \
    do {                                                                                           \
        if ((rc) != ERR_NONE)                                                                      \
            fail_msg("%s", fixture->info.text);                                                    \
    } while (0)

static struct member *open_member(struct fixture *fixture, unsigned which)
{
    struct member *member = &fixture->members[which];
    member->source = source_kafka_open(&fixture->config, which, &member->listener, &fixture->info);
    if (!member->source)
        fail_msg("%s", fixture->info.text);
    return member;
}

static struct source_batch poll_for(struct fixture *fixture, struct member *member, int timeout_ms)
{
    struct source_batch batch;
    assert_done(source_poll(member->source, timeout_ms, &batch, &fixture->info));
    return batch;
}

static struct member *join(struct fixture *fixture, unsigned which)
{
    struct member *member = open_member(fixture, which);
    int64_t end_ms = process_now_ms() + 30000;
    while (member->assignments == 0 && process_now_ms() < end_ms)
        poll_for(fixture, member, 50);
    assert_int_equal(member->assignments, 1);
    return member;
}

static struct topic_partition at(struct fixture *fixture, int32_t partition)
{
    return (struct topic_partition){fixture->input, partition};
}

/* `count` messages whose value is their number, as text. */
static void produce(struct fixture *fixture, int partition, int first, int count)
{
    struct cluster_message *messages = calloc((size_t)count, sizeof(*messages));
    char(*values)[12] = calloc((size_t)count, sizeof(*values));
    for (int i = 0; i < count; i++) {
        snprintf(values[i], sizeof(values[i]), "%d", first + i);
        messages[i] = (struct cluster_message){.partition = partition,
                                               .time_ms = 1000 + first + i,
                                               .key = slice_of(values[i]),
                                               .value = slice_of(values[i])};
    }
    cluster_produce(fixture->kafka, fixture->input, messages, (size_t)count);
    free(messages);
    free(values);
}

/*
 * Polls until the partition's end has been given `until`; messages must follow one another from
 * `*next` on.
 */
static void read_on(struct fixture *fixture, struct member *member, int32_t partition,
                    int64_t *next, int64_t until)
{
    int64_t end_ms = process_now_ms() + 30000;
    bool ended = false;
    while (!ended && process_now_ms() < end_ms) {
        struct source_batch batch = poll_for(fixture, member, 100);
        for (size_t i = 0; i < batch.message_count; i++) {
            if (batch.messages[i].from.partition == partition)
                assert_int_equal(batch.messages[i].offset, (*next)++);
        }
        for (size_t i = 0; i < batch.end_count; i++) {
            if (batch.ends[i].of.partition == partition && batch.ends[i].offset == until)
                ended = true;
        }
    }
    assert_true(ended);
    assert_int_equal(*next, until);
}

static void test_messages_come_with_all_they_have_and_the_end_behind_them(void **state)
{
    struct fixture *fixture = *state;
    const struct cluster_header headers[] = {{"traceparent", SLICE("00-old")},
                                             {"other", SLICE("x")},
                                             {"traceparent", SLICE("00-0af7-b7ad-01")}};
    const struct cluster_message messages[] = {
        {.partition = 0,
         .time_ms = 1767607200123,
         .key = SLICE("u42"),
         .value = SLICE("one"),
         .headers = headers,
         .header_count = 3},
        {.partition = 0, .time_ms = 5, .value = {NULL, 0}},
        {.partition = 0, .time_ms = 6, .key = SLICE(""), .value = SLICE("")},
    };
    cluster_produce(fixture->kafka, fixture->input, messages, 3);
    struct member *member = join(fixture, 0);
    assert_int_equal(member->assigned_count, 2);
    assert_done(source_resume(member->source, at(fixture, 0), 0, &fixture->info));

    struct source_batch batch = {0};
    size_t seen = 0, ends = 0;
    for (int i = 0; i < 100 && ends == 0; i++) {
        batch = poll_for(fixture, member, 100);
        if (batch.message_count == 0 && batch.end_count == 0)
            continue;
        if (batch.message_count > 0) {
            assert_int_equal(batch.message_count, 3);
            const struct source_message *message = batch.messages;
            assert_ptr_equal(message->from.topic, fixture->input);
            assert_int_equal(message->from.partition, 0);
            assert_int_equal(message->time_ms, 1767607200123);
            assert_true(slice_is(message->key, "u42"));
            assert_true(slice_is(message->value, "one"));
            assert_true(slice_is(source_traceparent(member->source, message), "00-0af7-b7ad-01"));
            assert_null(message[1].key.data);
            assert_null(message[1].value.data);
            assert_int_equal(source_traceparent(member->source, &message[1]).size, 0);
            assert_non_null(message[2].value.data);
            assert_int_equal(message[2].value.size, 0);
            assert_int_equal(message[2].offset, 2);
            seen += 3;
        }
        ends += batch.end_count;
    }
    assert_int_equal(seen, 3);
    assert_int_equal(ends, 1);
    assert_int_equal(batch.ends[0].offset, 3);
}

/* Nothing is fetched from where nobody said to read, so a log that has been cut is no error. */
static void test_an_assigned_partition_is_silent_until_it_is_resumed(void **state)
{
    struct fixture *fixture = *state;
    produce(fixture, 0, 0, 10);
    cluster_topic_trim(fixture->kafka, fixture->input, 0, 4);
    struct member *member = join(fixture, 0);
    int64_t end_ms = process_now_ms() + 1500;
    while (process_now_ms() < end_ms) {
        struct source_batch batch = poll_for(fixture, member, 100);
        assert_int_equal(batch.message_count + batch.end_count, 0);
    }
    int64_t first, end, next = 4;
    assert_done(source_bounds(member->source, at(fixture, 0), &first, &end, &fixture->info));
    assert_int_equal(first, 4);
    assert_int_equal(end, 10);
    assert_done(source_resume(member->source, at(fixture, 0), first, &fixture->info));
    read_on(fixture, member, 0, &next, 10);
}

static void test_a_resume_may_be_asked_for_inside_the_assignment(void **state)
{
    struct fixture *fixture = *state;
    int64_t next = 3;
    produce(fixture, 0, 0, 10);
    produce(fixture, 1, 0, 3);
    fixture->members[0].resume_at = 3;
    struct member *member = open_member(fixture, 0);
    read_on(fixture, member, 0, &next, 10);
    assert_int_equal(member->assignments, 1);
}

/* Far more is queued than a batch holds when the position changes. */
static void test_nothing_from_before_a_resume_comes_after_it(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 20000 };
    produce(fixture, 0, 0, COUNT);
    struct member *member = join(fixture, 0);
    for (int round = 0; round < 20; round++) {
        int64_t from = (round * 7919) % COUNT;
        bool begun = false;
        if (round % 2)
            assert_done(source_pause(member->source, at(fixture, 0), &fixture->info));
        if (round % 4 == 3) /* while paused nothing comes */
            assert_int_equal(poll_for(fixture, member, 50).message_count, 0);
        assert_done(source_resume(member->source, at(fixture, 0), from, &fixture->info));
        for (int polls = 0; polls < 100 && !begun; polls++) {
            struct source_batch batch = poll_for(fixture, member, 100);
            for (size_t i = 0; i < batch.message_count; i++)
                assert_int_equal(batch.messages[i].offset, from + (int64_t)i);
            begun = batch.message_count > 0;
        }
        assert_true(begun);
    }
    int64_t next = 0;
    assert_done(source_resume(member->source, at(fixture, 0), 0, &fixture->info));
    read_on(fixture, member, 0, &next, COUNT);
}

/* After a recovery with R = C = end nothing else would say that the end is reached. */
static void test_the_end_is_said_anew_after_a_resume_there(void **state)
{
    struct fixture *fixture = *state;
    produce(fixture, 0, 0, 5);
    struct member *member = join(fixture, 0);
    for (int round = 0; round < 3; round++) {
        int64_t next = 5;
        assert_done(source_resume(member->source, at(fixture, 0), 5, &fixture->info));
        read_on(fixture, member, 0, &next, 5);
    }
    int64_t next = 5;
    produce(fixture, 0, 5, 2);
    read_on(fixture, member, 0, &next, 7);
}

static void test_an_empty_partition_has_its_end_at_0(void **state)
{
    struct fixture *fixture = *state;
    struct member *member = join(fixture, 0);
    int64_t next = 0, first, end;
    assert_done(source_resume(member->source, at(fixture, 1), 0, &fixture->info));
    read_on(fixture, member, 1, &next, 0);
    assert_done(source_bounds(member->source, at(fixture, 1), &first, &end, &fixture->info));
    assert_int_equal(first, 0);
    assert_int_equal(end, 0);
}

static void test_messages_come_soon_after_they_were_sent(void **state)
{
    struct fixture *fixture = *state;
    struct member *member = join(fixture, 0);
    int64_t worst_ms = 0;
    assert_done(source_resume(member->source, at(fixture, 0), 0, &fixture->info));
    assert_done(source_resume(member->source, at(fixture, 1), 0, &fixture->info));
    for (int i = 0; i < 20; i++) {
        produce(fixture, i % 2, i / 2, 1);
        int64_t start_ms = process_now_ms();
        struct source_batch batch = {0};
        while (batch.message_count == 0 && process_now_ms() < start_ms + 10000)
            batch = poll_for(fixture, member, 1000);
        assert_int_equal(batch.message_count, 1);
        if (process_now_ms() - start_ms > worst_ms)
            worst_ms = process_now_ms() - start_ms;
    }
    print_message("worst of 20: %d ms\n", (int)worst_ms);
    assert_true(worst_ms < 900); /* a poll that waits out its time-out takes a second */
}

/* librdkafka 2.0.2 looks at a queue that was full again after up to a second: this would take six. */
static void test_a_queue_that_was_full_is_filled_again_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct config_property properties[] = {{.name = "queued.min.messages", .value = "3000"},
                                           {.name = "fetch.message.max.bytes", .value = "20000"}};
    enum { PIECE = 1000, COUNT = 20 * PIECE };
    fixture->config.properties = properties;
    fixture->config.property_count = 2;
    for (int first = 0; first < COUNT; first += PIECE)
        produce(fixture, 0, first, PIECE);
    struct member *member = join(fixture, 0);
    assert_done(source_resume(member->source, at(fixture, 0), 0, &fixture->info));
    int64_t start_ms = process_now_ms();
    size_t seen = 0;
    while (seen < COUNT && process_now_ms() < start_ms + 30000) {
        seen += poll_for(fixture, member, 100).message_count;
        process_nap_ms(20); /* the queue fills up meanwhile */
    }
    int took_ms = (int)(process_now_ms() - start_ms);
    assert_int_equal(seen, COUNT);
    print_message("%d messages in %d ms\n", COUNT, took_ms);
    assert_true(took_ms < 3000);
}

static void test_a_position_outside_the_log_is_fatal_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct source_batch batch;
    enum err rc = ERR_NONE;
    produce(fixture, 0, 0, 10);
    cluster_topic_trim(fixture->kafka, fixture->input, 0, 4);
    struct member *member = join(fixture, 0);
    assert_done(source_resume(member->source, at(fixture, 0), 2, &fixture->info));
    for (int i = 0; i < 100 && rc == ERR_NONE; i++)
        rc = source_poll(member->source, 100, &batch, &fixture->info);
    assert_int_equal(rc, ERR_FATAL);
    assert_non_null(strstr(fixture->info.text, fixture->input));
    assert_non_null(strstr(fixture->info.text, "partition 0"));
    assert_int_equal(source_poll(member->source, 0, &batch, &fixture->info), ERR_FATAL);
}

static void share(struct fixture *fixture, size_t first_count, size_t second_count)
{
    int64_t end_ms = process_now_ms() + 60000;
    while ((fixture->members[0].assigned_count != first_count ||
            fixture->members[1].assigned_count != second_count) &&
           process_now_ms() < end_ms) {
        for (size_t i = 0; i < 2; i++) {
            if (fixture->members[i].source)
                poll_for(fixture, &fixture->members[i], 20);
        }
    }
    assert_int_equal(fixture->members[0].assigned_count, first_count);
    assert_int_equal(fixture->members[1].assigned_count, second_count);
}

static struct slice membership(struct member *member, struct buf *out)
{
    buf_reset(out);
    source_membership(member->source, out);
    return buf_slice(out);
}

static void test_a_second_member_takes_its_share_and_leaves_it_when_it_closes(void **state)
{
    struct fixture *fixture = *state;
    struct buf before, after;
    buf_init(&before);
    buf_init(&after);
    struct member *first = join(fixture, 0);
    assert_true(membership(first, &before).size > 0);
    assert_true(slice_equal(membership(first, &after), buf_slice(&before)));

    open_member(fixture, 1);
    share(fixture, 1, 1);
    assert_int_equal(first->revocations, 1);
    assert_int_equal(first->losses, 0);
    assert_true(slice_equal(buf_slice(&first->at_revoke), buf_slice(&before))); /* still good */
    assert_false(slice_equal(membership(first, &after), buf_slice(&before)));
    assert_int_not_equal(first->assigned[0].partition, fixture->members[1].assigned[0].partition);

    int64_t start_ms = process_now_ms();
    source_close(fixture->members[1].source);
    fixture->members[1].source = NULL;
    assert_int_equal(fixture->members[1].revocations, 1);
    share(fixture, 2, 0);
    print_message("taken over %d ms after a close\n", (int)(process_now_ms() - start_ms));
    assert_true(process_now_ms() - start_ms < 15000); /* and not after the session has run out */
    buf_fini(&before);
    buf_fini(&after);
}

static void test_partitions_do_not_run_on_over_a_rebalance(void **state)
{
    struct fixture *fixture = *state;
    produce(fixture, 0, 0, 10);
    produce(fixture, 1, 0, 10);
    struct member *first = join(fixture, 0);
    for (int32_t i = 0; i < 2; i++)
        assert_done(source_resume(first->source, at(fixture, i), 0, &fixture->info));
    open_member(fixture, 1);
    share(fixture, 1, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(poll_for(fixture, first, 50).message_count, 0);
    int64_t next = 6;
    int32_t mine = first->assigned[0].partition;
    assert_done(source_resume(first->source, at(fixture, mine), 6, &fixture->info));
    read_on(fixture, first, mine, &next, 10);
}

/* Thrown out, each comes back three times, as it may have been its own doing (an outage): then one is told. */
static void test_two_processes_of_one_name_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct source_batch batch;
    struct fixture other = *fixture;
    enum err rc = ERR_NONE;
    join(fixture, 0);
    for (size_t i = 0; i < 2; i++)
        other.members[i].listener.self = &other.members[i];
    buf_init(&other.members[0].at_revoke);
    join(&other, 0);
    for (int i = 0; i < 600 && rc == ERR_NONE; i++) {
        rc = source_poll(fixture->members[0].source, 50, &batch, &fixture->info);
        if (rc == ERR_NONE)
            rc = source_poll(other.members[0].source, 50, &batch, &fixture->info);
    }
    assert_int_equal(rc, ERR_FATAL);
    print_message("revoked %d and %d times\n", (int)fixture->members[0].revocations,
                  (int)other.members[0].revocations);
    assert_in_range(fixture->members[0].revocations + other.members[0].revocations, 5, 8);
    assert_non_null(strstr(fixture->info.text, "`instance`"));
    source_close(other.members[0].source);
    buf_fini(&other.members[0].at_revoke);
}

static void test_no_membership_gives_no_bytes(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int32_t generation;
        const char *member;
        bool is_one;
    } rows[] = {{-1, "", false}, {-1, "m", false}, {3, "", false}, {3, "m", true}, {0, "m", true}};
    struct buf bytes;
    buf_init(&bytes);
    assert_true(membership_form_is_known());
    for (size_t i = 0; i < 5; i++) {
        rd_kafka_consumer_group_metadata_t *metadata =
            rd_kafka_consumer_group_metadata_new_with_genid("group", rows[i].generation,
                                                            rows[i].member, "i");
        buf_reset(&bytes);
        membership_add_metadata(metadata, &bytes);
        assert_int_equal(bytes.size > 0, rows[i].is_one);
        rd_kafka_consumer_group_metadata_destroy(metadata);
    }
    /* Of a consumer that has not joined. */
    struct config config = fixture->config;
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", process_free_port());
    config.brokers = address;
    struct member *member = &fixture->members[0];
    member->source = source_kafka_open(&config, 0, &member->listener, &fixture->info);
    assert_int_equal(membership(member, &bytes).size, 0);
    buf_fini(&bytes);
    source_close(member->source); /* while `config` is there */
    member->source = NULL;
}

static void test_brokers_away_are_retried_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct config config = fixture->config;
    struct member *member = &fixture->members[0];
    struct source_batch batch;
    char address[64];
    enum err rc = ERR_NONE;
    snprintf(address, sizeof(address), "127.0.0.1:%d", process_free_port());
    config.brokers = address;
    member->source = source_kafka_open(&config, 0, &member->listener, &fixture->info);
    for (int i = 0; i < 100 && rc == ERR_NONE; i++)
        rc = source_poll(member->source, 100, &batch, &fixture->info);
    assert_int_equal(rc, ERR_RETRY);
    assert_non_null(strstr(fixture->info.text, address));
    int32_t count;
    assert_int_equal(source_partition_count(member->source, fixture->input, &count, &fixture->info),
                     ERR_RETRY);
    source_close(member->source); /* while `config` is there */
    member->source = NULL;
}

static void test_a_missing_topic_is_fatal_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct source_batch batch;
    char missing[128];
    enum err rc = ERR_NONE;
    int64_t first, end;
    int32_t count;
    cluster_name(missing, sizeof(missing), "missing");
    fixture->topics[1] = missing;
    fixture->config.topics.count = 2;
    struct member *member = open_member(fixture, 0);
    for (int i = 0; i < 100 && rc == ERR_NONE; i++)
        rc = source_poll(member->source, 100, &batch, &fixture->info);
    assert_int_equal(rc, ERR_FATAL);
    assert_non_null(strstr(fixture->info.text, missing));
    assert_int_equal(source_partition_count(member->source, missing, &count, &fixture->info),
                     ERR_FATAL);
    assert_int_not_equal(source_bounds(member->source, (struct topic_partition){missing, 0}, &first,
                                       &end, &fixture->info),
                         ERR_NONE);
    assert_done(source_partition_count(member->source, fixture->input, &count, &fixture->info));
    assert_int_equal(count, 2);
}

static void test_several_topics_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    char second[128];
    cluster_name(second, sizeof(second), "in2");
    cluster_topic_create(fixture->kafka, second, 2, NULL);
    const struct cluster_message message = {.partition = 1, .value = SLICE("second")};
    produce(fixture, 1, 0, 1);
    cluster_produce(fixture->kafka, second, &message, 1);
    fixture->topics[1] = second;
    fixture->config.topics.count = 2;
    fixture->members[0].resume_at = 0;
    struct member *member = open_member(fixture, 0);
    bool seen[2] = {false, false};
    for (int i = 0; i < 100 && !(seen[0] && seen[1]); i++) {
        struct source_batch batch = poll_for(fixture, member, 100);
        for (size_t k = 0; k < batch.message_count; k++) {
            bool is_second = slice_is(batch.messages[k].value, "second");
            assert_ptr_equal(batch.messages[k].from.topic, fixture->topics[is_second]);
            seen[is_second] = true;
        }
    }
    assert_true(seen[0] && seen[1]);
    assert_int_equal(member->assigned_count, 4);
}

static struct sink *open_sink(struct fixture *fixture, const char *topic, unsigned worker)
{
    struct sink *sink = sink_kafka_open(&fixture->config, worker, &topic, 1, &fixture->info);
    assert_non_null(sink);
    assert_done(sink_settle(sink, &fixture->info));
    return sink;
}

static void put(struct fixture *fixture, struct sink *sink, const char *topic, const char *value)
{
    struct sink_record record = {.topic = topic, .partition = 0, .value = slice_of(value)};
    assert_done(sink_produce(sink, &record, &fixture->info));
}

static void send_offset(struct fixture *fixture, struct sink *sink, struct member *member,
                        int64_t offset, const char *metadata)
{
    struct buf bytes;
    buf_init(&bytes);
    struct sink_offset of = {at(fixture, 0), offset, metadata};
    assert_done(sink_offsets(sink, &of, 1, membership(member, &bytes), &fixture->info));
    buf_fini(&bytes);
}

static void test_committed_offsets_are_stable_and_come_with_their_metadata(void **state)
{
    struct fixture *fixture = *state;
    char metadata[513];
    struct source_committed committed[2] = {{.of = at(fixture, 1)}, {.of = at(fixture, 0)}};
    memset(metadata, 'm', 512);
    metadata[512] = '\0';
    struct member *member = join(fixture, 0);
    struct sink *sink = open_sink(fixture, fixture->input, 0);
    assert_done(source_committed(member->source, committed, 2, &fixture->info));
    assert_int_equal(committed[0].offset, -1);
    assert_int_equal(committed[1].offset, -1);
    assert_string_equal(committed[1].metadata, "");

    assert_done(sink_begin(sink, &fixture->info));
    send_offset(fixture, sink, member, 17, metadata);
    assert_done(sink_commit(sink, &fixture->info));
    assert_done(source_committed(member->source, committed, 2, &fixture->info));
    assert_int_equal(committed[0].offset, -1);
    assert_int_equal(committed[1].offset, 17);
    assert_string_equal(committed[1].metadata, metadata);

    assert_done(sink_begin(sink, &fixture->info));
    send_offset(fixture, sink, member, 18, "next");
    assert_int_equal(source_committed(member->source, committed, 2, &fixture->info), ERR_RETRY);
    assert_done(sink_settle(sink, &fixture->info));
    assert_done(source_committed(member->source, committed, 2, &fixture->info));
    assert_int_equal(committed[1].offset, 17);
    sink_close(sink);
}

struct text {
    char text[200];
};

static void collect(void *self, int64_t offset, struct slice value)
{
    struct text *text = self;
    size_t size = strlen(text->text);
    snprintf(text->text + size, sizeof(text->text) - size, "%d:%.*s ", (int)offset, (int)value.size,
             value.data);
}

/*
 * The markers of a transaction are written after its commit has been answered, so a reader has to
 * ask again.
 */
static void assert_log_becomes(struct fixture *fixture, struct topic_partition log,
                               const char *expected)
{
    struct text text;
    int64_t end_ms = process_now_ms() + 10000;
    do {
        text.text[0] = '\0';
        assert_done(
            source_read_log(fixture->members[0].source, log, &text, collect, &fixture->info));
    } while (strcmp(text.text, expected) != 0 && process_now_ms() < end_ms);
    assert_string_equal(text.text, expected);
}

/* Aborted records and markers have offsets, too. What is open is not the log's yet. */
static void test_a_log_is_read_to_its_end_as_far_as_it_is_committed(void **state)
{
    struct fixture *fixture = *state;
    char journal[128];
    struct text text = {""};
    cluster_name(journal, sizeof(journal), "journal");
    cluster_topic_create(fixture->kafka, journal, 1, NULL);
    struct topic_partition log = {journal, 0};
    struct member *member = join(fixture, 0);
    struct sink *sink = open_sink(fixture, journal, 0);
    struct sink *other = open_sink(fixture, journal, 1);
    assert_log_becomes(fixture, log, "");

    assert_done(sink_begin(sink, &fixture->info));
    put(fixture, sink, journal, "a");
    put(fixture, sink, journal, "b");
    assert_done(sink_commit(sink, &fixture->info));
    assert_done(sink_begin(sink, &fixture->info));
    put(fixture, sink, journal, "aborted");
    wait_until(cluster_end(fixture->kafka, journal, 0) == 4, 10000);
    assert_done(sink_settle(sink, &fixture->info));
    assert_done(sink_begin(sink, &fixture->info));
    put(fixture, sink, journal, "c");
    assert_done(sink_commit(sink, &fixture->info));
    assert_log_becomes(fixture, log, "0:a 1:b 5:c ");

    assert_done(sink_begin(other, &fixture->info));
    put(fixture, other, journal, "open");
    wait_until(cluster_end(fixture->kafka, journal, 0) == 8, 10000);
    assert_done(sink_begin(sink, &fixture->info));
    put(fixture, sink, journal, "behind it");
    assert_done(sink_commit(sink, &fixture->info));
    process_nap_ms(200);
    assert_log_becomes(fixture, log, "0:a 1:b 5:c ");
    assert_done(sink_commit(other, &fixture->info));
    assert_log_becomes(fixture, log, "0:a 1:b 5:c 7:open 8:behind it ");

    log.partition = 7;
    assert_int_not_equal(source_read_log(member->source, log, &text, collect, &fixture->info),
                         ERR_NONE);
    sink_close(sink);
    sink_close(other);
}

static void count_records(void *self, int64_t offset, struct slice value)
{
    (void)offset;
    (void)value;
    ++*(int *)self;
}

static void test_a_long_log_is_read_whole(void **state)
{
    struct fixture *fixture = *state;
    int count = 0;
    produce(fixture, 1, 0, 30000);
    cluster_topic_trim(fixture->kafka, fixture->input, 1, 10);
    struct member *member = join(fixture, 0);
    int64_t start_ms = process_now_ms();
    assert_done(
        source_read_log(member->source, at(fixture, 1), &count, count_records, &fixture->info));
    print_message("30,000 records in %d ms\n", (int)(process_now_ms() - start_ms));
    assert_int_equal(count, 29990);
}

static void test_wrong_settings_are_found_when_it_is_opened(void **state)
{
    struct fixture *fixture = *state;
    struct config_property properties[] = {
        {.name = "fetch.min.bytes", .value = "many", .at = {"shop.yaml", 3, 5}}};
    fixture->config.properties = properties;
    fixture->config.property_count = 1;
    struct member *member = &fixture->members[0];
    assert_null(source_kafka_open(&fixture->config, 0, &member->listener, &fixture->info));
    assert_non_null(strstr(fixture->info.text, "shop.yaml:3:5: kafka.properties: fetch.min.bytes"));
    properties[0] = (struct config_property){
        .name = "no.such.setting", .value = "x", .at = {"shop.yaml", 3, 5}};
    assert_null(source_kafka_open(&fixture->config, 0, &member->listener, &fixture->info));
    properties[0] = (struct config_property){
        .name = "security.protocol", .value = "hunter2", .is_secret = true, .at = {"x", 1, 1}};
    assert_null(source_kafka_open(&fixture->config, 0, &member->listener, &fixture->info));
    assert_null(strstr(fixture->info.text, "hunter2"));
}

/* A worker that did not poll for too long: the group has given its partitions away. */
static void test_a_member_that_does_not_poll_loses_its_partitions(void **state)
{
    struct fixture *fixture = *state;
    struct config_property properties[] = {{.name = "max.poll.interval.ms", .value = "6000"},
                                           {.name = "session.timeout.ms", .value = "6000"}};
    struct buf bytes;
    fixture->config.properties = properties;
    fixture->config.property_count = 2;
    struct member *member = join(fixture, 0);
    buf_init(&bytes);
    process_nap_ms(7000);
    assert_int_equal(membership(member, &bytes).size, 0); /* before it is told */
    int64_t end_ms = process_now_ms() + 30000;
    while (member->assignments < 2 && process_now_ms() < end_ms) {
        struct source_batch batch;
        enum err rc = source_poll(member->source, 100, &batch, &fixture->info);
        assert_true(rc == ERR_NONE || rc == ERR_RETRY); /* it is said */
    }
    assert_int_equal(member->assignments, 2);
    assert_int_equal(member->losses, 1);
    assert_true(membership(member, &bytes).size > 0);
    buf_fini(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_messages_come_with_all_they_have_and_the_end_behind_them),
        TEST(test_an_assigned_partition_is_silent_until_it_is_resumed),
        TEST(test_a_resume_may_be_asked_for_inside_the_assignment),
        TEST(test_nothing_from_before_a_resume_comes_after_it),
        TEST(test_the_end_is_said_anew_after_a_resume_there),
        TEST(test_an_empty_partition_has_its_end_at_0),
        TEST(test_messages_come_soon_after_they_were_sent),
        TEST(test_a_queue_that_was_full_is_filled_again_at_once),
        TEST(test_a_position_outside_the_log_is_fatal_and_named),
        TEST(test_a_second_member_takes_its_share_and_leaves_it_when_it_closes),
        TEST(test_partitions_do_not_run_on_over_a_rebalance),
        TEST(test_two_processes_of_one_name_are_told),
        TEST(test_no_membership_gives_no_bytes),
        TEST(test_brokers_away_are_retried_and_named),
        TEST(test_a_missing_topic_is_fatal_and_named),
        TEST(test_several_topics_are_told_apart),
        TEST(test_committed_offsets_are_stable_and_come_with_their_metadata),
        TEST(test_a_log_is_read_to_its_end_as_far_as_it_is_committed),
        TEST(test_a_long_log_is_read_whole),
        TEST(test_wrong_settings_are_found_when_it_is_opened),
        TEST(test_a_member_that_does_not_poll_loses_its_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
