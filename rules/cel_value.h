/*
 * rules/cel_value.h - reading lists and maps of whatever representation, one element after another,
 * and comparing values.
 *
 * Walking a RAW container moves a cursor over its msgpack, so that a loop over it is linear and
 * allocates nothing.
 */
#ifndef RULES_CEL_VALUE_H
#define RULES_CEL_VALUE_H

#include "core/mp.h"
#include "rules/cel.h"

static_assert((int)CEL_NULL == (int)VALUE_NULL && (int)CEL_MAP == (int)VALUE_MAP &&
                  (int)CEL_TYPE == (int)VALUE_TYPE,
              "a value's kind is its type");

struct cel_iter {
    struct value container;
    struct mp cursor; /* RAW: the next element */
    uint32_t index;   /* of the next element */
    uint32_t count;
};

/*
 * Of a list or a map. Pays for the bytes that will be walked over; the elements are paid for by who
 * walks.
 */
void cel_iter_open(struct cel_iter *iter, struct cel_activation *activation,
                   struct value container);

/* False at the end. Of a list the key is the index. */
bool cel_iter_next(struct cel_iter *iter, struct cel_activation *activation, struct value *key,
                   struct value *value);

/* A list of `count` elements in the arena, uninitialised, and the value it will be. */
struct value *cel_new_items(struct cel_activation *activation, uint32_t count);
struct value cel_list_of(const struct value *items, uint32_t count);
struct value cel_map_of(const struct value *items, uint32_t pairs);

/*
 * Elements and bytes of text in it, counted up to `limit`: what is shared counts as often as it is
 * there.
 */
uint64_t cel_weight(struct value value, uint64_t limit);

/* A copy of which nothing borrows from elsewhere but views, which stay. */
struct value cel_copy_value(struct arena *arena, struct value value);

/*
 * Copies the elements of a list behind `items`; returns how many. Room for cel_size(list) is the
 * caller's.
 */
uint32_t cel_copy_items(struct cel_activation *activation, struct value list, struct value *items);

/*
 * An error value where a key has no type for a key, or where two are equal; else VALUE_NULL.
 * `items` are key, value, key, value...
 */
struct value cel_check_keys(struct cel_activation *activation, const struct value *items,
                            uint32_t pairs);

enum cel_order {
    CEL_ORDER_LESS = -1,
    CEL_ORDER_EQUAL = 0,
    CEL_ORDER_GREATER = 1,
    CEL_ORDER_NONE = 2,    /* NaN */
    CEL_ORDER_REFUSED = 3, /* of such types none comes before the other */
};
/*
 * cel_equal(), cel_find() and cel_at() within the steps that the evaluation has left: false or an
 * error where there are none.
 */
bool cel_equal_within(struct cel_activation *activation, struct value a, struct value b);
struct value cel_find_within(struct cel_activation *activation, struct value map, struct value key);
struct value cel_at_within(struct cel_activation *activation, struct value list, uint32_t index);

enum cel_order cel_order(struct value a, struct value b);

static inline bool cel_is_container(struct value value)
{
    return value.kind == VALUE_LIST || value.kind == VALUE_MAP;
}

static inline bool cel_is_number(struct value value)
{
    return value.kind >= VALUE_INT && value.kind <= VALUE_DOUBLE;
}
#endif
