#include "rules/machine_load.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/hash.h"

/* Part of the ruleset's id: raised when the same files come to mean something else. */
#define SEMANTICS_VERSION 1

void *machine_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t grown = *capacity ? *capacity * 2 : 8;
    items = realloc(items, grown * size);
    CHECK(items != NULL);
    *capacity = grown;
    return items;
}

uint32_t machine_find_name(const struct rules *rules, struct slice name)
{
    for (size_t i = 0; i < rules->name_count; i++)
        if (slice_equal(rules->names[i], name))
            return (uint32_t)i + 1;
    return 0;
}

uint32_t machine_name_id(struct rules *rules, struct slice name)
{
    uint32_t id = machine_find_name(rules, name);
    if (id)
        return id;
    rules->names =
        machine_grow(rules->names, rules->name_count, &rules->name_capacity, sizeof(*rules->names));
    rules->names[rules->name_count++] = name;
    return (uint32_t)rules->name_count;
}

struct slice machine_signal_type(struct rules *rules, struct slice type)
{
    for (size_t i = 0; i < rules->signal_type_count; i++)
        if (slice_equal(rules->signal_types[i], type))
            return rules->signal_types[i];
    rules->signal_types = machine_grow(rules->signal_types, rules->signal_type_count,
                                       &rules->signal_type_capacity, sizeof(type));
    rules->signal_types[rules->signal_type_count++] = type;
    return type;
}

/* Ids are text wherever a rule reads them. */
static enum event_read read_of(enum event_root root, const struct slice *segments, uint32_t count)
{
    static const char *const ids[] = {"product_id", "cart_id", "order_id", "variant_id"};
    if (root != EVENT_ROOT_PROPERTIES || count != 1)
        return EVENT_READ_PLAIN;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (slice_is(segments[0], ids[i]))
            return EVENT_READ_ID;
    return EVENT_READ_PLAIN;
}

static bool same_path(const struct event_path *path, enum event_root root,
                      const struct slice *segments, uint32_t count)
{
    if (path->root != root || path->segment_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!slice_equal(path->segments[i], segments[i]))
            return false;
    return true;
}

uint32_t machine_want_path(struct rules *rules, enum event_root root, const struct slice *segments,
                           uint32_t segment_count)
{
    for (size_t i = 0; i < rules->path_count; i++)
        if (same_path(&rules->paths[i], root, segments, segment_count))
            return (uint32_t)i;
    struct event_path path = {root, read_of(root, segments, segment_count), segment_count, {{0}}};
    for (uint32_t i = 0; i < segment_count; i++)
        path.segments[i] = arena_copy(&rules->arena, segments[i]);
    rules->paths =
        machine_grow(rules->paths, rules->path_count, &rules->path_capacity, sizeof(path));
    rules->paths[rules->path_count++] = path;
    return (uint32_t)rules->path_count - 1;
}

static uint32_t want_property(struct rules *rules, const char *name)
{
    struct slice segment = slice_of(name);
    return machine_want_path(rules, EVENT_ROOT_PROPERTIES, &segment, 1);
}

void machine_want_items(struct rules *rules)
{
    if (rules->wants_items)
        return;
    rules->wants_items = true;
    rules->slot_product_id = want_property(rules, "product_id");
    rules->slot_name = want_property(rules, "name");
    rules->slot_price = want_property(rules, "price");
    rules->slot_quantity = want_property(rules, "quantity");
    rules->slot_products = want_property(rules, "products");
    rules->slot_currency = want_property(rules, "currency");
}

/* ---- the heads: names, so that expressions may look at machines behind them */

static bool is_taken(const struct rules *rules, struct slice name)
{
    for (uint32_t i = 0; i < rules->machine_count; i++)
        if (slice_equal(rules->machines[i].name, name))
            return true;
    return false;
}

static void load_head(struct loader *loader, const char *path, const struct slice *text)
{
    static const char *const keys[] = {"machine",          "description", "context", "data",
                                       "observe",          "on",          "initial", "states",
                                       "emit_transitions", NULL};
    struct rules *rules = loader->rules;
    size_t errors = loader->diag->error_count;
    struct yaml_file *file =
        text ? yaml_parse(path, *text, loader->diag) : yaml_load(path, loader->diag);
    if (!file)
        return;
    uint32_t index = rules->machine_count;
    rules->files[index] = file;
    struct machine *machine = &rules->machines[index];
    loader->machine = machine;
    *machine = (struct machine){.root = yaml_root(file),
                                .file = path,
                                .has_yaml_errors = loader->diag->error_count > errors};
    const struct yaml_node *root = machine->root;
    rules->machine_count++; /* so that the file is freed whatever comes */
    if (!load_mapping(loader, root, "a machine's file")) {
        machine->root = NULL;
        return;
    }
    load_keys(loader, root, "a machine", keys);
    const struct yaml_node *name = yaml_get(root, "machine");
    if (!name)
        diag_error(loader->diag, root->at, "the file has no 'machine': the name of the machine");
    else if (load_is_name(loader, name, "a machine", "-")) {
        rules->machine_count--; /* not to be compared with itself */
        if (is_taken(rules, name->text))
            diag_error(loader->diag, name->at, "there are two machines named '%s'",
                       name->text.data);
        rules->machine_count++;
        machine->name = name->text;
        machine->name_at = name->at;
    }
    load_context(loader);
    load_state_names(loader);
}

/* ---- the whole */

static bool mentions(struct slice source, const char *word)
{
    return memmem(source.data, source.size, word, strlen(word)) != NULL;
}

static void load_body(struct loader *loader, uint32_t index)
{
    struct rules *rules = loader->rules;
    loader->machine = &rules->machines[index];
    if (!loader->machine->root)
        return;
    loader->machine->asks_touched = mentions(yaml_source(rules->files[index]), "touched");
    loader->machine->asks_removed = mentions(yaml_source(rules->files[index]), "removed");
    size_t errors = loader->diag->error_count;
    load_states(loader);
    load_cooldowns(loader);
    load_check_windows(loader);
    /* What is missing because of a mistake would look like another one. */
    if (loader->diag->error_count == errors)
        load_check_machine(loader);
}

static void add_yaml(struct buf *out, const struct yaml_node *node)
{
    buf_printf(out, "%d%d%zu:", node->kind, node->quoted,
               node->kind == YAML_SCALAR ? node->text.size : node->count);
    if (node->kind == YAML_SCALAR)
        buf_add_slice(out, node->text);
    for (size_t i = 0; node->kind != YAML_SCALAR && i < node->count; i++) {
        if (node->kind == YAML_MAPPING)
            add_yaml(out, node->keys[i]);
        add_yaml(out, node->items[i]);
    }
}

static uint64_t hash_rules(const struct rules *rules, const struct yaml_node *constants)
{
    struct buf text;
    buf_init(&text);
    buf_printf(&text, "stagecoach rules %d, %lld\n", SEMANTICS_VERSION,
               (long long)rules->forget_after_ms);
    for (uint32_t i = 0; i < rules->machine_count; i++) {
        struct slice source = yaml_source(rules->files[i]);
        buf_printf(&text, "%zu:", source.size);
        buf_add_slice(&text, source);
    }
    if (constants)
        add_yaml(&text, constants);
    uint64_t hash = hash_bytes(buf_slice(&text));
    buf_fini(&text);
    return hash;
}

static struct layout_timer timer_of(const struct machine *machine, const struct timer *timer)
{
    switch (timer->kind) {
    case TIMER_AFTER:
        return (struct layout_timer){.kind = LAYOUT_AFTER, .duration_ms = timer->duration_ms};
    case TIMER_IDLE:
        return (struct layout_timer){.kind = LAYOUT_IDLE, .duration_ms = timer->duration_ms};
    case TIMER_AT:
        break;
    }
    return (struct layout_timer){.kind = LAYOUT_AT,
                                 .variable = machine->layout_variables[timer->variable].name};
}

/* By state; NULL where the machine has none. */
static const struct layout_timers *timers_of(struct rules *rules, const struct machine *machine)
{
    if (!machine->has_timers)
        return NULL;
    struct layout_timers *timers =
        arena_calloc(&rules->arena, machine->state_count, sizeof(*timers));
    for (uint32_t s = 0; s < machine->state_count; s++) {
        const struct state *state = &machine->states[s];
        struct layout_timer *items =
            arena_calloc(&rules->arena, state->timer_count, sizeof(*items));
        for (uint32_t i = 0; i < state->timer_count; i++)
            items[i] = timer_of(machine, &state->timers[i]);
        timers[s] = (struct layout_timers){items, state->timer_count};
    }
    return timers;
}

static bool names_it(const struct reaction *reactions, uint32_t count, struct slice name)
{
    uint32_t i = 0;
    while (i < count && !slice_equal(reactions[i].name, name))
        i++;
    return i < count;
}

static bool reacts_to(const struct machine *machine, struct slice name)
{
    bool reacts = names_it(machine->reactions, machine->reaction_count, name);
    for (uint32_t i = 0; i < machine->state_count && !reacts; i++)
        reacts = names_it(machine->states[i].reactions, machine->states[i].reaction_count, name);
    for (uint32_t i = 0; i < machine->observation_count && !reacts; i++)
        reacts = slice_equal(machine->observations[i].name, name);
    return reacts;
}

/* A machine hears those before it. */
static bool hears_signals(const struct rules *rules, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        for (const struct emit *emit = rules->machines[i].emits; emit; emit = emit->next)
            if (reacts_to(&rules->machines[index], emit->type))
                return true;
    return false;
}

static void build_layout(struct rules *rules)
{
    struct layout_machine *machines =
        arena_calloc(&rules->arena, rules->machine_count + 1, sizeof(*machines));
    for (uint32_t i = 0; i < rules->machine_count; i++) {
        const struct machine *machine = &rules->machines[i];
        struct slice *states = arena_calloc(&rules->arena, machine->state_count, sizeof(*states));
        for (uint32_t j = 0; j < machine->state_count; j++)
            states[j] = machine->states[j].name;
        machines[i] = (struct layout_machine){
            .name = machine->name,
            .states = states,
            .state_count = machine->state_count,
            .initial = machine->initial,
            .timers = timers_of(rules, machine),
            .variables = machine->layout_variables,
            .variable_count = machine->variable_count + machine->hidden_count,
            .hears_signals = hears_signals(rules, i),
        };
    }
    rules->layout.machine_count = rules->machine_count;
    layout_seal(&rules->layout, machines);
}

static void load_all(struct loader *loader, const struct rules_options *options)
{
    struct rules *rules = loader->rules;
    size_t count = options->file_count;
    if (count > RULES_MACHINES_MAX) {
        diag_error(loader->diag, (struct diag_pos){options->files[RULES_MACHINES_MAX], 1, 1},
                   "at most %d machines", RULES_MACHINES_MAX);
        count = RULES_MACHINES_MAX;
    }
    for (size_t i = 0; i < count; i++)
        load_head(loader, options->files[i], options->texts ? &options->texts[i] : NULL);
    rules->order_completed = machine_name_id(rules, SLICE("order_completed"));
    rules->customer_forgotten = machine_name_id(rules, SLICE("customer_forgotten"));
    rules->slot_order_id = want_property(rules, "order_id");
    if (options->constants)
        rules->constants = load_constants(loader, options->constants);
    load_bind_host(loader);
    for (uint32_t i = 0; i < rules->machine_count; i++)
        load_body(loader, i);
    load_check_signals(loader);
}

struct rules *rules_load(const struct rules_options *options, struct diag *diag)
{
    struct rules *rules = calloc(1, sizeof(*rules));
    CHECK(rules != NULL);
    arena_init(&rules->arena);
    size_t errors = diag->error_count;
    struct loader loader = {.rules = rules, .diag = diag, .constants = options->constants};
    rules->forget_after_ms = options->forget_after_ms > 0 ? options->forget_after_ms : 0;
    if (rules->forget_after_ms > MACHINE_DURATION_MAX_MS)
        rules->forget_after_ms = MACHINE_DURATION_MAX_MS;
    load_all(&loader, options);
    if (diag->error_count > errors) {
        rules_free(rules);
        return NULL;
    }
    build_layout(rules);
    load_dispatch(&loader);
    rules->hash = hash_rules(rules, options->constants);
    return rules;
}

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->program_count; i++)
        cel_free(rules->programs[i]);
    for (uint32_t i = 0; i < rules->machine_count; i++)
        yaml_free(rules->files[i]);
    free(rules->programs);
    free(rules->places);
    free(rules->names);
    free(rules->paths);
    free(rules->signal_types);
    arena_fini(&rules->arena);
    free(rules);
}

/* ---- what others ask */

uint64_t rules_hash(const struct rules *rules)
{
    return rules->hash;
}

const struct layout *rules_layout(const struct rules *rules)
{
    return &rules->layout;
}

const struct event_wants *rules_wants(const struct rules *rules)
{
    return &rules->wants;
}

struct slice rules_file(const struct rules *rules, size_t machine)
{
    return yaml_source(rules->files[machine]);
}

uint32_t rules_rule_count(const struct rules *rules)
{
    return (uint32_t)rules->rule_count;
}

const char *rules_place(const struct rules *rules, uint32_t rule)
{
    return rules->places[rule];
}

struct slice rules_signal_type(const struct rules *rules, size_t index)
{
    return index < rules->signal_type_count ? rules->signal_types[index] : (struct slice){NULL, 0};
}

size_t rules_stats_state(const struct rules *rules, uint32_t machine, uint32_t state)
{
    return rules->state_counters[machine] + state;
}

size_t rules_stats_transition(const struct rules *rules, uint32_t machine, uint32_t from,
                              uint32_t to)
{
    if (machine == rules->machine_count)
        return rules->transition_counters[machine];
    return rules->transition_counters[machine] +
           (size_t)from * rules->machines[machine].state_count + to;
}

struct slice rules_stats_state_field(const struct rules *rules, uint32_t machine, uint32_t state)
{
    return rules->state_fields[rules_stats_state(rules, machine, state)];
}

struct slice rules_stats_transition_field(const struct rules *rules, uint32_t machine,
                                          uint32_t from, uint32_t to)
{
    return rules->transition_fields[rules_stats_transition(rules, machine, from, to)];
}
