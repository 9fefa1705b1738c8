/*
 * producer/outflow.h - the records of a transaction on their way to the broker, until all have arrived.
 *
 * An idempotent producer of librdkafka 2.0.2 has one request a partition under way. While another could follow, because messages
 * are older than linger.ms or are being flushed, its thread asks the socket again and again without a pause, until the first is
 * answered (rd_kafka_toppar_producer_serve); and who flushes looks only every 10 ms whether all are through. So here full
 * batches, which need no flush, go first, and what is left is flushed when it is no more than one request a partition.
 *
 * Thread: the sink's.
 */
#ifndef PRODUCER_OUTFLOW_H
#define PRODUCER_OUTFLOW_H

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "core/clock.h"

/* What an open transaction has put into one topic. */
struct outflow {
    int32_t partitions; /* of the topic */
    size_t count;       /* records */
    size_t size;        /* bytes of their keys and values, which is what batch.size counts */
};

void outflow_add(struct outflow *outflow, size_t size);

/* How many of them may stay behind for want of a full batch. */
size_t outflow_rest(const struct outflow *outflow, size_t batch_size);

/*
 * Waits until no record is left in the producer, as long as they become fewer; otherwise the commit, which waits too, has to say
 * what is wrong. `rest`: how many may be left that only a flush sends, outflow_rest() of all topics.
 */
void outflow_await(rd_kafka_t *rk, size_t rest, const struct clock *clock);

#endif
