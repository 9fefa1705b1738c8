/* The tables of MACHINES.md: friction and touchpoints, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

static int run(const char *file, const struct scenario *table, size_t rows)
{
    struct scenario_world world;
    scenario_open_files(&world, &file, 1, INT64_C(400) * 86400000);
    int failed = scenario_run_all(&world, table, rows);
    failed +=
        world.counters.guard_errors + world.counters.action_errors + world.counters.data_errors > 0;
    scenario_close(&world);
    return failed;
}

#define RUN(name, table)                                                                           \
    assert_int_equal(run(STAGECOACH_SOURCE_DIR "/config/machines/" name ".yaml", table,            \
                         sizeof(table) / sizeof((table)[0])),                                      \
                     0)

#define CLICK(time)          time " element_clicked { element: buy }\n"
#define FELT(time, event)    time " friction.detected smooth>hampered " event
#define CHANGED(time, event) "\n" time " stage.changed smooth>hampered " event "\n"
#define AGAIN(time, event)   time " friction.detected hampered>hampered " event

/* clang-format off */
static const struct scenario friction[] = {
    {"third click on the same element, each within 1 s of the one before", CLICK("0s") CLICK("1s") CLICK("2s"),
     FELT("2s", "element_clicked { kind: rage_click, touchpoint: site, detail: buy }") CHANGED("2s", "element_clicked { time_in_state: 2000 }"), "friction=hampered"},
    {"too slow: not", CLICK("0s") CLICK("2s") CLICK("3s"), NULL, "friction=smooth"},
    {"slow, then three quick ones", CLICK("0s") CLICK("2s") CLICK("3s") CLICK("4s"), FELT("4s", "element_clicked") CHANGED("4s", "element_clicked"), NULL},
    {"another element between: not the same", CLICK("0s") CLICK("0s") "0s element_clicked { element: x }\n" CLICK("1s") CLICK("1s"), NULL, "friction=smooth"},
    {"without an element: not", "0s element_clicked\n 0s element_clicked\n 0s element_clicked", NULL, "friction=smooth"},
    {"once per element and session", CLICK("0s") CLICK("0s") CLICK("0s") CLICK("1s") CLICK("10s") CLICK("10s") CLICK("10s"), FELT("0s", "element_clicked") CHANGED("0s", "element_clicked"), NULL},
    {"again in the next session", CLICK("0s") CLICK("0s") CLICK("0s") "31m page_viewed\n" CLICK("31m") CLICK("31m") CLICK("31m"),
     FELT("0s", "element_clicked") CHANGED("0s", "element_clicked") "30m stage.changed hampered>smooth timer\n" FELT("31m", "element_clicked") CHANGED("31m", "element_clicked"), NULL},
    {"rage_clicked at once, with element", "0s rage_clicked { element: buy, page: /cart }", FELT("0s", "rage_clicked { kind: rage_click, detail: buy }") CHANGED("0s", "rage_clicked"), NULL},
    {"rage_clicked without: its page; once each", "0s rage_clicked { page: /cart }\n 1s rage_clicked { page: /cart }\n 2s rage_clicked { page: /home }",
     FELT("0s", "rage_clicked { detail: /cart }") CHANGED("0s", "rage_clicked") AGAIN("2s", "rage_clicked { detail: /home }"), NULL},
    {"a rage click of an element that was clicked in rage: once", CLICK("0s") CLICK("0s") CLICK("0s") "1s rage_clicked { element: buy }", FELT("0s", "element_clicked") CHANGED("0s", "element_clicked"), NULL},
    {"third error_shown, once per session", "0s error_shown\n 1m error_shown\n 2m error_shown { message: Oh }\n 3m error_shown\n 4m error_shown",
     FELT("2m", "error_shown { kind: errors, touchpoint: site, detail: Oh }") CHANGED("2m", "error_shown"), NULL},
    {"errors of two sessions do not add up", "0s error_shown\n 1m error_shown\n 32m error_shown\n", NULL, "friction=smooth"},
    {"payment_failed, once per order or session", "0s payment_failed { reason: card }\n 1m payment_failed\n 2m order_completed\n 3m payment_failed",
     FELT("0s", "payment_failed { kind: payment_failed, touchpoint: payment, detail: card }") CHANGED("0s", "payment_failed") "2m stage.changed hampered>smooth order_completed\n" FELT("3m", "payment_failed { detail: '' }") CHANGED("3m", "payment_failed"), NULL},
    {"payment_failed again after a session", "0s payment_failed\n 31m payment_failed", FELT("0s", "payment_failed") CHANGED("0s", "payment_failed") "30m stage.changed hampered>smooth timer\n" FELT("31m", "payment_failed") CHANGED("31m", "payment_failed"), NULL},
    {"second coupon_denied, over sessions, once", "0s coupon_denied { coupon: A }\n 1h coupon_denied { coupon: B }\n 2h coupon_denied",
     FELT("1h", "coupon_denied { kind: coupon_denied, touchpoint: coupon, detail: B }") CHANGED("1h", "coupon_denied") "1h30m stage.changed hampered>smooth timer", NULL},
    {"coupons begin anew with an order", "0s coupon_denied\n 1h order_completed\n 2h coupon_denied", NULL, "friction=smooth"},
    {"coupons begin anew after 7 d of silence", "0s coupon_denied\n 7d coupon_denied", NULL, "friction=smooth"},
    {"just less than 7 d is not enough", "0s coupon_denied\n 6d23h45m coupon_denied", FELT("6d23h45m", "coupon_denied") CHANGED("6d23h45m", "coupon_denied"), NULL},
    {"a sign of life breaks the silence", "0s coupon_denied\n 6d page_viewed\n 12d coupon_denied", FELT("12d", "coupon_denied") CHANGED("12d", "coupon_denied"), NULL},
    {"7 d of silence count from the last event, not from being smooth again", "0s coupon_denied\n 1s payment_failed\n 7d2s coupon_denied",
     FELT("1s", "payment_failed") CHANGED("1s", "payment_failed") "1801s stage.changed hampered>smooth timer", NULL},
    {"and just less is not enough there either", "0s coupon_denied\n 1s payment_failed\n 7d coupon_denied",
     FELT("1s", "payment_failed") CHANGED("1s", "payment_failed") "1801s stage.changed hampered>smooth timer\n" FELT("7d", "coupon_denied") CHANGED("7d", "coupon_denied"), NULL},
    {"third checkout_step_viewed with the same step, in any order", "0s checkout_step_viewed { step: 1 }\n 1s checkout_step_viewed { step: 2 }\n 2s checkout_step_viewed { step: 1 }\n 3s checkout_step_viewed { step: '1' }\n 4s checkout_step_viewed { step: 1 }",
     FELT("3s", "checkout_step_viewed { kind: checkout_step, touchpoint: checkout, detail: '1' }") CHANGED("3s", "checkout_step_viewed"), NULL},
    {"steps begin anew with an order", "0s checkout_step_viewed { step: 1 }\n 1s checkout_step_viewed { step: 1 }\n 2s order_completed\n 3s checkout_step_viewed { step: 1 }", NULL, "friction=smooth"},
    {"a step that is missing does not count", "0s checkout_step_viewed\n 0s checkout_step_viewed\n 0s checkout_step_viewed", NULL, "friction=smooth"},
    {"third search without a result; one without `results` does not count; with results counts anew",
     "0s products_searched { results: 0 }\n 1s products_searched\n 2s products_searched { results: '0' }\n 3s products_searched { results: 0, query: hat }\n 4s products_searched { results: 0 }\n"
     "5s products_searched { results: 4 }\n 6s products_searched { results: 0 }\n 7s products_searched { results: 0 }\n 8s products_searched { results: 0 }",
     FELT("3s", "products_searched { kind: empty_search, touchpoint: search, detail: hat }") CHANGED("3s", "products_searched") AGAIN("8s", "products_searched { detail: '' }"), NULL},
    {"csat 2, each time", "0s csat_submitted { score: 2 }\n 1s csat_submitted { score: '1', touchpoint: delivery }\n 2s csat_submitted { score: 3 }\n 3s csat_submitted",
     FELT("0s", "csat_submitted { kind: csat, touchpoint: survey, detail: '2' }") CHANGED("0s", "csat_submitted") AGAIN("1s", "csat_submitted { touchpoint: delivery, detail: '1' }"), NULL},
    {"ces 3", "0s ces_submitted { score: 4 }\n 1s ces_submitted { score: 3 }", FELT("1s", "ces_submitted { kind: ces, touchpoint: survey, detail: '3' }") CHANGED("1s", "ces_submitted"), NULL},
    {"hampered, idle 30m: smooth", "0s payment_failed\n 30m sweep", FELT("0s", "payment_failed") CHANGED("0s", "payment_failed") "30m stage.changed hampered>smooth timer", "friction=smooth"},
    {"an order in smooth: entered anew, nothing said", "0s order_completed", NULL, "friction=smooth"},
    {"the same order again is none", "0s order_completed { order_id: o1 }\n 1s payment_failed\n 2s order_completed { order_id: o1 }", FELT("1s", "payment_failed") CHANGED("1s", "payment_failed"), "friction=hampered"},
};

/* 2026-01-01T00:00Z is 07:00 in Bangkok. */
static const struct scenario touchpoints[] = {
    {"impressions by channel", "0s email_delivered\n 1s push_notification_received\n 2s screen_viewed\n 3s page_viewed\n 4s promotion_viewed { channel: line }\n 5s product_list_viewed\n 6s liked\n 7s liked\n 8s liked",
     "8s touchpoint.preferred unknown>known liked { channel: web, hour: 7, reach: [ email, push, app, web, line ], impressions: { email: 1, push: 1, app: 1, web: 2, line: 1 }, engagement: { web: 3 } }", "touchpoints=known"},
    {"engagements: two of a channel and of an hour are not enough", "0s liked\n 1s commented", NULL, "touchpoints=unknown"},
    {"the hour first, no channel yet", "0s email_opened\n 1s liked\n 2s push_notification_tapped", "2s touchpoint.preferred unknown>known push_notification_tapped { channel: '', hour: 7, reach: [], engagement: { email: 1, web: 1, push: 1 } }", NULL},
    {"the channel first, no hour yet", "0s liked\n 1h liked\n 2h liked", "2h touchpoint.preferred unknown>known liked { channel: web, hour: null }", NULL},
    {"then the hour, with 3 of its own", "0s liked\n 1h liked\n 2h liked\n 2h email_opened\n 2h push_notification_tapped", "2h touchpoint.preferred unknown>known liked { channel: web, hour: null }\n 2h touchpoint.preferred known>known push_notification_tapped { channel: web, hour: 9 }", NULL},
    {"another channel with 2 more becomes the preferred one; one signal where both change", "0s liked\n 0s liked\n 0s liked\n 5h email_opened\n 5h email_opened\n 5h email_opened\n 5h email_opened\n 5h email_opened",
     "0s touchpoint.preferred unknown>known liked { channel: web, hour: 7 }\n 5h touchpoint.preferred known>known email_opened { channel: email, hour: 12 }", "touchpoints=known"},
    {"all engagements count", "0s email_opened\n 1h email_link_clicked\n 2h push_notification_tapped\n 3h promotion_clicked\n 4h product_clicked\n 5h product_shared\n 6h cart_shared { channel: x }\n 7h product_reviewed { channel: x }\n 8h referral_sent { channel: y }\n 9h liked { channel: y }\n 10h commented { channel: y }",
     "5h touchpoint.preferred unknown>known product_shared { channel: web, engagement: { email: 2, push: 1, web: 3 } }", NULL},
    {"what the table does not name is nothing", "0s product_viewed\n 0s product_added\n 0s order_completed", NULL, "touchpoints=unknown"},
};
/* clang-format on */

static void test_friction(void **state)
{
    (void)state;
    RUN("friction", friction);
}

static void test_touchpoints(void **state)
{
    (void)state;
    RUN("touchpoints", touchpoints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_friction),
        cmocka_unit_test(test_touchpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
