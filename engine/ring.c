#include "engine/ring.h"

#include <errno.h>
#include <time.h>

#include "core/check.h"

void ring_init(struct ring *ring, size_t limit)
{
    pthread_condattr_t attributes;

    CHECK(limit > 0 && limit <= RING_CAPACITY);
    *ring = (struct ring){.limit = limit};
    pthread_mutex_init(&ring->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&ring->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void ring_fini(struct ring *ring)
{
    pthread_cond_destroy(&ring->changed);
    pthread_mutex_destroy(&ring->lock);
}

bool ring_push(struct ring *ring, void *item)
{
    pthread_mutex_lock(&ring->lock);
    bool room = ring->count < ring->limit;
    if (room) {
        ring->items[(ring->first + ring->count) % RING_CAPACITY] = item;
        ring->count++;
        pthread_cond_signal(&ring->changed);
    }
    pthread_mutex_unlock(&ring->lock);
    return room;
}

static struct timespec deadline_after(int timeout_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

void *ring_pop(struct ring *ring, int timeout_ms)
{
    void *item = NULL;
    int rc = 0;

    pthread_mutex_lock(&ring->lock);
    if (timeout_ms != 0 && ring->count == 0 && !ring->closed) {
        struct timespec at = deadline_after(timeout_ms < 0 ? 0 : timeout_ms);
        while (ring->count == 0 && !ring->closed && rc != ETIMEDOUT)
            rc = timeout_ms < 0 ? pthread_cond_wait(&ring->changed, &ring->lock)
                                : pthread_cond_timedwait(&ring->changed, &ring->lock, &at);
    }
    if (ring->count > 0) {
        item = ring->items[ring->first];
        ring->first = (ring->first + 1) % RING_CAPACITY;
        ring->count--;
    }
    pthread_mutex_unlock(&ring->lock);
    return item;
}

void ring_close(struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->closed = true;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}
