/*
 * bench/kafka_conf.h - the settings of a Kafka client that is no part of the engine: those that feed topics and those that
 * look into them. Ours first, then kafka.properties, then what nobody may change.
 *
 * For bench/ and cli/ only: librdkafka's types are in it.
 */
#ifndef BENCH_KAFKA_CONF_H
#define BENCH_KAFKA_CONF_H

#include <stddef.h>

#include <librdkafka/rdkafka.h>

#include "config/config.h"
#include "core/diag.h"
#include "core/err.h"

struct kafka_setting {
    const char *name;
    const char *value; /* a name of NULL ends the list */
};

/* NULL on error (ERR_CONFIG). rd_kafka_new() takes it over when it succeeds. */
rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *ours,
                                const struct kafka_setting *fixed, struct errinfo *info);

/* Each of kafka.properties that librdkafka does not take is a mistake in `diag`. Nothing is connected to. */
void kafka_conf_check(const struct config *config, struct diag *diag);

/* What an error means: ERR_RETRY where the brokers are away, ERR_FATAL for all else. `what` was tried. */
enum err kafka_conf_error(const struct config *config, rd_kafka_resp_err_t code, const char *what,
                          struct errinfo *info);
#endif
