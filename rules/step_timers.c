/*
 * Timers. A deadline is not stored: it follows from when the state was entered, when the customer was last heard from, or
 * what a variable holds; the record keeps a bit for each timer of the state that has been looked at (or is not armed).
 */
#include "rules/step.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Sums stay far from the ends: times are of years 1 to 9999, durations at most MACHINE_DURATION_MAX_MS. */
static int64_t timer_deadline(const struct rules *rules, const struct customer *customer,
                              uint32_t machine, int64_t entered_ms, const struct timer *timer)
{
    switch (timer->kind) {
    case TIMER_AFTER:
        return entered_ms + timer->duration_ms;
    case TIMER_IDLE:
        return later(customer->last_seen_ms, entered_ms) + timer->duration_ms;
    case TIMER_AT:
        break;
    }
    const union customer_slot *slots = customer_slots(&rules->layout, customer, machine);
    int64_t at_ms = slots ? slots[timer->variable].i : CUSTOMER_NO_TIME;
    return at_ms == CUSTOMER_NO_TIME ? CUSTOMER_NEVER : at_ms;
}

static int64_t forget_deadline(const struct rules *rules, const struct customer *customer)
{
    if (rules->forget_after_ms == 0)
        return CUSTOMER_NEVER;
    return customer->last_seen_ms + rules->forget_after_ms;
}

/*
 * Where it is earlier than what was found: machines are gone through in order, so of equals the first stays. False where
 * the machine's state has no timer, or all are spent.
 */
static bool find_earlier(const struct rules *rules, const struct customer *customer,
                         uint32_t machine, struct due *due)
{
    struct customer_machine at = customer_machine_now(&rules->layout, customer, machine);
    const struct state *state = &rules->machines[machine].states[at.state];
    if (state->timer_count == 0)
        return false;
    const uint64_t *words = customer_timer_words(&rules->layout, customer, machine);
    uint64_t spent = words ? *words : 0;
    bool is_armed = false;
    for (uint32_t i = 0; i < state->timer_count; i++) {
        if (spent >> i & 1)
            continue;
        is_armed = true;
        int64_t deadline_ms =
            timer_deadline(rules, customer, machine, at.entered_ms, &state->timers[i]);
        if (deadline_ms < due->deadline_ms)
            *due = (struct due){deadline_ms, machine, i};
    }
    return is_armed;
}

struct due step_first_due(const struct rules *rules, struct customer *customer)
{
    struct due due = {CUSTOMER_NEVER, STEP_FORGET, 0};
    customer->armed &= rules->timer_machines;
    for (uint64_t left = customer->armed; left; left &= left - 1)
        if (!find_earlier(rules, customer, (uint32_t)__builtin_ctzll(left), &due))
            customer->armed &= ~(left & -left);
    int64_t forget_ms = forget_deadline(rules, customer);
    if (forget_ms < due.deadline_ms)
        due = (struct due){forget_ms, STEP_FORGET, 0};
    return due;
}

int64_t step_machine_deadline(const struct rules *rules, const struct customer *customer,
                              uint32_t machine)
{
    struct due due = {CUSTOMER_NEVER, STEP_FORGET, 0};
    find_earlier(rules, customer, machine, &due);
    return due.deadline_ms;
}

int64_t rules_deadline(const struct rules *rules, struct customer *customer)
{
    return step_first_due(rules, customer).deadline_ms;
}

/* ---- arming */

static bool is_to_come(const struct step *step, uint32_t variable)
{
    int64_t at_ms = step->slots[variable].i;
    return at_ms != CUSTOMER_NO_TIME && at_ms > step->customer->clock_ms;
}

/* `at`: armed while the time is later than the clock. Where it is not, it counts as spent. */
static void arm_at(struct step *step, const struct state *state, uint32_t timer, uint64_t *spent)
{
    uint64_t bit = UINT64_C(1) << timer;
    if (is_to_come(step, state->timers[timer].variable))
        *spent &= ~bit;
    else
        *spent |= bit;
}

void step_arm(struct step *step)
{
    if (!step->machine->has_timers)
        return;
    const struct state *state = &step->machine->states[step->at->state];
    uint64_t *spent = customer_timer_words(&step->rules->layout, step->customer, step->index);
    *spent = 0;
    for (uint64_t left = state->at_mask; left; left &= left - 1)
        arm_at(step, state, (uint32_t)__builtin_ctzll(left), spent);
    step_rearmed(step, step->index);
}

void step_arm_at(struct step *step, uint32_t variable)
{
    const struct state *state = &step->machine->states[step->at->state];
    for (uint64_t left = state->at_mask; left; left &= left - 1) {
        uint32_t timer = (uint32_t)__builtin_ctzll(left);
        if (state->timers[timer].variable != variable)
            continue;
        arm_at(step, state, timer,
               customer_timer_words(&step->rules->layout, step->customer, step->index));
        step_rearmed(step, step->index);
    }
}
