/*
 * bench/segment_message.h - an event of any schema as a Segment message: how files of other dialects are replayed into a
 * topic whose schema is `segment`.
 *
 * What has a canonical name (EVENTS.md) goes along, under Segment's name; what the dialect has besides stays behind.
 */
#ifndef BENCH_SEGMENT_MESSAGE_H
#define BENCH_SEGMENT_MESSAGE_H

#include "consumer/event.h"
#include "consumer/schema.h"
#include "core/arena.h"
#include "core/buf.h"

/* What the decoder of the other schema must be asked for. Static. */
const struct event_wants *segment_message_wants(void);

/*
 * Appends one msgpack map. `from` is the schema that the event was decoded with, `segment` the one whose names are written.
 * What is in between lives in the arena.
 */
void segment_message_pack(const struct event *event, const struct schema *from,
                          const struct schema *segment, struct arena *arena, struct buf *out);
#endif
