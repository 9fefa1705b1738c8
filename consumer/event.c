#include "consumer/event.h"

#include "consumer/property.h"
#include "consumer/schema_data.h"
#include "core/mp.h"

const char *event_dead_code(enum event_dead dead)
{
    switch (dead) {
    case EVENT_DEAD_NONE:
    case EVENT_DEAD_COUNT:
        break;
    case EVENT_DEAD_BAD_MSGPACK:
        return "bad_msgpack";
    case EVENT_DEAD_EMPTY:
        return "empty";
    case EVENT_DEAD_MISSING_CUSTOMER:
        return "missing_customer";
    case EVENT_DEAD_MISSING_EVENT:
        return "missing_event";
    case EVENT_DEAD_BAD_TIME:
        return "bad_time";
    case EVENT_DEAD_OVERSIZE_SIGNAL:
        return "oversize_signal";
    }
    return "";
}

/* ---- event_select: what the decoder's slots do, for one map and one key ---- */

static bool find_index(struct slice array, uint32_t index, struct slice *value)
{
    struct mp mp = mp_of(array);
    struct mp_token token;

    if (!mp_read(&mp, &token) || token.kind != MP_ARRAY || index >= token.count)
        return false;
    for (uint32_t i = 0; i < index; i++)
        if (!mp_skip(&mp, MP_DEPTH_MAX))
            return false;
    return mp_value(&mp, value);
}

static bool find_path(struct slice map, const struct wire_path *path, struct slice *value)
{
    *value = map;
    for (uint32_t i = 0; i < path->step_count; i++) {
        const struct wire_step *step = &path->steps[i];
        bool found = step->is_index ? find_index(*value, step->index, value)
                                    : mp_map_find(*value, step->key, value);

        if (!found)
            return false;
    }
    return true;
}

static const struct value absent = {.kind = VALUE_ABSENT};

static struct value select_composed(const struct wire_source *source, struct slice map,
                                    struct arena *arena)
{
    const char *parts[WIRE_PARTS_MAX];
    struct slice part;

    for (uint32_t i = 0; i < source->path_count; i++) {
        if (source->paths[i].from_message || !find_path(map, &source->paths[i], &part))
            return absent;
        parts[i] = part.data;
    }
    return property_compose(source, parts, arena);
}

/* What lies outside of the map can't be found from it; paths that are known before are slots of the decoder. */
static struct value select_path(const struct wire_path *path, struct slice map, struct slice key,
                                struct arena *arena)
{
    struct property_kind kind = {.is_id = schema_is_id(key)};
    struct slice bytes;
    struct value value;

    if (slice_equal(key, SLICE("products")))
        kind.raw = VALUE_RAW_PRODUCTS;
    if (path->from_message || !find_path(map, path, &bytes))
        return absent;
    (void)property_read(bytes.data, bytes.data + bytes.size, kind, arena, &value);
    return value;
}

/* Of alternatives: true, and done, of one that is neither null nor ''; else the first that is there. */
static bool prefer(struct value value, struct value *chosen)
{
    if (value.kind == VALUE_ABSENT)
        return false;
    if (chosen->kind == VALUE_ABSENT || !property_is_empty(value))
        *chosen = value;
    return !property_is_empty(value);
}

static struct value select_field(const struct schema_field *field, struct slice map,
                                 struct arena *arena)
{
    struct value chosen = absent;

    for (uint32_t i = 0; i < field->source_count; i++) {
        const struct wire_source *source = &field->sources[i];
        struct value value = source->composed
                                 ? select_composed(source, map, arena)
                                 : select_path(source->paths, map, field->canonical, arena);

        if (prefer(value, &chosen))
            break;
    }
    return chosen;
}

static struct value select_plain(struct slice map, struct slice key)
{
    struct slice value;

    return mp_map_find(map, key, &value) ? value_of_msgpack(value, VALUE_RAW_PLAIN) : absent;
}

struct value event_select(const struct schema *schema, struct value map, struct slice key,
                          struct arena *arena)
{
    struct slice bytes = value_text(map);
    const struct schema_field *field = NULL;
    struct wire_path path = {.step_count = 1, .steps = {{.key = key}}};

    if (map.kind != VALUE_MAP || map.rep != VALUE_REP_RAW)
        return absent;
    switch ((enum value_raw)map.aux) {
    case VALUE_RAW_PLAIN:
    case VALUE_RAW_PRODUCTS:
        return select_plain(bytes, key);
    case VALUE_RAW_PRODUCT:
        field = schema_product_field_find(schema, key);
        break;
    case VALUE_RAW_PROPERTIES:
        field = schema_field_find(&schema->fields, key);
        break;
    }
    return field != NULL ? select_field(field, bytes, arena)
                         : select_path(&path, bytes, key, arena);
}

/* ---- products: the same for a list of maps and the few keys that line items have ---- */

const struct slice event_product_names[EVENT_PRODUCT_FIELD_COUNT] = {
    [EVENT_PRODUCT_ID] = {"product_id", 10},
    [EVENT_PRODUCT_NAME] = {"name", 4},
    [EVENT_PRODUCT_PRICE] = {"price", 5},
    [EVENT_PRODUCT_QUANTITY] = {"quantity", 8},
};

void event_products_open(struct event_products *products, struct value list,
                         const struct schema *schema, enum event_naming naming, struct arena *arena)
{
    struct mp mp = mp_of(value_text(list));
    struct mp_token token;

    products->schema = schema;
    products->product =
        naming == EVENT_NAMES_OF_SCHEMA ? &schema->product : &schema->canonical_product;
    products->arena = arena;
    products->left = 0;
    if (list.kind != VALUE_LIST || list.rep != VALUE_REP_RAW || !mp_read(&mp, &token))
        return;
    products->left = token.count;
    products->pos = mp.pos;
    products->end = mp.end;
}

/* Behind the value at `pos`; NULL where it is cut off, as nothing is that the decoder let pass. */
static inline const char *skip(const char *pos, const char *end)
{
    struct mp mp = {pos, end};
    size_t size;

    if (pos == end)
        return NULL;
    size = mp_sizes[(unsigned char)*pos];
    if (size > 0)
        return size <= (size_t)(end - pos) ? pos + size : NULL;
    return mp_skip(&mp, MP_DEPTH_MAX) ? mp.pos : NULL;
}

/* The pairs of a map; the position behind them. Of a key that is there twice the last counts. */
static const char *read_pairs(struct event_products *products, const char *pos, uint32_t count)
{
    const struct projection *keys = &products->product->keys;
    const char *end = products->end;

    for (; count > 0 && pos != NULL; count--) {
        const char *value = skip(pos, end);
        struct slice key;

        if (value == NULL || value == end)
            return NULL;
        if (wire_text(pos, &key))
            products->found[projection_find(keys, key, end)] = value;
        pos = skip(value, end);
    }
    return pos;
}

bool event_products_next(struct event_products *products)
{
    const char *start = products->pos;
    struct mp mp = {start, products->end};
    struct mp_token token;

    if (products->left == 0)
        return false;
    products->left--;
    memset(products->found, 0, products->product->keys.place_count * sizeof *products->found);
    if (mp_read(&mp, &token) && token.kind == MP_MAP)
        products->pos = read_pairs(products, mp.pos, token.count);
    else
        products->pos = skip(start, products->end);
    if (products->pos == NULL) {
        products->left = 0;
        return false;
    }
    products->element = (struct slice){start, (size_t)(products->pos - start)};
    return true;
}

struct value event_products_field(const struct event_products *products,
                                  enum event_product_field at)
{
    const struct schema_product_field *field = &products->product->fields[at];
    struct property_kind kind = {.is_id = at == EVENT_PRODUCT_ID};
    struct value value, chosen = absent;

    if (field->place_count == 0)
        return event_select(products->schema,
                            value_of_msgpack(products->element, VALUE_RAW_PRODUCT),
                            field->canonical, products->arena);
    for (uint32_t i = 0; i < field->place_count; i++) {
        const char *bytes = products->found[field->places[i]];

        if (bytes == NULL)
            continue;
        (void)property_read(bytes, products->end, kind, products->arena, &value);
        if (prefer(value, &chosen))
            break;
    }
    return chosen;
}
