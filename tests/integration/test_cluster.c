/*
 * The test's own servers: what the other integration tests rely on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "tests/support/cluster.h"
#include "tests/support/process.h"

static void test_what_is_produced_is_read_back(void **state)
{
    struct cluster_kafka *kafka = cluster_kafka_shared();
    const struct cluster_header header = {"name", SLICE("value")};
    const struct cluster_message messages[] = {
        {.partition = 0, .time_ms = 1000, .key = SLICE("a"), .value = SLICE("one")},
        {.partition = 1, .time_ms = 2000, .key = SLICE("b"), .value = {NULL, 0}},
        {.partition = 0,
         .time_ms = 3000,
         .value = SLICE(""),
         .headers = &header,
         .header_count = 1},
    };
    const char *configs[] = {"retention.ms", "-1", NULL};
    char topic[128];

    (void)state;
    cluster_name(topic, sizeof topic, "cluster");
    cluster_topic_create(kafka, topic, 2, configs);
    cluster_produce(kafka, topic, messages, 3);

    struct cluster_records *records = cluster_read(kafka, topic, CLUSTER_COMMITTED);
    assert_int_equal(records->count, 3);
    assert_int_equal(records->items[0].time_ms, 1000);
    assert_string_equal(records->items[0].key.data, "a");
    assert_string_equal(records->items[0].value.data, "one");
    assert_int_equal(records->items[1].offset, 1);
    assert_null(records->items[1].key.data);
    assert_non_null(records->items[1].value.data);
    assert_int_equal(records->items[1].value.size, 0);
    assert_string_equal(cluster_record_header(&records->items[1], "name"), "value");
    assert_int_equal(records->items[2].partition, 1);
    assert_null(records->items[2].value.data);
    cluster_records_free(records);

    cluster_topic_trim(kafka, topic, 0, 1);
    records = cluster_read(kafka, topic, CLUSTER_UNCOMMITTED);
    assert_int_equal(records->count, 2);
    cluster_records_free(records);

    assert_int_equal(cluster_end(kafka, topic, 0), 2);
    assert_int_equal(cluster_committed(kafka, "nobody", topic, 0, NULL, 0), -1);
    cluster_topic_grow(kafka, topic, 3);
    assert_int_equal(cluster_end(kafka, topic, 2), 0);
}

/* One message, in a transaction of its own that is left open or committed. */
static void produce_in_transaction(struct cluster_kafka *kafka, const char *topic, const char *id,
                                   const char *text, bool is_committed)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256];

    rd_kafka_conf_set(conf, "bootstrap.servers", cluster_kafka_address(kafka), NULL, 0);
    rd_kafka_conf_set(conf, "transactional.id", id, NULL, 0);
    rd_kafka_conf_set(conf, "transaction.timeout.ms", "5000", NULL, 0);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    assert_non_null(producer);
    assert_null(rd_kafka_init_transactions(producer, -1));
    assert_null(rd_kafka_begin_transaction(producer));
    assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(producer, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    if (is_committed)
        assert_null(rd_kafka_commit_transaction(producer, -1));
    rd_kafka_destroy(producer);
}

static void test_what_stands_behind_an_open_transaction_is_waited_for(void **state)
{
    struct cluster_kafka *kafka = cluster_kafka_shared();
    char topic[128];

    (void)state;
    cluster_name(topic, sizeof topic, "settled");
    cluster_topic_create(kafka, topic, 1, NULL);
    produce_in_transaction(kafka, topic, "test.dead", "aborted", false);
    produce_in_transaction(kafka, topic, "test.alive", "committed", true);

    struct cluster_records *records = cluster_read(kafka, topic, CLUSTER_SETTLED);
    assert_int_equal(records->count, 1);
    assert_string_equal(records->items[0].value.data, "committed");
    cluster_records_free(records);
}

static void test_a_killed_broker_comes_back_with_its_records(void **state)
{
    struct cluster_kafka *kafka = cluster_kafka_start();
    const struct cluster_message message = {.value = SLICE("kept")};

    (void)state;
    cluster_topic_create(kafka, "kept", 1, NULL);
    cluster_produce(kafka, "kept", &message, 1);
    cluster_kafka_kill(kafka);
    cluster_kafka_restart(kafka);
    cluster_produce(kafka, "kept", &message, 1);

    struct cluster_records *records = cluster_read(kafka, "kept", CLUSTER_COMMITTED);
    assert_int_equal(records->count, 2);
    cluster_records_free(records);
    cluster_kafka_free(kafka);
}

static void test_redis_keeps_what_was_saved_and_forgets_when_wiped(void **state)
{
    struct cluster_redis *redis = cluster_redis_start(NULL);
    char *reply;

    (void)state;
    free(cluster_redis_command(redis, "SET saved yes"));
    free(cluster_redis_command(redis, "SAVE"));
    free(cluster_redis_command(redis, "SET lost yes"));
    cluster_redis_kill(redis);
    cluster_redis_restart(redis);
    reply = cluster_redis_command(redis, "GET saved");
    assert_string_equal(reply, "yes");
    free(reply);
    assert_null(cluster_redis_command(redis, "GET lost"));
    cluster_redis_restart_wiped(redis);
    assert_null(cluster_redis_command(redis, "GET saved"));
    cluster_redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_keeps_what_was_saved_and_forgets_when_wiped),
        cmocka_unit_test(test_what_is_produced_is_read_back),
        cmocka_unit_test(test_what_stands_behind_an_open_transaction_is_waited_for),
        cmocka_unit_test(test_a_killed_broker_comes_back_with_its_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
