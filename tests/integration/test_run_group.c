/*
 * Several processes share the work of one group: who comes, leaves or dies changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define EVENTS (90000 / PIPELINE_SHARE)

static const struct shop_options shop = {.seed = 5,
                                         .customers = 9000,
                                         .events_per_second = 0.5,
                                         .late_share = 0.02,
                                         .late_ms_max = 60000};

/*
 * The second leaves in good order in the middle, comes back, and is killed later: each time the
 * first takes its partitions over.
 */
static void test_a_process_that_leaves_and_one_that_dies_are_replaced(void **state)
{
    struct pipeline_options options = {.partitions = 4, .more = "workers: 1\n"};
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_add_shop(&pipeline, &shop, EVENTS);
    pipeline_add_closers(&pipeline, SHOP_START_MS + 100 * PIPELINE_DAY_MS);
    pipeline_start(&pipeline, 0);
    pipeline_start(&pipeline, 1);
    pipeline_await_log(&pipeline, 0, "partition.recovered", 1);
    pipeline_await_log(&pipeline, 1, "partition.recovered", 1);
    pipeline_send(&pipeline, EVENTS / 3);
    pipeline_await_committed(&pipeline, EVENTS / 4);
    size_t recovered = pipeline_log_count(&pipeline, 1, "partition.recovered");
    pipeline_stop(&pipeline, 1);
    pipeline_send(&pipeline, EVENTS / 3);
    pipeline_await_end(&pipeline); /* by the first alone */

    pipeline_start(&pipeline, 1);
    pipeline_await_log(&pipeline, 1, "partition.recovered", recovered + 1);
    pipeline_send(&pipeline, EVENTS / 6);
    pipeline_await_committed(&pipeline, EVENTS * 3 / 4);
    pipeline_kill(&pipeline, 1);
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_await_end(&pipeline); /* once the dead one's session has run out */
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);
    pipeline_check_signals(&pipeline);
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_process_that_leaves_and_one_that_dies_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
