/*
 * Few customers in memory, the others in Redis: results are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define EVENTS (60000 / PIPELINE_SHARE)

static void test_a_memory_for_500_of_20000_customers_changes_nothing(void **state)
{
    struct shop_options shop = {.seed = 6,
                                .customers = 20000,
                                .events_per_second = 0.5,
                                .late_share = 0.02,
                                .late_ms_max = 60000};
    struct pipeline_options options = {
        .partitions = 4,
        .more = "workers: 2\nmemory: { customers: 500 }\ncheckpoint_interval: 200ms\n"};
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_add_shop(&pipeline, &shop, EVENTS);
    pipeline_add_closers(&pipeline, SHOP_START_MS + 100 * PIPELINE_DAY_MS);
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_start(&pipeline, 0);
    pipeline_await_committed(&pipeline, EVENTS / 2);
    pipeline_kill(&pipeline, 0);
    pipeline_start(&pipeline, 0);
    pipeline_await_end(&pipeline);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);
    pipeline_check_signals(&pipeline);
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_memory_for_500_of_20000_customers_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
