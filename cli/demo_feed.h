/*
 * cli/demo_feed.h - the made-up shop, sent into the demo's topic by a thread of its own, never far
 * ahead of the engine.
 */
#ifndef CLI_DEMO_FEED_H
#define CLI_DEMO_FEED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/err.h"

#define DEMO_AHEAD_MAX 50000 /* events: the mock forgets what is not fetched in time */

struct demo_feed {
    const char *brokers;
    uint64_t wanted; /* events */
    atomic_ullong sent;
    atomic_ullong handled;      /* by the engine, told by whoever watches it */
    atomic_llong event_time_ms; /* of the latest sent */
    atomic_bool stop, ended;
    struct errinfo info; /* not empty once ended: it failed */
    pthread_t thread;
};

void demo_feed_start(struct demo_feed *feed);
void demo_feed_join(struct demo_feed *feed);
#endif
