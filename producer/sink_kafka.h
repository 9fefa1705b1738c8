/*
 * producer/sink_kafka.h - Kafka transactions, and the topics that must be there.
 *
 * After an error every call but sink_settle() answers ERR_FENCED. docs/librdkafka-notes.md has what
 * this rests on.
 */
#ifndef PRODUCER_SINK_KAFKA_H
#define PRODUCER_SINK_KAFKA_H

#include "config/config.h"
#include "producer/sink.h"

/*
 * transactional.id `{group}/{instance}/{worker}`. NULL on error: ERR_CONFIG where librdkafka does
 * not take the configuration. Nothing is sent before sink_settle(). `topics` (copied): all that it
 * will produce to. `config` outlives the sink.
 */
struct sink *sink_kafka_open(const struct config *config, unsigned worker,
                             const char *const *topics, size_t topic_count, struct errinfo *info);

/*
 * Looks whether the topic is there, and creates it where it is not: `partitions` (-1: the broker's
 * default), `keep_for_ever`: retention.ms=-1 and cleanup.policy=delete. Returns when its partitions
 * can be written. ERR_RETRY: brokers away. ERR_FATAL: not there and not creatable; or with another
 * number of partitions than asked for.
 */
enum err sink_kafka_ensure_topic(const struct config *config, const char *topic, int32_t partitions,
                                 bool keep_for_ever, struct errinfo *info);

/* How many partitions it has; ERR_REJECT where it is not there. */
enum err sink_kafka_partition_count(const struct config *config, const char *topic, int32_t *count,
                                    struct errinfo *info);
#endif
