/*
 * generate and signals against a real broker: what the mock of test_cli.c can't show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "bench/shop.h"
#include "core/buf.h"
#include "tests/support/cluster.h"

struct world {
    struct cluster_kafka *kafka;
    char events[128], carts[128];
    char config[64];
};

static int open_world(void **state)
{
    static struct world world;
    world.kafka = cluster_kafka_shared();
    cluster_name(world.events, sizeof world.events, "feed.events");
    cluster_name(world.carts, sizeof world.carts, "feed.carts");
    snprintf(world.config, sizeof world.config, "/tmp/stagecoach-feed-XXXXXX");
    int fd = mkstemp(world.config);
    assert_true(fd >= 0);
    dprintf(fd, "kafka: { brokers: '%s', topics: [%s] }\nsignals: { topics: { '*': %s } }\n",
            cluster_kafka_address(world.kafka), world.events, world.carts);
    close(fd);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    unlink(world->config);
    cluster_kafka_free(world->kafka);
    return 0;
}

/* The program as a user starts it; what it prints, stderr after stdout. */
static int call(const char *words, struct buf *out)
{
    char line[512];
    buf_reset(out);
    snprintf(line, sizeof line, "%s %s 2>&1", STAGECOACH_PROGRAM, words);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    for (int c; (c = fgetc(pipe)) != EOF;)
        buf_add_char(out, (char)c);
    buf_add_char(out, '\0');
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_generate_into_a_topic_that_is_not_there_says_so(void **state)
{
    struct world *world = *state;
    char words[256];
    struct buf out;
    buf_init(&out);
    snprintf(words, sizeof words, "generate -c %s -n 10", world->config);
    assert_int_equal(call(words, &out), 1);
    assert_non_null(strstr(out.data, "there is no topic "));
    assert_non_null(strstr(out.data, world->events));
    buf_fini(&out);
}

/* All events, late ones and duplicates too, each in its customer's partition and with its own time. */
static void test_generate_into_a_real_broker(void **state)
{
    enum { COUNT = 20000, PARTITIONS = 6 };
    struct world *world = *state;
    const char *const keep[] = {"retention.ms", "-1", NULL};
    cluster_topic_create(world->kafka, world->events, PARTITIONS, keep);
    char words[256];
    struct buf out;
    buf_init(&out);
    snprintf(
        words, sizeof words,
        "generate -c %s -n %d --seed 5 --customers 1000 --start 2026-01-05T00:00:00Z --late 0.05 "
        "--duplicates 0.01",
        world->config, COUNT);
    int code = call(words, &out);
    print_message("%s", out.data);
    assert_int_equal(code, 0);
    struct cluster_records *records = cluster_read(world->kafka, world->events, CLUSTER_COMMITTED);
    assert_int_equal(records->count, COUNT);

    /* By customer: its partition, and where its next event is looked for. */
    static int partition_of[1000];
    size_t next[PARTITIONS] = {0};
    for (size_t i = records->count; i-- > 0;)
        next[records->items[i].partition] = i;
    memset(partition_of, -1, sizeof partition_of);
    for (size_t i = 0; i < records->count; i++) {
        unsigned long who = strtoul(records->items[i].key.data + 1, NULL, 10);
        assert_in_range(who, 0, 999);
        assert_true(partition_of[who] < 0 || partition_of[who] == records->items[i].partition);
        partition_of[who] = records->items[i].partition;
    }
    struct shop *shop = shop_new(&(struct shop_options){.seed = 5,
                                                        .customers = 1000,
                                                        .start_ms = SHOP_START_MS,
                                                        .late_share = 0.05,
                                                        .duplicate_share = 0.01});
    for (int i = 0; i < COUNT; i++) {
        struct shop_event event;
        char number[32] = {0};
        shop_next(shop, &event);
        memcpy(number, event.customer.data + 1, event.customer.size - 1);
        const struct cluster_record *record =
            &records->items[next[partition_of[strtoul(number, NULL, 10)]]++];
        assert_true(slice_equal(record->key, event.customer));
        assert_true(slice_equal(record->value, event.message));
        assert_int_equal(record->time_ms, event.time_ms);
    }
    shop_free(shop);
    cluster_records_free(records);
    buf_fini(&out);
}

/* ---- signals ---- */

static rd_kafka_t *open_producer(const struct world *world)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", cluster_kafka_address(world->kafka), text,
                      sizeof text);
    rd_kafka_conf_set(conf, "transactional.id", world->carts, text, sizeof text);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(producer);
    assert_null(rd_kafka_init_transactions(producer, 30000));
    return producer;
}

static void produce(rd_kafka_t *producer, const struct world *world, const char *value)
{
    assert_null(rd_kafka_begin_transaction(producer));
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(world->carts), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* What was aborted is never shown, and what is not yet committed is not the end that is waited for. */
static void test_signals_shows_committed_ones_only(void **state)
{
    struct world *world = *state;
    char words[256];
    struct buf out;
    buf_init(&out);
    cluster_topic_create(world->kafka, world->carts, 3, NULL);
    rd_kafka_t *producer = open_producer(world);
    produce(producer, world, "{\"n\":1}");
    assert_null(rd_kafka_commit_transaction(producer, 30000));
    produce(producer, world, "{\"n\":2}");
    assert_null(rd_kafka_abort_transaction(producer, 30000));
    produce(producer, world, "{\"n\":3}");
    assert_null(rd_kafka_commit_transaction(producer, 30000));
    produce(producer, world, "{\"n\":4}");

    snprintf(words, sizeof words, "signals -c %s --until-end", world->config);
    assert_int_equal(call(words, &out), 0);
    assert_string_equal(out.data, "{\"id\":null,\"n\":1}\n{\"id\":null,\"n\":3}\n");
    assert_null(rd_kafka_commit_transaction(producer, 30000));
    assert_int_equal(call(words, &out), 0);
    assert_string_equal(out.data,
                        "{\"id\":null,\"n\":1}\n{\"id\":null,\"n\":3}\n{\"id\":null,\"n\":4}\n");
    rd_kafka_destroy(producer);
    buf_fini(&out);
}

/* Without an option only what comes is shown, as it comes, until SIGTERM. */
static void test_signals_follows_what_comes(void **state)
{
    struct world *world = *state;
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipe_fd[1], STDOUT_FILENO);
        execl(STAGECOACH_PROGRAM, "stagecoach", "signals", "-c", world->config, (char *)NULL);
        _exit(127);
    }
    close(pipe_fd[1]);
    rd_kafka_t *producer = open_producer(world);
    /* It says nothing when it is ready, so we go on until the first one comes through. */
    char line[256] = "";
    FILE *lines = fdopen(pipe_fd[0], "r");
    fd_set set;
    for (int i = 10; i < 200 && line[0] == '\0'; i++) {
        char value[32];
        snprintf(value, sizeof value, "{\"n\":%d}", i);
        produce(producer, world, value);
        assert_null(rd_kafka_commit_transaction(producer, 30000));
        struct timeval wait = {0, 200000};
        FD_ZERO(&set);
        FD_SET(pipe_fd[0], &set);
        if (select(pipe_fd[0] + 1, &set, NULL, NULL, &wait) > 0)
            assert_non_null(fgets(line, sizeof line, lines));
    }
    int n = 0;
    assert_int_equal(sscanf(line, "{\"id\":null,\"n\":%d}\n", &n), 1);
    assert_true(n >= 10); /* none of those that were there before */
    int status;
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fclose(lines);
    rd_kafka_destroy(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_into_a_topic_that_is_not_there_says_so),
        cmocka_unit_test(test_generate_into_a_real_broker),
        cmocka_unit_test(test_signals_shows_committed_ones_only),
        cmocka_unit_test(test_signals_follows_what_comes),
    };
    return cmocka_run_group_tests_name("feed", tests, open_world, close_world);
}
