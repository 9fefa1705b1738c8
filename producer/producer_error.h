/*
 * producer/producer_error.h - which errors of a Kafka producer no repetition heals.
 *
 * Private to producer/: librdkafka's types are in it.
 */
#ifndef PRODUCER_PRODUCER_ERROR_H
#define PRODUCER_PRODUCER_ERROR_H

#include <librdkafka/rdkafka.h>

/*
 * What a person has to do about it: a missing right, an unknown topic, a record that the broker
 * will never take. NULL for all other errors.
 */
const char *producer_error_advice(rd_kafka_resp_err_t code);
#endif
