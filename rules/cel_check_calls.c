/*
 * Calls of functions and methods: is there one of that name, are these its arguments, and what does it give.
 */
#include <stdio.h>

#include "core/diag.h"
#include "rules/cel_checker.h"
#include "rules/cel_regex.h"
#include "rules/cel_zone.h"

#define NAMES_MAX 128

static const struct cel_function *find_host_function(const struct cel_checker *checker,
                                                     struct slice name)
{
    for (uint32_t i = 0; i < checker->host->function_count; i++)
        if (slice_is(name, checker->host->functions[i].name))
            return &checker->host->functions[i];
    return NULL;
}

static void wrong_count(struct cel_checker *checker, struct cel_node *node, uint32_t given,
                        uint32_t min, uint32_t max)
{
    if (min == max)
        cel_name_problem(checker, node, node->offset, "%.*s() takes %u argument%s, not %u",
                         cel_shown(node->text), node->text.data, min, min == 1 ? "" : "s", given);
    else
        cel_name_problem(checker, node, node->offset, "%.*s() takes %u to %u arguments, not %u",
                         cel_shown(node->text), node->text.data, min, max, given);
}

/* The numbers of arguments that a name takes in any of its forms. */
static void wrong_builtin_count(struct cel_checker *checker, struct cel_node *node,
                                enum cel_style style, struct slice name, uint32_t given)
{
    uint32_t min = UINT32_MAX, max = 0;
    uint32_t receiver = style == CEL_METHOD;
    bool known;
    for (uint32_t count = 0; count <= CEL_ARGUMENTS_MAX; count++) {
        if (!cel_builtin_find(style, name, count, &known))
            continue;
        min = count < min ? count : min;
        max = count;
    }
    wrong_count(checker, node, given - receiver, min - receiver, max - receiver);
}

static void unknown_function(struct cel_checker *checker, struct cel_node *node,
                             enum cel_style style, struct slice name)
{
    const char *names[NAMES_MAX];
    char wrong[64];
    bool other_style;
    size_t count = cel_builtin_names(style, names, NAMES_MAX);
    for (uint32_t i = 0; style == CEL_GLOBAL && i < checker->host->function_count; i++)
        if (count < NAMES_MAX)
            names[count++] = checker->host->functions[i].name;
    snprintf(wrong, sizeof(wrong), "%.*s", cel_shown(name), name.data);
    const char *nearest = diag_nearest(wrong, names, count);
    cel_builtin_find(style == CEL_GLOBAL ? CEL_METHOD : CEL_GLOBAL, name, 0, &other_style);
    other_style |= style == CEL_METHOD && find_host_function(checker, name) != NULL;
    if (other_style)
        cel_name_problem(checker, node, node->offset,
                         style == CEL_GLOBAL ? "write x.%s(...) instead of %s(x, ...)"
                                             : "write %s(x, ...) instead of x.%s(...)",
                         wrong, wrong);
    else if (nearest)
        cel_name_problem(checker, node, node->offset,
                         "there is no function '%s'; did you mean '%s'?", wrong, nearest);
    else
        cel_name_problem(checker, node, node->offset, "there is no function '%s'", wrong);
}

/* "string or bytes" */
static void types_text(uint32_t types, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (enum cel_type type = CEL_NULL; type <= CEL_TYPE && used < size; type++)
        if (types & CEL_BIT(type))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " or " : "",
                                     cel_type_name(type));
}

static void want_types(struct cel_checker *checker, const struct cel_node *call,
                       const struct cel_node *argument, uint32_t types)
{
    char text[160];
    const struct cel_shape *shape = cel_shape_of(argument);
    bool may_be_null = shape && shape->or_null && (types & CEL_BIT(CEL_NULL));
    if (!shape || may_be_null || (types & CEL_BIT(shape->type)))
        return;
    types_text(types, text, sizeof(text));
    cel_type_problem(checker, argument->offset, "%.*s() takes %s here, not %s",
                     cel_shown(call->text), call->text.data, text, cel_type_name(shape->type));
}

/* ---- arguments that are known at load ---- */

/* Of a literal, and in what way it was written: a constant of the host's is named. */
static void wrong_argument(struct cel_checker *checker, const struct cel_node *literal,
                           const char *message)
{
    if (literal->text.size)
        cel_type_problem(checker, literal->offset, "%.*s: %s", cel_shown(literal->text),
                         literal->text.data, message);
    else
        cel_type_problem(checker, literal->offset, "%s", message);
}

/* A pattern is compiled, a zone looked for. */
static bool check_text(uint32_t types, struct slice text, char *message)
{
    struct cel_zone_ref zone;
    if (types & CEL_IS_PATTERN) {
        struct cel_regex *regex = cel_regex_compile(text, message);
        cel_regex_free(regex);
        return regex != NULL;
    }
    if (!(types & CEL_IS_ZONE) || cel_zone_find(text, &zone))
        return true;
    cel_zone_explain(text, message);
    return false;
}

static void check_known_text(struct cel_checker *checker, const struct cel_node *argument,
                             uint32_t types)
{
    char message[256];
    if (argument->kind == NODE_TERNARY) {
        check_known_text(checker, argument->kids[1], types);
        check_known_text(checker, argument->kids[2], types);
    }
    if (argument->kind == NODE_LITERAL && argument->constant.kind == VALUE_STRING &&
        !check_text(types, value_text(argument->constant), message))
        wrong_argument(checker, argument, message);
}

static void check_known_value(struct cel_checker *checker, const struct cel_node *call,
                              uint32_t index, const struct cel_node *literal, bool is_element)
{
    struct value value = literal->constant;
    char message[256];
    if (!call->function->check(index, value, is_element, message))
        wrong_argument(checker, literal, message);
    if (is_element || (value.kind != VALUE_LIST && value.kind != VALUE_MAP) ||
        value.rep != VALUE_REP_ITEMS)
        return;
    uint32_t step = value.kind == VALUE_MAP ? 2 : 1;
    for (uint32_t i = 0; i < value.size; i++)
        if (!call->function->check(index, value.items[step * i], true, message))
            wrong_argument(checker, literal, message);
}

/* What of an argument is known: literals, also as branches of ?: and in lists and maps. */
static void check_known(struct cel_checker *checker, const struct cel_node *call, uint32_t index,
                        const struct cel_node *argument, bool is_element)
{
    if (argument->kind == NODE_LITERAL) {
        check_known_value(checker, call, index, argument, is_element);
    } else if (argument->kind == NODE_TERNARY) {
        check_known(checker, call, index, argument->kids[1], is_element);
        check_known(checker, call, index, argument->kids[2], is_element);
    } else if ((argument->kind == NODE_LIST || argument->kind == NODE_MAP) && !is_element) {
        for (uint32_t i = 0; i < argument->kid_count; i += argument->kind == NODE_MAP ? 2 : 1)
            check_known(checker, call, index, argument->kids[i], true);
    }
}

static void check_builtin(struct cel_checker *checker, struct cel_node *node,
                          const struct cel_builtin *builtin)
{
    cel_check_kids(checker, node);
    for (uint32_t i = 0; i < node->kid_count; i++) {
        uint32_t types = cel_builtin_takes(builtin, i);
        want_types(checker, node, node->kids[i], types);
        check_known_text(checker, node->kids[i], types);
    }
    node->kind = NODE_BUILTIN;
    node->builtin = builtin;
    node->type = (uint8_t)builtin->result;
}

/*
 * The first argument as a whole slot, or, where the function allows it, as a path that is
 * evaluated.
 */
static void check_reference(struct cel_checker *checker, struct cel_node *node)
{
    const struct cel_function *function = node->function;
    struct cel_node *argument = node->kids[0];
    bool is_path = argument->kind == NODE_NAME || argument->kind == NODE_SELECT ||
                   argument->kind == NODE_INDEX;
    cel_check_kid(checker, node, 0);
    node->by_reference = argument->kind == NODE_LOAD;
    if (node->by_reference || (is_path && function->or_path))
        return;
    if (argument->kind == NODE_FAIL) {
        *node = *argument; /* reported already; the function must not see it */
        return;
    }
    cel_name_problem(checker, node, argument->offset, "the first argument of %s() must be %s",
                     function->name,
                     function->or_path ? "a path, such as event.properties.value"
                                       : "a variable, such as context.items");
}

static void set_result(struct cel_node *call)
{
    const struct cel_function *function = call->function;
    const struct cel_node *last = call->kids[call->kid_count - 1];
    enum cel_type type = function->result;
    if (function->gives_default && last->type != CEL_NULL)
        type = (enum cel_type)last->type;
    cel_shape_set(call, function->shape ? function->shape : cel_shape_plain(type));
}

static void check_host_call(struct cel_checker *checker, struct cel_node *node,
                            const struct cel_function *function)
{
    if (node->kid_count != function->argument_count) {
        wrong_count(checker, node, node->kid_count, function->argument_count,
                    function->argument_count);
        return;
    }
    node->kind = NODE_HOST_CALL;
    node->function = function;
    for (uint32_t i = 0; i < function->argument_count && node->kind == NODE_HOST_CALL; i++) {
        if (i == 0 && function->by_reference)
            check_reference(checker, node);
        else
            cel_check_kid(checker, node, i);
        bool has_type = i < 4 && function->arguments[i] != CEL_DYN;
        if (has_type && node->kind == NODE_HOST_CALL)
            want_types(checker, node, node->kids[i], CEL_BIT(function->arguments[i]));
        if (function->check && node->kind == NODE_HOST_CALL)
            check_known(checker, node, i, node->kids[i], false);
    }
    if (node->kind == NODE_HOST_CALL)
        set_result(node);
    node->is_dynamic = true;
}

/* dyn(x) is x, of which nothing is known. */
static void check_dyn(struct cel_checker *checker, struct cel_node *node)
{
    cel_check_kid(checker, node, 0);
    *node = *node->kids[0];
    cel_shape_set(node, NULL);
}

void cel_check_call(struct cel_checker *checker, struct cel_node *node)
{
    bool known;
    const struct cel_function *function = find_host_function(checker, node->text);
    if (function) {
        check_host_call(checker, node, function);
        return;
    }
    if (slice_is(node->text, "dyn") && node->kid_count == 1) {
        check_dyn(checker, node);
        return;
    }
    const struct cel_builtin *builtin =
        cel_builtin_find(CEL_GLOBAL, node->text, node->kid_count, &known);
    if (builtin) {
        check_builtin(checker, node, builtin);
        return;
    }
    cel_check_kids(checker, node); /* for their own mistakes */
    if (known)
        wrong_builtin_count(checker, node, CEL_GLOBAL, node->text, node->kid_count);
    else
        unknown_function(checker, node, CEL_GLOBAL, node->text);
}

/* math.abs(x): a function in a namespace, which looks like a method of a variable. */
static bool check_namespaced(struct cel_checker *checker, struct cel_node *node)
{
    const struct cel_node *space = node->kids[0];
    bool known;
    if (space->kind != NODE_NAME || cel_find_local(checker, space) ||
        (!slice_is(space->text, "math") && !slice_is(space->text, "strings")))
        return false;
    node->text = arena_printf(checker->arena, "%.*s.%.*s", cel_shown(space->text), space->text.data,
                              cel_shown(node->text), node->text.data);
    node->kids++;
    node->kid_count--;
    const struct cel_builtin *builtin =
        cel_builtin_find(CEL_GLOBAL, node->text, node->kid_count, &known);
    if (builtin) {
        check_builtin(checker, node, builtin);
        return true;
    }
    cel_check_kids(checker, node);
    if (known)
        wrong_builtin_count(checker, node, CEL_GLOBAL, node->text, node->kid_count);
    else
        unknown_function(checker, node, CEL_GLOBAL, node->text);
    return true;
}

void cel_check_method(struct cel_checker *checker, struct cel_node *node)
{
    bool known;
    if (check_namespaced(checker, node))
        return;
    const struct cel_builtin *builtin =
        cel_builtin_find(CEL_METHOD, node->text, node->kid_count, &known);
    if (builtin) {
        check_builtin(checker, node, builtin);
        return;
    }
    cel_check_kids(checker, node);
    if (known)
        wrong_builtin_count(checker, node, CEL_METHOD, node->text, node->kid_count);
    else
        unknown_function(checker, node, CEL_METHOD, node->text);
}
