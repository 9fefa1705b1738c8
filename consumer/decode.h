/*
 * consumer/decode.h - a message's bytes to events.
 *
 * Walks a message once, copies nothing, allocates nothing but events and slots in the batch's arena, and extracts only the
 * paths that were asked for. The events borrow from message, arena, schema and decoder (which keeps the names that it has
 * seen). An event of 265 bytes with 12 keys, 8 of them used, takes about as long as it takes to skip it twice with
 * core/mp.h, and a third of msgpack-c's unpack (stagecoach-bench decode).
 */
#ifndef CONSUMER_DECODE_H
#define CONSUMER_DECODE_H

#include "consumer/event.h"
#include "consumer/schema.h"
#include "core/arena.h"

#define DECODE_MESSAGE_SIZE_MAX (1u << 20)
#define DECODE_EVENTS_MAX       25 /* of one message: GA4 */

struct decoder; /* one per thread: it caches names */

/* `schema` and what `wants` points to outlive the decoder. */
struct decoder *decoder_new(const struct schema *schema, const struct event_wants *wants);
void decoder_free(struct decoder *decoder);

/*
 * What a message gave: `count` events at one offset, or one dead letter with a detail, static or in the arena, that says what
 * is wrong and what would be right.
 */
struct decoded {
    struct event *events; /* in the arena */
    size_t count;         /* 1, or what a GA4 message carries; 0 with a dead letter */
    enum event_dead dead;
    const char *detail;
};

/*
 * `record_time_ms` is the Kafka record's time, or EVENT_NO_TIME (files). The bound `watermark.future` is not applied here.
 */
void decode_message(struct decoder *decoder, struct slice message, int64_t record_time_ms,
                    struct arena *arena, struct decoded *decoded);
#endif
