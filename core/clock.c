#include "core/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *self)
{
    (void)self;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(void *self)
{
    (void)self;
    return read_ms(CLOCK_MONOTONIC);
}

static int64_t fixed_ms(void *self)
{
    return *(const int64_t *)self;
}

struct clock clock_system(void)
{
    return (struct clock){.wall_ms = system_wall_ms, .monotonic_ms = system_monotonic_ms};
}

struct clock clock_fixed(const int64_t *now_ms)
{
    /* Only read: the seam has no const because other clocks change what they hold. */
    return (struct clock){.wall_ms = fixed_ms, .monotonic_ms = fixed_ms, .self = (void *)now_ms};
}
