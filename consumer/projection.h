/*
 * consumer/projection.h - finds many paths of a msgpack map in one walk.
 *
 * The paths are a tree: a node is a place in the message, its edges the keys (or indexes) that lead on. A walk goes over
 * every byte that it must, to know that the message is well-formed, but stops only at keys that a node has; all else is
 * skipped by its length. What lies at a wanted place is noted as a slice (a hit), unread.
 *
 * Keys are compared by their first and last eight bytes and their length, after one look into a table that is free of
 * collisions wherever one could be found; for keys up to 16 bytes that is all of the key.
 */
#ifndef CONSUMER_PROJECTION_H
#define CONSUMER_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/wire_path.h"
#include "core/arena.h"
#include "core/slice.h"

#define PROJECTION_ROOT      0u
#define PROJECTION_DEPTH_MAX 32 /* of paths: the map itself, and what a message may be deep */

struct projection_node;  /* private */
struct projection_shape; /* private */

struct projection {
    /* What the last walk found, by place; data NULL: nothing. Of a key that is there twice the last. */
    struct slice *places;
    /* Where it may have found something: each place at most once. */
    uint32_t *hits;
    uint32_t hit_count;

    /* private */
    struct arena arena;
    struct projection_node *nodes;   /* what a walk reads, once sealed */
    struct projection_shape *shapes; /* of each node: its edges, as added */
    uint32_t node_count, node_capacity;
    uint32_t place_count;
    uint64_t walk_number;
    bool sealed;
};

void projection_init(struct projection *projection);
void projection_fini(struct projection *projection);

/* The node one step below `node`; added where it is not there yet. The step's key is copied. */
uint32_t projection_step(struct projection *projection, uint32_t node,
                         const struct wire_step *step);

/* The place of a node: its index in `places`. */
uint32_t projection_place(struct projection *projection, uint32_t node);

/* After the last step and place, before the first walk. */
void projection_seal(struct projection *projection);

/*
 * Walks exactly one map. False where it is not one well-formed map of at most `depth_max` levels with nothing behind it;
 * then only projection_reset() may follow. Texts are not looked into.
 */
bool projection_walk(struct projection *projection, struct slice map, int depth_max);

/* Forgets what the last walk found. Costs as much as it found. */
void projection_reset(struct projection *projection);
#endif
