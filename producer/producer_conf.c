#include "producer/producer_conf.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"

struct setting {
    const char *name;
    const char *value;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct setting own[] = {
    {"reconnect.backoff.max.ms", "2000"},
    {"socket.nagle.disable", "true"},
    {"log.connection.close", "false"}, /* brokers close idle connections */
};

static const struct setting own_transactional[] = {
    /* Short transactions: what hangs holds up every read_committed consumer behind it. A message
     * must have failed before its transaction does, and a request before its message. */
    {"transaction.timeout.ms", "30000"},
    {"message.timeout.ms", "25000"},
    {"socket.timeout.ms", "10000"},
    /* The markers of a transaction are written after its commit has been answered; until then the
     * next one is told to come again, after 100 ms by default. */
    {"retry.backoff.ms", "10"},
    /* A commit does not wait for it; how long full batches may take without busy waiting (producer/outflow.h). */
    {"linger.ms", "250"},
    {"compression.codec", "lz4"},
    {"partitioner",
     "murmur2_random"}, /* as Java's clients: other producers of the same keys agree */
    {"queue.buffering.max.messages", "1000000"},
};

static const struct setting fixed_transactional[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"delivery.report.only.error", "true"}, /* success is what the commit says */
};

static const struct setting fixed[] = {
    {"statistics.interval.ms", "0"},
};

static const struct setting fixed_admin[] = {
    {"allow.auto.create.topics", "false"},
};

#define MESSAGE_MAX_BYTES 1000000 /* librdkafka's own default, and what brokers take by theirs */
#define MESSAGE_ROOM      65536   /* for key and headers beside the value */

/* `level` is syslog's: 3 is an error, 4 a warning, 6 information. */
static enum log_level level_of(int level, const char *facility)
{
    /*
     * kafka.properties go to producers and consumers alike, so half of them are useless somewhere.
     */
    if (strcmp(facility, "CONFWARN") == 0)
        return LOG_DEBUG;
    if (level <= 3)
        return LOG_ERROR;
    if (level == 4)
        return LOG_WARN;
    return level <= 6 ? LOG_INFO : LOG_DEBUG;
}

/* Any thread of librdkafka's. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    log_write(level_of(level, facility), "kafka.client", "client=%s facility=%s text=%s",
              rd_kafka_name(rk), facility, log_quote(text).text);
}

static enum err set(rd_kafka_conf_t *conf, const char *name, const char *value,
                    struct errinfo *info)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return ERR_NONE;
    return err_set(info, ERR_CONFIG, "%s", text);
}

static enum err set_all(rd_kafka_conf_t *conf, const struct setting *settings, size_t count,
                        struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < count && rc == ERR_NONE; i++)
        rc = set(conf, settings[i].name, settings[i].value, info);
    return rc;
}

static enum err set_property(rd_kafka_conf_t *conf, const struct config_property *property,
                             struct errinfo *info)
{
    struct errinfo why;
    if (set(conf, property->name, property->value, &why) == ERR_NONE)
        return ERR_NONE;
    /* What librdkafka says repeats the value. */
    return err_set(info, ERR_CONFIG, "%s:%d:%d: kafka.properties: %s: %s", property->at.file,
                   property->at.line, property->at.column, property->name,
                   property->is_secret ? "librdkafka does not take this value" : why.text);
}

static enum err set_properties(rd_kafka_conf_t *conf, const struct config *config,
                               struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < config->property_count && rc == ERR_NONE; i++)
        rc = set_property(conf, &config->properties[i], info);
    return rc;
}

static enum err set_common(rd_kafka_conf_t *conf, const struct config *config, const char *client,
                           struct errinfo *info)
{
    rd_kafka_conf_set_log_cb(conf, on_log);
    enum err rc = set(conf, "client.id", client, info);
    if (rc == ERR_NONE)
        rc = set(conf, "bootstrap.servers", config->brokers, info);
    if (rc == ERR_NONE)
        rc = set_all(conf, own, COUNT(own), info);
    return rc;
}

/* What is within signals.max_bytes must not fail here. */
static enum err set_message_max(rd_kafka_conf_t *conf, const struct config *config,
                                struct errinfo *info)
{
    char text[32];
    int64_t needed = config->max_bytes + MESSAGE_ROOM;
    snprintf(text, sizeof(text), "%lld",
             (long long)(needed > MESSAGE_MAX_BYTES ? needed : MESSAGE_MAX_BYTES));
    return set(conf, "message.max.bytes", text, info);
}

static enum err set_transactional(rd_kafka_conf_t *conf, const struct config *config,
                                  unsigned worker, struct errinfo *info)
{
    char id[600];
    snprintf(id, sizeof(id), "%s/%s/%u", config->group, config->instance, worker);
    enum err rc = set_all(conf, fixed_transactional, COUNT(fixed_transactional), info);
    if (rc == ERR_NONE)
        rc = set(conf, "transactional.id", id, info);
    return rc;
}

static rd_kafka_conf_t *finish(rd_kafka_conf_t *conf, enum err rc, struct errinfo *info)
{
    if (rc == ERR_NONE)
        rc = set_all(conf, fixed, COUNT(fixed), info);
    if (rc == ERR_NONE)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_conf_t *producer_conf_transactional(const struct config *config, unsigned worker,
                                             struct errinfo *info)
{
    char client[300];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    snprintf(client, sizeof(client), "stagecoach-%s-%u", config->instance, worker);
    enum err rc = set_common(conf, config, client, info);
    if (rc == ERR_NONE)
        rc = set_all(conf, own_transactional, COUNT(own_transactional), info);
    if (rc == ERR_NONE)
        rc = set_message_max(conf, config, info);
    if (rc == ERR_NONE)
        rc = set_properties(conf, config, info);
    if (rc == ERR_NONE)
        rc = set_transactional(conf, config, worker, info);
    return finish(conf, rc, info);
}

rd_kafka_conf_t *producer_conf_admin(const struct config *config, struct errinfo *info)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err rc = set_common(conf, config, "stagecoach-admin", info);
    if (rc == ERR_NONE)
        rc = set_properties(conf, config, info);
    if (rc == ERR_NONE)
        rc = set_all(conf, fixed_admin, COUNT(fixed_admin), info);
    return finish(conf, rc, info);
}
