/*
 * state/items.h - the lines of a cart, ordered by last change; beyond `max` the oldest goes.
 *
 * Ids at most 128 bytes, names 256, cut between characters. In CEL a list of maps of product_id,
 * name, price, quantity; name and price null where absent.
 */
#ifndef STATE_ITEMS_H
#define STATE_ITEMS_H

#include "core/value.h"

#define ITEMS_ID_SIZE_MAX       128
#define ITEMS_NAME_SIZE_MAX     256
#define ITEMS_CURRENCY_SIZE_MAX 16

struct items;

struct items_line {
    struct slice product_id;
    struct slice name; /* size 0: none */
    bool has_price;
    double price;
    double quantity;
};

/*
 * Adds to the line's quantity, takes the new name and price where given, moves it to the end. True
 * if a line went beyond `max`. Does nothing where the id is empty. The text of `line` must not lie
 * in the items themselves.
 */
bool items_add(struct items **items, const struct items_line *line, uint32_t max);

/*
 * `quantity` fewer, moved to the end, or the whole line gone where quantity <= 0 (or is NaN) or
 * nothing remains. True if there was such a line.
 */
bool items_remove(struct items **items, struct slice product_id, double quantity);

void items_clear(struct items **items);
size_t items_count(const struct items *items);

/* The line's text is borrowed until the next change. */
struct items_line items_at(const struct items *items, size_t index);

/* Sum of price x quantity in line order; no price counts as 0. */
double items_total(const struct items *items);

/*
 * Currency of the last event that changed the lines; size 0: none. At most 16 bytes. Forgotten with
 * the last line.
 */
struct slice items_currency(const struct items *items);
void items_set_currency(struct items *items, struct slice currency);

/*
 * For the codec: appends without looking for a former one; id 1 to ITEMS_ID_SIZE_MAX bytes, name at
 * most ITEMS_NAME_SIZE_MAX.
 */
void items_restore(struct items **items, const struct items_line *line);

struct value items_value(const struct items *items);
size_t items_size(const struct items *items); /* bytes allocated */
#endif
