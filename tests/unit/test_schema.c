/*
 * Schema files: what is shipped says what EVENTS.md says, and what is wrong in others is reported where it stands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/names.h"
#include "consumer/schema.h"

#define SCHEMAS STAGECOACH_SOURCE_DIR "/config/schemas/"

static const char *const shipped[] = {
    "segment", "rees46", "retailrocket", "taobao", "otto", "ga4", "snowplow", "braze",
};
#define SHIPPED_COUNT (sizeof shipped / sizeof shipped[0])

static struct schema *load(const char *name)
{
    char path[1024];
    struct schema *schema;
    struct diag diag;

    snprintf(path, sizeof path, SCHEMAS "%s.yaml", name);
    diag_init(&diag);
    schema = schema_load(path, &diag);
    diag_print(&diag, stderr);
    assert_int_equal(diag.count, 0);
    diag_fini(&diag);
    assert_non_null(schema);
    return schema;
}

static void test_shipped_schemas_load_and_are_named_as_their_files(void **state)
{
    uint64_t hashes[SHIPPED_COUNT];

    (void)state;
    for (size_t i = 0; i < SHIPPED_COUNT; i++) {
        struct schema *schema = load(shipped[i]);

        assert_true(slice_is(schema_name(schema), shipped[i]));
        hashes[i] = schema_hash(schema);
        for (size_t j = 0; j < i; j++)
            assert_true(hashes[i] != hashes[j]);
        schema_free(schema);
    }
}

/* ---- names ---- */

struct name_row {
    const char *schema, *wire, *want;
};

static const struct name_row name_rows[] = {
    /* The rows of EVENTS.md, by schema. */
    {"segment", "Products Searched", "products_searched"},
    {"segment", "Product List Viewed", "product_list_viewed"},
    {"segment", "Product List Filtered", "product_list_viewed"},
    {"segment", "Viewed Product Category", "product_list_viewed"},
    {"segment", "Product Clicked", "product_clicked"},
    {"segment", "Clicked Product", "product_clicked"},
    {"segment", "Viewed Product", "product_viewed"},
    {"segment", "Viewed Promotion", "promotion_viewed"},
    {"segment", "Clicked Promotion", "promotion_clicked"},
    {"segment", "Added Product", "product_added"},
    {"segment", "Removed Product", "product_removed"},
    {"segment", "Completed Order", "order_completed"},
    {"segment", "Updated Order", "order_updated"},
    {"segment", "Product Added to Wishlist", "product_added_to_wishlist"},
    {"segment", "Wishlist Product Added to Cart", "wishlist_product_added_to_cart"},
    {"segment", "Coupon Denied", "coupon_denied"},
    {"segment", "Push Notification Tapped", "push_notification_tapped"},
    {"segment", "view", "view"},
    {"segment", "purchase", "purchase"},
    {"ga4", "search", "products_searched"},
    {"ga4", "view_search_results", "products_searched"},
    {"ga4", "view_item_list", "product_list_viewed"},
    {"ga4", "select_item", "product_clicked"},
    {"ga4", "view_item", "product_viewed"},
    {"ga4", "view_promotion", "promotion_viewed"},
    {"ga4", "select_promotion", "promotion_clicked"},
    {"ga4", "add_to_cart", "product_added"},
    {"ga4", "ADDTOCART", "product_added"},
    {"ga4", "remove_from_cart", "product_removed"},
    {"ga4", "view_cart", "cart_viewed"},
    {"ga4", "begin_checkout", "checkout_started"},
    {"ga4", "add_shipping_info", "checkout_step_completed"},
    {"ga4", "add_payment_info", "payment_info_entered"},
    {"ga4", "purchase", "order_completed"},
    {"ga4", "refund", "order_refunded"},
    {"ga4", "add_to_wishlist", "product_added_to_wishlist"},
    {"ga4", "share", "product_shared"},
    {"snowplow", "list_view", "product_list_viewed"},
    {"snowplow", "list_click", "product_clicked"},
    {"snowplow", "product_view", "product_viewed"},
    {"snowplow", "promo_view", "promotion_viewed"},
    {"snowplow", "promo_click", "promotion_clicked"},
    {"snowplow", "add_to_cart", "product_added"},
    {"snowplow", "remove_from_cart", "product_removed"},
    {"snowplow", "checkout_step", "checkout_step_viewed"},
    {"snowplow", "trns_error", "payment_failed"},
    {"snowplow", "transaction", "order_completed"},
    {"snowplow", "refund", "order_refunded"},
    {"braze", "ecommerce.product_viewed", "product_viewed"},
    {"braze", "ecommerce.cart_updated", "cart_updated"},
    {"braze", "ecommerce.checkout_started", "checkout_started"},
    {"braze", "ecommerce.order_placed", "order_completed"},
    {"braze", "ecommerce.order_cancelled", "order_cancelled"},
    {"braze", "ecommerce.order_refunded", "order_refunded"},
    {"rees46", "view", "product_viewed"},
    {"rees46", "cart", "product_added"},
    {"rees46", "remove_from_cart", "product_removed"},
    {"rees46", "purchase", "order_completed"},
    {"retailrocket", "view", "product_viewed"},
    {"retailrocket", "addtocart", "product_added"},
    {"retailrocket", "transaction", "order_completed"},
    {"taobao", "pv", "product_viewed"},
    {"taobao", "cart", "product_added"},
    {"taobao", "fav", "product_added_to_wishlist"},
    {"taobao", "buy", "order_completed"},
    {"otto", "clicks", "product_viewed"},
    {"otto", "carts", "product_added"},
    {"otto", "orders", "order_completed"},
    /* Every schema also knows the canonical names and Segment's. */
    {"otto", "order_completed", "order_completed"},
    {"otto", "Order Completed", "order_completed"},
    {"otto", "Completed Order", "order_completed"},
    {"ga4", "product_viewed", "product_viewed"},
    {"rees46", "customer_forgotten", "customer_forgotten"},
    {"rees46", "CUSTOMER FORGOTTEN", "customer_forgotten"},
    /* What is mapped nowhere is snake_cased. */
    {"segment", "Something Else", "something_else"},
    {"segment", "somethingElse", "something_else"},
    {"segment", "HTTPServer", "httpserver"},
    {"segment", "order2Shipped", "order2shipped"},
    {"segment", "a  --  b", "a_b"},
    {"segment", "$weird!", "_weird_"},
    {"segment", "a_B", "a_b"},
    {"segment", "__a__", "_a_"},
    {"segment", "!!!", "_"},
    {"segment", "ซื้อ Now", "ซื้อ_now"},
    {"segment", "ÉtéChaud", "Étéchaud"},
    {"segment", "\x01\x7f x", "_x"},
};

static void test_wire_names_are_mapped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof name_rows / sizeof name_rows[0]; i++) {
        struct schema *schema = load(name_rows[i].schema);
        struct arena arena;
        struct slice got;

        arena_init(&arena);
        got = schema_event_name(schema, slice_of(name_rows[i].wire), &arena);
        if (!slice_is(got, name_rows[i].want))
            fail_msg("%s, %s: `%.*s` instead of `%s`", name_rows[i].schema, name_rows[i].wire,
                     (int)got.size, got.data, name_rows[i].want);
        arena_fini(&arena);
        schema_free(schema);
    }
}

/* Every canonical name is what each schema makes of itself. */
static void test_canonical_names_stand_for_themselves(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHIPPED_COUNT; s++) {
        struct schema *schema = load(shipped[s]);
        struct arena arena;

        arena_init(&arena);
        for (size_t i = 0; i < names_builtin_count; i++) {
            struct slice name = slice_of(names_builtin[i].canonical);

            assert_true(slice_equal(names_snake_case(name, &arena), name));
            assert_true(slice_equal(schema_event_name(schema, name, &arena), name));
        }
        arena_fini(&arena);
        schema_free(schema);
    }
}

/* What a generator writes is read back as what it meant. */
static void test_names_that_are_written_are_read_back(void **state)
{
    struct schema *segment = load("segment"), *ga4 = load("ga4");

    (void)state;
    for (size_t i = 0; i < names_builtin_count; i++) {
        struct slice name = slice_of(names_builtin[i].canonical);
        struct arena arena;

        arena_init(&arena);
        assert_true(slice_equal(
            schema_event_name(segment, schema_wire_event(segment, name), &arena), name));
        assert_true(
            slice_equal(schema_event_name(ga4, schema_wire_event(ga4, name), &arena), name));
        arena_fini(&arena);
    }
    assert_true(slice_is(schema_wire_event(segment, SLICE("order_completed")), "Order Completed"));
    assert_true(slice_is(schema_wire_event(ga4, SLICE("order_completed")), "purchase"));
    assert_true(slice_is(schema_wire_event(ga4, SLICE("liked")), "liked"));
    assert_true(slice_is(schema_wire_event(ga4, SLICE("product_id")), "item_id"));
    assert_true(slice_is(schema_wire_event(segment, SLICE("value")), "value"));
    assert_true(slice_is(schema_wire_event(segment, SLICE("channel")), "channel"));
    assert_true(slice_is(schema_wire_event(segment, SLICE("birthday")), "birthday"));
    schema_free(segment);
    schema_free(ga4);
}

/* ---- files with mistakes ---- */

#define GOOD "schema: mine\ncustomer: who\nname: what\nproperties: .\n"

struct error_row {
    const char *text;
    const char *want; /* LINE:COLUMN: beginning of what is said, one a line */
};

static const struct error_row error_rows[] = {
    {"[]", "1:1: must be a map"},
    {"schema: mine\n",
     "1:1: `customer` is missing\n1:1: `name` is missing\n1:1: `properties` is missing\n"},
    {GOOD "custommer: x\n", "5:1: unknown key `custommer`, did you mean `customer`?"},
    {GOOD "zzzzzzzz: x\n", "5:1: unknown key `zzzzzzzz` of a schema"},
    {GOOD "schema: mine\n", "5:1: "},
    {GOOD "id: []\n", "5:5: must be a text or a list of 1 to 8 texts"},
    {GOOD "id: {a: b}\n", "5:5: must be a text or a list of 1 to 8 texts"},
    {GOOD "id: [a, [b]]\n", "5:9: must be a text"},
    {GOOD "id: a..b\n", "5:5: a key is missing"},
    {GOOD "id: ''\n", "5:5: a key is missing"},
    {GOOD "id: /\n", "5:5: a key is missing"},
    {GOOD "id: 'a[x]'\n", "5:5: an index is digits"},
    {GOOD "id: 'a[1'\n", "5:5: an index is digits"},
    {GOOD "id: 'a[5000]'\n", "5:5: an index is at most 1000"},
    {GOOD "id: 'a[1]b'\n", "5:5: after an index comes"},
    {GOOD "id: a.b.c.d.e.f.g.h.i\n", "5:5: a path has at most 8 steps"},
    {GOOD "id: '{a}'\n", "5:5: `{` and `}` are for composed properties only"},
    {GOOD "id: .\n", "5:5: `.` is for `properties` only"},
    {GOOD "events: .\n", "5:9: `.` is for `properties` only"},
    {GOOD "events: [a]\n", "5:9: must be a path"},
    {GOOD "time: { path: a }\n", "5:7: `paths` is missing\n5:9: must be paths, unit or zone\n"},
    {GOOD "time: { paths: a, unit: h }\n", "5:25: must be ms, us or s"},
    {GOOD "time: { paths: a, zone: Z }\n", "5:25: must be required, utc_word or utc"},
    {GOOD "type: kind\n", "5:7: must be a map with `path` and `values`"},
    {GOOD "type: { path: kind }\n", "5:7: needs `path` and `values`"},
    {GOOD "type: { path: kind, values: { a: b } }\n", "5:34: must be a map with `name`"},
    {GOOD "type: { path: kind, values: { a: { propertis: b } } }\n",
     "5:34: `name` is missing\n5:36: must be name or properties\n"},
    {GOOD "type: { path: kind, values: { a: { name: Page Viewed } } }\n",
     "5:42: a canonical name is written in snake_case: `page_viewed`"},
    {GOOD "type: { path: kind, values: { '': { name: a } } }\n",
     "5:31: a type is a text of at least"},
    {GOOD "fields: [a]\n", "5:9: must be a map of property names to paths"},
    {GOOD "fields: { productId: a }\n", "5:11: a canonical name is written in snake_case: "
                                        "`product_id`"},
    {GOOD "fields: { a: '{b' }\n", "5:14: `{` without `}`"},
    {GOOD "fields: { a: '{b}{c}{d}{e}{f}' }\n", "5:14: a composed text has at most 4 paths"},
    {GOOD "fields: { a: '{b..c}' }\n", "5:14: a key is missing"},
    {GOOD "fields: { a: . }\n", "5:14: `.` is the map itself"},
    {GOOD "fields: { a: '{.}:{b}' }\n", "5:14: `.` is the map itself"},
    {GOOD "names: [a]\n", "5:8: must be a map of event names"},
    {GOOD "names: { Order Completed: x }\n", "5:10: a canonical name is written in snake_case"},
    {GOOD "names: { order_completed: '!?' }\n", "5:27: a name needs ASCII letters or digits"},
    {GOOD "names:\n  a_b: [x, y]\n  c_d: [z, 'X']\n", "7:12: this name already means `a_b`"},
};

/* The mistakes as `LINE:COLUMN: what`, one a line. */
static char *mistakes_of(const char *text)
{
    char *all = NULL, *found;
    struct schema *schema;
    struct diag diag;
    size_t size = 0;
    FILE *out;

    diag_init(&diag);
    schema = schema_parse("F", slice_of(text), &diag);
    assert_int_equal(schema == NULL, diag.error_count > 0);
    out = open_memstream(&all, &size);
    diag_print(&diag, out);
    fclose(out);
    diag_fini(&diag);
    schema_free(schema);
    /* Without the file's name. */
    found = calloc(size + 1, 1);
    for (char *line = strtok(all, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_memory_equal(line, "F:", 2);
        strcat(found, line + 2);
        strcat(found, "\n");
    }
    free(all);
    return found;
}

static void test_mistakes_are_reported_where_they_stand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof error_rows / sizeof error_rows[0]; i++) {
        char *found = mistakes_of(error_rows[i].text);
        char *want = strdup(error_rows[i].want);
        const char *at = found;

        for (char *line = strtok(want, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            if (strncmp(at, line, strlen(line)) != 0)
                fail_msg("%s gives\n%sinstead of\n%s", error_rows[i].text, found,
                         error_rows[i].want);
            at += strcspn(at, "\n") + 1;
        }
        if (*at != '\0')
            fail_msg("%s also gives\n%s", error_rows[i].text, at);
        free(want);
        free(found);
    }
}

static void test_a_good_file_has_no_mistakes(void **state)
{
    char *found = mistakes_of(GOOD);

    (void)state;
    assert_string_equal(found, "");
    free(found);
}

/* A journal keeps a schema's bytes; they give the same schema again. */
static void test_a_schema_is_what_its_source_says(void **state)
{
    struct schema *schema = load("ga4"), *again;
    struct diag diag;

    (void)state;
    diag_init(&diag);
    again = schema_parse("journal", schema_source(schema), &diag);
    assert_int_equal(diag.count, 0);
    assert_non_null(again);
    assert_true(schema_hash(again) == schema_hash(schema));
    assert_true(slice_equal(schema_name(again), schema_name(schema)));
    assert_true(slice_equal(schema_wire_event(again, SLICE("order_completed")),
                            schema_wire_event(schema, SLICE("order_completed"))));
    schema_free(again);
    schema_free(schema);
    diag_fini(&diag);
}

/* The file that the documentation shows. */
static void test_the_documented_schema_loads(void **state)
{
    FILE *file = fopen(STAGECOACH_SOURCE_DIR "/docs/wire-formats.md", "r");
    static char text[1 << 16];
    char *begin, *end, *mistakes;

    (void)state;
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    begin = strstr(text, "```yaml\n");
    assert_non_null(begin);
    begin += strlen("```yaml\n");
    end = strstr(begin, "```");
    assert_non_null(end);
    *end = '\0';
    mistakes = mistakes_of(begin);
    assert_string_equal(mistakes, "");
    free(mistakes);
}

static void test_a_file_that_is_not_there_is_an_error(void **state)
{
    struct diag diag;

    (void)state;
    diag_init(&diag);
    assert_null(schema_load(SCHEMAS "nowhere.yaml", &diag));
    assert_int_equal(diag.error_count, 1);
    diag_fini(&diag);
    schema_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped_schemas_load_and_are_named_as_their_files),
        cmocka_unit_test(test_wire_names_are_mapped),
        cmocka_unit_test(test_canonical_names_stand_for_themselves),
        cmocka_unit_test(test_names_that_are_written_are_read_back),
        cmocka_unit_test(test_mistakes_are_reported_where_they_stand),
        cmocka_unit_test(test_a_good_file_has_no_mistakes),
        cmocka_unit_test(test_a_schema_is_what_its_source_says),
        cmocka_unit_test(test_the_documented_schema_loads),
        cmocka_unit_test(test_a_file_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
