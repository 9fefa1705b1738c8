/*
 * consumer/source.h - the seam to the input: messages, who owns which partition, and what Kafka
 * knows of them.
 *
 * Backends: Kafka (source_kafka.c), and memory (source_memory.c) for tests, backtest and the
 * simulator. All calls are made on the worker's thread, but for source_membership(), which any
 * thread may call. Calls are per batch, not per event.
 *
 * After an assignment all partitions are paused: the engine recovers them, then says from where to
 * read (source_resume()). What was fetched before a resume never comes out after it.
 */
#ifndef CONSUMER_SOURCE_H
#define CONSUMER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"
#include "core/topic_partition.h"

#define SOURCE_BATCH_MAX 2000 /* messages a poll */

struct source_message {
    struct topic_partition from;
    int64_t offset;
    int64_t time_ms; /* the record's time; EVENT_NO_TIME where it has none */
    struct slice key;
    struct slice value; /* data NULL: a null value */
    void *handle;       /* the backend's, for source_traceparent() */
};

/*
 * The end of a partition was reached: `offset` is the next one that will be given. Comes with the
 * messages, behind them.
 */
struct source_end {
    struct topic_partition of;
    int64_t offset;
};

struct source_batch {                      /* borrowed until the next poll */
    const struct source_message *messages; /* each partition's in order of offset */
    size_t message_count;
    const struct source_end *ends;
    size_t end_count;
};

/* Called inside source_poll() and source_close(), on the worker's thread. */
struct source_listener {
    void *self;
    /* The whole new assignment; all partitions of it paused. */
    void (*assigned)(void *self, const struct topic_partition *partitions, size_t count);
    /*
     * The whole assignment goes. When this returns it is gone. `lost`: it is somebody else's
     * already.
     */
    void (*revoked)(void *self, bool lost);
};

struct source_committed {
    struct topic_partition of;
    int64_t offset;     /* -1: none */
    char metadata[513]; /* NUL-terminated */
};

struct source;

struct source_ops {
    enum err (*poll)(struct source *source, int timeout_ms, struct source_batch *batch,
                     struct errinfo *info);
    struct slice (*traceparent)(struct source *source, const struct source_message *message);
    enum err (*pause)(struct source *source, struct topic_partition partition,
                      struct errinfo *info);
    enum err (*resume)(struct source *source, struct topic_partition partition, int64_t offset,
                       struct errinfo *info);
    enum err (*committed)(struct source *source, struct source_committed *partitions, size_t count,
                          struct errinfo *info);
    enum err (*bounds)(struct source *source, struct topic_partition partition, int64_t *first,
                       int64_t *end, struct errinfo *info);
    enum err (*partition_count)(struct source *source, const char *topic, int32_t *count,
                                struct errinfo *info);
    void (*membership)(struct source *source, struct buf *out);
    enum err (*read_log)(struct source *source, struct topic_partition log, void *self,
                         void (*each)(void *self, int64_t offset, struct slice value),
                         struct errinfo *info);
    void (*close)(struct source *source);
};

struct source { /* first member of each backend */
    const struct source_ops *ops;
};

/*
 * Up to a batch of messages; waits at most timeout_ms for the first. Serves rebalances (the
 * listener). ERR_RETRY: the brokers are away, the backend goes on trying; ERR_FATAL: a missing
 * right, an unknown topic, a clash of instances.
 */
static inline enum err source_poll(struct source *source, int timeout_ms,
                                   struct source_batch *batch, struct errinfo *info)
{
    return source->ops->poll(source, timeout_ms, batch, info);
}

/* The W3C `traceparent` header of a message of the present batch; size 0 where there is none. */
static inline struct slice source_traceparent(struct source *source,
                                              const struct source_message *message)
{
    return source->ops->traceparent(source, message);
}

static inline enum err source_pause(struct source *source, struct topic_partition partition,
                                    struct errinfo *info)
{
    return source->ops->pause(source, partition, info);
}

/* Reads on from `offset`: a seek and a resume. */
static inline enum err source_resume(struct source *source, struct topic_partition partition,
                                     int64_t offset, struct errinfo *info)
{
    return source->ops->resume(source, partition, offset, info);
}

/*
 * The group's committed offsets and their metadata, stable: waits while another transaction's
 * offsets are pending. ERR_RETRY: not yet.
 */
static inline enum err source_committed(struct source *source, struct source_committed *partitions,
                                        size_t count, struct errinfo *info)
{
    return source->ops->committed(source, partitions, count, info);
}

/*
 * First offset that is still there, and the end (behind the last record), both as the leader says
 * now.
 */
static inline enum err source_bounds(struct source *source, struct topic_partition partition,
                                     int64_t *first, int64_t *end, struct errinfo *info)
{
    return source->ops->bounds(source, partition, first, end, info);
}

static inline enum err source_partition_count(struct source *source, const char *topic,
                                              int32_t *count, struct errinfo *info)
{
    return source->ops->partition_count(source, topic, count, info);
}

/*
 * Appends bytes that are equal exactly while member and generation are the same; none where there
 * is no membership. Any thread.
 */
static inline void source_membership(struct source *source, struct buf *out)
{
    source->ops->membership(source, out);
}

/*
 * Reads a partition of another topic (the journal) whole, committed records only, from its first to
 * its present end.
 */
static inline enum err source_read_log(struct source *source, struct topic_partition log,
                                       void *self,
                                       void (*each)(void *self, int64_t offset, struct slice value),
                                       struct errinfo *info)
{
    return source->ops->read_log(source, log, self, each, info);
}

/* Leaves the group (the listener is told) and frees. Accepts NULL. */
static inline void source_close(struct source *source)
{
    if (source)
        source->ops->close(source);
}
#endif
