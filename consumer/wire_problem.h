/*
 * consumer/wire_problem.h - why bytes are no event, in words: the detail of a dead letter. Slow; only for what has
 * already been refused.
 */
#ifndef CONSUMER_WIRE_PROBLEM_H
#define CONSUMER_WIRE_PROBLEM_H

#include "core/arena.h"
#include "core/slice.h"

/* Of a message that is not one well-formed msgpack map. Static or in the arena. */
const char *wire_problem(struct slice message, struct arena *arena);

/* A value (and what follows it, as in wire_value.h) as JSON, cut after some characters; NUL-terminated. For `... is no time: 12`. */
const char *wire_problem_show(struct slice value, struct arena *arena);
#endif
