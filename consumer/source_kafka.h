/*
 * consumer/source_kafka.h - the input as a member of a Kafka consumer group.
 *
 * Eager `range` assignment with static membership (group.instance.id `{instance}-{worker}`),
 * isolation read_committed, no automatic commits. docs/librdkafka-notes.md has what this rests on.
 *
 * "End" is always the last stable offset: where a transaction is open, its beginning.
 */
#ifndef CONSUMER_SOURCE_KAFKA_H
#define CONSUMER_SOURCE_KAFKA_H

#include "config/config.h"
#include "consumer/source.h"

/*
 * NULL on error: ERR_CONFIG where librdkafka does not take the configuration. Joins the group in
 * the background; nothing is assigned before a poll. `config` and `listener` outlive the source.
 * `worker` numbers the workers of this process from 0.
 */
struct source *source_kafka_open(const struct config *config, unsigned worker,
                                 const struct source_listener *listener, struct errinfo *info);
#endif
