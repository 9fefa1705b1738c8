/*
 * The program killed again and again while events come in: nothing is lost, nothing comes twice.
 *
 * ctest-timeout: 900
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define EVENTS      (200000 / PIPELINE_SHARE)
#define KILLS       5
#define PORTION     (EVENTS / 200)
#define PORTIONS_MS 50 /* from one to the next: 20,000 events a second */

static const struct shop_options shop = {.seed = 2,
                                         .customers = 20000,
                                         .events_per_second = 1,
                                         .late_share = 0.02,
                                         .late_ms_max = 60000,
                                         .duplicate_share = 0.01};

/*
 * SIGKILL at five committed offsets spread over the run, wherever the process then is in its work;
 * started again at once.
 */
static void test_killed_five_times_nothing_is_lost_or_repeated(void **state)
{
    struct pipeline_options options = {.partitions = 6, .more = "workers: 2\n"};
    struct pipeline pipeline;
    int kills = 0;

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_add_shop(&pipeline, &shop, EVENTS);
    pipeline_add_closers(&pipeline, SHOP_START_MS + 100 * PIPELINE_DAY_MS);
    pipeline_start(&pipeline, 0);
    int64_t next_ms = process_now_ms();
    while (kills < KILLS) {
        if (process_now_ms() >= next_ms) {
            pipeline_send(&pipeline, PORTION);
            next_ms += PORTIONS_MS;
        }
        int64_t committed = pipeline_committed(&pipeline);
        if (committed < (int64_t)EVENTS * (kills + 1) / (KILLS + 1))
            continue;
        pipeline_kill(&pipeline, 0);
        print_message("killed at %lld of %d\n", (long long)committed, EVENTS);
        pipeline_start(&pipeline, 0);
        kills++;
    }
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_await_end(&pipeline);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);
    print_message("%zu signals\n", pipeline_check_signals(&pipeline));
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_five_times_nothing_is_lost_or_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
