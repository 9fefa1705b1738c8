#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/value.h"

static struct value read(const char *bytes, size_t size)
{
    return value_of_msgpack((struct slice){bytes, size}, VALUE_RAW_PLAIN);
}

static void test_scalars(void **state)
{
    (void)state;
    assert_int_equal(read("\xc0", 1).kind, VALUE_NULL);
    struct value value = read("\xc3", 1);
    assert_true(value.kind == VALUE_BOOL && value.b);
    value = read("\xd0\x80", 2);
    assert_true(value.kind == VALUE_INT && value.i == -128);
    value = read("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9);
    assert_true(value.kind == VALUE_UINT && value.u == UINT64_MAX);
    value = read("\xca\x3f\x80\x00\x00", 5);
    assert_true(value.kind == VALUE_DOUBLE && value.d == 1.0);
    value = read("\xa3"
                 "abc",
                 4);
    assert_true(value.kind == VALUE_STRING && slice_is(value_text(value), "abc"));
    value = read("\xc4\x02\xff\x00", 4);
    assert_true(value.kind == VALUE_BYTES && value.size == 2);
    assert_memory_equal(value.s, "\xff\x00", 2);
}

static void test_containers_stay_raw_and_keep_their_names(void **state)
{
    (void)state;
    static const char list[] = "\x92\x01\x02";
    struct value value = value_of_msgpack((struct slice){list, 3}, VALUE_RAW_PRODUCTS);
    assert_int_equal(value.kind, VALUE_LIST);
    assert_int_equal(value.rep, VALUE_REP_RAW);
    assert_int_equal(value.aux, VALUE_RAW_PRODUCTS);
    assert_ptr_equal(value.s, list);
    assert_int_equal(value.size, 3);
    value = read("\x81\xa1"
                 "a\x01",
                 4);
    assert_int_equal(value.kind, VALUE_MAP);
    assert_int_equal(value.aux, VALUE_RAW_PLAIN);
}

static void test_timestamps(void **state)
{
    (void)state;
    struct value value = read("\xd6\xff\x00\x00\x00\x05", 6);
    assert_true(value.kind == VALUE_TIMESTAMP && value.i == 5 && value.size == 0);
    value = read("\xc7\x0c\xff\x3b\x9a\xc9\xff\xff\xff\xff\xff\xff\xff\xff\xff", 15);
    assert_true(value.kind == VALUE_TIMESTAMP && value.i == -1 && value.size == 999999999);
}

static void test_extensions_that_no_rule_can_read_are_null(void **state)
{
    (void)state;
    assert_int_equal(read("\xd4\x07\x00", 3).kind, VALUE_NULL);
    assert_int_equal(read("\xd4\xff\x00", 3).kind, VALUE_NULL); /* no size of a timestamp */
    /* in the year 10000 */
    assert_int_equal(read("\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x3a\xff\xf4\x41\x80", 15).kind,
                     VALUE_NULL);
    /* 1,000,000,000 ns */
    assert_int_equal(read("\xc7\x0c\xff\x3b\x9a\xca\x00\x00\x00\x00\x00\x00\x00\x00\x00", 15).kind,
                     VALUE_NULL);
}

static void test_bad_bytes_are_errors(void **state)
{
    (void)state;
    assert_int_equal(read("\xa1\xff", 2).kind, VALUE_ERROR);
    assert_int_equal(read("\xc1", 1).kind, VALUE_ERROR);
    assert_int_equal(read("\xa5"
                          "abc",
                          4)
                         .kind,
                     VALUE_ERROR);
    assert_int_equal(read("", 0).kind, VALUE_ERROR);
    assert_true(value_text(read("\xa1\xff", 2)).size > 0);
}

static void test_ms_are_floored_seconds_and_positive_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t ms, seconds;
        uint32_t nanos;
    } rows[] = {
        {0, 0, 0},
        {1500, 1, 500000000},
        {-1, -1, 999000000},
        {-1000, -1, 0},
        {-1001, -2, 999000000},
        {INT64_C(253402300799999), INT64_C(253402300799), 999000000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct value timestamp = value_timestamp_ms(rows[i].ms);
        assert_int_equal(timestamp.kind, VALUE_TIMESTAMP);
        assert_int_equal(timestamp.i, rows[i].seconds);
        assert_int_equal(timestamp.size, rows[i].nanos);
        assert_int_equal(value_timestamp_to_ms(timestamp), rows[i].ms);
        struct value duration = value_duration_ms(rows[i].ms);
        assert_int_equal(duration.kind, VALUE_DURATION);
        assert_int_equal(value_timestamp_to_ms(duration), rows[i].ms);
    }
    struct value fine = {.kind = VALUE_TIMESTAMP, .i = -1, .size = 1};
    assert_int_equal(value_timestamp_to_ms(fine), -1000); /* floored */
}

static void test_an_empty_text_lies_somewhere(void **state)
{
    (void)state;
    struct value text = value_string((struct slice){0});
    assert_non_null(text.s);
    assert_int_equal(text.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_containers_stay_raw_and_keep_their_names),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_extensions_that_no_rule_can_read_are_null),
        cmocka_unit_test(test_bad_bytes_are_errors),
        cmocka_unit_test(test_an_empty_text_lies_somewhere),
        cmocka_unit_test(test_ms_are_floored_seconds_and_positive_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
