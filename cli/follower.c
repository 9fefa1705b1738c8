#include "cli/follower.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/kafka_conf.h"
#include "core/check.h"

struct place { /* a partition that is read */
    rd_kafka_topic_t *topic;
    int32_t partition;
    int64_t end; /* as it was when the reading began */
    bool is_at_end;
};

struct follower {
    const struct config *config;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue; /* of all partitions */
    rd_kafka_topic_t **topics;
    size_t topic_count;
    struct place *places;
    size_t place_count;
    size_t open_count;           /* of those that are not at their end */
    rd_kafka_message_t *message; /* the one that was given last */
};

static const struct kafka_setting ours[] = {
    {"client.id", "stagecoach-follower"},
    {"fetch.wait.max.ms", "100"},
    {"socket.nagle.disable", "true"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

static const struct kafka_setting fixed[] = {
    {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"}, {"enable.partition.eof", "true"},
    {"auto.offset.reset", "earliest"}, /* what was deleted under us is gone for everybody */
    {"allow.auto.create.topics", "false"}, {NULL, NULL},
};

struct follower *follower_open(const struct config *config, struct errinfo *info)
{
    char text[256];
    rd_kafka_conf_t *conf = kafka_conf_new(config, ours, fixed, info);
    if (!conf)
        return NULL;
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!consumer) {
        rd_kafka_conf_destroy(conf);
        err_set(info, ERR_CONFIG, "%s", text);
        return NULL;
    }
    struct follower *follower = calloc(1, sizeof *follower);
    CHECK(follower != NULL);
    follower->config = config;
    follower->consumer = consumer;
    follower->queue = rd_kafka_queue_new(consumer);
    return follower;
}

/* ---- where to begin ---- */

static enum err count_partitions(struct follower *follower, rd_kafka_topic_t *topic, int timeout_ms,
                                 int32_t *count, struct errinfo *info)
{
    const struct rd_kafka_metadata *metadata;
    const char *name = rd_kafka_topic_name(topic);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(follower->consumer, 0, topic, &metadata, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_conf_error(follower->config, code, name, info);
    code = metadata->topics[0].err;
    *count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(info, ERR_REJECT, "there is no topic %s at %s", name,
                       follower->config->brokers);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_conf_error(follower->config, code, name, info);
    return ERR_NONE;
}

/*
 * First and end of each, asked before anything begins, so that an error leaves nothing half done.
 */
struct bounds {
    int64_t first, end;
};

static enum err ask_bounds(struct follower *follower, const char *topic, int32_t count,
                           int timeout_ms, struct bounds *bounds, struct errinfo *info)
{
    for (int32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            follower->consumer, topic, i, &bounds[i].first, &bounds[i].end, timeout_ms);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_conf_error(follower->config, code, topic, info);
    }
    return ERR_NONE;
}

static enum err begin(struct follower *follower, rd_kafka_topic_t *topic, int32_t partition,
                      struct bounds bounds, bool from_beginning, struct errinfo *info)
{
    int64_t from = from_beginning ? bounds.first : bounds.end;
    if (rd_kafka_consume_start_queue(topic, partition, from, follower->queue) != 0)
        return kafka_conf_error(follower->config, rd_kafka_last_error(), rd_kafka_topic_name(topic),
                                info);
    follower->places[follower->place_count++] = (struct place){
        .topic = topic, .partition = partition, .end = bounds.end, .is_at_end = from >= bounds.end};
    follower->open_count += from < bounds.end;
    return ERR_NONE;
}

static enum err begin_all(struct follower *follower, rd_kafka_topic_t *topic, int32_t count,
                          const struct bounds *bounds, bool from_beginning, struct errinfo *info)
{
    size_t places = follower->place_count + (size_t)count;
    follower->places = realloc(follower->places, places * sizeof *follower->places);
    follower->topics =
        realloc(follower->topics, (follower->topic_count + 1) * sizeof(rd_kafka_topic_t *));
    CHECK(follower->places != NULL && follower->topics != NULL);
    follower->topics[follower->topic_count++] = topic;
    enum err rc = ERR_NONE;
    for (int32_t i = 0; i < count && rc == ERR_NONE; i++)
        rc = begin(follower, topic, i, bounds[i], from_beginning, info);
    return rc == ERR_NONE ? ERR_NONE : ERR_FATAL; /* half begun: not to be repeated */
}

enum err follower_add(struct follower *follower, const char *name, bool from_beginning,
                      int timeout_ms, struct errinfo *info)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(follower->consumer, name, NULL);
    CHECK(topic != NULL);
    int32_t count = 0;
    enum err rc = count_partitions(follower, topic, timeout_ms, &count, info);
    struct bounds *bounds = calloc((size_t)count + 1, sizeof *bounds);
    CHECK(bounds != NULL);
    if (rc == ERR_NONE)
        rc = ask_bounds(follower, name, count, timeout_ms, bounds, info);
    if (rc == ERR_NONE)
        rc = begin_all(follower, topic, count, bounds, from_beginning, info);
    else
        rd_kafka_topic_destroy(topic);
    free(bounds);
    return rc;
}

/* ---- records ---- */

static struct place *place_of(struct follower *follower, const rd_kafka_message_t *message)
{
    for (size_t i = 0; i < follower->place_count; i++)
        if (follower->places[i].topic == message->rkt &&
            follower->places[i].partition == message->partition)
            return &follower->places[i];
    return NULL;
}

static void note_position(struct follower *follower, const rd_kafka_message_t *message,
                          int64_t next)
{
    struct place *place = place_of(follower, message);
    if (!place || place->is_at_end || next < place->end)
        return;
    place->is_at_end = true;
    follower->open_count--;
}

static enum follower_result give(struct follower *follower, rd_kafka_message_t *message,
                                 struct follower_record *record, struct errinfo *info)
{
    follower->message = message;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) { /* behind markers of transactions */
        note_position(follower, message, message->offset);
        return FOLLOWER_NOTHING;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "reading signals";
        enum err rc = kafka_conf_error(follower->config, message->err, topic, info);
        return rc == ERR_RETRY ? FOLLOWER_AWAY : FOLLOWER_FAILED;
    }
    note_position(follower, message, message->offset + 1);
    *record = (struct follower_record){
        .topic = rd_kafka_topic_name(message->rkt),
        .partition = message->partition,
        .offset = message->offset,
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .message = message,
    };
    return FOLLOWER_RECORD;
}

static void release(struct follower *follower)
{
    if (follower->message)
        rd_kafka_message_destroy(follower->message);
    follower->message = NULL;
}

enum follower_result follower_next(struct follower *follower, int timeout_ms, bool until_end,
                                   struct follower_record *record, struct errinfo *info)
{
    release(follower);
    if (until_end && follower->open_count == 0)
        return FOLLOWER_END;
    rd_kafka_message_t *message = rd_kafka_consume_queue(follower->queue, timeout_ms);
    return message ? give(follower, message, record, info) : FOLLOWER_NOTHING;
}

struct slice follower_header(const struct follower_record *record, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *data;
    size_t size;
    if (rd_kafka_message_headers(record->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &data, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return (struct slice){NULL, 0};
    return (struct slice){data, size};
}

void follower_close(struct follower *follower)
{
    if (!follower)
        return;
    release(follower);
    for (size_t i = 0; i < follower->place_count; i++)
        rd_kafka_consume_stop(follower->places[i].topic, follower->places[i].partition);
    for (size_t i = 0; i < follower->topic_count; i++)
        rd_kafka_topic_destroy(follower->topics[i]);
    rd_kafka_queue_destroy(follower->queue);
    rd_kafka_destroy(follower->consumer);
    free(follower->topics);
    free(follower->places);
    free(follower);
}
