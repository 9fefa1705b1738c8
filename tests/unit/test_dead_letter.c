/* producer/dead_letter.h: nothing is dropped silently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "producer/dead_letter.h"

static int open_arena(void **state)
{
    static struct arena arena;
    arena_init(&arena);
    *state = &arena;
    return 0;
}

static int close_arena(void **state)
{
    arena_fini(*state);
    return 0;
}

static struct dead_letter some_letter(struct slice value)
{
    return (struct dead_letter){
        .error = "bad_msgpack",
        .detail = SLICE("truncated in the value of `properties`"),
        .from = {"shop.events", 3},
        .offset = 17,
        .time_ms = 1767607200000,
        .key = SLICE("u42"),
        .value = value,
    };
}

static void assert_header(const struct sink_record *record, const char *name, const char *value)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->headers[i].name, name) == 0) {
            assert_int_equal(record->headers[i].value.size, strlen(value));
            assert_memory_equal(record->headers[i].value.data, value, strlen(value));
            return;
        }
    }
    fail_msg("no header %s", name);
}

static void test_a_letter_names_its_source(void **state)
{
    struct dead_letter letter = some_letter(SLICE("\x82\xa1"));
    struct sink_record record;
    dead_letter_record(&letter, "shop.dead-letters", *state, &record);

    assert_string_equal(record.topic, "shop.dead-letters");
    assert_int_equal(record.partition, -1);
    assert_true(slice_is(record.key, "u42"));
    assert_true(slice_equal(record.value, letter.value));
    assert_int_equal(record.header_count, 8);
    assert_header(&record, "error", "bad_msgpack");
    assert_header(&record, "error_detail", "truncated in the value of `properties`");
    assert_header(&record, "source_topic", "shop.events");
    assert_header(&record, "source_partition", "3");
    assert_header(&record, "source_offset", "17");
    assert_header(&record, "source_time", "1767607200000");
    assert_header(&record, "source_size", "2");
}

static void test_the_hash_is_16_hex_digits_of_the_whole_value(void **state)
{
    static char value[DEAD_LETTER_VALUE_MAX + 1000];
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)(i * 31 + i / 251);
    struct dead_letter letter = some_letter((struct slice){value, sizeof(value)});
    struct sink_record record;
    char expected[20];
    dead_letter_record(&letter, "t", *state, &record);

    assert_int_equal(record.value.size, DEAD_LETTER_VALUE_MAX);
    assert_memory_equal(record.value.data, value, DEAD_LETTER_VALUE_MAX);
    assert_header(&record, "source_size", "66536");
    snprintf(expected, sizeof(expected), "%016" PRIx64,
             (uint64_t)XXH3_64bits(value, sizeof(value)));
    assert_header(&record, "source_xxh3", expected);
}

static void test_a_value_of_exactly_the_limit_is_whole(void **state)
{
    static char value[DEAD_LETTER_VALUE_MAX];
    struct dead_letter letter = some_letter((struct slice){value, sizeof(value)});
    struct sink_record record;
    dead_letter_record(&letter, "t", *state, &record);
    assert_int_equal(record.value.size, sizeof(value));
}

/* A known value, so that the function can't change unseen: XXH3-64 of nothing. */
static void test_null_stays_null_and_empty_stays_empty(void **state)
{
    struct dead_letter letter = some_letter((struct slice){NULL, 0});
    struct sink_record record;
    letter.key = (struct slice){NULL, 0};
    dead_letter_record(&letter, "t", *state, &record);
    assert_null(record.key.data);
    assert_null(record.value.data);
    assert_header(&record, "source_size", "0");
    assert_header(&record, "source_xxh3", "2d06800538d394c2");

    letter.key = (struct slice){"", 0};
    letter.value = (struct slice){"", 0};
    dead_letter_record(&letter, "t", *state, &record);
    assert_non_null(record.key.data);
    assert_non_null(record.value.data);
    assert_int_equal(record.key.size, 0);
    assert_int_equal(record.value.size, 0);
    assert_header(&record, "source_xxh3", "2d06800538d394c2");
}

static void test_a_record_without_a_time_says_minus_one(void **state)
{
    struct dead_letter letter = some_letter(SLICE("x"));
    struct sink_record record;
    letter.time_ms = INT64_MIN;
    letter.detail = (struct slice){NULL, 0};
    dead_letter_record(&letter, "t", *state, &record);
    assert_header(&record, "source_time", "-1");
    assert_header(&record, "error_detail", "");
}

/* The batch's messages are given back before the publisher sends the letter. */
static void test_a_letter_borrows_nothing_from_its_message(void **state)
{
    char *value = strdup("abc");
    char *topic = strdup("shop.events");
    struct dead_letter letter = some_letter(slice_of(value));
    struct sink_record record;
    letter.from.topic = topic;
    letter.key = slice_of(value);
    dead_letter_record(&letter, "t", *state, &record);
    free(value);
    free(topic);
    assert_true(slice_is(record.value, "abc"));
    assert_true(slice_is(record.key, "abc"));
    assert_header(&record, "source_topic", "shop.events");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_letter_names_its_source),
        TEST(test_the_hash_is_16_hex_digits_of_the_whole_value),
        TEST(test_a_value_of_exactly_the_limit_is_whole),
        TEST(test_null_stays_null_and_empty_stays_empty),
        TEST(test_a_record_without_a_time_says_minus_one),
        TEST(test_a_letter_borrows_nothing_from_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
