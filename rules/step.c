/* The step: section 5 of the design, for one customer. */
#include "rules/step.h"

#include "core/check.h"
#include "core/hash.h"

/*
 * Field by field: clearing the whole struct, with its copy of a signal, would cost more than what most events do. The rest is set
 * where a machine, an input, a timer begins.
 */
static void step_begin(struct step *step, struct rules_context *context, struct customer *customer)
{
    const struct rules *rules = context->rules;
    step->activation.load = step_load;
    step->activation.select = step_select;
    step->activation.self = step;
    step->activation.arena = context->arena;
    step->context = context;
    step->rules = rules;
    step->customer = customer;
    step->rearmed = 0;
    step->event = NULL;
}

/* ---- beginning and end of a record */

/* All machines are in their initial states: nothing is asked of the record. */
void rules_begin(struct rules_context *context, struct customer *customer)
{
    const struct rules *rules = context->rules;
    for (uint32_t m = 0; context->stats && m < rules->machine_count; m++)
        context->stats->states[rules->initial_counters[m]]++;
    customer->armed = rules->initial_timers;
    customer->deadline_ms = rules_deadline(rules, customer);
}

static void uncount_states(struct rules_context *context, const struct customer *customer)
{
    if (!context->stats)
        return;
    const struct rules *rules = context->rules;
    for (uint32_t m = 0; m < rules->machine_count; m++) {
        uint32_t state = customer_machine_now(&rules->layout, customer, m).state;
        context->stats->states[rules_stats_state(rules, m, state)]--;
    }
}

static void forget(struct rules_context *context, struct customer *customer)
{
    uncount_states(context, customer);
    customer->flags |= CUSTOMER_GONE;
    customer->deadline_ms = CUSTOMER_NEVER;
}

static bool is_gone(const struct customer *customer)
{
    return (customer->flags & CUSTOMER_GONE) != 0;
}

/* ---- timers */

static void fire(struct step *step, struct due due)
{
    struct customer *customer = step->customer;
    if (due.deadline_ms > customer->clock_ms)
        customer->clock_ms = due.deadline_ms;
    if (due.machine == STEP_FORGET) {
        forget(step->context, customer);
        return;
    }
    const struct rules *rules = step->rules;
    const struct customer_machine *at = customer_machine(&rules->layout, customer, due.machine);
    const struct timer *timer = &rules->machines[due.machine].states[at->state].timers[due.timer];
    *customer_timer_words(&rules->layout, customer, due.machine) |= UINT64_C(1) << due.timer;
    customer->flags &= (uint8_t)~STEP_NO_IDLE_SPENT;
    step->now_ms = due.deadline_ms;
    step->event = NULL;
    step->timer_machine = due.machine;
    step->timer_deadline_ms = due.deadline_ms;
    step->timer_is_idle = timer->kind == TIMER_IDLE;
    customer_fired_trim(&rules->layout, customer, due.deadline_ms);
    step->first_signal = step->context->signals->count;
    step_run(step, UINT64_C(1) << due.machine, STEP_TIMER, &timer->transitions);
}

/* By deadline, then by machine, then in the order of the file. True where some are left over. */
static bool fire_due(struct step *step, int64_t until_ms, uint32_t most, uint32_t *fired)
{
    struct due due = step_first_due(step->rules, step->customer);
    for (*fired = 0; due.deadline_ms <= until_ms && due.deadline_ms != CUSTOMER_NEVER; (*fired)++) {
        if (*fired == most) {
            step->context->counters->timer_overflows++;
            step->customer->deadline_ms = due.deadline_ms;
            return true;
        }
        fire(step, due);
        if (is_gone(step->customer))
            return false;
        due = step_first_due(step->rules, step->customer);
    }
    step->customer->deadline_ms = due.deadline_ms;
    return false;
}

bool rules_step_timers(struct rules_context *context, struct customer *customer, int64_t until_ms)
{
    uint32_t most = context->timers_max ? context->timers_max : RULES_TIMERS_MAX;
    struct step step;
    step_begin(&step, context, customer);
    return fire_due(&step, until_ms, most, &context->timers_fired);
}

/* ---- events */

/* The customer's next event arms idle timers anew, late or not. */
static void arm_idle(struct step *step)
{
    const struct rules *rules = step->rules;
    if (step->customer->flags & STEP_NO_IDLE_SPENT)
        return;
    step->customer->flags |= STEP_NO_IDLE_SPENT;
    for (uint64_t left = rules->idle_machines; left; left &= left - 1) {
        uint32_t m = (uint32_t)__builtin_ctzll(left);
        uint64_t *spent = customer_timer_words(&rules->layout, step->customer, m);
        if (!spent)
            continue;
        uint32_t state = customer_machine_now(&rules->layout, step->customer, m).state;
        uint64_t idle = rules->machines[m].states[state].idle_mask;
        if (*spent & idle) {
            *spent &= ~idle;
            step_rearmed(step, m);
        }
    }
}

/*
 * The earliest deadline as a lower bound: an event moves idle timers only further away, so only the machines whose timers
 * were armed are looked at. What comes too early finds nothing due, and then knows exactly.
 */
static void lower_deadline(struct step *step)
{
    for (uint64_t left = step->rearmed; left; left &= left - 1) {
        uint32_t m = (uint32_t)__builtin_ctzll(left);
        int64_t deadline_ms = step_machine_deadline(step->rules, step->customer, m);
        if (deadline_ms < step->customer->deadline_ms)
            step->customer->deadline_ms = deadline_ms;
    }
}

/* The record keeps the hash of the last order that had an id, whatever the machines. */
static void remember_order(struct customer *customer, const struct event *event,
                           const struct rules *rules)
{
    if (event->name_id != rules->order_completed)
        return;
    struct value id = event->slots[rules->slot_order_id];
    if (id.kind == VALUE_STRING && id.size > 0)
        customer->order_hash = hash_bytes(value_text(id));
}

/* The timers due at or before the event. The last of them may have been that the customer is forgotten. */
static void fire_before(struct step *step, const struct event *event)
{
    uint32_t fired;
    if (event->late || step->customer->deadline_ms > event->time_ms)
        return;
    if (fire_due(step, event->time_ms, RULES_TIMERS_MAX, &fired))
        step->context->counters->event_overflows++;
}

/* Heard from again in the very event that found it forgotten: a new record, which knows this event's id. */
static void restart(struct step *step, const struct event *event)
{
    struct customer *customer = step->customer;
    customer_restart(&step->rules->layout, customer, event->time_ms);
    customer->flags &= (uint8_t)~CUSTOMER_GONE;
    if (event->has_id)
        customer_add_id(customer, event->id_hash);
    rules_begin(step->context, customer);
}

static void apply_event(struct step *step, const struct event *event)
{
    struct customer *customer = step->customer;
    if (event->time_ms > customer->clock_ms)
        customer->clock_ms = event->time_ms;
    if (event->time_ms > customer->last_seen_ms)
        customer->last_seen_ms = event->time_ms;
    step->now_ms = customer->clock_ms;
    step->event = event;
    step->first_signal = step->context->signals->count;
    arm_idle(step);
    step_run(step, step->rules->event_machines[event->name_id], STEP_EVENT, NULL);
    remember_order(customer, event, step->rules);
    lower_deadline(step);
}

void rules_step_event(struct rules_context *context, struct customer *customer, struct event *event)
{
    CHECK(!is_gone(customer));
    struct step step;
    step_begin(&step, context, customer);
    event->late = event->time_ms < customer->clock_ms;
    fire_before(&step, event);
    bool is_forgotten = event->name_id == context->rules->customer_forgotten;
    if (is_gone(customer) && !is_forgotten)
        restart(&step, event);
    if (is_forgotten) {
        if (!is_gone(customer))
            forget(context, customer);
        return;
    }
    apply_event(&step, event);
}
