/*
 * consumer/source_memory.h - the input from memory, for tests, backtest and the simulator.
 *
 * A `source_log` stands for the cluster: topics as arrays of records, the group's committed
 * offsets, and the group itself. It outlives the sources that read it. A memory sink commits
 * offsets and appends records into it (sink_memory.h), from another thread if need be: the log has
 * a lock.
 *
 * The group behaves as Kafka's with eager assignment: whoever joins makes all members revoke, in
 * good order, at their next poll; when all have, a new generation begins and each is told its
 * partitions at its next poll. A member that never polls holds the others up until
 * source_memory_rebalance() evicts it. Leaving disturbs nobody (static membership).
 */
#ifndef CONSUMER_SOURCE_MEMORY_H
#define CONSUMER_SOURCE_MEMORY_H

#include "consumer/source.h"

struct source_log; /* any thread */

struct source_log *source_log_new(void);

/* All its sources are closed. Accepts NULL. */
void source_log_free(struct source_log *log);

/* The other functions want topics that are there. More partitions than before: the topic grows. */
void source_log_create(struct source_log *log, const char *topic, int32_t partitions);

/* Appends a copy; the offset it got. `value.data` NULL: a null value. */
int64_t source_log_append(struct source_log *log, struct topic_partition to, int64_t time_ms,
                          struct slice key, struct slice value);

/* The same with a `traceparent` header. */
int64_t source_log_append_traced(struct source_log *log, struct topic_partition to, int64_t time_ms,
                                 struct slice key, struct slice value, struct slice traceparent);

/* Offsets that no message has, as transaction markers and compaction leave them. */
void source_log_add_gap(struct source_log *log, struct topic_partition to, int64_t count);

/* What lies before `first` can't be read any more. */
void source_log_trim(struct source_log *log, struct topic_partition of, int64_t first);

/* The group's offset; -1 takes it away. Metadata of at most 512 bytes. */
void source_log_commit(struct source_log *log, struct topic_partition of, int64_t offset,
                       const char *metadata);

/* The group's offset; -1: none. */
int64_t source_log_committed(struct source_log *log, struct topic_partition of);

/* The next offset that will be given. */
int64_t source_log_end(struct source_log *log, struct topic_partition of);

/* One record, borrowed from the log for as long as it lives. False where there is none. */
bool source_log_get(struct source_log *log, struct topic_partition of, int64_t offset,
                    struct source_message *message);

/* Would the group's coordinator take a commit under these bytes of source_membership()? */
bool source_log_is_member(struct source_log *log, struct slice membership);

/*
 * A member of the log's group, from its first poll on. It is assigned `partitions` (copied) as far
 * as no source that was opened later wants them too. `listener` outlives the source.
 */
struct source *source_memory_open(struct source_log *log, const struct topic_partition *partitions,
                                  size_t count, const struct source_listener *listener);

/* At most so many messages a poll: 1 to SOURCE_BATCH_MAX, which it is at first. */
void source_memory_set_batch(struct source *source, size_t message_count);

/*
 * At its next poll the source is told that its assignment goes, and joins again. `lost`: as after a
 * session time-out; the group has thrown it out at once, and its membership, though the source
 * still shows it, is void. Any thread.
 */
void source_memory_rebalance(struct source *source, bool lost);
#endif
