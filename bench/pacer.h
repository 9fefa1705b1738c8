/*
 * bench/pacer.h - when the next event is to be sent: so many a second, so many times as fast as it happened, or at once.
 *
 * By plan: an event that was late does not make the ones behind it late.
 */
#ifndef BENCH_PACER_H
#define BENCH_PACER_H

#include <stdbool.h>
#include <stdint.h>

struct pacer {
    double events_per_s; /* 0: not by number */
    double speed;        /* of event time against the clock; 0: not by time; with both, by number */
    bool has_begun;
    int64_t begun_ns;  /* monotonic: when the first event was sent */
    int64_t first_ms;  /* its time */
    int64_t newest_ms; /* the greatest time so far: event time does not run backwards */
    uint64_t count;
};

/* The moment (monotonic, ns) at which the next event, which happened at `time_ms`, is due. */
int64_t pacer_due_ns(struct pacer *pacer, int64_t time_ms, int64_t now_ns);
#endif
