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

/* The first alternative that is neither null nor '', else the first that is there. */
static struct value select_field(const struct schema_field *field, struct slice map,
                                 struct arena *arena)
{
    struct value first = absent;

    for (uint32_t i = 0; i < field->source_count; i++) {
        const struct wire_source *source = &field->sources[i];
        struct value value = source->composed
                                 ? select_composed(source, map, arena)
                                 : select_path(source->paths, map, field->canonical, arena);

        if (value.kind != VALUE_ABSENT && !property_is_empty(value))
            return value;
        if (first.kind == VALUE_ABSENT)
            first = value;
    }
    return first;
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
        field = schema_field_find(&schema->products, key);
        break;
    case VALUE_RAW_PROPERTIES:
        break;
    }
    if (field == NULL)
        field = schema_field_find(&schema->fields, key);
    return field != NULL ? select_field(field, bytes, arena)
                         : select_path(&path, bytes, key, arena);
}
