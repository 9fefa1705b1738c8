/*
 * bench/feeder.h - events into a Kafka topic: an idempotent producer, lz4, partitioned by the key as Java's clients do
 * (murmur2_random), each record carrying its event's time.
 *
 * Threads: one at a time.
 */
#ifndef BENCH_FEEDER_H
#define BENCH_FEEDER_H

#include <stdint.h>

#include "config/config.h"
#include "core/err.h"
#include "core/slice.h"

struct feeder; /* private */

struct feeder_record {
    struct slice key;
    struct slice value; /* data NULL: a null value */
    int64_t time_ms;
    int32_t partition; /* -1: by the key */
};

/* NULL on error (ERR_CONFIG): librdkafka does not take the configuration. `config` and `topic` outlive it. Sends nothing. */
struct feeder *feeder_open(const struct config *config, const char *topic, struct errinfo *info);

/*
 * Looks whether the topic is there. ERR_RETRY: the brokers are away, or are creating it (which some do when they are asked for it);
 * ERR_REJECT: it is not there; ERR_FATAL: it can't be written to.
 */
enum err feeder_connect(struct feeder *feeder, int timeout_ms, struct errinfo *info);

/*
 * Copies the record. ERR_AGAIN: no room: feeder_serve(), then repeat; ERR_REJECT: it is too large; ERR_FATAL: nothing more
 * can be sent.
 */
enum err feeder_send(struct feeder *feeder, const struct feeder_record *record,
                     struct errinfo *info);

/* Serves delivery reports, waiting up to `timeout_ms` for one. */
void feeder_serve(struct feeder *feeder, int timeout_ms);

/* Records that could not be delivered so far; why the first of them was not. */
uint64_t feeder_failures(const struct feeder *feeder, const char **why);

/* Waits up to `timeout_ms` until everything is delivered or has failed. ERR_AGAIN: `*left` records are still on their way. */
enum err feeder_flush(struct feeder *feeder, int timeout_ms, int *left);

/* What has not been delivered is given up. Accepts NULL. */
void feeder_close(struct feeder *feeder);
#endif
