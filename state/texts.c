#include "state/texts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "state/heap.h"

/*
 * Elements are never taken out one by one, so their text lies end to end: element i is text[ends[i
 * - 1] .. ends[i]). A counter's numbers lie beside; a set has none.
 */
struct texts {
    struct value_view list; /* must be first: how a set is seen */
    struct value_view map;  /* how a counter is seen */
    uint32_t count, capacity;
    uint32_t text_capacity;
    uint32_t *ends;
    int64_t *counts; /* NULL: a set */
    char *text;
};

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
    uint32_t index = find(texts, key);
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
    return index ? texts->ends[index - 1] : 0;
}

struct slice texts_at(const struct texts *texts, size_t index)
{
    CHECK(texts && index < texts->count);
    uint32_t start = start_of(texts, index);
    return (struct slice){texts->text + start, texts->ends[index] - start};
}

int64_t texts_count_at(const struct texts *texts, size_t index)
{
    CHECK(texts && index < texts->count);
    return texts->counts ? texts->counts[index] : 0;
}

size_t texts_size(const struct texts *texts)
{
    if (!texts)
        return 0;
    size_t element = sizeof(*texts->ends) + (texts->counts ? sizeof(*texts->counts) : 0);
    return sizeof(*texts) + texts->capacity * element + texts->text_capacity;
}

static uint32_t find(const struct texts *texts, struct slice text)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i < texts->count; i++) {
        uint32_t end = texts->ends[i];
        if (end - start == text.size && memcmp(texts->text + start, text.data, text.size) == 0)
            return i;
        start = end;
    }
    return texts->count;
}

/* ---- changing */

void texts_clear(struct texts **texts)
{
    if (!*texts)
        return;
    free((*texts)->ends);
    free((*texts)->counts);
    free((*texts)->text);
    free(*texts);
    *texts = NULL;
}

static struct texts *texts_made(struct texts **texts)
{
    if (!*texts) {
        *texts = heap_new(sizeof(**texts));
        (*texts)->list.ops = &list_ops;
        (*texts)->map.ops = &map_ops;
    }
    return *texts;
}

static void make_element_room(struct texts *texts, bool is_counter)
{
    if (texts->count < texts->capacity)
        return;
    texts->capacity = texts->capacity ? 2 * texts->capacity : 4;
    texts->ends = heap_grow(texts->ends, texts->capacity * sizeof(*texts->ends));
    if (is_counter)
        texts->counts = heap_grow(texts->counts, texts->capacity * sizeof(*texts->counts));
}

static void make_text_room(struct texts *texts, size_t size)
{
    size_t needed = start_of(texts, texts->count) + size;
    if (needed <= texts->text_capacity)
        return;
    size_t capacity = texts->text_capacity ? texts->text_capacity : 40;
    while (capacity < needed)
        capacity *= 2;
    CHECK(capacity <= UINT32_MAX);
    texts->text = heap_grow(texts->text, capacity);
    texts->text_capacity = (uint32_t)capacity;
}

static void append(struct texts *texts, struct slice text, bool is_counter, int64_t count)
{
    make_element_room(texts, is_counter);
    make_text_room(texts, text.size);
    uint32_t start = start_of(texts, texts->count);
    if (text.size > 0)
        memcpy(texts->text + start, text.data, text.size);
    texts->ends[texts->count] = start + (uint32_t)text.size;
    if (is_counter)
        texts->counts[texts->count] = count;
    texts->count++;
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
    append(texts_made(texts_at_slot), text, false, 0);
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
        texts->counts[index]++;
        return TEXTS_THERE;
    }
    if (texts_count(texts) >= max)
        return TEXTS_FULL;
    append(texts_made(texts_at_slot), key, true, 1);
    return TEXTS_ADDED;
}

void texts_restore_text(struct texts **texts, struct slice text)
{
    append(texts_made(texts), text, false, 0);
}

void texts_restore(struct texts **texts, struct slice text, int64_t count)
{
    append(texts_made(texts), text, true, count);
}
