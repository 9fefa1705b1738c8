/*
 * consumer/consumer_conf.h - the settings of our Kafka consumers: our own, then kafka.properties,
 * then those that exactly-once rests on, which nobody can change.
 *
 * Private to consumer/: librdkafka's types are in it.
 */
#ifndef CONSUMER_CONSUMER_CONF_H
#define CONSUMER_CONSUMER_CONF_H

#include <librdkafka/rdkafka.h>

#include "config/config.h"
#include "core/err.h"

/*
 * For a member of the group. NULL on error (ERR_CONFIG). rd_kafka_new() takes it over when it
 * succeeds.
 */
rd_kafka_conf_t *consumer_conf_member(const struct config *config, unsigned worker,
                                      struct errinfo *info);

/* For a consumer without a group, which reads logs from a given place. */
rd_kafka_conf_t *consumer_conf_plain(const struct config *config, unsigned worker,
                                     struct errinfo *info);
#endif
