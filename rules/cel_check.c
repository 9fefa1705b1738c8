#include "rules/cel_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "rules/cel_checker.h"

/* ---- mistakes ---- */

void cel_type_problem(struct cel_checker *checker, uint32_t offset, const char *format, ...)
{
    char message[256];
    va_list arguments;
    if (checker->host->bind_late)
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    cel_report(checker->report, offset, "%s", message);
}

void cel_name_problem(struct cel_checker *checker, struct cel_node *node, uint32_t offset,
                      const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (!checker->host->bind_late)
        cel_report(checker->report, offset, "%s", message);
    node->kind = NODE_FAIL;
    cel_shape_set(node, NULL);
    node->is_dynamic = true;
    node->kid_count = 0;
    node->text = arena_copy(checker->arena, slice_of(message));
}

/* ---- kids ---- */

/* What holds of a node because it holds of a kid. */
static void inherit(struct cel_node *node, const struct cel_node *kid)
{
    node->is_dynamic |= kid->is_dynamic;
    node->locals |= kid->locals;
}

void cel_check_kid(struct cel_checker *checker, struct cel_node *node, uint32_t index)
{
    cel_check_node(checker, node->kids[index]);
    inherit(node, node->kids[index]);
}

void cel_check_kids(struct cel_checker *checker, struct cel_node *node)
{
    for (uint32_t i = 0; i < node->kid_count; i++)
        cel_check_kid(checker, node, i);
}

/* Of `what` that has to be true or false. */
static void want_bool(struct cel_checker *checker, const struct cel_node *node, const char *what)
{
    enum cel_type type = cel_shape_type(node);
    if (type != CEL_BOOL && type != CEL_DYN)
        cel_type_problem(checker, node->offset, "%s must be bool, not %s", what,
                         cel_type_name(type));
}

/* ---- operators ---- */

/* What is never in a list whose elements are known, or among keys that are. */
static void check_in(struct cel_checker *checker, const struct cel_node *node)
{
    const struct cel_node *of = node->kids[1];
    bool is_map = cel_shape_type(of) == CEL_MAP;
    const struct cel_shape *element = is_map ? cel_shape_key(of) : cel_shape_element(of);
    enum cel_type what = cel_shape_type(node->kids[0]);
    if (element && !cel_can_equal(element->type, what))
        cel_type_problem(checker, node->offset,
                         is_map ? "the keys of this map are %s: %s is never among them"
                                : "the elements of this list are %s: %s is never among them",
                         cel_type_name(element->type), cel_type_name(what));
}

/* Of two lists one after the other. */
static void set_sum(struct cel_checker *checker, struct cel_node *node)
{
    const struct cel_shape *element =
        cel_shape_join(cel_shape_element(node->kids[0]), cel_shape_element(node->kids[1]));
    cel_shape_set(node, cel_shape_list(checker->arena, element));
}

static void check_operator(struct cel_checker *checker, struct cel_node *node)
{
    char message[256];
    enum cel_type result;
    cel_check_kids(checker, node);
    enum cel_type left = cel_shape_type(node->kids[0]);
    enum cel_type right = node->kid_count > 1 ? cel_shape_type(node->kids[1]) : CEL_DYN;
    if (!cel_operator_check((enum cel_operator)node->op, left, right, &result, message))
        cel_type_problem(checker, node->offset, "%s", message);
    else if (node->op == CEL_IN)
        check_in(checker, node);
    node->type = (uint8_t)result;
    if (result == CEL_LIST && left == right)
        set_sum(checker, node);
}

static void check_logic(struct cel_checker *checker, struct cel_node *node)
{
    cel_check_kids(checker, node);
    for (uint32_t i = 0; i < 2; i++)
        want_bool(checker, node->kids[i],
                  node->kind == NODE_AND ? "what '&&' joins" : "what '||' joins");
    node->type = CEL_BOOL;
}

static void check_ternary(struct cel_checker *checker, struct cel_node *node)
{
    cel_check_kids(checker, node);
    want_bool(checker, node->kids[0], "what stands before '?'");
    cel_shape_set(node, cel_shape_join(cel_shape_of(node->kids[1]), cel_shape_of(node->kids[2])));
}

/* ---- lists and maps ---- */

static void check_list(struct cel_checker *checker, struct cel_node *node)
{
    cel_check_kids(checker, node);
    const struct cel_shape *element = node->kid_count ? cel_shape_of(node->kids[0]) : NULL;
    for (uint32_t i = 1; i < node->kid_count; i++)
        element = cel_shape_join(element, cel_shape_of(node->kids[i]));
    cel_shape_set(node, cel_shape_list(checker->arena, element));
}

static void check_map(struct cel_checker *checker, struct cel_node *node)
{
    cel_check_kids(checker, node);
    for (uint32_t i = 0; i < node->kid_count; i += 2) {
        enum cel_type type = cel_shape_type(node->kids[i]);
        if (type != CEL_STRING && type != CEL_INT && type != CEL_UINT && type != CEL_BOOL &&
            type != CEL_DYN)
            cel_type_problem(checker, node->kids[i]->offset,
                             "%s can't be the key of a map; string, int, uint and bool can",
                             cel_type_name(type));
    }
    node->type = CEL_MAP;
}

/* ---- macros ---- */

static void check_body(struct cel_checker *checker, struct cel_node *node, uint32_t index)
{
    if (!node->kids[index])
        return;
    cel_check_kid(checker, node, index);
    bool is_predicate = node->macro <= MACRO_FILTER || index == 1;
    if (is_predicate)
        want_bool(checker, node->kids[index], "the condition of a macro");
}

/* What a macro with one variable goes over: elements, or keys. */
static const struct cel_shape *shape_of_turn(const struct cel_node *range)
{
    return cel_shape_type(range) == CEL_MAP ? cel_shape_key(range) : cel_shape_element(range);
}

static const struct cel_shape *macro_result(struct cel_checker *checker,
                                            const struct cel_node *node)
{
    switch ((enum cel_macro)node->macro) {
    case MACRO_ALL:
    case MACRO_EXISTS:
    case MACRO_EXISTS_ONE:
        break;
    case MACRO_FILTER:
        return cel_shape_list(checker->arena, shape_of_turn(node->kids[0]));
    case MACRO_MAP:
        return cel_shape_list(checker->arena, cel_shape_of(node->kids[2]));
    case MACRO_TRANSFORM_MAP:
    case MACRO_TRANSFORM_ENTRY:
        return cel_shape_plain(CEL_MAP);
    }
    return cel_shape_plain(CEL_BOOL);
}

static void check_bodies(struct cel_checker *checker, struct cel_node *node)
{
    const struct cel_node *range = node->kids[0];
    const struct cel_scope *outer = checker->scope;
    struct cel_scope first = {.name = node->variables[0], .loop = checker->loops, .outer = outer};
    struct cel_scope second = {
        .name = node->variables[1], .loop = checker->loops, .which = 1, .outer = &first};
    if (!node->has_two)
        first.shape = shape_of_turn(range);
    else
        first.shape =
            cel_shape_type(range) == CEL_LIST ? cel_shape_plain(CEL_INT) : cel_shape_key(range);
    second.shape = cel_shape_element(range);
    checker->scope = node->has_two ? &second : &first;
    checker->loops++;
    for (uint32_t i = 1; i < node->kid_count; i++)
        check_body(checker, node, i);
    checker->loops--;
    checker->scope = outer;
}

static void check_loop(struct cel_checker *checker, struct cel_node *node)
{
    cel_check_kid(checker, node, 0);
    enum cel_type type = cel_shape_type(node->kids[0]);
    if (type != CEL_LIST && type != CEL_MAP && type != CEL_DYN)
        cel_type_problem(checker, node->offset, "%.*s() goes over a list or a map, not over %s",
                         cel_shown(node->text), node->text.data, cel_type_name(type));
    if (checker->loops == CEL_LOOPS_MAX) {
        cel_report(checker->report, node->offset, "more than %d macros within each other",
                   CEL_LOOPS_MAX);
        return;
    }
    node->slot = checker->loops;
    check_bodies(checker, node);
    node->locals &= ~(1u << node->slot);
    cel_shape_set(node, macro_result(checker, node));
}

/* ---- the walk ---- */

void cel_check_node(struct cel_checker *checker, struct cel_node *node)
{
    switch ((enum cel_node_kind)node->kind) {
    case NODE_LITERAL:
        node->type = node->constant.kind;
        break;
    case NODE_NAME:
        cel_check_name(checker, node);
        break;
    case NODE_SELECT:
    case NODE_HAS:
        cel_check_select(checker, node);
        break;
    case NODE_INDEX:
        cel_check_index(checker, node);
        break;
    case NODE_OPERATOR:
        check_operator(checker, node);
        break;
    case NODE_AND:
    case NODE_OR:
        check_logic(checker, node);
        break;
    case NODE_TERNARY:
        check_ternary(checker, node);
        break;
    case NODE_CALL:
        cel_check_call(checker, node);
        break;
    case NODE_METHOD:
        cel_check_method(checker, node);
        break;
    case NODE_LIST:
        check_list(checker, node);
        break;
    case NODE_MAP:
        check_map(checker, node);
        break;
    case NODE_LOOP:
        check_loop(checker, node);
        break;
    case NODE_LOAD:
    case NODE_HAS_LOAD:
    case NODE_LOCAL:
    case NODE_BUILTIN:
    case NODE_HOST_CALL:
    case NODE_FAIL:
        break; /* already found out */
    }
}

void cel_check(struct cel_node *tree, const struct cel_host *host, struct arena *arena,
               struct cel_report *report)
{
    struct cel_checker checker = {.host = host, .arena = arena, .report = report};
    cel_check_node(&checker, tree);
}
