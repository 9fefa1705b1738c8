/*
 * The whole program on a real Kafka and a real Redis, undisturbed: every signal of a made-up shop,
 * once.
 *
 * ctest-labels: engine
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define EVENTS (200000 / PIPELINE_SHARE)

/* About 55 hours of a shop; events come late and twice. */
static const struct shop_options shop = {.seed = 1,
                                         .customers = 20000,
                                         .events_per_second = 1,
                                         .late_share = 0.02,
                                         .late_ms_max = 60000,
                                         .duplicate_share = 0.01};

/*
 * What `run` signals with two workers over six partitions is what `backtest` gives for each
 * partition's events.
 */
static void test_signals_are_those_of_a_backtest(void **state)
{
    struct pipeline_options options = {.partitions = 6, .more = "workers: 2\n"};
    struct pipeline pipeline;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_add_shop(&pipeline, &shop, EVENTS);
    pipeline_add_closers(&pipeline, SHOP_START_MS + 100 * PIPELINE_DAY_MS);
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_start(&pipeline, 0);
    pipeline_await_end(&pipeline);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);
    size_t signals = pipeline_check_signals(&pipeline);
    print_message("%d events, %zu signals\n", EVENTS, signals);
    assert_true(signals > EVENTS / 20);
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_are_those_of_a_backtest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
