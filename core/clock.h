/*
 * core/clock.h - the seam to time. Nothing below cli/ reads the time in another way, so that tests
 * and the simulator own it.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *self);      /* ms since 1970 */
    int64_t (*monotonic_ms)(void *self); /* for durations and back-off */
    void *self;
};

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->self);
}

static inline int64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock->self);
}

/* The machine's own clocks. */
struct clock clock_system(void);

/* A clock that stands where `*now_ms` says, for both. */
struct clock clock_fixed(const int64_t *now_ms);
#endif
