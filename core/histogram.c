#include "core/histogram.h"

#include <stddef.h>

#define STEPS_LOG2 5
#define STEPS      (1u << STEPS_LOG2)

/* Values below 32 have a bucket each; from there every power of two is cut into 32 steps. */
static size_t bucket_of(uint64_t value)
{
    if (value < STEPS)
        return (size_t)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - STEPS_LOG2;
    return (size_t)shift * STEPS + (size_t)(value >> shift);
}

/* The greatest value of a bucket. */
static uint64_t bucket_last(size_t bucket)
{
    if (bucket < 2 * STEPS)
        return bucket;
    unsigned shift = (unsigned)(bucket / STEPS) - 1;
    uint64_t step = bucket - (size_t)shift * STEPS;
    return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

/*
 * Relaxed: a counter is read whole, and nothing is ordered by it. One writer, so no read-modify-
 * write.
 */
static void store(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    uint64_t *count = &histogram->counts[bucket_of(value)];
    store(count, *count + 1);
    store(&histogram->total, histogram->total + 1);
    if (value > histogram->max)
        store(&histogram->max, value);
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
    uint64_t total = load(&histogram->total);
    uint64_t max = load(&histogram->max);
    uint64_t seen = 0;
    if (total == 0)
        return 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += load(&histogram->counts[i]);
        if (seen > 0 && (double)seen >= q * (double)total)
            return bucket_last(i) < max ? bucket_last(i) : max;
    }
    return max;
}
