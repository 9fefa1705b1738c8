/*
 * Redis and Kafka go away in the midst of the work, and come back with all, some or none of what
 * they held: the signals are the same, each once.
 *
 * ctest-timeout: 900
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define EVENTS (40000 / PIPELINE_SHARE)

static struct cluster_kafka *own_kafka; /* of these tests: they stop it */

static const struct pipeline_options plain = {.partitions = 4, .more = "workers: 2\n"};

static void open_shop(struct pipeline *pipeline, const struct pipeline_options *plan, uint64_t seed)
{
    struct shop_options shop = {.seed = seed,
                                .customers = 5000,
                                .events_per_second = 0.5,
                                .late_share = 0.02,
                                .late_ms_max = 60000};
    struct pipeline_options options = *plan;

    options.kafka = own_kafka;
    pipeline_open(pipeline, &options);
    pipeline_add_shop(pipeline, &shop, EVENTS);
    pipeline_add_closers(pipeline, SHOP_START_MS + 100 * PIPELINE_DAY_MS);
}

/*
 * Half of it is sent and half of that is done when this returns: the process is in the midst of its
 * work.
 */
static void run_to_the_midst(struct pipeline *pipeline)
{
    pipeline_start(pipeline, 0);
    pipeline_send(pipeline, EVENTS / 2);
    pipeline_await_committed(pipeline, EVENTS / 4);
}

static void run_to_the_end(struct pipeline *pipeline)
{
    pipeline_send(pipeline, SIZE_MAX);
    pipeline_await_end(pipeline);
    pipeline_stop(pipeline, 0);
    pipeline_check_stopped(pipeline);
    pipeline_check_signals(pipeline);
    pipeline_close(pipeline);
}

/* What was committed has been computed again from the origin, at least for one partition. */
static void check_rebuilt(struct pipeline *pipeline)
{
    size_t without_checkpoint = pipeline_log_count(pipeline, 0, " r=-1 c=");
    assert_true(without_checkpoint > pipeline_log_count(pipeline, 0, " r=-1 c=-1 "));
}

/* Emptied behind the workers' backs: the next look or checkpoint finds that it has no owner. */
static void test_redis_is_emptied(void **state)
{
    struct pipeline pipeline;

    (void)state;
    open_shop(&pipeline, &plain, 41);
    run_to_the_midst(&pipeline);
    free(cluster_redis_command(pipeline.redis, "FLUSHALL"));
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_await_end(&pipeline);
    pipeline_await_checkpoints(&pipeline);
    check_rebuilt(&pipeline);
    run_to_the_end(&pipeline);
}

static void test_redis_is_killed_and_comes_back_empty(void **state)
{
    struct pipeline pipeline;

    (void)state;
    open_shop(&pipeline, &plain, 42);
    run_to_the_midst(&pipeline);
    cluster_redis_kill(pipeline.redis);
    cluster_redis_restart_wiped(pipeline.redis);
    pipeline_send(&pipeline, SIZE_MAX);
    pipeline_await_end(&pipeline);
    pipeline_await_checkpoints(&pipeline);
    check_rebuilt(&pipeline);
    run_to_the_end(&pipeline);
}

/* It comes back with what it had saved earlier, and lacks the checkpoints written since. */
static void test_redis_is_away_for_seconds_and_comes_back_with_older_data(void **state)
{
    struct pipeline pipeline;

    (void)state;
    open_shop(&pipeline, &plain, 43);
    run_to_the_midst(&pipeline);
    free(cluster_redis_command(pipeline.redis, "SAVE"));
    pipeline_await_end(&pipeline);
    pipeline_await_checkpoints(&pipeline);
    cluster_redis_kill(pipeline.redis);
    pipeline_send(&pipeline, EVENTS / 4);
    process_nap_ms(3000); /* nobody tells how long an outage is: longer than reconnecting takes */
    cluster_redis_restart(pipeline.redis);
    run_to_the_end(&pipeline);
}

/* All customers are in memory: signals go on, and the checkpoints come when Redis does. */
static void test_redis_is_away_and_signals_go_on(void **state)
{
    struct pipeline_options options = plain;
    struct pipeline pipeline;

    (void)state;
    options.more = "workers: 1\n"; /* a rebalance would need Redis */
    open_shop(&pipeline, &options, 48);
    run_to_the_midst(&pipeline);
    pipeline_await_end(&pipeline);
    free(cluster_redis_command(pipeline.redis, "SAVE"));
    cluster_redis_kill(pipeline.redis);
    pipeline_send(&pipeline, EVENTS / 4);
    pipeline_await_log(&pipeline, 0, "publisher.waiting for=redis", 1);
    pipeline_await_end(&pipeline);
    pipeline_send(&pipeline, EVENTS / 8);
    pipeline_await_end(&pipeline);
    assert_int_equal(pipeline_log_count(&pipeline, 0, "partition.paused"), 0);
    cluster_redis_restart(pipeline.redis);
    run_to_the_end(&pipeline);
}

static void end_while_redis_hangs(uint64_t seed, const char *more)
{
    struct pipeline_options options = plain;
    struct pipeline pipeline;

    options.more = more;
    open_shop(&pipeline, &options, seed);
    run_to_the_midst(&pipeline);
    cluster_redis_freeze(pipeline.redis);
    pipeline_send(&pipeline, EVENTS / 4);
    process_nap_ms(1500); /* a checkpoint is under way */
    process_signal(pipeline.processes[0], SIGTERM);
    int code = process_exit_code(pipeline.processes[0], PIPELINE_TIMEOUT_MS);
    assert_in_range(code, 0, 1); /* 0 where nothing was left to be saved */
    assert_int_equal(pipeline_log_count(&pipeline, 0, "worker.revoked"), 1);
    assert_int_equal(pipeline_log_count(&pipeline, 0, "did not end within"), 0);
    process_free(pipeline.processes[0]);
    pipeline.processes[0] = NULL;
    cluster_redis_thaw(pipeline.redis);
    pipeline_start(&pipeline, 0);
    run_to_the_end(&pipeline);
}

/* Told to end while Redis hangs, for a checkpoint or for customers: it ends in time, and its group knows. */
static void test_it_ends_in_time_while_redis_hangs(void **state)
{
    (void)state;
    end_while_redis_hangs(49, "workers: 1\nshutdown_timeout: 8s\n");
    end_while_redis_hangs(50, "workers: 1\nshutdown_timeout: 8s\nmemory: { customers: 500 }\n");
}

/* Customers are in Redis only, and Redis is away: partitions pause and go on. */
static void test_redis_freezes_while_customers_are_needed_from_it(void **state)
{
    struct pipeline_options options = plain;
    struct pipeline pipeline;

    (void)state;
    options.more = "workers: 2\nmemory: { customers: 500 }\ncheckpoint_interval: 200ms\n";
    open_shop(&pipeline, &options, 44);
    run_to_the_midst(&pipeline);
    cluster_redis_freeze(pipeline.redis);
    pipeline_send(&pipeline, EVENTS / 4);
    process_nap_ms(7000); /* longer than Redis is waited for */
    cluster_redis_thaw(pipeline.redis);
    run_to_the_end(&pipeline);
}

/*
 * No answers for longer than the session's time-out (6 s): the assignment is lost while a
 * transaction is under way.
 */
static void test_kafka_freezes(void **state)
{
    struct pipeline pipeline;

    (void)state;
    open_shop(&pipeline, &plain, 45);
    run_to_the_midst(&pipeline);
    cluster_kafka_freeze(own_kafka);
    process_nap_ms(9000);
    cluster_kafka_thaw(own_kafka);
    run_to_the_end(&pipeline);
}

static void test_kafka_is_killed_and_comes_back(void **state)
{
    struct pipeline pipeline;

    (void)state;
    open_shop(&pipeline, &plain, 46);
    run_to_the_midst(&pipeline);
    cluster_kafka_kill(own_kafka);
    process_nap_ms(2000);
    cluster_kafka_restart(own_kafka);
    run_to_the_end(&pipeline);
}

/*
 * Neither Kafka nor Redis is there at the start: it says whom it waits for, and works once they
 * have come.
 */
static void test_started_before_kafka_and_redis(void **state)
{
    struct pipeline pipeline;
    char redis[64];

    (void)state;
    open_shop(&pipeline, &plain, 47);
    snprintf(redis, sizeof redis, "127.0.0.1:%d", cluster_redis_port(pipeline.redis));
    cluster_redis_stop(pipeline.redis);
    cluster_kafka_stop(own_kafka);
    pipeline_start(&pipeline, 0);
    pipeline_await_log(&pipeline, 0, cluster_kafka_address(own_kafka), 1);
    cluster_kafka_restart(own_kafka);
    pipeline_await_log(&pipeline, 0, redis, 1);
    cluster_redis_restart_wiped(pipeline.redis);
    run_to_the_end(&pipeline);
}

static int start_kafka(void **state)
{
    (void)state;
    own_kafka = cluster_kafka_start();
    return 0;
}

static int end_kafka(void **state)
{
    (void)state;
    cluster_kafka_free(own_kafka);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_is_emptied),
        cmocka_unit_test(test_redis_is_killed_and_comes_back_empty),
        cmocka_unit_test(test_redis_is_away_for_seconds_and_comes_back_with_older_data),
        cmocka_unit_test(test_redis_is_away_and_signals_go_on),
        cmocka_unit_test(test_it_ends_in_time_while_redis_hangs),
        cmocka_unit_test(test_redis_freezes_while_customers_are_needed_from_it),
        cmocka_unit_test(test_kafka_freezes),
        cmocka_unit_test(test_kafka_is_killed_and_comes_back),
        cmocka_unit_test(test_started_before_kafka_and_redis),
    };

    cmocka_set_test_filter(getenv("STAGECOACH_TEST_FILTER")); /* one of them takes long enough */
    return cmocka_run_group_tests(tests, start_kafka, end_kafka);
}
