/*
 * cli/eval_event.h - the variable `event` of an expression, made of JSON: { "name": ..., "time":
 * ..., "properties": ... }.
 *
 * The fields are those that rules see: `time` (RFC 3339, or ms since 1970) is a timestamp, `id` and
 * `customer` are text, `late` is false unless it is given, `raw` is the whole object unless it is
 * given, and below `properties` names and ids are read as in an event of the schema `segment`.
 */
#ifndef CLI_EVAL_EVENT_H
#define CLI_EVAL_EVENT_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/err.h"
#include "core/slice.h"
#include "core/value.h"

/* False where it is no such object: `info` says why. The event lies in the arena. */
bool eval_event_read(struct slice json, struct arena *arena, struct value *event,
                     struct errinfo *info);
#endif
