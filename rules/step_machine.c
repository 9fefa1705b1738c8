/*
 * One machine, one input: observe, a transition, then `always`.
 *
 * Order, also of signals: `observe`, the transition's `emit`, exit actions, actions, the `emit_transitions` signal, entry
 * actions, then `always`.
 */
#include "rules/step.h"

static uint32_t current_state(const struct step *step)
{
    return step->at->state;
}

static void count_transition(struct step *step)
{
    const struct rules_stats *stats = step->context->stats;
    if (!stats)
        return;
    stats->states[rules_stats_state(step->rules, step->index, step->from)]--;
    stats->states[rules_stats_state(step->rules, step->index, step->to)]++;
    stats->transitions[rules_stats_transition(step->rules, step->index, step->from, step->to)]++;
}

static void enter(struct step *step)
{
    const struct machine *machine = step->machine;
    int64_t time_in_state_ms = step->now_ms - step->at->entered_ms;
    step->at->state = (uint16_t)step->to;
    step->at->entered_ms = step->now_ms;
    step_arm(step);
    count_transition(step);
    if (machine->emit_transitions && step->from != step->to)
        step_emit(step, machine->emit_transitions, time_in_state_ms);
    step_actions(step, &machine->states[step->to].entry);
}

static void take(struct step *step, const struct transition *transition)
{
    step->from = current_state(step);
    step->to = transition->has_target ? transition->target : step->from;
    if (transition->emit)
        step_emit(step, transition->emit, 0);
    if (transition->has_target)
        step_actions(step, &step->machine->states[step->from].exit);
    step_actions(step, &transition->actions);
    if (transition->has_target)
        enter(step);
}

/* The first whose guard holds, NULL where there is none. */
static const struct transition *choose(struct step *step, const struct transitions *transitions)
{
    for (uint32_t i = 0; i < transitions->count; i++)
        if (step_guard(step, &transitions->items[i].guard))
            return &transitions->items[i];
    return NULL;
}

static void take_first(struct step *step, const struct transitions *transitions)
{
    const struct transition *transition = choose(step, transitions);
    if (transition)
        take(step, transition);
}

/*
 * Looked at on entering a state and after each input that was looked at: one loop is both, since nothing changes between
 * them. One without a target ends the step.
 */
static void run_always(struct step *step)
{
    for (uint32_t taken = 0;; taken++) {
        const struct transitions *always = &step->machine->states[current_state(step)].always;
        step->from = step->to = current_state(step);
        const struct transition *transition = choose(step, always);
        if (!transition)
            return;
        if (taken == RULES_CHAIN_MAX) {
            step_failed(step, &step->context->counters->chain_overflows, transition->rule,
                        SLICE("a chain of more than 16 'always' transitions stops here"));
            return;
        }
        take(step, transition);
        if (!transition->has_target)
            return;
    }
}

/* The state's name, the state's '*', the machine's name, the machine's '*': the first that exists. */
static const struct transitions *find_transitions(const struct step *step,
                                                  const struct handler *handler)
{
    const struct transitions *found = NULL;
    bool is_event = step->input == STEP_EVENT; /* '*' is for events only */
    if (handler)
        found = machine_handler_find(handler, current_state(step));
    if (!found && is_event)
        found = step->machine->states[current_state(step)].any;
    if (!found && handler)
        found = handler->machine_on;
    if (!found && is_event)
        found = step->machine->any;
    return found;
}

static void begin_input(struct step *step, enum step_input input)
{
    step->input = input;
    step->changes = NULL;
    step->from = step->to = current_state(step);
}

/* What `observe` says comes before the transition is known: its signals lead to where that does. */
static void lead_observed(struct step *step, size_t first, const struct transition *transition)
{
    struct signal_list *signals = step->context->signals;
    if (!transition->has_target)
        return;
    for (size_t i = first; i < signals->count; i++)
        signals->items[i].to = step->machine->states[transition->target].name;
}

static void handle_named(struct step *step, uint32_t name_id)
{
    const struct handler *handler =
        step->rules->handlers[(size_t)name_id * step->rules->machine_count + step->index];
    size_t first = step->context->signals->count;
    if (handler && handler->observe)
        step_actions(step, handler->observe);
    const struct transitions *transitions = find_transitions(step, handler);
    const struct transition *transition = transitions ? choose(step, transitions) : NULL;
    if (transition) {
        lead_observed(step, first, transition);
        take(step, transition);
    }
    if (transitions || (handler && handler->observe))
        run_always(step);
}

/* Those of the machines before it: all that were there when its turn came. */
static void handle_signals(struct step *step, size_t end)
{
    uint64_t bit = UINT64_C(1) << step->index;
    for (size_t i = step->first_signal; i < end; i++) {
        uint32_t name_id = step->context->signals->items[i].name_id;
        if (!(step->rules->signal_machines[name_id] & bit) || name_id == 0)
            continue;
        step->signal = step->context->signals->items[i];
        step->signal_value = (struct slice){NULL, 0};
        begin_input(step, STEP_SIGNAL);
        handle_named(step, name_id);
    }
}

static void begin_machine(struct step *step, uint32_t index)
{
    step->index = index;
    step->machine = &step->rules->machines[index];
    step->layout = &step->rules->layout.machines[index];
    step->at = customer_machine(&step->rules->layout, step->customer, index);
    step->slots = customer_slots(&step->rules->layout, step->customer, index);
}

void step_run(struct step *step, uint64_t mask, enum step_input input,
              const struct transitions *timer)
{
    step->pending = mask;
    while (step->pending) {
        uint32_t index = (uint32_t)__builtin_ctzll(step->pending);
        size_t signals_before = step->context->signals->count;
        step->pending &= step->pending - 1;
        begin_machine(step, index);
        if (mask >> index & 1) {
            begin_input(step, input);
            if (input == STEP_TIMER) {
                take_first(step, timer);
                run_always(step);
            } else {
                handle_named(step, step->event->name_id);
            }
        }
        handle_signals(step, signals_before);
    }
}
