#include "consumer/consumer_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/refill.h"
#include "core/log.h"

struct setting {
    const char *name;
    const char *value;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct setting own[] = {
    {"queued.min.messages", "600000"}, /* the bytes are what counts */
    /* One fetch is under way at a time to a broker: a partition that is resumed waits for the one
     * that waits for others. And the end of a partition is said when a fetch comes back. */
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    /* A heartbeat's answer is how members learn that somebody joins. */
    {"heartbeat.interval.ms", "1000"},
    /* How soon offsets are asked for again while a transaction's markers are being written. */
    {"retry.backoff.ms", "10"},
    {"socket.nagle.disable", "true"},
    {"log.connection.close", "false"}, /* brokers close idle connections */
};

/* Some 30,000 events, 40 ms of what a worker can do. A fetch brings compressed batches of up to `fetch.max.bytes`. */
static const struct setting short_queue[] = {
    {"queued.max.messages.kbytes", "8192"},
    {"fetch.message.max.bytes", "524288"},
    {"fetch.max.bytes", "1048576"},
};

/* More than a second of load, after which librdkafka 2.0.2 looks again by itself. */
static const struct setting long_queue[] = {
    {"queued.max.messages.kbytes", "262144"},
    {"fetch.message.max.bytes", "4194304"},
};

static const struct setting fixed[] = {
    {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"}, {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"}, /* a position outside the log must never jump in silence */
    {"allow.auto.create.topics", "false"}, {"statistics.interval.ms", "0"},
};

static const struct setting fixed_member[] = {
    {"partition.assignment.strategy",
     "range"}, /* eager: cooperative mode of 2.0.2 loses assignments */
};

static const struct setting own_plain[] = {
    {"fetch.wait.max.ms", "10"}, /* it reads to an end, and then does not fetch */
};

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

/* Of librdkafka 2.2 on; others have no such property. */
static enum err set_queue_backoff(rd_kafka_conf_t *conf, struct errinfo *info)
{
    char text[256];
    rd_kafka_conf_res_t set_it =
        rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "5", text, sizeof(text));
    return set_it == RD_KAFKA_CONF_INVALID ? err_set(info, ERR_CONFIG, "%s", text) : ERR_NONE;
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

static enum err set_common(rd_kafka_conf_t *conf, const struct config *config, unsigned worker,
                           struct errinfo *info)
{
    char client[300];
    snprintf(client, sizeof(client), "stagecoach-%s-%u", config->instance, worker);
    rd_kafka_conf_set_log_cb(conf, on_log);
    enum err rc = set(conf, "client.id", client, info);
    if (rc == ERR_NONE)
        rc = set(conf, "bootstrap.servers", config->brokers, info);
    if (rc == ERR_NONE)
        rc = set_all(conf, own, COUNT(own), info);
    return rc;
}

static enum err set_member(rd_kafka_conf_t *conf, const struct config *config, unsigned worker,
                           struct errinfo *info)
{
    char instance[300];
    snprintf(instance, sizeof(instance), "%s-%u", config->instance, worker);
    enum err rc = set_all(conf, fixed_member, COUNT(fixed_member), info);
    if (rc == ERR_NONE)
        rc = set(conf, "group.id", config->group, info);
    if (rc == ERR_NONE)
        rc = set(conf, "group.instance.id", instance, info);
    return rc;
}

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name)
{
    char text[32] = "";
    size_t size = sizeof(text);
    rd_kafka_conf_get(conf, name, text, &size);
    return strtoll(text, NULL, 10);
}

/*
 * librdkafka wants a fetch to hold a whole message, and kafka.properties go to producers too: for
 * one of them message.max.bytes may be large.
 */
static enum err fit_fetches(rd_kafka_conf_t *conf, const struct config *config,
                            struct errinfo *info)
{
    char text[32];
    int64_t message = number_of(conf, "message.max.bytes");
    for (size_t i = 0; i < config->property_count; i++)
        if (strcmp(config->properties[i].name, "fetch.max.bytes") == 0)
            return ERR_NONE; /* the user's own: librdkafka says what is wrong with it */
    if (number_of(conf, "fetch.max.bytes") >= message)
        return ERR_NONE;
    snprintf(text, sizeof(text), "%lld", (long long)message);
    return set(conf, "fetch.max.bytes", text, info);
}

static rd_kafka_conf_t *build(const struct config *config, unsigned worker, bool is_member,
                              struct errinfo *info)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err rc = set_common(conf, config, worker, info);
    if (rc == ERR_NONE)
        rc = is_member && refill_is_possible(config)
                 ? set_all(conf, short_queue, COUNT(short_queue), info)
                 : set_all(conf, long_queue, COUNT(long_queue), info);
    if (rc == ERR_NONE)
        rc = set_queue_backoff(conf, info);
    if (rc == ERR_NONE)
        rc = set_properties(conf, config, info);
    if (rc == ERR_NONE)
        rc = fit_fetches(conf, config, info);
    if (rc == ERR_NONE)
        rc = set_all(conf, fixed, COUNT(fixed), info);
    if (rc == ERR_NONE && is_member)
        rc = set_member(conf, config, worker, info);
    if (rc == ERR_NONE && !is_member)
        rc = set_all(conf, own_plain, COUNT(own_plain), info);
    if (rc == ERR_NONE)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_conf_t *consumer_conf_member(const struct config *config, unsigned worker,
                                      struct errinfo *info)
{
    return build(config, worker, true, info);
}

rd_kafka_conf_t *consumer_conf_plain(const struct config *config, unsigned worker,
                                     struct errinfo *info)
{
    return build(config, worker, false, info);
}
