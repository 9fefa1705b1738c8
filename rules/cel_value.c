#include "rules/cel_value.h"

#include <math.h>

#include "core/hash.h"
#include "rules/cel_functions.h"

/* ---- containers ---- */

/* What the elements of a RAW container are read as, where no host says better. */
static enum value_raw raw_of_elements(struct value container)
{
    return container.aux == VALUE_RAW_PRODUCTS ? VALUE_RAW_PRODUCT : VALUE_RAW_PLAIN;
}

/* The cursor is left at the first element. */
static uint32_t open_raw(struct value container, struct mp *cursor)
{
    struct mp_token token;
    *cursor = mp_of(value_text(container));
    if (!mp_read(cursor, &token) || (token.kind != MP_ARRAY && token.kind != MP_MAP))
        return 0;
    return token.count;
}

uint32_t cel_size(struct value container)
{
    struct mp cursor;
    switch ((enum value_rep)container.rep) {
    case VALUE_REP_ITEMS:
        return container.size;
    case VALUE_REP_RAW:
        return open_raw(container, &cursor);
    case VALUE_REP_VIEW:
        return (uint32_t)container.view->ops->count(container.view);
    }
    return 0;
}

void cel_iter_open(struct cel_iter *iter, struct cel_activation *activation, struct value container)
{
    iter->container = container;
    iter->index = 0;
    if (container.rep == VALUE_REP_RAW) {
        cel_spend(activation, container.size >> 6);
        iter->count = open_raw(container, &iter->cursor);
    } else {
        iter->count = cel_size(container);
    }
}

static struct value next_raw(struct cel_iter *iter)
{
    struct slice element;
    if (!mp_value(&iter->cursor, &element))
        return cel_error_literal("not msgpack");
    return value_of_msgpack(element, raw_of_elements(iter->container));
}

static void next_of_raw(struct cel_iter *iter, struct value *key, struct value *value)
{
    *key = iter->container.kind == VALUE_MAP ? next_raw(iter) : value_int(iter->index);
    *value = next_raw(iter);
}

static void next_of_items(struct cel_iter *iter, struct value *key, struct value *value)
{
    const struct value *items = iter->container.items;
    if (iter->container.kind == VALUE_MAP) {
        *key = items[2 * (size_t)iter->index];
        *value = items[2 * (size_t)iter->index + 1];
    } else {
        *key = value_int(iter->index);
        *value = items[iter->index];
    }
}

static void next_of_view(struct cel_iter *iter, struct arena *arena, struct value *key,
                         struct value *value)
{
    const struct value_view *view = iter->container.view;
    if (iter->container.kind == VALUE_MAP)
        *key = view->ops->key_at(view, iter->index, arena);
    else
        *key = value_int(iter->index);
    *value = view->ops->at(view, iter->index, arena);
}

bool cel_iter_next(struct cel_iter *iter, struct cel_activation *activation, struct value *key,
                   struct value *value)
{
    if (iter->index >= iter->count)
        return false;
    switch ((enum value_rep)iter->container.rep) {
    case VALUE_REP_ITEMS:
        next_of_items(iter, key, value);
        break;
    case VALUE_REP_RAW:
        next_of_raw(iter, key, value);
        break;
    case VALUE_REP_VIEW:
        next_of_view(iter, activation->arena, key, value);
        break;
    }
    iter->index++;
    return true;
}

static struct value at_raw(struct value list, uint32_t index)
{
    struct mp cursor;
    struct slice element = {0};
    uint32_t count = open_raw(list, &cursor);
    if (index >= count)
        return (struct value){0};
    for (uint32_t i = 0; i <= index; i++)
        if (!mp_value(&cursor, &element))
            return cel_error_literal("not msgpack");
    return value_of_msgpack(element, raw_of_elements(list));
}

struct value cel_at_within(struct cel_activation *activation, struct value list, uint32_t index)
{
    switch ((enum value_rep)list.rep) {
    case VALUE_REP_ITEMS:
        return index < list.size ? list.items[index] : (struct value){0};
    case VALUE_REP_RAW:
        if (!cel_spend(activation, list.size >> 6))
            return cel_too_many_steps();
        return at_raw(list, index);
    case VALUE_REP_VIEW:
        if (index >= list.view->ops->count(list.view))
            return (struct value){0};
        return list.view->ops->at(list.view, index, activation->arena);
    }
    return (struct value){0};
}

void cel_entry(struct cel_activation *activation, struct value map, uint32_t index,
               struct value *key, struct value *value)
{
    struct cel_iter iter;
    cel_iter_open(&iter, activation, map);
    if (map.rep != VALUE_REP_RAW)
        iter.index = index;
    while (cel_iter_next(&iter, activation, key, value))
        if (iter.index == index + 1)
            return;
    *key = *value = (struct value){0};
}

/* ---- keys ---- */

static bool keys_equal(struct value a, struct value b)
{
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING)
        return slice_equal(value_text(a), value_text(b));
    if (a.kind == VALUE_BOOL && b.kind == VALUE_BOOL)
        return a.b == b.b;
    return cel_is_number(a) && cel_is_number(b) && cel_order(a, b) == CEL_ORDER_EQUAL;
}

/* The last of equal keys counts, as msgpack may repeat one. */
static struct value find_by_walk(struct cel_activation *activation, struct value map,
                                 struct value key)
{
    struct cel_iter iter;
    struct value entry_key, entry, found = {0};
    cel_iter_open(&iter, activation, map);
    if (!cel_spend(activation, iter.count / 8))
        return cel_too_many_steps();
    while (cel_iter_next(&iter, activation, &entry_key, &entry))
        if (keys_equal(entry_key, key))
            found = entry;
    return found;
}

/* Long keys of one length are compared in full. */
static uint64_t key_price(struct value key)
{
    return key.kind == VALUE_STRING ? key.size >> 10 : 0;
}

static struct value find_in_items(struct cel_activation *activation, struct value map,
                                  struct value key)
{
    if (!cel_spend(activation, map.size / 8 + map.size * key_price(key)))
        return cel_too_many_steps();
    for (uint32_t i = 0; i < map.size; i++)
        if (keys_equal(map.items[2 * (size_t)i], key))
            return map.items[2 * (size_t)i + 1];
    return (struct value){0};
}

static struct value find_in_raw(struct cel_activation *activation, struct value map,
                                struct value key)
{
    struct slice found;
    if (!cel_spend(activation, map.size >> 6))
        return cel_too_many_steps();
    if (key.kind != VALUE_STRING)
        return find_by_walk(activation, map, key);
    if (map.aux != VALUE_RAW_PLAIN && activation->select)
        return activation->select(activation, map, value_text(key));
    if (!mp_map_find(value_text(map), value_text(key), &found))
        return (struct value){0};
    return value_of_msgpack(found, raw_of_elements(map));
}

struct value cel_find_within(struct cel_activation *activation, struct value map, struct value key)
{
    switch ((enum value_rep)map.rep) {
    case VALUE_REP_ITEMS:
        return find_in_items(activation, map, key);
    case VALUE_REP_RAW:
        return find_in_raw(activation, map, key);
    case VALUE_REP_VIEW:
        if (key.kind != VALUE_STRING)
            return (struct value){0};
        return map.view->ops->find(map.view, value_text(key), activation->arena);
    }
    return (struct value){0};
}

/* Equal keys have equal hashes: 1 and 1u are equal. Doubles are no keys of maps made here. */
static uint64_t key_hash(struct value key)
{
    if (key.kind == VALUE_STRING)
        return hash_bytes(value_text(key));
    uint64_t number = key.kind == VALUE_BOOL ? key.b : key.u;
    return hash_bytes((struct slice){(const char *)&number, sizeof(number)});
}

/* Index + 1 of an earlier equal key goes to its slot's place; 0 is an empty slot. */
static bool has_equal_keys(struct cel_activation *activation, const struct value *items,
                           uint32_t pairs)
{
    uint32_t capacity = 16;
    while (capacity < 2 * pairs)
        capacity *= 2;
    uint32_t *slots = arena_calloc(activation->arena, capacity, sizeof(uint32_t));
    for (uint32_t i = 0; i < pairs; i++) {
        struct value key = items[2 * (size_t)i];
        uint32_t slot = (uint32_t)key_hash(key) & (capacity - 1);
        for (; slots[slot]; slot = (slot + 1) & (capacity - 1))
            if (keys_equal(items[2 * (size_t)(slots[slot] - 1)], key))
                return true;
        slots[slot] = i + 1;
    }
    return false;
}

static bool is_key(struct value value)
{
    return value.kind == VALUE_STRING || value.kind == VALUE_INT || value.kind == VALUE_UINT ||
           value.kind == VALUE_BOOL;
}

static struct value repeated_key(void)
{
    return cel_error_literal("a map has the same key twice");
}

struct value cel_check_keys(struct cel_activation *activation, const struct value *items,
                            uint32_t pairs)
{
    for (uint32_t i = 0; i < pairs; i++) {
        if (!is_key(items[2 * (size_t)i]))
            return cel_fail(activation, "%s can't be the key of a map",
                            cel_type_name((enum cel_type)items[2 * (size_t)i].kind));
        if (!cel_spend(activation, 1 + 8 * key_price(items[2 * (size_t)i])))
            return cel_too_many_steps();
    }
    if (pairs > 8)
        return has_equal_keys(activation, items, pairs) ? repeated_key() : value_null();
    for (uint32_t i = 0; i < pairs; i++)
        for (uint32_t j = 0; j < i; j++)
            if (keys_equal(items[2 * (size_t)i], items[2 * (size_t)j]))
                return repeated_key();
    return value_null();
}

/* ---- building ---- */

struct value *cel_new_items(struct cel_activation *activation, uint32_t count)
{
    return arena_alloc(activation->arena, count * sizeof(struct value));
}

struct value cel_list_of(const struct value *items, uint32_t count)
{
    return (struct value){.kind = VALUE_LIST, .size = count, .items = items};
}

struct value cel_map_of(const struct value *items, uint32_t pairs)
{
    return (struct value){.kind = VALUE_MAP, .size = pairs, .items = items};
}

uint32_t cel_copy_items(struct cel_activation *activation, struct value list, struct value *items)
{
    struct cel_iter iter;
    struct value index;
    uint32_t count = 0;
    cel_iter_open(&iter, activation, list);
    while (cel_iter_next(&iter, activation, &index, &items[count]))
        count++;
    return count;
}

static size_t item_count(struct value value)
{
    if (!cel_is_container(value) || value.rep != VALUE_REP_ITEMS)
        return 0;
    return value.kind == VALUE_MAP ? 2 * (size_t)value.size : value.size;
}

uint64_t cel_weight(struct value value, uint64_t limit)
{
    bool is_raw = cel_is_container(value) && value.rep == VALUE_REP_RAW;
    size_t count = item_count(value);
    uint64_t weight = 1;
    if (value.kind == VALUE_STRING || value.kind == VALUE_BYTES || is_raw)
        weight += value.size;
    for (size_t i = 0; i < count && weight < limit; i++)
        weight += cel_weight(value.items[i], limit - weight);
    return weight;
}

struct value cel_copy_value(struct arena *arena, struct value value)
{
    bool is_text = value.kind == VALUE_STRING || value.kind == VALUE_BYTES;
    bool is_raw = cel_is_container(value) && value.rep == VALUE_REP_RAW;
    if (is_text || is_raw) {
        value.s = arena_copy(arena, value_text(value)).data;
    } else if (cel_is_container(value) && value.rep == VALUE_REP_ITEMS) {
        size_t count = item_count(value);
        struct value *items = arena_alloc(arena, count * sizeof(struct value));
        for (size_t i = 0; i < count; i++)
            items[i] = cel_copy_value(arena, value.items[i]);
        value.items = items;
    }
    return value;
}

/* ---- order and equality ---- */

static enum cel_order order_of(bool less, bool greater)
{
    return less ? CEL_ORDER_LESS : greater ? CEL_ORDER_GREATER : CEL_ORDER_EQUAL;
}

static enum cel_order order_doubles(double a, double b)
{
    if (isnan(a) || isnan(b))
        return CEL_ORDER_NONE;
    return order_of(a<b, a> b);
}

static enum cel_order order_int_uint(int64_t a, uint64_t b)
{
    if (a < 0)
        return CEL_ORDER_LESS;
    return order_of((uint64_t)a<b, (uint64_t)a> b);
}

static enum cel_order reverse(enum cel_order order)
{
    return order == CEL_ORDER_LESS      ? CEL_ORDER_GREATER
           : order == CEL_ORDER_GREATER ? CEL_ORDER_LESS
                                        : order;
}

/*
 * `a` is of the kind that comes first among int, uint, double. As in the reference whole numbers are
 * compared with doubles as doubles.
 */
static enum cel_order order_mixed_numbers(struct value a, struct value b)
{
    if (b.kind == VALUE_UINT)
        return order_int_uint(a.i, b.u);
    return order_doubles(a.kind == VALUE_UINT ? (double)a.u : (double)a.i, b.d);
}

static enum cel_order order_times(struct value a, struct value b)
{
    if (a.i != b.i)
        return order_of(a.i < b.i, true);
    return order_of(a.size<b.size, a.size> b.size);
}

static enum cel_order order_text(struct value a, struct value b)
{
    int order = slice_compare(value_text(a), value_text(b));
    return order_of(order<0, order> 0);
}

enum cel_order cel_order(struct value a, struct value b)
{
    if (a.kind != b.kind) {
        if (!cel_is_number(a) || !cel_is_number(b))
            return CEL_ORDER_REFUSED;
        return a.kind < b.kind ? order_mixed_numbers(a, b) : reverse(order_mixed_numbers(b, a));
    }
    switch ((enum value_kind)a.kind) {
    case VALUE_INT:
        return order_of(a.i<b.i, a.i> b.i);
    case VALUE_UINT:
        return order_of(a.u<b.u, a.u> b.u);
    case VALUE_DOUBLE:
        return order_doubles(a.d, b.d);
    case VALUE_BOOL:
        return order_of(a.b<b.b, a.b> b.b);
    case VALUE_STRING:
    case VALUE_BYTES:
        return order_text(a, b);
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        return order_times(a, b);
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_TYPE:
    case VALUE_ERROR:
        break;
    }
    return CEL_ORDER_REFUSED;
}

static bool lists_equal(struct cel_activation *activation, struct value a, struct value b)
{
    struct cel_iter left, right;
    struct value index, x, y;
    cel_iter_open(&left, activation, a);
    cel_iter_open(&right, activation, b);
    if (left.count != right.count || !cel_spend(activation, left.count))
        return false;
    while (cel_iter_next(&left, activation, &index, &x) &&
           cel_iter_next(&right, activation, &index, &y))
        if (!cel_equal_within(activation, x, y))
            return false;
    return true;
}

static bool maps_equal(struct cel_activation *activation, struct value a, struct value b)
{
    struct cel_iter iter;
    struct value key, value;
    cel_iter_open(&iter, activation, a);
    if (iter.count != cel_size(b) || !cel_spend(activation, iter.count))
        return false;
    while (cel_iter_next(&iter, activation, &key, &value)) {
        struct value other = cel_find_within(activation, b, key);
        if (other.kind == VALUE_ABSENT || !cel_equal_within(activation, value, other))
            return false;
    }
    return true;
}

/* Pays for the comparison of long texts. */
static bool pay_comparison(struct cel_activation *activation, struct value a, struct value b)
{
    bool is_text = a.kind == VALUE_STRING || a.kind == VALUE_BYTES;
    if (!is_text || a.kind != b.kind || a.size < 1024)
        return true;
    return cel_spend(activation, a.size >> 10);
}

bool cel_equal_within(struct cel_activation *activation, struct value a, struct value b)
{
    if (!pay_comparison(activation, a, b))
        return false;
    enum cel_order order = cel_order(a, b);
    if (order != CEL_ORDER_REFUSED)
        return order == CEL_ORDER_EQUAL;
    if (a.kind != b.kind)
        return false;
    switch ((enum value_kind)a.kind) {
    case VALUE_NULL:
        return true;
    case VALUE_LIST:
        return lists_equal(activation, a, b);
    case VALUE_MAP:
        return maps_equal(activation, a, b);
    case VALUE_TYPE:
        return slice_equal(value_text(a), value_text(b));
    case VALUE_ABSENT:
    case VALUE_ERROR:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_DOUBLE:
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        break;
    }
    return false;
}

/* ---- for who is no evaluation ---- */

bool cel_equal(struct cel_activation *activation, struct value a, struct value b)
{
    uint32_t steps_left = activation->steps_left;
    activation->steps_left = CEL_STEPS_MAX;
    bool equal = cel_equal_within(activation, a, b);
    activation->steps_left = steps_left;
    return equal;
}

struct value cel_find(struct cel_activation *activation, struct value map, struct value key)
{
    uint32_t steps_left = activation->steps_left;
    activation->steps_left = CEL_STEPS_MAX;
    struct value found = cel_find_within(activation, map, key);
    activation->steps_left = steps_left;
    return found;
}

struct value cel_at(struct cel_activation *activation, struct value list, uint32_t index)
{
    uint32_t steps_left = activation->steps_left;
    activation->steps_left = CEL_STEPS_MAX;
    struct value element = cel_at_within(activation, list, index);
    activation->steps_left = steps_left;
    return element;
}
