/*
 * consumer/log_reader.h - reads a partition of Kafka from its first record to its present end,
 * without a group.
 *
 * For the journal. One thread at a time; a connection of its own, kept over reads that succeed.
 */
#ifndef CONSUMER_LOG_READER_H
#define CONSUMER_LOG_READER_H

#include <stdint.h>

#include "config/config.h"
#include "core/err.h"
#include "core/slice.h"
#include "core/topic_partition.h"

struct log_reader;

/* Connects at the first read. `config` outlives it. */
struct log_reader *log_reader_open(const struct config *config, unsigned worker);

/*
 * Gives the committed records up to the end as the leader says it when this is called: where a
 * transaction is open, its beginning. After an error what was given is not all, and to be
 * forgotten. ERR_RETRY: the brokers or the partition's leader are away. ERR_CONFIG: librdkafka
 * does not take the configuration.
 */
enum err log_reader_read(struct log_reader *reader, struct topic_partition of, void *self,
                         void (*each)(void *self, int64_t offset, struct slice value),
                         struct errinfo *info);

void log_reader_close(struct log_reader *reader);
#endif
