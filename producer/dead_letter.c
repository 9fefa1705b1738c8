#include "producer/dead_letter.h"

#include <inttypes.h>

#include "core/hash.h"

/* Null stays null, and empty stays empty: Kafka tells them apart. */
static struct slice copy(struct arena *arena, struct slice bytes)
{
    if (bytes.size == 0)
        return (struct slice){bytes.data ? "" : NULL, 0};
    return arena_copy(arena, bytes);
}

static struct slice beginning(struct slice value)
{
    if (value.size > DEAD_LETTER_VALUE_MAX)
        value.size = DEAD_LETTER_VALUE_MAX;
    return value;
}

void dead_letter_record(const struct dead_letter *letter, const char *topic, struct arena *arena,
                        struct sink_record *record)
{
    int64_t time_ms = letter->time_ms < 0 ? -1 : letter->time_ms;
    const struct sink_header headers[] = {
        {"error", slice_of(letter->error)},
        {"error_detail", copy(arena, letter->detail)},
        {"source_topic", copy(arena, slice_of(letter->from.topic))},
        {"source_partition", arena_printf(arena, "%" PRId32, letter->from.partition)},
        {"source_offset", arena_printf(arena, "%" PRId64, letter->offset)},
        {"source_time", arena_printf(arena, "%" PRId64, time_ms)},
        {"source_size", arena_printf(arena, "%zu", letter->value.size)},
        {"source_xxh3", arena_printf(arena, "%016" PRIx64, hash_bytes(letter->value))},
    };
    enum { HEADER_COUNT = sizeof(headers) / sizeof(headers[0]) };
    _Static_assert(HEADER_COUNT <= SINK_HEADERS_MAX, "a record has room for them");

    *record = (struct sink_record){
        .topic = topic,
        .partition = -1,
        .key = copy(arena, letter->key),
        .value = copy(arena, beginning(letter->value)),
        .header_count = HEADER_COUNT,
    };
    memcpy(record->headers, headers, sizeof(headers));
}
