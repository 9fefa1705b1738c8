/* DESIGN section 6, `lifecycle`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

static const char *const files[] = {STAGECOACH_SOURCE_DIR "/config/machines/lifecycle.yaml"};

#define ORDER(time, id) time " order_completed { order_id: " id " }\n"
#define BOUGHT          ORDER("0s", "o1")
#define IN_PURCHASE     "0s stage.changed awareness>purchase order_completed { time_in_state: 0 }\n"
#define IN_USAGE                                                                                   \
    IN_PURCHASE "1d stage.changed purchase>usage product_used { time_in_state: 86400000 }\n"
#define IN_REPURCHASE IN_PURCHASE "1d stage.changed purchase>repurchase order_completed\n"

/* clang-format off */
static const struct scenario rows[] = {
    {"awareness, first product_viewed: stays", "0s product_viewed", NULL, "lifecycle=awareness"},
    {"awareness, second product_viewed: evaluation, a product needs no id",
     "0s product_viewed\n 1m product_viewed", "1m stage.changed awareness>evaluation product_viewed { time_in_state: 60000 }", "lifecycle=evaluation"},
    {"a list counts once", "0s product_viewed { products: [ { product_id: A }, { product_id: B } ] }", NULL, "lifecycle=awareness"},
    {"awareness, products_searched: evaluation", "0s products_searched", "0s stage.changed awareness>evaluation products_searched { time_in_state: 0 }", NULL},
    {"awareness, product_added: evaluation", "0s product_added", "0s stage.changed awareness>evaluation product_added", NULL},
    {"awareness, product_added_to_wishlist: evaluation", "0s product_added_to_wishlist", "0s stage.changed awareness>evaluation product_added_to_wishlist", NULL},
    {"awareness, checkout_started: evaluation", "0s checkout_started", "0s stage.changed awareness>evaluation checkout_started", NULL},
    {"awareness, order_completed: purchase", BOUGHT, IN_PURCHASE, "lifecycle=purchase"},
    {"evaluation, order_completed: purchase",
     "0s product_added\n" ORDER("1h", "o1"), "0s stage.changed awareness>evaluation product_added\n 1h stage.changed evaluation>purchase order_completed { time_in_state: 3600000 }", "lifecycle=purchase"},
    {"evaluation, what it does not name: stays", "0s product_added\n 1d product_shared\n 2d order_delivered", "0s stage.changed awareness>evaluation product_added", "lifecycle=evaluation"},
    {"purchase, order_delivered: usage", BOUGHT "1d order_delivered", IN_PURCHASE "1d stage.changed purchase>usage order_delivered", NULL},
    {"purchase, product_used: usage", BOUGHT "1d product_used", IN_USAGE, NULL},
    {"purchase, support_contacted: usage", BOUGHT "1d support_contacted", IN_PURCHASE "1d stage.changed purchase>usage support_contacted", NULL},
    {"purchase, after 14d: usage, whatever happens between", BOUGHT "13d page_viewed\n 14d sweep", IN_PURCHASE "14d stage.changed purchase>usage timer { time_in_state: 1209600000 }", NULL},
    {"purchase, order_completed: repurchase", BOUGHT ORDER("1d", "o2"), IN_REPURCHASE, "lifecycle=repurchase"},
    {"purchase, the same order again: activity and nothing more", BOUGHT ORDER("1d", "o1"), IN_PURCHASE, "lifecycle=purchase"},
    {"purchase, an order without an id is always a new one", BOUGHT "1d order_completed", IN_REPURCHASE, NULL},
    {"an order without an id leaves the last id as it is",
     BOUGHT "1d order_completed\n" ORDER("2d", "o1") "100d sweep", IN_REPURCHASE "92d customer.lapsed repurchase>lapsed timer { orders: 2 }\n 92d stage.changed repurchase>lapsed timer", NULL},
    {"usage, order_completed: repurchase", BOUGHT "1d product_used\n" ORDER("2d", "o2"), IN_USAGE "2d stage.changed usage>repurchase order_completed", "lifecycle=repurchase"},
    {"usage, product_shared: advocacy", BOUGHT "1d product_used\n 2d product_shared", IN_USAGE "2d stage.changed usage>advocacy product_shared", NULL},
    {"usage, referral_sent: advocacy", BOUGHT "1d product_used\n 2d referral_sent", IN_USAGE "2d stage.changed usage>advocacy referral_sent", NULL},
    {"usage, product_reviewed with rating 4: advocacy", BOUGHT "1d product_used\n 2d product_reviewed { rating: 4 }", IN_USAGE "2d stage.changed usage>advocacy product_reviewed", NULL},
    {"usage, a rating in text is read", BOUGHT "1d product_used\n 2d product_reviewed { rating: '4.5' }", IN_USAGE "2d stage.changed usage>advocacy product_reviewed", NULL},
    {"usage, ratings below 4, missing, unreadable: stays",
     BOUGHT "1d product_used\n 2d product_reviewed { rating: 3.9 }\n +1s product_reviewed\n +1s product_reviewed { rating: good }\n +1s product_reviewed { rating: null }", IN_USAGE, "lifecycle=usage"},
    {"usage, nps_submitted with score 9: advocacy", BOUGHT "1d product_used\n 2d nps_submitted { score: 9 }", IN_USAGE "2d stage.changed usage>advocacy nps_submitted", NULL},
    {"usage, nps_submitted with score 8 or none: stays", BOUGHT "1d product_used\n 2d nps_submitted { score: 8 }\n +1s nps_submitted", IN_USAGE, "lifecycle=usage"},
    {"repurchase, product_shared: advocacy", BOUGHT ORDER("1d", "o2") "2d product_shared", IN_REPURCHASE "2d stage.changed repurchase>advocacy product_shared", NULL},
    {"repurchase, referral_sent: advocacy", BOUGHT ORDER("1d", "o2") "2d referral_sent", IN_REPURCHASE "2d stage.changed repurchase>advocacy referral_sent", NULL},
    {"repurchase, product_reviewed: advocacy", BOUGHT ORDER("1d", "o2") "2d product_reviewed { rating: 5 }", IN_REPURCHASE "2d stage.changed repurchase>advocacy product_reviewed", NULL},
    {"repurchase, nps_submitted: advocacy", BOUGHT ORDER("1d", "o2") "2d nps_submitted { score: 10 }", IN_REPURCHASE "2d stage.changed repurchase>advocacy nps_submitted", NULL},
    {"repurchase, a further order: stays", BOUGHT ORDER("1d", "o2") ORDER("2d", "o3"), IN_REPURCHASE, "lifecycle=repurchase"},
    {"usage, idle 90d: customer.lapsed, then stage.changed",
     BOUGHT "1d product_used\n 2d page_viewed\n 92d sweep", IN_USAGE "92d customer.lapsed usage>lapsed timer { orders: 1 }\n 92d stage.changed usage>lapsed timer { time_in_state: 7862400000 }", "lifecycle=lapsed"},
    {"purchase goes through usage before it lapses",
     BOUGHT "200d sweep", IN_PURCHASE "14d stage.changed purchase>usage timer\n 104d customer.lapsed usage>lapsed timer { orders: 1 }\n 104d stage.changed usage>lapsed timer", NULL},
    {"advocacy, idle 90d: lapsed",
     BOUGHT "1d product_used\n 2d product_shared\n 92d sweep", IN_USAGE "2d stage.changed usage>advocacy product_shared\n 92d customer.lapsed advocacy>lapsed timer { orders: 1 }\n 92d stage.changed advocacy>lapsed timer", NULL},
    {"advocacy, a further order: stays, and is counted",
     BOUGHT "1d product_used\n 2d product_shared\n" ORDER("3d", "o2") "93d sweep", IN_USAGE "2d stage.changed usage>advocacy product_shared\n 93d customer.lapsed advocacy>lapsed timer { orders: 2 }\n 93d stage.changed advocacy>lapsed timer", NULL},
    {"lapsed, order_completed: repurchase and customer.won_back, this one counted",
     BOUGHT ORDER("1d", "o2") ORDER("200d", "o3"), IN_REPURCHASE "91d customer.lapsed repurchase>lapsed timer { orders: 2 }\n 91d stage.changed repurchase>lapsed timer\n"
     "200d customer.won_back lapsed>repurchase order_completed { orders: 3 }\n 200d stage.changed lapsed>repurchase order_completed", "lifecycle=repurchase"},
    {"lapsed, the last order once more: stays",
     BOUGHT ORDER("1d", "o2") ORDER("200d", "o2"), IN_REPURCHASE "91d customer.lapsed repurchase>lapsed timer\n 91d stage.changed repurchase>lapsed timer", "lifecycle=lapsed"},
    {"lapsed, other events: stays",
     BOUGHT ORDER("1d", "o2") "200d product_viewed\n 201d product_added", IN_REPURCHASE "91d customer.lapsed repurchase>lapsed timer\n 91d stage.changed repurchase>lapsed timer", "lifecycle=lapsed"},
    {"order ids are text: 7 and '7' are one", "0s order_completed { order_id: 7 }\n 1d order_completed { order_id: '7' }", IN_PURCHASE, "lifecycle=purchase"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
