#include "state/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/datetime.h"
#include "state/heap.h"

union amount {
    int64_t count;
    double sum;
};

/* Buckets from `oldest` on, end to end; what is not there is 0. */
struct window {
    int64_t oldest; /* number of the first bucket: floor(time / width) */
    uint8_t used;   /* buckets */
    uint8_t capacity;
    bool is_sum;
    union amount amounts[];
};

static_assert(WINDOW_SPAN_MAX <= UINT8_MAX, "`used` counts buckets");

static int64_t bucket_of(int64_t time_ms, int64_t bucket_ms)
{
    return floor_div(time_ms, bucket_ms);
}

static void drop_front(struct window *window, int64_t count)
{
    uint8_t gone = count < window->used ? (uint8_t)count : window->used;
    window->used = (uint8_t)(window->used - gone);
    memmove(window->amounts, window->amounts + gone, window->used * sizeof(union amount));
    window->oldest += count;
}

static struct window *with_capacity(struct window **window_at_slot, int64_t needed)
{
    struct window *window = *window_at_slot;
    if (needed <= window->capacity)
        return window;
    int64_t capacity = window->capacity;
    while (capacity < needed)
        capacity = capacity ? 2 * capacity : 2;
    if (capacity > WINDOW_SPAN_MAX)
        capacity = WINDOW_SPAN_MAX;
    window = heap_grow(window, sizeof(*window) + (size_t)capacity * sizeof(union amount));
    window->capacity = (uint8_t)capacity;
    *window_at_slot = window;
    return window;
}

/* Room for one more bucket before the first, or after the last; those between are 0. */
static void reach(struct window **window_at_slot, int64_t bucket)
{
    struct window *window = *window_at_slot;
    if (window->used == 0)
        window->oldest = bucket;
    if (bucket >= window->oldest + WINDOW_SPAN_MAX)
        drop_front(window, bucket - (window->oldest + WINDOW_SPAN_MAX) + 1);
    int64_t before = bucket < window->oldest ? window->oldest - bucket : 0;
    int64_t used = bucket - window->oldest + 1;
    if (used < window->used)
        used = window->used;
    window = with_capacity(window_at_slot, before + used);
    memmove(window->amounts + before, window->amounts, window->used * sizeof(union amount));
    memset(window->amounts, 0, (size_t)before * sizeof(union amount));
    memset(window->amounts + before + window->used, 0,
           (size_t)(used - window->used) * sizeof(union amount));
    window->oldest -= before;
    window->used = (uint8_t)(before + used);
}

static union amount *amount_at(struct window **window_at_slot, bool is_sum, int64_t bucket)
{
    if (!*window_at_slot) {
        *window_at_slot = heap_new(sizeof(**window_at_slot));
        (*window_at_slot)->is_sum = is_sum;
    }
    reach(window_at_slot, bucket);
    return &(*window_at_slot)->amounts[bucket - (*window_at_slot)->oldest];
}

/* The bucket to add to, or NULL: before the window, or so old that no room is kept for it. */
static union amount *add_at(struct window **window_at_slot, bool is_sum, uint32_t buckets,
                            int64_t bucket_ms, int64_t time_ms, int64_t now_ms)
{
    int64_t bucket = bucket_of(time_ms, bucket_ms);
    int64_t first = bucket_of(now_ms, bucket_ms) - buckets + 1;
    if (bucket < first)
        return NULL;
    struct window *window = *window_at_slot;
    if (window && first > window->oldest)
        drop_front(window, first - window->oldest);
    if (window && window->used && window->oldest + window->used - bucket > WINDOW_SPAN_MAX)
        return NULL;
    return amount_at(window_at_slot, is_sum, bucket);
}

bool window_add_count(struct window **window, uint32_t buckets, int64_t bucket_ms, int64_t time_ms,
                      int64_t now_ms)
{
    union amount *amount = add_at(window, false, buckets, bucket_ms, time_ms, now_ms);
    if (!amount)
        return false;
    amount->count++;
    return true;
}

bool window_add_sum(struct window **window, uint32_t buckets, int64_t bucket_ms, int64_t time_ms,
                    int64_t now_ms, double added)
{
    union amount *amount = add_at(window, true, buckets, bucket_ms, time_ms, now_ms);
    if (!amount)
        return false;
    amount->sum += added;
    return true;
}

/* The part of the kept buckets that lies in the window of now: [*from, *to). */
static void in_window(const struct window *window, uint32_t buckets, int64_t bucket_ms,
                      int64_t now_ms, int64_t *from, int64_t *to)
{
    int64_t now = bucket_of(now_ms, bucket_ms);
    *from = now - buckets + 1 - window->oldest;
    *to = now + 1 - window->oldest;
    if (*from < 0)
        *from = 0;
    if (*to > window->used)
        *to = window->used;
}

int64_t window_count(const struct window *window, uint32_t buckets, int64_t bucket_ms,
                     int64_t now_ms)
{
    if (!window)
        return 0;
    int64_t from, to, count = 0;
    in_window(window, buckets, bucket_ms, now_ms, &from, &to);
    for (int64_t i = from; i < to; i++)
        count += window->amounts[i].count;
    return count;
}

double window_sum(const struct window *window, uint32_t buckets, int64_t bucket_ms, int64_t now_ms)
{
    if (!window)
        return 0;
    int64_t from, to;
    double sum = 0;
    in_window(window, buckets, bucket_ms, now_ms, &from, &to);
    for (int64_t i = from; i < to; i++)
        sum += window->amounts[i].sum;
    return sum;
}

void window_clear(struct window **window)
{
    free(*window);
    *window = NULL;
}

size_t window_size(const struct window *window)
{
    return window ? sizeof(*window) + window->capacity * sizeof(union amount) : 0;
}

size_t window_buckets(const struct window *window, int64_t *newest, const double **sums,
                      const int64_t **counts)
{
    *sums = NULL;
    *counts = NULL;
    if (!window)
        return 0;
    *newest = window->oldest + window->used - 1;
    if (window->is_sum)
        *sums = &window->amounts[0].sum;
    else
        *counts = &window->amounts[0].count;
    return window->used;
}

void window_restore(struct window **window, bool is_sum, int64_t bucket, int64_t count, double sum)
{
    union amount *amount = amount_at(window, is_sum, bucket);
    if (is_sum)
        amount->sum = sum;
    else
        amount->count = count;
}
