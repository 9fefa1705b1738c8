/*
 * engine/ring.h - a bounded queue of pointers between two threads.
 *
 * A lock and a condition: a few epochs a second pass here, so that nothing is to be won by anything
 * cleverer.
 */
#ifndef ENGINE_RING_H
#define ENGINE_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define RING_CAPACITY 8

struct ring {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void *items[RING_CAPACITY]; /* under lock, as the rest */
    size_t first, count, limit;
    bool closed;
};

/* Holds at most `limit` (<= RING_CAPACITY) items. */
void ring_init(struct ring *ring, size_t limit);
void ring_fini(struct ring *ring);

/* False where it is full. */
bool ring_push(struct ring *ring, void *item);

/*
 * The oldest item; waits at most timeout_ms (-1: for ever) for one. NULL: none came, or it is
 * closed and empty.
 */
void *ring_pop(struct ring *ring, int timeout_ms);

/* Wakes whoever waits; what is in it can still be taken. */
void ring_close(struct ring *ring);
#endif
