/* producer/signal.h and producer/signal_record.h: the wire form of signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <msgpack.h>
#include <string.h>

#include "core/mp.h"
#include "producer/signal.h"
#include "producer/signal_record.h"

struct fixture {
    struct buf data; /* a signal's data */
    struct buf out;
    struct arena arena;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    buf_init(&fixture.data);
    buf_init(&fixture.out);
    arena_init(&fixture.arena);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    buf_fini(&fixture->data);
    buf_fini(&fixture->out);
    arena_fini(&fixture->arena);
    return 0;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

/* {"value": 12.5, "currency": null, "count": 2} */
static struct slice some_data(struct fixture *fixture)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, &fixture->data, buf_pack_write);
    msgpack_pack_map(&packer, 3);
    pack_text(&packer, "value");
    msgpack_pack_double(&packer, 12.5);
    pack_text(&packer, "currency");
    msgpack_pack_nil(&packer);
    pack_text(&packer, "count");
    msgpack_pack_int(&packer, 2);
    return buf_slice(&fixture->data);
}

static struct signal some_signal(struct fixture *fixture)
{
    return (struct signal){
        .type = SLICE("cart.abandoned"),
        .customer = SLICE("u42"),
        .time_ms = 1767607200123,
        .machine = SLICE("cart"),
        .from = SLICE("active"),
        .to = SLICE("abandoned"),
        .cause = SLICE("timer"),
        .data = some_data(fixture),
        .is_timer = true,
        .timer_machine = SLICE("cart"),
        .deadline_ms = 1767607200000,
        .rank = 1,
    };
}

static void assert_slice(struct slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.size);
}

static void test_json_has_the_fields_of_the_contract_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    signal_encode(&signal, SIGNAL_JSON, (struct slice){NULL, 0}, &fixture->out);
    assert_slice(buf_slice(&fixture->out),
                 "{\"schema\":1,\"type\":\"cart.abandoned\",\"customer\":\"u42\","
                 "\"time\":1767607200123,\"machine\":\"cart\",\"from\":\"active\","
                 "\"to\":\"abandoned\",\"cause\":\"timer\","
                 "\"data\":{\"value\":12.5,\"currency\":null,\"count\":2}}");
}

static void test_an_id_comes_first(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    signal_encode(&signal, SIGNAL_JSON, SLICE("e.csv/0/7/0"), &fixture->out);
    const char *beginning = "{\"id\":\"e.csv/0/7/0\",\"schema\":1,";
    assert_memory_equal(fixture->out.data, beginning, strlen(beginning));
}

static void test_json_escapes_what_customers_bring(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    signal.customer = SLICE("a\"b\\c\n\xe0\xb8\x81");
    signal_encode(&signal, SIGNAL_JSON, SLICE("q\""), &fixture->out);

    json_t *json = json_loadb(fixture->out.data, fixture->out.size, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "customer")),
                        "a\"b\\c\n\xe0\xb8\x81");
    assert_string_equal(json_string_value(json_object_get(json, "id")), "q\"");
    json_decref(json);
}

static void test_a_signal_without_data_has_an_empty_map(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    signal.data = (struct slice){NULL, 0};
    signal_encode(&signal, SIGNAL_JSON, (struct slice){NULL, 0}, &fixture->out);
    const char *end = "\"data\":{}}";
    assert_memory_equal(fixture->out.data + fixture->out.size - strlen(end), end, strlen(end));
}

static void test_data_that_is_json_already_stays_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    struct buf expected;
    buf_init(&expected);
    signal_encode(&signal, SIGNAL_JSON, (struct slice){NULL, 0}, &expected);
    signal.data = SLICE("{\"value\":12.5,\"currency\":null,\"count\":2}");
    signal.data_is_json = true;
    signal_encode(&signal, SIGNAL_JSON, (struct slice){NULL, 0}, &fixture->out);
    assert_int_equal(fixture->out.size, expected.size);
    assert_memory_equal(fixture->out.data, expected.data, expected.size);
    buf_fini(&expected);
}

/* The msgpack value, shown as JSON, is the JSON value, byte for byte. */
static void test_msgpack_says_the_same_as_json(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    const struct slice ids[] = {{NULL, 0}, SLICE("shop.events/3/17/0")};
    for (size_t i = 0; i < 2; i++) {
        struct buf json, msgpack, shown;
        buf_init(&json);
        buf_init(&msgpack);
        buf_init(&shown);
        signal_encode(&signal, SIGNAL_JSON, ids[i], &json);
        signal_encode(&signal, SIGNAL_MSGPACK, ids[i], &msgpack);
        assert_true(mp_well_formed(buf_slice(&msgpack)));
        mp_to_json(buf_slice(&msgpack), &shown);
        assert_true(slice_equal(buf_slice(&json), buf_slice(&shown)));
        buf_fini(&json);
        buf_fini(&msgpack);
        buf_fini(&shown);
    }
}

static void test_encoding_appends(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    buf_add_text(&fixture->out, "{x");
    signal_encode(&signal, SIGNAL_JSON, (struct slice){NULL, 0}, &fixture->out);
    const char *beginning = "{x{\"schema\":1,";
    assert_memory_equal(fixture->out.data, beginning, strlen(beginning));
}

static void test_ids(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct signal signal;
        int64_t offset;
        const char *id;
    } rows[] = {
        {{.customer = SLICE("u42"), .rank = 0}, 0, "shop.events/3/0/0"},
        {{.customer = SLICE("a/b"), .rank = 11}, INT64_MAX, "shop.events/3/9223372036854775807/11"},
        {{.customer = SLICE("u42"),
          .is_timer = true,
          .timer_machine = SLICE("cart"),
          .deadline_ms = 1767607200000,
          .machine = SLICE("lifecycle"),
          .rank = 2},
         17,
         "shop.events/3/u42/cart/1767607200000/2"},
        {{.customer = SLICE("a/b c%\xe0\xb8\x81~-._Z0"),
          .is_timer = true,
          .timer_machine = SLICE("m"),
          .deadline_ms = -1},
         17,
         "shop.events/3/a%2Fb%20c%25%E0%B8%81~-._Z0/m/-1/0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&fixture->out);
        signal_add_id(&rows[i].signal, SLICE("shop.events"), 3, rows[i].offset, &fixture->out);
        assert_slice(buf_slice(&fixture->out), rows[i].id);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *type;
        bool matches;
    } rows[] = {
        {"cart.abandoned", "cart.abandoned", true},
        {"cart.abandoned", "cart.abandoned2", false},
        {"cart.abandoned", "cart.abandone", false},
        {"cart.*", "cart.abandoned", true},
        {"cart.*", "cart.", true},
        {"cart.*", "cart", false},
        {"cart.*", "acart.x", false},
        {"*", "", true},
        {"*", "anything.at.all", true},
        {"", "", true},
        {"", "x", false},
        {"*.abandoned", "checkout.abandoned", true},
        {"*.abandoned", "checkout.abandoned.late", false},
        {"*abandoned*", "cart.abandoned.late", true},
        {"a*b*c", "abbbc", true},
        {"a*b*c", "acb", false},
        {"a*ab", "aaab", true},
        {"**", "x", true},
        {"c?rt", "cart", false}, /* only `*` is special */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool matches = signal_pattern_matches(slice_of(rows[i].pattern), slice_of(rows[i].type));
        if (matches != rows[i].matches)
            fail_msg("%s and %s", rows[i].pattern, rows[i].type);
    }
}

static void test_the_first_route_that_matches_wins(void **state)
{
    (void)state;
    static const struct signal_route routes[] = {{SLICE("cart.expired"), SLICE("a")},
                                                 {SLICE("cart.*"), SLICE("b")},
                                                 {SLICE("*"), SLICE("c")}};
    assert_int_equal(signal_route_find(routes, 3, SLICE("cart.expired")), 0);
    assert_int_equal(signal_route_find(routes, 3, SLICE("cart.abandoned")), 1);
    assert_int_equal(signal_route_find(routes, 3, SLICE("stage.changed")), 2);
    assert_int_equal(signal_route_find(routes, 2, SLICE("stage.changed")), -1);
    assert_int_equal(signal_route_find(NULL, 0, SLICE("stage.changed")), -1);
}

static void test_a_list_grows_and_gives_cleared_signals(void **state)
{
    (void)state;
    struct signal_list list;
    signal_list_init(&list);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            struct signal *signal = signal_list_add(&list);
            assert_int_equal(signal->rank, 0);
            assert_null(signal->type.data);
            signal->rank = i + 1;
            signal->type = SLICE("x");
        }
        assert_int_equal(list.count, 1000);
        assert_int_equal(list.items[999].rank, 1000);
        signal_list_reset(&list);
        assert_int_equal(list.count, 0);
    }
    signal_list_fini(&list);
}

static void assert_header(const struct sink_record *record, const char *name, const char *value)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->headers[i].name, name) == 0) {
            assert_slice(record->headers[i].value, value);
            return;
        }
    }
    fail_msg("no header %s", name);
}

static struct signal_envelope some_envelope(void)
{
    return (struct signal_envelope){
        .topic = "shop.carts",
        .source = SLICE("/stagecoach/g"),
        .from = {"shop.events", 3},
        .offset = 17,
    };
}

static void test_a_record_is_a_cloud_event_in_binary_mode(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    struct signal_envelope envelope = some_envelope();
    struct buf expected;
    struct sink_record record;
    buf_init(&expected);
    signal_encode(&signal, SIGNAL_JSON, (struct slice){NULL, 0}, &expected);

    signal_record(&signal, &envelope, &fixture->arena, &fixture->out, &record);

    assert_string_equal(record.topic, "shop.carts");
    assert_int_equal(record.partition, -1);
    assert_int_equal(record.time_ms, 0);
    assert_slice(record.key, "u42");
    assert_true(slice_equal(record.value, buf_slice(&expected)));
    assert_int_equal(record.header_count, 7);
    assert_header(&record, "ce_specversion", "1.0");
    assert_header(&record, "ce_id", "shop.events/3/u42/cart/1767607200000/1");
    assert_header(&record, "ce_type", "cart.abandoned");
    assert_header(&record, "ce_source", "/stagecoach/g");
    assert_header(&record, "ce_subject", "u42");
    assert_header(&record, "ce_time", "2026-01-05T10:00:00.123Z");
    assert_header(&record, "content-type", "application/json");
    buf_fini(&expected);
}

static void test_a_msgpack_record_says_so_and_passes_the_traceparent_on(void **state)
{
    struct fixture *fixture = *state;
    struct signal signal = some_signal(fixture);
    struct signal_envelope envelope = some_envelope();
    struct sink_record record;
    envelope.format = SIGNAL_MSGPACK;
    envelope.traceparent = SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

    signal_record(&signal, &envelope, &fixture->arena, &fixture->out, &record);

    assert_true(mp_well_formed(record.value));
    assert_int_equal(record.header_count, 8);
    assert_header(&record, "content-type", "application/msgpack");
    assert_header(&record, "traceparent",
                  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}

/* The signal's own memory may go before the record is sent. */
static void test_a_record_borrows_nothing_from_its_signal(void **state)
{
    struct fixture *fixture = *state;
    char customer[] = "u42";
    struct signal signal = some_signal(fixture);
    struct signal_envelope envelope = some_envelope();
    struct sink_record first, second;
    signal.customer = slice_of(customer);

    signal_record(&signal, &envelope, &fixture->arena, &fixture->out, &first);
    memcpy(customer, "xyz", 3);
    signal_record(&signal, &envelope, &fixture->arena, &fixture->out, &second);

    assert_slice(first.key, "u42");
    assert_header(&first, "ce_subject", "u42");
    assert_slice(second.key, "xyz");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json_has_the_fields_of_the_contract_in_their_order),
        TEST(test_an_id_comes_first),
        TEST(test_json_escapes_what_customers_bring),
        TEST(test_a_signal_without_data_has_an_empty_map),
        TEST(test_data_that_is_json_already_stays_as_it_is),
        TEST(test_msgpack_says_the_same_as_json),
        TEST(test_encoding_appends),
        TEST(test_ids),
        TEST(test_patterns),
        TEST(test_the_first_route_that_matches_wins),
        TEST(test_a_list_grows_and_gives_cleared_signals),
        TEST(test_a_record_is_a_cloud_event_in_binary_mode),
        TEST(test_a_msgpack_record_says_so_and_passes_the_traceparent_on),
        TEST(test_a_record_borrows_nothing_from_its_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
