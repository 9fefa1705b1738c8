/* DESIGN section 6, `browse`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_scenario.h"

static const char *const files[] = {STAGECOACH_SOURCE_DIR "/config/machines/browse.yaml"};

#define THREE                                                                                      \
    "0s product_viewed { product_id: A }\n +1m product_viewed { product_id: B }\n"                 \
    " +1m product_viewed { product_id: C }\n"

/* clang-format off */
static const struct scenario rows[] = {
    {"quiet, product_viewed with an id: browsing", "0s product_viewed { product_id: A }", NULL, "browse=browsing"},
    {"quiet, product_viewed without an id: stays", "0s product_viewed { name: Hat }", NULL, "browse=quiet"},
    {"quiet, other events: stays", "0s page_viewed\n +1s product_added { product_id: A }\n +1s order_completed", NULL, "browse=quiet"},
    {"three different products, idle 30m: browse.abandoned",
     THREE "1h sweep", "32m browse.abandoned browsing>quiet timer { products: [ A, B, C ], count: 3 }", "browse=quiet"},
    {"two different products, however often: quiet without a signal",
     "0s product_viewed { product_id: A }\n +1m product_viewed { product_id: B }\n +1m product_viewed { product_id: A }\n 1h sweep", NULL, "browse=quiet"},
    {"a list of products means each of it",
     "0s product_viewed { products: [ { product_id: A }, { product_id: 2 }, { name: x }, { product_id: C } ] }\n 1h sweep",
     "30m browse.abandoned browsing>quiet timer { products: [ A, '2', C ], count: 3 }", "browse=quiet"},
    {"a list in which nothing has an id: the one product",
     "0s product_viewed { product_id: A, products: [ { name: x } ] }", NULL, "browse=browsing"},
    {"browsing, product_added: quiet, nothing said, products forgotten",
     THREE "+1m product_added { product_id: A }\n +1m product_viewed { product_id: D }\n 2h sweep", NULL, "browse=quiet"},
    {"browsing, product_added without any id: activity and nothing more",
     THREE "+1m product_added { name: x }\n 2h sweep", "33m browse.abandoned browsing>quiet timer { count: 3 }", "browse=quiet"},
    {"browsing, order_completed: quiet", THREE "+1m order_completed\n 2h sweep", NULL, "browse=quiet"},
    {"any event puts idle off", THREE "31m page_viewed\n 60m sweep", NULL, "browse=browsing"},
    {"after browse.abandoned the products begin anew",
     THREE "2h product_viewed { product_id: D }\n 3h sweep", "32m browse.abandoned browsing>quiet timer", "browse=quiet"},
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

/* 64 at most: what comes later is left out, and counted. */
static void test_products_beyond_the_64th_are_left_out(void **state)
{
    struct scenario_world world;
    char properties[64];
    (void)state;
    scenario_open_files(&world, files, 1, INT64_C(400) * 86400000);
    for (int i = 0; i < 70; i++) {
        snprintf(properties, sizeof(properties), "{ product_id: p%d }", i);
        scenario_event(&world, SCENARIO_BEGIN, "product_viewed", properties);
    }
    scenario_sweep(&world, SCENARIO_BEGIN + 3600000);
    assert_int_equal(world.counters.overflows, 6);
    assert_true(
        scenario_check_signals(&world, "30m browse.abandoned browsing>quiet timer { count: 64 }"));
    scenario_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_products_beyond_the_64th_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
