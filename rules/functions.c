/* The functions of our own (DESIGN section 4). */
#include <string.h>

#include "core/datetime.h"
#include "core/hash.h"
#include "core/number.h"
#include "rules/functions_date.h"
#include "rules/step.h"
#include "state/items.h"
#include "state/texts.h"

/* ---- get(PATH, default): never an error */

static bool is_empty(struct value value)
{
    return value.kind == VALUE_ABSENT || value.kind == VALUE_NULL || value.kind == VALUE_ERROR ||
           (value.kind == VALUE_STRING && value.size == 0);
}

#define INT_LIMIT 9223372036854775808.0 /* 2^63, the first double that no int is */

static bool read_int(struct value value, int64_t *result)
{
    struct number number;
    switch ((enum value_kind)value.kind) {
    case VALUE_INT:
        *result = value.i;
        return true;
    case VALUE_UINT:
        *result = (int64_t)value.u;
        return value.u <= INT64_MAX;
    case VALUE_DOUBLE:
        break;
    case VALUE_STRING:
        if (!number_parse(value_text(value), &number))
            return false;
        if (number.is_int) {
            *result = number.i;
            return true;
        }
        value = value_double(number.d);
        break;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_TYPE:
    case VALUE_ERROR:
        return false;
    }
    /* A whole number that came as a double (JSON knows no other). */
    if (!(value.d >= -INT_LIMIT && value.d < INT_LIMIT))
        return false;
    *result = (int64_t)value.d;
    return (double)*result == value.d;
}

static bool read_text(struct value *value, struct arena *arena)
{
    char digits[32];
    int size;
    if (value->kind == VALUE_STRING)
        return true;
    if (value->kind == VALUE_INT)
        size = number_format_int(value->i, digits);
    else if (value->kind == VALUE_UINT)
        size = number_format_uint(value->u, digits);
    else
        return false;
    *value = value_string(arena_copy(arena, (struct slice){digits, (size_t)size}));
    return true;
}

static bool read_timestamp(struct value *value)
{
    int64_t seconds;
    uint32_t nanos;
    if (value->kind == VALUE_TIMESTAMP)
        return true;
    if (value->kind != VALUE_STRING || !datetime_parse(value_text(*value), &seconds, &nanos))
        return false;
    *value = (struct value){.kind = VALUE_TIMESTAMP, .size = nanos, .i = seconds};
    return true;
}

/* True where the value can be read as the kind; it then is of it. */
static bool read_as(struct value *value, enum value_kind kind, struct arena *arena)
{
    int64_t i;
    double d;
    switch (kind) {
    case VALUE_INT:
        if (!read_int(*value, &i))
            return false;
        *value = value_int(i);
        return true;
    case VALUE_UINT:
        if (value->kind == VALUE_UINT)
            return true;
        if (!read_int(*value, &i) || i < 0)
            return false;
        *value = (struct value){.kind = VALUE_UINT, .u = (uint64_t)i};
        return true;
    case VALUE_DOUBLE:
        if (!step_number(*value, &d))
            return false;
        *value = value_double(d);
        return true;
    case VALUE_STRING:
        return read_text(value, arena);
    case VALUE_TIMESTAMP:
        return read_timestamp(value);
    case VALUE_NULL:
        return true; /* of no type: the value as it is */
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_DURATION:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_TYPE:
    case VALUE_ABSENT:
    case VALUE_ERROR:
        break;
    }
    return value->kind == kind;
}

static struct value call_get(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    (void)count;
    struct value value = cel_argument(activation, arguments[0]);
    if (is_empty(value) || !read_as(&value, (enum value_kind)arguments[1].kind, activation->arena))
        return arguments[1];
    return value;
}

/* ---- of variables */

/* The variable of a reference, NULL where it is none, or of another type. */
static const struct layout_variable *variable_of(struct step *step, struct value argument,
                                                 uint32_t *index)
{
    uint32_t slot = (uint32_t)argument.i;
    if (argument.kind != VALUE_INT || argument.aux != CEL_REFERENCE ||
        SLOT_KIND(slot) != SLOT_VARIABLE)
        return NULL;
    *index = SLOT_INDEX(slot);
    return &step->layout->variables[*index];
}

static struct value wrong_variable(struct cel_activation *activation, const char *function,
                                   const char *wanted)
{
    return cel_error(activation->arena, "%s() takes a variable: %s", function, wanted);
}

static struct value call_touched(struct cel_activation *activation, const struct value *arguments,
                                 uint32_t count)
{
    (void)count;
    uint32_t index;
    struct step *step = step_of(activation);
    if (!variable_of(step, arguments[0], &index))
        return wrong_variable(activation, "touched", "context.NAME");
    return value_int(step_touched(step, index));
}

static struct value call_removed(struct cel_activation *activation, const struct value *arguments,
                                 uint32_t count)
{
    (void)count;
    uint32_t index;
    struct step *step = step_of(activation);
    if (!variable_of(step, arguments[0], &index))
        return wrong_variable(activation, "removed", "context.NAME");
    return value_int(step_removed(step, index));
}

static struct value call_total(struct cel_activation *activation, const struct value *arguments,
                               uint32_t count)
{
    (void)count;
    uint32_t index;
    struct step *step = step_of(activation);
    const struct layout_variable *variable = variable_of(step, arguments[0], &index);
    if (!variable || variable->type != LAYOUT_LINE_ITEMS)
        return wrong_variable(activation, "total", "context.NAME of type line_items");
    return value_double(items_total(step->slots[index].items));
}

static struct value call_currency(struct cel_activation *activation, const struct value *arguments,
                                  uint32_t count)
{
    (void)count;
    uint32_t index;
    struct step *step = step_of(activation);
    const struct layout_variable *variable = variable_of(step, arguments[0], &index);
    if (!variable || variable->type != LAYOUT_LINE_ITEMS)
        return wrong_variable(activation, "currency", "context.NAME of type line_items");
    struct slice currency = items_currency(step->slots[index].items);
    return currency.size ? value_string(currency) : value_null();
}

static struct value call_top(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    (void)count;
    uint32_t index;
    struct step *step = step_of(activation);
    const struct layout_variable *variable = variable_of(step, arguments[0], &index);
    if (!variable || variable->type != LAYOUT_COUNTER)
        return wrong_variable(activation, "top", "context.NAME of type counter");
    const struct texts *texts = step->slots[index].texts;
    struct slice top = SLICE("");
    int64_t most = 0;
    for (size_t i = 0; i < texts_count(texts); i++)
        if (texts_count_at(texts, i) > most) {
            most = texts_count_at(texts, i);
            top = texts_at(texts, i);
        }
    return value_string(top);
}

/* ---- of the event */

static bool is_event(struct value argument)
{
    return argument.kind == VALUE_INT && argument.aux == CEL_REFERENCE &&
           SLOT_KIND((uint32_t)argument.i) == SLOT_EVENT;
}

static struct value call_product_ids(struct cel_activation *activation,
                                     const struct value *arguments, uint32_t count)
{
    (void)count;
    if (!is_event(arguments[0]))
        return cel_error(activation->arena, "product_ids() takes the event: product_ids(event)");
    return step_product_ids(step_of(activation));
}

static struct value call_new_order(struct cel_activation *activation, const struct value *arguments,
                                   uint32_t count)
{
    (void)count;
    struct step *step = step_of(activation);
    if (!is_event(arguments[0]))
        return cel_error(activation->arena, "new_order() takes the event: new_order(event)");
    if (!slice_is(step_event_name(step), "order_completed"))
        return value_bool(false);
    struct value id = step_path(step, step->rules->slot_order_id);
    if (id.kind != VALUE_STRING)
        return value_bool(true);
    return value_bool(hash_bytes(value_text(id)) != step->customer->order_hash);
}

/* What they give, where a type alone does not say it. */
static const struct cel_shape a_text = {.type = CEL_STRING};
static const struct cel_shape texts = {.type = CEL_LIST, .element = &a_text};
static const struct cel_shape text_or_null = {.type = CEL_STRING, .or_null = true};
static const struct cel_shape timestamp_or_null = {.type = CEL_TIMESTAMP, .or_null = true};

/* clang-format off */
const struct cel_function step_functions[] = {
    {.name = "get", .argument_count = 2, .call = call_get,
     .by_reference = true, .or_path = true, .gives_default = true},
    {.name = "touched", .argument_count = 1, .call = call_touched, .result = CEL_INT,
     .by_reference = true},
    {.name = "removed", .argument_count = 1, .call = call_removed, .result = CEL_INT,
     .by_reference = true},
    {.name = "total", .argument_count = 1, .call = call_total, .result = CEL_DOUBLE,
     .arguments = {CEL_LIST}, .by_reference = true},
    {.name = "currency", .argument_count = 1, .call = call_currency, .shape = &text_or_null,
     .arguments = {CEL_LIST}, .by_reference = true},
    {.name = "top", .argument_count = 1, .call = call_top, .result = CEL_STRING,
     .arguments = {CEL_MAP}, .by_reference = true},
    {.name = "next_date", .argument_count = 3, .call = step_next_date, .shape = &timestamp_or_null,
     .arguments = {CEL_TIMESTAMP, CEL_DYN, CEL_STRING}, .check = step_check_next_date},
    {.name = "product_ids", .argument_count = 1, .call = call_product_ids, .shape = &texts,
     .arguments = {CEL_MAP}, .by_reference = true},
    {.name = "new_order", .argument_count = 1, .call = call_new_order, .result = CEL_BOOL,
     .arguments = {CEL_MAP}, .by_reference = true},
};
/* clang-format on */
const uint32_t step_function_count = sizeof(step_functions) / sizeof(step_functions[0]);
