/* The variables: what a machine remembers of each customer. */
#include <string.h>

#include "rules/machine_load.h"

#define HIDDEN_MAX          64
#define WINDOW_BUCKETS_MOST 64

static const struct {
    const char *name;
    enum layout_type type;
} types[] = {
    {"bool", LAYOUT_BOOL},
    {"int", LAYOUT_INT},
    {"double", LAYOUT_DOUBLE},
    {"string", LAYOUT_STRING},
    {"timestamp", LAYOUT_TIMESTAMP},
    {"line_items", LAYOUT_LINE_ITEMS},
    {"set", LAYOUT_SET},
    {"counter", LAYOUT_COUNTER},
    {"window", LAYOUT_WINDOW},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

const char *load_type_name(enum layout_type type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].type == type)
            return types[i].name;
    return "?";
}

static bool read_type(struct loader *loader, const struct yaml_node *node, enum layout_type *type)
{
    if (node->kind != YAML_SCALAR) {
        diag_error(loader->diag, node->at, "the type must be a name, not %s", load_kind(node));
        return false;
    }
    const char *names[TYPE_COUNT];
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        names[i] = types[i].name;
        if (slice_is(node->text, types[i].name)) {
            *type = types[i].type;
            return true;
        }
    }
    const char *nearest = diag_nearest(node->text.data, names, TYPE_COUNT);
    if (nearest)
        diag_error(loader->diag, node->at, "there is no type '%.64s': did you mean '%s'?",
                   node->text.data, nearest);
    else
        diag_error(loader->diag, node->at,
                   "there is no type '%.64s': types are bool, int, double, string, timestamp, "
                   "line_items, set, counter, window",
                   node->text.data);
    return false;
}

static void read_window(struct loader *loader, const struct yaml_node *node,
                        struct layout_variable *variable)
{
    const struct yaml_node *over = yaml_get(node, "over"), *bucket = yaml_get(node, "bucket");
    if (!over || !bucket) {
        diag_error(
            loader->diag, node->at,
            "a window needs 'over' and 'bucket', such as { type: window, over: 28d, bucket: 1d }");
        return;
    }
    int64_t over_ms, bucket_ms;
    bool good = load_duration(loader, over, "'over'", &over_ms);
    good = load_duration(loader, bucket, "'bucket'", &bucket_ms) && good;
    if (!good)
        return;
    if (over_ms % bucket_ms != 0)
        diag_error(loader->diag, over->at, "'over' must be a multiple of 'bucket' (%s)",
                   bucket->text.data);
    else if (over_ms / bucket_ms > WINDOW_BUCKETS_MOST)
        diag_error(loader->diag, over->at,
                   "a window has at most %d buckets, here are %lld: take a longer 'bucket'",
                   WINDOW_BUCKETS_MOST, (long long)(over_ms / bucket_ms));
    else {
        variable->max = (uint32_t)(over_ms / bucket_ms);
        variable->bucket_ms = bucket_ms;
    }
}

static bool has_max(enum layout_type type)
{
    return type == LAYOUT_STRING || type == LAYOUT_LINE_ITEMS || type == LAYOUT_SET ||
           type == LAYOUT_COUNTER;
}

static uint32_t default_max(enum layout_type type)
{
    return type == LAYOUT_STRING ? 128 : 256;
}

static uint32_t most(enum layout_type type)
{
    return type == LAYOUT_STRING ? MACHINE_STRING_MAX : MACHINE_ELEMENTS_MAX;
}

static void read_variable(struct loader *loader, const struct yaml_node *key,
                          const struct yaml_node *node, struct layout_variable *variable)
{
    static const char *const window_keys[] = {"type", "over", "bucket", NULL};
    static const char *const max_keys[] = {"type", "max", NULL};
    static const char *const plain_keys[] = {"type", NULL};
    /* `seen: int` says the same as `seen: { type: int }`. */
    const struct yaml_node *type_node = node;
    if (node->kind == YAML_MAPPING)
        type_node = yaml_get(node, "type");
    if (!type_node) {
        diag_error(loader->diag, node->at, "the variable '%s' has no 'type'", key->text.data);
        return;
    }
    if (!read_type(loader, type_node, &variable->type))
        return;
    variable->max = has_max(variable->type) ? default_max(variable->type) : 0;
    if (variable->type == LAYOUT_WINDOW)
        variable->max = 1, variable->bucket_ms = 1000; /* until 'over' and 'bucket' are read */
    if (node->kind != YAML_MAPPING) {
        if (variable->type == LAYOUT_WINDOW)
            diag_error(loader->diag, node->at,
                       "a window needs 'over' and 'bucket', such as { type: window, over: 28d, "
                       "bucket: 1d }");
        return;
    }
    if (variable->type == LAYOUT_WINDOW) {
        load_keys(loader, node, "a window", window_keys);
        read_window(loader, node, variable);
        return;
    }
    if (!has_max(variable->type)) {
        load_keys(loader, node, "a variable of this type", plain_keys);
        return;
    }
    load_keys(loader, node, "a variable of this type", max_keys);
    const struct yaml_node *max = yaml_get(node, "max");
    if (max)
        load_number(loader, max, "'max'", 1, most(variable->type), &variable->max);
}

/*
 * Whether a window counts or sums is said by the verbs that fill it, and gives its type in expressions; so it has to be
 * known before the first expression is read.
 */
static void find_sums(struct machine *machine, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        return;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        find_sums(machine, item);
        if (node->kind != YAML_MAPPING || item->kind != YAML_MAPPING ||
            !slice_is(node->keys[i]->text, "sum"))
            continue;
        for (size_t j = 0; j < item->count; j++) {
            int32_t variable = load_find_variable(machine, item->keys[j]->text);
            if (variable >= 0 && machine->layout_variables[variable].type == LAYOUT_WINDOW)
                machine->layout_variables[variable].window_is_sum = true;
        }
    }
}

void load_context(struct loader *loader)
{
    struct machine *machine = loader->machine;
    struct arena *arena = &loader->rules->arena;
    machine->variables = arena_calloc(arena, MACHINE_VARIABLES_MAX, sizeof(struct variable));
    machine->layout_variables =
        arena_calloc(arena, MACHINE_VARIABLES_MAX + HIDDEN_MAX, sizeof(struct layout_variable));
    const struct yaml_node *node = yaml_get(machine->root, "context");
    if (!node || !load_mapping(loader, node, "'context'"))
        return;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        if (machine->variable_count == MACHINE_VARIABLES_MAX) {
            diag_error(loader->diag, key->at, "a machine has at most %d variables",
                       MACHINE_VARIABLES_MAX);
            return;
        }
        if (!load_is_name(loader, key, "a variable", ""))
            continue;
        uint32_t index = machine->variable_count++;
        machine->variables[index] = (struct variable){.name = key->text, .at = key->at};
        machine->layout_variables[index] = (struct layout_variable){.name = key->text};
        read_variable(loader, key, node->items[i], &machine->layout_variables[index]);
    }
    find_sums(machine, machine->root);
}

int32_t load_hidden_variable(struct loader *loader, struct slice name)
{
    struct machine *machine = loader->machine;
    uint32_t end = machine->variable_count + machine->hidden_count;
    for (uint32_t i = machine->variable_count; i < end; i++)
        if (slice_equal(machine->layout_variables[i].name, name))
            return (int32_t)i;
    if (machine->hidden_count == HIDDEN_MAX)
        return -1;
    machine->hidden_count++;
    machine->layout_variables[end] =
        (struct layout_variable){.name = name, .type = LAYOUT_TIMESTAMP};
    return (int32_t)end;
}
