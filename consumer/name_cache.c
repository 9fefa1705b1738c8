#include "consumer/name_cache.h"

#include "consumer/wire_value.h"
#include "core/hash.h"

#define ENTRY_COUNT (1u << NAME_CACHE_BITS)
#define OTHERS_MAX  (ENTRY_COUNT / 4)
#define WANTED_MAX  (ENTRY_COUNT / 4)

void name_cache_init(struct name_cache *cache, const struct schema *schema,
                     const struct event_wants *wants)
{
    *cache = (struct name_cache){.schema = schema, .wants = wants};
    arena_init(&cache->arena);
}

void name_cache_fini(struct name_cache *cache)
{
    arena_fini(&cache->arena);
}

uint32_t name_cache_id(const struct name_cache *cache, struct slice canonical)
{
    for (size_t i = 0; i < cache->wants->name_count; i++)
        if (slice_equal(cache->wants->names[i], canonical))
            return (uint32_t)i + 1;
    return EVENT_NAME_OTHER;
}

/* First and last bytes and the size tell the names of a shop apart; what they do not, the comparison does. */
static inline uint64_t name_hash(struct slice name)
{
    uint64_t head = 0, tail = 0;

    if (name.size >= 8) {
        memcpy(&head, name.data, 8);
        memcpy(&tail, name.data + name.size - 8, 8);
    } else {
        memcpy(&head, name.data, name.size);
    }
    return (head ^ (tail * UINT64_C(0x9FB21C651E98DF25)) ^ name.size) *
           UINT64_C(0x9E3779B97F4A7C15);
}

/* The entry, or the free one where it would be. At most half of all are taken, so there is one. */
static inline struct name_entry *find(struct name_cache *cache, struct slice wire, uint64_t hash)
{
    uint32_t i = (uint32_t)(hash >> (64 - NAME_CACHE_BITS));

    for (;;) {
        struct name_entry *entry = &cache->entries[i];

        if (entry->wire.data == NULL || (entry->hash == hash && slice_equal(entry->wire, wire)))
            return entry;
        i = (i + 1) % ENTRY_COUNT;
    }
}

static bool has_room(struct name_cache *cache, struct slice wire, uint32_t id)
{
    uint32_t *count = id == EVENT_NAME_OTHER ? &cache->other_count : &cache->wanted_count;
    uint32_t count_max = id == EVENT_NAME_OTHER ? OTHERS_MAX : WANTED_MAX;

    if (wire.size > NAME_CACHE_SIZE_MAX || *count == count_max)
        return false;
    *count += 1;
    return true;
}

bool name_cache_find(struct name_cache *cache, struct slice wire, struct arena *arena,
                     struct slice *name, uint32_t *id)
{
    uint64_t hash = name_hash(wire);
    struct name_entry *entry = find(cache, wire, hash);

    if (entry->wire.data != NULL) {
        *name = entry->name;
        *id = entry->id;
        return true;
    }
    if (!wire_valid_text(wire))
        return false;
    *name = schema_event_name(cache->schema, wire, arena);
    *id = name_cache_id(cache, *name);
    if (has_room(cache, wire, *id)) {
        *entry = (struct name_entry){arena_copy(&cache->arena, wire),
                                     arena_copy(&cache->arena, *name), hash, *id};
        *name = entry->name;
    }
    return true;
}
