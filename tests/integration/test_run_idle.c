/*
 * A partition that falls silent: the wall clock goes on for it, and what it decided is decided
 * again in a replay (DESIGN 5.7 and 8).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define CUSTOMERS 5

static const char machine[] = "machine: visit\n"
                              "context: { pages: { type: int }, resumed: { type: int } }\n"
                              "data: { pages: context.pages, resumed: context.resumed }\n"
                              "observe:\n"
                              "  page_viewed: { assign: { pages: context.pages + 1 } }\n"
                              "initial: away\n"
                              "states:\n"
                              "  away: { on: { page_viewed: here } }\n"
                              "  here: { idle: { 2s: { target: gone, emit: visit.ended } } }\n"
                              "  gone:\n"
                              "    on:\n"
                              "      page_viewed:\n"
                              "        target: here\n"
                              "        emit: visit.resumed\n"
                              "        actions: { assign: { resumed: context.resumed + 1 } }\n";

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_pages(struct pipeline *pipeline, int customers, int64_t time_ms)
{
    for (int i = 0; i < customers; i++) {
        char customer[32];
        snprintf(customer, sizeof customer, "visitor-%d", i);
        pipeline_add_event(pipeline, customer, "Page Viewed", time_ms);
    }
    pipeline_send(pipeline, SIZE_MAX);
}

#define await_signals(pipeline, type, count)                                                       \
    wait_until(pipeline_count_signals(pipeline, type) >= (count), PIPELINE_TIMEOUT_MS)

/*
 * Ten events and silence: all visits end. Then come late events, from before these ends: visits are
 * resumed. A replay that left out the clock's move would find them in time and the visits never
 * ended.
 */
static void test_the_abandonment_comes_in_silence_and_once(void **state)
{
    struct pipeline_options options = {
        .partitions = 3,
        .machines = pipeline_write("visit.yaml", machine),
        .more = "watermark: { lateness: 1s, idle: 1s }\ncheckpoint_interval: 200ms\n",
    };
    struct pipeline pipeline;
    int64_t begin_ms = wall_ms();

    (void)state;
    pipeline_open(&pipeline, &options);
    pipeline_start(&pipeline, 0);
    send_pages(&pipeline, CUSTOMERS, begin_ms);
    send_pages(&pipeline, CUSTOMERS, begin_ms + 100);
    await_signals(&pipeline, "visit.ended", CUSTOMERS);

    send_pages(&pipeline, 3, begin_ms + 200);
    await_signals(&pipeline, "visit.ended", CUSTOMERS + 3);
    assert_int_equal(pipeline_count_signals(&pipeline, "visit.resumed"), 3);
    pipeline_await_checkpoints(&pipeline);
    struct pipeline_state *before = pipeline_state(&pipeline);

    pipeline_kill(&pipeline, 0);
    cluster_redis_restart_wiped(pipeline.redis);
    pipeline_start(&pipeline, 0);
    pipeline_await_checkpoints(&pipeline);
    pipeline_check_state(&pipeline, before);

    /*
     * Once this visit has ended the clock has been moved again: whatever would come twice had its
     * chance.
     */
    pipeline_add_event(&pipeline, "visitor-5", "Page Viewed", wall_ms());
    pipeline_send(&pipeline, 1);
    await_signals(&pipeline, "visit.ended", CUSTOMERS + 4);
    pipeline_stop(&pipeline, 0);
    pipeline_check_stopped(&pipeline);
    assert_int_equal(pipeline_count_signals(&pipeline, "visit.ended"), CUSTOMERS + 4);
    assert_int_equal(pipeline_count_signals(&pipeline, "visit.resumed"), 3);
    pipeline_close(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_abandonment_comes_in_silence_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
