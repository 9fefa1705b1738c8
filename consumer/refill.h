/*
 * consumer/refill.h - a consumer's queue that is short and does not run dry.
 *
 * What waits in librdkafka's queue costs three times its size in memory, which a worker that lags behind fetches, faults in and
 * drives out of the caches for nothing: a queue of 256 MiB cost a worker that catches up 0.2 us an event
 * more than one of 8 MiB. But librdkafka 2.0.2 looks at a queue that was full again only after up to a second (docs/librdkafka-notes.md),
 * unless something wakes its broker threads. Nothing of its interface is there for that; setting the credentials of SASL
 * does it, at no other cost (they are used when a connection is made, and are set to what they are). Later versions have
 * fetch.queue.backoff.ms, which is set where it exists.
 *
 * Not where SASL is used without a user name (GSSAPI, OAUTHBEARER): there the queue is a long one.
 *
 * Private to consumer/: librdkafka's types are in it. Threads: the consumer's.
 */
#ifndef CONSUMER_REFILL_H
#define CONSUMER_REFILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "config/config.h"

struct refill {
    size_t fullest;    /* messages in the queue, at most, since the last time */
    int64_t filled_ms; /* monotonic, the last time */
};

/* Whether this consumer can be woken, so that its queue may be short. */
bool refill_is_possible(const struct config *config);

/* After each batch of `taken` messages: has the broker threads look again when half of what was there is gone. */
void refill_look(struct refill *refill, rd_kafka_t *rk, rd_kafka_queue_t *queue, size_t taken,
                 int64_t now_ms);
#endif
