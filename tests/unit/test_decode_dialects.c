/*
 * The dialects of EVENTS.md: a message of each through its schema, and the RudderStack messages of ../shared/data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "tests/unit/decode_fixture.h"

#define RUDDERSTACK                                                                                \
    STAGECOACH_SOURCE_DIR "/../shared/data/rudderstack-messages/ga_messages.jsonl.gz"

static const struct slice names[] = {{"order_completed", 15}, {"product_viewed", 14}};
static const struct event_path paths[] = {
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"product_id", 10}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"order_id", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"price", 5}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"value", 5}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"category", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"products", 8}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"channel", 7}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 0, {{NULL, 0}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"cart_id", 7}}},
    {EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"step", 4}}},
};
enum slot {
    PRODUCT_ID,
    ORDER_ID,
    PRICE,
    VALUE,
    CATEGORY,
    PRODUCTS,
    CHANNEL,
    ALL,
    CART_ID,
    STEP,
    SLOT_COUNT
};
static const struct event_wants wants = {
    .names = names, .name_count = 2, .paths = paths, .path_count = SLOT_COUNT};

/* What is expected of an event; NULL and 0 are not looked at. */
struct want {
    const char *customer, *name, *id;
    int64_t time_ms;
    const char *slots[SLOT_COUNT];
};

static void check(struct fixture *fixture, const struct event *event, const struct want *want,
                  const char *where)
{
    fixture_assert_text(event->customer, want->customer, where);
    fixture_assert_text(event->name, want->name, where);
    if (want->id != NULL)
        fixture_assert_text(event->id, want->id, where);
    if (event->time_ms != want->time_ms)
        fail_msg("%s: time %lld", where, (long long)event->time_ms);
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (want->slots[i] != NULL)
            fixture_assert_slot(fixture, event, i, want->slots[i], where);
}

struct row {
    const char *schema, *message;
    struct want want;
};

#define ACTION  "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1"
#define CONTEXT "contexts_com_snowplowanalytics_snowplow_ecommerce_"

static const struct row rows[] = {
    {"rees46",
     "{'event_time': '2019-10-01 00:00:00 UTC', 'event_type': 'view', 'product_id': 44600062,"
     " 'category_id': 2103807459595387724, 'brand': 'shiseido', 'price': 35.79,"
     " 'user_id': 541312140, 'user_session': '72d76fde-8bb3-4e00-8c23-a032dfed738c'}",
     {"541312140",
      "product_viewed",
      "",
      1569888000000,
      {[PRODUCT_ID] = "'44600062'",
       [ORDER_ID] = "'72d76fde-8bb3-4e00-8c23-a032dfed738c'",
       [PRICE] = "35.789999999999999",
       [CATEGORY] = "absent"}}},
    {"rees46",
     "{'event_time': '2019-10-01 02:28:14 UTC', 'event_type': 'purchase', 'product_id': 1,"
     " 'category_code': 'appliances.kettle', 'user_id': 7, 'user_session': 's'}",
     {"7",
      "order_completed",
      "",
      1569896894000,
      {[CATEGORY] = "'appliances.kettle'", [PRICE] = "absent"}}},
    {"retailrocket",
     "{'timestamp': 1433221332117, 'visitorid': 257597, 'event': 'view', 'itemid': 355908}",
     {"257597",
      "product_viewed",
      "",
      1433221332117,
      {[PRODUCT_ID] = "'355908'", [ORDER_ID] = "absent"}}},
    {"retailrocket",
     "{'timestamp': 1433222276276, 'visitorid': 599528, 'event': 'transaction',"
     " 'itemid': 356475, 'transactionid': 4000}",
     {"599528", "order_completed", "", 1433222276276, {[ORDER_ID] = "'4000'"}}},
    {"taobao",
     "{'user': 543462, 'item': 1715, 'category': 1464116, 'behavior': 'buy', 'seconds': "
     "1511658000}",
     {"543462",
      "order_completed",
      "",
      1511658000000,
      {[PRODUCT_ID] = "'1715'", [ORDER_ID] = "'543462:1511658000'", [CATEGORY] = "1464116"}}},
    {"otto",
     "{'session': 12899779, 'aid': 59625, 'ts': 1661724000278, 'type': 'orders'}",
     {"12899779",
      "order_completed",
      "",
      1661724000278,
      {[PRODUCT_ID] = "'59625'",
       [ORDER_ID] = "'12899779:1661724000278'",
       [ALL] = "1:{'session':12899779,'aid':59625,'ts':1661724000278,'type':'orders'}"}}},
    {"braze",
     "{'external_id': 'u', 'name': 'ecommerce.order_placed', 'time': '2026-01-05T10:00:00Z',"
     " 'properties': {'order_id': 5, 'total_value': 9.5, 'source': 'web',"
     "  'products': [{'product_id': 1}]}}",
     {"u",
      "order_completed",
      "",
      1767607200000,
      {[ORDER_ID] = "'5'",
       [VALUE] = "9.5",
       [CHANNEL] = "'web'",
       [PRODUCTS] = "2:[{'product_id':1}]"}}},
    {"snowplow",
     "{'event_id': 'e-1', 'derived_tstamp': '2022-12-22 13:25:47.677', 'domain_userid': 'd',"
     " 'event_name': 'snowplow_ecommerce_action', 'mkt_medium': 'cpc',"
     " '" ACTION "': {'type': 'product_view', 'name': null},"
     " '" CONTEXT "product_1': [{'id': '1236', 'price': '12.0', 'category': 'Hats'}]}",
     {"d",
      "product_viewed",
      "e-1",
      1671715547677,
      {[PRODUCT_ID] = "'1236'",
       [PRICE] = "'12.0'",
       [CATEGORY] = "'Hats'",
       [CHANNEL] = "'cpc'",
       [PRODUCTS] = "2:[{'id':'1236','price':'12.0','category':'Hats'}]"}}},
    {"snowplow",
     "{'event_id': 'e-2', 'derived_tstamp': '2022-12-22T13:25:47.677Z', 'user_id': 'u',"
     " 'domain_userid': 'd', '" ACTION "': {'type': 'transaction'},"
     " '" CONTEXT "cart_1': [{'cart_id': 9, 'total_value': 13}, {'cart_id': 8}],"
     " '" CONTEXT "transaction_1': [{'transaction_id': 'TtlZ3b', 'revenue': 14}]}",
     {"u",
      "order_completed",
      "e-2",
      1671715547677,
      {[ORDER_ID] = "'TtlZ3b'", [VALUE] = "13", [CART_ID] = "'9'"}}},
    {"snowplow",
     "{'derived_tstamp': '2022-12-22T13:25:47.677Z', 'network_userid': 'n',"
     " '" CONTEXT "checkout_step_1': [{'step': 2}], 'event_name': 'page_view',"
     " '" ACTION "': {'type': ''}}",
     {"n", "page_view", NULL, 1671715547677, {[STEP] = "2", [ORDER_ID] = "absent"}}},
};

static void test_a_message_of_each_dialect(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture fixture;

        fixture_open(&fixture, rows[i].schema, &wants);
        check(&fixture, fixture_event(&fixture, rows[i].message), &rows[i].want, rows[i].message);
        fixture_close(&fixture);
    }
}

/* Their form is nobody else's, and nobody else's is theirs. */
static void test_text_times_of_the_dialects(void **state)
{
    static const struct {
        const char *schema, *message;
        int64_t want; /* EVENT_NO_TIME: bad_time */
    } times[] = {
#define REES46(time) "rees46", "{'event_time': '" time "', 'event_type': 'view', 'user_id': 1}"
        {REES46("2019-10-01 00:00:00 UTC"), 1569888000000},
        {REES46("2019-10-01 00:00:00.5 UTC"), 1569888000500},
        {REES46("2019-10-01T00:00:00Z"), 1569888000000},
        {REES46("2019-10-01T07:00:00+07:00"), 1569888000000},
        {REES46("2019-10-01 00:00:00"), EVENT_NO_TIME},
        {REES46("2019-10-01 00:00:00UTC"), EVENT_NO_TIME},
        {REES46("2019-10-01 00:00:00 utc"), EVENT_NO_TIME},
        {REES46("2019-10-01 00:00:00 CET"), EVENT_NO_TIME},
        {REES46("2019-10-01 00:00:00Z UTC"), EVENT_NO_TIME},
        {REES46("2019-13-01 00:00:00 UTC"), EVENT_NO_TIME},
        {REES46(" UTC"), EVENT_NO_TIME},
        {REES46("2019-10-01 00:00:00.000000000000000000000000000000000000000000000000 UTC"),
         EVENT_NO_TIME},
#define SNOWPLOW(time) "snowplow", "{'derived_tstamp': '" time "', 'event_name': 'x', 'user_id': 1}"
        {SNOWPLOW("2022-12-22 13:25:47.677"), 1671715547677},
        {SNOWPLOW("2022-12-22 13:25:47"), 1671715547000},
        {SNOWPLOW("2022-12-22 13:25:47.677000+00:00"), 1671715547677},
        {SNOWPLOW("2022-12-22T13:25:47.677Z"), 1671715547677},
        {SNOWPLOW("2022-12-22 13:25:47.677 UTC"), 1671715547677},
        {SNOWPLOW("2022-12-22"), EVENT_NO_TIME},
#define TAOBAO(time) "taobao", "{'seconds': " time ", 'behavior': 'pv', 'user': 1}"
        {TAOBAO("1511658000"), 1511658000000},
        {TAOBAO("0"), 0},
        {TAOBAO("-1"), -1000},
        {TAOBAO("1511658000.5"), 1511658000500},
        {TAOBAO("253402300799"), 253402300799000},
        {TAOBAO("253402300800"), EVENT_NO_TIME},
        {TAOBAO("9223372036854775807"), EVENT_NO_TIME},
        {TAOBAO("'1511658000'"), EVENT_NO_TIME},
#define GA4(time)                                                                                  \
    "ga4", "{'events': [{'name': 'x'}], 'client_id': 'c', 'timestamp_micros': " time "}"
        {GA4("1767607200123456"), 1767607200123},
        {GA4("-1"), -1},
        {GA4("-1000"), -1},
        {GA4("1767607200123456.0"), 1767607200123},
        {GA4("253402300799999999"), 253402300799999},
        {GA4("253402300800000000"), EVENT_NO_TIME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct fixture fixture;

        fixture_open(&fixture, times[i].schema, &wants);
        if (times[i].want == EVENT_NO_TIME)
            fixture_assert_text(slice_of(fixture_decode(&fixture, times[i].message)), "bad_time",
                                times[i].message);
        else if (fixture_event(&fixture, times[i].message)->time_ms != times[i].want)
            fail_msg("%s", times[i].message);
        fixture_close(&fixture);
    }
}

/* ---- several events a message ---- */

static void test_a_ga4_message_gives_its_events_in_order(void **state)
{
    static const struct want first = {
        "u",
        "product_viewed",
        "",
        1767607200123,
        {[PRODUCTS] = "2:[{'item_id':5}]", [VALUE] = "1.5", [ORDER_ID] = "absent"}};
    static const struct want second = {
        "u", "order_completed", "", 1767607201000, {[ORDER_ID] = "'T1'", [VALUE] = "absent"}};
    static const struct want third = {
        "u", "something", "", 1767607200123, {[ALL] = "1:{}", [VALUE] = "absent"}};
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "ga4", &wants);
    /* The events stand before what they share. */
    assert_string_equal(
        fixture_decode(
            &fixture,
            "{'client_id': 'c', 'events': ["
            "  {'name': 'view_item', 'params': {'items': [{'item_id': 5}], 'value': 1.5}},"
            "  {'params': {'transaction_id': 'T1'}, 'name': 'purchase',"
            "   'timestamp_micros': 1767607201000000},"
            "  {'name': 'something'}],"
            " 'user_id': 'u', 'timestamp_micros': 1767607200123456}"),
        "");
    assert_int_equal(fixture.decoded.count, 3);
    check(&fixture, &fixture.decoded.events[0], &first, "first");
    check(&fixture, &fixture.decoded.events[1], &second, "second");
    check(&fixture, &fixture.decoded.events[2], &third, "third");
    assert_int_equal(fixture.decoded.events[0].name_id, 2);
    assert_int_equal(fixture.decoded.events[1].name_id, 1);
    assert_int_equal(fixture.decoded.events[2].name_id, EVENT_NAME_OTHER);
    for (size_t i = 0; i < 3; i++)
        assert_true(slice_equal(fixture.decoded.events[i].raw, buf_slice(&fixture.message)));
    fixture_close(&fixture);
}

static void test_one_bad_event_makes_the_message_a_dead_letter(void **state)
{
    static const struct {
        const char *message, *code, *detail;
    } letters[] = {
        {"{'client_id': 'c', 'events': [{'name': 'a'}, {'title': 'b'}]}", "missing_event",
         "nothing at name"},
        {"{'client_id': 'c', 'events': [{'name': 'a'}, 7]}", "missing_event",
         "events is 7; each of the events is a map"},
        {"{'client_id': 'c', 'events': []}", "missing_event", "a list of 1 to 25 events"},
        {"{'client_id': 'c', 'events': null}", "missing_event", "a list of 1 to 25 events"},
        {"{'client_id': 'c', 'events': {'name': 'a'}}", "missing_event", "1 to 25 events"},
        {"{'client_id': 'c', 'name': 'a'}", "missing_event", "a list of 1 to 25 events"},
        {"{'events': [{'name': 'a', 'user_id': 'u'}]}", "missing_customer",
         "nothing at /user_id, /client_id, /app_instance_id"},
        {"{'client_id': 'c', 'timestamp_micros': 5,"
         " 'events': [{'name': 'a'}, {'name': 'a', 'timestamp_micros': 'x'}]}",
         "bad_time", "timestamp_micros is \"x\""},
        {"{'client_id': 'c', 'events': [{'name': 'a'}], 'events#2': 5}", "missing_event",
         "1 to 25 events"},
    };
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "ga4", &wants);
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        fixture_decode_bytes(&fixture, fixture_message(&fixture, letters[i].message), 5);
        fixture_assert_text(slice_of(event_dead_code(fixture.decoded.dead)), letters[i].code,
                            letters[i].message);
        if (strstr(fixture.decoded.detail, letters[i].detail) == NULL)
            fail_msg("`%s` does not say `%s`", fixture.decoded.detail, letters[i].detail);
    }
    fixture_close(&fixture);
}

static void test_25_events_are_read_and_26_are_not(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "ga4", &wants);
    for (size_t count = 24; count <= 26; count++) {
        char message[2048] = "{'client_id': 'c', 'timestamp_micros': 5, 'events': [";

        for (size_t i = 0; i < count; i++)
            strcat(message, i > 0 ? ",{'name': 'a'}" : "{'name': 'a'}");
        strcat(message, "]}");
        assert_string_equal(fixture_decode(&fixture, message), count > 25 ? "missing_event" : "");
        assert_int_equal(fixture.decoded.count, count > 25 ? 0 : count);
    }
    fixture_close(&fixture);
}

/* The event that is nested deepest counts as a part of the message, not from its own beginning. */
static void test_levels_are_counted_from_the_message(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "ga4", &wants);
    for (int levels = 29; levels <= 30; levels++) {
        char message[512] =
            "{'client_id': 'c', 'timestamp_micros': 5, 'events': [{'name': 'a', 'x': ";

        for (int i = 0; i < levels; i++)
            strcat(message, "[");
        for (int i = 0; i < levels; i++)
            strcat(message, "]");
        strcat(message, "}]}");
        assert_string_equal(fixture_decode(&fixture, message), levels == 29 ? "" : "bad_msgpack");
    }
    fixture_close(&fixture);
}

/* ---- RudderStack's own messages ---- */

static const struct {
    const char *name;
    int count;
} rudderstack_names[] = {
    {"cart_shared", 1},
    {"cart_viewed", 1},
    {"campaign_test", 3},
    {"checkout_started", 1},
    {"checkout_step_completed", 1},
    {"checkout_step_viewed", 1},
    {"customer_identified", 8},
    {"linkid_test", 1},
    {"order_cancelled", 4},
    {"order_completed", 1},
    {"order_refunded", 5},
    {"order_starterefundedd", 5},
    {"order_updated", 1},
    {"page_viewed", 4},
    {"product_added", 1},
    {"product_clicked", 1},
    {"product_list_clicked", 3},
    {"product_list_viewed", 3},
    {"product_removed", 2},
    {"product_shared", 1},
    {"product_viewed", 2},
    {"promotion_clicked", 1},
    {"promotion_viewed", 1},
    {"sample_event", 1},
    {"screen_viewed", 1},
    {"test_track_event_ga3", 1},
};
#define RUDDERSTACK_NAMES (sizeof rudderstack_names / sizeof rudderstack_names[0])

static void check_rudderstack(const struct event *event, json_t *json,
                              int counts[RUDDERSTACK_NAMES])
{
    const json_t *medium;
    const char *customer = json_string_value(json_object_get(json, "userId"));
    size_t i = 0;

    if (customer == NULL || customer[0] == '\0')
        customer = json_string_value(json_object_get(json, "anonymousId"));
    fixture_assert_text(event->customer, customer, "customer");
    fixture_assert_text(event->id, json_string_value(json_object_get(json, "messageId")), "id");
    assert_true(event->time_ms >= 1571043797562 && event->time_ms <= 1592825432493);
    while (i < RUDDERSTACK_NAMES && !slice_is(event->name, rudderstack_names[i].name))
        i++;
    if (i == RUDDERSTACK_NAMES)
        fail_msg("unexpected name %.*s", (int)event->name.size, event->name.data);
    counts[i]++;
    /* `channel` of the message, unless a campaign brought the visitor. */
    medium =
        json_object_get(json_object_get(json_object_get(json, "context"), "campaign"), "medium");
    fixture_assert_text(value_text(event->slots[CHANNEL]),
                        medium != NULL ? json_string_value(medium) : "web", "channel");
}

static void test_rudderstack_messages_have_the_names_and_counts_that_are_known(void **state)
{
    gzFile file = gzopen(RUDDERSTACK, "rb");
    int counts[RUDDERSTACK_NAMES] = {0};
    int events = 0, unnamed = 0;
    static char line[1 << 16];
    struct fixture fixture;

    (void)state;
    if (file == NULL) {
        print_message("SKIPPED: %s is not there\n", RUDDERSTACK);
        skip();
    }
    fixture_open(&fixture, "segment", &wants);
    while (gzgets(file, line, sizeof line) != NULL) {
        json_t *json = json_loads(line, 0, NULL);

        assert_non_null(json);
        buf_reset(&fixture.message);
        fixture_pack(&fixture.message, json);
        fixture_decode_bytes(&fixture, buf_slice(&fixture.message), EVENT_NO_TIME);
        if (fixture.decoded.count == 1) {
            check_rudderstack(fixture.decoded.events, json, counts);
            events++;
        } else {
            /* The type `newtype`, which has no event. */
            assert_int_equal(fixture.decoded.dead, EVENT_DEAD_MISSING_EVENT);
            unnamed++;
        }
        json_decref(json);
    }
    gzclose(file);
    assert_int_equal(events, 55);
    assert_int_equal(unnamed, 1);
    for (size_t i = 0; i < RUDDERSTACK_NAMES; i++)
        if (counts[i] != rudderstack_names[i].count)
            fail_msg("%s: %d instead of %d", rudderstack_names[i].name, counts[i],
                     rudderstack_names[i].count);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_of_each_dialect),
        cmocka_unit_test(test_text_times_of_the_dialects),
        cmocka_unit_test(test_a_ga4_message_gives_its_events_in_order),
        cmocka_unit_test(test_one_bad_event_makes_the_message_a_dead_letter),
        cmocka_unit_test(test_25_events_are_read_and_26_are_not),
        cmocka_unit_test(test_levels_are_counted_from_the_message),
        cmocka_unit_test(test_rudderstack_messages_have_the_names_and_counts_that_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
