/* Actions: what changes the memory. One that fails leaves its variable as it was, and is counted. */
#include <math.h>
#include <string.h>

#include "core/number.h"
#include "core/utf8.h"
#include "rules/failures.h"
#include "rules/step.h"
#include "state/items.h"
#include "state/texts.h"
#include "state/window.h"

void step_failed(struct step *step, uint64_t *counter, uint32_t rule, struct slice message)
{
    (*counter)++;
    if (step->context->counters->failures)
        failures_add(step->context->counters->failures, rule, message);
}

/* What fails, or gives no bool, does not hold. */
bool step_guard(struct step *step, const struct expression *guard)
{
    if (!guard->program)
        return true;
    struct value value = cel_eval(guard->program, &step->activation);
    if (value.kind == VALUE_BOOL)
        return value.b;
    struct slice message =
        value.kind == VALUE_ERROR ? value_text(value) : SLICE("the guard gives no bool");
    step_failed(step, &step->context->counters->guard_errors, guard->rule, message);
    return false;
}

struct slice step_element(struct slice text)
{
    return utf8_cut(text, 128);
}

static void action_failed(struct step *step, uint32_t rule, struct slice message)
{
    step_failed(step, &step->context->counters->action_errors, rule, message);
}

/* ---- assign */

#define INT_LIMIT 9223372036854775808.0

/* Numbers in text are read where a number is expected. */
static struct value number_in(struct value value)
{
    struct number number;
    if (value.kind != VALUE_STRING || !number_parse(value_text(value), &number))
        return value;
    return number.is_int ? value_int(number.i) : value_double(number.d);
}

/* The value as the variable keeps it; false where it does not fit. */
static bool convert(const struct layout_variable *variable, struct value value,
                    struct value *converted)
{
    *converted = value;
    switch (variable->type) {
    case LAYOUT_BOOL:
        return value.kind == VALUE_BOOL;
    case LAYOUT_INT:
        *converted = number_in(value);
        if (value.kind == VALUE_UINT && value.u <= INT64_MAX)
            *converted = value_int((int64_t)value.u);
        return converted->kind == VALUE_INT;
    case LAYOUT_DOUBLE:
        value = number_in(value);
        if (value.kind != VALUE_DOUBLE && value.kind != VALUE_INT && value.kind != VALUE_UINT)
            return false;
        *converted = value_double(0);
        return step_number(value, &converted->d);
    case LAYOUT_STRING:
        return value.kind == VALUE_STRING;
    case LAYOUT_TIMESTAMP:
        return value.kind == VALUE_TIMESTAMP || value.kind == VALUE_NULL;
    case LAYOUT_LINE_ITEMS:
    case LAYOUT_SET:
    case LAYOUT_COUNTER:
    case LAYOUT_WINDOW:
        break;
    }
    return false;
}

static void store(struct step *step, uint32_t index, struct value value)
{
    const struct layout_variable *variable = &step->layout->variables[index];
    union customer_slot *slot = &step->slots[index];
    step_save(step, index);
    switch (variable->type) {
    case LAYOUT_BOOL:
        slot->b = value.b;
        return;
    case LAYOUT_INT:
        slot->i = value.i;
        return;
    case LAYOUT_DOUBLE:
        slot->d = value.d;
        return;
    case LAYOUT_STRING:
        customer_string_set(slot, value_text(value), variable->max);
        return;
    case LAYOUT_TIMESTAMP:
        slot->i = value.kind == VALUE_NULL ? CUSTOMER_NO_TIME : value_timestamp_to_ms(value);
        step_arm_at(step, index);
        return;
    case LAYOUT_LINE_ITEMS:
    case LAYOUT_SET:
    case LAYOUT_COUNTER:
    case LAYOUT_WINDOW:
        return;
    }
}

/* All of one `assign` see the values before it; so texts of the record are copied before any is replaced. */
static void assign(struct step *step, const struct action *action)
{
    struct arena *arena = step->context->arena;
    struct value *values = arena_alloc(arena, (action->assignment_count + 1) * sizeof(*values));
    for (uint32_t i = 0; i < action->assignment_count; i++) {
        const struct assignment *assignment = &action->assignments[i];
        struct value value = cel_eval(assignment->expression.program, &step->activation);
        const struct layout_variable *variable = &step->layout->variables[assignment->variable];
        if (!convert(variable, value, &values[i])) {
            action_failed(step, assignment->expression.rule,
                          value.kind == VALUE_ERROR
                              ? value_text(value)
                              : SLICE("the value is not of the variable's type"));
            values[i] = (struct value){.kind = VALUE_ABSENT};
        }
        if (values[i].kind == VALUE_STRING)
            values[i] = value_string(arena_copy(arena, value_text(values[i])));
    }
    for (uint32_t i = 0; i < action->assignment_count; i++)
        if (values[i].kind != VALUE_ABSENT)
            store(step, action->assignments[i].variable, values[i]);
}

/* ---- count, sum, add */

static void count_window(struct step *step, const struct action *action)
{
    const struct layout_variable *variable = &step->layout->variables[action->variable];
    step_save(step, action->variable);
    if (!window_add_count(&step->slots[action->variable].window, variable->max, variable->bucket_ms,
                          step_event_time(step), step->now_ms))
        step->context->counters->overflows++;
}

static void sum_window(struct step *step, const struct action *action, struct value value)
{
    const struct layout_variable *variable = &step->layout->variables[action->variable];
    double amount = 0;
    if (!step_number(value, &amount) || !isfinite(amount)) {
        action_failed(step, action->rule, SLICE("'sum' takes a finite number"));
        return;
    }
    step_save(step, action->variable);
    if (!window_add_sum(&step->slots[action->variable].window, variable->max, variable->bucket_ms,
                        step_event_time(step), step->now_ms, amount))
        step->context->counters->overflows++;
}

static void note(struct step *step, uint32_t variable, struct slice text, enum texts_added added)
{
    if (added == TEXTS_FULL)
        step->context->counters->overflows++;
    else
        step_touch(step, variable, text);
}

/* A text that lies in the variable itself would go with it when it grows. */
static struct slice kept(struct step *step, uint32_t variable, struct slice text)
{
    return texts_hold(step->slots[variable].texts, text) ? arena_copy(step->context->arena, text)
                                                         : text;
}

static void count_key(struct step *step, const struct action *action, struct value value)
{
    if (value.kind != VALUE_STRING) {
        action_failed(step, action->rule, SLICE("'count' takes a text"));
        return;
    }
    struct slice key = kept(step, action->variable, step_element(value_text(value)));
    if (key.size == 0)
        return;
    uint32_t max = step->layout->variables[action->variable].max;
    note(step, action->variable, key,
         texts_count_up(&step->slots[action->variable].texts, key, max));
}

static void add_text(struct step *step, uint32_t variable, struct slice text)
{
    if (text.size == 0)
        return;
    uint32_t max = step->layout->variables[variable].max;
    enum texts_added added = texts_add(&step->slots[variable].texts, text, max);
    if (added != TEXTS_THERE)
        note(step, variable, text, added);
}

/* All of them first, since the list may be the variable itself, and in any case hold texts of it. NULL: not all are texts. */
static struct slice *texts_of_list(struct step *step, uint32_t variable, struct value list,
                                   size_t *count)
{
    struct step_list cursor = step_list_of(list);
    struct slice *texts = arena_alloc(step->context->arena, (cursor.count + 1) * sizeof *texts);
    struct value element;
    *count = 0;
    while (step_list_next(step, &cursor, &element)) {
        if (element.kind != VALUE_STRING)
            return NULL;
        texts[(*count)++] = kept(step, variable, step_element(value_text(element)));
    }
    return texts;
}

/* A list of one text, as that of an event's product most often is, is the text. */
static struct value only_text(struct value value)
{
    bool is_one = value.kind == VALUE_LIST && value.rep == VALUE_REP_ITEMS && value.size == 1;
    return is_one && value.items->kind == VALUE_STRING ? *value.items : value;
}

static void add(struct step *step, const struct action *action, struct value value)
{
    uint32_t variable = action->variable;
    struct slice *texts = NULL;
    size_t count = 0;
    value = only_text(value);
    if (value.kind == VALUE_STRING) {
        add_text(step, variable, kept(step, variable, step_element(value_text(value))));
        return;
    }
    if (value.kind == VALUE_LIST)
        texts = texts_of_list(step, variable, value, &count);
    if (!texts) {
        action_failed(step, action->rule, SLICE("'add' takes a text or a list of texts"));
        return;
    }
    for (size_t i = 0; i < count; i++)
        add_text(step, variable, texts[i]);
}

/* ---- all of them */

static void clear(struct step *step, uint32_t variable)
{
    step_remove_all(step, variable);
    customer_clear(&step->layout->variables[variable], &step->slots[variable]);
}

/* count, sum and add take a value; one that fails leaves the variable. */
static void apply_value(struct step *step, const struct action *action)
{
    struct value value = cel_eval(action->expression.program, &step->activation);
    if (value.kind == VALUE_ERROR)
        action_failed(step, action->expression.rule, value_text(value));
    else if (action->verb == VERB_COUNT_KEY)
        count_key(step, action, value);
    else if (action->verb == VERB_SUM)
        sum_window(step, action, value);
    else
        add(step, action, value);
}

static void apply(struct step *step, const struct action *action)
{
    switch (action->verb) {
    case VERB_ASSIGN:
        assign(step, action);
        return;
    case VERB_COUNT_WINDOW:
        count_window(step, action);
        return;
    case VERB_COUNT_KEY:
    case VERB_SUM:
    case VERB_ADD:
        apply_value(step, action);
        return;
    case VERB_ADD_ITEM:
    case VERB_REMOVE_ITEM:
    case VERB_SET_ITEMS:
        step_items(step, action);
        return;
    case VERB_CLEAR:
        clear(step, action->variable);
        return;
    case VERB_EMIT:
        step_emit(step, action->emit, 0);
        return;
    }
}

void step_actions(struct step *step, const struct actions *actions)
{
    for (uint32_t b = 0; b < actions->block_count; b++) {
        const struct action_block *block = &actions->blocks[b];
        if (!step_guard(step, &block->guard))
            continue;
        for (uint32_t i = 0; i < block->action_count; i++)
            apply(step, &block->actions[i]);
    }
}
