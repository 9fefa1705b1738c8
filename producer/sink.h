/*
 * producer/sink.h - the seam to the output: one transaction at a time of records and the group's
 * offsets.
 *
 *   sink_settle -> sink_begin -> sink_produce* -> sink_offsets -> sink_commit -> sink_begin ...
 *
 * After an error, but for ERR_AGAIN and ERR_REJECT of sink_produce(), the transaction is over:
 * sink_drop() if the values that it borrows are to go, sink_settle(), then begin anew.
 *
 * Backends: Kafka (sink_kafka.c), memory (sink_memory.c). All calls on the publisher's thread.
 */
#ifndef PRODUCER_SINK_H
#define PRODUCER_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/err.h"
#include "core/slice.h"
#include "core/topic_partition.h"

struct sink_header {
    const char *name;
    struct slice value;
};

#define SINK_HEADERS_MAX 12
struct sink_record { /* borrowed until sink_produce() returns, but for the value */
    const char *topic;
    int32_t partition; /* -1: by the key (murmur2_random, as Java's clients) */
    struct slice key;  /* data NULL: none */
    struct slice
        value; /* not copied: it must stay until sink_commit() has succeeded, or sink_drop() */
    int64_t time_ms; /* the record's timestamp; 0: that of the transaction's begin */
    struct sink_header headers[SINK_HEADERS_MAX];
    size_t header_count;
};

/* Empty where there is none. */
static inline struct slice sink_header_find(const struct sink_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, name) == 0)
            return record->headers[i].value;
    return (struct slice){0};
}

struct sink_offset {
    struct topic_partition of;
    int64_t offset;
    const char *metadata; /* ASCII, at most 512 bytes */
};

struct sink;

struct sink_ops {
    enum err (*settle)(struct sink *sink, struct errinfo *info);
    enum err (*begin)(struct sink *sink, struct errinfo *info);
    enum err (*produce)(struct sink *sink, const struct sink_record *record, struct errinfo *info);
    enum err (*offsets)(struct sink *sink, const struct sink_offset *offsets, size_t count,
                        struct slice membership, struct errinfo *info);
    enum err (*commit)(struct sink *sink, struct errinfo *info);
    void (*drop)(struct sink *sink);
    void (*close)(struct sink *sink);
};

struct sink { /* first member of each backend */
    const struct sink_ops *ops;
};

/*
 * Ends whatever is open under this transactional id: aborts, or creates the producer anew and
 * initialises it until the old transaction is settled. Also the first call. ERR_RETRY: the brokers
 * are away, call again. ERR_FATAL: no right, a clash.
 */
static inline enum err sink_settle(struct sink *sink, struct errinfo *info)
{
    return sink->ops->settle(sink, info);
}

static inline enum err sink_begin(struct sink *sink, struct errinfo *info)
{
    return sink->ops->begin(sink, info);
}

/*
 * ERR_AGAIN: the queue is full: it has been served for a moment, repeat. ERR_REJECT: this record is
 * too large for the broker or the client. ERR_FATAL: unknown topic or a missing right. ERR_FENCED:
 * settle and recover.
 */
static inline enum err sink_produce(struct sink *sink, const struct sink_record *record,
                                    struct errinfo *info)
{
    return sink->ops->produce(sink, record, info);
}

/*
 * Adds the group's offsets under the membership that source_membership() gave. ERR_FENCED: it is
 * over, or the outcome is unknown.
 */
static inline enum err sink_offsets(struct sink *sink, const struct sink_offset *offsets,
                                    size_t count, struct slice membership, struct errinfo *info)
{
    return sink->ops->offsets(sink, offsets, count, membership, info);
}

/*
 * ERR_NONE: committed, for certain. ERR_FENCED: aborted, or nobody knows: settle and recover.
 * ERR_FATAL: a record can never be produced.
 */
static inline enum err sink_commit(struct sink *sink, struct errinfo *info)
{
    return sink->ops->commit(sink, info);
}

/*
 * Gives up a transaction that is open, or has failed: no value of it is read any more. Aborts it if that goes in a few
 * seconds; it is settled by sink_settle() only.
 */
static inline void sink_drop(struct sink *sink)
{
    sink->ops->drop(sink);
}

/* Accepts NULL. */
static inline void sink_close(struct sink *sink)
{
    if (sink)
        sink->ops->close(sink);
}
#endif
