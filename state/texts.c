#include "state/texts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "state/heap.h"

/*
 * Elements are never taken out one by one, so their text lies end to end: element i is text[ends[i
 * - 1] .. ends[i]). A counter's numbers lie beside; a set has none.
 *
 * All of it is one block, so that what is looked at once in a while costs one cache miss and not four.
 */
struct texts {
    struct value_view list; /* must be first: how a set is seen */
    struct value_view map;  /* how a counter is seen */
    uint32_t count, capacity;
    uint32_t text_capacity;
    bool is_counter;
    int64_t numbers[]; /* a counter's, `capacity` of them; then the ends, as many; then the text */
};

static uint32_t *ends_of(const struct texts *texts)
{
    const int64_t *behind = texts->numbers + (texts->is_counter ? texts->capacity : 0);
    return (uint32_t *)(uintptr_t)behind;
}

static char *text_of(const struct texts *texts)
{
    return (char *)(ends_of(texts) + texts->capacity);
}

/* ---- as CEL sees them */

static const struct texts *texts_of_list(const struct value_view *view)
{
    return (const struct texts *)(const void *)view;
}

static const struct texts *texts_of_map(const struct value_view *view)
{
    const char *map = (const char *)(const void *)view;
    return (const struct texts *)(const void *)(map - offsetof(struct texts, map));
}

static size_t list_count(const struct value_view *view)
{
    return texts_of_list(view)->count;
}

static struct value list_at(const struct value_view *view, size_t index, struct arena *arena)
{
    (void)arena;
    return value_string(texts_at(texts_of_list(view), index));
}

static size_t map_count(const struct value_view *view)
{
    return texts_of_map(view)->count;
}

static struct value map_at(const struct value_view *view, size_t index, struct arena *arena)
{
    (void)arena;
    return value_int(texts_count_at(texts_of_map(view), index));
}

static struct value map_key_at(const struct value_view *view, size_t index, struct arena *arena)
{
    (void)arena;
    return value_string(texts_at(texts_of_map(view), index));
}

static uint32_t find(const struct texts *texts, struct slice text);

static struct value map_find(const struct value_view *view, struct slice key, struct arena *arena)
{
    (void)arena;
    const struct texts *texts = texts_of_map(view);
    uint32_t index = find(texts, utf8_cut(key, TEXTS_TEXT_SIZE_MAX)); /* as it was counted */
    if (index == texts->count)
        return (struct value){.kind = VALUE_ABSENT};
    return value_int(texts_count_at(texts, index));
}

static const struct value_view_ops list_ops = {.count = list_count, .at = list_at};
static const struct value_view_ops map_ops = {
    .count = map_count, .at = map_at, .key_at = map_key_at, .find = map_find};
static const struct texts empty = {.list = {&list_ops}, .map = {&map_ops}};

struct value texts_set_value(const struct texts *texts)
{
    const struct texts *shown = texts ? texts : &empty;
    return (struct value){.kind = VALUE_LIST, .rep = VALUE_REP_VIEW, .view = &shown->list};
}

struct value texts_counter_value(const struct texts *texts)
{
    const struct texts *shown = texts ? texts : &empty;
    return (struct value){.kind = VALUE_MAP, .rep = VALUE_REP_VIEW, .view = &shown->map};
}

/* ---- reading */

size_t texts_count(const struct texts *texts)
{
    return texts ? texts->count : 0;
}

static uint32_t start_of(const struct texts *texts, size_t index)
{
    return index ? ends_of(texts)[index - 1] : 0;
}

struct slice texts_at(const struct texts *texts, size_t index)
{
    CHECK(texts && index < texts->count);
    uint32_t start = start_of(texts, index);
    return (struct slice){text_of(texts) + start, ends_of(texts)[index] - start};
}

int64_t texts_count_at(const struct texts *texts, size_t index)
{
    CHECK(texts && index < texts->count);
    return texts->is_counter ? texts->numbers[index] : 0;
}

static size_t block_size(const struct texts *shape)
{
    size_t element = sizeof(uint32_t) + (shape->is_counter ? sizeof(int64_t) : 0);
    return sizeof(*shape) + shape->capacity * element + shape->text_capacity;
}

size_t texts_size(const struct texts *texts)
{
    return texts ? block_size(texts) : 0;
}

static uint32_t find(const struct texts *texts, struct slice text)
{
    const uint32_t *ends = ends_of(texts);
    const char *bytes = text_of(texts);
    uint32_t start = 0;
    for (uint32_t i = 0; i < texts->count; i++) {
        uint32_t end = ends[i];
        if (end - start == text.size && memcmp(bytes + start, text.data, text.size) == 0)
            return i;
        start = end;
    }
    return texts->count;
}

/* ---- changing */

void texts_clear(struct texts **texts)
{
    free(*texts);
    *texts = NULL;
}

static bool has_room(const struct texts *texts, size_t size)
{
    return texts->count < texts->capacity &&
           texts->text_capacity - start_of(texts, texts->count) >= size;
}

/* The same elements in a block with room for one more, of `size` bytes. */
static struct texts *grown(struct texts *old, bool is_counter, size_t size)
{
    static const struct texts none = {.list = {&list_ops}, .map = {&map_ops}, .text_capacity = 40};
    const struct texts *from = old ? old : &none;
    uint32_t used = start_of(from, from->count);
    struct texts shape = *from;

    shape.is_counter = is_counter;
    if (shape.count == shape.capacity)
        shape.capacity = shape.capacity ? 2 * shape.capacity : 4;
    CHECK(used + size <= UINT32_MAX / 2);
    while (shape.text_capacity < used + size)
        shape.text_capacity *= 2;
    struct texts *texts = heap_grow(NULL, block_size(&shape));
    *texts = shape;
    if (is_counter)
        memcpy(texts->numbers, from->numbers, from->count * sizeof(int64_t));
    memcpy(ends_of(texts), ends_of(from), from->count * sizeof(uint32_t));
    memcpy(text_of(texts), text_of(from), used);
    free(old);
    return texts;
}

static void append(struct texts **texts_at_slot, struct slice text, bool is_counter, int64_t number)
{
    struct texts *texts = *texts_at_slot;
    if (!texts || !has_room(texts, text.size))
        texts = *texts_at_slot = grown(texts, is_counter, text.size);
    uint32_t start = start_of(texts, texts->count);
    if (text.size > 0)
        memcpy(text_of(texts) + start, text.data, text.size);
    ends_of(texts)[texts->count] = start + (uint32_t)text.size;
    if (is_counter)
        texts->numbers[texts->count] = number;
    texts->count++;
}

bool texts_hold(const struct texts *texts, struct slice text)
{
    if (!texts)
        return false;
    uintptr_t begin = (uintptr_t)text_of(texts), at = (uintptr_t)text.data;
    return at >= begin && at - begin < texts->text_capacity;
}

enum texts_added texts_add(struct texts **texts_at_slot, struct slice text, uint32_t max)
{
    text = utf8_cut(text, TEXTS_TEXT_SIZE_MAX);
    if (text.size == 0)
        return TEXTS_THERE;
    if (texts_count(*texts_at_slot) && find(*texts_at_slot, text) < (*texts_at_slot)->count)
        return TEXTS_THERE;
    if (texts_count(*texts_at_slot) >= max)
        return TEXTS_FULL;
    append(texts_at_slot, text, false, 0);
    return TEXTS_ADDED;
}

enum texts_added texts_count_up(struct texts **texts_at_slot, struct slice key, uint32_t max)
{
    key = utf8_cut(key, TEXTS_TEXT_SIZE_MAX);
    if (key.size == 0)
        return TEXTS_THERE;
    struct texts *texts = *texts_at_slot;
    uint32_t index = texts ? find(texts, key) : 0;
    if (index < texts_count(texts)) {
        texts->numbers[index]++;
        return TEXTS_THERE;
    }
    if (texts_count(texts) >= max)
        return TEXTS_FULL;
    append(texts_at_slot, key, true, 1);
    return TEXTS_ADDED;
}

void texts_restore_text(struct texts **texts, struct slice text)
{
    append(texts, text, false, 0);
}

void texts_restore(struct texts **texts, struct slice text, int64_t count)
{
    append(texts, text, true, count);
}
