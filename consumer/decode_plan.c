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
};

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

static struct plan_places envelope_places(struct plan *plan, const struct schema_paths *paths)
{
    struct plan_place *places = arena_calloc(&plan->arena, paths->count, sizeof *places);

    for (uint32_t i = 0; i < paths->count; i++)
        places[i] = place_at(plan, follow(plan, event_spot(plan), &paths->items[i]));
    return (struct plan_places){paths->count, places};
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
        use.types = UINT32_MAX; /* wherever the properties are */
    spot = follow(plan, base, source->paths);
    add_use(builder, follow_segments(plan, spot, path, 1), use);
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
            add_use(builder, base, use);
            continue;
        }
        for (uint32_t s = 0; s < count; s++) {
            use.rank = (uint8_t)(s * SCHEMA_ALTERNATIVES_MAX + b);
            add_source(builder, field != NULL ? &field->sources[s] : &plain, base, path, use);
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
                     uint32_t *whole_slots, uint32_t *message_slots)
{
    struct plan *plan = builder->plan;
    struct plan_use use = {.slot = slot, .kind.is_id = path->read == EVENT_READ_ID};

    CHECK(path->segment_count <= EVENT_PATH_SEGMENTS_MAX);
    if (path->root == EVENT_ROOT_PROPERTIES) {
        if (path->segment_count == 0)
            whole_slots[plan->whole_slot_count++] = slot;
        add_properties(builder, path, use);
    } else if (path->segment_count == 0) {
        message_slots[plan->message_slot_count++] = slot;
    } else {
        use.types = UINT32_MAX;
        add_use(builder, follow_segments(plan, message_spot(), path, 0), use);
    }
}

/* Each want has at most as many composed alternatives as all its alternatives in all its maps. */
static uint32_t composed_count_max(const struct schema *schema, const struct event_wants *wants)
{
    size_t maps = schema->properties.count;

    for (uint32_t t = 0; t < schema->type_count; t++)
        maps += schema->types[t].properties.count;
    return (uint32_t)(wants->path_count * maps * SCHEMA_ALTERNATIVES_MAX);
}

static void add_wants(struct builder *builder, const struct event_wants *wants)
{
    struct plan *plan = builder->plan;
    struct arena *arena = &plan->arena;
    uint32_t *whole_slots = arena_calloc(arena, wants->path_count, sizeof *whole_slots);
    uint32_t *message_slots = arena_calloc(arena, wants->path_count, sizeof *message_slots);

    plan->slot_count = (uint32_t)wants->path_count;
    plan->whole_slots = whole_slots;
    plan->message_slots = message_slots;
    builder->composed_capacity = composed_count_max(plan->schema, wants);
    builder->composed = arena_calloc(arena, builder->composed_capacity, sizeof *builder->composed);
    plan->composed = builder->composed;
    for (uint32_t i = 0; i < plan->slot_count; i++)
        add_want(builder, &wants->paths[i], i, whole_slots, message_slots);
}

/* ---- uses by place ---- */

/* A counting sort: the uses of a level in the order of their places. */
static struct plan_uses sorted_uses(struct builder *builder, enum plan_level level)
{
    struct plan *plan = builder->plan;
    uint32_t place_count = plan->projections[level].place_count;
    uint32_t *first = arena_calloc(&plan->arena, place_count + 2, sizeof *first);
    struct plan_use *items = arena_calloc(&plan->arena, builder->use_count, sizeof *items);

    for (uint32_t i = 0; i < builder->use_count; i++)
        if (builder->uses[i].place.level == level)
            first[builder->uses[i].place.index + 2]++;
    for (uint32_t i = 2; i < place_count + 2; i++)
        first[i] += first[i - 1];
    /* first[place + 1] is where the next use of the place goes; in the end it is where they end. */
    for (uint32_t i = 0; i < builder->use_count; i++)
        if (builder->uses[i].place.level == level)
            items[first[builder->uses[i].place.index + 1]++] = builder->uses[i].use;
    return (struct plan_uses){first, items};
}

void plan_init(struct plan *plan, const struct schema *schema, const struct event_wants *wants)
{
    struct builder builder = {.plan = plan};

    *plan = (struct plan){.schema = schema};
    arena_init(&plan->arena);
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++)
        projection_init(&plan->projections[level]);
    if (schema->has_events)
        plan->events = place_at(plan, follow(plan, message_spot(), &schema->events));
    if (schema->has_type)
        plan->type = place_at(plan, follow(plan, event_spot(plan), &schema->type_path));
    plan->customer = envelope_places(plan, &schema->customer);
    plan->name = envelope_places(plan, &schema->event_name);
    plan->time = envelope_places(plan, &schema->time);
    plan->id = envelope_places(plan, &schema->id);
    add_wants(&builder, wants);
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++) {
        projection_seal(&plan->projections[level]);
        plan->uses[level] = sorted_uses(&builder, (enum plan_level)level);
    }
    free(builder.uses);
}

void plan_fini(struct plan *plan)
{
    for (int level = 0; level < PLAN_LEVEL_COUNT; level++)
        projection_fini(&plan->projections[level]);
    arena_fini(&plan->arena);
}
