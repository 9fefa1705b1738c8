/*
 * consumer/consumer_error.h - what an error of a Kafka consumer means for us.
 *
 * Private to consumer/: librdkafka's types are in it.
 */
#ifndef CONSUMER_CONSUMER_ERROR_H
#define CONSUMER_CONSUMER_ERROR_H

#include <librdkafka/rdkafka.h>

#include "core/err.h"

/*
 * ERR_FATAL where a person has to look: a missing right, an unknown topic, a clash of instances, a
 * position outside the log, bytes that can't be read. ERR_RETRY for all else: librdkafka goes on
 * trying. `what` is what was tried or where it happened; `why` is librdkafka's own text, or NULL.
 */
enum err consumer_error(struct errinfo *info, rd_kafka_resp_err_t code, const char *what,
                        const char *why);
#endif
