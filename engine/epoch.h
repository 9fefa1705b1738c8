/*
 * engine/epoch.h - what passes from a worker to its publisher: results that become durable
 * together.
 *
 * For each partition that moved the next offset with its metadata; signals, dead letters and
 * journal records in order; and, on checkpoint epochs, the partitions' checkpoints. Filled by the
 * worker, then the publisher's until it comes back with `outcome`; reused after a reset. Everything
 * in it lies in its own arena and buffers.
 */
#ifndef ENGINE_EPOCH_H
#define ENGINE_EPOCH_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "engine/metadata.h"
#include "producer/sink.h"
#include "state/checkpoint.h"
#include "state/customer.h"

#define EPOCH_SIGNALS_MAX 50000
#define EPOCH_CHANGES_MAX 100000
#define EPOCH_SIZE_MAX    (32u << 20)

enum epoch_kind {
    EPOCH_RESULTS,
    EPOCH_SETTLE, /* ends whatever is open and begins a new incarnation */
};

struct epoch_output {
    const char *topic; /* of the configuration */
    struct slice key, value;
    const struct sink_header *headers; /* in the arena */
    int32_t partition;
    uint32_t header_count;
};

struct epoch_offset {
    struct topic_partition of;
    int64_t offset;
    char metadata[METADATA_SIZE_MAX + 1];
};

struct epoch_checkpoint {
    struct checkpoint checkpoint;
    struct customer **
        customers; /* the records in it: owned by the partition's table, pinned until this comes back */
    size_t customer_count;
    bool landed; /* out */
};

struct epoch {
    enum epoch_kind kind;
    struct arena arena;
    struct buf membership; /* under which the partitions were assigned */
    struct epoch_output *outputs;
    size_t output_count, output_capacity;
    size_t signal_count;
    struct epoch_offset *offsets; /* empty: nothing to commit */
    size_t offset_count, offset_capacity;
    struct epoch_checkpoint *checkpoints;
    size_t checkpoint_count, checkpoint_capacity;
    bool committed;      /* out: the transaction is through, for certain */
    enum err outcome;    /* out: ERR_NONE, ERR_FENCED (a doubt), ERR_FATAL */
    struct errinfo info; /* out */
    int64_t closed_ms;   /* monotonic, for the latency */
};

struct epoch *epoch_new(void);
void epoch_free(struct epoch *epoch);
void epoch_reset(struct epoch *epoch);

/*
 * Topic, key, value and the headers' values must lie in the epoch's arena or outlive it; the
 * headers' array is copied.
 */
void epoch_add_output(struct epoch *epoch, const struct sink_record *record);
struct epoch_offset *epoch_add_offset(struct epoch *epoch);
struct epoch_checkpoint *epoch_add_checkpoint(struct epoch *epoch);

/* It has reached one of the bounds of DESIGN section 1. */
bool epoch_is_full(const struct epoch *epoch);
bool epoch_is_empty(const struct epoch *epoch);
#endif
