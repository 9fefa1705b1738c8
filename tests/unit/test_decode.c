/*
 * DESIGN section 3 as tables: what of a message becomes which field of the event, and what is a dead letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/datetime.h"
#include "core/hash.h"
#include "tests/unit/decode_fixture.h"

/* Around what a row is about, all that an event needs. */
#define REST  "'event': 'x', 'timestamp': 5"
#define OTHER "'userId': 'u', 'timestamp': 5"

static const struct slice names[] = {
    {"order_completed", 15},
    {"page_viewed", 11},
    {"custom_name", 11},
};
static const struct event_path paths[] = {
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"product_id", 10}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"value", 5}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"products", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"channel", 7}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 3, {{"a", 1}, {"b", 1}, {"c", 1}}},
    {EVENT_ROOT_RAW, EVENT_READ_PLAIN, 2, {{"context", 7}, {"ip", 2}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"birthday", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"timezone", 8}}},
};
enum slot { PRODUCT_ID, VALUE, PRODUCTS, CHANNEL, DEEP, RAW_IP, BIRTHDAY, TIMEZONE, SLOT_COUNT };

static const struct event_wants wants = {
    .names = names,
    .name_count = sizeof names / sizeof names[0],
    .paths = paths,
    .path_count = SLOT_COUNT,
};

static int open_segment(void **state)
{
    static struct fixture fixture;

    fixture_open(&fixture, "segment", &wants);
    *state = &fixture;
    return 0;
}

static int close_segment(void **state)
{
    fixture_close(*state);
    return 0;
}

/* ---- the customer ---- */

struct text_row {
    const char *message;
    const char *want; /* a dead letter's code after `!` */
};

static void check_text_row(struct fixture *fixture, const struct text_row *row,
                           struct slice (*field)(const struct event *event))
{
    const char *code = fixture_decode(fixture, row->message);

    if (row->want[0] == '!') {
        fixture_assert_text(slice_of(code), row->want + 1, row->message);
        return;
    }
    if (fixture->decoded.count != 1)
        fail_msg("%s: %s (%s)", row->message, code, fixture->decoded.detail);
    fixture_assert_text(field(fixture->decoded.events), row->want, row->message);
}

static struct slice customer_of(const struct event *event)
{
    return event->customer;
}

#define X16  "xxxxxxxxxxxxxxxx"
#define X128 X16 X16 X16 X16 X16 X16 X16 X16

static const struct text_row customer_rows[] = {
    {"{'userId': 'u1', 'anonymousId': 'a1', " REST "}", "u1"},
    {"{'anonymousId': 'a1', 'userId': 'u1', " REST "}", "u1"},
    {"{'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': null, 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': '', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': '#x d9 00', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': '#x da 00 00', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': '#x db 00 00 00 00', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': 0, 'anonymousId': 'a1', " REST "}", "0"},
    {"{'userId': 42, " REST "}", "42"},
    {"{'userId': -7, " REST "}", "-7"},
    {"{'userId': 9007199254740993, " REST "}", "9007199254740993"},
    {"{'userId': '#x cf ff ff ff ff ff ff ff ff', " REST "}", "18446744073709551615"},
    {"{'userId': '#x d3 80 00 00 00 00 00 00 00', " REST "}", "-9223372036854775808"},
    {"{'userId': '#x cc 05', " REST "}", "5"},
    {"{'userId': '#x d9 02 75 31', " REST "}", "u1"},
    {"{'userId': '#x db 00 00 00 02 75 31', " REST "}", "u1"},
    {"{'userId': 'ลูกค้า', " REST "}", "ลูกค้า"},
    {"{'userId': ' u ', " REST "}", " u "},
    {"{'userId': 'x', " REST "}", "x"},
    {"{'userId': '" X128 "', " REST "}", X128},
    {"{'anonymousId': '" X128 "', " REST "}", X128},
    {"{'userId': '" X128 "x', " REST "}", "!missing_customer"},
    {"{'userId': '" X128 "x', 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{" REST "}", "!missing_customer"},
    {"{'userId': null, 'anonymousId': '', " REST "}", "!missing_customer"},
    /* No falling back where one is present but bad. */
    {"{'userId': 1.5, 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': 1.0, 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': true, 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': [], 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': {'id': 1}, 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': '#x c4 02 75 31', 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': '#x c4 00', 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'userId': '#x d6 ff 00 00 00 00', 'anonymousId': 'a1', " REST "}", "!missing_customer"},
    {"{'anonymousId': 1.5, " REST "}", "!missing_customer"},
    {"{'userId': '#x a1 ff', " REST "}", "!bad_msgpack"},
    {"{'userId': '#x a3 ed a0 80', " REST "}", "!bad_msgpack"},
    {"{'userId': '#x a2 c0 af', 'anonymousId': 'a1', " REST "}", "!bad_msgpack"},
    /* One that is not used may be anything. */
    {"{'userId': 'u1', 'anonymousId': '#x a1 ff', " REST "}", "u1"},
    {"{'userId': 'u1', 'anonymousId': 1.5, " REST "}", "u1"},
    /* Of a key that is there twice the last counts. */
    {"{'userId': 'u1', 'userId#2': 'u2', " REST "}", "u2"},
    {"{'userId': 'u1', 'userId#2': null, 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'userId': 1.5, 'userId#2': 'u2', " REST "}", "u2"},
    {"{'userId': '#x a1 ff', 'userId#2': 'u2', " REST "}", "u2"},
    {"{'userId#1': '#x a1 ff', 'userId#2': 'u2', 'userId#3': true, " REST "}", "!missing_customer"},
    /* Keys are compared as they are. */
    {"{'userid': 'u1', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'user_id': 'u1', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'#x c4 06 75 73 65 72 49 64': 'u1', 'anonymousId': 'a1', " REST "}", "a1"},
    {"{'#x d9 06 75 73 65 72 49 64': 'u1', 'anonymousId': 'a1', " REST "}", "u1"},
    {"{'#x db 00 00 00 06 75 73 65 72 49 64': 'u1', 'anonymousId': 'a1', " REST "}", "u1"},
    {"{'#x 05': 'u1', '#x 92 c0 c0': 1, '#x c0': 2, 'anonymousId': 'a1', " REST "}", "a1"},
};

static void test_the_customer_is_a_text_or_an_integer(void **state)
{
    for (size_t i = 0; i < sizeof customer_rows / sizeof customer_rows[0]; i++)
        check_text_row(*state, &customer_rows[i], customer_of);
}

/* ---- the name ---- */

static struct slice name_of(const struct event *event)
{
    return event->name;
}

static const struct text_row name_rows[] = {
    {"{'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'event': 'order completed', " OTHER "}", "order_completed"},
    {"{'event': 'ORDER_COMPLETED', " OTHER "}", "order_completed"},
    {"{'event': 'order-completed!', " OTHER "}", "order_completed"},
    {"{'event': 'orderCompleted', " OTHER "}", "order_completed"},
    {"{'event': 'order_completed', " OTHER "}", "order_completed"},
    {"{'event': 'Completed Order', " OTHER "}", "order_completed"},
    {"{'event': 'Product List Filtered', " OTHER "}", "product_list_viewed"},
    {"{'event': 'ProductAdded', " OTHER "}", "product_added"},
    {"{'event': 'NPS Submitted', " OTHER "}", "nps_submitted"},
    {"{'event': 'Custom Name', " OTHER "}", "custom_name"},
    {"{'event': 'customName', " OTHER "}", "custom_name"},
    {"{'event': 'Wishlist Product Added to Cart', " OTHER "}", "wishlist_product_added_to_cart"},
    {"{'event': 'x', " OTHER "}", "x"},
    {"{'event': 'test track event GA3', " OTHER "}", "test_track_event_ga3"},
    {"{'event': '" X128 "', " OTHER "}", X128},
    {"{'event': '" X128 X128 "', " OTHER "}", X128 X128},
    {"{'event': 'ดูสินค้า', " OTHER "}", "ดูสินค้า"},
    {"{'event': '#x d9 0f 4f 72 64 65 72 20 43 6f 6d 70 6c 65 74 65 64', " OTHER "}",
     "order_completed"},
    /* `type` decides, whatever `event` says. */
    {"{'type': 'page', " OTHER "}", "page_viewed"},
    {"{'type': 'screen', " OTHER "}", "screen_viewed"},
    {"{'type': 'identify', " OTHER "}", "customer_identified"},
    {"{'type': 'alias', " OTHER "}", "customer_aliased"},
    {"{'type': 'group', " OTHER "}", "customer_grouped"},
    {"{'type': 'page', 'event': 'Order Completed', " OTHER "}", "page_viewed"},
    {"{'event': 5, 'type': 'page', " OTHER "}", "page_viewed"},
    {"{'event': '#x a1 ff', 'type': 'page', " OTHER "}", "page_viewed"},
    {"{'type': 'PAGE', " OTHER "}", "page_viewed"},
    {"{'type': 'track', 'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'type': 'pager', 'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'type': 5, 'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'type': null, 'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'type': '', 'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'type': '#x a4 70 61 67 ff', 'event': 'Order Completed', " OTHER "}", "order_completed"},
    {"{'type': 'track', 'type#2': 'page', 'event': 'x', " OTHER "}", "page_viewed"},
    /* Missing or not text. */
    {"{" OTHER "}", "!missing_event"},
    {"{'type': 'track', " OTHER "}", "!missing_event"},
    {"{'type': 'newtype', " OTHER "}", "!missing_event"},
    {"{'event': null, " OTHER "}", "!missing_event"},
    {"{'event': '', " OTHER "}", "!missing_event"},
    {"{'event': 5, " OTHER "}", "!missing_event"},
    {"{'event': true, " OTHER "}", "!missing_event"},
    {"{'event': ['Order Completed'], " OTHER "}", "!missing_event"},
    {"{'event': '#x c4 01 78', " OTHER "}", "!missing_event"},
    {"{'event': '#x a1 ff', " OTHER "}", "!bad_msgpack"},
    {"{'event': '#x d9 09 6f 72 64 65 72 20 63 6f ff', " OTHER "}", "!bad_msgpack"},
};

static void test_the_name_is_mapped_and_type_decides(void **state)
{
    /* Twice, because the second time the names are known. */
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof name_rows / sizeof name_rows[0]; i++)
            check_text_row(*state, &name_rows[i], name_of);
}

static void test_names_that_rules_name_are_numbered(void **state)
{
    struct fixture *fixture = *state;

    for (int round = 0; round < 2; round++) {
        assert_int_equal(fixture_event(fixture, "{'event': 'Completed Order', " OTHER "}")->name_id,
                         1);
        assert_int_equal(fixture_event(fixture, "{'type': 'page', " OTHER "}")->name_id, 2);
        assert_int_equal(fixture_event(fixture, "{'event': 'CustomName', " OTHER "}")->name_id, 3);
        assert_int_equal(fixture_event(fixture, "{'event': 'Cart Viewed', " OTHER "}")->name_id,
                         EVENT_NAME_OTHER);
        assert_int_equal(fixture_event(fixture, "{'type': 'group', " OTHER "}")->name_id,
                         EVENT_NAME_OTHER);
    }
}

/* More names than are kept, of every size around the words that they are compared by. */
static void test_ever_new_names_do_no_harm(void **state)
{
    struct fixture *fixture = *state;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++) {
            char message[256], want[64];

            snprintf(want, sizeof want, "e%0*d_q", i % 30 + 1, i);
            snprintf(message, sizeof message, "{'event': '%s', " OTHER "}", want);
            fixture_assert_text(fixture_event(fixture, message)->name, want, message);
        }
        assert_int_equal(fixture_event(fixture, "{'event': 'Order Completed', " OTHER "}")->name_id,
                         1);
    }
}

/* ---- the time ---- */

struct time_row {
    const char *fields;
    int64_t record_time_ms;
    int64_t want; /* EVENT_NO_TIME: bad_time */
};

#define NONE       EVENT_NO_TIME
#define TEXT(text) "'timestamp': '" text "'"

static const struct time_row time_rows[] = {
    {TEXT("2026-01-05T10:00:00Z"), NONE, 1767607200000},
    {TEXT("2026-01-05T10:00:00.123Z"), NONE, 1767607200123},
    {TEXT("2026-01-05T23:59:59.999Z"), NONE, 1767657599999},
    {TEXT("2026-01-05T00:00:00.000Z"), NONE, 1767571200000},
    {TEXT("2026-01-06T00:00:00Z"), NONE, 1767657600000},
    {TEXT("2026-01-05t10:00:00z"), NONE, 1767607200000},
    {TEXT("2026-01-05 10:00:00Z"), NONE, 1767607200000},
    {TEXT("2026-01-05 11:00:00Z"), NONE, 1767610800000},
    {TEXT("2026-01-05T10:00:00+07:00"), NONE, 1767582000000},
    {TEXT("2026-01-05T10:00:00.5-00:30"), NONE, 1767609000500},
    {TEXT("2026-01-05T10:00:00.1239999Z"), NONE, 1767607200123},
    {TEXT("2026-01-05T10:00:60Z"), NONE, 1767607260000},
    {TEXT("2026-01-05T23:59:60Z"), NONE, 1767657600000},
    {TEXT("2024-02-29T12:00:00Z"), NONE, 1709208000000},
    {TEXT("1969-12-31T23:59:59.999Z"), NONE, -1},
    {TEXT("0001-01-01T00:00:00Z"), NONE, -62135596800000},
    {TEXT("9999-12-31T23:59:59.999Z"), NONE, 253402300799999},
    {TEXT("2026-01-05T10:00:00"), NONE, NONE},
    {TEXT("2026-01-05"), NONE, NONE},
    {TEXT("2026-01-05T10:00:00 UTC"), NONE, NONE},
    {TEXT("2026-01-05 10:00:00 UTC"), NONE, NONE},
    {TEXT("2026-02-29T12:00:00Z"), NONE, NONE},
    {TEXT("2026-01-05T24:00:00Z"), NONE, NONE},
    {TEXT("2026-01-05T10:60:00Z"), NONE, NONE},
    {TEXT("2026-01-05T10:00:61Z"), NONE, NONE},
    {TEXT("2026-01-05T1a:00:00Z"), NONE, NONE},
    {TEXT("2026-01-05T10-00-00Z"), NONE, NONE},
    {TEXT("2026-01-05T10:00:00,123Z"), NONE, NONE},
    {TEXT("2026-01-05T10:00:00.12aZ"), NONE, NONE},
    {TEXT("2026-01-05T10:00:00.123z "), NONE, NONE},
    {TEXT("2026-13-05T10:00:00.123Z"), NONE, NONE},
    {TEXT("0000-01-01T00:00:00Z"), NONE, NONE},
    {TEXT("0001-01-01T00:00:00+00:01"), NONE, NONE},
    {TEXT("1767607200000"), NONE, NONE},
    {TEXT(" "), NONE, NONE},
    {"'timestamp': 1767607200123", NONE, 1767607200123},
    {"'timestamp': 0", NONE, 0},
    {"'timestamp': -1", NONE, -1},
    {"'timestamp': '#x cf 00 00 01 9b 8d e0 04 7b'", NONE, 1767611827323},
    {"'timestamp': 1767607200123.999", NONE, 1767607200123},
    {"'timestamp': -0.5", NONE, -1},
    {"'timestamp': '#x ca 3f c0 00 00'", NONE, 1},
    {"'timestamp': -62135596800000", NONE, -62135596800000},
    {"'timestamp': -62135596800001", NONE, NONE},
    {"'timestamp': 253402300799999", NONE, 253402300799999},
    {"'timestamp': 253402300799999.9", NONE, 253402300799999},
    {"'timestamp': 253402300800000", NONE, NONE},
    {"'timestamp': '#x cf ff ff ff ff ff ff ff ff'", NONE, NONE},
    {"'timestamp': '#x d3 80 00 00 00 00 00 00 00'", NONE, NONE},
    {"'timestamp': 1e300", NONE, NONE},
    {"'timestamp': '#x cb 7f f8 00 00 00 00 00 00'", NONE, NONE}, /* NaN */
    {"'timestamp': '#x cb 7f f0 00 00 00 00 00 00'", NONE, NONE},
    {"'timestamp': '#x cb ff f0 00 00 00 00 00 00'", NONE, NONE},
    {"'timestamp': '#x d6 ff 69 5b 8d e0'", NONE, 1767607776000},
    {"'timestamp': '#x d7 ff 1d 53 53 00 69 5b 8d e0'", NONE, 1767607776123},
    {"'timestamp': '#x c7 0c ff 3b 9a c9 ff ff ff ff ff ff ff ff ff'", NONE, -1},
    {"'timestamp': '#x c7 0c ff 3b 9a ca 00 00 00 00 00 00 00 00 00'", NONE, NONE}, /* 10^9 ns */
    {"'timestamp': '#x c7 0c ff 00 00 00 00 7f ff ff ff ff ff ff ff'", NONE, NONE},
    {"'timestamp': '#x d6 01 69 5b 8d e0'", NONE, NONE}, /* another extension */
    {"'timestamp': '#x c7 03 ff 69 5b 8d'", NONE, NONE},
    {"'timestamp': true", NONE, NONE},
    {"'timestamp': []", NONE, NONE},
    {"'timestamp': {'a': 1}", NONE, NONE},
    {"'timestamp': '#x c4 01 35'", NONE, NONE},
    /* Alternatives: null and '' are absent, 0 is not. */
    {"'timestamp': null, 'originalTimestamp': 7", NONE, 7},
    {"'timestamp': '', 'originalTimestamp': 7", NONE, 7},
    {"'timestamp': 0, 'originalTimestamp': 7", NONE, 0},
    {"'timestamp': 'soon', 'originalTimestamp': 7", NONE, NONE},
    {"'originalTimestamp': '2026-01-05T10:00:00Z'", NONE, 1767607200000},
    {"'originalTimestamp': 'soon'", 9, NONE},
    {"'timestamp': 5, 'originalTimestamp': 'soon'", NONE, 5},
    {"'timestamp': 5, 'originalTimestamp': '#x a1 ff'", NONE, 5},
    {"'timestamp': 5", 9, 5},
    {"'timestamp': null", 9, 9},
    {"'sentAt': 5", 9, 9},
    {"'sentAt': 5", -1, -1},
    {"'sentAt': 5", NONE, NONE},
    {"'timestamp': 'soon', 'timestamp#2': 8", NONE, 8},
};

static void test_times_are_read_floored_and_bounded(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof time_rows / sizeof time_rows[0]; i++) {
        const struct time_row *row = &time_rows[i];
        char message[512];

        snprintf(message, sizeof message, "{'userId': 'u', 'event': 'x', %s}", row->fields);
        fixture_decode_bytes(fixture, fixture_message(fixture, message), row->record_time_ms);
        if (row->want == NONE)
            fixture_assert_text(slice_of(event_dead_code(fixture->decoded.dead)), "bad_time",
                                row->fields);
        else if (fixture->decoded.count != 1)
            fail_msg("%s: %s", row->fields, fixture->decoded.detail);
        else if (fixture->decoded.events->time_ms != row->want)
            fail_msg("%s: %lld instead of %lld", row->fields,
                     (long long)fixture->decoded.events->time_ms, (long long)row->want);
    }
}

static void test_a_time_of_invalid_text_is_bad_msgpack(void **state)
{
    fixture_assert_text(
        slice_of(fixture_decode(*state, "{'userId': 'u', 'event': 'x', 'timestamp': '#x a1 ff'}")),
        "bad_msgpack", "timestamp");
}

/* A text of up to 31 bytes as the time of an event, against core/datetime.h. */
static void compare_time(struct fixture *fixture, const char *text)
{
    struct buf message;
    size_t size = strlen(text);
    int64_t ms;

    buf_init(&message);
    buf_add_text(&message, "\x83\xA5"
                           "event\xA1x\xA6userId\xA1u\xA9timestamp");
    buf_add_char(&message, (char)(0xA0 + size));
    buf_add(&message, text, size);
    fixture_decode_bytes(fixture, buf_slice(&message), 5);
    if (datetime_parse_ms((struct slice){text, size}, &ms)) {
        if (fixture->decoded.count != 1 || fixture->decoded.events->time_ms != ms)
            fail_msg("%s", text);
    } else if (fixture->decoded.count != 0) {
        fail_msg("%s is read", text);
    }
    buf_fini(&message);
}

static void test_the_usual_time_is_read_as_any_other(void **state)
{
    static const char usual[] = "2026-01-05T23:59:58.123Z", whole[] = "2026-01-05T10:09:00Z";
    char text[sizeof usual];

    for (int field = 11; field <= 17; field += 3) {
        for (int number = 0; number < 100; number++) {
            memcpy(text, usual, sizeof usual);
            text[field] = (char)('0' + number / 10);
            text[field + 1] = (char)('0' + number % 10);
            compare_time(*state, text);
        }
    }
    for (size_t at = 0; at < sizeof usual - 1; at++) {
        for (int byte = 1; byte < 256; byte++) {
            memcpy(text, usual, sizeof usual);
            text[at] = (char)byte;
            compare_time(*state, text);
            memcpy(text, whole, sizeof whole);
            if (at < sizeof whole - 1)
                text[at] = (char)byte;
            compare_time(*state, text);
        }
    }
}

/* Days in turn, so that the day that is remembered changes each time. */
static void test_every_day_of_four_centuries_is_its_own(void **state)
{
    struct fixture *fixture = *state;

    for (int64_t day = datetime_days_from_civil(1999, 12, 31), step = 0; step < 2000; step++) {
        struct datetime_civil civil = datetime_civil_from_seconds((day + step * 73) * 86400);
        int64_t want = (day + step * 73) * 86400000 + 3723004;

        for (int again = 0; again < 2; again++) {
            char message[256];

            snprintf(message, sizeof message,
                     "{'userId': 'u', 'event': 'x', 'timestamp': '%04d-%02d-%02dT01:02:03.004Z'}",
                     civil.year, civil.month, civil.day);
            assert_int_equal(fixture_event(fixture, message)->time_ms, want);
        }
    }
}

/* ---- the id ---- */

static const struct text_row id_rows[] = {
    {"{'messageId': 'm-1', 'event': 'x', " OTHER "}", "m-1"},
    {"{'messageId': 17, 'event': 'x', " OTHER "}", "17"},
    {"{'messageId': '17', 'event': 'x', " OTHER "}", "17"},
    {"{'messageId': 0, 'event': 'x', " OTHER "}", "0"},
    {"{'messageId': '5e10d13a-bf9a-44bf-b884-43a9e591ea71', 'event': 'x', " OTHER "}",
     "5e10d13a-bf9a-44bf-b884-43a9e591ea71"},
    {"{'messageId': '', 'event': 'x', " OTHER "}", ""},
    {"{'messageId': null, 'event': 'x', " OTHER "}", ""},
    {"{'messageId': 1.5, 'event': 'x', " OTHER "}", ""},
    {"{'messageId': true, 'event': 'x', " OTHER "}", ""},
    {"{'messageId': ['m-1'], 'event': 'x', " OTHER "}", ""},
    {"{'messageId': '#x c4 01 78', 'event': 'x', " OTHER "}", ""},
    {"{'event': 'x', " OTHER "}", ""},
    {"{'messageId': '#x a1 ff', 'event': 'x', " OTHER "}", "!bad_msgpack"},
    {"{'messageId': '#x a1 ff', 'messageId#2': 'm-2', 'event': 'x', " OTHER "}", "m-2"},
};

static struct slice id_of(const struct event *event)
{
    assert_int_equal(event->has_id, event->id.size > 0);
    assert_true(event->id_hash == (event->has_id ? hash_bytes(event->id) : 0));
    return event->id;
}

static void test_an_id_is_a_text_or_an_integer_or_absent(void **state)
{
    for (size_t i = 0; i < sizeof id_rows / sizeof id_rows[0]; i++)
        check_text_row(*state, &id_rows[i], id_of);
}

/* ---- properties ---- */

struct slot_row {
    const char *fields;
    enum slot slot;
    const char *want;
};

#define P(properties) "'event': 'x', 'properties': {" properties "}"
#define I(traits)     "'type': 'identify', 'traits': {" traits "}"

static const struct slot_row slot_rows[] = {
    /* Alternatives in order; null and '' are passed over. */
    {P("'value': 1, 'total': 2, 'revenue': 3"), VALUE, "1"},
    {P("'revenue': 3, 'total': 2, 'value': 1"), VALUE, "1"},
    {P("'total': 2, 'revenue': 3"), VALUE, "2"},
    {P("'revenue': 3, 'total': null, 'value': ''"), VALUE, "3"},
    {P("'value': 0, 'total': 2"), VALUE, "0"},
    {P("'value': false, 'total': 2"), VALUE, "false"},
    {P("'value': '12.50'"), VALUE, "'12.50'"},
    {P("'value': 12.5"), VALUE, "12.5"},
    {P("'value': '#x cf ff ff ff ff ff ff ff ff'"), VALUE, "18446744073709551615u"},
    {P("'value': '#x d6 ff 00 00 00 01'"), VALUE, "@1000"},
    {P("'value': -5"), VALUE, "-5"},
    {P("'value': 300"), VALUE, "300"},
    {P("'value': [1, 2]"), VALUE, "0:[1,2]"},
    {P("'value': {'a': 1}"), VALUE, "0:{'a':1}"},
    {P("'value': []"), VALUE, "0:[]"},
    /* Properties are as they are, where there is nothing better. */
    {P("'value': null"), VALUE, "null"},
    {P("'value': ''"), VALUE, "''"},
    {P("'value': '', 'total': null"), VALUE, "''"},
    {P("'total': null"), VALUE, "null"},
    {P("'other': 1"), VALUE, "absent"},
    {P(""), VALUE, "absent"},
    {"'event': 'x'", VALUE, "absent"},
    {"'event': 'x', 'value': 5", VALUE, "absent"},
    /* Of a key that a map has twice the last counts, and all that was below the first is void. */
    {P("'value': 1, 'value#2': 2"), VALUE, "2"},
    {P("'value': 1, 'value#2': null, 'total': 3"), VALUE, "3"},
    {P("'value': 1, 'value#2': null"), VALUE, "null"},
    {"'event': 'x', 'properties': {'value': 1}, 'properties#2': {'total': 2}", VALUE, "2"},
    {"'event': 'x', 'properties': {'value': 1}, 'properties#2': {}", VALUE, "absent"},
    {"'event': 'x', 'properties': {'value': 1}, 'properties#2': 7", VALUE, "absent"},
    {"'event': 'x', 'properties': {'value': 1}, 'properties#2': null", VALUE, "absent"},
    {"'event': 'x', 'properties': {'value': '#x a1 ff'}, 'properties#2': {'value': 4}", VALUE, "4"},
    {"'event': 'x', 'properties': 7, 'properties#2': {'value': 4}", VALUE, "4"},
    {P("'a': {'b': {'c': 1}}, 'a#2': {'b': {'d': 1}}"), DEEP, "absent"},
    {P("'a': {'b': {'c': 1}, 'b#2': {'c': 2}}"), DEEP, "2"},
    /* Ids: text, integers in decimal; all else is absent, and the next alternative is looked at. */
    {P("'product_id': 'A', 'sku': 'B'"), PRODUCT_ID, "'A'"},
    {P("'sku': 'B', 'product_id': 'A'"), PRODUCT_ID, "'A'"},
    {P("'product_id': 507, 'sku': 'B'"), PRODUCT_ID, "'507'"},
    {P("'product_id': 0, 'sku': 'B'"), PRODUCT_ID, "'0'"},
    {P("'product_id': -1"), PRODUCT_ID, "'-1'"},
    {P("'product_id': ''"), PRODUCT_ID, "absent"},
    {P("'product_id': null"), PRODUCT_ID, "absent"},
    {P("'product_id': 1.5"), PRODUCT_ID, "absent"},
    {P("'product_id': 1.5, 'sku': 'B'"), PRODUCT_ID, "'B'"},
    {P("'product_id': '', 'sku': 'B'"), PRODUCT_ID, "'B'"},
    {P("'product_id': null, 'sku': 'B'"), PRODUCT_ID, "'B'"},
    {P("'product_id': true, 'sku': 'B'"), PRODUCT_ID, "'B'"},
    {P("'product_id': ['A'], 'sku': 8"), PRODUCT_ID, "'8'"},
    {P("'product_id': '" X128 "x', 'sku': 'B'"), PRODUCT_ID, "'" X128 "x'"},
    {P("'product_id': '#x d9 01 41', 'sku': 'B'"), PRODUCT_ID, "'A'"},
    /* Lists of products are named, other containers are plain. */
    {P("'products': [{'sku': 1}]"), PRODUCTS, "2:[{'sku':1}]"},
    {P("'products': []"), PRODUCTS, "2:[]"},
    {P("'products': {'sku': 1}"), PRODUCTS, "0:{'sku':1}"},
    {P("'products': 'none'"), PRODUCTS, "'none'"},
    /* identify: the properties are the traits. */
    {I("'value': 5"), VALUE, "5"},
    {I("'total': 6"), VALUE, "6"},
    {I("'product_id': 7"), PRODUCT_ID, "'7'"},
    {"'type': 'identify', 'properties': {'value': 5}", VALUE, "absent"},
    {"'traits': {'value': 5}, 'type': 'track', 'event': 'x'", VALUE, "absent"},
    {"'traits': {'value': 5}, 'properties': {'value': 6}, 'type': 'identify'", VALUE, "5"},
    {"'traits': {'value': 5}, 'properties': {'value': 6}, 'type': 'page'", VALUE, "6"},
    /* From elsewhere in the message. */
    {I("'birthday': '1990-05-01'"), BIRTHDAY, "'1990-05-01'"},
    {"'event': 'x', 'traits': {'birthday': '1990-05-01'}", BIRTHDAY, "'1990-05-01'"},
    {P("'birthday': '1990-05-01'"), BIRTHDAY, "absent"},
    {"'event': 'x', 'context': {'timezone': 'Asia/Bangkok'}, 'traits': {'timezone': 'UTC'}",
     TIMEZONE, "'Asia/Bangkok'"},
    {"'event': 'x', 'traits': {'timezone': 'UTC'}, 'context': {'timezone': ''}", TIMEZONE, "'UTC'"},
    {P("'timezone': 'UTC'"), TIMEZONE, "absent"},
    {"'context': {'campaign': {'medium': 'email'}, 'channel': 'web'}, " P("'channel': 'app'"),
     CHANNEL, "'email'"},
    {P("'channel': 'app'") ", 'context': {'channel': 'web'}", CHANNEL, "'web'"},
    {P("'channel': 'app'") ", 'channel': 'server'", CHANNEL, "'app'"},
    {"'event': 'x', 'channel': 'server'", CHANNEL, "'server'"},
    {"'event': 'x', 'context': {'campaign': 'spring'}", CHANNEL, "absent"},
    {I("'channel': 'app'"), CHANNEL, "'app'"},
    /* Deeper paths. */
    {P("'a': {'b': {'c': 5}}"), DEEP, "5"},
    {P("'a': {'b': {'x': 5}}"), DEEP, "absent"},
    {P("'a': {'b': 5}"), DEEP, "absent"},
    {P("'a': [{'b': 5}]"), DEEP, "absent"},
    {P("'a': null"), DEEP, "absent"},
    {"'event': 'x', 'context': {'ip': '10.0.0.1', 'os': {'ip': 1}}", RAW_IP, "'10.0.0.1'"},
    {"'event': 'x', 'context': {'IP': 1}", RAW_IP, "absent"},
    {"'event': 'x', 'context': 'ip'", RAW_IP, "absent"},
};

static void test_properties_go_to_their_slots(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof slot_rows / sizeof slot_rows[0]; i++) {
        const struct slot_row *row = &slot_rows[i];
        char message[1024];

        snprintf(message, sizeof message, "{" OTHER ", %s}", row->fields);
        fixture_assert_slot(fixture, fixture_event(fixture, message), row->slot, row->want,
                            row->fields);
    }
}

static const struct text_row property_text_rows[] = {
    {"{" OTHER ", " P("'value': '#x a1 ff'") "}", "!bad_msgpack"},
    {"{" OTHER ", " P("'total': '#x a1 ff'") "}", "!bad_msgpack"},
    {"{" OTHER ", " P("'product_id': '#x a1 ff'") "}", "!bad_msgpack"},
    {"{" OTHER ", " P("'sku': '#x d9 02 c3 28'") "}", "!bad_msgpack"},
    {"{" OTHER ", " P("'products': [{'name': '#x a1 ff'}]") "}", "!bad_msgpack"},
    {"{" OTHER ", " P("'products': [{'#x a1 ff': 1}]") "}", "!bad_msgpack"},
    {"{" OTHER ", " P("'a': {'b': {'c': '#x a1 ff'}}") "}", "!bad_msgpack"},
    {"{'context': {'ip': '#x a1 ff'}, " OTHER ", 'event': 'x'}", "!bad_msgpack"},
    {"{" OTHER ", 'event': 'x', 'context': {'timezone': 'a', 'timezone#2': '#x a1 ff'}}",
     "!bad_msgpack"},
    {"{" OTHER ", " P("'value': 1, 'value#2': '#x a1 ff'") "}", "!bad_msgpack"},
    /* Only where it is used. */
    {"{" OTHER ", " P("'value': 1, 'total': '#x a1 ff'") "}", "x"},
    {"{" OTHER ", " P("'total': '#x a1 ff', 'value': 1") "}", "x"},
    {"{" OTHER ", " P("'sku': '#x a1 ff', 'product_id': 'A'") "}", "x"},
    {"{" OTHER ", " P("'product_id': 'A', 'sku': '#x a1 ff'") "}", "x"},
    {"{" OTHER ", " P("'name': '#x a1 ff', '#x a1 ff': 1") "}", "x"},
    {"{" OTHER ", " P("'a': {'b': {'x': '#x a1 ff'}}") "}", "x"},
    {"{" OTHER ", " P("'value': '#x c4 01 ff'") "}", "x"},
    {"{" OTHER ", 'event': 'x', 'traits': {'value': '#x a1 ff'}}", "x"},
    {"{'#x a1 ff': '#x a1 ff', " OTHER ", 'event': 'x'}", "x"},
    /* What is wrong with the message as a whole is said first. */
    {"{" P("'value': '#x a1 ff'") "}", "!bad_msgpack"},
    {"{'userId': 'u', 'timestamp': 'soon', " P("'value': '#x a1 ff'") "}", "!bad_msgpack"},
};

static void test_text_must_be_valid_where_it_is_used(void **state)
{
    for (size_t i = 0; i < sizeof property_text_rows / sizeof property_text_rows[0]; i++)
        check_text_row(*state, &property_text_rows[i], name_of);
}

/* A text of `size` bytes, `x` but for the one at `bad`, which makes it invalid; none where that is `size`. */
static void add_text(struct buf *message, size_t size, size_t bad)
{
    if (size < 32) {
        buf_add_char(message, (char)(0xA0 + size));
    } else {
        buf_add_char(message, (char)0xD9);
        buf_add_char(message, (char)size);
    }
    for (size_t i = 0; i < size; i++)
        buf_add_char(message, i == bad ? (char)0x80 : 'x');
}

/* Of all sizes, with the mistake at each place: as the customer, the id, a property and inside of one. */
static void test_one_byte_makes_any_text_invalid(void **state)
{
    static const struct {
        const char *before, *after;
    } places[] = {
        {"\x83\xA5"
         "event\xA1x\xA9timestamp\x05\xA6userId",
         ""},
        {"\x84\xA5"
         "event\xA1x\xA9timestamp\x05\xA6userId\xA1u\xA9messageId",
         ""},
        {"\x84\xA5"
         "event\xA1x\xA9timestamp\x05\xA6userId\xA1u\xAAproperties\x81\xA5value",
         ""},
        {"\x84\xA5"
         "event\xA1x\xA9timestamp\x05\xA6userId\xA1u\xAAproperties\x81\xA8products"
         "\x91\x82\xA1z\x93\xFF\xD9\x01y\xC0",
         "\x01"},
    };

    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        for (size_t size = 1; size < 70; size++) {
            for (size_t bad = 0; bad <= size; bad++) {
                struct fixture *fixture = *state;
                struct buf message;

                buf_init(&message);
                buf_add_text(&message, places[p].before);
                add_text(&message, size, bad);
                buf_add_text(&message, places[p].after);
                fixture_decode_bytes(fixture, buf_slice(&message), 5);
                if ((fixture->decoded.dead == EVENT_DEAD_BAD_MSGPACK) != (bad < size))
                    fail_msg("place %zu, byte %zu of %zu", p, bad, size);
                buf_fini(&message);
            }
        }
    }
}

/* ---- what is no event at all ---- */

static void assert_code(struct fixture *fixture, struct slice message, const char *code,
                        const char *detail)
{
    fixture_decode_bytes(fixture, message, 5);
    fixture_assert_text(slice_of(event_dead_code(fixture->decoded.dead)), code, detail);
    if (strstr(fixture->decoded.detail, detail) == NULL)
        fail_msg("`%s` does not say `%s`", fixture->decoded.detail, detail);
}

static void test_bytes_that_are_no_single_map_are_bad_msgpack(void **state)
{
    static const struct {
        const char *hex, *detail;
    } rows[] = {
        {"c0", "not a msgpack map"},
        {"90", "not a msgpack map"},
        {"05", "not a msgpack map"},
        {"a3 7b 22 7d", "not a msgpack map"},
        {"7b 22 61 22 3a 31 7d", "not a msgpack map"}, /* JSON */
        {"c1", "0xc1 at byte 0"},
        {"81 a1 61 c1", "0xc1 at byte 3"},
        {"81 c1 c0", "0xc1 at byte 1"},
        {"80 80", "something follows the map at byte 1"},
        {"80 c1", "something follows the map at byte 1"},
        {"81", "count larger than the bytes left at byte 0"},
        {"81 a1 61", "without its end at byte 3 of 3"},
        {"82 a1 61 c0", "count larger than the bytes left at byte 0"},
        {"82 a1 61 c0 c0", "without its end at byte 5 of 5"},
        {"df ff ff ff ff", "count larger than the bytes left at byte 0"},
        {"de ff ff c0 c0", "count larger than the bytes left at byte 0"},
        {"81 a1 61 dd ff ff ff ff", "count larger than the bytes left at byte 3"},
        {"81 a1 61 dd 7f ff ff ff c0", "count larger than the bytes left at byte 3"},
        {"81 a1 61 df 80 00 00 00 c0", "count larger than the bytes left at byte 3"},
        {"81 a1 61 db ff ff ff ff 61", "without its end at byte 3"},
        {"81 a1 61 c6 ff ff ff ff 61", "without its end at byte 3"},
        {"81 a1 61 c9 ff ff ff ff 01 61", "without its end at byte 3"},
        {"81 a1 61 d9", "without its end at byte 3"},
        {"81 a1 61 cb 00", "without its end at byte 3"},
        {"de", "without its end at byte 0"},
        {"de 00", "without its end at byte 0"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf message;

        buf_init(&message);
        fixture_add_hex(&message, rows[i].hex);
        assert_code(*state, buf_slice(&message), "bad_msgpack", rows[i].detail);
        buf_fini(&message);
    }
}

static void test_no_value_is_empty(void **state)
{
    assert_code(*state, (struct slice){NULL, 0}, "empty", "no value");
    assert_code(*state, (struct slice){"x", 0}, "empty", "no value");
}

/* A map with `key` whose value is `levels` arrays, or maps, in each other. */
static void pack_nested(struct buf *out, const char *key, int levels, const char *container)
{
    buf_reset(out);
    fixture_add_hex(out, "84 a6 757365724964 a1 75 a5 6576656e74 a1 78 a9 74696d657374616d70 05");
    fixture_pack_text(out, key, strlen(key));
    for (int i = 0; i < levels; i++)
        fixture_add_hex(out, i == levels - 1 ? "90" : container);
}

/* The event itself is the first level. */
static void test_32_levels_are_read_and_33_are_not(void **state)
{
    static const char *const keys[] = {"unused", "properties", "context", "traits"};
    static const char *const containers[] = {"91", "81 a1 61", "81 a7 63 68 61 6e 6e 65 6c",
                                             "dc 00 01", "df 00 00 00 01 a1 61"};
    struct fixture *fixture = *state;
    struct buf message;

    buf_init(&message);
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        for (size_t c = 0; c < sizeof containers / sizeof containers[0]; c++) {
            pack_nested(&message, keys[k], 31, containers[c]);
            fixture_decode_bytes(fixture, buf_slice(&message), 5);
            if (fixture->decoded.count != 1)
                fail_msg("31 in %s: %s", keys[k], fixture->decoded.detail);
            pack_nested(&message, keys[k], 32, containers[c]);
            assert_code(fixture, buf_slice(&message), "bad_msgpack", "deeper than 32 levels");
        }
    }
    buf_fini(&message);
}

static void test_1_mib_is_read_and_a_byte_more_is_not(void **state)
{
    struct fixture *fixture = *state;
    struct slice base = fixture_message(fixture, "{" OTHER ", 'event': 'x', 'pad': 0}");
    struct buf message;
    size_t pad;

    buf_init(&message);
    for (size_t more = 0; more < 2; more++) {
        buf_reset(&message);
        pad = DECODE_MESSAGE_SIZE_MAX - (base.size - 1) - 5 + more;
        buf_add(&message, base.data, base.size - 1);
        buf_add_char(&message, (char)0xDB);
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_add_char(&message, (char)(pad >> shift));
        memset(buf_reserve(&message, pad), 'x', pad);
        message.size += pad;
        assert_int_equal(message.size, DECODE_MESSAGE_SIZE_MAX + more);
        if (more > 0)
            assert_code(fixture, buf_slice(&message), "bad_msgpack", "larger than 1 MiB");
        else
            fixture_decode_bytes(fixture, buf_slice(&message), 5);
        assert_int_equal(fixture->decoded.count, 1 - more);
    }
    buf_fini(&message);
}

/* A copy of exactly this size, so that a sanitizer sees a step behind it. */
static void test_every_truncation_is_a_dead_letter(void **state)
{
    struct fixture *fixture = *state;
    struct slice whole = fixture_message(
        fixture,
        "{'type': 'track', 'messageId': '5e10d13a-bf9a-44bf-b884-43a9e591ea71', 'userId': 'u1',"
        " 'originalTimestamp': '2026-01-05T10:00:00.123Z', 'event': 'Product Added',"
        " 'context': {'campaign': {'medium': 'email'}, 'channel': 'web', 'ip': '10.0.0.1'},"
        " 'properties': {'product_id': 507, 'price': 12.5, 'value': -300, 'a': {'b': {'c': 1}},"
        "  'products': [{'sku': 'A', 'price': '9.90'}, {'sku': 'B', 'tags': [null, true]}],"
        "  'this_key_is_longer_than_sixteen': 1, 'and_this_one_is_longer_than_what_fixstr_holds': "
        "2,"
        "  'sent': '#x d7 ff 1d 53 53 00 69 5b 8d e0', 'bin': '#x c4 03 01 02 03'},"
        " 'traits': {'birthday': '1990-05-01'}}");

    for (size_t size = 0; size <= whole.size; size++) {
        char *copy = malloc(size > 0 ? size : 1);

        assert_non_null(copy);
        memcpy(copy, whole.data, size);
        fixture_decode_bytes(fixture, (struct slice){copy, size}, 5);
        if (size == whole.size)
            assert_int_equal(fixture->decoded.count, 1);
        else
            assert_int_equal(fixture->decoded.dead,
                             size == 0 ? EVENT_DEAD_EMPTY : EVENT_DEAD_BAD_MSGPACK);
        free(copy);
    }
}

/* The first thing that is missing is said, in the order customer, name, time. */
static void test_details_say_what_is_wrong(void **state)
{
    static const struct {
        const char *message, *code, *detail;
    } rows[] = {
        {"{'event': 'x'}", "missing_customer", "nothing at userId, anonymousId"},
        {"{'userId': 1.5}", "missing_customer", "userId is 1.5; a customer is a text of 1 to 128"},
        {"{'userId': 'u'}", "missing_event", "nothing at event"},
        {"{'userId': 'u', 'event': [1]}", "missing_event", "event is [1]; a name is a text"},
        {"{'userId': 'u', 'event': 'x', 'timestamp': 'soon'}", "bad_time",
         "timestamp is \"soon\"; a time is RFC 3339"},
        {"{'userId': 'u', 'event': 'x', 'originalTimestamp': true}", "bad_time",
         "originalTimestamp is true"},
        {"{'userId': 'u', 'event': 'x'}", "bad_time", "nothing at timestamp, originalTimestamp"},
        {"{'userId': '#x a1 ff'}", "bad_msgpack", "userId is not valid UTF-8"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_assert_text(slice_of(fixture_decode(fixture, rows[i].message)), rows[i].code,
                            rows[i].message);
        if (strstr(fixture->decoded.detail, rows[i].detail) == NULL)
            fail_msg("`%s` does not say `%s`", fixture->decoded.detail, rows[i].detail);
    }
}

/* Where nothing has been read before there is no day to compare with: eleven zeros and 12:34:56Z. */
static void test_the_first_time_is_read_as_any_other(void **state)
{
    static const struct event_wants none = {0};
    struct fixture *fixture = *state;
    struct decoder *fresh = decoder_new(fixture->schema, &none);
    struct slice message = fixture_message(
        fixture, "{'userId': 'u', 'event': 'x', 'timestamp': "
                 "'#x b4 00 00 00 00 00 00 00 00 00 00 00 31 32 3a 33 34 3a 35 36 5a'}");

    decode_message(fresh, message, EVENT_NO_TIME, &fixture->arena, &fixture->decoded);
    assert_int_equal(fixture->decoded.dead, EVENT_DEAD_BAD_TIME);
    decoder_free(fresh);
}

/* ---- whole maps, and wants that meet in one place ---- */

static void test_whole_maps_can_be_wanted(void **state)
{
    static const struct event_path whole_paths[] = {
        {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 0, {{NULL, 0}}},
        {EVENT_ROOT_RAW, EVENT_READ_PLAIN, 0, {{NULL, 0}}},
        {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"a", 1}}},
        {EVENT_ROOT_RAW, EVENT_READ_PLAIN, 1, {{"userId", 6}}},
        {EVENT_ROOT_RAW, EVENT_READ_PLAIN, 2, {{"properties", 10}, {"a", 1}}},
        {EVENT_ROOT_RAW, EVENT_READ_ID, 1, {{"userId", 6}}},
    };
    static const struct event_wants whole = {.paths = whole_paths, .path_count = 6};
    struct fixture fixture;
    const struct event *event;

    (void)state;
    fixture_open(&fixture, "segment", &whole);
    event = fixture_event(&fixture, "{'userId':7,'event':'x','timestamp':5,'properties':{'a':1}}");
    fixture_assert_slot(&fixture, event, 0, "1:{'a':1}", "properties");
    fixture_assert_slot(&fixture, event, 1,
                        "0:{'userId':7,'event':'x','timestamp':5,'properties':{'a':1}}", "raw");
    fixture_assert_slot(&fixture, event, 2, "1", "properties.a");
    fixture_assert_slot(&fixture, event, 3, "7", "raw.userId");
    fixture_assert_slot(&fixture, event, 4, "1", "raw.properties.a");
    fixture_assert_slot(&fixture, event, 5, "'7'", "raw.userId as an id");
    assert_true(slice_equal(event->raw, buf_slice(&fixture.message)));

    event = fixture_event(&fixture, "{'type':'identify','traits':{'b':2}," OTHER "}");
    fixture_assert_slot(&fixture, event, 0, "1:{'b':2}", "traits");
    event = fixture_event(&fixture, "{'event':'x','properties':[1]," OTHER "}");
    fixture_assert_slot(&fixture, event, 0, "1:{}", "properties that are no map");
    event = fixture_event(&fixture, "{'event':'x'," OTHER "}");
    fixture_assert_slot(&fixture, event, 0, "1:{}", "no properties");
    assert_string_equal(
        fixture_decode(&fixture, "{'event':'x','properties':{'z':'#x a1 ff'}," OTHER "}"),
        "bad_msgpack");
    fixture_close(&fixture);
}

static void test_nothing_need_be_wanted(void **state)
{
    static const struct event_wants nothing = {.name_count = 0};
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "segment", &nothing);
    assert_int_equal(
        fixture_event(&fixture, "{'event':'Order Completed','properties':{'a':1}," OTHER "}")
            ->name_id,
        EVENT_NAME_OTHER);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_customer_is_a_text_or_an_integer),
        cmocka_unit_test(test_the_name_is_mapped_and_type_decides),
        cmocka_unit_test(test_names_that_rules_name_are_numbered),
        cmocka_unit_test(test_ever_new_names_do_no_harm),
        cmocka_unit_test(test_times_are_read_floored_and_bounded),
        cmocka_unit_test(test_a_time_of_invalid_text_is_bad_msgpack),
        cmocka_unit_test(test_the_usual_time_is_read_as_any_other),
        cmocka_unit_test(test_every_day_of_four_centuries_is_its_own),
        cmocka_unit_test(test_an_id_is_a_text_or_an_integer_or_absent),
        cmocka_unit_test(test_properties_go_to_their_slots),
        cmocka_unit_test(test_text_must_be_valid_where_it_is_used),
        cmocka_unit_test(test_one_byte_makes_any_text_invalid),
        cmocka_unit_test(test_bytes_that_are_no_single_map_are_bad_msgpack),
        cmocka_unit_test(test_no_value_is_empty),
        cmocka_unit_test(test_32_levels_are_read_and_33_are_not),
        cmocka_unit_test(test_1_mib_is_read_and_a_byte_more_is_not),
        cmocka_unit_test(test_every_truncation_is_a_dead_letter),
        cmocka_unit_test(test_details_say_what_is_wrong),
        cmocka_unit_test(test_the_first_time_is_read_as_any_other),
        cmocka_unit_test(test_whole_maps_can_be_wanted),
        cmocka_unit_test(test_nothing_need_be_wanted),
    };

    return cmocka_run_group_tests(tests, open_segment, close_segment);
}
