#include "state/items.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "state/heap.h"

/* The id, and behind it the name, lie in the list's text at `text`. */
struct line {
    double price;
    double quantity;
    uint32_t text;
    uint16_t name_size;
    uint8_t id_size;
    bool has_price;
};

/*
 * One block, so that what is looked at once in a while costs few cache misses; it grows by doubling. A line that changes or goes
 * leaves its text behind as garbage; it is swept when there is no more room, so that a change costs no allocation once the cart
 * has its size.
 */
struct items {
    struct value_view view; /* must be first */
    uint32_t count, capacity;
    uint32_t text_size, text_capacity;
    uint32_t text_live; /* of text_size, what lines use */
    uint8_t currency_size;
    char currency[ITEMS_CURRENCY_SIZE_MAX];
    struct line lines[]; /* `capacity` of them; then the text */
};

static char *text_of(const struct items *items)
{
    return (char *)(uintptr_t)(items->lines + items->capacity);
}

/* ---- as CEL sees them */

static size_t view_count(const struct value_view *view)
{
    return ((const struct items *)(const void *)view)->count;
}

/* product_id, name, price, quantity, as key and value one after another. */
static struct value view_at(const struct value_view *view, size_t index, struct arena *arena)
{
    struct items_line line = items_at((const struct items *)(const void *)view, index);
    struct value *pairs = arena_alloc(arena, 8 * sizeof(*pairs));
    pairs[0] = value_string(SLICE("product_id"));
    pairs[1] = value_string(line.product_id);
    pairs[2] = value_string(SLICE("name"));
    pairs[3] = line.name.size ? value_string(line.name) : value_null();
    pairs[4] = value_string(SLICE("price"));
    pairs[5] = line.has_price ? value_double(line.price) : value_null();
    pairs[6] = value_string(SLICE("quantity"));
    pairs[7] = value_double(line.quantity);
    return (struct value){.kind = VALUE_MAP, .rep = VALUE_REP_ITEMS, .size = 4, .items = pairs};
}

static const struct value_view_ops view_ops = {.count = view_count, .at = view_at};
static const struct items empty = {.view = {&view_ops}};

struct value items_value(const struct items *items)
{
    const struct items *shown = items ? items : &empty;
    return (struct value){.kind = VALUE_LIST, .rep = VALUE_REP_VIEW, .view = &shown->view};
}

/* ---- reading */

size_t items_count(const struct items *items)
{
    return items ? items->count : 0;
}

static struct slice line_id(const struct items *items, const struct line *line)
{
    return (struct slice){text_of(items) + line->text, line->id_size};
}

struct items_line items_at(const struct items *items, size_t index)
{
    CHECK(items && index < items->count);
    const struct line *line = &items->lines[index];
    return (struct items_line){
        .product_id = line_id(items, line),
        .name = {text_of(items) + line->text + line->id_size, line->name_size},
        .has_price = line->has_price,
        .price = line->price,
        .quantity = line->quantity,
    };
}

double items_total(const struct items *items)
{
    double total = 0;
    for (uint32_t i = 0; items && i < items->count; i++)
        if (items->lines[i].has_price)
            total += items->lines[i].price * items->lines[i].quantity;
    return total;
}

struct slice items_currency(const struct items *items)
{
    if (!items || items->currency_size == 0)
        return (struct slice){NULL, 0};
    return (struct slice){items->currency, items->currency_size};
}

static size_t block_size(const struct items *shape)
{
    return sizeof(*shape) + shape->capacity * sizeof(struct line) + shape->text_capacity;
}

size_t items_size(const struct items *items)
{
    return items ? block_size(items) : 0;
}

/* ---- changing */

void items_clear(struct items **items)
{
    free(*items);
    *items = NULL;
}

static uint32_t line_text_size(const struct line *line)
{
    return (uint32_t)line->id_size + line->name_size;
}

/* The lines in a new block, without the garbage, with room for one more line and `size` more bytes of text. */
static struct items *grown(struct items *old, uint32_t size)
{
    static const struct items none = {.view = {&view_ops}, .capacity = 2, .text_capacity = 64};
    const struct items *from = old ? old : &none;
    struct items shape = *from;
    uint32_t needed = from->text_live + size;

    if (shape.count == shape.capacity)
        shape.capacity *= 2;
    while (shape.text_capacity < needed + needed / 2)
        shape.text_capacity *= 2;
    shape.text_size = 0;
    struct items *items = heap_grow(NULL, block_size(&shape));
    *items = shape;
    for (uint32_t i = 0; i < from->count; i++) {
        items->lines[i] = from->lines[i];
        items->lines[i].text = items->text_size;
        memcpy(text_of(items) + items->text_size, text_of(from) + from->lines[i].text,
               line_text_size(&from->lines[i]));
        items->text_size += line_text_size(&from->lines[i]);
    }
    free(old);
    return items;
}

static bool has_room(const struct items *items, size_t size)
{
    return items->count < items->capacity && items->text_capacity - items->text_size >= size;
}

static uint32_t find(const struct items *items, struct slice product_id)
{
    uint32_t i = 0;
    while (i < items->count && !slice_equal(line_id(items, &items->lines[i]), product_id))
        i++;
    return i;
}

/* Takes the line out; its text becomes garbage. */
static void take_out(struct items *items, uint32_t index)
{
    items->text_live -= line_text_size(&items->lines[index]);
    memmove(&items->lines[index], &items->lines[index + 1],
            (items->count - index - 1) * sizeof(struct line));
    items->count--;
}

/* Puts id and name behind the other text, and the line behind the other lines. */
static void append(struct items **items_at_slot, struct line line, struct slice id,
                   struct slice name)
{
    struct items *items = *items_at_slot;
    if (!items || !has_room(items, id.size + name.size))
        items = *items_at_slot = grown(items, (uint32_t)(id.size + name.size));
    char *text = text_of(items) + items->text_size;
    line.text = items->text_size;
    line.id_size = (uint8_t)id.size;
    line.name_size = (uint16_t)name.size;
    memcpy(text, id.data, id.size);
    if (name.size)
        memcpy(text + id.size, name.data, name.size);
    items->text_size += line_text_size(&line);
    items->text_live += line_text_size(&line);
    items->lines[items->count++] = line;
}

/* Moves the line to the end. Its text stays where it is unless the name changes. */
static void touch(struct items **items_at_slot, uint32_t index, const struct items_line *change)
{
    struct items *items = *items_at_slot;
    struct line line = items->lines[index];
    line.quantity += change->quantity;
    if (change->has_price) {
        line.has_price = true;
        line.price = change->price;
    }
    struct slice name = utf8_cut(change->name, ITEMS_NAME_SIZE_MAX);
    struct slice old = items_at(items, index).name;
    if (name.size == 0 || slice_equal(name, old)) {
        memmove(&items->lines[index], &items->lines[index + 1],
                (items->count - index - 1) * sizeof(line));
        items->lines[items->count - 1] = line;
        return;
    }
    struct slice id =
        utf8_cut(change->product_id, ITEMS_ID_SIZE_MAX); /* not ours: that one may move */
    take_out(items, index);
    append(items_at_slot, line, id, name);
}

static struct line line_of(const struct items_line *line)
{
    return (struct line){
        .price = line->has_price ? line->price : 0,
        .quantity = line->quantity,
        .has_price = line->has_price,
    };
}

bool items_add(struct items **items_at_slot, const struct items_line *line, uint32_t max)
{
    struct slice id = utf8_cut(line->product_id, ITEMS_ID_SIZE_MAX);
    if (max == 0 || id.size == 0)
        return max == 0;
    struct items *items = *items_at_slot;
    uint32_t index = items ? find(items, id) : 0;
    if (index < items_count(items)) {
        touch(items_at_slot, index, line);
        return false;
    }
    bool is_full = items_count(items) >= max;
    if (is_full)
        take_out(items, 0);
    append(items_at_slot, line_of(line), id, utf8_cut(line->name, ITEMS_NAME_SIZE_MAX));
    return is_full;
}

void items_restore(struct items **items, const struct items_line *line)
{
    append(items, line_of(line), line->product_id, line->name);
}

bool items_remove(struct items **items_at_slot, struct slice product_id, double quantity)
{
    struct items *items = *items_at_slot;
    if (!items)
        return false;
    uint32_t index = find(items, utf8_cut(product_id, ITEMS_ID_SIZE_MAX));
    if (index == items->count)
        return false;
    double rest = quantity > 0 ? items->lines[index].quantity - quantity : 0;
    if (rest > 0) {
        const struct items_line fewer = {.product_id = product_id, .quantity = -quantity};
        touch(items_at_slot, index, &fewer);
        return true;
    }
    take_out(items, index);
    if (items->count == 0)
        items_clear(items_at_slot);
    return true;
}

void items_set_currency(struct items *items, struct slice currency)
{
    if (!items)
        return;
    currency = utf8_cut(currency, ITEMS_CURRENCY_SIZE_MAX);
    items->currency_size = (uint8_t)currency.size;
    if (currency.size)
        memmove(items->currency, currency.data, currency.size);
}
