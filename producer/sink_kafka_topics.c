#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "core/check.h"
#include "core/clock.h"
#include "producer/producer_conf.h"
#include "producer/producer_error.h"
#include "producer/sink_kafka.h"

#define REQUEST_TIMEOUT_MS 10000
#define CREATED_TIMEOUT_MS 15000 /* until a new topic's partitions have leaders */
#define CREATED_PAUSE_MS   20

/* What is known of a topic. */
struct topic_state {
    int32_t partition_count; /* 0: it is not there */
    bool has_leaders;
};

static enum err fail(const struct config *config, rd_kafka_resp_err_t code, const char *topic,
                     struct errinfo *info)
{
    const char *advice = producer_error_advice(code);
    if (advice)
        return err_set(info, ERR_FATAL, "topic %s: %s (%s)", topic, rd_kafka_err2str(code), advice);
    return err_set(info, ERR_RETRY, "Kafka at %s: topic %s: %s", config->brokers, topic,
                   rd_kafka_err2str(code));
}

static rd_kafka_t *open_handle(const struct config *config, struct errinfo *info)
{
    char text[256];
    rd_kafka_conf_t *conf = producer_conf_admin(config, info);
    if (!conf)
        return NULL;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        err_set(info, ERR_CONFIG, "%s", text);
    }
    return rk;
}

static void read_state(const struct rd_kafka_metadata_topic *topic, struct topic_state *state)
{
    state->partition_count = topic->partition_cnt;
    state->has_leaders = topic->partition_cnt > 0;
    for (int i = 0; i < topic->partition_cnt; i++)
        state->has_leaders = state->has_leaders && topic->partitions[i].leader >= 0;
}

static enum err look(rd_kafka_t *rk, const struct config *config, const char *name,
                     struct topic_state *state, struct errinfo *info)
{
    const struct rd_kafka_metadata *metadata;
    *state = (struct topic_state){0};
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    if (!topic)
        return fail(config, rd_kafka_last_error(), name, info);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, REQUEST_TIMEOUT_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(config, code, name, info);
    CHECK(metadata->topic_cnt == 1);
    code = metadata->topics[0].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        read_state(&metadata->topics[0], state);
    rd_kafka_metadata_destroy(metadata);
    bool is_known =
        code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return is_known ? ERR_NONE : fail(config, code, name, info);
}

/* What the broker makes of a request to create the topic. */
static rd_kafka_resp_err_t request(rd_kafka_t *rk, rd_kafka_NewTopic_t *topic, char *why,
                                   size_t size)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_TIMEOUT_MS, NULL, 0);
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_TIMEOUT_MS + 1000);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    snprintf(why, size, "%s", rd_kafka_err2str(code));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        CHECK(count == 1);
        code = rd_kafka_topic_result_error(results[0]);
        const char *text = rd_kafka_topic_result_error_string(results[0]);
        snprintf(why, size, "%s", text ? text : rd_kafka_err2str(code));
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return code;
}

static bool may_heal(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

static enum err create(rd_kafka_t *rk, const struct config *config, const char *name,
                       int32_t partitions, bool keep_for_ever, struct errinfo *info)
{
    char why[300];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, -1, why, sizeof(why));
    if (!topic)
        return err_set(info, ERR_FATAL, "topic %s: %s", name, why);
    if (keep_for_ever) {
        rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
        rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
        rd_kafka_NewTopic_set_config(topic, "retention.bytes", "-1");
    }
    rd_kafka_resp_err_t code = request(rk, topic, why, sizeof(why));
    rd_kafka_NewTopic_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return ERR_NONE;
    if (may_heal(code))
        return err_set(info, ERR_RETRY, "Kafka at %s: creating the topic %s: %s", config->brokers,
                       name, why);
    return err_set(info, ERR_FATAL, "topic %s is not there and can't be created: %s (create it%s)",
                   name, why,
                   keep_for_ever ? ", with retention.ms=-1 and cleanup.policy=delete" : "");
}

/* Another process may have created it at the same moment, so it is looked at like any other. */
static enum err wait_until_created(rd_kafka_t *rk, const struct config *config, const char *name,
                                   struct topic_state *state, struct errinfo *info)
{
    const struct timespec pause = {0, CREATED_PAUSE_MS * 1000000};
    struct clock clock = clock_system();
    int64_t end_ms = clock_monotonic_ms(&clock) + CREATED_TIMEOUT_MS;
    enum err rc = look(rk, config, name, state, info);
    while (rc == ERR_NONE && !state->has_leaders) {
        if (clock_monotonic_ms(&clock) > end_ms)
            return err_set(info, ERR_RETRY, "topic %s was created and has no leaders yet", name);
        nanosleep(&pause, NULL);
        rc = look(rk, config, name, state, info);
    }
    return rc;
}

static enum err ensure(rd_kafka_t *rk, const struct config *config, const char *name,
                       int32_t partitions, bool keep_for_ever, struct errinfo *info)
{
    struct topic_state state;
    enum err rc = look(rk, config, name, &state, info);
    if (rc == ERR_NONE && state.partition_count == 0) {
        rc = create(rk, config, name, partitions, keep_for_ever, info);
        if (rc == ERR_NONE)
            rc = wait_until_created(rk, config, name, &state, info);
    }
    if (rc == ERR_NONE && partitions >= 0 && state.partition_count != partitions)
        return err_set(info, ERR_FATAL,
                       "topic %s has %" PRId32 " partitions where %" PRId32 " are needed", name,
                       state.partition_count, partitions);
    return rc;
}

enum err sink_kafka_ensure_topic(const struct config *config, const char *topic, int32_t partitions,
                                 bool keep_for_ever, struct errinfo *info)
{
    rd_kafka_t *rk = open_handle(config, info);
    if (!rk)
        return ERR_CONFIG;
    enum err rc = ensure(rk, config, topic, partitions, keep_for_ever, info);
    rd_kafka_destroy(rk);
    return rc;
}

enum err sink_kafka_partition_count(const struct config *config, const char *topic, int32_t *count,
                                    struct errinfo *info)
{
    struct topic_state state;
    rd_kafka_t *rk = open_handle(config, info);
    if (!rk)
        return ERR_CONFIG;
    enum err rc = look(rk, config, topic, &state, info);
    rd_kafka_destroy(rk);
    if (rc == ERR_NONE && state.partition_count == 0)
        return err_set(info, ERR_REJECT, "there is no topic %s", topic);
    if (rc == ERR_NONE)
        *count = state.partition_count;
    return rc;
}
