#include "engine/epoch.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"

struct epoch *epoch_new(void)
{
    struct epoch *epoch = calloc(1, sizeof *epoch);
    CHECK(epoch);
    arena_init(&epoch->arena);
    buf_init(&epoch->membership);
    return epoch;
}

void epoch_free(struct epoch *epoch)
{
    if (!epoch)
        return;
    arena_fini(&epoch->arena);
    buf_fini(&epoch->membership);
    free(epoch->outputs);
    free(epoch->offsets);
    free(epoch->checkpoints);
    free(epoch);
}

void epoch_reset(struct epoch *epoch)
{
    arena_reset(&epoch->arena);
    buf_reset(&epoch->membership);
    epoch->kind = EPOCH_RESULTS;
    epoch->output_count = epoch->signal_count = epoch->offset_count = epoch->checkpoint_count = 0;
    epoch->committed = false;
    epoch->outcome = ERR_NONE;
    epoch->info.text[0] = '\0';
}

/* Room for one more; the new element is cleared. */
static void *append(void **items, size_t *count, size_t *capacity, size_t size)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 16;
        *items = realloc(*items, *capacity * size);
        CHECK(*items);
    }
    return memset((char *)*items + (*count)++ * size, 0, size);
}

void epoch_add_output(struct epoch *epoch, const struct sink_record *record)
{
    void *items = epoch->outputs;
    struct epoch_output *output =
        append(&items, &epoch->output_count, &epoch->output_capacity, sizeof *output);
    epoch->outputs = items;

    size_t size = record->header_count * sizeof *record->headers;
    struct sink_header *headers = arena_alloc(&epoch->arena, size + 1);
    memcpy(headers, record->headers, size);
    *output = (struct epoch_output){
        .topic = record->topic,
        .key = record->key,
        .value = record->value,
        .headers = headers,
        .partition = record->partition,
        .header_count = (uint32_t)record->header_count,
    };
}

struct epoch_offset *epoch_add_offset(struct epoch *epoch)
{
    void *items = epoch->offsets;
    struct epoch_offset *offset =
        append(&items, &epoch->offset_count, &epoch->offset_capacity, sizeof *offset);
    epoch->offsets = items;
    return offset;
}

struct epoch_checkpoint *epoch_add_checkpoint(struct epoch *epoch)
{
    void *items = epoch->checkpoints;
    struct epoch_checkpoint *checkpoint =
        append(&items, &epoch->checkpoint_count, &epoch->checkpoint_capacity, sizeof *checkpoint);
    epoch->checkpoints = items;
    return checkpoint;
}

bool epoch_is_full(const struct epoch *epoch)
{
    return epoch->signal_count >= EPOCH_SIGNALS_MAX || epoch->arena.total_size >= EPOCH_SIZE_MAX;
}

bool epoch_is_empty(const struct epoch *epoch)
{
    return epoch->output_count == 0 && epoch->offset_count == 0 && epoch->checkpoint_count == 0;
}
