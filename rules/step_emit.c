/* Signals: their data is packed where they are given, since the memory goes on changing. */
#include "core/pack.h"
#include "rules/step.h"

/* "Suppressed while less than that has passed": since the last one of this type that was sent. */
static bool is_suppressed(const struct step *step, const struct emit *emit)
{
    if (emit->cooldown_ms == 0 || emit->sent_variable < 0)
        return false;
    int64_t sent_ms = step->slots[emit->sent_variable].i;
    return sent_ms != CUSTOMER_NO_TIME && step->now_ms - sent_ms < emit->cooldown_ms;
}

/* A field that fails is null and counted. */
static void pack_field(struct step *step, const struct field *field, struct buf *out)
{
    struct value value = cel_eval(field->expression.program, &step->activation);
    if (value.kind == VALUE_ERROR) {
        step_failed(step, &step->context->counters->data_errors, field->expression.rule,
                    value_text(value));
        value = value_null();
    }
    if (!cel_to_msgpack(&step->activation, value, out))
        step_failed(step, &step->context->counters->data_errors, field->expression.rule,
                    SLICE("the value can't be written: an error in it, or too many levels"));
}

static struct slice pack_data(struct step *step, const struct emit *emit, int64_t time_in_state_ms)
{
    struct buf *out = &step->context->signals->packing;
    buf_reset(out);
    pack_add_map(out, emit->field_count + (emit->has_time_in_state ? 1u : 0u));
    for (uint32_t i = 0; i < emit->field_count; i++) {
        pack_add_text(out, emit->fields[i].name);
        pack_field(step, &emit->fields[i], out);
    }
    if (emit->has_time_in_state) {
        pack_add_text(out, SLICE("time_in_state"));
        pack_add_int(out, time_in_state_ms);
    }
    return arena_copy(step->context->arena, buf_slice(out));
}

/* Signals outlive the message: what lies in it or in the record is copied. */
static struct slice cause_of(struct step *step)
{
    if (step->input == STEP_EVENT && step->event->name_id)
        return step->rules->names[step->event->name_id - 1];
    if (step->input == STEP_EVENT)
        return arena_copy(step->context->arena, step->event->name);
    return step_event_name(step);
}

void step_emit(struct step *step, const struct emit *emit, int64_t time_in_state_ms)
{
    if (!step_guard(step, &emit->guard))
        return;
    if (is_suppressed(step, emit)) {
        step->context->counters->cooldown_suppressed++;
        return;
    }
    const struct rules *rules = step->rules;
    struct arena *arena = step->context->arena;
    struct slice data = pack_data(step, emit, time_in_state_ms);
    struct signal *signal = signal_list_add(step->context->signals);
    signal->type = emit->type;
    signal->name_id = emit->name_id;
    signal->customer = arena_copy(arena, customer_key(&rules->layout, step->customer));
    signal->time_ms = step->now_ms;
    signal->machine = step->machine->name;
    signal->from = step->machine->states[step->from].name;
    signal->to = step->machine->states[step->to].name;
    signal->cause = cause_of(step);
    signal->data = data;
    if (!step->event) {
        signal->is_timer = true;
        signal->timer_machine = rules->machines[step->timer_machine].name;
        signal->deadline_ms = step->timer_deadline_ms;
        signal->rank = customer_fired_rank(&rules->layout, step->customer, step->timer_machine,
                                           step->timer_deadline_ms);
    }
    if (emit->sent_variable >= 0)
        step->slots[emit->sent_variable].i = step->now_ms;
    /* Those behind this machine that listen to it still have something to do. */
    step->pending |= rules->signal_machines[emit->name_id] & ~((UINT64_C(2) << step->index) - 1);
}
