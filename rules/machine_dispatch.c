/*
 * Who looks at what: by the number of a name the machines that name it, and for each of them what it does. An event costs
 * the machines that name it, not those that are there.
 */
#include <string.h>

#include "rules/machine_load.h"

static struct handler *handler_of(struct rules *rules, uint32_t machine, struct slice name)
{
    size_t index = (size_t)machine_find_name(rules, name) * rules->machine_count + machine;
    if (!rules->handlers[index])
        rules->handlers[index] = arena_calloc(&rules->arena, 1, sizeof(struct handler));
    return (struct handler *)(uintptr_t)rules->handlers[index]; /* ours until loading ends */
}

static void add_states(struct rules *rules, uint32_t index)
{
    const struct machine *machine = &rules->machines[index];
    for (uint32_t s = 0; s < machine->state_count; s++)
        for (uint32_t r = 0; r < machine->states[s].reaction_count; r++)
            if (!slice_is(machine->states[s].reactions[r].name, "*"))
                handler_of(rules, index, machine->states[s].reactions[r].name)->by_state_count++;
    for (uint32_t s = 0; s < machine->state_count; s++)
        for (uint32_t r = 0; r < machine->states[s].reaction_count; r++) {
            const struct reaction *reaction = &machine->states[s].reactions[r];
            if (slice_is(reaction->name, "*"))
                continue;
            struct handler *handler = handler_of(rules, index, reaction->name);
            struct handler_state *list = (struct handler_state *)(uintptr_t)handler->by_state;
            if (!list) {
                list = arena_calloc(&rules->arena, handler->by_state_count, sizeof(*list));
                handler->by_state = list;
                handler->by_state_count = 0;
            }
            list[handler->by_state_count++] = (struct handler_state){s, &reaction->transitions};
        }
}

static void add_machine(struct rules *rules, uint32_t index)
{
    const struct machine *machine = &rules->machines[index];
    for (uint32_t i = 0; i < machine->observation_count; i++)
        handler_of(rules, index, machine->observations[i].name)->observe =
            &machine->observations[i].actions;
    for (uint32_t i = 0; i < machine->reaction_count; i++)
        if (!slice_is(machine->reactions[i].name, "*"))
            handler_of(rules, index, machine->reactions[i].name)->machine_on =
                &machine->reactions[i].transitions;
    add_states(rules, index);
    uint64_t bit = UINT64_C(1) << index;
    for (size_t name = 0; name <= rules->name_count; name++) {
        if (rules->handlers[name * rules->machine_count + index])
            rules->signal_machines[name] |= bit;
        if (machine->has_any || rules->handlers[name * rules->machine_count + index])
            rules->event_machines[name] |= bit;
    }
    if (machine->has_timers)
        rules->timer_machines |= bit;
    if (machine->states[machine->initial].timer_count > 0)
        rules->initial_timers |= bit;
    for (uint32_t s = 0; s < machine->state_count; s++)
        if (machine->states[s].idle_mask)
            rules->idle_machines |= bit;
    for (struct emit *emit = machine->emits; emit; emit = emit->next)
        emit->name_id = machine_find_name(rules, emit->type);
}

static void number_counters(struct rules *rules)
{
    rules->state_counters = arena_calloc(&rules->arena, rules->machine_count + 1, sizeof(size_t));
    rules->transition_counters =
        arena_calloc(&rules->arena, rules->machine_count + 1, sizeof(size_t));
    rules->initial_counters = arena_calloc(&rules->arena, rules->machine_count + 1, sizeof(size_t));
    for (uint32_t i = 0; i < rules->machine_count; i++) {
        size_t states = rules->machines[i].state_count;
        rules->initial_counters[i] = rules->state_counters[i] + rules->machines[i].initial;
        rules->state_counters[i + 1] = rules->state_counters[i] + states;
        rules->transition_counters[i + 1] = rules->transition_counters[i] + states * states;
    }
}

/* MACHINE/STATE and MACHINE/FROM>TO. */
static void name_counters(struct rules *rules)
{
    struct arena *arena = &rules->arena;
    uint32_t count = rules->machine_count;
    rules->state_fields =
        arena_calloc(arena, rules->state_counters[count] + 1, sizeof(struct slice));
    rules->transition_fields =
        arena_calloc(arena, rules->transition_counters[count] + 1, sizeof(struct slice));
    size_t state = 0, transition = 0;
    for (uint32_t m = 0; m < count; m++) {
        const struct machine *machine = &rules->machines[m];
        for (uint32_t from = 0; from < machine->state_count; from++) {
            struct slice name = machine->states[from].name;
            rules->state_fields[state++] =
                arena_printf(arena, "%.*s/%.*s", SLICE_ARGS(machine->name), SLICE_ARGS(name));
            for (uint32_t to = 0; to < machine->state_count; to++)
                rules->transition_fields[transition++] =
                    arena_printf(arena, "%.*s/%.*s>%.*s", SLICE_ARGS(machine->name),
                                 SLICE_ARGS(name), SLICE_ARGS(machine->states[to].name));
        }
    }
}

void load_dispatch(struct loader *loader)
{
    struct rules *rules = loader->rules;
    size_t names = rules->name_count + 1;
    rules->event_machines = arena_calloc(&rules->arena, names, sizeof(uint64_t));
    rules->signal_machines = arena_calloc(&rules->arena, names, sizeof(uint64_t));
    rules->handlers =
        arena_calloc(&rules->arena, names * rules->machine_count + 1, sizeof(struct handler *));
    for (uint32_t i = 0; i < rules->machine_count; i++)
        add_machine(rules, i);
    number_counters(rules);
    name_counters(rules);
    rules->wants =
        (struct event_wants){rules->names, rules->name_count, rules->paths, rules->path_count};
}

const struct transitions *machine_handler_find(const struct handler *handler, uint32_t state)
{
    uint32_t low = 0, high = handler->by_state_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (handler->by_state[middle].state < state)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < handler->by_state_count && handler->by_state[low].state == state)
        return handler->by_state[low].transitions;
    return NULL;
}
