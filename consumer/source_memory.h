/*
 * consumer/source_memory.h - the input from memory: topics as arrays of messages. For tests, backtest and the simulator.
 *
 * A `source_log` stands for the cluster: it outlives the sources that read it, and a memory sink commits offsets and journal
 * records into it.
 */
#ifndef CONSUMER_SOURCE_MEMORY_H
#define CONSUMER_SOURCE_MEMORY_H

#include "consumer/source.h"

struct source_log; /* one thread at a time, or under its lock: it has one */

struct source_log *source_log_new(void);
void source_log_free(struct source_log *log);

void source_log_create(struct source_log *log, const char *topic, int32_t partitions);
/* Appends a copy; the offset it got. `value.data` NULL: a null value. */
int64_t source_log_append(struct source_log *log, struct topic_partition to, int64_t time_ms, struct slice key, struct slice value);
void source_log_commit(struct source_log *log, struct topic_partition of, int64_t offset, const char *metadata);
/* Number of records, and one of them. */
int64_t source_log_end(struct source_log *log, struct topic_partition of);
bool source_log_get(struct source_log *log, struct topic_partition of, int64_t offset, struct source_message *message);

/* Who owns the group now: the generation grows with each call; the source that holds it is told at its next poll. */
struct source *source_memory_open(struct source_log *log, const struct topic_partition *partitions, size_t count,
                                  const struct source_listener *listener);
/* The members's generation becomes another one (as after a session time-out); `lost` or in good order. The source is assigned again at its next poll. */
void source_memory_rebalance(struct source *source, bool lost);
#endif
