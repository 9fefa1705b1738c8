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

/* ---- products ---- */

static uint64_t random_state = 11;

static size_t below(size_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (size_t)(random_state >> 33) % bound;
}

/* What a product may say, the names of several dialects among it. */
static const char *const product_keys[] = {
    "product_id",   "sku",
    "item_id",      "id",
    "name",         "item_name",
    "product_name", "price",
    "quantity",     "value",
    "variant",      "nr",
    "unit",         "number of pieces in the box it is sold in"};
static const char *const product_values[] = {"''",
                                             "null",
                                             "'p-1'",
                                             "'12.5'",
                                             "7",
                                             "300",
                                             "-1",
                                             "1.5",
                                             "true",
                                             "{'amount': 3, 'id': 8}",
                                             "[4, 5]",
                                             "'\xE0\xB8\x8A\xE0\xB8\xB2'",
                                             "'#x a1 ff'",
                                             "'#x cf ff ff ff ff ff ff ff ff'",
                                             "'#x d6 ff 00 00 00 00'",
                                             "'#x c4 01 00'"};

static void add_random_product(struct buf *out)
{
    size_t count = below(2) == 0 ? below(4) : below(20);

    if (below(12) == 0) {
        buf_add_text(out, product_values[below(12)]);
        return;
    }
    buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s'%s#%zu': %s", i > 0 ? ", " : "",
                   product_keys[below(sizeof product_keys / sizeof product_keys[0])], i,
                   product_values[below(sizeof product_values / sizeof product_values[0])]);
    buf_add_char(out, '}');
}

/* A list of up to three. */
static struct slice random_products(struct fixture *fixture)
{
    size_t count = below(4);
    struct slice list;
    struct buf text;

    buf_init(&text);
    buf_add_char(&text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_text(&text, ", ");
        add_random_product(&text);
    }
    buf_add(&text, "]", 2);
    list = arena_copy(&fixture->arena, fixture_message(fixture, text.data));
    buf_fini(&text);
    return list;
}

/* A schema with alternatives of every kind for a product. */
static const char own_schema[] =
    "schema: own\ncustomer: u\nname: e\ntime: t\nproperties: p\n"
    "fields: { name: [name, item_name], price: [unit.price, price] }\n"
    "products: { product_id: '{id}:{nr}', price: [value.amount, 'value[1]', /price, price],\n"
    "            quantity: [quantity, unit, quantity] }\n";

/* Each product of a random list: what one pass finds is what a look-up for each finds. */
static void compare_products(struct fixture *fixture, const struct schema *schema,
                             struct slice list)
{
    struct value value = value_of_msgpack(list, VALUE_RAW_PRODUCTS);
    struct event_products products;
    struct mp mp = mp_of(list);
    struct mp_token token;

    assert_true(mp_read(&mp, &token));
    event_products_open(&products, value, schema, EVENT_NAMES_OF_SCHEMA, &fixture->arena);
    for (uint32_t i = 0; i < token.count; i++) {
        struct slice bytes;
        struct value map;

        assert_true(mp_value(&mp, &bytes));
        assert_true(event_products_next(&products));
        map = value_of_msgpack(bytes, VALUE_RAW_PRODUCT);
        for (int field = 0; field < EVENT_PRODUCT_FIELD_COUNT; field++) {
            struct slice key = event_product_names[field];
            const char *want =
                fixture_show(fixture, event_select(schema, map, key, &fixture->arena));
            const char *got = fixture_show(
                fixture, event_products_field(&products, (enum event_product_field)field));

            if (strcmp(got, want) != 0)
                fail_msg("%.*s: %s instead of %s", (int)key.size, key.data, got, want);
        }
    }
    assert_false(event_products_next(&products));
}

/* However much is cut off: no more products than are whole. */
static void cut_products(struct fixture *fixture, struct slice list)
{
    for (size_t size = 1; size < list.size; size++) {
        char *cut = malloc(size);
        struct value value = {.kind = VALUE_LIST,
                              .rep = VALUE_REP_RAW,
                              .aux = VALUE_RAW_PRODUCTS,
                              .size = (uint32_t)size,
                              .s = cut};
        struct event_products products;

        assert_non_null(cut);
        memcpy(cut, list.data, size);
        event_products_open(&products, value, fixture->schema, EVENT_NAMES_OF_SCHEMA,
                            &fixture->arena);
        while (event_products_next(&products))
            assert_true(products.pos <= cut + size);
        free(cut);
    }
}

static void test_products_are_read_in_one_pass_as_key_by_key(void **state)
{
    static const char *const schemas[] = {"segment", "ga4", "braze", "snowplow", "taobao"};
    struct diag diag;
    struct schema *own;

    (void)state;
    diag_init(&diag);
    own = schema_parse("own", slice_of(own_schema), &diag);
    diag_print(&diag, stderr);
    assert_non_null(own);
    for (size_t s = 0; s < sizeof schemas / sizeof schemas[0]; s++) {
        struct fixture fixture;

        fixture_open(&fixture, schemas[s], &nothing);
        for (int round = 0; round < 400; round++) {
            struct slice list = random_products(&fixture);

            compare_products(&fixture, fixture.schema, list);
            compare_products(&fixture, own, list);
            if (round % 8 == 0)
                cut_products(&fixture, list);
            arena_reset(&fixture.arena);
        }
        fixture_close(&fixture);
    }
    schema_free(own);
    diag_fini(&diag);
}

/* A signal's data has canonical names, whatever the schema calls them. */
static void test_products_of_signals_have_canonical_names(void **state)
{
    struct event_products products;
    struct fixture fixture;

    (void)state;
    fixture_open(&fixture, "ga4", &nothing);
    event_products_open(
        &products,
        value_of_msgpack(
            fixture_message(&fixture, "[{'item_id': 5, 'product_id': 6, 'name': 'Tea'}]"),
            VALUE_RAW_PRODUCTS),
        fixture.schema, EVENT_NAMES_CANONICAL, &fixture.arena);
    assert_true(event_products_next(&products));
    assert_string_equal(fixture_show(&fixture, event_products_field(&products, EVENT_PRODUCT_ID)),
                        "'6'");
    assert_string_equal(fixture_show(&fixture, event_products_field(&products, EVENT_PRODUCT_NAME)),
                        "'Tea'");
    assert_int_equal(event_products_field(&products, EVENT_PRODUCT_PRICE).kind, VALUE_ABSENT);
    assert_false(event_products_next(&products));
    event_products_open(&products, value_int(1), fixture.schema, EVENT_NAMES_CANONICAL,
                        &fixture.arena);
    assert_false(event_products_next(&products));
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_found_by_their_canonical_names),
        cmocka_unit_test(test_what_is_no_map_has_no_keys),
        cmocka_unit_test(test_products_are_read_in_one_pass_as_key_by_key),
        cmocka_unit_test(test_products_of_signals_have_canonical_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
