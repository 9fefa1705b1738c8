/*
 * consumer/wire_path.h - where a value lies on the wire, as schema files write it.
 *
 *   userId                  a key of the nearest map: the event, or for a property the properties
 *   context.campaign.medium keys of maps inside maps
 *   items[0].item_id        an element of an array, counted from 0
 *   /user_id                from the message, wherever the path stands
 *   .                       the nearest map itself
 *   {user}:{seconds}        a text composed of text or integers at paths; there only if all of them are
 */
#ifndef CONSUMER_WIRE_PATH_H
#define CONSUMER_WIRE_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/slice.h"

#define WIRE_PATH_STEPS_MAX 8
#define WIRE_PARTS_MAX      4
#define WIRE_INDEX_MAX      1000u

/* One step down: into a map by key, or into an array by index. */
struct wire_step {
    struct slice key; /* of a map */
    uint32_t index;   /* of an array */
    bool is_index;
};

struct wire_path {
    bool from_message; /* written with a leading `/` */
    uint32_t step_count;
    struct wire_step steps[WIRE_PATH_STEPS_MAX];
};

/* A path, or a text composed of several: literals[0] paths[0] literals[1] ... literals[path_count]. */
struct wire_source {
    bool composed;
    uint32_t path_count; /* 1 where it is not composed */
    struct wire_path *paths;
    struct slice *literals; /* composed only */
};

/* What is wrong with a text, in one sentence; NULL where it is right. Copies into `arena`. */
const char *wire_path_parse(struct slice text, struct wire_path *path, struct arena *arena);
const char *wire_source_parse(struct slice text, struct wire_source *source, struct arena *arena);
#endif
