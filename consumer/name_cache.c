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

/* Of any name; the words of one of fewer than eight bytes are filled up with 0. */
static void find_words(struct slice wire, uint64_t words[3])
{
    words[0] = words[1] = words[2] = 0;
    if (wire.size >= 8)
        name_cache_words(wire, words);
    else
        memcpy(words, wire.data, wire.size);
}

/* The entry, or the free one where it would be. At most half of all are taken, so there is one. */
static struct name_entry *find(struct name_cache *cache, struct slice wire, const uint64_t words[3])
{
    uint32_t i = name_cache_index(words, wire.size);

    for (;;) {
        struct name_entry *entry = &cache->entries[i];

        if (entry->wire.data == NULL || slice_equal(entry->wire, wire))
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
    struct name_entry *entry;
    uint64_t words[3];

    find_words(wire, words);
    entry = find(cache, wire, words);
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
        *entry = (struct name_entry){{words[0], words[1], words[2]},
                                     arena_copy(&cache->arena, wire),
                                     arena_copy(&cache->arena, *name),
                                     *id};
        *name = entry->name;
    }
    return true;
}
