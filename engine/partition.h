/*
 * engine/partition.h - the computation of one partition: customers, timers and watermark, event by
 * event (DESIGN section 5).
 *
 * Knows nothing of Kafka, Redis, epochs or threads: what it finds out goes to its host, and what it
 * needs of customers that are not in memory it asks of its host. So the same code runs under a
 * worker, in `backtest` and in tests.
 */
#ifndef ENGINE_PARTITION_H
#define ENGINE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/event.h"
#include "consumer/source.h"
#include "core/arena.h"
#include "core/err.h"
#include "producer/signal.h"
#include "rules/rules.h"
#include "state/table.h"
#include "state/timers.h"

#define PARTITION_NO_TIME INT64_MIN

struct partition;

/* Where a signal comes from, for its id: the message's place, or a timer's (no message). */
struct partition_cause {
    int64_t offset; /* of the message; of a timer the next one to be applied */
    const struct source_message *message; /* NULL: a timer */
};

struct partition_host {
    void *self;
    /* Takes what it needs: the signal is gone when this returns. */
    enum err (*signal)(void *self, struct partition *partition, const struct signal *signal,
                       const struct partition_cause *cause);
    /*
     * Brings into memory the customers with a stored deadline up to `until_ms`, as many as fit, and
     * moves partition->cold_until_ms to where that reaches, at least over the next whole second.
     * NULL: all customers are in memory.
     */
    enum err (*load_due)(void *self, struct partition *partition, int64_t until_ms,
                         struct errinfo *info);
    /*
     * Brings a customer into memory who has left it since those of the batch were fetched (partition->has_evicted), if there is
     * a record. NULL: nobody leaves.
     */
    enum err (*load_customer)(void *self, struct partition *partition, struct slice key,
                              struct errinfo *info);
    /* Between two whole seconds of a sweep: here an epoch may end. NULL: never. */
    enum err (*between_seconds)(void *self, struct partition *partition, struct errinfo *info);
    /*
     * A sweep has been parted between two seconds, at the watermark, and customers' timers had been counted in it: a replay has
     * to part it there too, so this is noted. ERR_FENCED where it can't be. NULL: sweeps go through, always.
     */
    enum err (*parted)(void *self, struct partition *partition, struct errinfo *info);
};

/* What all partitions of a worker share. */
struct partition_setting {
    const struct partition_host *host;
    const struct rules *rules;
    const struct schema *schema;
    int64_t lateness_ms;
    int64_t future_ms; /* INT64_MAX: no bound */
    int64_t forget_after_ms;
    struct arena *scratch; /* of one step */
    struct signal_list *signals;
    struct rules_counters *rules_counters;
};

struct partition_counters { /* since the start of the process */
    uint64_t events, duplicates, late, future, signals, dead_letters, timers_left;
};

/*
 * How often a customer fired in the present sweep: only of those that have further timers due in
 * it.
 */
struct partition_busy {
    uint64_t hash;  /* of the customer's key: the record may leave memory and come back meanwhile */
    uint32_t fired; /* 0: a free place */
};

struct partition {
    struct topic_partition id;
    const struct partition_setting *setting;
    struct table *table;
    struct timers timers;
    int64_t next_offset;  /* the next event to apply */
    int64_t watermark_ms; /* PARTITION_NO_TIME: none yet */
    int64_t skew_ms;      /* record time - event time of the event that holds the watermark */
    uint64_t customers;   /* records, all told: in memory or not */
    size_t gone;          /* in the table and forgotten: no records any more */
    int64_t
        cold_until_ms; /* who has a stored deadline up to here is in memory; INT64_MAX where all are */
    bool
        has_evicted; /* since customers were last fetched: who is not found may be in the store all the same */
    struct rules_stats stats;
    struct customer **dirty; /* changed since the last checkpoint was taken */
    size_t dirty_count, dirty_capacity;
    bool has_fired; /* in this sweep, since the watermark moved: no commit could name it yet */
    struct partition_busy *busy; /* open addressing */
    size_t busy_count, busy_capacity;
    struct customer **left; /* has timers left over for the next second */
    size_t left_count, left_capacity;
    struct partition_counters counters;
};

/* Empty, before any event. `id` and `setting` outlive it. */
void partition_init(struct partition *partition, struct topic_partition id,
                    const struct partition_setting *setting);
void partition_fini(struct partition *partition);

/* All records are in memory: nobody has to be asked. */
static inline bool partition_holds_all(const struct partition *partition)
{
    return table_count(partition->table) - partition->gone >= partition->customers;
}

/* Puts a record that was read from the store into the table. Takes ownership. */
void partition_add_loaded(struct partition *partition, struct customer *customer,
                          int64_t stored_deadline_ms);

/*
 * One event of the message `cause`, whose customer is in memory if there is a record of it. `hash`
 * is hash_bytes(event->customer). `*rank` counts signals over the message. On an error (of the
 * host's) the event is not applied, and may be applied again.
 */
enum err partition_apply(struct partition *partition, struct event *event, uint64_t hash,
                         const struct source_message *message, uint32_t *rank,
                         struct errinfo *info);

/*
 * Moves the watermark to `watermark_ms` where that is later, and fires what lies below. Signals go
 * to the host.
 */
enum err partition_sweep(struct partition *partition, int64_t watermark_ms, struct errinfo *info);

/* In the midst of a sweep: have customers fired in it whose timers are counted? */
bool partition_counts_timers(const struct partition *partition);

/*
 * Between two seconds of a sweep: what is left of it is one of its own, in which customers fire RULES_TIMERS_MAX timers again. By
 * the host, where an epoch ends there: what a later start does not find in the checkpoint must not be counted on.
 */
enum err partition_part_sweep(struct partition *partition, struct errinfo *info);

/* Fires everything due at or before `until_ms`, to the ms: the end of a backtest. */
enum err partition_finish(struct partition *partition, int64_t until_ms, struct errinfo *info);

/*
 * The earliest deadline of a customer in memory, if it lies before `before_ms`; else
 * CUSTOMER_NEVER.
 */
int64_t partition_next_deadline(struct partition *partition, int64_t before_ms);

void partition_mark_dirty(struct partition *partition, struct customer *customer);
#endif
