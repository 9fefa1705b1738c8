#include "cli/eval_event.h"

#include <jansson.h>
#include <math.h>

#include "bench/json_msgpack.h"
#include "core/buf.h"
#include "core/datetime.h"
#include "core/mp.h"
#include "core/number.h"

#define FIELDS_MORE 2 /* `late` and `raw`, which every event has */

/* The whole object as msgpack in the arena. */
static bool pack(struct slice json, struct arena *arena, struct slice *packed, struct errinfo *info)
{
    struct buf buf;
    json_t *object = json_msgpack_read(json, info);
    if (!object)
        return false;
    buf_init(&buf);
    json_msgpack_pack(object, &buf);
    json_msgpack_free(object);
    *packed = arena_copy(arena, buf_slice(&buf));
    buf_fini(&buf);
    if (mp_well_formed(*packed))
        return true;
    err_set(info, ERR_REJECT, "deeper than %d levels", MP_DEPTH_MAX);
    return false;
}

static bool make_time(struct value *value, struct errinfo *info)
{
    int64_t seconds, ms;
    uint32_t nanos;
    if (value->kind == VALUE_STRING && datetime_parse(value_text(*value), &seconds, &nanos)) {
        *value = value_timestamp_ms(seconds * 1000 + nanos / 1000000);
        return true;
    }
    bool is_ms = value->kind == VALUE_INT || (value->kind == VALUE_DOUBLE && fabs(value->d) < 1e15);
    ms = !is_ms ? 0 : value->kind == VALUE_INT ? value->i : (int64_t)floor(value->d);
    if (is_ms && ms >= DATETIME_MIN_SECONDS * 1000 && ms < (DATETIME_MAX_SECONDS + 1) * 1000) {
        *value = value_timestamp_ms(ms);
        return true;
    }
    err_set(
        info, ERR_REJECT,
        "`time` must be a text with an offset, such as \"2026-01-05T10:00:00Z\", or ms since 1970");
    return false;
}

/* An integer in decimal, as the decoder reads ids. */
static void make_text(struct value *value, struct arena *arena)
{
    char digits[32];
    if (value->kind != VALUE_INT)
        return;
    int size = number_format_int(value->i, digits);
    *value = value_string(arena_copy(arena, (struct slice){digits, (size_t)size}));
}

/* One field as rules see it. */
static bool make_field(struct slice key, struct slice packed, struct arena *arena,
                       struct value *value, struct errinfo *info)
{
    bool is_properties = slice_is(key, "properties");
    *value = value_of_msgpack(packed, is_properties ? VALUE_RAW_PROPERTIES : VALUE_RAW_PLAIN);
    if (value->kind == VALUE_NULL)
        return true; /* counts as absent, as on the wire */
    if (slice_is(key, "time"))
        return make_time(value, info);
    if (slice_is(key, "id") || slice_is(key, "customer"))
        make_text(value, arena);
    if (is_properties && value->kind != VALUE_MAP) {
        err_set(info, ERR_REJECT, "`properties` must be an object");
        return false;
    }
    return true;
}

static void add_pair(struct value *items, uint32_t *count, struct slice key, struct value value)
{
    items[2 * *count] = value_string(key);
    items[2 * *count + 1] = value;
    (*count)++;
}

bool eval_event_read(struct slice json, struct arena *arena, struct value *event,
                     struct errinfo *info)
{
    struct slice packed, field;
    struct mp_token map, key;
    uint32_t count = 0;
    if (!pack(json, arena, &packed, info))
        return false;
    struct mp mp = mp_of(packed);
    if (!mp_read(&mp, &map))
        return false; /* can't be: it is well-formed */
    struct value *items = arena_alloc(arena, ((size_t)map.count + FIELDS_MORE) * 2 * sizeof *items);
    for (uint32_t i = 0; i < map.count; i++) {
        struct value value;
        if (!mp_read(&mp, &key) || !mp_value(&mp, &field) ||
            !make_field(key.bytes, field, arena, &value, info))
            return false;
        if (value.kind != VALUE_NULL)
            add_pair(items, &count, key.bytes, value);
    }
    if (!mp_map_find(packed, SLICE("late"), &field))
        add_pair(items, &count, SLICE("late"), value_bool(false));
    if (!mp_map_find(packed, SLICE("raw"), &field))
        add_pair(items, &count, SLICE("raw"), value_of_msgpack(packed, VALUE_RAW_PLAIN));
    *event =
        (struct value){.kind = VALUE_MAP, .rep = VALUE_REP_ITEMS, .size = count, .items = items};
    return true;
}
