#include "consumer/decode.h"

#include <stdlib.h>
#include <strings.h>

#include "consumer/decode_plan.h"
#include "consumer/name_cache.h"
#include "consumer/wire_problem.h"
#include "consumer/wire_value.h"
#include "core/check.h"
#include "core/hash.h"
#include "core/mp.h"

#define RANK_NONE  UINT8_MAX
#define RANK_EMPTY 128 /* added to that of a value that is null or '' */

struct decoder {
    const struct schema *schema;
    struct plan plan;
    struct name_cache names;
    struct wire_day day;
    uint32_t type_name_ids[SCHEMA_TYPES_MAX];
    uint8_t *ranks; /* of what each slot holds, while an event is read */
    struct value empty_map;
};

/* One event while it is read. */
struct reading {
    struct decoder *decoder;
    struct arena *arena;
    struct event *event;
    struct value *slots;
    const struct schema_type *type; /* NULL: none that the schema names */
    enum event_dead dead;           /* the first thing that is wrong, but bad_msgpack wins */
    const char *detail;
};

struct decoder *decoder_new(const struct schema *schema, const struct event_wants *wants)
{
    static const char no_pairs[] = "\x80";
    struct decoder *decoder = calloc(1, sizeof *decoder);

    CHECK(decoder != NULL);
    decoder->schema = schema;
    plan_init(&decoder->plan, schema, wants);
    name_cache_init(&decoder->names, schema, wants);
    for (uint32_t t = 0; t < schema->type_count; t++)
        decoder->type_name_ids[t] = name_cache_id(&decoder->names, schema->types[t].name);
    decoder->ranks = calloc(wants->path_count + 1, sizeof *decoder->ranks);
    CHECK(decoder->ranks != NULL);
    decoder->empty_map = value_of_msgpack((struct slice){no_pairs, 1}, VALUE_RAW_PROPERTIES);
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    plan_fini(&decoder->plan);
    name_cache_fini(&decoder->names);
    free(decoder->ranks);
    free(decoder);
}

static struct slice value_at(const struct decoder *decoder, struct plan_place place)
{
    return decoder->plan.projections[place.level].places[place.index];
}

/* ---- what is wrong ---- */

static void fail(struct reading *reading, enum event_dead dead, const char *detail)
{
    if (reading->dead == EVENT_DEAD_NONE ||
        (dead == EVENT_DEAD_BAD_MSGPACK && reading->dead != EVENT_DEAD_BAD_MSGPACK)) {
        reading->dead = dead;
        reading->detail = detail;
    }
}

static void fail_text(struct reading *reading, struct slice field)
{
    fail(reading, EVENT_DEAD_BAD_MSGPACK,
         arena_printf(reading->arena, "%.*s is not valid UTF-8", (int)field.size, field.data).data);
}

/* `FIELD is VALUE; WANTED` */
static void fail_value(struct reading *reading, enum event_dead dead, struct slice field,
                       struct slice value, const char *wanted)
{
    fail(reading, dead,
         arena_printf(reading->arena, "%.*s is %s; %s", (int)field.size, field.data,
                      wire_problem_show(value, reading->arena), wanted)
             .data);
}

/* `nothing at A, B; WANTED` */
static void fail_absent(struct reading *reading, enum event_dead dead,
                        const struct schema_paths *paths, const char *wanted)
{
    struct slice list = {"", 0};

    for (uint32_t i = 0; i < paths->count; i++)
        list = arena_printf(reading->arena, "%.*s%s%.*s", (int)list.size, list.data,
                            i > 0 ? ", " : "", (int)paths->texts[i].size, paths->texts[i].data);
    fail(reading, dead,
         arena_printf(reading->arena, "nothing at %.*s; %s", (int)list.size, list.data, wanted)
             .data);
}

/* ---- the envelope ---- */

static void read_customer(struct reading *reading)
{
    static const char wanted[] = "a customer is a text of 1 to 128 bytes or an integer";
    struct decoder *decoder = reading->decoder;
    const struct plan_places *places = &decoder->plan.customer;
    struct slice customer = {NULL, 0};

    for (uint32_t i = 0; i < places->count; i++) {
        struct slice value = value_at(decoder, places->items[i]);
        struct slice field = decoder->schema->customer.texts[i];

        switch (wire_read_id(value, reading->arena, &customer)) {
        case WIRE_ABSENT:
            continue;
        case WIRE_GOOD:
            reading->event->customer = customer;
            if (customer.size > EVENT_CUSTOMER_SIZE_MAX)
                fail_value(reading, EVENT_DEAD_MISSING_CUSTOMER, field, value, wanted);
            return;
        case WIRE_BAD:
            fail_value(reading, EVENT_DEAD_MISSING_CUSTOMER, field, value, wanted);
            return;
        case WIRE_BAD_TEXT:
            fail_text(reading, field);
            return;
        }
    }
    fail_absent(reading, EVENT_DEAD_MISSING_CUSTOMER, &decoder->schema->customer, wanted);
}

/* The type that decides the name, where the schema has such a thing. ASCII case does not matter. */
static void read_type(struct reading *reading)
{
    const struct decoder *decoder = reading->decoder;
    const struct schema *schema = decoder->schema;
    struct slice text;

    if (!schema->has_type || !wire_text(value_at(decoder, decoder->plan.type), &text))
        return;
    for (uint32_t t = 0; t < schema->type_count; t++) {
        const struct schema_type *type = &schema->types[t];

        if (type->value.size == text.size &&
            strncasecmp(type->value.data, text.data, text.size) == 0) {
            reading->type = type;
            reading->event->name = type->name;
            reading->event->name_id = decoder->type_name_ids[t];
            return;
        }
    }
}

static void read_name(struct reading *reading)
{
    static const char wanted[] = "a name is a text";
    struct decoder *decoder = reading->decoder;
    const struct plan_places *places = &decoder->plan.name;
    struct event *event = reading->event;

    if (reading->type != NULL)
        return;
    for (uint32_t i = 0; i < places->count; i++) {
        struct slice value = value_at(decoder, places->items[i]);
        struct slice field = decoder->schema->event_name.texts[i];
        struct slice text;

        if (wire_is_empty(value))
            continue;
        if (!wire_text(value, &text))
            fail_value(reading, EVENT_DEAD_MISSING_EVENT, field, value, wanted);
        else if (!name_cache_find(&decoder->names, text, reading->arena, &event->name,
                                  &event->name_id))
            fail_text(reading, field);
        return;
    }
    fail_absent(reading, EVENT_DEAD_MISSING_EVENT, &decoder->schema->event_name, wanted);
}

static void read_time(struct reading *reading, int64_t record_time_ms)
{
    static const char wanted[] = "a time is RFC 3339 text with an offset, a number since 1970 or a "
                                 "msgpack timestamp, of the years 1 to 9999";
    struct decoder *decoder = reading->decoder;
    const struct schema *schema = decoder->schema;
    const struct plan_places *places = &decoder->plan.time;

    for (uint32_t i = 0; i < places->count; i++) {
        struct slice value = value_at(decoder, places->items[i]);

        switch (wire_read_time(value, schema->time_unit, schema->time_zone, &decoder->day,
                               &reading->event->time_ms)) {
        case WIRE_ABSENT:
            continue;
        case WIRE_GOOD:
            return;
        case WIRE_BAD:
            fail_value(reading, EVENT_DEAD_BAD_TIME, schema->time.texts[i], value, wanted);
            return;
        case WIRE_BAD_TEXT:
            fail_text(reading, schema->time.texts[i]);
            return;
        }
    }
    reading->event->time_ms = record_time_ms;
    if (record_time_ms == EVENT_NO_TIME)
        fail_absent(reading, EVENT_DEAD_BAD_TIME, &schema->time, wanted);
}

static void read_event_id(struct reading *reading)
{
    struct decoder *decoder = reading->decoder;
    const struct plan_places *places = &decoder->plan.id;
    struct event *event = reading->event;

    for (uint32_t i = 0; i < places->count; i++) {
        switch (wire_read_id(value_at(decoder, places->items[i]), reading->arena, &event->id)) {
        case WIRE_ABSENT:
        case WIRE_BAD:
            continue;
        case WIRE_GOOD:
            event->has_id = true;
            event->id_hash = hash_bytes(event->id);
            return;
        case WIRE_BAD_TEXT:
            fail_text(reading, decoder->schema->id.texts[i]);
            return;
        }
    }
    event->id = (struct slice){NULL, 0};
}

/* ---- the slots ---- */

/* The bit of plan_use.types. */
static uint32_t type_bit(const struct reading *reading)
{
    const struct schema *schema = reading->decoder->schema;

    if (reading->type == NULL || reading->type->properties.count == 0)
        return 1;
    return UINT32_C(2) << (reading->type - schema->types);
}

/* Takes a value into its slot, if it is preferred to what is there. True where it is a text that is not valid. */
static bool take(struct reading *reading, const struct plan_use *use, struct value value,
                 bool empty)
{
    uint8_t *rank = &reading->decoder->ranks[use->slot];
    unsigned value_rank = use->rank + (empty ? RANK_EMPTY : 0u);

    if (value.kind == VALUE_ABSENT || value_rank >= *rank)
        return false;
    *rank = (uint8_t)value_rank;
    reading->slots[use->slot] = value;
    return value.kind == VALUE_ERROR;
}

static bool take_place(struct reading *reading, const struct plan_use *use, struct slice bytes)
{
    bool empty;
    struct value value = property_read(bytes, use->kind, reading->arena, &empty);

    if (use->is_whole && value.kind != VALUE_MAP && value.kind != VALUE_ERROR)
        return false;
    return take(reading, use, value, empty);
}

/* What the walk of a level found goes to the slots that it is for. */
static bool take_level(struct reading *reading, enum plan_level level, uint32_t types)
{
    const struct projection *projection = &reading->decoder->plan.projections[level];
    const struct plan_uses *uses = &reading->decoder->plan.uses[level];
    bool bad_text = false;

    for (uint32_t i = 0; i < projection->hit_count; i++) {
        uint32_t place = projection->hits[i];
        struct slice bytes = projection->places[place];

        if (bytes.size == 0)
            continue;
        for (uint32_t u = uses->first[place]; u < uses->first[place + 1]; u++)
            if ((uses->items[u].types & types) != 0)
                bad_text |= take_place(reading, &uses->items[u], bytes);
    }
    return bad_text;
}

static bool take_composed(struct reading *reading, uint32_t types)
{
    const struct plan *plan = &reading->decoder->plan;
    bool bad_text = false;

    for (uint32_t i = 0; i < plan->composed_count; i++) {
        const struct plan_composed *composed = &plan->composed[i];
        struct slice parts[WIRE_PARTS_MAX];

        if ((composed->use.types & types) == 0)
            continue;
        for (uint32_t p = 0; p < composed->source->path_count; p++)
            parts[p] = value_at(reading->decoder, composed->places[p]);
        bad_text |= take(reading, &composed->use,
                         property_compose(composed->source, parts, reading->arena), false);
    }
    return bad_text;
}

/* Slots for maps as a whole. */
static void take_maps(struct reading *reading)
{
    const struct plan *plan = &reading->decoder->plan;

    for (uint32_t i = 0; i < plan->whole_slot_count; i++)
        if (reading->slots[plan->whole_slots[i]].kind == VALUE_ABSENT)
            reading->slots[plan->whole_slots[i]] = reading->decoder->empty_map;
    for (uint32_t i = 0; i < plan->message_slot_count; i++)
        if (!wire_read_value(reading->event->raw, VALUE_RAW_PLAIN,
                             &reading->slots[plan->message_slots[i]]))
            fail_text(reading, SLICE("a text of the event"));
}

/* A text that is not valid counts only where it was taken in the end. */
static void check_texts(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->decoder->plan.slot_count; i++)
        if (reading->slots[i].kind == VALUE_ERROR)
            fail_text(reading, SLICE("a property that a machine reads"));
}

static void read_slots(struct reading *reading)
{
    const struct decoder *decoder = reading->decoder;
    uint32_t types = type_bit(reading);
    bool bad_text;

    memset(reading->slots, 0, decoder->plan.slot_count * sizeof *reading->slots);
    memset(decoder->ranks, RANK_NONE, decoder->plan.slot_count);
    bad_text = take_level(reading, PLAN_MESSAGE, types);
    if (decoder->schema->has_events)
        bad_text |= take_level(reading, PLAN_EVENT, types);
    bad_text |= take_composed(reading, types);
    if (bad_text)
        check_texts(reading);
    take_maps(reading);
}

/* ---- events and messages ---- */

static void read_event(struct reading *reading, struct slice message, int64_t record_time_ms)
{
    struct event *event = reading->event;

    *event = (struct event){.raw = message, .slots = reading->slots};
    read_customer(reading);
    read_type(reading);
    read_name(reading);
    read_time(reading, record_time_ms);
    read_event_id(reading);
    read_slots(reading);
}

static void set_dead(struct decoded *decoded, enum event_dead dead, const char *detail)
{
    *decoded = (struct decoded){.dead = dead, .detail = detail};
}

/* Room for `count` events with their slots. */
static struct event *new_events(const struct decoder *decoder, struct arena *arena, size_t count,
                                struct value **slots)
{
    size_t events_size = count * sizeof(struct event);
    size_t slots_size = count * decoder->plan.slot_count * sizeof(struct value);
    char *memory = arena_alloc(arena, events_size + slots_size);

    *slots = (struct value *)(void *)(memory + events_size);
    return (struct event *)(void *)memory;
}

static void decode_single(struct decoder *decoder, struct slice message, int64_t record_time_ms,
                          struct arena *arena, struct decoded *decoded)
{
    struct reading reading = {.decoder = decoder, .arena = arena};

    reading.event = new_events(decoder, arena, 1, &reading.slots);
    read_event(&reading, message, record_time_ms);
    if (reading.dead != EVENT_DEAD_NONE)
        set_dead(decoded, reading.dead, reading.detail);
    else
        *decoded = (struct decoded){.events = reading.event, .count = 1};
}

/* One element of the list of events. Its bytes are known to be well-formed. */
static bool decode_element(struct reading *reading, struct slice element, struct slice message,
                           int64_t record_time_ms)
{
    struct projection *projection = &reading->decoder->plan.projections[PLAN_EVENT];

    if (projection_walk(projection, element, MP_DEPTH_MAX))
        read_event(reading, message, record_time_ms);
    else
        fail_value(reading, EVENT_DEAD_MISSING_EVENT, reading->decoder->schema->events_text,
                   element, "each of the events is a map");
    projection_reset(projection);
    return reading->dead == EVENT_DEAD_NONE;
}

/* The array of events; its count. False where there is none. */
static bool open_events(const struct decoder *decoder, struct mp *mp, uint32_t *count)
{
    struct mp_token token;

    *mp = mp_of(value_at(decoder, decoder->plan.events));
    if (mp->pos == mp->end || !mp_read(mp, &token) || token.kind != MP_ARRAY)
        return false;
    *count = token.count;
    return true;
}

static void decode_several(struct decoder *decoder, struct slice message, int64_t record_time_ms,
                           struct arena *arena, struct decoded *decoded)
{
    struct reading reading = {.decoder = decoder, .arena = arena};
    struct event *events;
    struct value *slots;
    struct mp mp;
    uint32_t count;

    if (!open_events(decoder, &mp, &count) || count == 0 || count > DECODE_EVENTS_MAX) {
        const char *detail = arena_printf(arena, "%.*s must be a list of 1 to %d events",
                                          (int)decoder->schema->events_text.size,
                                          decoder->schema->events_text.data, DECODE_EVENTS_MAX)
                                 .data;
        set_dead(decoded, EVENT_DEAD_MISSING_EVENT, detail);
        return;
    }
    events = new_events(decoder, arena, count, &slots);
    for (uint32_t i = 0; i < count; i++) {
        struct slice element;

        reading.event = &events[i];
        reading.slots = slots + (size_t)i * decoder->plan.slot_count;
        reading.type = NULL;
        CHECK(mp_value(&mp, &element));
        if (!decode_element(&reading, element, message, record_time_ms)) {
            set_dead(decoded, reading.dead, reading.detail);
            return;
        }
    }
    *decoded = (struct decoded){.events = events, .count = count};
}

void decode_message(struct decoder *decoder, struct slice message, int64_t record_time_ms,
                    struct arena *arena, struct decoded *decoded)
{
    struct projection *projection = &decoder->plan.projections[PLAN_MESSAGE];

    if (message.size == 0) {
        set_dead(decoded, EVENT_DEAD_EMPTY, "the message has no value");
        return;
    }
    if (message.size > DECODE_MESSAGE_SIZE_MAX) {
        set_dead(decoded, EVENT_DEAD_BAD_MSGPACK, "larger than 1 MiB");
        return;
    }
    if (!projection_walk(projection, message, MP_DEPTH_MAX))
        set_dead(decoded, EVENT_DEAD_BAD_MSGPACK, wire_problem(message, arena));
    else if (decoder->schema->has_events)
        decode_several(decoder, message, record_time_ms, arena, decoded);
    else
        decode_single(decoder, message, record_time_ms, arena, decoded);
    projection_reset(projection);
}
