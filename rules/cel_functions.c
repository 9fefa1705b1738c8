#include "rules/cel_functions.h"

#include <stdio.h>

#include "core/utf8.h"
#include "rules/cel_regex.h"
#include "rules/cel_value.h"

/*
 * Of text that a function is given: it looks at each byte of it a few times. What costs more is
 * paid for where it is done.
 */
#define BYTES_PER_STEP 32

/* ---- finding and calling ---- */

static const struct cel_builtins *const tables[] = {
    &cel_core_builtins,   &cel_conversion_builtins, &cel_time_builtins,
    &cel_string_builtins, &cel_math_builtins,
};
#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

const struct cel_builtin *cel_builtin_find(enum cel_style style, struct slice name, uint32_t count,
                                           bool *name_known)
{
    *name_known = false;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct cel_builtin *builtin = &tables[i]->items[j];
            if (builtin->style != style || !slice_is(name, builtin->name))
                continue;
            *name_known = true;
            if (count >= builtin->min && count <= builtin->max)
                return builtin;
        }
    }
    return NULL;
}

size_t cel_builtin_names(enum cel_style style, const char **names, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        for (size_t j = 0; j < tables[i]->count && count < max; j++)
            if (tables[i]->items[j].style == style)
                names[count++] = tables[i]->items[j].name;
    return count;
}

uint32_t cel_builtin_takes(const struct cel_builtin *builtin, uint32_t index)
{
    if (index >= CEL_TAKES_MAX)
        index = CEL_TAKES_MAX - 1;
    while (index > 0 && builtin->takes[index] == 0)
        index--;
    return builtin->takes[index];
}

struct value cel_refuse_arguments(struct cel_activation *activation, const char *name,
                                  const struct value *arguments, uint32_t count)
{
    char types[160];
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        if (arguments[i].kind == VALUE_ERROR)
            return arguments[i];
    types[0] = '\0';
    for (uint32_t i = 0; i < count && size < sizeof(types); i++)
        size += (size_t)snprintf(types + size, sizeof(types) - size, "%s%s", i ? ", " : "",
                                 cel_type_name((enum cel_type)arguments[i].kind));
    return cel_fail(activation, "no such overload: %s(%s)", name, types);
}

struct value cel_call_builtin(const struct cel_builtin *builtin, struct cel_activation *activation,
                              const struct value *arguments, uint32_t count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!(cel_builtin_takes(builtin, i) & CEL_BIT(arguments[i].kind)))
            return cel_refuse_arguments(activation, builtin->name, arguments, count);
        if (arguments[i].kind == VALUE_STRING || arguments[i].kind == VALUE_BYTES)
            bytes += arguments[i].size;
    }
    if (bytes >= BYTES_PER_STEP && !cel_spend(activation, bytes / BYTES_PER_STEP))
        return cel_too_many_steps();
    return builtin->call(activation, arguments, count);
}

/* ---- steps and errors ---- */

bool cel_spend(struct cel_activation *activation, uint64_t steps)
{
    if (steps <= activation->steps_left) {
        activation->steps_left -= (uint32_t)steps;
        return true;
    }
    activation->steps_left = 0;
    return false;
}

struct value cel_too_many_steps(void)
{
    return cel_error_literal("the expression takes too many steps");
}

struct value cel_error_literal(const char *text)
{
    return (struct value){.kind = VALUE_ERROR, .size = (uint32_t)strlen(text), .s = text};
}

/* ---- types ---- */

static const char *const type_names[] = {
    [CEL_DYN] = "dyn",
    [CEL_NULL] = "null_type",
    [CEL_BOOL] = "bool",
    [CEL_INT] = "int",
    [CEL_UINT] = "uint",
    [CEL_DOUBLE] = "double",
    [CEL_STRING] = "string",
    [CEL_BYTES] = "bytes",
    [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
    [CEL_DURATION] = "google.protobuf.Duration",
    [CEL_LIST] = "list",
    [CEL_MAP] = "map",
    [CEL_TYPE] = "type",
};

const char *cel_type_name(enum cel_type type)
{
    return (size_t)type < sizeof(type_names) / sizeof(type_names[0]) ? type_names[type] : "error";
}

/* ---- the core functions ---- */

static struct value core_size(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)activation;
    (void)count;
    struct value of = arguments[0];
    if (of.kind == VALUE_BYTES)
        return value_int(of.size);
    if (of.kind != VALUE_STRING)
        return value_int(cel_size(of));
    return value_int((int64_t)utf8_count(value_text(of)));
}

static struct value core_type(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)activation;
    (void)count;
    struct value type = value_string(slice_of(cel_type_name((enum cel_type)arguments[0].kind)));
    type.kind = VALUE_TYPE;
    return type;
}

static struct value core_contains(struct cel_activation *activation, const struct value *arguments,
                                  uint32_t count)
{
    (void)activation;
    (void)count;
    struct value text = arguments[0], part = arguments[1];
    return value_bool(part.size == 0 || memmem(text.s, text.size, part.s, part.size) != NULL);
}

static struct value core_starts_with(struct cel_activation *activation,
                                     const struct value *arguments, uint32_t count)
{
    (void)activation;
    (void)count;
    struct value text = arguments[0], part = arguments[1];
    return value_bool(text.size >= part.size &&
                      slice_equal((struct slice){text.s, part.size}, value_text(part)));
}

static struct value core_ends_with(struct cel_activation *activation, const struct value *arguments,
                                   uint32_t count)
{
    (void)activation;
    (void)count;
    struct value text = arguments[0], part = arguments[1];
    if (text.size < part.size)
        return value_bool(false);
    struct slice end = {text.s + (text.size - part.size), part.size};
    return value_bool(slice_equal(end, value_text(part)));
}

/* With a pattern that is not known before; constant ones are compiled once, at load. */
static struct value core_matches(struct cel_activation *activation, const struct value *arguments,
                                 uint32_t count)
{
    (void)count;
    char message[256];
    if (!cel_spend(activation, 1000 + 16 * (uint64_t)arguments[1].size))
        return cel_too_many_steps();
    struct cel_regex *regex = cel_regex_compile(value_text(arguments[1]), message);
    if (!regex)
        return cel_fail(activation, "%s", message);
    struct value result = cel_regex_match(regex, activation, arguments[0]);
    cel_regex_free(regex);
    return result;
}

#define TEXT  CEL_BIT(CEL_STRING)
#define REGEX (TEXT | CEL_IS_PATTERN)
#define SIZED (TEXT | CEL_BIT(CEL_BYTES) | CEL_BIT(CEL_LIST) | CEL_BIT(CEL_MAP))

static const struct cel_builtin items[] = {
    {"size", CEL_GLOBAL, 1, 1, CEL_INT, {SIZED}, core_size},
    {"size", CEL_METHOD, 1, 1, CEL_INT, {SIZED}, core_size},
    {"type", CEL_GLOBAL, 1, 1, CEL_TYPE, {CEL_ANY}, core_type},
    {"contains", CEL_METHOD, 2, 2, CEL_BOOL, {TEXT}, core_contains},
    {"startsWith", CEL_METHOD, 2, 2, CEL_BOOL, {TEXT}, core_starts_with},
    {"endsWith", CEL_METHOD, 2, 2, CEL_BOOL, {TEXT}, core_ends_with},
    {"matches", CEL_METHOD, 2, 2, CEL_BOOL, {TEXT, REGEX}, core_matches},
    {"matches", CEL_GLOBAL, 2, 2, CEL_BOOL, {TEXT, REGEX}, core_matches},
};

const struct cel_builtins cel_core_builtins = {items, sizeof(items) / sizeof(items[0])};
