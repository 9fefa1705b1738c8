/* Run time: what the names of an expression stand for. */
#include "rules/step.h"

#include <string.h>

#include "core/number.h"

int64_t step_event_time(const struct step *step)
{
    return step->input == STEP_EVENT ? step->event->time_ms : step->now_ms;
}

struct slice step_event_name(const struct step *step)
{
    switch (step->input) {
    case STEP_EVENT:
        return step->event->name;
    case STEP_TIMER:
        return SLICE("timer");
    case STEP_SIGNAL:
        return step->signal.type;
    }
    return SLICE("");
}

static struct value empty_map(void)
{
    return (struct value){.kind = VALUE_MAP};
}

/* ---- signals seen as events: their properties are their data */

static struct slice signal_value(struct step *step)
{
    if (step->signal_value.size == 0) {
        struct buf out;
        buf_init(&out);
        signal_encode(&step->signal, SIGNAL_MSGPACK, (struct slice){NULL, 0}, &out);
        step->signal_value = arena_copy(step->context->arena, buf_slice(&out));
        buf_fini(&out);
    }
    return step->signal_value;
}

static bool is_id_key(struct slice key)
{
    return slice_is(key, "product_id") || slice_is(key, "cart_id") || slice_is(key, "order_id") ||
           slice_is(key, "variant_id");
}

/* An id as the rules see it: text; what is neither text nor an integer is absent. */
static struct value id_of(struct value value, struct arena *arena)
{
    if (value.kind == VALUE_STRING && value.size > 0)
        return value;
    char digits[32];
    int size = 0;
    if (value.kind == VALUE_INT)
        size = number_format_int(value.i, digits);
    else if (value.kind == VALUE_UINT)
        size = number_format_uint(value.u, digits);
    if (size == 0)
        return (struct value){.kind = VALUE_ABSENT};
    return value_string(arena_copy(arena, (struct slice){digits, (size_t)size}));
}

/* A key of a signal's data, or of a product in it. */
static struct value signal_select(struct step *step, struct slice map, enum value_raw kind,
                                  struct slice key)
{
    struct slice found;
    if (!mp_map_find(map, key, &found))
        return (struct value){.kind = VALUE_ABSENT};
    bool is_products = kind == VALUE_RAW_PROPERTIES && slice_is(key, "products");
    struct value value =
        value_of_msgpack(found, is_products ? VALUE_RAW_PRODUCTS : VALUE_RAW_PLAIN);
    if (kind != VALUE_RAW_PLAIN && is_id_key(key))
        return id_of(value, step->context->arena);
    return value;
}

static struct value signal_path(struct step *step, const struct event_path *path)
{
    bool is_raw = path->root == EVENT_ROOT_RAW;
    struct slice map = is_raw ? signal_value(step) : step->signal.data;
    enum value_raw kind = is_raw ? VALUE_RAW_PLAIN : VALUE_RAW_PROPERTIES;
    if (path->segment_count == 0)
        return value_of_msgpack(map, kind);
    return signal_select(step, map, kind, path->segments[0]);
}

struct value step_select(struct cel_activation *activation, struct value map, struct slice key)
{
    struct step *step = step_of(activation);
    if (step->input == STEP_SIGNAL)
        return signal_select(step, value_text(map), (enum value_raw)map.aux, key);
    return event_select(step->context->schema, map, key, activation->arena);
}

/* ---- event */

struct value step_path(struct step *step, uint32_t path)
{
    switch (step->input) {
    case STEP_EVENT:
        return step->event->slots[path];
    case STEP_SIGNAL:
        return signal_path(step, &step->rules->paths[path]);
    case STEP_TIMER:
        break;
    }
    if (step->rules->paths[path].segment_count == 0)
        return empty_map();
    return (struct value){.kind = VALUE_ABSENT};
}

static struct value event_id(const struct step *step)
{
    if (step->input != STEP_EVENT || !step->event->has_id)
        return (struct value){.kind = VALUE_ABSENT};
    return value_string(step->event->id);
}

static struct value event_customer(const struct step *step)
{
    return value_string(customer_key(&step->rules->layout, step->customer));
}

static struct value event_raw(struct step *step)
{
    switch (step->input) {
    case STEP_EVENT:
        return value_of_msgpack(step->event->raw, VALUE_RAW_PLAIN);
    case STEP_SIGNAL:
        return value_of_msgpack(signal_value(step), VALUE_RAW_PLAIN);
    case STEP_TIMER:
        break;
    }
    return empty_map();
}

static bool event_late(const struct step *step)
{
    return step->input == STEP_EVENT && step->event->late;
}

/* `event` as a whole: a map of what is there. */
static struct value event_map(struct step *step)
{
    static const enum slot_kind kinds[] = {SLOT_EVENT_NAME,     SLOT_EVENT_TIME, SLOT_EVENT_ID,
                                           SLOT_EVENT_CUSTOMER, SLOT_EVENT_LATE, SLOT_EVENT_RAW};
    static const char *const names[] = {"name", "time", "id", "customer", "late", "raw"};
    enum { COUNT = sizeof(kinds) / sizeof(kinds[0]) };
    struct value *items = arena_alloc(step->context->arena, (COUNT + 1) * 2 * sizeof(*items));
    uint32_t size = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct value value = step_load(&step->activation, SLOT_NUMBER(kinds[i], 0));
        if (value.kind == VALUE_ABSENT)
            continue;
        items[2 * size] = value_string(slice_of(names[i]));
        items[2 * size++ + 1] = value;
    }
    struct value properties = step_path(step, step->rules->slot_properties);
    items[2 * size] = value_string(SLICE("properties"));
    items[2 * size++ + 1] = properties.kind == VALUE_ABSENT ? empty_map() : properties;
    return (struct value){.kind = VALUE_MAP, .size = size, .items = items};
}

/* ---- context and the rest */

struct value step_variable(struct step *step, uint32_t variable)
{
    return customer_value(&step->layout->variables[variable], &step->slots[variable], step->now_ms);
}

static struct value context_map(struct step *step)
{
    uint32_t count = step->machine->variable_count;
    struct value *items = arena_alloc(step->context->arena, (count + 1) * 2 * sizeof(*items));
    for (uint32_t i = 0; i < count; i++) {
        items[2 * i] = value_string(step->machine->variables[i].name);
        items[2 * i + 1] = step_variable(step, i);
    }
    return (struct value){.kind = VALUE_MAP, .size = count, .items = items};
}

static struct value state_name(const struct step *step, uint32_t machine)
{
    uint32_t state = customer_machine_now(&step->rules->layout, step->customer, machine).state;
    return value_string(step->rules->machines[machine].states[state].name);
}

struct value step_load(struct cel_activation *activation, uint32_t slot)
{
    struct step *step = step_of(activation);
    switch (SLOT_KIND(slot)) {
    case SLOT_PATH:
        return step_path(step, SLOT_INDEX(slot));
    case SLOT_VARIABLE:
        return step_variable(step, SLOT_INDEX(slot));
    case SLOT_EVENT:
        return event_map(step);
    case SLOT_EVENT_NAME:
        return value_string(step_event_name(step));
    case SLOT_EVENT_TIME:
        return value_timestamp_ms(step_event_time(step));
    case SLOT_EVENT_ID:
        return event_id(step);
    case SLOT_EVENT_CUSTOMER:
        return event_customer(step);
    case SLOT_EVENT_LATE:
        return value_bool(event_late(step));
    case SLOT_EVENT_RAW:
        return event_raw(step);
    case SLOT_CONTEXT:
        return context_map(step);
    case SLOT_STATE:
        return state_name(step, step->index);
    case SLOT_ENTERED:
        return value_timestamp_ms(step->at->entered_ms);
    case SLOT_NOW:
        return value_timestamp_ms(step->now_ms);
    case SLOT_MACHINE_STATE:
        return state_name(step, SLOT_INDEX(slot));
    }
    return (struct value){.kind = VALUE_ABSENT};
}

struct step_list step_list_of(struct value list)
{
    struct step_list cursor = {.list = list};
    struct mp_token head;
    if (list.kind != VALUE_LIST)
        return cursor;
    cursor.count = cel_size(list);
    if (list.rep == VALUE_REP_RAW) {
        cursor.mp = mp_of(value_text(list));
        if (!mp_read(&cursor.mp, &head))
            cursor.count = 0;
    }
    return cursor;
}

bool step_list_next(struct step *step, struct step_list *cursor, struct value *element)
{
    struct slice bytes;
    if (cursor->index == cursor->count)
        return false;
    uint32_t index = cursor->index++;
    if (cursor->list.rep != VALUE_REP_RAW) {
        *element = cel_at(&step->activation, cursor->list, index);
        return true;
    }
    if (!mp_value(&cursor->mp, &bytes))
        return false;
    bool is_product = cursor->list.aux == VALUE_RAW_PRODUCTS;
    *element = value_of_msgpack(bytes, is_product ? VALUE_RAW_PRODUCT : VALUE_RAW_PLAIN);
    return true;
}

bool step_number(struct value value, double *number)
{
    struct number parsed;
    switch ((enum value_kind)value.kind) {
    case VALUE_INT:
        *number = (double)value.i;
        return true;
    case VALUE_UINT:
        *number = (double)value.u;
        return true;
    case VALUE_DOUBLE:
        *number = value.d;
        return true;
    case VALUE_STRING:
        if (!number_parse(value_text(value), &parsed))
            return false;
        *number = parsed.d;
        return true;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_TYPE:
    case VALUE_ERROR:
        break;
    }
    return false;
}
