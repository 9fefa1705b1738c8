/*
 * event_select(): maps that are navigated when they are read see what the decoder's slots see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/decode_fixture.h"

static const struct event_wants nothing = {.name_count = 0};

struct row {
    const char *schema;
    enum value_raw raw;
    const char *map;
    const char *key;
    const char *want;
};

static const struct row rows[] = {
    /* Properties: the schema's alternatives, ids as text. */
    {"segment", VALUE_RAW_PROPERTIES, "{'product_id': 507, 'sku': 'B'}", "product_id", "'507'"},
    {"segment", VALUE_RAW_PROPERTIES, "{'product_id': 1.5, 'sku': 'B'}", "product_id", "'B'"},
    {"segment", VALUE_RAW_PROPERTIES, "{'product_id': '', 'sku': 'B'}", "product_id", "'B'"},
    {"segment", VALUE_RAW_PROPERTIES, "{'product_id': ''}", "product_id", "absent"},
    {"segment", VALUE_RAW_PROPERTIES, "{'sku': '#x a1 ff'}", "product_id", "error"},
    {"segment", VALUE_RAW_PROPERTIES, "{'total': 2, 'revenue': 3}", "value", "2"},
    {"segment", VALUE_RAW_PROPERTIES, "{'value': null, 'revenue': 3}", "value", "3"},
    {"segment", VALUE_RAW_PROPERTIES, "{'value': ''}", "value", "''"},
    {"segment", VALUE_RAW_PROPERTIES, "{'value': 1, 'value#2': 2}", "value", "2"},
    {"segment", VALUE_RAW_PROPERTIES, "{'products': [{'sku': 1}]}", "products", "2:[{'sku':1}]"},
    {"segment", VALUE_RAW_PROPERTIES, "{'products': {'sku': 1}}", "products", "0:{'sku':1}"},
    {"segment", VALUE_RAW_PROPERTIES, "{'foo': {'sku': 1}}", "foo", "0:{'sku':1}"},
    {"segment", VALUE_RAW_PROPERTIES, "{'foo': '#x a1 ff'}", "foo", "error"},
    {"segment", VALUE_RAW_PROPERTIES, "{}", "foo", "absent"},
    {"segment", VALUE_RAW_PROPERTIES, "{'order_id': 7}", "order_id", "'7'"},
    {"segment", VALUE_RAW_PROPERTIES, "{'cart_id': 7}", "cart_id", "'7'"},
    {"segment", VALUE_RAW_PROPERTIES, "{'checkout_id': 7}", "checkout_id", "7"},
    /* What a path from the message names can't be seen from here. */
    {"segment", VALUE_RAW_PROPERTIES, "{'channel': 'app'}", "channel", "'app'"},
    {"segment", VALUE_RAW_PROPERTIES, "{'timezone': 'UTC'}", "timezone", "absent"},
    /* Products. */
    {"segment", VALUE_RAW_PRODUCT, "{'sku': 8, 'variant': 9}", "product_id", "'8'"},
    {"segment", VALUE_RAW_PRODUCT, "{'sku': 8, 'variant': 9}", "variant_id", "'9'"},
    {"segment", VALUE_RAW_PRODUCT, "{'sku': 8}", "variant_id", "'8'"},
    {"segment", VALUE_RAW_PRODUCT, "{'price': '9.90'}", "price", "'9.90'"},
    {"ga4", VALUE_RAW_PRODUCT, "{'item_id': 5, 'item_name': 'Tea'}", "product_id", "'5'"},
    {"ga4", VALUE_RAW_PRODUCT, "{'item_id': 5, 'item_name': 'Tea'}", "name", "'Tea'"},
    {"ga4", VALUE_RAW_PRODUCT, "{'item_category': 'food'}", "category", "'food'"},
    {"ga4", VALUE_RAW_PROPERTIES, "{'items': [{'item_id': 5}]}", "products", "2:[{'item_id':5}]"},
    {"braze", VALUE_RAW_PRODUCT, "{'product_name': 'Tea'}", "name", "'Tea'"},
    {"snowplow", VALUE_RAW_PRODUCT, "{'id': '1236'}", "product_id", "'1236'"},
    {"rees46", VALUE_RAW_PROPERTIES, "{'user_session': 's-1'}", "order_id", "'s-1'"},
    {"taobao", VALUE_RAW_PROPERTIES, "{'user': 7, 'seconds': 1511658000}", "order_id",
     "'7:1511658000'"},
    {"taobao", VALUE_RAW_PROPERTIES, "{'user': 7}", "order_id", "absent"},
    {"otto", VALUE_RAW_PROPERTIES, "{'session': 's', 'ts': 12}", "order_id", "'s:12'"},
    {"otto", VALUE_RAW_PROPERTIES, "{'session': '#x a1 ff', 'ts': 12}", "order_id", "error"},
    /* Plain maps are as on the wire. */
    {"segment", VALUE_RAW_PLAIN, "{'sku': 'B'}", "product_id", "absent"},
    {"segment", VALUE_RAW_PLAIN, "{'product_id': 507}", "product_id", "507"},
};

static void test_keys_are_found_by_their_canonical_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct fixture fixture;
        struct value map;
        const char *got;

        fixture_open(&fixture, row->schema, &nothing);
        map = value_of_msgpack(fixture_message(&fixture, row->map), row->raw);
        got = fixture_show(&fixture,
                           event_select(fixture.schema, map, slice_of(row->key), &fixture.arena));
        if (strcmp(got, row->want) != 0)
            fail_msg("%s, %s of %s: %s instead of %s", row->schema, row->key, row->map, got,
                     row->want);
        fixture_close(&fixture);
    }
}

static void test_what_is_no_map_has_no_keys(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "segment", &nothing);
    assert_int_equal(event_select(fixture.schema, value_int(5), SLICE("a"), &fixture.arena).kind,
                     VALUE_ABSENT);
    assert_int_equal(
        event_select(fixture.schema,
                     value_of_msgpack(fixture_message(&fixture, "[1]"), VALUE_RAW_PRODUCTS),
                     SLICE("a"), &fixture.arena)
            .kind,
        VALUE_ABSENT);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_found_by_their_canonical_names),
        cmocka_unit_test(test_what_is_no_map_has_no_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
