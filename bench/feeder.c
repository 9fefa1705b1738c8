#include "bench/feeder.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/kafka_conf.h"
#include "core/check.h"

struct feeder {
    const struct config *config;
    const char *topic_name;
    rd_kafka_t *producer;
    rd_kafka_topic_t
        *topic; /* asked for early: else the first record waits a second for metadata */
    uint64_t failures;
    char why[256];
};

static const struct kafka_setting ours[] = {
    {"client.id", "stagecoach-feeder"},
    {"compression.type", "lz4"},
    {"linger.ms", "20"},
    {"batch.num.messages", "50000"},
    {"queue.buffering.max.messages", "200000"},
    {"queue.buffering.max.kbytes", "131072"},
    {"message.max.bytes", "1048588"}, /* the broker's default; the client's is a little less */
    {"socket.nagle.disable", "true"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

static const struct kafka_setting fixed[] = {
    {"enable.idempotence", "true"},
    {"partitioner", "murmur2_random"},
    {"delivery.report.only.error",
     "true"}, /* a call for each record would cost half of the speed */
    {NULL, NULL},
};

/* On the thread that serves or flushes. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct feeder *feeder = opaque;
    (void)producer;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (feeder->failures++ == 0)
        snprintf(feeder->why, sizeof feeder->why, "%s", rd_kafka_err2str(message->err));
}

struct feeder *feeder_open(const struct config *config, const char *topic, struct errinfo *info)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, ours, fixed, info);
    if (!conf)
        return NULL;
    struct feeder *feeder = calloc(1, sizeof *feeder);
    CHECK(feeder != NULL);
    feeder->config = config;
    feeder->topic_name = topic;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, feeder);
    char text[256];
    feeder->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!feeder->producer) {
        rd_kafka_conf_destroy(conf);
        err_set(info, ERR_CONFIG, "%s", text);
        feeder_close(feeder);
        return NULL;
    }
    feeder->topic = rd_kafka_topic_new(feeder->producer, topic, NULL);
    CHECK(feeder->topic != NULL);
    return feeder;
}

enum err feeder_connect(struct feeder *feeder, int timeout_ms, struct errinfo *info)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(feeder->producer, 0, feeder->topic, &metadata, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_conf_error(feeder->config, code, feeder->topic_name, info);
    code = metadata->topics[0].err;
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(info, ERR_REJECT, "there is no topic %s at %s", feeder->topic_name,
                       feeder->config->brokers);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_conf_error(feeder->config, code, feeder->topic_name, info);
    return ERR_NONE;
}

static enum err send_error(struct feeder *feeder, rd_kafka_resp_err_t code, struct errinfo *info)
{
    char text[256];
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ERR_AGAIN;
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return err_set(info, ERR_REJECT, "too large for Kafka");
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(feeder->producer, text, sizeof text);
        return err_set(info, ERR_FATAL, "%s: %s", feeder->topic_name, text);
    }
    return err_set(info, ERR_FATAL, "%s: %s", feeder->topic_name, rd_kafka_err2str(code));
}

enum err feeder_send(struct feeder *feeder, const struct feeder_record *record,
                     struct errinfo *info)
{
    /* librdkafka takes no const pointers, but copies what it is given. */
    rd_kafka_resp_err_t code = rd_kafka_producev(
        feeder->producer, RD_KAFKA_V_RKT(feeder->topic), RD_KAFKA_V_PARTITION(record->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)(uintptr_t)record->key.data, record->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.data, record->value.size),
        RD_KAFKA_V_TIMESTAMP(record->time_ms), RD_KAFKA_V_END);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_NONE : send_error(feeder, code, info);
}

void feeder_serve(struct feeder *feeder, int timeout_ms)
{
    rd_kafka_poll(feeder->producer, timeout_ms);
}

uint64_t feeder_failures(const struct feeder *feeder, const char **why)
{
    *why = feeder->why;
    return feeder->failures;
}

enum err feeder_flush(struct feeder *feeder, int timeout_ms, int *left)
{
    rd_kafka_flush(feeder->producer, timeout_ms);
    *left = rd_kafka_outq_len(feeder->producer);
    return *left == 0 ? ERR_NONE : ERR_AGAIN;
}

void feeder_close(struct feeder *feeder)
{
    if (!feeder)
        return;
    if (feeder->topic)
        rd_kafka_topic_destroy(feeder->topic);
    if (feeder->producer) {
        rd_kafka_purge(feeder->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(feeder->producer);
    }
    free(feeder);
}
