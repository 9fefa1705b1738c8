/* What can be said of a whole machine, and of all of them: mostly warnings, since it may be meant. */
#include <string.h>

#include "rules/machine_load.h"

/* ---- which states can be reached */

struct reach {
    const struct machine *machine;
    bool reached[MACHINE_STATES_MAX];
    uint32_t queue[MACHINE_STATES_MAX];
    uint32_t queue_count;
};

static void reach_state(struct reach *reach, uint32_t state)
{
    if (reach->reached[state])
        return;
    reach->reached[state] = true;
    reach->queue[reach->queue_count++] = state;
}

static bool is_constant(const struct expression *guard, bool holds)
{
    struct value constant;
    return guard->program && cel_program_constant(guard->program, &constant) &&
           constant.kind == VALUE_BOOL && constant.b == holds;
}

static bool never_holds(const struct transition *transition)
{
    return is_constant(&transition->guard, false);
}

bool load_always_holds(const struct transition *transition)
{
    return transition->guard.text.size == 0 || is_constant(&transition->guard, true);
}

static void reach_targets(struct reach *reach, struct transitions transitions)
{
    for (uint32_t i = 0; i < transitions.count; i++)
        if (transitions.items[i].has_target && !never_holds(&transitions.items[i]))
            reach_state(reach, transitions.items[i].target);
}

static void reach_from(struct reach *reach, const struct state *state)
{
    for (uint32_t i = 0; i < state->reaction_count; i++)
        reach_targets(reach, state->reactions[i].transitions);
    for (uint32_t i = 0; i < state->timer_count; i++)
        reach_targets(reach, state->timers[i].transitions);
    reach_targets(reach, state->always);
}

static bool has_target(struct transitions transitions, uint32_t state)
{
    for (uint32_t i = 0; i < transitions.count; i++)
        if (transitions.items[i].has_target && transitions.items[i].target == state)
            return true;
    return false;
}

static bool leads_to(const struct state *from, uint32_t state)
{
    for (uint32_t i = 0; i < from->reaction_count; i++)
        if (has_target(from->reactions[i].transitions, state))
            return true;
    for (uint32_t i = 0; i < from->timer_count; i++)
        if (has_target(from->timers[i].transitions, state))
            return true;
    return has_target(from->always, state);
}

/* Also by a transition whose guard never holds, and from states that can't be reached either. */
static bool is_target(const struct machine *machine, uint32_t state)
{
    for (uint32_t i = 0; i < machine->reaction_count; i++)
        if (has_target(machine->reactions[i].transitions, state))
            return true;
    for (uint32_t i = 0; i < machine->state_count; i++)
        if (leads_to(&machine->states[i], state))
            return true;
    return false;
}

static void check_reached(struct loader *loader)
{
    const struct machine *machine = loader->machine;
    struct reach reach = {.machine = machine};
    if (machine->state_count == 0)
        return;
    reach_state(&reach, machine->initial);
    for (uint32_t i = 0; i < machine->reaction_count; i++)
        reach_targets(&reach, machine->reactions[i].transitions);
    for (uint32_t i = 0; i < reach.queue_count; i++)
        reach_from(&reach, &machine->states[reach.queue[i]]);
    for (uint32_t i = 0; i < machine->state_count; i++)
        if (!reach.reached[i])
            diag_warning(loader->diag, machine->states[i].at,
                         "the state '%.*s' can't be reached: %s",
                         SLICE_ARGS(machine->states[i].name),
                         is_target(machine, i) ? "no way leads to it from the initial state"
                                               : "no transition has it as its target");
}

/* ---- timers that can't fire */

/* True where the state is left whenever these are looked at. */
static bool always_leaves(struct transitions transitions)
{
    for (uint32_t i = 0; i < transitions.count; i++) {
        if (!transitions.items[i].has_target)
            return false;
        if (load_always_holds(&transitions.items[i]))
            return true;
    }
    return false;
}

static void warn_of_timer(struct loader *loader, const struct timer *timer, const char *why)
{
    diag_warning(loader->diag, timer->at, "this timer can't fire: %s", why);
}

/* True where the state has always been left by `other` before `timer` could fire: an `after`, or an idle before an idle. */
static bool comes_before(const struct state *state, uint32_t other, uint32_t timer)
{
    const struct timer *a = &state->timers[other], *b = &state->timers[timer];
    if (a->kind == TIMER_AT || (a->kind == TIMER_IDLE && b->kind != TIMER_IDLE) ||
        !always_leaves(a->transitions))
        return false;
    return a->duration_ms < b->duration_ms || (a->duration_ms == b->duration_ms && other < timer);
}

static void check_timer(struct loader *loader, const struct state *state, uint32_t index)
{
    const struct timer *timer = &state->timers[index];
    int64_t forget_ms = loader->rules->forget_after_ms;
    if (always_leaves(state->always)) {
        warn_of_timer(loader, timer, "the state is always left on entering it");
        return;
    }
    if (timer->kind == TIMER_AT) {
        if (!loader->machine->variables[timer->variable].is_assigned)
            warn_of_timer(loader, timer, "nothing assigns a time to its variable");
        return;
    }
    if (timer->kind == TIMER_IDLE && forget_ms > 0 && timer->duration_ms > forget_ms) {
        warn_of_timer(loader, timer, "the customer is forgotten before (memory.forget_after)");
        return;
    }
    for (uint32_t i = 0; i < state->timer_count; i++)
        if (i != index && comes_before(state, i, index)) {
            warn_of_timer(loader, timer,
                          "the state has always been left by then, by another timer");
            return;
        }
}

static void check_timers(struct loader *loader)
{
    const struct machine *machine = loader->machine;
    for (uint32_t s = 0; s < machine->state_count; s++) {
        const struct state *state = &machine->states[s];
        for (uint32_t i = 0; i < state->timer_count; i++)
            check_timer(loader, state, i);
    }
}

void load_check_windows(struct loader *loader)
{
    const struct machine *machine = loader->machine;
    for (uint32_t i = 0; i < machine->variable_count; i++)
        if (machine->variables[i].is_counted && machine->variables[i].is_summed)
            diag_error(loader->diag, machine->variables[i].at,
                       "the window '%.*s' is both counted and summed: take one window for each",
                       SLICE_ARGS(machine->variables[i].name));
}

void load_check_machine(struct loader *loader)
{
    check_reached(loader);
    check_timers(loader);
}

/* ---- signals between machines */

static bool gives(const struct machine *machine, struct slice type)
{
    for (const struct emit *emit = machine->emits; emit; emit = emit->next)
        if (slice_equal(emit->type, type))
            return true;
    return false;
}

/* Only signals have a dot in their name: canonical events are snake_case. */
static void check_signal(struct loader *loader, uint32_t index, struct slice name,
                         struct diag_pos at)
{
    const struct rules *rules = loader->rules;
    if (!name.size || !memchr(name.data, '.', name.size))
        return;
    for (uint32_t i = 0; i < index; i++)
        if (gives(&rules->machines[i], name))
            return;
    for (uint32_t i = index; i < rules->machine_count; i++)
        if (gives(&rules->machines[i], name)) {
            diag_warning(loader->diag, at,
                         "the signal '%.*s' never arrives here: %s; machines see only what earlier "
                         "ones emit",
                         SLICE_ARGS(name),
                         i == index ? "this machine emits it itself" : "a later machine emits it");
            return;
        }
    diag_warning(loader->diag, at, "no earlier machine emits the signal '%.*s'", SLICE_ARGS(name));
}

void load_check_signals(struct loader *loader)
{
    for (uint32_t m = 0; m < loader->rules->machine_count; m++) {
        const struct machine *machine = &loader->rules->machines[m];
        for (uint32_t i = 0; i < machine->observation_count; i++)
            check_signal(loader, m, machine->observations[i].name, machine->observations[i].at);
        for (uint32_t i = 0; i < machine->reaction_count; i++)
            check_signal(loader, m, machine->reactions[i].name, machine->reactions[i].at);
        for (uint32_t s = 0; s < machine->state_count; s++)
            for (uint32_t i = 0; i < machine->states[s].reaction_count; i++)
                check_signal(loader, m, machine->states[s].reactions[i].name,
                             machine->states[s].reactions[i].at);
    }
}
