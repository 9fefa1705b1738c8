/* States, transitions and timers. */
#include <string.h>

#include "rules/machine_load.h"

/* ---- transitions */

/* One of those beyond the limit, which has been reported: it is there, only not read. */
static bool is_beyond(const struct machine *machine, const struct yaml_node *name)
{
    return machine->state_count == MACHINE_STATES_MAX &&
           yaml_get(yaml_get(machine->root, "states"), name->text.data);
}

static void read_target(struct loader *loader, const struct yaml_node *node,
                        struct transition *transition)
{
    const struct machine *machine = loader->machine;
    if (node->kind != YAML_SCALAR || node->text.size == 0) {
        diag_error(loader->diag, node->at, "the target must be a state's name, not %s",
                   load_kind(node));
        return;
    }
    int32_t state = load_find_state(machine, node->text);
    if (state >= 0) {
        transition->has_target = true;
        transition->target = (uint32_t)state;
        return;
    }
    if (is_beyond(machine, node))
        return;
    const char *names[MACHINE_STATES_MAX];
    for (uint32_t i = 0; i < machine->state_count; i++)
        names[i] = machine->states[i].name.data;
    const char *nearest = diag_nearest(node->text.data, names, machine->state_count);
    if (nearest)
        diag_error(loader->diag, node->at, "there is no state '%.64s': did you mean '%s'?",
                   node->text.data, nearest);
    else
        diag_error(loader->diag, node->at, "there is no state '%.64s' in this machine",
                   node->text.data);
}

static void read_transition(struct loader *loader, const struct yaml_node *node,
                            struct transition *transition)
{
    static const char *const keys[] = {"target", "guard", "emit", "actions", NULL};
    transition->at = node->at;
    transition->rule = load_rule(loader, node->at);
    if (node->kind == YAML_SEQUENCE) {
        diag_error(loader->diag, node->at, "a list of transitions can't hold another list");
        return;
    }
    if (node->kind == YAML_SCALAR) {
        if (node->text.size == 0)
            diag_error(loader->diag, node->at,
                       "this transition is empty: name a state, or write {} for 'do nothing'; "
                       "within { } several names "
                       "are quoted: 'a, b'");
        else
            read_target(loader, node, transition);
        return;
    }
    load_keys(loader, node, "a transition", keys);
    const struct yaml_node *target = yaml_get(node, "target"), *guard = yaml_get(node, "guard");
    const struct yaml_node *emit = yaml_get(node, "emit"), *actions = yaml_get(node, "actions");
    if (target)
        read_target(loader, target, transition);
    if (guard)
        transition->guard = load_guard(loader, guard);
    if (emit)
        transition->emit = load_emit(loader, emit);
    if (actions)
        transition->actions = load_actions(loader, actions);
}

/* What stands behind a transition that is always taken is never looked at. */
static void warn_of_hidden(struct loader *loader, struct transitions transitions)
{
    for (uint32_t i = 0; i + 1 < transitions.count; i++)
        if (load_always_holds(&transitions.items[i])) {
            bool has_guard = transitions.items[i].guard.text.size > 0;
            diag_warning(loader->diag, transitions.items[i + 1].at,
                         "this transition is never looked at: %s",
                         has_guard ? "the guard of the one before it is always true"
                                   : "the one before it has no guard");
            return;
        }
}

static struct transitions read_transitions(struct loader *loader, const struct yaml_node *node)
{
    bool is_list = node->kind == YAML_SEQUENCE;
    if (is_list && node->count == 0) {
        diag_error(loader->diag, node->at,
                   "this list of transitions is empty: write {} for 'do nothing'");
        return (struct transitions){0};
    }
    uint32_t count = is_list ? (uint32_t)node->count : 1;
    struct transition *items = arena_calloc(&loader->rules->arena, count, sizeof(*items));
    for (uint32_t i = 0; i < count; i++)
        read_transition(loader, is_list ? node->items[i] : node, &items[i]);
    struct transitions transitions = {items, count};
    warn_of_hidden(loader, transitions);
    return transitions;
}

/* ---- on */

struct reaction_list {
    struct reaction *items;
    uint32_t count;
};

static bool is_named(const struct reaction_list *list, struct slice name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_equal(list->items[i].name, name))
            return true;
    return false;
}

static size_t count_names(const struct yaml_node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        count++;
        for (size_t j = 0; j < node->keys[i]->text.size; j++)
            count += node->keys[i]->text.data[j] == ',';
    }
    return count;
}

static void add_reactions(struct loader *loader, const struct yaml_node *key,
                          struct transitions transitions, const char *where,
                          struct reaction_list *list)
{
    struct load_names names = {key, 0};
    struct slice name;
    struct diag_pos at;
    while (load_next_name(loader, &names, &name, &at)) {
        if (is_named(list, name)) {
            diag_error(loader->diag, at,
                       "'%.*s' is named twice in %s: put its transitions into one list",
                       SLICE_ARGS(name), where);
            continue;
        }
        if (!slice_is(name, "*")) {
            if (!load_is_event_name(loader, name, at))
                continue;
            machine_name_id(loader->rules, name);
        }
        list->items[list->count++] = (struct reaction){name, transitions, at};
    }
}

static struct reaction_list read_on(struct loader *loader, const struct yaml_node *node,
                                    const char *where)
{
    struct reaction_list list = {0};
    if (!load_mapping(loader, node, "'on'"))
        return list;
    list.items = arena_calloc(&loader->rules->arena, count_names(node) + 1, sizeof(*list.items));
    for (size_t i = 0; i < node->count; i++) {
        struct transitions transitions = read_transitions(loader, node->items[i]);
        add_reactions(loader, node->keys[i], transitions, where, &list);
    }
    return list;
}

static const struct transitions *find_any(const struct reaction *reactions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_is(reactions[i].name, "*"))
            return &reactions[i].transitions;
    return NULL;
}

/* ---- observe */

static bool is_observed(const struct observation *observations, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(observations[i].name, name))
            return true;
    return false;
}

static struct actions read_observed(struct loader *loader, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR && node->text.size == 0) {
        diag_error(loader->diag, node->at,
                   "actions are missing here: write a mapping such as { clear: items }; within { } "
                   "several names are quoted: 'a, b'");
        return (struct actions){0};
    }
    return load_actions(loader, node);
}

static void read_observe(struct loader *loader, const struct yaml_node *node)
{
    struct machine *machine = loader->machine;
    if (!load_mapping(loader, node, "'observe'"))
        return;
    struct observation *list =
        arena_calloc(&loader->rules->arena, count_names(node) + 1, sizeof(*list));
    uint32_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct actions actions = read_observed(loader, node->items[i]);
        struct load_names names = {node->keys[i], 0};
        struct slice name;
        struct diag_pos at;
        while (load_next_name(loader, &names, &name, &at)) {
            if (slice_is(name, "*")) {
                diag_error(loader->diag, at, "'*' is for 'on': 'observe' names its events");
                continue;
            }
            if (is_observed(list, count, name)) {
                diag_error(loader->diag, at,
                           "'%.*s' is named twice in 'observe': put its actions into one list",
                           SLICE_ARGS(name));
                continue;
            }
            if (!load_is_event_name(loader, name, at))
                continue;
            machine_name_id(loader->rules, name);
            list[count++] = (struct observation){name, at, actions};
        }
    }
    machine->observations = list;
    machine->observation_count = count;
}

/* ---- timers */

static void add_timer(struct loader *loader, struct state *state, struct timer *timers,
                      struct timer timer)
{
    if (state->timer_count == MACHINE_TIMERS_MAX) {
        diag_error(loader->diag, timer.at, "a state has at most %d timers", MACHINE_TIMERS_MAX);
        return;
    }
    uint64_t bit = UINT64_C(1) << state->timer_count;
    if (timer.kind == TIMER_IDLE)
        state->idle_mask |= bit;
    if (timer.kind == TIMER_AT)
        state->at_mask |= bit;
    timers[state->timer_count++] = timer;
}

static void read_durations(struct loader *loader, const struct yaml_node *node,
                           enum timer_kind kind, struct state *state, struct timer *timers)
{
    const char *what = kind == TIMER_IDLE ? "'idle'" : "'after'";
    if (!load_mapping(loader, node, what))
        return;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        struct timer timer = {.kind = kind, .text = key->text, .at = key->at};
        bool good = load_duration(loader, key, what, &timer.duration_ms);
        timer.transitions = read_transitions(loader, node->items[i]);
        for (uint32_t j = 0; good && j < state->timer_count; j++)
            if (timers[j].kind == kind && timers[j].duration_ms == timer.duration_ms) {
                diag_error(loader->diag, key->at,
                           "%s has the same duration twice: put its transitions into one list",
                           what);
                good = false;
            }
        if (good)
            add_timer(loader, state, timers, timer);
    }
}

static void read_at(struct loader *loader, const struct yaml_node *node, struct state *state,
                    struct timer *timers)
{
    const struct machine *machine = loader->machine;
    if (!load_mapping(loader, node, "'at'"))
        return;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        struct timer timer = {.kind = TIMER_AT, .text = key->text, .at = key->at};
        int32_t variable = load_variable(loader, key);
        timer.transitions = read_transitions(loader, node->items[i]);
        if (variable < 0)
            continue;
        enum layout_type type = machine->layout_variables[variable].type;
        if (type != LAYOUT_TIMESTAMP) {
            diag_error(loader->diag, key->at,
                       "'at' needs a variable of type timestamp, '%s' is of type %s",
                       key->text.data, load_type_name(type));
            continue;
        }
        timer.variable = (uint32_t)variable;
        add_timer(loader, state, timers, timer);
    }
}

/* In the order of the file: that decides between timers of one deadline. */
static void read_timers(struct loader *loader, const struct yaml_node *node, struct state *state)
{
    struct timer *timers = arena_calloc(&loader->rules->arena, MACHINE_TIMERS_MAX, sizeof(*timers));
    for (size_t i = 0; i < node->count; i++) {
        if (slice_is(node->keys[i]->text, "after"))
            read_durations(loader, node->items[i], TIMER_AFTER, state, timers);
        else if (slice_is(node->keys[i]->text, "idle"))
            read_durations(loader, node->items[i], TIMER_IDLE, state, timers);
        else if (slice_is(node->keys[i]->text, "at"))
            read_at(loader, node->items[i], state, timers);
    }
    state->timers = timers;
}

static bool has_timer_key(const struct yaml_node *node)
{
    return yaml_get(node, "after") || yaml_get(node, "idle") || yaml_get(node, "at");
}

/* ---- states */

static void check_description(struct loader *loader, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR && node->text.size > 0)
        return;
    if (node->kind != YAML_MAPPING || node->count == 0) {
        diag_error(loader->diag, node->at,
                   "the description is text by language, such as { en: Cart, th: ตะกร้า }, not %s",
                   load_kind(node));
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        if (node->items[i]->kind != YAML_SCALAR || node->items[i]->text.size == 0)
            diag_error(loader->diag, node->items[i]->at,
                       "the description in '%s' must be a text, not %s", node->keys[i]->text.data,
                       load_kind(node->items[i]));
}

void load_state_names(struct loader *loader)
{
    struct machine *machine = loader->machine;
    const struct yaml_node *states = yaml_get(machine->root, "states");
    if (!states) {
        diag_error(loader->diag, machine->root->at, "the machine has no 'states'");
        return;
    }
    if (states->kind != YAML_MAPPING || states->count == 0) {
        diag_error(loader->diag, states->at,
                   "'states' must be a mapping with at least one state, not %s",
                   states->kind == YAML_MAPPING ? "an empty one" : load_kind(states));
        return;
    }
    size_t count = states->count;
    if (count > MACHINE_STATES_MAX) {
        diag_error(loader->diag, states->at, "a machine has at most %d states, this one has %zu",
                   MACHINE_STATES_MAX, count);
        count = MACHINE_STATES_MAX;
    }
    machine->states = arena_calloc(&loader->rules->arena, count, sizeof(*machine->states));
    for (size_t i = 0; i < count; i++) {
        load_is_name(loader, states->keys[i], "a state", "-");
        machine->states[i].name = states->keys[i]->text;
        machine->states[i].at = states->keys[i]->at;
    }
    machine->state_count = (uint32_t)count;
}

static void read_goal(struct loader *loader, const struct yaml_node *node, struct state *state)
{
    if (node->kind != YAML_SCALAR || !yaml_bool(node, &state->is_goal))
        diag_error(loader->diag, node->at, "'goal' must be true or false");
}

static void read_state(struct loader *loader, const struct yaml_node *node, struct state *state)
{
    static const char *const keys[] = {"description", "goal", "entry", "exit",   "on",
                                       "after",       "idle", "at",    "always", NULL};
    /* A state that only waits to be left by the machine's `on` may say nothing. */
    if (node->kind != YAML_MAPPING) {
        if (node->kind != YAML_SCALAR || node->text.size > 0)
            diag_error(loader->diag, node->at, "a state must be a mapping, not %s; {} says nothing",
                       load_kind(node));
        else
            diag_error(loader->diag, node->at, "this state is empty: write {} if it says nothing");
        return;
    }
    load_keys(loader, node, "a state", keys);
    const struct yaml_node *description = yaml_get(node, "description");
    const struct yaml_node *goal = yaml_get(node, "goal"), *entry = yaml_get(node, "entry");
    const struct yaml_node *exit_node = yaml_get(node, "exit"), *on = yaml_get(node, "on");
    const struct yaml_node *always = yaml_get(node, "always");
    if (description) {
        check_description(loader, description);
        state->description = description;
    }
    if (goal)
        read_goal(loader, goal, state);
    if (entry)
        state->entry = load_actions(loader, entry);
    if (exit_node)
        state->exit = load_actions(loader, exit_node);
    if (on) {
        struct reaction_list list = read_on(loader, on, "this state");
        state->reactions = list.items;
        state->reaction_count = list.count;
        state->any = find_any(list.items, list.count);
    }
    if (has_timer_key(node))
        read_timers(loader, node, state);
    if (always)
        state->always = read_transitions(loader, always);
}

static void read_initial(struct loader *loader)
{
    struct machine *machine = loader->machine;
    const struct yaml_node *node = yaml_get(machine->root, "initial");
    if (!node) {
        diag_error(loader->diag, machine->root->at,
                   "the machine has no 'initial': name the state in which a new customer is");
        return;
    }
    struct transition transition = {0};
    if (machine->state_count == 0)
        return; /* that has been said */
    read_target(loader, node, &transition);
    machine->initial = transition.target;
}

void load_states(struct loader *loader)
{
    struct machine *machine = loader->machine;
    const struct yaml_node *root = machine->root;
    const struct yaml_node *description = yaml_get(root, "description");
    const struct yaml_node *data = yaml_get(root, "data"), *observe = yaml_get(root, "observe");
    const struct yaml_node *on = yaml_get(root, "on"), *states = yaml_get(root, "states");
    const struct yaml_node *emit_transitions = yaml_get(root, "emit_transitions");
    if (description) {
        check_description(loader, description);
        machine->description = description;
    }
    if (data && load_mapping(loader, data, "'data'"))
        load_data(loader, data);
    if (emit_transitions)
        machine->emit_transitions = load_emit_transitions(loader, emit_transitions);
    if (observe)
        read_observe(loader, observe);
    read_initial(loader);
    if (on) {
        struct reaction_list list = read_on(loader, on, "the machine's 'on'");
        machine->reactions = list.items;
        machine->reaction_count = list.count;
        machine->any = find_any(list.items, list.count);
    }
    machine->has_any = machine->any != NULL;
    for (uint32_t i = 0; i < machine->state_count; i++) {
        read_state(loader, states->items[i], &machine->states[i]);
        machine->has_any = machine->has_any || machine->states[i].any;
        machine->has_timers = machine->has_timers || machine->states[i].timer_count > 0;
    }
}
