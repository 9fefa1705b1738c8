/* The rows of DESIGN section 6 for `cart`, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

static const char *const files[] = {STAGECOACH_SOURCE_DIR "/config/machines/cart.yaml"};

#define ADD_A                                                                                      \
    "0s product_added { product_id: A, name: Hat, price: 10, quantity: 2, currency: THB }\n"
#define ABANDON   ADD_A "30m sweep\n"
#define ABANDONED "30m cart.abandoned active>abandoned timer\n"

/* clang-format off */
static const struct scenario rows[] = {
    {"empty, product_added: active, item added",
     ADD_A "30m sweep",
     "30m cart.abandoned active>abandoned timer { items: [ { product_id: A, name: Hat, price: 10, quantity: 2 } ], value: 20, count: 1, currency: THB }",
     "cart=abandoned"},
    {"empty, product_added without any id: activity and nothing more",
     "0s product_added { price: 10 }\n 31m page_viewed", NULL, "cart=empty"},
    {"empty, product_added with an empty id: nothing more",
     "0s product_added { product_id: '', price: 10 }", NULL, "cart=empty"},
    {"empty, product_added with an id that is a number: text",
     "0s product_added { product_id: 17, price: 10 }\n 30m sweep",
     "30m cart.abandoned active>abandoned timer { items: [ { product_id: '17' } ] }", "cart=abandoned"},
    {"empty, product_added whose product_id is bad: the sku",
     "0s product_added { product_id: true, sku: S1, price: 10 }\n 30m sweep",
     "30m cart.abandoned active>abandoned timer { items: [ { product_id: S1 } ] }", "cart=abandoned"},
    {"empty, cart_viewed with products: active",
     "0s cart_viewed { products: [ { product_id: A, price: 5 } ] }", NULL, "cart=active"},
    {"empty, cart_viewed without products: stays",
     "0s cart_viewed", NULL, "cart=empty"},
    {"empty, cart_viewed with an empty list: stays",
     "0s cart_viewed { products: [] }", NULL, "cart=empty"},
    {"empty, cart_viewed with a list in which nothing has an id: stays",
     "0s cart_viewed { products: [ { price: 5 } ] }", NULL, "cart=empty"},
    {"empty, cart_updated with products: active",
     "0s cart_updated { products: [ { product_id: A } ] }", NULL, "cart=active"},
    {"empty, cart_updated with an empty list: stays",
     "0s cart_updated { products: [] }", NULL, "cart=empty"},
    {"empty, checkout_started: checkout",
     "0s checkout_started", NULL, "cart=checkout"},
    {"empty, checkout_started with products: checkout, a snapshot",
     "0s checkout_started { products: [ { product_id: A, price: 3, quantity: 2 }, { product_id: B, price: 4 } ] }\n 30m sweep",
     "30m checkout.abandoned checkout>abandoned timer { value: 10, count: 2 }", "cart=abandoned"},
    {"empty, what no row names: stays",
     "0s order_completed\n +1s payment_info_entered\n +1s checkout_step_viewed\n +1s product_removed { product_id: A }", NULL, "cart=empty"},
    {"active, product_added: same, item added",
     ADD_A "+1m product_added { product_id: B, price: 1 }\n +30m sweep",
     "31m cart.abandoned active>abandoned timer { value: 21, count: 2, items: [ { product_id: A }, { product_id: B, name: null, quantity: 1 } ] }", "cart=abandoned"},
    {"active, a product already in the cart: its quantity more, the new price, last in order",
     ADD_A "+1m product_added { product_id: B, price: 1 }\n +1m product_added { product_id: A, price: 11, quantity: 3 }\n +30m sweep",
     "32m cart.abandoned active>abandoned timer { value: 56, count: 2, items: [ { product_id: B }, { product_id: A, price: 11, quantity: 5, name: Hat } ] }", NULL},
    {"active, a product already in the cart, without a price: keeps it",
     ADD_A "+1m product_added { product_id: A }\n +30m sweep",
     "31m cart.abandoned active>abandoned timer { value: 30, items: [ { product_id: A, price: 10, quantity: 3 } ] }", NULL},
    {"active, product_added with a list: each of it; those without an id are left out",
     "0s product_added { product_id: X, products: [ { product_id: A, price: 1 }, { price: 9 }, { product_id: 7, price: 2, quantity: 2 } ] }\n 30m sweep",
     "30m cart.abandoned active>abandoned timer { value: 5, count: 2, items: [ { product_id: A }, { product_id: '7' } ] }", NULL},
    {"active, product_added with a list in which nothing has an id: the one product",
     "0s product_added { product_id: X, price: 3, products: [ { price: 9 } ] }\n 30m sweep",
     "30m cart.abandoned active>abandoned timer { value: 3, items: [ { product_id: X } ] }", NULL},
    {"quantity missing, unreadable, zero, negative: 1 on adding",
     "0s product_added { product_id: A, price: 1 }\n +1s product_added { product_id: B, price: 1, quantity: many }\n +1s product_added { product_id: C, price: 1, quantity: 0 }\n +1s product_added { product_id: D, price: 1, quantity: -2 }\n 1h sweep",
     "30m3s cart.abandoned active>abandoned timer { value: 4, count: 4, items: [ { quantity: 1 }, { quantity: 1 }, { quantity: 1 }, { quantity: 1 } ] }", NULL},
    {"quantity and price as text; a fraction stays as it is",
     "0s product_added { product_id: A, price: ' 9.90 ', quantity: '1.5' }\n 1h sweep",
     "30m cart.abandoned active>abandoned timer { value: 14.85, items: [ { price: 9.9, quantity: 1.5 } ] }", NULL},
    {"price unreadable: none, counted as 0",
     "0s product_added { product_id: A, price: cheap }\n 1h sweep",
     "30m cart.abandoned active>abandoned timer { value: 0, items: [ { price: null } ], currency: null }", NULL},
    {"active, product_removed: the whole line, empty when it was the last",
     ADD_A "+1m product_removed { product_id: A }", NULL, "cart=empty"},
    {"active, product_removed of one of two lines: same",
     ADD_A "+1m product_added { product_id: B, price: 1 }\n +1m product_removed { product_id: A }\n 1h sweep",
     "32m cart.abandoned active>abandoned timer { value: 1, count: 1 }", NULL},
    {"active, product_removed with a quantity: so many fewer",
     ADD_A "+1m product_removed { product_id: A, quantity: 1 }\n 1h sweep",
     "31m cart.abandoned active>abandoned timer { value: 10, count: 1 }", NULL},
    {"active, product_removed with as many as there are: gone",
     ADD_A "+1m product_removed { product_id: A, quantity: 2 }", NULL, "cart=empty"},
    {"active, product_removed with a quantity that can't be used: the whole line",
     ADD_A "+1m product_removed { product_id: A, quantity: 0 }", NULL, "cart=empty"},
    {"active, product_removed with a list: each of it",
     ADD_A "+1m product_added { product_id: B, price: 1 }\n +1m product_removed { products: [ { product_id: A }, { product_id: B } ] }", NULL, "cart=empty"},
    {"active, product_removed of a product that is not in the cart: nothing",
     ADD_A "+1m product_removed { product_id: Z }\n 1h sweep", "31m cart.abandoned active>abandoned timer { value: 20, currency: THB }", NULL},
    {"active, product_removed without any id: nothing",
     ADD_A "+1m product_removed\n 1h sweep", "31m cart.abandoned active>abandoned timer { value: 20 }", NULL},
    {"checkout, product_removed of the last line: empty",
     ADD_A "+1m checkout_started\n +1m product_removed { product_id: A }", NULL, "cart=empty"},
    {"abandoned, product_removed of the last line: empty, no signal",
     ABANDON "40m product_removed { product_id: A }", ABANDONED, "cart=empty"},
    {"abandoned, product_removed of one of two: same",
     ADD_A "0s product_added { product_id: B }\n 40m product_removed { product_id: A }", ABANDONED, "cart=abandoned"},
    {"active, checkout_started: checkout, no snapshot without products",
     ADD_A "+1m checkout_started\n 1h sweep", "31m checkout.abandoned checkout>abandoned timer { value: 20 }", "cart=abandoned"},
    {"active, checkout_step_viewed: checkout", ADD_A "+1m checkout_step_viewed", NULL, "cart=checkout"},
    {"active, payment_info_entered: checkout", ADD_A "+1m payment_info_entered", NULL, "cart=checkout"},
    {"checkout, the same events: same",
     ADD_A "+1m checkout_started\n +1m payment_info_entered\n +1m checkout_step_viewed\n +1m checkout_started\n 1h sweep",
     "34m checkout.abandoned checkout>abandoned timer", "cart=abandoned"},
    {"checkout_started with products replaces the lines",
     ADD_A "+1m checkout_started { products: [ { product_id: B, price: 7 } ], currency: USD }\n 1h sweep",
     "31m checkout.abandoned checkout>abandoned timer { value: 7, count: 1, currency: USD, items: [ { product_id: B } ] }", NULL},
    {"checkout, product_added: same, item added",
     ADD_A "+1m checkout_started\n +1m product_added { product_id: B, price: 1 }\n 1h sweep",
     "32m checkout.abandoned checkout>abandoned timer { value: 21 }", "cart=abandoned"},
    {"active, order_completed: empty, items cleared",
     ADD_A "+1m order_completed\n +1m product_added { product_id: B, price: 1 }\n 1h sweep",
     "32m cart.abandoned active>abandoned timer { value: 1, count: 1 }", NULL},
    {"checkout, order_completed: empty", ADD_A "+1m checkout_started\n +1m order_completed\n 2h sweep", NULL, "cart=empty"},
    {"active, cart_updated with an empty list: empty", ADD_A "+1m cart_updated { products: [] }\n 2h sweep", NULL, "cart=empty"},
    {"checkout, cart_updated with an empty list: empty", ADD_A "+1m checkout_started\n +1m cart_updated { products: [] }", NULL, "cart=empty"},
    {"abandoned, cart_updated with an empty list: empty, no signal", ABANDON "40m cart_updated { products: [] }", ABANDONED, "cart=empty"},
    {"active, cart_updated with a list in which nothing has an id: not given, same",
     ADD_A "+1m cart_updated { products: [ { price: 3 } ] }\n 1h sweep", "31m cart.abandoned active>abandoned timer { value: 20 }", NULL},
    {"active, cart_updated without products: same", ADD_A "+1m cart_updated\n", NULL, "cart=active"},
    {"active, cart_viewed with products: a snapshot",
     ADD_A "+1m cart_viewed { products: [ { product_id: A, price: 10, quantity: 1 }, { product_id: B, price: 2, quantity: 3 } ] }\n 1h sweep",
     "31m cart.abandoned active>abandoned timer { value: 16, count: 2 }", NULL},
    {"any event re-arms the idle timer", ADD_A "29m page_viewed\n 58m whatever_else\n 87m sweep", NULL, "cart=active"},
    {"active, idle 30m: to the millisecond at 30m", ADD_A "29m59s sweep\n", NULL, "cart=active"},
    {"abandoned, product_added: active, cart.resumed with the item",
     ABANDON "40m product_added { product_id: B, price: 1 }", ABANDONED "40m cart.resumed abandoned>active product_added { value: 21, count: 2 }", "cart=active"},
    {"abandoned, product_added without any id: nothing",
     ABANDON "40m product_added", ABANDONED, "cart=abandoned"},
    {"abandoned, cart_viewed: active, cart.resumed",
     ABANDON "40m cart_viewed", ABANDONED "40m cart.resumed abandoned>active cart_viewed { value: 20 }", "cart=active"},
    {"abandoned, cart_updated: active, cart.resumed with the new lines",
     ABANDON "40m cart_updated { products: [ { product_id: B, price: 4 } ] }", ABANDONED "40m cart.resumed abandoned>active cart_updated { value: 4, count: 1 }", "cart=active"},
    {"abandoned, checkout_started: checkout, cart.resumed",
     ABANDON "40m checkout_started", ABANDONED "40m cart.resumed abandoned>checkout checkout_started", "cart=checkout"},
    {"abandoned, checkout_step_viewed: checkout, cart.resumed",
     ABANDON "40m checkout_step_viewed", ABANDONED "40m cart.resumed abandoned>checkout checkout_step_viewed", "cart=checkout"},
    {"abandoned, payment_info_entered: checkout, cart.resumed",
     ABANDON "40m payment_info_entered", ABANDONED "40m cart.resumed abandoned>checkout payment_info_entered", "cart=checkout"},
    {"abandoned, order_completed whose time lies before: cart.retracted",
     ABANDON "20m order_completed", ABANDONED "30m cart.retracted abandoned>empty order_completed { value: 20, count: 1 }", "cart=empty"},
    {"abandoned, order_completed at the very time of the abandonment: recovered",
     ABANDON "30m order_completed", ABANDONED "30m cart.recovered abandoned>empty order_completed { abandoned_for: 0 }", "cart=empty"},
    {"abandoned, order_completed later: cart.recovered",
     ABANDON "1d order_completed", ABANDONED "1d cart.recovered abandoned>empty order_completed { abandoned_for: 84600000, value: 20 }", "cart=empty"},
    {"abandoned, an order with lines of its own: the cart's lines stay as they are",
     ABANDON "1d order_completed { order_id: o1, products: [ { product_id: Z, price: 1 } ] }", ABANDONED "1d cart.recovered abandoned>empty order_completed { value: 20, items: [ { product_id: A } ] }", "cart=empty"},
    {"abandoned, after 7d: cart.expired, items cleared",
     ABANDON "7d30m sweep\n 8d product_added { product_id: B, price: 1 }\n 9d sweep",
     ABANDONED "7d30m cart.expired abandoned>empty timer { value: 20, count: 1 }\n 8d30m cart.abandoned active>abandoned timer { value: 1 }", NULL},
    {"abandoned, activity does not put the 7 days off",
     ABANDON "6d page_viewed\n 8d sweep", ABANDONED "7d30m cart.expired abandoned>empty timer", "cart=empty"},
    {"an order later than that says nothing",
     ABANDON "8d order_completed", ABANDONED "7d30m cart.expired abandoned>empty timer", "cart=empty"},
    {"the currency of the last event that changed the lines",
     ADD_A "+1m product_added { product_id: B, price: 1, currency: USD }\n 1h sweep",
     "31m cart.abandoned active>abandoned timer { currency: USD }", NULL},
};
/* clang-format on */

static void test_rows(void **state)
{
    struct scenario_world world;
    (void)state;
    scenario_open_files(&world, files, 1, INT64_C(400) * 86400000);
    int failed = scenario_run_all(&world, rows, sizeof(rows) / sizeof(rows[0]));
    failed +=
        world.counters.guard_errors + world.counters.action_errors + world.counters.data_errors > 0;
    scenario_close(&world);
    assert_int_equal(failed, 0);
}

/* The cart holds 256 lines: the oldest goes, and is counted. */
static void test_the_oldest_line_goes(void **state)
{
    struct scenario_world world;
    char properties[64];
    (void)state;
    scenario_open_files(&world, files, 1, INT64_C(400) * 86400000);
    for (int i = 0; i < 258; i++) {
        snprintf(properties, sizeof(properties), "{ product_id: p%d, price: 1 }", i);
        scenario_event(&world, SCENARIO_BEGIN, "product_added", properties);
    }
    scenario_sweep(&world, SCENARIO_BEGIN + 3600000);
    assert_int_equal(world.counters.overflows, 2);
    assert_true(scenario_check_signals(
        &world, "30m cart.abandoned active>abandoned timer { count: 256, value: 256 }"));
    scenario_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_the_oldest_line_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
