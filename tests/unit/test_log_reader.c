/*
 * Reading a log whose leader goes and comes. librdkafka's mock cluster can be told to have no
 * leader; a real broker has none for a moment after it was away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "consumer/log_reader.h"

#define LOG "group.journal.events"

struct broker {
    rd_kafka_t *kafka; /* a producer, and the mock cluster's host */
    rd_kafka_mock_cluster_t *cluster;
    struct config config;
};

static void start(struct broker *broker)
{
    char text[256];
    broker->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    assert_non_null(broker->kafka);
    broker->cluster = rd_kafka_mock_cluster_new(broker->kafka, 1);
    assert_non_null(broker->cluster);
    rd_kafka_mock_topic_create(broker->cluster, LOG, 2, 1);
    const char *address = rd_kafka_mock_cluster_bootstraps(broker->cluster);
    rd_kafka_brokers_add(broker->kafka, address);
    broker->config = (struct config){
        .brokers = (char *)(uintptr_t)address, .group = "group", .instance = "instance"};
}

static void stop(struct broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->kafka);
}

static void write_record(struct broker *broker, int32_t partition, const char *value)
{
    rd_kafka_resp_err_t code =
        rd_kafka_producev(broker->kafka, RD_KAFKA_V_TOPIC(LOG), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(broker->kafka, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void add_text(void *self, int64_t offset, struct slice value)
{
    char *text = self;
    (void)offset;
    strncat(text, value.data, value.size);
}

static enum err read_partition(struct log_reader *reader, int32_t partition, char text[64],
                               struct errinfo *info)
{
    text[0] = '\0';
    return log_reader_read(reader, (struct topic_partition){LOG, partition}, text, add_text, info);
}

/*
 * The client took "no leader" for an answer that holds until its metadata is too old: a quarter of
 * an hour in which a partition could not recover.
 */
static void test_a_leader_that_was_away_is_found_when_it_is_back(void **state)
{
    struct broker broker;
    struct errinfo info = {""};
    char text[64];

    (void)state;
    start(&broker);
    write_record(&broker, 0, "zero");
    write_record(&broker, 1, "one");
    struct log_reader *reader = log_reader_open(&broker.config, 0);
    rd_kafka_mock_partition_set_leader(broker.cluster, LOG, 1, -1);
    assert_int_equal(read_partition(reader, 0, text, &info), ERR_NONE);
    assert_string_equal(text, "zero");
    assert_int_equal(read_partition(reader, 1, text, &info), ERR_RETRY);
    rd_kafka_mock_partition_set_leader(broker.cluster, LOG, 1, 1);
    assert_int_equal(read_partition(reader, 1, text, &info), ERR_NONE);
    assert_string_equal(text, "one");
    assert_int_equal(read_partition(reader, 0, text, &info), ERR_NONE);
    assert_string_equal(text, "zero");
    log_reader_close(reader);
    stop(&broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_leader_that_was_away_is_found_when_it_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
