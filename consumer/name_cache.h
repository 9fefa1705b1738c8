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

/* A wire name. Its words are its first, middle and last eight bytes: up to 24 bytes that is all of it. */
struct name_entry {
    uint64_t words[3];
    struct slice wire; /* data NULL: free */
    struct slice name;
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

static inline uint64_t name_cache_load(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* The words of a name of at least 8 bytes. */
static inline void name_cache_words(struct slice wire, uint64_t words[3])
{
    words[0] = name_cache_load(wire.data);
    words[1] = name_cache_load(wire.data + (wire.size - 8) / 2);
    words[2] = name_cache_load(wire.data + wire.size - 8);
}

static inline uint32_t name_cache_index(const uint64_t words[3], size_t size)
{
    uint64_t mixed = words[0] ^ (words[2] * UINT64_C(0x9FB21C651E98DF25)) ^ size;

    return (uint32_t)((mixed * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - NAME_CACHE_BITS));
}

/* The entry of a name of 8 to 24 bytes, where it is the first that is looked at; else NULL, which says nothing. */
static inline const struct name_entry *name_cache_peek(const struct name_cache *cache,
                                                       struct slice wire)
{
    const struct name_entry *entry;
    uint64_t words[3];

    if (wire.size - 8 > 16)
        return NULL;
    name_cache_words(wire, words);
    entry = &cache->entries[name_cache_index(words, wire.size)];
    if (((entry->words[0] ^ words[0]) | (entry->words[1] ^ words[1]) |
         (entry->words[2] ^ words[2]) | (entry->wire.size ^ wire.size)) != 0)
        return NULL;
    return entry;
}

/*
 * The canonical name of a wire name and its id; false where the wire name is not valid UTF-8. `*name` lives as long as the
 * cache, or lies in `arena`.
 */
bool name_cache_find(struct name_cache *cache, struct slice wire, struct arena *arena,
                     struct slice *name, uint32_t *id);
#endif
