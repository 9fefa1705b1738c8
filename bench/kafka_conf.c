#include "bench/kafka_conf.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"

#define SYSLOG_ERROR 3

/*
 * Any thread of librdkafka's. What these commands have to say they say themselves, so this is for debugging; but why a broker
 * can't be reached, because of a wrong password perhaps, stands here only.
 */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    log_write(level <= SYSLOG_ERROR ? LOG_WARN : LOG_DEBUG, "kafka.client",
              "client=%s facility=%s text=%s", rd_kafka_name(rk), facility, log_quote(text).text);
}

static enum err set(rd_kafka_conf_t *conf, const char *name, const char *value,
                    struct errinfo *info)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return ERR_NONE;
    return err_set(info, ERR_CONFIG, "%s", text);
}

static enum err set_all(rd_kafka_conf_t *conf, const struct kafka_setting *settings,
                        struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (; settings->name && rc == ERR_NONE; settings++)
        rc = set(conf, settings->name, settings->value, info);
    return rc;
}

/* NULL, or why it is refused. What librdkafka says repeats the value. */
static const char *try_property(rd_kafka_conf_t *conf, const struct config_property *property,
                                struct errinfo *why)
{
    if (set(conf, property->name, property->value, why) == ERR_NONE)
        return NULL;
    return property->is_secret ? "librdkafka does not take this value" : why->text;
}

static enum err set_property(rd_kafka_conf_t *conf, const struct config_property *property,
                             struct errinfo *info)
{
    struct errinfo why;
    const char *refused = try_property(conf, property, &why);
    if (!refused)
        return ERR_NONE;
    return err_set(info, ERR_CONFIG, "%s:%d:%d: kafka.properties: %s: %s", property->at.file,
                   property->at.line, property->at.column, property->name, refused);
}

void kafka_conf_check(const struct config *config, struct diag *diag)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct errinfo why;
    for (size_t i = 0; i < config->property_count; i++) {
        const struct config_property *property = &config->properties[i];
        const char *refused = try_property(conf, property, &why);
        if (refused)
            diag_error(diag, property->at, "kafka.properties: %s: %s", property->name, refused);
    }
    rd_kafka_conf_destroy(conf);
}

rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *ours,
                                const struct kafka_setting *fixed, struct errinfo *info)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    enum err rc = set(conf, "bootstrap.servers", config->brokers, info);
    if (rc == ERR_NONE)
        rc = set_all(conf, ours, info);
    for (size_t i = 0; i < config->property_count && rc == ERR_NONE; i++)
        rc = set_property(conf, &config->properties[i], info);
    if (rc == ERR_NONE)
        rc = set_all(conf, fixed, info);
    if (rc == ERR_NONE)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static bool is_away(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return true;
    default: /* librdkafka's codes are not ours */
        return false;
    }
}

enum err kafka_conf_error(const struct config *config, rd_kafka_resp_err_t code, const char *what,
                          struct errinfo *info)
{
    if (is_away(code))
        return err_set(info, ERR_RETRY, "no answer from Kafka at %s (kafka.brokers): %s: %s",
                       config->brokers, what, rd_kafka_err2str(code));
    return err_set(info, ERR_FATAL, "%s: %s", what, rd_kafka_err2str(code));
}
