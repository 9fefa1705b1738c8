#include "rules/machine_load.h"

#include <stdlib.h>
#include <string.h>

#include "core/datetime.h"
#include "rules/step.h"

const char *load_kind(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_SCALAR:
        return node->text.size == 0 && !node->quoted ? "nothing" : "a text";
    case YAML_SEQUENCE:
        return "a list";
    case YAML_MAPPING:
        return "a mapping";
    }
    return "something else";
}

bool load_mapping(struct loader *loader, const struct yaml_node *node, const char *what)
{
    if (node->kind != YAML_MAPPING) {
        diag_error(loader->diag, node->at, "%s must be a mapping (key: value), not %s", what,
                   load_kind(node));
        return false;
    }
    return true;
}

static bool is_known(const char *text, const char *const *known)
{
    for (; *known; known++)
        if (strcmp(text, *known) == 0)
            return true;
    return false;
}

static void report_unknown_key(struct loader *loader, const struct yaml_node *key, const char *what,
                               const char *const *known)
{
    size_t count = 0;
    struct buf list;
    buf_init(&list);
    for (; known[count]; count++)
        buf_printf(&list, "%s%s", count ? ", " : "", known[count]);
    const char *nearest = diag_nearest(key->text.data, known, count);
    if (nearest)
        diag_error(loader->diag, key->at, "%s has no key '%.64s': did you mean '%s'?", what,
                   key->text.data, nearest);
    else
        diag_error(loader->diag, key->at, "%s has no key '%.64s': it has %.*s", what,
                   key->text.data, SLICE_ARGS(buf_slice(&list)));
    buf_fini(&list);
}

void load_keys(struct loader *loader, const struct yaml_node *mapping, const char *what,
               const char *const *known)
{
    for (size_t i = 0; i < mapping->count; i++)
        if (!is_known(mapping->keys[i]->text.data, known))
            report_unknown_key(loader, mapping->keys[i], what, known);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool load_is_name(struct loader *loader, const struct yaml_node *node, const char *what,
                  const char *also)
{
    if (node->kind != YAML_SCALAR || node->text.size == 0) {
        diag_error(loader->diag, node->at, "%s needs a name, not %s", what, load_kind(node));
        return false;
    }
    struct slice text = node->text;
    if (text.size > MACHINE_NAME_SIZE_MAX) {
        diag_error(loader->diag, node->at, "%s is too long: at most %d characters", what,
                   MACHINE_NAME_SIZE_MAX);
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool good = is_letter(c) || (i > 0 && (is_digit(c) || (c && strchr(also, c))));
        if (!good) {
            diag_error(loader->diag, node->at,
                       "'%s' is no name for %s: a letter, then letters, digits, _%s%s", text.data,
                       what, *also ? " or " : "", also);
            return false;
        }
    }
    return true;
}

/* `30 min`, `2 hours`: what people write first. */
static void report_duration(struct loader *loader, const struct yaml_node *node, const char *what)
{
    diag_error(loader->diag, node->at,
               "'%.64s' is no duration for %s: write 30s, 30m, 4h, 7d or a sum such as 1h30m",
               node->text.data, what);
}

bool load_duration(struct loader *loader, const struct yaml_node *node, const char *what,
                   int64_t *ms)
{
    if (node->kind != YAML_SCALAR) {
        diag_error(loader->diag, node->at, "%s must be a duration such as 30m, not %s", what,
                   load_kind(node));
        return false;
    }
    if (!duration_parse_ms(node->text, ms)) {
        report_duration(loader, node, what);
        return false;
    }
    if (*ms < 1000) {
        diag_error(loader->diag, node->at, "%s is shorter than 1s: that is the least", what);
        return false;
    }
    if (*ms > MACHINE_DURATION_MAX_MS) {
        diag_error(loader->diag, node->at, "%s is longer than 3650000d: that is the most", what);
        return false;
    }
    return true;
}

bool load_number(struct loader *loader, const struct yaml_node *node, const char *what,
                 uint32_t least, uint32_t most, uint32_t *number)
{
    uint64_t value = 0;
    bool good =
        node->kind == YAML_SCALAR && !node->quoted && node->text.size > 0 && node->text.size <= 9;
    for (size_t i = 0; good && i < node->text.size; i++) {
        good = is_digit(node->text.data[i]);
        value = value * 10 + (uint64_t)(node->text.data[i] - '0');
    }
    if (!good || value < least || value > most) {
        diag_error(loader->diag, node->at, "%s must be a whole number from %u to %u", what, least,
                   most);
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

uint32_t load_rule(struct loader *loader, struct diag_pos at)
{
    struct rules *rules = loader->rules;
    rules->places = machine_grow(rules->places, rules->rule_count, &rules->rule_capacity,
                                 sizeof(*rules->places));
    rules->places[rules->rule_count] =
        arena_printf(&rules->arena, "%s:%d:%d", at.file, at.line, at.column).data;
    return (uint32_t)rules->rule_count++;
}

static void keep_program(struct rules *rules, struct cel_program *program)
{
    rules->programs = machine_grow(rules->programs, rules->program_count, &rules->program_capacity,
                                   sizeof(struct cel_program *));
    rules->programs[rules->program_count++] = program;
}

#define PROBLEMS_MAX 16

struct expression load_expression(struct loader *loader, const struct yaml_node *node,
                                  const char *what, enum cel_type expect)
{
    struct expression none = {.at = node->at};
    if (node->kind != YAML_SCALAR) {
        diag_error(loader->diag, node->at, "%s must be an expression, not %s", what,
                   load_kind(node));
        return none;
    }
    size_t blanks = strspn(node->text.data, " \t\r\n");
    if (blanks == node->text.size) {
        if (!loader->machine->has_yaml_errors ||
            node->quoted) /* a tag has been reported, and took the text along */
            diag_error(loader->diag, node->at,
                       "%s is empty: write an expression; an empty text is \"''\"", what);
        return none;
    }
    struct cel_problem problems[PROBLEMS_MAX];
    uint32_t problem_count = 0;
    struct cel_program *program =
        cel_compile(node->text, &loader->host, expect, problems, PROBLEMS_MAX, &problem_count);
    for (uint32_t i = 0; i < problem_count && i < PROBLEMS_MAX; i++)
        diag_error(loader->diag, yaml_pos_in(node, problems[i].offset), "%s", problems[i].message);
    if (!program)
        return (struct expression){.text = node->text, .at = node->at};
    keep_program(loader->rules, program);
    /* Not for product_ids(event) and new_order(event): the decoder checks all text of a map that is wanted whole. */
    if (cel_program_loads(program, SLOT_NUMBER(SLOT_EVENT, 0)))
        loader->rules->slot_properties =
            machine_want_path(loader->rules, EVENT_ROOT_PROPERTIES, NULL, 0);
    load_check_calls(loader, node);
    return (struct expression){program, load_rule(loader, node->at), node->text, node->at};
}

struct expression load_guard(struct loader *loader, const struct yaml_node *node)
{
    struct expression guard = load_expression(loader, node, "the guard", CEL_BOOL);
    struct value constant;
    if (guard.program && cel_program_constant(guard.program, &constant) &&
        constant.kind == VALUE_BOOL && !constant.b)
        diag_warning(loader->diag, node->at,
                     "this guard is always false: what it guards never happens");
    return guard;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool load_next_name(struct loader *loader, struct load_names *names, struct slice *name,
                    struct diag_pos *at)
{
    struct slice text = names->node->text;
    while (names->pos <= text.size) {
        size_t begin = names->pos, end = begin;
        while (end < text.size && text.data[end] != ',')
            end++;
        names->pos = end + 1;
        while (begin < end && is_blank(text.data[begin]))
            begin++;
        while (end > begin && is_blank(text.data[end - 1]))
            end--;
        *at = yaml_pos_in(names->node, begin);
        if (begin < end) {
            *name = (struct slice){text.data + begin, end - begin};
            return true;
        }
        diag_error(loader->diag, *at,
                   "an event's name is missing here: names are separated by commas");
    }
    return false;
}

/* Canonical names are snake_case, signal types have dots; letters of other alphabets are as they are. */
static bool is_event_character(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '.' || (signed char)c < 0;
}

/* What the wire name `Product Added` becomes: the hint of a message, not the mapping itself. */
static struct slice snake_case(struct arena *arena, struct slice name)
{
    char *text = arena_alloc(arena, 2 * name.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool upper = c >= 'A' && c <= 'Z';
        if (upper && i > 0 && name.data[i - 1] >= 'a' && name.data[i - 1] <= 'z')
            text[size++] = '_';
        if (upper)
            text[size++] = (char)(c - 'A' + 'a');
        else if (is_event_character(c))
            text[size++] = c;
        else if (size > 0 && text[size - 1] != '_')
            text[size++] = '_';
    }
    while (size > 0 && text[size - 1] == '_')
        size--;
    text[size] = '\0';
    return (struct slice){text, size};
}

bool load_is_event_name(struct loader *loader, struct slice name, struct diag_pos at)
{
    bool good = name.size <= MACHINE_TYPE_SIZE_MAX;
    for (size_t i = 0; good && i < name.size; i++)
        good = is_event_character(name.data[i]);
    if (good)
        return true;
    if (name.size > MACHINE_TYPE_SIZE_MAX) {
        diag_error(loader->diag, at, "the name of an event is too long: at most %d bytes",
                   MACHINE_TYPE_SIZE_MAX);
        return false;
    }
    struct slice right = snake_case(&loader->rules->arena, name);
    diag_error(loader->diag, at, "'%.*s' is not a canonical event name: write '%s'",
               SLICE_ARGS(name), right.size ? right.data : "product_added");
    return false;
}

int32_t load_find_variable(const struct machine *machine, struct slice name)
{
    for (uint32_t i = 0; i < machine->variable_count; i++)
        if (slice_equal(machine->variables[i].name, name))
            return (int32_t)i;
    return -1;
}

int32_t load_find_state(const struct machine *machine, struct slice name)
{
    for (uint32_t i = 0; i < machine->state_count; i++)
        if (slice_equal(machine->states[i].name, name))
            return (int32_t)i;
    return -1;
}

int32_t load_variable(struct loader *loader, const struct yaml_node *node)
{
    const struct machine *machine = loader->machine;
    if (node->kind != YAML_SCALAR || node->text.size == 0) {
        diag_error(loader->diag, node->at, "a variable's name is expected here, not %s",
                   load_kind(node));
        return -1;
    }
    int32_t index = load_find_variable(machine, node->text);
    if (index >= 0)
        return index;
    const char *names[MACHINE_VARIABLES_MAX];
    for (uint32_t i = 0; i < machine->variable_count; i++)
        names[i] = machine->variables[i].name.data;
    const char *nearest = diag_nearest(node->text.data, names, machine->variable_count);
    if (nearest)
        diag_error(loader->diag, node->at, "there is no variable '%.64s': did you mean '%s'?",
                   node->text.data, nearest);
    else
        diag_error(loader->diag, node->at,
                   "there is no variable '%.64s': variables are declared under 'context'",
                   node->text.data);
    return -1;
}
