/*
 * engine/publisher.h - makes epochs durable: first the Kafka transaction, then, once it is
 * committed, the checkpoints.
 *
 * A thread of its own beside the worker. Epochs go in by publisher_push() and all come back by
 * publisher_pop(): in order, but that one whose checkpoints wait for Redis is overtaken by those
 * without checkpoints. After a doubt (an unknown or failed commit, a checkpoint that did not
 * land) everything that follows comes back untouched with ERR_FENCED until an EPOCH_SETTLE has been
 * through. publisher_step() is the thread's body, for tests and the simulator.
 */
#ifndef ENGINE_PUBLISHER_H
#define ENGINE_PUBLISHER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "consumer/source.h"
#include "core/clock.h"
#include "engine/epoch.h"
#include "engine/ring.h"
#include "producer/sink.h"
#include "state/store.h"

#define PUBLISHER_QUEUE_MAX                                                                        \
    2 /* epochs under way: more would only hide that Kafka or Redis is too slow */

struct publisher_options {
    struct sink *sink;
    struct store *store;   /* its own: not the worker's */
    struct source *source; /* for its membership only */
    struct clock clock;
};

struct publisher {
    struct publisher_options options;
    struct ring todo, done;
    /* Committed, but Redis is away: their checkpoints are tried again, in order. */
    struct epoch *waiting[PUBLISHER_QUEUE_MAX];
    atomic_uint waiting_count; /* written by the publisher only */
    int64_t retry_ms;          /* monotonic: when the first of them is */
    int back_off_ms;
    atomic_bool abandoned; /* the worker is in doubt: send back what is queued */
    atomic_bool stopping;
    bool broken; /* since the last settle */
    pthread_t thread;
    bool has_thread;
    struct buf membership; /* scratch */
};

void publisher_init(struct publisher *publisher, const struct publisher_options *options);
void publisher_start(struct publisher *publisher); /* the thread */
/*
 * Ends the thread: waits for the call that is under way. What is queued comes back with ERR_FENCED.
 */
void publisher_stop(struct publisher *publisher);
void publisher_fini(struct publisher *publisher);

/*
 * How many have been committed and wait for Redis. As long as there are such, epochs without checkpoints go through beside
 * them, and one with checkpoints must not be pushed. Any thread.
 */
unsigned publisher_waits(const struct publisher *publisher);

/* False where two are under way that do not wait. */
bool publisher_push(struct publisher *publisher, struct epoch *epoch);

/* The next one that has been through, or NULL; waits at most timeout_ms. */
struct epoch *publisher_pop(struct publisher *publisher, int timeout_ms);

/*
 * From now on epochs come back unsent, but for the one whose transaction is being sent. Undone by
 * an EPOCH_SETTLE. Any thread.
 */
void publisher_abandon(struct publisher *publisher);

/* Does one epoch; false where none is queued (after waiting at most timeout_ms). */
bool publisher_step(struct publisher *publisher, int timeout_ms);
#endif
