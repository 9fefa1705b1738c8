#include "consumer/decode.h"

#include <stdlib.h>
#include <strings.h>

#include "consumer/decode_plan.h"
#include "consumer/hint.h"
#include "consumer/name_cache.h"
#include "consumer/wire_problem.h"
#include "consumer/wire_value.h"
#include "core/check.h"
#include "core/hash.h"
#include "core/mp.h"

/*
 * Of the alternatives of a slot the one with the smallest rank counts. Ranks of an event are smaller than those of all
 * events before, so that what those have left needs no clearing.
 */
#define RANK_NONE  UINT64_MAX
#define RANK_EMPTY 128 /* added to that of a value that is null or '' */
#define RANK_EVENT 256 /* between two events */

struct decoder {
    const struct schema *schema;
    struct plan plan;
    struct name_cache names;
    struct wire_day day;
    uint32_t type_name_ids[SCHEMA_TYPES_MAX];
    uint32_t type_letters; /* letter_bit() of their first ones */
    uint64_t *ranks;       /* of what each contested slot holds, while an event is read */
    uint64_t rank;         /* of the event: what is added to those of its alternatives */
    struct value empty_map;
};

/* One event while it is read. */
struct reading {
    struct decoder *decoder;
    struct arena *arena;
    const char *end; /* of the message */
    struct event *event;
    struct value *slots;
    const struct schema_type *type; /* NULL: none that the schema names */
    enum event_dead dead;           /* the first thing that is wrong, but bad_msgpack wins */
    const char *detail;
};

static uint32_t letter_bit(char letter)
{
    return UINT32_C(1) << (letter & 31);
}

struct decoder *decoder_new(const struct schema *schema, const struct event_wants *wants)
{
    static const char no_pairs[] = "\x80";
    struct decoder *decoder = calloc(1, sizeof *decoder);

    CHECK(decoder != NULL);
    decoder->schema = schema;
    decoder->day = wire_first_day();
    plan_init(&decoder->plan, schema, wants);
    name_cache_init(&decoder->names, schema, wants);
    for (uint32_t t = 0; t < schema->type_count; t++) {
        decoder->type_name_ids[t] = name_cache_id(&decoder->names, schema->types[t].name);
        decoder->type_letters |= letter_bit(schema->types[t].value.data[0]);
    }
    decoder->ranks = calloc(decoder->plan.contest_count + 1, sizeof *decoder->ranks);
    CHECK(decoder->ranks != NULL);
    for (uint32_t i = 0; i <= decoder->plan.contest_count; i++)
        decoder->ranks[i] = RANK_NONE;
    decoder->rank = RANK_NONE - RANK_EVENT;
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

/* ---- what is wrong ---- */

static void fail(struct reading *reading, enum event_dead dead, const char *detail)
{
    if (reading->dead == EVENT_DEAD_NONE ||
        (dead == EVENT_DEAD_BAD_MSGPACK && reading->dead != EVENT_DEAD_BAD_MSGPACK)) {
        reading->dead = dead;
        reading->detail = detail;
    }
}

static RARE void fail_text(struct reading *reading, struct slice field)
{
    fail(reading, EVENT_DEAD_BAD_MSGPACK,
         arena_printf(reading->arena, "%.*s is not valid UTF-8", (int)field.size, field.data).data);
}

/* `FIELD is VALUE; WANTED` */
static RARE void fail_value(struct reading *reading, enum event_dead dead, struct slice field,
                            const char *value, const char *wanted)
{
    struct slice bytes = {value, (size_t)(reading->end - value)};

    fail(reading, dead,
         arena_printf(reading->arena, "%.*s is %s; %s", (int)field.size, field.data,
                      wire_problem_show(bytes, reading->arena), wanted)
             .data);
}

/* `nothing at A, B; WANTED` */
static RARE void fail_absent(struct reading *reading, enum event_dead dead,
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

/* ---- the envelope: what is usual is read at once, all else is searched for ---- */

static RARE void search_customer(struct reading *reading)
{
    static const char wanted[] = "a customer is a text of 1 to 128 bytes or an integer";
    const struct plan_values *values = &reading->decoder->plan.customer;
    const struct schema_paths *paths = &reading->decoder->schema->customer;

    for (uint32_t i = 0; i < values->count; i++) {
        const char *value = *values->items[i];
        struct slice *customer = &reading->event->customer;

        switch (wire_read_id(value, reading->arena, customer)) {
        case WIRE_ABSENT:
            continue;
        case WIRE_GOOD:
            if (customer->size > EVENT_CUSTOMER_SIZE_MAX)
                fail_value(reading, EVENT_DEAD_MISSING_CUSTOMER, paths->texts[i], value, wanted);
            return;
        case WIRE_BAD:
            fail_value(reading, EVENT_DEAD_MISSING_CUSTOMER, paths->texts[i], value, wanted);
            return;
        case WIRE_BAD_TEXT:
            fail_text(reading, paths->texts[i]);
            return;
        }
    }
    fail_absent(reading, EVENT_DEAD_MISSING_CUSTOMER, paths, wanted);
}

/* Some have no account, so more than the first place is looked at. */
static INLINE void read_customer(struct reading *reading)
{
    const struct plan_values *values = &reading->decoder->plan.customer;
    struct slice *customer = &reading->event->customer;
    uint32_t i = 0;

    while (i + 1 < values->count && wire_mark(*values->items[i]) == WIRE_NIL)
        i++;
    if (UNLIKELY(values->count == 0 || !wire_short_text(*values->items[i], customer) ||
                 !wire_is_ascii(*customer)))
        search_customer(reading);
}

/* The type that decides the name; NULL where the text is none. ASCII case does not matter. */
static const struct schema_type *find_type(const struct schema *schema, struct slice text)
{
    for (uint32_t t = 0; t < schema->type_count; t++)
        if (schema->types[t].value.size == text.size &&
            strncasecmp(schema->types[t].value.data, text.data, text.size) == 0)
            return &schema->types[t];
    return NULL;
}

static RARE void search_name(struct reading *reading)
{
    static const char wanted[] = "a name is a text";
    struct decoder *decoder = reading->decoder;
    const struct plan_values *values = &decoder->plan.name;
    const struct schema_paths *paths = &decoder->schema->event_name;
    struct event *event = reading->event;

    for (uint32_t i = 0; i < values->count; i++) {
        const char *value = *values->items[i];
        struct slice text;

        if (wire_is_empty(value))
            continue;
        if (!wire_text(value, &text))
            fail_value(reading, EVENT_DEAD_MISSING_EVENT, paths->texts[i], value, wanted);
        else if (!name_cache_find(&decoder->names, text, reading->arena, &event->name,
                                  &event->name_id))
            fail_text(reading, paths->texts[i]);
        return;
    }
    fail_absent(reading, EVENT_DEAD_MISSING_EVENT, paths, wanted);
}

static INLINE void read_name(struct reading *reading)
{
    const struct decoder *decoder = reading->decoder;
    struct event *event = reading->event;
    const struct name_entry *entry = NULL;
    struct slice text;

    if (UNLIKELY(wire_text(*decoder->plan.type, &text) && text.size > 0 &&
                 (decoder->type_letters & letter_bit(text.data[0])) != 0))
        reading->type = find_type(decoder->schema, text);
    if (UNLIKELY(reading->type != NULL)) {
        event->name = reading->type->name;
        event->name_id = decoder->type_name_ids[reading->type - decoder->schema->types];
        return;
    }
    if (LIKELY(wire_short_text(*decoder->plan.name.first, &text)))
        entry = name_cache_peek(&decoder->names, text);
    if (UNLIKELY(entry == NULL)) {
        search_name(reading);
        return;
    }
    event->name = entry->name;
    event->name_id = entry->id;
}

static RARE void search_time(struct reading *reading, int64_t record_time_ms)
{
    static const char wanted[] = "a time is RFC 3339 text with an offset, a number since 1970 or a "
                                 "msgpack timestamp, of the years 1 to 9999";
    struct decoder *decoder = reading->decoder;
    const struct schema *schema = decoder->schema;
    const struct plan_values *values = &decoder->plan.time;

    for (uint32_t i = 0; i < values->count; i++) {
        const char *value = *values->items[i];

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

static INLINE void read_time(struct reading *reading, int64_t record_time_ms)
{
    const struct decoder *decoder = reading->decoder;
    struct slice text;

    if (UNLIKELY(!wire_short_text(*decoder->plan.time.first, &text) ||
                 !wire_usual_time(text, &decoder->day, &reading->event->time_ms)))
        search_time(reading, record_time_ms);
}

/* What is neither text nor an integer is no id, so the next place is looked at. */
static RARE bool search_id(struct reading *reading)
{
    const struct plan_values *values = &reading->decoder->plan.id;

    for (uint32_t i = 0; i < values->count; i++) {
        switch (wire_read_id(*values->items[i], reading->arena, &reading->event->id)) {
        case WIRE_ABSENT:
        case WIRE_BAD:
            continue;
        case WIRE_GOOD:
            return true;
        case WIRE_BAD_TEXT:
            fail_text(reading, reading->decoder->schema->id.texts[i]);
            return false;
        }
    }
    return false;
}

static INLINE void read_event_id(struct reading *reading)
{
    struct event *event = reading->event;
    const char *value = *reading->decoder->plan.id.first;

    event->has_id = LIKELY(wire_is_ascii_id(value, &event->id)) || search_id(reading);
    if (UNLIKELY(!event->has_id))
        event->id = (struct slice){NULL, 0};
    event->id_hash = event->has_id ? hash_bytes(event->id) : 0;
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

/* Takes a value into its slot, if it is preferred to what is there. */
static void contest(struct reading *reading, const struct plan_use *use, struct value value)
{
    uint64_t *rank = &reading->decoder->ranks[use->contest];
    uint64_t value_rank =
        reading->decoder->rank + use->rank + (property_is_empty(value) ? RANK_EMPTY : 0);

    if (value.kind == VALUE_ABSENT || value_rank >= *rank)
        return;
    *rank = value_rank;
    reading->slots[use->slot] = value;
}

/* False where it is, or has, a text that is not valid. */
static bool take(struct reading *reading, const struct plan_use *use, const char *bytes)
{
    struct value value;
    bool good = property_read(bytes, reading->end, use->kind, reading->arena, &value);

    if (use->is_whole && value.kind != VALUE_MAP && good)
        return true; /* properties that are no map are none */
    if (use->contest == PLAN_ALONE)
        reading->slots[use->slot] = value;
    else
        contest(reading, use, value);
    return good;
}

/* What lies at a place, if anything, goes to the slots that it is for. */
static RARE bool take_place(struct reading *reading, enum plan_level level, uint32_t place,
                            uint32_t types)
{
    const struct plan *plan = &reading->decoder->plan;
    const struct projection *projection = &plan->projections[level];
    const struct plan_place_uses *uses = &plan->uses[level].places[place];
    bool good = true;

    if (!projection_has(projection, place))
        return true;
    for (const struct plan_use *use = uses->first; use < uses->end; use++)
        if ((use->types & types) != 0)
            good &= take(reading, use, projection->values[place]);
    return good;
}

/*
 * The same for what is usual: a text of up to 255 bytes, a small integer or a double. False, and nothing done, for all
 * else.
 */
static INLINE bool take_quickly(struct value *slot, bool is_id, const char *bytes)
{
    struct slice text;

    if (wire_usual_text(bytes, &text)) {
        if (text.size == 0 || !wire_valid_text(text))
            return false;
        *slot = value_string(text);
        return true;
    }
    return !is_id && wire_quick_number(bytes, slot);
}

/* All that the walk of a level found. False where there is a text that is not valid. */
static INLINE bool take_level(struct reading *reading, enum plan_level level, uint32_t types)
{
    const struct projection *projection = &reading->decoder->plan.projections[level];
    const struct plan_uses *uses = &reading->decoder->plan.uses[level];
    uint64_t *ranks = reading->decoder->ranks;
    uint64_t rank = reading->decoder->rank;
    bool good = true;

    for (uint32_t i = 0; i < uses->unlisted_count; i++)
        good &= take_place(reading, level, uses->unlisted[i], types);
    for (const char ***hit = projection->hits; hit < projection->hits_end; hit++) {
        size_t place = (size_t)(*hit - projection->values);
        const struct plan_quick *quick = &uses->quick[place];

        if (LIKELY((quick->types & types) != 0 &&
                   take_quickly(&reading->slots[quick->slot], quick->is_id, **hit)))
            ranks[quick->contest] = rank + quick->rank;
        else
            good &= take_place(reading, level, (uint32_t)place, types);
    }
    return good;
}

static RARE bool take_events_level(struct reading *reading, uint32_t types)
{
    return take_level(reading, PLAN_EVENT, types);
}

static RARE bool take_composed(struct reading *reading, uint32_t types)
{
    const struct plan *plan = &reading->decoder->plan;
    bool good = true;

    for (uint32_t i = 0; i < plan->composed_count; i++) {
        const struct plan_composed *composed = &plan->composed[i];
        const char *parts[WIRE_PARTS_MAX];
        struct value value;

        if ((composed->use.types & types) == 0)
            continue;
        for (uint32_t p = 0; p < composed->source->path_count; p++)
            parts[p] =
                plan->projections[composed->places[p].level].values[composed->places[p].index];
        value = property_compose(composed->source, parts, reading->arena);
        good &= value.kind != VALUE_ERROR;
        if (composed->use.contest != PLAN_ALONE)
            contest(reading, &composed->use, value);
        else
            reading->slots[composed->use.slot] = value;
    }
    return good;
}

/* Slots for whole maps. */
static RARE bool take_roots(struct reading *reading, uint32_t types)
{
    const struct plan *plan = &reading->decoder->plan;
    bool good = true;

    for (uint32_t i = 0; i < plan->root_count; i++) {
        const struct plan_root *root = &plan->roots[i];
        const struct projection *projection = &plan->projections[root->level];
        struct slice map = projection->map;
        struct value *slot = &reading->slots[root->slot];

        if ((root->types & types) != 0 && slot->kind == VALUE_ABSENT)
            good &= property_read(map.data, map.data + map.size,
                                  (struct property_kind){.raw = root->raw}, reading->arena, slot);
    }
    for (uint32_t i = 0; i < plan->whole_slot_count; i++)
        if (reading->slots[plan->whole_slots[i]].kind == VALUE_ABSENT)
            reading->slots[plan->whole_slots[i]] = reading->decoder->empty_map;
    return good;
}

/* A text that is not valid counts only where it was taken in the end. */
static RARE void check_texts(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->decoder->plan.slot_count; i++)
        if (reading->slots[i].kind == VALUE_ERROR)
            fail_text(reading, SLICE("a text that a machine reads"));
}

static INLINE void read_slots(struct reading *reading)
{
    struct decoder *decoder = reading->decoder;
    const struct plan *plan = &decoder->plan;
    uint32_t types = type_bit(reading);
    bool good;

    memset(reading->slots, 0, plan->slot_count * sizeof *reading->slots);
    decoder->rank -= RANK_EVENT;
    good = take_level(reading, PLAN_MESSAGE, types);
    if (UNLIKELY(decoder->schema->has_events))
        good &= take_events_level(reading, types);
    if (UNLIKELY(plan->composed_count > 0))
        good &= take_composed(reading, types);
    if (UNLIKELY(plan->root_count + plan->whole_slot_count > 0))
        good &= take_roots(reading, types);
    if (UNLIKELY(!good))
        check_texts(reading);
}

/* ---- events and messages ---- */

static INLINE void read_event(struct reading *reading, struct slice message, int64_t record_time_ms)
{
    struct event *event = reading->event;

    event->raw = message;
    event->slots = reading->slots;
    event->late = false;
    read_customer(reading);
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
    struct reading reading = {
        .decoder = decoder, .arena = arena, .end = message.data + message.size};

    reading.event = new_events(decoder, arena, 1, &reading.slots);
    read_event(&reading, message, record_time_ms);
    if (UNLIKELY(reading.dead != EVENT_DEAD_NONE))
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
                   element.data, "each of the events is a map");
    return reading->dead == EVENT_DEAD_NONE;
}

/* The array of events; its count. False where there is none. */
static bool open_events(const struct decoder *decoder, struct slice message, struct mp *mp,
                        uint32_t *count)
{
    struct mp_token token;

    *mp = (struct mp){*decoder->plan.events, message.data + message.size};
    if (wire_mark(mp->pos) == WIRE_NIL || !mp_read(mp, &token) || token.kind != MP_ARRAY)
        return false;
    *count = token.count;
    return true;
}

static RARE void decode_several(struct decoder *decoder, struct slice message,
                                int64_t record_time_ms, struct arena *arena,
                                struct decoded *decoded)
{
    struct reading reading = {
        .decoder = decoder, .arena = arena, .end = message.data + message.size};
    struct event *events;
    struct value *slots;
    struct mp mp;
    uint32_t count;

    if (!open_events(decoder, message, &mp, &count) || count == 0 || count > DECODE_EVENTS_MAX) {
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

ALIGNED void decode_message(struct decoder *decoder, struct slice message, int64_t record_time_ms,
                            struct arena *arena, struct decoded *decoded)
{
    struct projection *projection = &decoder->plan.projections[PLAN_MESSAGE];

    if (UNLIKELY(message.size == 0)) {
        set_dead(decoded, EVENT_DEAD_EMPTY, "the message has no value");
        return;
    }
    if (UNLIKELY(message.size > DECODE_MESSAGE_SIZE_MAX)) {
        set_dead(decoded, EVENT_DEAD_BAD_MSGPACK, "larger than 1 MiB");
        return;
    }
    if (UNLIKELY(!projection_walk(projection, message, MP_DEPTH_MAX)))
        set_dead(decoded, EVENT_DEAD_BAD_MSGPACK, wire_problem(message, arena));
    else if (UNLIKELY(decoder->schema->has_events))
        decode_several(decoder, message, record_time_ms, arena, decoded);
    else
        decode_single(decoder, message, record_time_ms, arena, decoded);
}
