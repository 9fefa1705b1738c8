/*
 * Rows of other dialects as Segment messages: what is written, and that the decoder reads the same event from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/reader.h"
#include "bench/segment_message.h"
#include "consumer/decode.h"
#include "core/mp.h"

static struct schema *load_schema(const char *name)
{
    char path[512];
    struct diag diag;
    diag_init(&diag);
    snprintf(path, sizeof path, STAGECOACH_SOURCE_DIR "/config/schemas/%s.yaml", name);
    struct schema *schema = schema_load(path, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    assert_non_null(schema);
    return schema;
}

/* All that can be said of two readings of one event. */
static void assert_same_event(const struct event *a, const struct event *b)
{
    assert_true(slice_equal(a->customer, b->customer));
    assert_true(slice_equal(a->name, b->name));
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->has_id, b->has_id);
    assert_true(!a->has_id || a->id_hash == b->id_hash);
    const struct event_wants *wants = segment_message_wants();
    for (size_t i = 0; i < wants->path_count; i++) {
        if (slice_is(wants->paths[i].segments[0], "products"))
            continue; /* compared as text by the callers */
        assert_int_equal(a->slots[i].kind, b->slots[i].kind);
        if (a->slots[i].kind == VALUE_STRING)
            assert_true(slice_equal(value_text(a->slots[i]), value_text(b->slots[i])));
        else
            assert_int_equal(a->slots[i].i, b->slots[i].i);
    }
}

/* The messages of a file's good rows, as JSON, a line each. */
static char *converted(const char *format_name, const char *text)
{
    char path[] = "/tmp/stagecoach-convert-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);

    const struct reader_format *format = reader_format_find(format_name);
    struct schema *from = load_schema(format->schema), *segment = load_schema("segment");
    struct decoder *decoder = decoder_new(from, segment_message_wants());
    struct decoder *segment_decoder = decoder_new(segment, segment_message_wants());
    struct arena arena;
    arena_init(&arena);
    struct buf out, message;
    buf_init(&out);
    buf_init(&message);
    enum err rc;
    struct errinfo info;
    struct reader *reader = reader_open(path, format, &rc, &info);
    assert_non_null(reader);
    struct reader_row row;
    while (reader_next(reader, &row, &info) == READER_ROW) {
        struct decoded before, after;
        arena_reset(&arena);
        decode_message(decoder, row.message, EVENT_NO_TIME, &arena, &before);
        assert_int_equal(before.dead, EVENT_DEAD_NONE);
        for (size_t i = 0; i < before.count; i++) {
            buf_reset(&message);
            segment_message_pack(&before.events[i], from, segment, &arena, &message);
            assert_true(mp_well_formed(buf_slice(&message)));
            decode_message(segment_decoder, buf_slice(&message), EVENT_NO_TIME, &arena, &after);
            assert_int_equal(after.dead, EVENT_DEAD_NONE);
            assert_int_equal(after.count, 1);
            assert_same_event(&before.events[i], &after.events[0]);
            mp_to_json(buf_slice(&message), &out);
            buf_add_char(&out, '\n');
        }
    }
    reader_close(reader);
    unlink(path);
    decoder_free(segment_decoder);
    decoder_free(decoder);
    schema_free(segment);
    schema_free(from);
    arena_fini(&arena);
    buf_fini(&message);
    buf_add_char(&out, '\0');
    return out.data;
}

static void expect(const char *format, const char *text, const char *messages)
{
    char *got = converted(format, text);
    assert_string_equal(got, messages);
    free(got);
}

static void test_rees46(void **state)
{
    (void)state;
    expect(
        "rees46-csv",
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_"
        "session\n"
        "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d7\n"
        "2019-10-01 00:00:01 UTC,purchase,7,2,a.b,,10,541312140,72d7\n",
        "{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"541312140\","
        "\"timestamp\":\"2019-10-01T00:00:00Z\",\"properties\":{\"product_id\":\"44600062\","
        "\"price\":35.79,"
        "\"order_id\":\"72d7\"}}\n"
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"541312140\","
        "\"timestamp\":\"2019-10-01T00:00:01Z\",\"properties\":{\"product_id\":\"7\",\"price\":10,"
        "\"order_id\":\"72d7\",\"category\":\"a.b\"}}\n");
}

static void test_retailrocket(void **state)
{
    (void)state;
    expect(
        "retailrocket-csv",
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,addtocart,355908,\n1433222276276,599528,transaction,356475,4000\n",
        "{\"type\":\"track\",\"event\":\"Product Added\",\"userId\":\"257597\","
        "\"timestamp\":\"2015-06-02T05:02:12.117Z\",\"properties\":{\"product_id\":\"355908\"}}\n"
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"599528\","
        "\"timestamp\":\"2015-06-02T05:17:56.276Z\",\"properties\":{\"product_id\":\"356475\","
        "\"order_id\":\"4000\"}}\n");
}

static void test_taobao_and_otto_compose_their_order_ids(void **state)
{
    (void)state;
    expect("taobao-csv", "1,2268318,2520377,buy,1511544070\n",
           "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"1\","
           "\"timestamp\":\"2017-11-24T17:21:10Z\",\"properties\":{\"product_id\":\"2268318\","
           "\"order_id\":\"1:1511544070\",\"category\":2520377}}\n");
    expect("otto-jsonl",
           "{\"session\":5,\"events\":[{\"aid\":1,\"ts\":1659304800025,\"type\":\"carts\"},"
           "{\"aid\":1,\"ts\":1659304904511,\"type\":\"orders\"}]}\n",
           "{\"type\":\"track\",\"event\":\"Product Added\",\"userId\":\"5\","
           "\"timestamp\":\"2022-07-31T22:00:00.025Z\",\"properties\":{\"product_id\":\"1\","
           "\"order_id\":\"5:1659304800025\"}}\n"
           "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"5\","
           "\"timestamp\":\"2022-07-31T22:01:44.511Z\",\"properties\":{\"product_id\":\"1\","
           "\"order_id\":\"5:1659304904511\"}}\n");
}

/* Several events in one message, products under other names, a name that has no canonical one. */
static void test_ga4(void **state)
{
    (void)state;
    expect(
        "ga4-jsonl",
        "{\"client_id\":\"c\",\"user_id\":\"u\",\"timestamp_micros\":1659304800025000,\"events\":["
        "{\"name\":\"begin_checkout\",\"params\":{\"value\":12.5,\"currency\":\"THB\",\"items\":["
        "{\"item_id\":\"a\",\"item_name\":\"ก\",\"price\":12.5,\"quantity\":1},{\"item_id\":7,"
        "\"x\":[1]}]}},"
        "{\"name\":\"page_view\",\"params\":{}},"
        "{\"name\":\"purchase\",\"params\":{\"transaction_id\":\"t\",\"items\":[]}}]}\n",
        "{\"type\":\"track\",\"event\":\"Checkout Started\",\"userId\":\"u\","
        "\"timestamp\":\"2022-07-31T22:00:00.025Z\",\"properties\":{\"value\":12.5,\"currency\":"
        "\"THB\","
        "\"products\":[{\"product_id\":\"a\",\"name\":\"ก\",\"price\":12.5,\"quantity\":1},"
        "{\"product_id\":\"7\"}]}}\n"
        "{\"type\":\"track\",\"event\":\"page_view\",\"userId\":\"u\",\"timestamp\":\"2022-07-"
        "31T22:00:00.025Z\",\"properties\":{}}\n"
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u\","
        "\"timestamp\":\"2022-07-31T22:00:00.025Z\",\"properties\":{\"order_id\":\"t\","
        "\"products\":[]}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rees46),
        cmocka_unit_test(test_retailrocket),
        cmocka_unit_test(test_taobao_and_otto_compose_their_order_ids),
        cmocka_unit_test(test_ga4),
    };
    return cmocka_run_group_tests_name("segment_message", tests, NULL, NULL);
}
