/*
 * producer/signal_record.h - a signal as a Kafka record: the CloudEvents Kafka binding, binary mode
 * (DESIGN section 7; docs/signals.md shows one).
 */
#ifndef PRODUCER_SIGNAL_RECORD_H
#define PRODUCER_SIGNAL_RECORD_H

#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/slice.h"
#include "core/topic_partition.h"
#include "producer/signal.h"
#include "producer/sink.h"

/* What a signal does not say of itself. */
struct signal_envelope {
    const char *topic;   /* where it goes; outlives the record */
    struct slice source; /* ce_source, `/stagecoach/GROUP`; outlives the record */
    enum signal_format format;
    struct topic_partition from; /* of the message that was handled when the signal was made */
    int64_t offset;
    struct slice traceparent; /* that message's; size 0: none */
};

/*
 * Everything but topic and source is copied into the arena, so the record lives as long as the
 * arena's contents. Its time is left to the producer (0): a signal that is made today of last
 * year's events must not fall under its topic's retention; `ce_time` and `time` say what moment it
 * is about. `scratch` is reset.
 */
void signal_record(const struct signal *signal, const struct signal_envelope *envelope,
                   struct arena *arena, struct buf *scratch, struct sink_record *record);
#endif
