/*
 * state/checkpoint.h - what changed in a partition since the last acknowledged checkpoint, ready to
 * be written.
 *
 * A checkpoint is all or nothing: records, timers, statistics and position land together or not at
 * all, because a position without its records (or the reverse) would lose or repeat events.
 * Everything is borrowed from the epoch that carries it.
 */
#ifndef STATE_CHECKPOINT_H
#define STATE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"
#include "core/topic_partition.h"

struct checkpoint_record {
    struct slice customer;
    struct slice record;   /* size 0: the customer is gone, its key and timer are deleted */
    int64_t deadline_ms;   /* for P:timers; CUSTOMER_NEVER: no timer */
    bool deadline_changed; /* else P:timers stays as it is */
};

struct checkpoint_stat {
    struct slice field; /* MACHINE/STATE or MACHINE/FROM>TO */
    int64_t value;      /* absolute */
};

struct checkpoint {
    struct topic_partition of;
    uint64_t token;          /* owner */
    uint64_t version_before; /* of this worker's last acknowledged checkpoint */
    uint64_t version;        /* of this one */
    int64_t offset;          /* R: the next event to apply */
    int64_t watermark_ms;    /* INT64_MIN: none yet */
    uint64_t epoch;
    uint64_t ruleset;
    uint64_t customers; /* records of the partition, all told */
    int64_t at_ms;      /* wall clock, for people */
    uint64_t journal;   /* number of the last journal record that the records have seen */
    const struct checkpoint_record *records;
    size_t record_count;
    const struct checkpoint_stat *stats;
    size_t stat_count;
    /* All deadlines in P:timers become 0 first: rules changed, each customer is looked at once. */
    bool timers_reset;
    uint64_t layout;          /* the records' layout id */
    struct slice layout_text; /* size 0: P:layouts has it already */
};
#endif
