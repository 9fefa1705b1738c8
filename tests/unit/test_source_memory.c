/* consumer/source_memory.h: the input from memory behaves as a Kafka consumer group does.
 * ctest-labels: engine */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "consumer/source_memory.h"
#include "core/buf.h"

/* What a listener was told, and what it does about it. */
struct told {
    char events[512]; /* "assigned:0,1 revoked ..." */
    struct source *source;
    bool resume; /* reads assigned partitions from 0 */
    struct source_log *log;
    bool was_member; /* in revoked(): would a commit have been taken? */
};

static void on_assigned(void *self, const struct topic_partition *partitions, size_t count)
{
    struct told *told = self;
    char text[64] = "assigned:";
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof(text) - size, "%s%d", i ? "," : "", partitions[i].partition);
        if (told->resume)
            assert_int_equal(source_resume(told->source, partitions[i], 0, NULL), ERR_NONE);
    }
    strncat(told->events, text, sizeof(told->events) - strlen(told->events) - 1);
    strncat(told->events, " ", sizeof(told->events) - strlen(told->events) - 1);
}

static bool is_member(struct told *told)
{
    struct buf bytes;
    buf_init(&bytes);
    source_membership(told->source, &bytes);
    bool member = bytes.size > 0 && source_log_is_member(told->log, buf_slice(&bytes));
    buf_fini(&bytes);
    return member;
}

static void on_revoked(void *self, bool lost)
{
    struct told *told = self;
    told->was_member = is_member(told);
    strncat(told->events, lost ? "lost " : "revoked ",
            sizeof(told->events) - strlen(told->events) - 1);
}

struct fixture {
    struct source_log *log;
    struct told told[2];
    struct source_listener listeners[2];
    struct source *sources[2];
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    fixture.log = source_log_new();
    source_log_create(fixture.log, "t", 3);
    for (int i = 0; i < 2; i++) {
        fixture.told[i].log = fixture.log;
        fixture.told[i].resume = true;
        fixture.listeners[i] = (struct source_listener){&fixture.told[i], on_assigned, on_revoked};
    }
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2; i++)
        source_close(fixture->sources[i]);
    source_log_free(fixture->log);
    return 0;
}

static struct topic_partition at(int32_t partition)
{
    return (struct topic_partition){"t", partition};
}

static struct source *open_source(struct fixture *fixture, int which, int32_t first, int32_t last)
{
    struct topic_partition partitions[3];
    size_t count = 0;
    for (int32_t i = first; i <= last; i++)
        partitions[count++] = at(i);
    fixture->sources[which] =
        source_memory_open(fixture->log, partitions, count, &fixture->listeners[which]);
    fixture->told[which].source = fixture->sources[which];
    return fixture->sources[which];
}

static int64_t append(struct fixture *fixture, int32_t partition, const char *value)
{
    return source_log_append(fixture->log, at(partition), 1000, SLICE("k"), slice_of(value));
}

static struct source_batch poll(struct source *source)
{
    struct source_batch batch;
    struct errinfo info;
    assert_int_equal(source_poll(source, 0, &batch, &info), ERR_NONE);
    return batch;
}

static void assert_told(struct fixture *fixture, int which, const char *events)
{
    assert_string_equal(fixture->told[which].events, events);
    fixture->told[which].events[0] = '\0';
}

static void test_a_first_poll_is_told_its_partitions_and_they_are_paused(void **state)
{
    struct fixture *fixture = *state;
    fixture->told[0].resume = false;
    struct source *source = open_source(fixture, 0, 0, 2);
    append(fixture, 1, "a");
    assert_int_equal(poll(source).message_count, 0);
    assert_told(fixture, 0, "assigned:0,1,2 ");
    assert_int_equal(source_resume(source, at(1), 0, NULL), ERR_NONE);
    assert_int_equal(poll(source).message_count, 1);
}

static void test_messages_come_in_order_with_all_they_have_and_the_end_behind_them(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    source_log_append_traced(fixture->log, at(0), 5, SLICE("key"), SLICE("one"), SLICE("00-1"));
    source_log_append(fixture->log, at(0), 6, (struct slice){NULL, 0}, (struct slice){NULL, 0});
    source_log_append(fixture->log, at(0), 7, (struct slice){"", 0}, (struct slice){"", 0});

    struct source_batch batch = poll(source);
    assert_int_equal(batch.message_count, 3);
    assert_true(slice_is(batch.messages[0].key, "key"));
    assert_true(slice_is(batch.messages[0].value, "one"));
    assert_int_equal(batch.messages[0].time_ms, 5);
    assert_string_equal(batch.messages[0].from.topic, "t");
    assert_true(slice_is(source_traceparent(source, &batch.messages[0]), "00-1"));
    assert_null(batch.messages[1].key.data);
    assert_null(batch.messages[1].value.data);
    assert_int_equal(source_traceparent(source, &batch.messages[1]).size, 0);
    assert_non_null(batch.messages[2].value.data);
    for (int i = 0; i < 3; i++)
        assert_int_equal(batch.messages[i].offset, i);
    assert_int_equal(batch.end_count, 1);
    assert_int_equal(batch.ends[0].offset, 3);

    batch = poll(source); /* an end is said once */
    assert_int_equal(batch.message_count + batch.end_count, 0);
    append(fixture, 0, "four");
    batch = poll(source);
    assert_int_equal(batch.message_count, 1);
    assert_int_equal(batch.ends[0].offset, 4);
}

static void test_a_resume_reads_from_where_it_says_and_says_the_end_anew(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    for (int i = 0; i < 5; i++)
        append(fixture, 0, "x");
    assert_int_equal(poll(source).message_count, 5);
    assert_int_equal(source_resume(source, at(0), 3, NULL), ERR_NONE);
    struct source_batch batch = poll(source);
    assert_int_equal(batch.message_count, 2);
    assert_int_equal(batch.messages[0].offset, 3);
    assert_int_equal(batch.end_count, 1);
    assert_int_equal(source_resume(source, at(0), 5, NULL), ERR_NONE);
    batch = poll(source);
    assert_int_equal(batch.message_count, 0);
    assert_int_equal(batch.end_count, 1);
}

static void test_a_paused_partition_gives_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 1);
    poll(source);
    assert_int_equal(source_pause(source, at(0), NULL), ERR_NONE);
    append(fixture, 0, "a");
    append(fixture, 1, "b");
    struct source_batch batch = poll(source);
    assert_int_equal(batch.message_count, 1);
    assert_int_equal(batch.messages[0].from.partition, 1);
}

static void test_gaps_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    append(fixture, 0, "a");
    source_log_add_gap(fixture->log, at(0), 2);
    assert_int_equal(append(fixture, 0, "b"), 3);
    source_log_add_gap(fixture->log, at(0), 1);
    struct source_batch batch = poll(source);
    assert_int_equal(batch.message_count, 2);
    assert_int_equal(batch.messages[1].offset, 3);
    assert_int_equal(batch.ends[0].offset, 5);
    struct source_message message;
    assert_false(source_log_get(fixture->log, at(0), 1, &message));
    assert_true(source_log_get(fixture->log, at(0), 3, &message));
    assert_true(slice_is(message.value, "b"));
}

static void test_a_small_batch_neither_loses_nor_starves(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 1);
    source_memory_set_batch(source, 2);
    for (int i = 0; i < 10; i++)
        append(fixture, 0, "x");
    append(fixture, 1, "y");
    int64_t next[2] = {0, 0};
    for (int polls = 0; polls < 8; polls++) {
        struct source_batch batch = poll(source);
        assert_true(batch.message_count <= 2);
        for (size_t i = 0; i < batch.message_count; i++)
            assert_int_equal(batch.messages[i].offset, next[batch.messages[i].from.partition]++);
        if (polls == 1)
            assert_int_equal(next[1], 1);
    }
    assert_int_equal(next[0], 10);
}

static void test_an_offset_outside_the_log_is_fatal(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    struct source_batch batch;
    struct errinfo info;
    for (int i = 0; i < 5; i++)
        append(fixture, 0, "x");
    poll(source);
    source_log_trim(fixture->log, at(0), 3);
    int64_t first, end;
    assert_int_equal(source_bounds(source, at(0), &first, &end, &info), ERR_NONE);
    assert_int_equal(first, 3);
    assert_int_equal(end, 5);
    assert_int_equal(source_resume(source, at(0), 2, NULL), ERR_NONE);
    assert_int_equal(source_poll(source, 0, &batch, &info), ERR_FATAL);
    assert_non_null(strstr(info.text, "t partition 0: offset 2 is outside the log"));
    assert_int_equal(source_resume(source, at(0), 6, NULL), ERR_NONE);
    assert_int_equal(source_poll(source, 0, &batch, &info), ERR_FATAL);
}

static void test_committed_offsets_come_with_their_metadata(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 1);
    struct source_committed committed[2] = {{.of = at(0)}, {.of = at(1)}};
    source_log_commit(fixture->log, at(1), 17, "epoch=3");
    assert_int_equal(source_committed(source, committed, 2, NULL), ERR_NONE);
    assert_int_equal(committed[0].offset, -1);
    assert_string_equal(committed[0].metadata, "");
    assert_int_equal(committed[1].offset, 17);
    assert_string_equal(committed[1].metadata, "epoch=3");

    struct source_committed unknown = {.of = {"nowhere", 0}};
    assert_int_equal(source_committed(source, &unknown, 1, NULL), ERR_FATAL);
}

static void test_topics_grow(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 1);
    int32_t count;
    append(fixture, 0, "x");
    source_log_create(fixture->log, "t", 5);
    assert_int_equal(source_partition_count(source, "t", &count, NULL), ERR_NONE);
    assert_int_equal(count, 5);
    assert_int_equal(source_log_end(fixture->log, at(0)), 1);
    assert_int_equal(source_log_end(fixture->log, at(4)), 0);
    assert_int_equal(source_partition_count(source, "nowhere", &count, NULL), ERR_FATAL);
}

static void collect_values(void *self, int64_t offset, struct slice value)
{
    char *text = self;
    size_t size = strlen(text);
    snprintf(text + size, 100 - size, "%d:%.*s ", (int)offset, (int)value.size, value.data);
}

static void test_a_log_is_read_whole(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    char text[100] = "";
    source_log_create(fixture->log, "journal", 1);
    source_log_append(fixture->log, (struct topic_partition){"journal", 0}, 0, SLICE(""),
                      SLICE("a"));
    source_log_add_gap(fixture->log, (struct topic_partition){"journal", 0}, 1);
    source_log_append(fixture->log, (struct topic_partition){"journal", 0}, 0, SLICE(""),
                      SLICE("b"));
    assert_int_equal(
        source_read_log(source, (struct topic_partition){"journal", 0}, text, collect_values, NULL),
        ERR_NONE);
    assert_string_equal(text, "0:a 2:b ");
}

static void test_a_rebalance_in_good_order_revokes_while_commits_are_still_taken(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    struct buf before, after;
    buf_init(&before);
    buf_init(&after);
    source_membership(source, &before);
    assert_int_equal(before.size, 0);
    poll(source);
    assert_true(is_member(&fixture->told[0]));
    source_membership(source, &before);

    source_memory_rebalance(source, false);
    assert_true(is_member(&fixture->told[0]));
    poll(source);
    assert_told(fixture, 0, "assigned:0 revoked assigned:0 ");
    assert_true(fixture->told[0].was_member);
    source_membership(source, &after);
    assert_false(slice_equal(buf_slice(&before), buf_slice(&after)));
    assert_false(source_log_is_member(fixture->log, buf_slice(&before)));
    assert_true(source_log_is_member(fixture->log, buf_slice(&after)));
    buf_fini(&before);
    buf_fini(&after);
}

/*
 * As after a session time-out: the source still believes in its membership, but nobody else does.
 */
static void test_a_lost_membership_is_void_before_the_source_knows(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    struct buf bytes;
    buf_init(&bytes);
    poll(source);
    source_memory_rebalance(source, true);
    source_membership(source, &bytes);
    assert_true(bytes.size > 0);
    assert_false(source_log_is_member(fixture->log, buf_slice(&bytes)));
    poll(source);
    assert_false(fixture->told[0].was_member);
    assert_told(fixture, 0, "assigned:0 lost assigned:0 ");
    assert_true(is_member(&fixture->told[0]));
    buf_fini(&bytes);
}

static void test_nothing_runs_on_over_a_rebalance(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    poll(source);
    fixture->told[0].resume = false;
    append(fixture, 0, "x");
    source_memory_rebalance(source, false);
    assert_int_equal(poll(source).message_count, 0);
}

static void test_a_newcomer_takes_over_when_the_others_have_revoked(void **state)
{
    struct fixture *fixture = *state;
    struct source *old = open_source(fixture, 0, 0, 2);
    poll(old);
    struct source *new = open_source(fixture, 1, 2, 2);
    poll(new);
    assert_told(fixture, 1, ""); /* the old one has not polled yet */
    poll(old);
    assert_told(fixture, 0, "assigned:0,1,2 revoked assigned:0,1 ");
    poll(new);
    assert_told(fixture, 1, "assigned:2 ");
    assert_int_equal(source_resume(old, at(2), 0, NULL), ERR_FENCED);
}

/* A worker that hangs, loses its partition to another, and comes back. */
static void test_a_zombie_learns_that_it_lost(void **state)
{
    struct fixture *fixture = *state;
    struct source *zombie = open_source(fixture, 0, 0, 0);
    poll(zombie);
    struct source *heir = open_source(fixture, 1, 0, 0);
    poll(heir);
    assert_told(fixture, 1, "");
    source_memory_rebalance(zombie, true);
    poll(heir);
    assert_told(fixture, 1, "assigned:0 ");
    assert_false(is_member(&fixture->told[0]));
    assert_true(is_member(&fixture->told[1]));

    poll(zombie); /* joins again, so the heir has to revoke and keeps what it has */
    assert_told(fixture, 0, "assigned:0 lost ");
    poll(heir);
    assert_told(fixture, 1, "revoked assigned:0 ");
    poll(zombie);
    assert_told(fixture, 0, "assigned: ");
}

static void test_closing_revokes_and_leaves_the_others_alone(void **state)
{
    struct fixture *fixture = *state;
    struct source *first = open_source(fixture, 0, 0, 0);
    struct source *second = open_source(fixture, 1, 1, 1);
    poll(first);
    poll(second);
    poll(first);
    poll(second);
    assert_told(fixture, 1, "assigned:1 ");
    fixture->told[0].events[0] = '\0';
    source_close(second);
    fixture->sources[1] = NULL;
    assert_told(fixture, 1, "revoked ");
    assert_true(fixture->told[1].was_member);
    poll(first);
    assert_told(fixture, 0, "");
    assert_true(is_member(&fixture->told[0]));
}

static void *append_later(void *self)
{
    for (int i = 0; i < 1000; i++)
        append(self, 0, "x");
    return NULL;
}

/* The publisher appends while the worker polls: run under tsan. */
static void test_a_poll_waits_for_what_another_thread_appends(void **state)
{
    struct fixture *fixture = *state;
    struct source *source = open_source(fixture, 0, 0, 0);
    pthread_t thread;
    size_t count = 0;
    poll(source);
    assert_int_equal(pthread_create(&thread, NULL, append_later, fixture), 0);
    while (count < 1000) {
        struct source_batch batch;
        assert_int_equal(source_poll(source, 10000, &batch, NULL), ERR_NONE);
        for (size_t i = 0; i < batch.message_count; i++)
            assert_int_equal(batch.messages[i].offset, count++);
    }
    pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_first_poll_is_told_its_partitions_and_they_are_paused),
        TEST(test_messages_come_in_order_with_all_they_have_and_the_end_behind_them),
        TEST(test_a_resume_reads_from_where_it_says_and_says_the_end_anew),
        TEST(test_a_paused_partition_gives_nothing),
        TEST(test_gaps_are_passed_over),
        TEST(test_a_small_batch_neither_loses_nor_starves),
        TEST(test_an_offset_outside_the_log_is_fatal),
        TEST(test_committed_offsets_come_with_their_metadata),
        TEST(test_topics_grow),
        TEST(test_a_log_is_read_whole),
        TEST(test_a_rebalance_in_good_order_revokes_while_commits_are_still_taken),
        TEST(test_a_lost_membership_is_void_before_the_source_knows),
        TEST(test_nothing_runs_on_over_a_rebalance),
        TEST(test_a_newcomer_takes_over_when_the_others_have_revoked),
        TEST(test_a_zombie_learns_that_it_lost),
        TEST(test_closing_revokes_and_leaves_the_others_alone),
        TEST(test_a_poll_waits_for_what_another_thread_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
