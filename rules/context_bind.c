/* Load time: the names that an expression may use, and what they are. */
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "rules/machine_load.h"
#include "rules/step.h"

#define MESSAGE_SIZE 256
#define NAMES_MAX    512

/* "there is no X 'y': did you mean 'z'?" or what there is. */
static bool unknown(char *message, const char *what, struct slice name, const char *const *names,
                    size_t count, const char *otherwise)
{
    char wrong[MACHINE_NAME_SIZE_MAX + 1];
    int size = (int)(name.size < MACHINE_NAME_SIZE_MAX ? name.size : MACHINE_NAME_SIZE_MAX);
    snprintf(wrong, sizeof(wrong), "%.*s", size, name.data);
    const char *nearest = diag_nearest(wrong, names, count);
    if (nearest)
        snprintf(message, MESSAGE_SIZE, "there is no %s '%s': did you mean '%s'?", what, wrong,
                 nearest);
    else
        snprintf(message, MESSAGE_SIZE, "there is no %s '%s': %s", what, wrong, otherwise);
    return false;
}

static bool bind_to(struct cel_binding *binding, uint32_t slot, uint32_t consumed,
                    enum cel_type type)
{
    *binding = (struct cel_binding){.slot = slot, .consumed = consumed, .type = type};
    return true;
}

/* ---- event */

static bool bind_properties(struct rules *rules, const struct slice *segments, uint32_t count,
                            struct cel_binding *binding)
{
    /* One segment only: what lies deeper is selected when it is read, with the language's errors. */
    uint32_t depth = count > 2 ? 1 : 0;
    uint32_t path = machine_want_path(rules, EVENT_ROOT_PROPERTIES, segments + 2, depth);
    bool is_id = depth && rules->paths[path].read == EVENT_READ_ID;
    enum cel_type type = depth == 0 ? CEL_MAP : is_id ? CEL_STRING : CEL_DYN;
    return bind_to(binding, SLOT_NUMBER(SLOT_PATH, path), 2 + depth, type);
}

static bool bind_raw(struct rules *rules, const struct slice *segments, uint32_t count,
                     struct cel_binding *binding)
{
    if (count == 2)
        return bind_to(binding, SLOT_NUMBER(SLOT_EVENT_RAW, 0), 2, CEL_MAP);
    uint32_t path = machine_want_path(rules, EVENT_ROOT_RAW, segments + 2, 1);
    return bind_to(binding, SLOT_NUMBER(SLOT_PATH, path), 3, CEL_DYN);
}

static bool bind_event(struct loader *loader, const struct slice *segments, uint32_t count,
                       struct cel_binding *binding, char *message)
{
    static const struct {
        const char *name;
        enum slot_kind slot;
        enum cel_type type;
    } fields[] = {
        {"name", SLOT_EVENT_NAME, CEL_STRING}, {"time", SLOT_EVENT_TIME, CEL_TIMESTAMP},
        {"id", SLOT_EVENT_ID, CEL_STRING},     {"customer", SLOT_EVENT_CUSTOMER, CEL_STRING},
        {"late", SLOT_EVENT_LATE, CEL_BOOL},   {"properties", SLOT_PATH, CEL_MAP},
        {"raw", SLOT_EVENT_RAW, CEL_MAP},
    };
    enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };
    struct rules *rules = loader->rules;
    if (count == 1) {
        machine_want_items(rules);
        return bind_to(binding, SLOT_NUMBER(SLOT_EVENT, 0), 1, CEL_MAP);
    }
    if (slice_is(segments[1], "properties"))
        return bind_properties(rules, segments, count, binding);
    if (slice_is(segments[1], "raw"))
        return bind_raw(rules, segments, count, binding);
    const char *names[FIELD_COUNT];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        names[i] = fields[i].name;
        if (slice_is(segments[1], fields[i].name))
            return bind_to(binding, SLOT_NUMBER(fields[i].slot, 0), 2, fields[i].type);
    }
    binding->consumed = 1;
    return unknown(message, "event field", segments[1], names, FIELD_COUNT,
                   "an event has name, time, id, customer, late, properties and raw");
}

/* ---- context */

static const struct cel_shape an_int = {.type = CEL_INT}, a_text = {.type = CEL_STRING};
static const struct cel_shape a_double = {.type = CEL_DOUBLE};
static const struct cel_shape text_or_null = {.type = CEL_STRING, .or_null = true};
static const struct cel_shape double_or_null = {.type = CEL_DOUBLE, .or_null = true};

/* As state/items.c shows it: a line without a name or price has null there. */
static const struct cel_shape_field line_fields[] = {
    {"product_id", &a_text},
    {"name", &text_or_null},
    {"price", &double_or_null},
    {"quantity", &a_double},
};
static const struct cel_shape a_line = {
    .type = CEL_MAP,
    .key = CEL_STRING,
    .fields = line_fields,
    .field_count = sizeof(line_fields) / sizeof(line_fields[0]),
    .what = "a line item",
};

/* What a variable holds, where its type alone does not say it. */
static const struct cel_shape *shape_of(const struct layout_variable *variable)
{
    static const struct cel_shape timestamp = {.type = CEL_TIMESTAMP, .or_null = true};
    static const struct cel_shape items = {.type = CEL_LIST, .element = &a_line};
    static const struct cel_shape set = {.type = CEL_LIST, .element = &a_text};
    static const struct cel_shape counter = {
        .type = CEL_MAP, .key = CEL_STRING, .element = &an_int};
    switch (variable->type) {
    case LAYOUT_TIMESTAMP:
        return &timestamp;
    case LAYOUT_LINE_ITEMS:
        return &items;
    case LAYOUT_SET:
        return &set;
    case LAYOUT_COUNTER:
        return &counter;
    case LAYOUT_BOOL:
    case LAYOUT_INT:
    case LAYOUT_DOUBLE:
    case LAYOUT_STRING:
    case LAYOUT_WINDOW:
        break;
    }
    return NULL;
}

static enum cel_type cel_type_of(const struct layout_variable *variable)
{
    switch (variable->type) {
    case LAYOUT_BOOL:
        return CEL_BOOL;
    case LAYOUT_INT:
        return CEL_INT;
    case LAYOUT_DOUBLE:
        return CEL_DOUBLE;
    case LAYOUT_STRING:
        return CEL_STRING;
    case LAYOUT_TIMESTAMP:
        return CEL_DYN; /* null at first */
    case LAYOUT_LINE_ITEMS:
    case LAYOUT_SET:
        return CEL_LIST;
    case LAYOUT_COUNTER:
        return CEL_MAP;
    case LAYOUT_WINDOW:
        return variable->window_is_sum ? CEL_DOUBLE : CEL_INT;
    }
    return CEL_DYN;
}

static bool bind_context(struct loader *loader, const struct slice *segments, uint32_t count,
                         struct cel_binding *binding, char *message)
{
    const struct machine *machine = loader->machine;
    if (count == 1)
        return bind_to(binding, SLOT_NUMBER(SLOT_CONTEXT, 0), 1, CEL_MAP);
    int32_t index = load_find_variable(machine, segments[1]);
    if (index >= 0) {
        const struct layout_variable *variable = &machine->layout_variables[index];
        bind_to(binding, SLOT_NUMBER(SLOT_VARIABLE, index), 2, cel_type_of(variable));
        binding->shape = shape_of(variable);
        return true;
    }
    const char *names[MACHINE_VARIABLES_MAX];
    for (uint32_t i = 0; i < machine->variable_count; i++)
        names[i] = machine->variables[i].name.data;
    binding->consumed = 1;
    return unknown(message, "variable", segments[1], names, machine->variable_count,
                   "variables are declared under 'context'");
}

/* ---- machines */

static bool bind_machines(struct loader *loader, const struct slice *segments, uint32_t count,
                          struct cel_binding *binding, char *message)
{
    const struct rules *rules = loader->rules;
    const char *names[RULES_MACHINES_MAX];
    uint32_t name_count = 0;
    if (count < 2) {
        snprintf(message, MESSAGE_SIZE, "write machines.NAME.state: the state of another machine");
        return false;
    }
    for (uint32_t i = 0; i < rules->machine_count; i++) {
        if (rules->machines[i].name.size == 0)
            continue;
        names[name_count++] = rules->machines[i].name.data;
        if (!slice_equal(rules->machines[i].name, segments[1]))
            continue;
        if (count > 2 && slice_is(segments[2], "state"))
            return bind_to(binding, SLOT_NUMBER(SLOT_MACHINE_STATE, i), 3, CEL_STRING);
        binding->consumed = 2;
        snprintf(message, MESSAGE_SIZE,
                 "of another machine only its state is seen: machines.%.*s.state",
                 SLICE_ARGS(segments[1]));
        return false;
    }
    binding->consumed = 1;
    return unknown(message, "machine", segments[1], names, name_count,
                   "the machines are those of the configuration");
}

/* ---- constants */

static const struct value *find_constant(const struct value *map, struct slice key)
{
    if (map->kind != VALUE_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->size; i++)
        if (slice_equal(value_text(map->items[2 * i]), key))
            return &map->items[2 * i + 1];
    return NULL;
}

static enum cel_type type_of_constant(const struct value *value)
{
    switch ((enum value_kind)value->kind) {
    case VALUE_NULL:
        return CEL_NULL;
    case VALUE_BOOL:
        return CEL_BOOL;
    case VALUE_INT:
        return CEL_INT;
    case VALUE_DOUBLE:
        return CEL_DOUBLE;
    case VALUE_STRING:
        return CEL_STRING;
    case VALUE_LIST:
        return CEL_LIST;
    case VALUE_MAP:
        return CEL_MAP;
    case VALUE_ABSENT:
    case VALUE_UINT:
    case VALUE_BYTES:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
    case VALUE_TYPE:
    case VALUE_ERROR:
        break;
    }
    return CEL_DYN;
}

static bool bind_constants(struct loader *loader, const struct slice *segments, uint32_t count,
                           struct cel_binding *binding, char *message)
{
    const struct value *constants = loader->rules->constants;
    if (!constants || count < 2) {
        snprintf(message, MESSAGE_SIZE,
                 constants ? "write constants.NAME: a constant of the configuration"
                           : "the configuration has no 'constants'");
        return false;
    }
    const struct value *value = find_constant(constants, segments[1]);
    if (value) {
        *binding = (struct cel_binding){.consumed = 2,
                                        .type = type_of_constant(value),
                                        .is_constant = true,
                                        .constant = *value};
        return true;
    }
    const char *names[NAMES_MAX];
    uint32_t name_count = constants->size < NAMES_MAX ? constants->size : NAMES_MAX;
    for (uint32_t i = 0; i < name_count; i++)
        names[i] = constants->items[2 * i].s;
    binding->consumed = 1;
    return unknown(message, "constant", segments[1], names, name_count,
                   "constants stand under 'constants' in the configuration");
}

#define CONSTANTS_DEPTH_MAX 32

static struct value constant_of(struct loader *loader, const struct yaml_node *node, int depth);

static struct value constant_scalar(const struct yaml_node *node)
{
    bool flag;
    struct number number;
    if (node->quoted)
        return value_string(node->text);
    if (yaml_is_null(node))
        return value_null();
    if (yaml_bool(node, &flag))
        return value_bool(flag);
    if (number_parse(node->text, &number))
        return number.is_int ? value_int(number.i) : value_double(number.d);
    return value_string(node->text);
}

static struct value constant_of(struct loader *loader, const struct yaml_node *node, int depth)
{
    if (node->kind == YAML_SCALAR)
        return constant_scalar(node);
    if (depth == CONSTANTS_DEPTH_MAX) {
        diag_error(loader->diag, node->at, "constants are at most %d levels deep",
                   CONSTANTS_DEPTH_MAX);
        return value_null();
    }
    bool is_map = node->kind == YAML_MAPPING;
    size_t step = is_map ? 2 : 1;
    struct value *items =
        arena_calloc(&loader->rules->arena, node->count * step + 1, sizeof(*items));
    for (size_t i = 0; i < node->count; i++) {
        if (is_map)
            items[2 * i] = value_string(node->keys[i]->text);
        items[i * step + step - 1] = constant_of(loader, node->items[i], depth + 1);
    }
    return (struct value){
        .kind = is_map ? VALUE_MAP : VALUE_LIST, .size = (uint32_t)node->count, .items = items};
}

const struct value *load_constants(struct loader *loader, const struct yaml_node *node)
{
    if (node->kind != YAML_MAPPING) {
        diag_error(loader->diag, node->at, "'constants' must be a mapping (NAME: value), not %s",
                   load_kind(node));
        return NULL;
    }
    struct value *constants = arena_calloc(&loader->rules->arena, 1, sizeof(*constants));
    *constants = constant_of(loader, node, 0);
    return constants;
}

/* ---- all of them */

static bool resolve(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message)
{
    static const char *const names[] = {"event", "context",  "state",    "entered",
                                        "now",   "machines", "constants"};
    struct loader *loader = self;
    struct slice first = segments[0];
    if (slice_is(first, "event"))
        return bind_event(loader, segments, count, binding, message);
    if (slice_is(first, "context"))
        return bind_context(loader, segments, count, binding, message);
    if (slice_is(first, "state"))
        return bind_to(binding, SLOT_NUMBER(SLOT_STATE, 0), 1, CEL_STRING);
    if (slice_is(first, "entered"))
        return bind_to(binding, SLOT_NUMBER(SLOT_ENTERED, 0), 1, CEL_TIMESTAMP);
    if (slice_is(first, "now"))
        return bind_to(binding, SLOT_NUMBER(SLOT_NOW, 0), 1, CEL_TIMESTAMP);
    if (slice_is(first, "machines"))
        return bind_machines(loader, segments, count, binding, message);
    if (slice_is(first, "constants"))
        return bind_constants(loader, segments, count, binding, message);
    if (load_find_variable(loader->machine, first) >= 0) {
        snprintf(message, MESSAGE_SIZE, "there is no name '%.*s': the variable is context.%.*s",
                 SLICE_ARGS(first), SLICE_ARGS(first));
        return false;
    }
    return unknown(
        message, "name", first, names, sizeof(names) / sizeof(names[0]),
        "names are event, context, state, entered, now, machines and constants; a text is "
        "quoted once more, as in \"'email'\"");
}

void load_bind_host(struct loader *loader)
{
    loader->host = (struct cel_host){
        .self = loader,
        .resolve = resolve,
        .functions = step_functions,
        .function_count = step_function_count,
    };
}
