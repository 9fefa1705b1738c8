/* producer/sink_memory.h: transactions into memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/sink_memory.h"

struct fixture {
    struct sink *sink;
    char seen[1000]; /* "topic:key=value{header=value} " and "@topic/partition=offset(metadata) " */
    enum err commit;
};

static void add(struct fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct fixture *fixture, const char *format, ...)
{
    size_t size = strlen(fixture->seen);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fixture->seen + size, sizeof(fixture->seen) - size, format, arguments);
    va_end(arguments);
}

static void on_record(void *self, const struct sink_record *record)
{
    add(self, "%s:%.*s=%.*s", record->topic, (int)record->key.size, record->key.data,
        (int)record->value.size, record->value.data);
    for (size_t i = 0; i < record->header_count; i++)
        add(self, "{%s=%.*s}", record->headers[i].name, (int)record->headers[i].value.size,
            record->headers[i].value.data);
    add(self, "%s ", record->value.data ? "" : "NULL");
}

static void on_offset(void *self, const struct sink_offset *offset)
{
    add(self, "@%s/%d=%d(%s) ", offset->of.topic, offset->of.partition, (int)offset->offset,
        offset->metadata);
}

static bool on_membership(void *self, struct slice membership)
{
    (void)self;
    return slice_is(membership, "valid");
}

static enum err on_commit(void *self, struct errinfo *info)
{
    struct fixture *fixture = self;
    return fixture->commit == ERR_NONE ? ERR_NONE : err_set(info, fixture->commit, "as wanted");
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    struct sink_memory_receiver receiver = {&fixture,      on_record, on_offset,
                                            on_membership, on_commit, NULL};
    fixture.sink = sink_memory_open(&receiver);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    sink_close(((struct fixture *)*state)->sink);
    return 0;
}

static enum err produce(struct fixture *fixture, const char *key, const char *value)
{
    /* Copies that are gone when this returns: the sink must keep none but the value. */
    char key_copy[32], header_copy[32];
    snprintf(key_copy, sizeof(key_copy), "%s", key);
    snprintf(header_copy, sizeof(header_copy), "%s", value);
    struct sink_record record = {.topic = "t",
                                 .partition = -1,
                                 .key = slice_of(key_copy),
                                 .value = slice_of(value),
                                 .headers = {{"h", slice_of(header_copy)}},
                                 .header_count = 1};
    enum err rc = sink_produce(fixture->sink, &record, NULL);
    memset(key_copy, 'X', sizeof(key_copy));
    memset(header_copy, 'X', sizeof(header_copy));
    return rc;
}

static enum err send_offset(struct fixture *fixture, int64_t offset, const char *membership)
{
    char metadata[] = "epoch=1";
    struct sink_offset offsets[] = {{{"in", 2}, offset, metadata}};
    enum err rc = sink_offsets(fixture->sink, offsets, 1, slice_of(membership), NULL);
    memset(metadata, 'X', sizeof(metadata) - 1);
    return rc;
}

static void settle_and_begin(struct fixture *fixture)
{
    assert_int_equal(sink_settle(fixture->sink, NULL), ERR_NONE);
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_NONE);
}

static void test_a_commit_hands_over_everything_in_order(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    assert_int_equal(produce(fixture, "a", "1"), ERR_NONE);
    assert_int_equal(produce(fixture, "b", "2"), ERR_NONE);
    assert_int_equal(send_offset(fixture, 17, "valid"), ERR_NONE);
    assert_string_equal(fixture->seen, "");
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "t:a=1{h=1} t:b=2{h=2} @in/2=17(epoch=1) ");

    fixture->seen[0] = '\0'; /* the next one begins without a settle, and empty */
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_NONE);
    assert_int_equal(send_offset(fixture, 18, "valid"), ERR_NONE);
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "@in/2=18(epoch=1) ");
}

static void test_many_records_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    char expected[1000] = "", values[70][12];
    settle_and_begin(fixture);
    for (int i = 0; i < 70; i++) {
        snprintf(values[i], sizeof(values[i]), "%d", i);
        assert_int_equal(produce(fixture, "", values[i]), ERR_NONE);
        size_t size = strlen(expected);
        snprintf(expected + size, sizeof(expected) - size, "t:=%d{h=%d} ", i, i);
    }
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, expected);
}

static void test_a_null_value_stays_null(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    assert_int_equal(sink_produce(fixture->sink, &(struct sink_record){.topic = "t"}, NULL),
                     ERR_NONE);
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "t:=NULL ");
}

static void test_what_is_settled_before_its_commit_is_seen_by_nobody(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    produce(fixture, "a", "1");
    send_offset(fixture, 17, "valid");
    settle_and_begin(fixture);
    produce(fixture, "b", "2");
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "t:b=2{h=2} ");
}

static void test_what_is_dropped_is_seen_by_nobody(void **state)
{
    struct fixture *fixture = *state;
    char *value = strdup("1");
    sink_drop(fixture->sink); /* nothing is open: nothing happens */
    settle_and_begin(fixture);
    produce(fixture, "a", value);
    sink_drop(fixture->sink);
    free(value);
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_FENCED);
    settle_and_begin(fixture);
    produce(fixture, "b", "2");
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "t:b=2{h=2} ");
}

static void test_a_membership_that_is_over_fences(void **state)
{
    struct fixture *fixture = *state;
    settle_and_begin(fixture);
    produce(fixture, "a", "1");
    assert_int_equal(send_offset(fixture, 17, "former"), ERR_FENCED);
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_FENCED);
    assert_int_equal(produce(fixture, "a", "1"), ERR_FENCED);
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_FENCED);
    assert_int_equal(sink_settle(fixture->sink, NULL), ERR_NONE);
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_NONE);
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "");
}

static void test_a_commit_that_fails_hands_nothing_over(void **state)
{
    struct fixture *fixture = *state;
    struct errinfo info;
    settle_and_begin(fixture);
    produce(fixture, "a", "1");
    fixture->commit = ERR_FENCED;
    assert_int_equal(sink_commit(fixture->sink, &info), ERR_FENCED);
    assert_string_equal(info.text, "as wanted");
    fixture->commit = ERR_NONE;
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_FENCED);
    settle_and_begin(fixture);
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_NONE);
    assert_string_equal(fixture->seen, "");
}

static void test_nothing_goes_before_the_first_settle(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(sink_begin(fixture->sink, NULL), ERR_FENCED);
    assert_int_equal(produce(fixture, "a", "1"), ERR_FENCED);
    assert_int_equal(send_offset(fixture, 1, "valid"), ERR_FENCED);
    assert_int_equal(sink_commit(fixture->sink, NULL), ERR_FENCED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_commit_hands_over_everything_in_order),
        TEST(test_many_records_keep_their_order),
        TEST(test_a_null_value_stays_null),
        TEST(test_what_is_settled_before_its_commit_is_seen_by_nobody),
        TEST(test_what_is_dropped_is_seen_by_nobody),
        TEST(test_a_membership_that_is_over_fences),
        TEST(test_a_commit_that_fails_hands_nothing_over),
        TEST(test_nothing_goes_before_the_first_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
