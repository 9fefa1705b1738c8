/*
 * engine/worker.h - one thread that owns whole partitions: reads, computes, cuts epochs, recovers.
 *
 * A worker has its own consumer, customer tables, timers, publisher and store connections, and
 * shares only what is immutable. Every doubt (an unknown commit, a fenced read, a checkpoint that
 * did not land) leads to the one recovery path for all its partitions.
 *
 *   UNASSIGNED ─assigned─▶ SETTLING ─producer settled─▶ RECOVERING ─▶ RUNNING
 *        ▲                    ▲                              │            │
 *        └────revoked─────────┴───────────doubt──────────────┴────────────┘
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/config.h"
#include "consumer/source.h"
#include "core/clock.h"
#include "core/err.h"
#include "engine/ruleset.h"
#include "producer/sink.h"
#include "rules/failures.h"
#include "state/store.h"

/* Shared by all workers; outlives them. */
struct worker_setting {
    const struct config *config;
    const struct ruleset *ruleset; /* in force at the start; worker_follow() changes it */
};

/* The four seams. The worker closes source, sink and stores. */
struct worker_seams {
    void *self;
    struct source *(*open_source)(void *self, const struct source_listener *listener,
                                  struct errinfo *info);
    struct sink *sink;
    struct store *load_store; /* the worker's thread */
    struct store *save_store; /* the publisher's thread */
    struct clock clock;
    uint64_t seed;        /* of owner tokens: different for each life of each worker */
    bool single_threaded; /* the publisher has no thread: it is stepped while the worker waits */
    size_t changes_max;   /* of customers, then a checkpoint is due; 0: EPOCH_CHANGES_MAX */
};

/* Read by other threads: each counter whole, not all of one moment. */
struct worker_counters {
    atomic_ullong events, duplicates, late, future, signals, dead_letters, replayed, epochs,
        checkpoints, doubts, rebuilds, log_too_short; /* rebuilds from less than the origin */
    atomic_ullong customers, partitions;              /* at present */
    atomic_ullong timers_left, rule_errors, left_out, suppressed, state_gone;
    atomic_bool running;   /* all partitions are recovered */
    atomic_ullong ruleset; /* id of the rules that all live partitions are under, 0: several */
    atomic_bool settled;   /* and nothing that was read waits for its commit */
};

struct worker;

/* `number` from 0. NULL on errors of the seams. */
struct worker *worker_new(const struct worker_setting *setting, const struct worker_seams *seams,
                          unsigned number, struct errinfo *info);

/* Runs until worker_stop() or a fatal error: ERR_NONE after a clean stop, which ends with R = C. */
enum err worker_run(struct worker *worker, struct errinfo *info);

/*
 * One turn of worker_run(): serves the publisher, polls for at most timeout_ms, applies what came.
 */
enum err worker_step(struct worker *worker, int timeout_ms, struct errinfo *info);

/*
 * After the last step: drains and leaves the group, within `timeout_ms`, or what worker_stop() has set. ERR_RETRY: not all was
 * acknowledged in time.
 */
enum err worker_finish(struct worker *worker, int64_t timeout_ms, struct errinfo *info);

/*
 * From now on these rules, at an offset of each partition that the journal will name. The ruleset
 * outlives the worker. Any thread; the worker takes it up between two batches.
 */
void worker_follow(struct worker *worker, const struct ruleset *ruleset);

/* Asks worker_run() to end, within the shutdown_timeout from now on. Any thread, also a signal handler. */
void worker_stop(struct worker *worker);

/* Its source, for tests that disturb it. */
struct source *worker_source(const struct worker *worker);

const struct worker_counters *worker_counters(const struct worker *worker);

/*
 * Adds the rules that have failed since the last call to `list`; their places live as long as the
 * worker and the rulesets that it was given. Any thread.
 */
void worker_take_failures(struct worker *worker, struct failures_list *list);
void worker_free(struct worker *worker);
#endif
