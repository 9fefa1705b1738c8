/* Actions and emits: the verbs of the language. */
#include <stdlib.h>
#include <string.h>

#include "rules/machine_load.h"

#define FIELDS_MAX 256

/* ---- data */

static int32_t find_field(const struct field *fields, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(fields[i].name, name))
            return (int32_t)i;
    return -1;
}

/* The pairs of `node` behind the `*count` fields that are there; one of the same name takes the former's place. */
static void read_fields(struct loader *loader, const struct yaml_node *node, struct field *fields,
                        uint32_t *count)
{
    if (!load_mapping(loader, node, "'data'"))
        return;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        if (!load_is_name(loader, key, "a field of data", "-"))
            continue;
        if (*count == FIELDS_MAX) {
            diag_error(loader->diag, key->at, "a signal has at most %d fields of data", FIELDS_MAX);
            return;
        }
        struct field field = {
            .name = key->text, /* of letters, digits, _ and -: as JSON it needs no escape */
            .json_key = arena_printf(&loader->rules->arena, "\"%.*s\":", SLICE_ARGS(key->text)),
            .expression = load_expression(loader, node->items[i], "a field of data", CEL_DYN),
        };
        int32_t former = find_field(fields, *count, field.name);
        fields[former >= 0 ? (uint32_t)former : (*count)++] = field;
    }
}

void load_data(struct loader *loader, const struct yaml_node *node)
{
    struct machine *machine = loader->machine;
    struct field *fields =
        arena_calloc(&loader->rules->arena, node->count ? node->count : 1, sizeof(*fields));
    if (node->count > FIELDS_MAX) {
        diag_error(loader->diag, node->at, "a signal has at most %d fields of data", FIELDS_MAX);
        return;
    }
    read_fields(loader, node, fields, &machine->data_count);
    machine->data = fields;
}

/* ---- emit */

static bool is_type_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* `emit_transitions: true`, `emit: null`, `emit: '.'`: meant otherwise, and nobody could choose a topic for it. */
static bool is_no_name(const struct yaml_node *node)
{
    bool is_true;
    size_t letters = 0;
    for (size_t i = 0; i < node->text.size; i++)
        letters += is_letter(node->text.data[i]);
    return letters == 0 || yaml_is_null(node) || yaml_bool(node, &is_true);
}

static bool read_type(struct loader *loader, const struct yaml_node *node, struct slice *type)
{
    if (node->kind != YAML_SCALAR || node->text.size == 0) {
        diag_error(loader->diag, node->at,
                   "the type of a signal is a name such as cart.abandoned, not %s",
                   load_kind(node));
        return false;
    }
    if (node->text.size > MACHINE_TYPE_SIZE_MAX) {
        diag_error(loader->diag, node->at,
                   "the type of a signal is too long: at most %d characters",
                   MACHINE_TYPE_SIZE_MAX);
        return false;
    }
    for (size_t i = 0; i < node->text.size; i++)
        if (!is_type_character(node->text.data[i])) {
            diag_error(loader->diag, node->at,
                       "'%s' is no type of a signal: letters, digits, '.', '_' and '-', such as "
                       "cart.abandoned",
                       node->text.data);
            return false;
        }
    if (is_no_name(node)) {
        diag_error(loader->diag, node->at,
                   "the type of a signal is a name such as cart.abandoned, not '%s'",
                   node->text.data);
        return false;
    }
    *type = machine_signal_type(loader->rules, node->text);
    return true;
}

static struct emit *new_emit(struct loader *loader, const struct yaml_node *node)
{
    struct machine *machine = loader->machine;
    struct emit *emit = arena_calloc(&loader->rules->arena, 1, sizeof(*emit));
    emit->at = node->at;
    emit->sent_variable = -1;
    emit->fields = machine->data;
    emit->field_count = machine->data_count;
    emit->next = machine->emits;
    machine->emits = emit;
    return emit;
}

static void read_emit_data(struct loader *loader, const struct yaml_node *node, struct emit *emit)
{
    const struct machine *machine = loader->machine;
    struct field fields[FIELDS_MAX];
    uint32_t count = machine->data_count;
    for (uint32_t i = 0; i < count; i++)
        fields[i] = machine->data[i];
    read_fields(loader, node, fields, &count);
    struct field *kept = arena_calloc(&loader->rules->arena, count + 1, sizeof(*kept));
    memcpy(kept, fields, count * sizeof(*kept));
    emit->fields = kept;
    emit->field_count = count;
}

const struct emit *load_emit(struct loader *loader, const struct yaml_node *node)
{
    static const char *const keys[] = {"type", "data", "guard", "cooldown", NULL};
    if (node->kind == YAML_SEQUENCE) {
        diag_error(loader->diag, node->at,
                   "'emit' is one signal: a type, or { type: …, data: { … } }; more of them go "
                   "into 'actions'");
        return NULL;
    }
    struct emit *emit = new_emit(loader, node);
    const struct yaml_node *type = node;
    if (node->kind == YAML_MAPPING) {
        load_keys(loader, node, "'emit'", keys);
        type = yaml_get(node, "type");
        const struct yaml_node *data = yaml_get(node, "data"), *guard = yaml_get(node, "guard");
        const struct yaml_node *cooldown = yaml_get(node, "cooldown");
        if (data)
            read_emit_data(loader, data, emit);
        if (guard)
            emit->guard = load_guard(loader, guard);
        if (cooldown)
            load_duration(loader, cooldown, "'cooldown'", &emit->cooldown_ms);
        if (!type)
            diag_error(loader->diag, node->at, "'emit' needs a 'type', such as cart.abandoned");
    }
    if (type)
        read_type(loader, type, &emit->type);
    return emit;
}

const struct emit *load_emit_transitions(struct loader *loader, const struct yaml_node *node)
{
    struct emit *emit = new_emit(loader, node);
    emit->has_time_in_state = true;
    if (node->kind != YAML_SCALAR) {
        diag_error(loader->diag, node->at,
                   "'emit_transitions' is the type of a signal, such as stage.changed, not %s",
                   load_kind(node));
        return emit;
    }
    read_type(loader, node, &emit->type);
    int32_t same = find_field(emit->fields, emit->field_count, SLICE("time_in_state"));
    if (same >= 0)
        diag_error(loader->diag, node->at,
                   "'time_in_state' is in the machine's data and is also what 'emit_transitions' "
                   "adds: rename the field");
    return emit;
}

void load_cooldowns(struct loader *loader)
{
    struct arena *arena = &loader->rules->arena;
    for (const struct emit *asks = loader->machine->emits; asks; asks = asks->next) {
        if (asks->cooldown_ms == 0 || asks->type.size == 0)
            continue;
        struct slice name = arena_printf(arena, "emit %.*s", SLICE_ARGS(asks->type));
        int32_t variable = load_hidden_variable(loader, name);
        if (variable < 0) {
            diag_error(loader->diag, asks->at,
                       "a machine has at most 64 types of signals with a cooldown");
            return;
        }
        for (struct emit *emit = loader->machine->emits; emit; emit = emit->next)
            if (slice_equal(emit->type, asks->type))
                emit->sent_variable = variable;
    }
}

/* ---- verbs */

/* The types of expressions that fit a variable; converted when it is assigned. */
static bool fits(enum layout_type variable, enum cel_type type)
{
    if (type == CEL_DYN)
        return true;
    switch (variable) {
    case LAYOUT_BOOL:
        return type == CEL_BOOL;
    case LAYOUT_INT:
        return type == CEL_INT || type == CEL_UINT;
    case LAYOUT_DOUBLE:
        return type == CEL_DOUBLE || type == CEL_INT || type == CEL_UINT;
    case LAYOUT_STRING:
        return type == CEL_STRING;
    case LAYOUT_TIMESTAMP:
        return type == CEL_TIMESTAMP || type == CEL_NULL;
    case LAYOUT_LINE_ITEMS:
    case LAYOUT_SET:
    case LAYOUT_COUNTER:
    case LAYOUT_WINDOW:
        return false;
    }
    return false;
}

static const char *cel_type_name(enum cel_type type)
{
    static const char *const names[] = {
        [CEL_DYN] = "dyn",       [CEL_NULL] = "null",         [CEL_BOOL] = "bool",
        [CEL_INT] = "int",       [CEL_UINT] = "uint",         [CEL_DOUBLE] = "double",
        [CEL_STRING] = "string", [CEL_BYTES] = "bytes",       [CEL_TIMESTAMP] = "timestamp",
        [CEL_LIST] = "list",     [CEL_DURATION] = "duration", [CEL_MAP] = "map",
        [CEL_TYPE] = "type",
    };
    return names[type];
}

static enum layout_type type_of(const struct loader *loader, uint32_t variable)
{
    return loader->machine->layout_variables[variable].type;
}

/* How a container is changed instead, for the message. */
static const char *verbs_of(enum layout_type type)
{
    switch (type) {
    case LAYOUT_LINE_ITEMS:
        return "add_item, remove_item, set_items or clear";
    case LAYOUT_SET:
        return "add or clear";
    case LAYOUT_COUNTER:
        return "count or clear";
    case LAYOUT_WINDOW:
        return "count, sum or clear";
    case LAYOUT_BOOL:
    case LAYOUT_INT:
    case LAYOUT_DOUBLE:
    case LAYOUT_STRING:
    case LAYOUT_TIMESTAMP:
        break;
    }
    return "assign or clear";
}

static void report_verb(struct loader *loader, struct diag_pos at, const char *verb,
                        uint32_t variable)
{
    enum layout_type type = type_of(loader, variable);
    diag_error(loader->diag, at, "'%s' does not fit '%s', which is of type %s: that one takes %s",
               verb, loader->machine->variables[variable].name.data, load_type_name(type),
               verbs_of(type));
}

static bool read_assignment(struct loader *loader, const struct yaml_node *key,
                            const struct yaml_node *value, struct assignment *assignment)
{
    int32_t variable = load_variable(loader, key);
    struct expression expression = load_expression(loader, value, "the value", CEL_DYN);
    if (variable < 0)
        return false;
    enum layout_type type = type_of(loader, (uint32_t)variable);
    if (type == LAYOUT_LINE_ITEMS || type == LAYOUT_SET || type == LAYOUT_COUNTER ||
        type == LAYOUT_WINDOW) {
        report_verb(loader, key->at, "assign", (uint32_t)variable);
        return false;
    }
    struct variable *assigned = &loader->machine->variables[variable];
    enum cel_type given = expression.program ? cel_program_type(expression.program) : CEL_DYN;
    assigned->is_assigned = assigned->is_assigned || given != CEL_NULL;
    if (!expression.program)
        return false;
    if (!fits(type, given)) {
        diag_error(loader->diag, value->at, "'%s' is of type %s, the expression gives %s",
                   key->text.data, load_type_name(type), cel_type_name(given));
        return false;
    }
    *assignment = (struct assignment){(uint32_t)variable, expression};
    return true;
}

static bool read_assign(struct loader *loader, const struct yaml_node *node, struct action *action)
{
    if (!load_mapping(loader, node, "'assign'"))
        return false;
    struct assignment *assignments =
        arena_calloc(&loader->rules->arena, node->count + 1, sizeof(*assignments));
    for (size_t i = 0; i < node->count; i++)
        if (read_assignment(loader, node->keys[i], node->items[i],
                            &assignments[action->assignment_count]))
            action->assignment_count++;
    action->verb = VERB_ASSIGN;
    action->assignments = assignments;
    return true;
}

/* A vector of actions under construction: one verb may give several (`clear: [a, b]`). */
struct action_list {
    struct action *items; /* malloc */
    size_t count, capacity;
};

static void add_action(struct action_list *list, struct action action)
{
    list->items = machine_grow(list->items, list->count, &list->capacity, sizeof(action));
    list->items[list->count++] = action;
}

/* A variable of the type that the verb changes. */
static bool read_target(struct loader *loader, const struct yaml_node *node, const char *verb,
                        enum layout_type type, struct action *action)
{
    int32_t variable = load_variable(loader, node);
    if (variable < 0)
        return false;
    if (type_of(loader, (uint32_t)variable) != type) {
        report_verb(loader, node->at, verb, (uint32_t)variable);
        return false;
    }
    action->variable = (uint32_t)variable;
    return true;
}

/* `verb: { variable: expression }`, one or more. */
static void read_keyed(struct loader *loader, const struct yaml_node *node, const char *verb,
                       enum layout_type type, struct action action, struct action_list *list)
{
    char what[32];
    snprintf(what, sizeof(what), "'%s'", verb);
    if (!load_mapping(loader, node, what))
        return;
    for (size_t i = 0; i < node->count; i++) {
        action.expression = load_expression(loader, node->items[i], "the value", CEL_DYN);
        if (!read_target(loader, node->keys[i], verb, type, &action) || !action.expression.program)
            continue;
        struct variable *variable = &loader->machine->variables[action.variable];
        enum cel_type given = cel_program_type(action.expression.program);
        bool good = given == CEL_DYN;
        const char *wanted = "a text";
        if (action.verb == VERB_SUM) {
            variable->is_summed = true;
            good = good || given == CEL_INT || given == CEL_UINT || given == CEL_DOUBLE;
            wanted = "a number";
        } else if (action.verb == VERB_ADD) {
            good = good || given == CEL_STRING || given == CEL_LIST;
            wanted = "a text or a list of texts";
        } else {
            good = good || given == CEL_STRING;
        }
        if (!good)
            diag_error(loader->diag, node->items[i]->at, "'%s' takes %s, the expression gives %s",
                       verb, wanted, cel_type_name(given));
        add_action(list, action);
    }
}

/* `count: { window: … }`: a window counts moments, not texts. */
static bool names_window(struct loader *loader, const struct yaml_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        int32_t variable = load_find_variable(loader->machine, node->keys[i]->text);
        if (variable < 0 || type_of(loader, (uint32_t)variable) != LAYOUT_WINDOW)
            continue;
        diag_error(loader->diag, node->keys[i]->at, "'%s' is a window: write 'count: %s'",
                   node->keys[i]->text.data, node->keys[i]->text.data);
        return true;
    }
    return false;
}

static void read_count(struct loader *loader, const struct yaml_node *node, struct action action,
                       struct action_list *list)
{
    if (node->kind == YAML_MAPPING) {
        action.verb = VERB_COUNT_KEY;
        if (names_window(loader, node))
            return;
        read_keyed(loader, node, "count", LAYOUT_COUNTER, action, list);
        return;
    }
    action.verb = VERB_COUNT_WINDOW;
    int32_t variable = load_variable(loader, node);
    if (variable < 0)
        return;
    if (type_of(loader, (uint32_t)variable) == LAYOUT_COUNTER) {
        diag_error(loader->diag, node->at,
                   "a counter counts texts: write 'count: { %s: … }' with what it counts",
                   node->text.data);
        return;
    }
    if (!read_target(loader, node, "count", LAYOUT_WINDOW, &action))
        return;
    loader->machine->variables[action.variable].is_counted = true;
    add_action(list, action);
}

static void read_clear(struct loader *loader, const struct yaml_node *node, struct action action,
                       struct action_list *list)
{
    action.verb = VERB_CLEAR;
    size_t count = node->kind == YAML_SEQUENCE ? node->count : 1;
    if (count == 0)
        diag_error(loader->diag, node->at,
                   "'clear' names nothing: one variable, or a list of them");
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *name = node->kind == YAML_SEQUENCE ? node->items[i] : node;
        int32_t variable = load_variable(loader, name);
        if (variable < 0)
            continue;
        action.variable = (uint32_t)variable;
        add_action(list, action);
    }
}

static void read_item_verb(struct loader *loader, const struct yaml_node *node, const char *name,
                           struct action action, struct action_list *list)
{
    machine_want_items(loader->rules);
    if (read_target(loader, node, name, LAYOUT_LINE_ITEMS, &action))
        add_action(list, action);
}

static void read_verb(struct loader *loader, const struct yaml_node *key,
                      const struct yaml_node *value, struct action_list *list)
{
    struct action action = {.rule = load_rule(loader, key->at)};
    if (slice_is(key->text, "assign")) {
        if (read_assign(loader, value, &action))
            add_action(list, action);
    } else if (slice_is(key->text, "count")) {
        read_count(loader, value, action, list);
    } else if (slice_is(key->text, "sum")) {
        action.verb = VERB_SUM;
        read_keyed(loader, value, "sum", LAYOUT_WINDOW, action, list);
    } else if (slice_is(key->text, "add")) {
        action.verb = VERB_ADD;
        read_keyed(loader, value, "add", LAYOUT_SET, action, list);
    } else if (slice_is(key->text, "add_item")) {
        action.verb = VERB_ADD_ITEM;
        read_item_verb(loader, value, "add_item", action, list);
    } else if (slice_is(key->text, "remove_item")) {
        action.verb = VERB_REMOVE_ITEM;
        read_item_verb(loader, value, "remove_item", action, list);
    } else if (slice_is(key->text, "set_items")) {
        action.verb = VERB_SET_ITEMS;
        read_item_verb(loader, value, "set_items", action, list);
    } else if (slice_is(key->text, "clear")) {
        read_clear(loader, value, action, list);
    } else if (slice_is(key->text, "emit")) {
        action.verb = VERB_EMIT;
        action.emit = load_emit(loader, value);
        if (action.emit)
            add_action(list, action);
    }
}

static void read_block(struct loader *loader, const struct yaml_node *node,
                       struct action_block *block)
{
    static const char *const keys[] = {"guard", "assign",   "count",       "sum",
                                       "add",   "add_item", "remove_item", "set_items",
                                       "clear", "emit",     NULL};
    if (!load_mapping(loader, node, "the actions"))
        return;
    load_keys(loader, node, "an action", keys);
    struct action_list list = {0};
    for (size_t i = 0; i < node->count; i++) {
        if (slice_is(node->keys[i]->text, "guard"))
            block->guard = load_guard(loader, node->items[i]);
        else
            read_verb(loader, node->keys[i], node->items[i], &list);
    }
    struct action *actions = arena_calloc(&loader->rules->arena, list.count + 1, sizeof(*actions));
    if (list.count)
        memcpy(actions, list.items, list.count * sizeof(*actions));
    free(list.items);
    block->actions = actions;
    block->action_count = (uint32_t)list.count;
}

struct actions load_actions(struct loader *loader, const struct yaml_node *node)
{
    struct actions actions = {0};
    if (node->kind == YAML_SCALAR) {
        diag_error(loader->diag, node->at,
                   "actions are a mapping such as { clear: items }, or a list of these, not %s",
                   load_kind(node));
        return actions;
    }
    bool is_list = node->kind == YAML_SEQUENCE;
    actions.block_count = is_list ? (uint32_t)node->count : 1;
    struct action_block *blocks =
        arena_calloc(&loader->rules->arena, actions.block_count + 1, sizeof(*blocks));
    for (uint32_t i = 0; i < actions.block_count; i++)
        read_block(loader, is_list ? node->items[i] : node, &blocks[i]);
    actions.blocks = blocks;
    return actions;
}
