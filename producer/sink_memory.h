/*
 * producer/sink_memory.h - transactions into memory: what is committed is handed to callbacks, in
 * order, all at once. What is not committed is seen by nobody. For tests, backtest and the
 * simulator.
 *
 * As in sink_kafka.h, after an error every call but sink_settle() answers ERR_FENCED.
 */
#ifndef PRODUCER_SINK_MEMORY_H
#define PRODUCER_SINK_MEMORY_H

#include "producer/sink.h"

/* Called inside sink_commit(), on its thread. What they are given is borrowed until they return. */
struct sink_memory_receiver {
    void *self;
    void (*record)(void *self, const struct sink_record *record);
    void (*offset)(void *self, const struct sink_offset *offset); /* after all records */
    /*
     * Is this membership the one in force? Asked in sink_offsets(), as Kafka's coordinator does.
     * NULL: always.
     */
    bool (*membership)(void *self, struct slice membership);
    /*
     * What the commit comes to, asked before anything is handed over: ERR_NONE, or an error that
     * tests want. NULL: ERR_NONE.
     */
    enum err (*commit)(void *self, struct errinfo *info);
    void (*settled)(void *self); /* at the end of sink_settle(); NULL: nobody wants to know */
};

/* `receiver` is copied. */
struct sink *sink_memory_open(const struct sink_memory_receiver *receiver);
#endif
