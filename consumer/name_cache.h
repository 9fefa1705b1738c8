/*
 * consumer/name_cache.h - wire names that were seen before, with what they mean: the usual event costs one look.
 *
 * Bounded: names that no rule names may take half of it, so that a sender of ever new names can't push the others out;
 * what finds no room is looked up the long way each time.
 */
#ifndef CONSUMER_NAME_CACHE_H
#define CONSUMER_NAME_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/event.h"
#include "consumer/schema.h"
#include "core/arena.h"
#include "core/slice.h"

#define NAME_CACHE_BITS     10
#define NAME_CACHE_SIZE_MAX 128 /* of a name that is kept */

struct name_entry {
    struct slice wire; /* data NULL: free */
    struct slice name;
    uint64_t hash;
    uint32_t id;
};

struct name_cache {
    const struct schema *schema;
    const struct event_wants *wants;
    struct name_entry entries[1 << NAME_CACHE_BITS];
    uint32_t other_count, wanted_count;
    struct arena arena; /* the entries' texts */
};

void name_cache_init(struct name_cache *cache, const struct schema *schema,
                     const struct event_wants *wants);
void name_cache_fini(struct name_cache *cache);

/* The id of a canonical name, or EVENT_NAME_OTHER. */
uint32_t name_cache_id(const struct name_cache *cache, struct slice canonical);

/*
 * The canonical name of a wire name and its id; false where the wire name is not valid UTF-8. `*name` lives as long as the
 * cache, or lies in `arena`.
 */
bool name_cache_find(struct name_cache *cache, struct slice wire, struct arena *arena,
                     struct slice *name, uint32_t *id);
#endif
