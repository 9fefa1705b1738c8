#include "consumer/decode_plan.h"

#include <stdlib.h>

#include "core/check.h"

/* A use and its place, until all are known and can be sorted by place. */
struct placed_use {
    struct plan_place place;
    struct plan_use use;
};

struct builder {
    struct plan *plan;
    struct placed_use *uses; /* owned */
    uint32_t use_count, use_capacity;
    struct plan_composed *composed; /* in the plan's arena */
    uint32_t composed_capacity;
    struct plan_root *roots; /* likewise */
    uint32_t root_capacity;
};

static const char *const nothing = projection_nil;

/* ---- places ---- */

/* A node on the way to a place. */
struct spot {
    enum plan_level level;
    uint32_t node;
};

static struct spot step(struct plan *plan, struct spot spot, const struct wire_step *next)
{
    spot.node = projection_step(&plan->projections[spot.level], spot.node, next);
    return spot;
}

static struct spot message_spot(void)
{
    return (struct spot){PLAN_MESSAGE, PROJECTION_ROOT};
}

/* What a path of the envelope is relative to. */
static struct spot event_spot(const struct plan *plan)
{
    return (struct spot){plan->schema->has_events ? PLAN_EVENT : PLAN_MESSAGE, PROJECTION_ROOT};
}

static struct spot follow(struct plan *plan, struct spot from, const struct wire_path *path)
{
    struct spot spot = path->from_message ? message_spot() : from;

    for (uint32_t i = 0; i < path->step_count; i++)
        spot = step(plan, spot, &path->steps[i]);
    return spot;
}

static struct plan_place place_at(struct plan *plan, struct spot spot)
{
    uint32_t index = projection_place(&plan->projections[spot.level], spot.node);

    return (struct plan_place){index, (uint8_t)spot.level};
}

/* Places of the envelope: they are asked for by name, so none of them is listed. */
static void add_envelope_path(struct plan *plan, const struct wire_path *path)
{
    place_at(plan, follow(plan, event_spot(plan), path));
}

static void add_envelope_paths(struct plan *plan, const struct schema_paths *paths)
{
    for (uint32_t i = 0; i < paths->count; i++)
        add_envelope_path(plan, &paths->items[i]);
}

/* Events of one name have the same properties. */
static void add_kinds(struct plan *plan)
{
    const struct schema_paths *names = &plan->schema->event_name;
    struct plan_place place;

    if (names->count == 0 || names->items[0].from_message)
        return;
    place = place_at(plan, follow(plan, event_spot(plan), &names->items[0]));
    projection_tell_kinds_by(&plan->projections[place.level], place.index);
}

static void add_envelope(struct plan *plan)
{
    const struct schema *schema = plan->schema;

    if (schema->has_events)
        place_at(plan, follow(plan, message_spot(), &schema->events));
    if (schema->has_type)
        add_envelope_path(plan, &schema->type_path);
    add_envelope_paths(plan, &schema->customer);
    add_envelope_paths(plan, &schema->event_name);
    add_kinds(plan);
    add_envelope_paths(plan, &schema->time);
    add_envelope_paths(plan, &schema->id);
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++)
        projection_list_places(&plan->projections[level]);
}

/* Following a path once more gives the node that it has, which is allowed after sealing too. */
static plan_value value_of(struct plan *plan, struct spot from, const struct wire_path *path)
{
    struct plan_place place = place_at(plan, follow(plan, from, path));

    return &plan->projections[place.level].values[place.index];
}

static struct plan_values values_of(struct plan *plan, const struct schema_paths *paths)
{
    plan_value *items = arena_calloc(&plan->arena, paths->count, sizeof *items);

    for (uint32_t i = 0; i < paths->count; i++)
        items[i] = value_of(plan, event_spot(plan), &paths->items[i]);
    return (struct plan_values){paths->count > 0 ? items[0] : &nothing, items, paths->count};
}

static void find_envelope(struct plan *plan)
{
    const struct schema *schema = plan->schema;

    plan->events = schema->has_events ? value_of(plan, message_spot(), &schema->events) : &nothing;
    plan->type = schema->has_type ? value_of(plan, event_spot(plan), &schema->type_path) : &nothing;
    plan->customer = values_of(plan, &schema->customer);
    plan->name = values_of(plan, &schema->event_name);
    plan->time = values_of(plan, &schema->time);
    plan->id = values_of(plan, &schema->id);
}

/* ---- slots ---- */

static void add_use(struct builder *builder, struct spot spot, struct plan_use use)
{
    if (builder->use_count == builder->use_capacity) {
        builder->use_capacity = builder->use_capacity == 0 ? 64 : builder->use_capacity * 2;
        builder->uses = realloc(builder->uses, builder->use_capacity * sizeof *builder->uses);
        CHECK(builder->uses != NULL);
    }
    builder->uses[builder->use_count++] = (struct placed_use){place_at(builder->plan, spot), use};
}

/* The segments of a path behind the first `from`, which are as on the wire. */
static struct spot follow_segments(struct plan *plan, struct spot spot,
                                   const struct event_path *path, uint32_t from)
{
    for (uint32_t i = from; i < path->segment_count; i++) {
        struct wire_step next = {.key = path->segments[i]};

        spot = step(plan, spot, &next);
    }
    return spot;
}

static void add_composed(struct builder *builder, const struct wire_source *source,
                         struct spot base, struct plan_use use)
{
    struct plan *plan = builder->plan;
    struct plan_composed *composed = &builder->composed[plan->composed_count++];

    CHECK(plan->composed_count <= builder->composed_capacity);
    *composed = (struct plan_composed){.use = use, .source = source};
    for (uint32_t i = 0; i < source->path_count; i++)
        composed->places[i] = place_at(plan, follow(plan, base, &source->paths[i]));
}

/* One alternative of a property, seen from one of the maps that hold properties. */
static void add_source(struct builder *builder, const struct wire_source *source, struct spot base,
                       const struct event_path *path, struct plan_use use)
{
    struct plan *plan = builder->plan;
    struct spot spot;

    if (source->composed) {
        if (path->segment_count == 1)
            add_composed(builder, source, base, use);
        return;
    }
    if (source->paths->from_message)
        use.types = UINT32_MAX; /* wherever the properties are, so it is added once */
    spot = follow(plan, base, source->paths);
    add_use(builder, follow_segments(plan, spot, path, 1), use);
}

static void add_root(struct builder *builder, enum plan_level level, enum value_raw raw,
                     const struct plan_use *use)
{
    struct plan *plan = builder->plan;

    CHECK(plan->root_count < builder->root_capacity);
    builder->roots[plan->root_count++] =
        (struct plan_root){use->slot, use->types, (uint8_t)level, raw};
}

/* A wanted property, in the maps that `bases` says; the bit says for which types. */
static void add_property(struct builder *builder, const struct schema_paths *bases, uint32_t bit,
                         const struct event_path *path, struct plan_use use)
{
    struct plan *plan = builder->plan;
    const struct schema_field *field = NULL;
    /* What the schema says nothing about is called the same on the wire. */
    struct wire_path same = {.step_count = 1, .steps = {{.key = path->segments[0]}}};
    const struct wire_source plain = {.path_count = 1, .paths = &same};

    use.types = bit;
    if (path->segment_count > 0)
        field = schema_field_find(&plan->schema->fields, path->segments[0]);
    for (uint32_t b = 0; b < bases->count; b++) {
        struct spot base = follow(plan, event_spot(plan), &bases->items[b]);
        uint32_t count = field != NULL ? field->source_count : 1;

        if (path->segment_count == 0) {
            use.rank = (uint8_t)b;
            if (base.node == PROJECTION_ROOT)
                add_root(builder, base.level, VALUE_RAW_PROPERTIES, &use);
            else
                add_use(builder, base, use);
            continue;
        }
        for (uint32_t s = 0; s < count; s++) {
            const struct wire_source *source = field != NULL ? &field->sources[s] : &plain;

            use.rank = (uint8_t)(s * SCHEMA_ALTERNATIVES_MAX + b);
            if (!source->paths->from_message || source->composed || (bit == 1 && b == 0))
                add_source(builder, source, base, path, use);
        }
    }
}

static void add_properties(struct builder *builder, const struct event_path *path,
                           struct plan_use use)
{
    const struct schema *schema = builder->plan->schema;

    use.is_whole = path->segment_count == 0;
    if (use.is_whole)
        use.kind.raw = VALUE_RAW_PROPERTIES;
    else if (path->segment_count == 1 && slice_is(path->segments[0], "products"))
        use.kind.raw = VALUE_RAW_PRODUCTS;
    add_property(builder, &schema->properties, 1, path, use);
    for (uint32_t t = 0; t < schema->type_count; t++)
        if (schema->types[t].properties.count > 0)
            add_property(builder, &schema->types[t].properties, UINT32_C(2) << t, path, use);
}

static void add_want(struct builder *builder, const struct event_path *path, uint32_t slot,
                     uint32_t *whole_slots)
{
    struct plan *plan = builder->plan;
    struct plan_use use = {.slot = slot, .kind.is_id = path->read == EVENT_READ_ID};

    CHECK(path->segment_count <= EVENT_PATH_SEGMENTS_MAX);
    if (path->root == EVENT_ROOT_PROPERTIES) {
        if (path->segment_count == 0)
            whole_slots[plan->whole_slot_count++] = slot;
        add_properties(builder, path, use);
        return;
    }
    use.types = UINT32_MAX;
    if (path->segment_count == 0)
        add_root(builder, PLAN_MESSAGE, VALUE_RAW_PLAIN, &use);
    else
        add_use(builder, follow_segments(plan, message_spot(), path, 0), use);
}

/* The maps that hold properties, of whatever type. */
static uint32_t map_count(const struct schema *schema)
{
    uint32_t count = schema->properties.count;

    for (uint32_t t = 0; t < schema->type_count; t++)
        count += schema->types[t].properties.count;
    return count;
}

static void add_wants(struct builder *builder, const struct event_wants *wants)
{
    struct plan *plan = builder->plan;
    struct arena *arena = &plan->arena;
    uint32_t *whole_slots = arena_calloc(arena, wants->path_count, sizeof *whole_slots);

    plan->slot_count = (uint32_t)wants->path_count;
    plan->whole_slots = whole_slots;
    builder->root_capacity = plan->slot_count * (map_count(plan->schema) + 1);
    builder->roots = arena_calloc(arena, builder->root_capacity, sizeof *builder->roots);
    plan->roots = builder->roots;
    builder->composed_capacity = builder->root_capacity * SCHEMA_ALTERNATIVES_MAX;
    builder->composed = arena_calloc(arena, builder->composed_capacity, sizeof *builder->composed);
    plan->composed = builder->composed;
    for (uint32_t i = 0; i < plan->slot_count; i++)
        add_want(builder, &wants->paths[i], i, whole_slots);
}

/* ---- uses by place ---- */

/* What is known of a slot while its alternatives are counted. */
struct slot_count {
    uint32_t types; /* with at least one alternative */
    bool contested; /* some type has several */
    uint32_t contest;
};

static void count_use(struct slot_count *slots, const struct plan_use *use)
{
    struct slot_count *slot = &slots[use->slot];

    slot->contested |= (slot->types & use->types) != 0;
    slot->types |= use->types;
}

/* Slots that have but one alternative, whatever the type, need no rank. */
static void number_contests(struct builder *builder)
{
    struct plan *plan = builder->plan;
    struct slot_count *slots = calloc(plan->slot_count + 1, sizeof *slots);

    CHECK(slots != NULL);
    for (uint32_t i = 0; i < builder->use_count; i++)
        count_use(slots, &builder->uses[i].use);
    for (uint32_t i = 0; i < plan->composed_count; i++)
        count_use(slots, &builder->composed[i].use);
    for (uint32_t i = 0; i < plan->slot_count; i++)
        slots[i].contest = slots[i].contested ? plan->contest_count++ : PLAN_ALONE;
    for (uint32_t i = 0; i < builder->use_count; i++)
        builder->uses[i].use.contest = slots[builder->uses[i].use.slot].contest;
    for (uint32_t i = 0; i < plan->composed_count; i++)
        builder->composed[i].use.contest = slots[builder->composed[i].use.slot].contest;
    free(slots);
}

/* A counting sort: the uses of a level in the order of their places. */
static void sort_uses(const struct builder *builder, enum plan_level level, struct plan_use *items,
                      struct plan_place_uses *places, uint32_t place_count)
{
    struct plan_use *next = items;
    struct plan_use **ends = arena_calloc(&builder->plan->arena, place_count, sizeof *ends);
    uint32_t *counts = arena_calloc(&builder->plan->arena, place_count, sizeof *counts);

    for (uint32_t i = 0; i < builder->use_count; i++)
        if (builder->uses[i].place.level == level)
            counts[builder->uses[i].place.index]++;
    for (uint32_t i = 0; i < place_count; i++) {
        ends[i] = next;
        places[i] = (struct plan_place_uses){next, next + counts[i]};
        next += counts[i];
    }
    for (uint32_t i = 0; i < builder->use_count; i++)
        if (builder->uses[i].place.level == level)
            *ends[builder->uses[i].place.index]++ = builder->uses[i].use;
}

static struct plan_quick quick_of(const struct plan *plan, const struct plan_place_uses *uses)
{
    const struct plan_use *use = uses->first;

    if (uses->end - uses->first != 1 || use->is_whole ||
        (use->contest != PLAN_ALONE && use->rank != 0))
        return (struct plan_quick){.types = 0};
    return (struct plan_quick){
        .slot = use->slot,
        .types = use->types,
        .contest = use->contest != PLAN_ALONE ? use->contest : plan->contest_count,
        .rank = use->rank,
        .is_id = use->kind.is_id,
    };
}

static struct plan_uses uses_by_place(const struct builder *builder, enum plan_level level)
{
    struct plan *plan = builder->plan;
    uint32_t place_count = plan->projections[level].place_count;
    struct plan_use *items = arena_calloc(&plan->arena, builder->use_count, sizeof *items);
    struct plan_place_uses *places = arena_calloc(&plan->arena, place_count, sizeof *places);
    uint32_t *unlisted = arena_calloc(&plan->arena, place_count, sizeof *unlisted);
    struct plan_quick *quick = arena_calloc(&plan->arena, place_count, sizeof *quick);
    struct plan_uses uses = {.places = places, .quick = quick, .unlisted = unlisted};

    sort_uses(builder, level, items, places, place_count);
    for (uint32_t i = 0; i < place_count; i++)
        quick[i] = quick_of(plan, &places[i]);
    for (uint32_t i = 0; i < plan->projections[level].plain_count; i++)
        if (places[i].first < places[i].end)
            unlisted[uses.unlisted_count++] = i;
    return uses;
}

void plan_init(struct plan *plan, const struct schema *schema, const struct event_wants *wants)
{
    struct builder builder = {.plan = plan};

    *plan = (struct plan){.schema = schema};
    arena_init(&plan->arena);
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++)
        projection_init(&plan->projections[level]);
    add_envelope(plan);
    add_wants(&builder, wants);
    number_contests(&builder);
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++) {
        projection_seal(&plan->projections[level]);
        plan->uses[level] = uses_by_place(&builder, (enum plan_level)level);
    }
    find_envelope(plan);
    free(builder.uses);
}

void plan_fini(struct plan *plan)
{
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++)
        projection_fini(&plan->projections[level]);
    arena_fini(&plan->arena);
}
