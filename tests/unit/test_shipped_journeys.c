/* The tables of MACHINES.md: buyer, experience, loyalty, relationship, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

#define MACHINE(name) STAGECOACH_SOURCE_DIR "/config/machines/" name ".yaml"

static int run(const char *file, const struct scenario *table, size_t rows)
{
    struct scenario_world world;
    /* Never forgotten: some rows are about years of silence. */
    scenario_open_files(&world, &file, 1, 0);
    int failed = scenario_run_all(&world, table, rows);
    failed +=
        world.counters.guard_errors + world.counters.action_errors + world.counters.data_errors > 0;
    scenario_close(&world);
    return failed;
}

#define RUN(name, table)                                                                           \
    assert_int_equal(run(MACHINE(name), table, sizeof(table) / sizeof((table)[0])), 0)

#define ORDER(time, id) time " order_completed { order_id: " id " }\n"

/* clang-format off */
#define CONSIDERING "0s products_searched\n"
#define CONSIDERED "0s stage.changed awareness>consideration products_searched { considered: [], count: 0, time_in_state: 0 }\n"

static const struct scenario buyer[] = {
    {"awareness, second product_viewed: consideration", "0s product_viewed { product_id: A }\n 1m product_viewed { product_id: B }",
     "1m stage.changed awareness>consideration product_viewed { considered: [ A, B ], count: 2, time_in_state: 60000 }", "buyer=consideration"},
    {"awareness, one product_viewed: stays", "0s product_viewed { product_id: A }", NULL, "buyer=awareness"},
    {"awareness, product_added: consideration", "0s product_added { product_id: A }", "0s stage.changed awareness>consideration product_added { considered: [ A ] }", NULL},
    {"awareness, product_added_to_wishlist: consideration", "0s product_added_to_wishlist", "0s stage.changed awareness>consideration product_added_to_wishlist", NULL},
    {"awareness, checkout_started: consideration", "0s checkout_started", "0s stage.changed awareness>consideration checkout_started", NULL},
    {"awareness, an order: decision, buyer.decided, then stage.changed, then products forgotten", "0s product_viewed { product_id: A }\n" ORDER("1m", "o1") "2m product_viewed { product_id: B }\n" ORDER("3m", "o2"),
     "1m buyer.decided awareness>decision order_completed { considered: [ A ], count: 1, time_to_decide: 0 }\n 1m stage.changed awareness>decision order_completed { considered: [ A ], time_in_state: 60000 }\n"
     "3m buyer.decided decision>decision order_completed { considered: [ B ], count: 1, time_to_decide: 0 }", "buyer=decision"},
    {"consideration, an order: time_to_decide", CONSIDERING ORDER("1h", "o1"),
     CONSIDERED "1h buyer.decided consideration>decision order_completed { time_to_decide: 3600000 }\n 1h stage.changed consideration>decision order_completed { time_in_state: 3600000 }", "buyer=decision"},
    {"consideration, the same order as the last: nothing", CONSIDERING ORDER("1h", "o1") "8d sweep\n 8d products_searched\n" ORDER("9d", "o1"),
     CONSIDERED "1h buyer.decided consideration>decision order_completed\n 1h stage.changed consideration>decision order_completed\n"
     "7d1h stage.changed decision>awareness timer { count: 0 }\n 8d stage.changed awareness>consideration products_searched", "buyer=consideration"},
    {"consideration, idle 30d: buyer.gave_up, products forgotten", CONSIDERING "1d product_viewed { product_id: A }\n 31d sweep\n 32d products_searched",
     CONSIDERED "31d buyer.gave_up consideration>awareness timer { considered: [ A ], count: 1 }\n 31d stage.changed consideration>awareness timer { considered: [ A ], time_in_state: 2678400000 }\n"
     "32d stage.changed awareness>consideration products_searched { considered: [], count: 0 }", NULL},
    {"decision, after 7d: awareness, whatever happens between", ORDER("0s", "o1") "6d page_viewed\n 7d sweep",
     "0s buyer.decided awareness>decision order_completed\n 0s stage.changed awareness>decision order_completed\n 7d stage.changed decision>awareness timer", "buyer=awareness"},
    {"decision, entered anew: the 7 days begin anew, no change", ORDER("0s", "o1") ORDER("6d", "o2") "12d sweep",
     "0s buyer.decided awareness>decision order_completed\n 0s stage.changed awareness>decision order_completed\n 6d buyer.decided decision>decision order_completed", "buyer=decision"},
    {"32 products at most, in order of arrival", "0s product_viewed { products: [ { product_id: A }, { product_id: B }, { product_id: A } ] }\n 0s product_viewed { product_id: C }",
     "0s stage.changed awareness>consideration product_viewed { considered: [ A, B, C ], count: 3 }", NULL},
};

static const struct scenario experience[] = {
    {"awareness, second product_viewed: consideration, goal.reached", "0s product_viewed\n 1m product_viewed",
     "1m goal.reached awareness>consideration product_viewed { stage: awareness, after: 60000 }\n 1m stage.changed awareness>consideration product_viewed { time_in_state: 60000 }", "experience=consideration"},
    {"awareness, products_searched", "0s products_searched", "0s goal.reached awareness>consideration products_searched { stage: awareness, after: 0 }\n 0s stage.changed awareness>consideration products_searched", NULL},
    {"awareness, product_added", "0s product_added", "0s goal.reached awareness>consideration product_added\n 0s stage.changed awareness>consideration product_added", NULL},
    {"awareness, product_added_to_wishlist", "0s product_added_to_wishlist", "0s goal.reached awareness>consideration product_added_to_wishlist\n 0s stage.changed awareness>consideration product_added_to_wishlist", NULL},
    {"awareness, checkout_started: purchase", "0s checkout_started", "0s goal.reached awareness>purchase checkout_started { stage: awareness }\n 0s stage.changed awareness>purchase checkout_started", "experience=purchase"},
    {"awareness, payment_info_entered: purchase", "0s payment_info_entered", "0s goal.reached awareness>purchase payment_info_entered\n 0s stage.changed awareness>purchase payment_info_entered", NULL},
    {"consideration, checkout_started: purchase", "0s products_searched\n 1m checkout_started",
     "0s goal.reached awareness>consideration products_searched\n 0s stage.changed awareness>consideration products_searched\n 1m goal.reached consideration>purchase checkout_started { stage: consideration, after: 60000 }\n 1m stage.changed consideration>purchase checkout_started", NULL},
    {"awareness, an order: retention", ORDER("0s", "o1"), "0s goal.reached awareness>retention order_completed { stage: awareness }\n 0s stage.changed awareness>retention order_completed", "experience=retention"},
    {"purchase, an order: retention; the same again: nothing", "0s checkout_started\n" ORDER("1m", "o1") ORDER("2m", "o1"),
     "0s goal.reached awareness>purchase checkout_started\n 0s stage.changed awareness>purchase checkout_started\n 1m goal.reached purchase>retention order_completed { stage: purchase, after: 60000 }\n 1m stage.changed purchase>retention order_completed", NULL},
    {"awareness, after 14d: goal.missed; it may still be reached", "0s page_viewed\n 15d products_searched",
     "14d goal.missed awareness>awareness timer { stage: awareness, after: 1209600000 }\n 15d goal.reached awareness>consideration products_searched { after: 1296000000 }\n 15d stage.changed awareness>consideration products_searched", NULL},
    {"consideration, after 30d: goal.missed; idle 60d: awareness", "0s products_searched\n 70d sweep",
     "0s goal.reached awareness>consideration products_searched\n 0s stage.changed awareness>consideration products_searched\n 30d goal.missed consideration>consideration timer { stage: consideration }\n 60d stage.changed consideration>awareness timer", "experience=awareness"},
    {"purchase, idle 1d: consideration, goal.missed", "0s checkout_started\n 1d sweep",
     "0s goal.reached awareness>purchase checkout_started\n 0s stage.changed awareness>purchase checkout_started\n 1d goal.missed purchase>consideration timer { stage: purchase, after: 86400000 }\n 1d stage.changed purchase>consideration timer", NULL},
    {"retention, the first order since it was entered: goal.reached, once", ORDER("0s", "o1") ORDER("1d", "o2") ORDER("2d", "o3") "100d sweep",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d goal.reached retention>retention order_completed { stage: retention, after: 86400000 }", "experience=retention"},
    {"retention, after 90d without such an order: goal.missed; then an order reaches it still", ORDER("0s", "o1") "50d page_viewed\n" ORDER("100d", "o2"),
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 90d goal.missed retention>retention timer { stage: retention }\n 100d goal.reached retention>retention order_completed", NULL},
    {"retention, praise: advocacy", ORDER("0s", "o1") "1d product_reviewed { rating: 3 }\n 2d product_reviewed { rating: '4' }",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 2d stage.changed retention>advocacy product_reviewed", "experience=advocacy"},
    {"retention, nps 9: advocacy; nps 8, none: not", ORDER("0s", "o1") "1d nps_submitted { score: 8 }\n 1d nps_submitted\n 2d nps_submitted { score: 9 }",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 2d stage.changed retention>advocacy nps_submitted", NULL},
    {"advocacy, the first share since it was entered: goal.reached, once", ORDER("0s", "o1") "1d product_shared\n 2d referral_sent\n 3d product_shared",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d stage.changed retention>advocacy product_shared\n 2d goal.reached advocacy>advocacy referral_sent { stage: advocacy, after: 86400000 }", NULL},
    {"advocacy, after 180d without one: goal.missed", ORDER("0s", "o1") "1d product_shared\n 100d page_viewed\n 181d sweep",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d stage.changed retention>advocacy product_shared\n 181d goal.missed advocacy>advocacy timer", "experience=advocacy"},
    {"advocacy, 180d of silence: goal.missed, then awareness", ORDER("0s", "o1") "1d product_shared\n 181d sweep",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d stage.changed retention>advocacy product_shared\n 181d goal.missed advocacy>advocacy timer\n 181d stage.changed advocacy>awareness timer", "experience=awareness"},
    {"advocacy, a rating of 2: retention; 3, none: not", ORDER("0s", "o1") "1d product_shared\n 2d product_reviewed { rating: 3 }\n 2d product_reviewed\n 3d product_reviewed { rating: 2 }",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d stage.changed retention>advocacy product_shared\n 3d stage.changed advocacy>retention product_reviewed", NULL},
    {"advocacy, nps 6: retention", ORDER("0s", "o1") "1d product_shared\n 2d nps_submitted { score: 7 }\n 3d nps_submitted { score: 6 }",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d stage.changed retention>advocacy product_shared\n 3d stage.changed advocacy>retention nps_submitted", NULL},
    {"advocacy, csat 2: retention", ORDER("0s", "o1") "1d product_shared\n 2d csat_submitted { score: 3 }\n 3d csat_submitted { score: 2 }",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 1d stage.changed retention>advocacy product_shared\n 3d stage.changed advocacy>retention csat_submitted", NULL},
    {"retention, idle 180d: awareness", ORDER("0s", "o1") "180d sweep",
     "0s goal.reached awareness>retention order_completed\n 0s stage.changed awareness>retention order_completed\n 90d goal.missed retention>retention timer\n 180d stage.changed retention>awareness timer", "experience=awareness"},
};

#define TO_RETENTION ORDER("0s", "o1") ORDER("1d", "o2")
#define RETAINED "0s stage.changed awareness>decision order_completed { orders: 1 }\n 1d stage.changed decision>retention order_completed { orders: 2 }\n"
#define TO_LOYALTY TO_RETENTION ORDER("2d", "o3")
#define LOYAL RETAINED "2d stage.changed retention>loyalty order_completed { orders: 3 }\n"

static const struct scenario loyalty[] = {
    {"awareness, first interest: consideration; then an order: decision", "0s product_viewed\n 1s product_viewed\n" ORDER("1m", "o1"),
     "1s stage.changed awareness>consideration product_viewed { orders: 0 }\n 1m stage.changed consideration>decision order_completed { orders: 1 }", NULL},
    {"awareness, checkout_started: consideration", "0s checkout_started", "0s stage.changed awareness>consideration checkout_started", NULL},
    {"awareness, an order: decision; a second: retention", TO_RETENTION, RETAINED, "loyalty=retention"},
    {"decision, the same order again: nothing", ORDER("0s", "o1") ORDER("1d", "o1"), "0s stage.changed awareness>decision order_completed { orders: 1 }", "loyalty=decision"},
    {"decision, after 30d: retention", ORDER("0s", "o1") "30d sweep", "0s stage.changed awareness>decision order_completed\n 30d stage.changed decision>retention timer { orders: 1 }", NULL},
    {"retention, an order with recent >= 3: loyalty", TO_LOYALTY, LOYAL, "loyalty=loyalty"},
    {"retention, an order with fewer: stays", ORDER("0s", "o1") "30d sweep\n" ORDER("31d", "o2"), "0s stage.changed awareness>decision order_completed\n 30d stage.changed decision>retention timer", "loyalty=retention"},
    {"retention, praise with recent >= 2: loyalty", TO_RETENTION "2d product_reviewed { rating: 5 }", RETAINED "2d stage.changed retention>loyalty product_reviewed { orders: 2 }", NULL},
    {"retention, praise with recent 1: stays", ORDER("0s", "o1") "30d sweep\n 31d product_shared\n 31d nps_submitted { score: 10 }", "0s stage.changed awareness>decision order_completed\n 30d stage.changed decision>retention timer", "loyalty=retention"},
    {"retention, praise 180d after the last order: stays", TO_RETENTION "181d product_shared", RETAINED, "loyalty=retention"},
    {"retention, praise just before: loyalty, and it is lost at once after", TO_RETENTION "180d23h product_shared\n 182d sweep", RETAINED "180d23h stage.changed retention>loyalty product_shared\n 181d stage.changed loyalty>retention timer", "loyalty=retention"},
    {"retention, 364d after the last order: consideration", TO_RETENTION "300d page_viewed\n 365d sweep", RETAINED "365d stage.changed retention>consideration timer", "loyalty=consideration"},
    {"retention, a further order puts that off", ORDER("0s", "o1") "30d sweep\n" ORDER("100d", "o2") "463d sweep", "0s stage.changed awareness>decision order_completed\n 30d stage.changed decision>retention timer", "loyalty=retention"},
    {"loyalty, 90d after the last order: at_risk; 180d: retention", TO_LOYALTY "200d sweep", LOYAL "92d loyalty.at_risk loyalty>loyalty timer { orders: 3 }\n 182d stage.changed loyalty>retention timer { orders: 3 }", "loyalty=retention"},
    {"loyalty, an order: at_risk anew", TO_LOYALTY ORDER("80d", "o4") "171d sweep", LOYAL "170d loyalty.at_risk loyalty>loyalty timer { orders: 4 }", "loyalty=loyalty"},
    {"loyalty, nps 6: retention; a time that has passed when it is entered does not come", TO_LOYALTY "3d nps_submitted { score: 6 }", LOYAL "3d stage.changed loyalty>retention nps_submitted", NULL},
};

static const struct scenario relationship[] = {
    {"prospect, first interest: acquainted", "0s product_viewed\n 1s product_viewed", "1s stage.changed prospect>acquainted product_viewed { orders: 0 }", NULL},
    {"prospect, customer_identified: acquainted", "0s customer_identified", "0s stage.changed prospect>acquainted customer_identified", NULL},
    {"prospect, email_link_clicked: acquainted", "0s email_link_clicked", "0s stage.changed prospect>acquainted email_link_clicked", NULL},
    {"prospect, push_notification_tapped: acquainted", "0s push_notification_tapped", "0s stage.changed prospect>acquainted push_notification_tapped", NULL},
    {"prospect, product_shared: acquainted", "0s product_shared", "0s stage.changed prospect>acquainted product_shared", NULL},
    {"prospect, an order: close", ORDER("0s", "o1"), "0s stage.changed prospect>close order_completed { orders: 1 }", NULL},
    {"acquainted, an order: close", "0s product_added\n" ORDER("1m", "o1"), "0s stage.changed prospect>acquainted product_added\n 1m stage.changed acquainted>close order_completed", NULL},
    {"acquainted, unsubscribed: prospect", "0s product_added\n 1m unsubscribed", "0s stage.changed prospect>acquainted product_added\n 1m stage.changed acquainted>prospect unsubscribed", NULL},
    {"acquainted, idle 180d: prospect", "0s product_added\n 180d sweep", "0s stage.changed prospect>acquainted product_added\n 180d stage.changed acquainted>prospect timer", NULL},
    {"close, the third order: trusted", ORDER("0s", "o1") ORDER("1d", "o2") ORDER("2d", "o3"), "0s stage.changed prospect>close order_completed\n 2d stage.changed close>trusted order_completed { orders: 3 }", "relationship=trusted"},
    {"close, referral_sent: trusted", ORDER("0s", "o1") "1d referral_sent", "0s stage.changed prospect>close order_completed\n 1d stage.changed close>trusted referral_sent", NULL},
    {"close, 364d after the last order: acquainted", ORDER("0s", "o1") ORDER("5d", "o2") "300d page_viewed\n 369d sweep", "0s stage.changed prospect>close order_completed\n 369d stage.changed close>acquainted timer", NULL},
    {"close, the second complaint: acquainted, complaints forgotten", ORDER("0s", "o1") "1d order_refunded\n 2d csat_submitted { score: 2 }\n" ORDER("3d", "o2") "4d order_refunded",
     "0s stage.changed prospect>close order_completed\n 2d stage.changed close>acquainted csat_submitted\n 3d stage.changed acquainted>close order_completed", "relationship=close"},
    {"close, complaints: a rating of 2, nps 6, ces 3 are; 3, 7, 4 and none are not", ORDER("0s", "o1") "1d product_reviewed { rating: 3 }\n 1d nps_submitted { score: 7 }\n 1d ces_submitted { score: 4 }\n 1d csat_submitted\n 2d product_reviewed { rating: '2' }\n 3d ces_submitted { score: 3 }",
     "0s stage.changed prospect>close order_completed\n 3d stage.changed close>acquainted ces_submitted", NULL},
    {"close, complaints more than 13 weeks apart: stays", ORDER("0s", "o1") "1d order_refunded\n 100d order_refunded", "0s stage.changed prospect>close order_completed", "relationship=close"},
    {"a complaint before counts too", "0s order_refunded\n" ORDER("1d", "o1") "2d nps_submitted { score: 0 }", "1d stage.changed prospect>close order_completed\n 2d stage.changed close>acquainted nps_submitted", NULL},
    {"trusted, the second complaint: close", ORDER("0s", "o1") "1d referral_sent\n 2d order_refunded\n 3d order_refunded", "0s stage.changed prospect>close order_completed\n 1d stage.changed close>trusted referral_sent\n 3d stage.changed trusted>close order_refunded", NULL},
    {"trusted, festivals at 09:00 in Bangkok, with their names", ORDER("0s", "o1") "1d referral_sent\n 364d sweep",
     "0s stage.changed prospect>close order_completed\n 1d stage.changed close>trusted referral_sent\n 102d2h privilege.festival trusted>trusted timer { festival: songkran, orders: 1 }\n"
     "364d stage.changed trusted>close timer", NULL},
    {"trusted, 364d after the last order: close; 364d after that fall: acquainted", ORDER("0s", "o1") "1d referral_sent\n 800d sweep",
     "0s stage.changed prospect>close order_completed\n 1d stage.changed close>trusted referral_sent\n 102d2h privilege.festival trusted>trusted timer\n 364d stage.changed trusted>close timer\n 728d stage.changed close>acquainted timer", NULL},
    {"trusted, New Year too", ORDER("0s", "o1") "1d referral_sent\n" ORDER("300d", "o2") "366d sweep",
     "0s stage.changed prospect>close order_completed\n 1d stage.changed close>trusted referral_sent\n 102d2h privilege.festival trusted>trusted timer { festival: songkran }\n 365d2h privilege.festival trusted>trusted timer { festival: new_year }", NULL},
};
/* clang-format on */

static void test_buyer(void **state)
{
    (void)state;
    RUN("buyer", buyer);
}

static void test_experience(void **state)
{
    (void)state;
    RUN("experience", experience);
}

static void test_loyalty(void **state)
{
    (void)state;
    RUN("loyalty", loyalty);
}

static void test_relationship(void **state)
{
    (void)state;
    RUN("relationship", relationship);
}

/* Traits come with identify messages, whose properties are their traits; the timezone lies in the context. */
static void identify(struct scenario_world *world, int64_t time_ms, const char *traits)
{
    struct buf out;
    msgpack_packer packer;
    struct decoded decoded;
    buf_init(&out);
    msgpack_packer_init(&packer, &out, buf_pack_write);
    msgpack_pack_map(&packer, 4);
    scenario_pack_text(&packer, SLICE("userId"));
    scenario_pack_text(&packer, SLICE(SCENARIO_CUSTOMER));
    scenario_pack_text(&packer, SLICE("type"));
    scenario_pack_text(&packer, SLICE("identify"));
    scenario_pack_text(&packer, SLICE("timestamp"));
    msgpack_pack_int64(&packer, time_ms);
    scenario_pack_text(&packer, SLICE("traits"));
    struct yaml_file *file = scenario_yaml(traits);
    scenario_pack(&packer, yaml_root(file));
    yaml_free(file);
    struct slice message = arena_copy(&world->arena, buf_slice(&out));
    buf_fini(&out);
    decode_message(world->decoder, message, EVENT_NO_TIME, &world->arena, &decoded);
    assert_int_equal(decoded.count, 1);
    assert_true(slice_is(decoded.events[0].name, "customer_identified"));
    rules_step_event(&world->context, world->customer, &decoded.events[0]);
}

#define DAY INT64_C(86400000)

/* The first day of the month of birth, 09:00 by the customer's own clock. */
static void test_birthdays(void **state)
{
    struct scenario_world world;
    const char *file = MACHINE("relationship");
    (void)state;
    scenario_open_files(&world, &file, 1, 0);
    scenario_event(&world, SCENARIO_BEGIN, "order_completed", "{ order_id: o1 }");
    identify(&world, SCENARIO_BEGIN + DAY, "{ birthday: 1990-03-17, timezone: Europe/Berlin }");
    scenario_event(&world, SCENARIO_BEGIN + 2 * DAY, "referral_sent", "");
    /* A bad zone and no birthday: what is known stays. */
    identify(&world, SCENARIO_BEGIN + 3 * DAY, "{ timezone: Mars/Phobos, birthday: soon }");
    scenario_sweep(&world, SCENARIO_BEGIN + 60 * DAY);
    assert_true(scenario_check_signals(
        &world, "0s stage.changed prospect>close order_completed\n"
                "2d stage.changed close>trusted referral_sent\n"
                "59d8h privilege.birthday trusted>trusted timer { orders: 1 }"));
    /* Moved to Bangkok, and born in December after all. */
    identify(&world, SCENARIO_BEGIN + 61 * DAY, "{ birthday: 1990-12, timezone: Asia/Bangkok }");
    signal_list_reset(&world.signals);
    scenario_sweep(&world, SCENARIO_BEGIN + 340 * DAY);
    assert_true(scenario_check_signals(
        &world, "102d7h privilege.festival trusted>trusted timer { festival: songkran }\n"
                "334d2h privilege.birthday trusted>trusted timer"));
    scenario_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buyer),     cmocka_unit_test(test_experience),
        cmocka_unit_test(test_loyalty),   cmocka_unit_test(test_relationship),
        cmocka_unit_test(test_birthdays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
