/*
 * producer/sink_memory.h - transactions into memory: what is committed is handed to a callback, in order, all at once.
 */
#ifndef PRODUCER_SINK_MEMORY_H
#define PRODUCER_SINK_MEMORY_H

#include "producer/sink.h"

/* Called inside sink_commit(), on its thread. Borrowed until they return. */
struct sink_memory_receiver {
    void *self;
    void (*record)(void *self, const struct sink_record *record);
    void (*offset)(void *self, const struct sink_offset *offset);
    /* Is this membership still the one in force? NULL: always. */
    bool (*membership)(void *self, struct slice membership);
};

struct sink *sink_memory_open(const struct sink_memory_receiver *receiver);
#endif
