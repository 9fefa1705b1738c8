/*
 * state/store.h - the seam to where the checkpoints of partitions live.
 *
 * Every save names the owner token that was put there by store_own(), and the version of the
 * worker's last acknowledged checkpoint. Around a rebalance two workers can hold the same
 * partition; the late one gets ERR_FENCED, and nothing of it lands.
 *
 * Backends: Redis (store_redis.c; DESIGN section 9 has the layout), memory
 * (store_memory.h: a `store_bank` outlives its stores). One store a thread: the worker has one to load, its publisher
 * one to save.
 *
 * ERR_RETRY everywhere: the server is away, nothing has landed, repeat the same call later (the
 * store connects anew by itself).
 */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/err.h"
#include "core/slice.h"
#include "core/topic_partition.h"
#include "state/checkpoint.h"

struct store;

struct store_pair { /* of P:stats and P:layouts */
    struct slice field;
    struct slice value;
};

/* What store_own() finds. */
struct store_position {
    bool found; /* there is an R; else offset and what follows are not set, but for version */
    int64_t offset;
    int64_t watermark_ms;
    uint64_t version; /* 0 where there is none */
    uint64_t epoch;
    uint64_t ruleset;
    uint64_t customers;
    uint64_t journal;
    const struct store_pair *stats;
    size_t stat_count;
    const struct store_pair *layouts;
    size_t layout_count;
};

/* Customers to read, of one partition. */
struct store_request {
    struct topic_partition of;
    uint64_t token;       /* ours */
    uint64_t version_min; /* of the last acknowledged checkpoint */
    const struct slice *customers;
    size_t customer_count;
    int64_t timers_after_ms; /* also those with a stored deadline > this one (INT64_MIN: any) ... */
    int64_t timers_until_ms; /* ... and <= this one; INT64_MIN: none */
    size_t timers_max;       /* at most so many of them, the earliest */

    /* The answer, in the arena. */
    struct slice *records;         /* customer_count; size 0: there is none */
    struct slice *timer_customers; /* by deadline, without regard to `customers` */
    struct slice *timer_records;
    int64_t *timer_deadlines_ms;
    size_t timer_count;
};

struct store_ops {
    enum err (*own)(struct store *store, struct topic_partition of, uint64_t token,
                    struct arena *arena, struct store_position *position, struct errinfo *info);
    enum err (*wipe)(struct store *store, struct topic_partition of, uint64_t token,
                     struct errinfo *info);
    enum err (*load)(struct store *store, struct store_request *requests, size_t count,
                     struct arena *arena, struct errinfo *info);
    enum err (*save)(struct store *store, const struct checkpoint *checkpoint,
                     const struct checkpoint *next, struct errinfo *info);
    enum err (*next_deadline)(struct store *store, struct topic_partition of, uint64_t token,
                              uint64_t version_min, int64_t *deadline_ms, struct errinfo *info);
    void (*close)(struct store *store);
};

struct store { /* first member of each backend */
    const struct store_ops *ops;
    _Atomic int64_t end_ms; /* monotonic; 0: none */
};

/* From then on (monotonic ms) no call waits for the server any more: ERR_RETRY, where it hangs. Any thread. */
static inline void store_end_at(struct store *store, int64_t end_ms)
{
    atomic_store(&store->end_ms, end_ms);
}

/*
 * Takes the partition over from whoever had it, and reads R in the same atomic trip. What is found
 * lies in the arena.
 */
static inline enum err store_own(struct store *store, struct topic_partition of, uint64_t token,
                                 struct arena *arena, struct store_position *position,
                                 struct errinfo *info)
{
    return store->ops->own(store, of, token, arena, position, info);
}

/*
 * Deletes whatever is left of the partition's keys but the owner, in pieces that each land only
 * under this token. R goes first. ERR_FENCED: somebody else's, or a deletion that timed out and may
 * still be under way: only a new token ends it.
 */
static inline enum err store_wipe(struct store *store, struct topic_partition of, uint64_t token,
                                  struct errinfo *info)
{
    return store->ops->wipe(store, of, token, info);
}

/*
 * One round trip for all partitions of a batch. ERR_FENCED: another owner, or a version below
 * version_min.
 */
static inline enum err store_load(struct store *store, struct store_request *requests, size_t count,
                                  struct arena *arena, struct errinfo *info)
{
    return store->ops->load(store, requests, count, arena, info);
}

/*
 * ERR_NONE: it landed. ERR_FENCED: it did not, or nobody knows: recover. ERR_RETRY: nothing landed,
 * or whether it has can't be asked yet: repeat the same call. `next` (or NULL) is the one that will
 * be saved after this one: its owner and version are read in the same trip.
 */
static inline enum err store_save(struct store *store, const struct checkpoint *checkpoint,
                                  const struct checkpoint *next, struct errinfo *info)
{
    return store->ops->save(store, checkpoint, next, info);
}

/* The earliest stored deadline, CUSTOMER_NEVER where there is none. Verified as a load. */
static inline enum err store_next_deadline(struct store *store, struct topic_partition of,
                                           uint64_t token, uint64_t version_min,
                                           int64_t *deadline_ms, struct errinfo *info)
{
    return store->ops->next_deadline(store, of, token, version_min, deadline_ms, info);
}

/* Accepts NULL and a store whose open failed half way. */
static inline void store_close(struct store *store)
{
    if (store)
        store->ops->close(store);
}

/*
 * Redis. `url`: redis://[user:password@]host[:port][/db], or unix:///path[?db=N]; `prefix` and
 * `group` of DESIGN section 9. Connects at the first call.
 */
struct store *store_redis_open(const char *url, const char *prefix, const char *group,
                               struct errinfo *info);
#endif
