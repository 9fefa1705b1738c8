/*
 * consumer/projection.h - finds many paths of a msgpack map in one walk.
 *
 * The paths are a tree: a node is a place in the message, its edges the keys (or indexes) that lead on. A walk goes over
 * every byte that it must, to know that the message is well-formed, but stops only at keys that a node has; all else is
 * skipped by its length. Of what lies at a wanted place only its offset is noted.
 *
 * Messages of one kind look alike, so each pair of a map comes with a guess of its key, learnt from the messages of that
 * kind before: where the guess holds, one comparison of the key's bytes says what to do with its value, be it wanted or
 * not. Where it does not, the key is looked up, in a small cache and then in the node's table, and becomes the next
 * guess. Guesses change nothing but the time that it takes.
 */
#ifndef CONSUMER_PROJECTION_H
#define CONSUMER_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/wire_path.h"
#include "core/arena.h"
#include "core/slice.h"

#define PROJECTION_ROOT   0u
#define PROJECTION_UNUSED 0u /* the place of all that nobody wants */

#define PROJECTION_KEY_BYTES 16 /* of a key, compared at once */

struct projection_node;  /* private */
struct projection_shape; /* private */

struct projection {
    struct slice map; /* of the last walk */
    /* By place, the first byte of the value that the last walk found there; where it found none, of a nil. */
    const char **values;
    /* The elements of `values` that are listed and were found, each once; `hits_end` is behind the last. */
    const char ***hits, ***hits_end;

    /* private */
    struct arena arena;
    struct projection_node *nodes;   /* what a walk reads, once sealed */
    struct projection_shape *shapes; /* of each node: its edges, as added */
    uint32_t node_count, node_capacity;
    uint32_t place_count; /* with PROJECTION_UNUSED */
    uint32_t plain_count; /* places from here on are listed */
    uint32_t kind_place;  /* PROJECTION_UNUSED: there is none */
    const char **kind;    /* what lies there */
    const char **nils;    /* what the plain places' values are before a walk */
    uint64_t walk_number;
    uintptr_t end;                       /* of the map */
    char tail[2 * PROJECTION_KEY_BYTES]; /* the map's last bytes, and zeros */
    bool sealed;
};

/* What stands where nothing was found, and where a duplicate took back what was: two nils. */
extern const char projection_nil[2];

void projection_init(struct projection *projection);
void projection_fini(struct projection *projection);

/* The node one step below `node`; added where it is not there yet. The step's key is copied. */
uint32_t projection_step(struct projection *projection, uint32_t node,
                         const struct wire_step *step);

/* The place of a node, which is not the root (that is the whole map). */
uint32_t projection_place(struct projection *projection, uint32_t node);

/* Places that come from now on are listed in `hits` when they are found; those before are asked for one by one. */
void projection_list_places(struct projection *projection);

/* What lies at this place says, where it comes before a map, what keys the map has: the event's name. Only for guessing. */
void projection_tell_kinds_by(struct projection *projection, uint32_t place);

/* Before the first walk; from now on no step or place can be added, but those that are there still be asked for. */
void projection_seal(struct projection *projection);

/*
 * Walks exactly one map. False where it is not one well-formed map of at most `depth_max` levels with nothing behind it;
 * then nothing that was found may be used. Texts are not looked into. Of a key that is there twice the last counts.
 */
bool projection_walk(struct projection *projection, struct slice map, int depth_max);

/*
 * The place of a key of the outermost map, PROJECTION_UNUSED where it is none or leads further, without a walk: this
 * changes nothing and can be asked by many threads. `end`: up to where may be read, at least as far as the key reaches.
 */
uint32_t projection_find(const struct projection *projection, struct slice key, const char *end);

/* True where a value of the message lies at a place, be it a nil. */
static inline bool projection_has(const struct projection *projection, uint32_t place)
{
    const char *value = projection->values[place];

    return value != projection_nil && value != projection_nil + 1;
}
#endif
