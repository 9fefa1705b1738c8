/*
 * core/histogram.h - latencies in buckets of at most 1/32 relative error, fixed size, no
 * allocation. One writer; a reader on another thread sees each counter whole, not all of one
 * moment.
 */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 1920 /* 60 powers of two of 32 steps */

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t value);
uint64_t histogram_quantile(const struct histogram *histogram, double q);
#endif
