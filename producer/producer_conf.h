/*
 * producer/producer_conf.h - the settings of our Kafka producers: our own, then kafka.properties,
 * then those that exactly-once rests on, which nobody can change.
 *
 * Private to producer/: librdkafka's types are in it.
 */
#ifndef PRODUCER_PRODUCER_CONF_H
#define PRODUCER_PRODUCER_CONF_H

#include <librdkafka/rdkafka.h>

#include "config/config.h"
#include "core/err.h"

/* NULL on error (ERR_CONFIG). rd_kafka_new() takes it over when it succeeds. */
rd_kafka_conf_t *producer_conf_transactional(const struct config *config, unsigned worker,
                                             struct errinfo *info);

/*
 * For a handle that asks for topics and creates them: of a consumer without a group, whose
 * questions create none.
 */
rd_kafka_conf_t *producer_conf_admin(const struct config *config, struct errinfo *info);
#endif
