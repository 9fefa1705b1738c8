/* Signals: their data is packed where they are given, since the memory goes on changing. */
#include "core/json.h"
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

/* Where a signal's data goes. */
struct data_out {
    struct buf *buf;
    bool as_json;
};

/* A field that fails is null and counted. */
static void add_field(struct step *step, const struct field *field, struct data_out *out)
{
    struct value value = cel_eval(field->expression.program, &step->activation);
    if (value.kind == VALUE_ERROR) {
        step_failed(step, &step->context->counters->data_errors, field->expression.rule,
                    value_text(value));
        value = value_null();
    }
    bool written = out->as_json ? cel_to_data_json(&step->activation, value, out->buf)
                                : cel_to_msgpack(&step->activation, value, out->buf);
    if (!written)
        step_failed(step, &step->context->counters->data_errors, field->expression.rule,
                    SLICE("the value can't be written: an error in it, or too many levels"));
}

static void add_name(struct slice name, struct slice json_key, bool is_first, struct data_out *out)
{
    if (!out->as_json) {
        pack_add_text(out->buf, name);
        return;
    }
    if (!is_first)
        buf_add_char(out->buf, ',');
    buf_add_slice(out->buf, json_key);
}

static void add_data(struct step *step, const struct emit *emit, int64_t time_in_state_ms,
                     struct data_out *out)
{
    struct buf *buf = out->buf;
    out->as_json ? buf_add_char(buf, '{')
                 : pack_add_map(buf, emit->field_count + (emit->has_time_in_state ? 1u : 0u));
    for (uint32_t i = 0; i < emit->field_count; i++) {
        add_name(emit->fields[i].name, emit->fields[i].json_key, i == 0, out);
        add_field(step, &emit->fields[i], out);
    }
    if (emit->has_time_in_state) {
        add_name(SLICE("time_in_state"), SLICE("\"time_in_state\":"), emit->field_count == 0, out);
        out->as_json ? json_add_int(buf, time_in_state_ms) : pack_add_int(buf, time_in_state_ms);
    }
    if (out->as_json)
        buf_add_char(buf, '}');
}

/* A machine that sees the signal as an event reads msgpack. */
static void set_data(struct step *step, const struct emit *emit, int64_t time_in_state_ms,
                     struct signal *signal)
{
    struct signal_list *signals = step->context->signals;
    struct data_out out = {
        .buf = &signals->packing,
        .as_json = signals->data_as_json && step->rules->signal_machines[emit->name_id] == 0,
    };
    buf_reset(out.buf);
    add_data(step, emit, time_in_state_ms, &out);
    signal->data_is_json = out.as_json;
    signal->data = arena_copy(step->context->arena, buf_slice(out.buf));
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
    struct signal *signal = signal_list_add(step->context->signals);
    set_data(step, emit, time_in_state_ms, signal);
    signal->type = emit->type;
    signal->name_id = emit->name_id;
    signal->customer = arena_copy(arena, customer_key(&rules->layout, step->customer));
    signal->time_ms = step->now_ms;
    signal->machine = step->machine->name;
    signal->from = step->machine->states[step->from].name;
    signal->to = step->machine->states[step->to].name;
    signal->cause = cause_of(step);
    if (!step->event) {
        signal->is_timer = true;
        signal->timer_machine = rules->machines[step->timer_machine].name;
        signal->deadline_ms = step->timer_deadline_ms;
        signal->rank = customer_fired_rank(step->customer, step->timer_machine,
                                           step->timer_deadline_ms, step->timer_is_idle);
    }
    if (emit->sent_variable >= 0)
        step->slots[emit->sent_variable].i = step->now_ms;
    /* Those behind this machine that listen to it still have something to do. */
    step->pending |= rules->signal_machines[emit->name_id] & ~((UINT64_C(2) << step->index) - 1);
}
