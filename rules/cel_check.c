#include "rules/cel_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/check.h"
#include "core/diag.h"
#include "rules/cel_regex.h"
#include "rules/cel_shape.h"
#include "rules/cel_zone.h"

/* A macro's variable, and those outside of it. */
struct scope {
    struct slice name;
    uint32_t loop;
    uint8_t which;
    const struct cel_shape *shape;
    const struct scope *outer;
};

struct checker {
    const struct cel_host *host;
    struct arena *arena;
    struct cel_report *report;
    const struct scope *scope;
    uint32_t loops; /* macros around the node */
};

static void check(struct checker *checker, struct cel_node *node);

/* ---- mistakes ---- */

static int shown(struct slice text)
{
    return text.size > 60 ? 60 : (int)text.size;
}

/* A mistake in a type. Bound late, it is the evaluation's. */
static void type_problem(struct checker *checker, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void type_problem(struct checker *checker, uint32_t offset, const char *format, ...)
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

/* A mistake in a name: the node can't be evaluated. */
static void fail(struct checker *checker, struct cel_node *node, uint32_t offset,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void fail(struct checker *checker, struct cel_node *node, uint32_t offset,
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

static void check_kid(struct checker *checker, struct cel_node *node, uint32_t index)
{
    check(checker, node->kids[index]);
    inherit(node, node->kids[index]);
}

static void check_kids(struct checker *checker, struct cel_node *node)
{
    for (uint32_t i = 0; i < node->kid_count; i++)
        check_kid(checker, node, i);
}

/* Of `what` that has to be true or false. */
static void want_bool(struct checker *checker, const struct cel_node *node, const char *what)
{
    enum cel_type type = cel_shape_type(node);
    if (type != CEL_BOOL && type != CEL_DYN)
        type_problem(checker, node->offset, "%s must be bool, not %s", what, cel_type_name(type));
}

/* ---- names ---- */

static const struct scope *find_local(const struct checker *checker, const struct cel_node *name)
{
    if (name->is_absolute)
        return NULL;
    for (const struct scope *scope = checker->scope; scope; scope = scope->outer)
        if (slice_equal(scope->name, name->text))
            return scope;
    return NULL;
}

static bool is_field(const struct cel_node *node)
{
    if (node->kind == NODE_INDEX)
        return node->kids[1]->kind == NODE_LITERAL && node->kids[1]->constant.kind == VALUE_STRING;
    return node->kind == NODE_SELECT || node->kind == NODE_HAS;
}

static struct slice field_of(const struct cel_node *node)
{
    return node->kind == NODE_INDEX ? value_text(node->kids[1]->constant) : node->text;
}

/* a.b["c"].d: the nodes from the name on, as far as they are given to the host. */
struct path {
    struct cel_node *nodes[CEL_SEGMENTS_MAX];
    struct slice segments[CEL_SEGMENTS_MAX];
    uint32_t count;
};

static bool path_of(struct cel_node *node, struct path *path)
{
    uint32_t depth = 1;
    struct cel_node *root = node;
    for (; is_field(root); root = root->kids[0])
        depth++;
    if (root->kind != NODE_NAME)
        return false;
    path->count = depth < CEL_SEGMENTS_MAX ? depth : CEL_SEGMENTS_MAX;
    for (; depth > 1; depth--, node = node->kids[0]) {
        if (depth > CEL_SEGMENTS_MAX)
            continue;
        path->nodes[depth - 1] = node;
        path->segments[depth - 1] = field_of(node);
    }
    path->nodes[0] = root;
    path->segments[0] = root->text;
    return true;
}

static bool find_type(const struct path *path, struct cel_binding *binding)
{
    bool is_long = path->count >= 3 && slice_is(path->segments[0], "google") &&
                   slice_is(path->segments[1], "protobuf");
    for (enum cel_type type = CEL_NULL; type <= CEL_TYPE; type++) {
        const char *name = cel_type_name(type);
        bool has_package = strncmp(name, "google.protobuf.", 16) == 0;
        if (!slice_is(path->segments[is_long ? 2 : 0], has_package ? name + 16 : name) ||
            has_package != is_long)
            continue;
        *binding = (struct cel_binding){.consumed = is_long ? 3 : 1, .is_constant = true};
        binding->constant = value_string(slice_of(name));
        binding->constant.kind = VALUE_TYPE;
        return true;
    }
    return false;
}

static void bind_constant(struct cel_node *node, struct value constant)
{
    node->constant = node->kind == NODE_HAS ? value_bool(true) : constant;
    node->kind = NODE_LITERAL;
    node->type = node->constant.kind;
    node->kid_count = 0;
}

static void bind_slot(struct cel_node *node, const struct cel_binding *binding)
{
    bool is_test = node->kind == NODE_HAS;
    node->kind = is_test ? NODE_HAS_LOAD : NODE_LOAD;
    node->type = (uint8_t)(is_test ? CEL_BOOL : binding->type);
    node->shape = is_test ? NULL : binding->shape;
    node->slot = binding->slot;
    node->is_dynamic = true;
    node->kid_count = 0;
}

/* For the message of what is absent: the path as it would be written. */
static struct slice path_text(struct arena *arena, const struct path *path, uint32_t count)
{
    struct slice text = path->segments[0];
    for (uint32_t i = 1; i < count; i++)
        text = arena_printf(arena, "%.*s.%.*s", shown(text), text.data, shown(path->segments[i]),
                            path->segments[i].data);
    return text;
}

static void unknown_name(struct checker *checker, struct cel_node *node, const struct path *path,
                         uint32_t right, const char *message)
{
    uint32_t wrong = right < path->count ? right : path->count - 1;
    uint32_t offset = path->nodes[wrong]->offset;
    if (message[0])
        fail(checker, node, offset, "%s", message);
    else
        fail(checker, node, offset, "there is no '%.*s'", shown(path->segments[wrong]),
             path->segments[wrong].data);
}

/* True where the node, or the part of it that begins with a name, has been dealt with. */
static bool check_path(struct checker *checker, struct cel_node *node)
{
    struct path path;
    struct cel_binding binding = {0};
    char message[256] = "";
    if (!path_of(node, &path) || find_local(checker, path.nodes[0]))
        return false;
    if (!find_type(&path, &binding) && !checker->host->resolve(checker->host->self, path.segments,
                                                               path.count, &binding, message)) {
        unknown_name(checker, node, &path, binding.consumed, message);
        return true;
    }
    CHECK(binding.consumed >= 1 && binding.consumed <= path.count);
    struct cel_node *bound = path.nodes[binding.consumed - 1];
    bound->text = path_text(checker->arena, &path, binding.consumed);
    if (binding.is_constant)
        bind_constant(bound, binding.constant);
    else
        bind_slot(bound, &binding);
    return bound == node;
}

static void check_name(struct checker *checker, struct cel_node *node)
{
    const struct scope *local = find_local(checker, node);
    if (!local) {
        check_path(checker, node);
        return;
    }
    node->kind = NODE_LOCAL;
    node->slot = local->loop;
    node->op = local->which;
    cel_shape_set(node, local->shape);
    node->locals = 1u << local->loop;
}

/* The shape of a map's field whose name is known. */
static const struct cel_shape *check_field(struct checker *checker, uint32_t offset,
                                           const struct cel_node *map, struct slice name)
{
    const struct cel_shape *field;
    char message[256];
    if (!cel_shape_field(map, name, &field, message))
        type_problem(checker, offset, "%s", message);
    return field;
}

static void check_select(struct checker *checker, struct cel_node *node)
{
    bool is_test = node->kind == NODE_HAS;
    if (check_path(checker, node))
        return;
    check_kid(checker, node, 0);
    enum cel_type type = cel_shape_type(node->kids[0]);
    if (type != CEL_MAP && type != CEL_DYN)
        type_problem(checker, node->offset, "%s has no field '%.*s'; only maps have fields",
                     cel_type_name(type), shown(node->text), node->text.data);
    const struct cel_shape *field = check_field(checker, node->offset, node->kids[0], node->text);
    cel_shape_set(node, is_test ? cel_shape_plain(CEL_BOOL) : field);
}

/* A key that is known to be of another type than the map's is never there. */
static void check_key(struct checker *checker, const struct cel_node *map,
                      const struct cel_node *index)
{
    const struct cel_shape *key = cel_shape_key(map);
    if (key && !cel_can_equal(key->type, cel_shape_type(index)))
        type_problem(checker, index->offset, "the keys of this map are %s: none is %s",
                     cel_type_name(key->type), cel_type_name(cel_shape_type(index)));
}

static void check_index(struct checker *checker, struct cel_node *node)
{
    if (check_path(checker, node))
        return;
    check_kids(checker, node);
    enum cel_type of = cel_shape_type(node->kids[0]);
    enum cel_type index = cel_shape_type(node->kids[1]);
    if (of != CEL_LIST && of != CEL_MAP && of != CEL_DYN)
        type_problem(checker, node->offset, "%s has no elements; only lists and maps have",
                     cel_type_name(of));
    else if (of == CEL_LIST && index != CEL_INT && index != CEL_UINT && index != CEL_DYN)
        type_problem(checker, node->kids[1]->offset, "the index of a list must be int, not %s",
                     cel_type_name(index));
    check_key(checker, node->kids[0], node->kids[1]);
    cel_shape_set(node, is_field(node) ? check_field(checker, node->kids[1]->offset, node->kids[0],
                                                     field_of(node))
                                       : cel_shape_element(node->kids[0]));
}

/* ---- operators ---- */

/* What is never in a list whose elements are known, or among keys that are. */
static void check_in(struct checker *checker, const struct cel_node *node)
{
    const struct cel_node *of = node->kids[1];
    bool is_map = cel_shape_type(of) == CEL_MAP;
    const struct cel_shape *element = is_map ? cel_shape_key(of) : cel_shape_element(of);
    enum cel_type what = cel_shape_type(node->kids[0]);
    if (element && !cel_can_equal(element->type, what))
        type_problem(checker, node->offset,
                     is_map ? "the keys of this map are %s: %s is never among them"
                            : "the elements of this list are %s: %s is never among them",
                     cel_type_name(element->type), cel_type_name(what));
}

/* Of two lists one after the other. */
static void set_sum(struct checker *checker, struct cel_node *node)
{
    const struct cel_shape *element =
        cel_shape_join(cel_shape_element(node->kids[0]), cel_shape_element(node->kids[1]));
    cel_shape_set(node, cel_shape_list(checker->arena, element));
}

static void check_operator(struct checker *checker, struct cel_node *node)
{
    char message[256];
    enum cel_type result;
    check_kids(checker, node);
    enum cel_type left = cel_shape_type(node->kids[0]);
    enum cel_type right = node->kid_count > 1 ? cel_shape_type(node->kids[1]) : CEL_DYN;
    if (!cel_operator_check((enum cel_operator)node->op, left, right, &result, message))
        type_problem(checker, node->offset, "%s", message);
    else if (node->op == CEL_IN)
        check_in(checker, node);
    node->type = (uint8_t)result;
    if (result == CEL_LIST && left == right)
        set_sum(checker, node);
}

static void check_logic(struct checker *checker, struct cel_node *node)
{
    check_kids(checker, node);
    for (uint32_t i = 0; i < 2; i++)
        want_bool(checker, node->kids[i],
                  node->kind == NODE_AND ? "what '&&' joins" : "what '||' joins");
    node->type = CEL_BOOL;
}

static void check_ternary(struct checker *checker, struct cel_node *node)
{
    check_kids(checker, node);
    want_bool(checker, node->kids[0], "what stands before '?'");
    cel_shape_set(node, cel_shape_join(cel_shape_of(node->kids[1]), cel_shape_of(node->kids[2])));
}

/* ---- lists and maps ---- */

static void check_list(struct checker *checker, struct cel_node *node)
{
    check_kids(checker, node);
    const struct cel_shape *element = node->kid_count ? cel_shape_of(node->kids[0]) : NULL;
    for (uint32_t i = 1; i < node->kid_count; i++)
        element = cel_shape_join(element, cel_shape_of(node->kids[i]));
    cel_shape_set(node, cel_shape_list(checker->arena, element));
}

static void check_map(struct checker *checker, struct cel_node *node)
{
    check_kids(checker, node);
    for (uint32_t i = 0; i < node->kid_count; i += 2) {
        enum cel_type type = cel_shape_type(node->kids[i]);
        if (type != CEL_STRING && type != CEL_INT && type != CEL_UINT && type != CEL_BOOL &&
            type != CEL_DYN)
            type_problem(checker, node->kids[i]->offset,
                         "%s can't be the key of a map; string, int, uint and bool can",
                         cel_type_name(type));
    }
    node->type = CEL_MAP;
}

/* ---- macros ---- */

static void check_body(struct checker *checker, struct cel_node *node, uint32_t index)
{
    if (!node->kids[index])
        return;
    check_kid(checker, node, index);
    bool is_predicate = node->macro <= MACRO_FILTER || index == 1;
    if (is_predicate)
        want_bool(checker, node->kids[index], "the condition of a macro");
}

/* What a macro with one variable goes over: elements, or keys. */
static const struct cel_shape *shape_of_turn(const struct cel_node *range)
{
    return cel_shape_type(range) == CEL_MAP ? cel_shape_key(range) : cel_shape_element(range);
}

static const struct cel_shape *macro_result(struct checker *checker, const struct cel_node *node)
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

static void check_bodies(struct checker *checker, struct cel_node *node)
{
    const struct cel_node *range = node->kids[0];
    const struct scope *outer = checker->scope;
    struct scope first = {.name = node->variables[0], .loop = checker->loops, .outer = outer};
    struct scope second = {
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

static void check_loop(struct checker *checker, struct cel_node *node)
{
    check_kid(checker, node, 0);
    enum cel_type type = cel_shape_type(node->kids[0]);
    if (type != CEL_LIST && type != CEL_MAP && type != CEL_DYN)
        type_problem(checker, node->offset, "%.*s() goes over a list or a map, not over %s",
                     shown(node->text), node->text.data, cel_type_name(type));
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

/* ---- functions ---- */

#define NAMES_MAX 128

static const struct cel_function *find_host_function(const struct checker *checker,
                                                     struct slice name)
{
    for (uint32_t i = 0; i < checker->host->function_count; i++)
        if (slice_is(name, checker->host->functions[i].name))
            return &checker->host->functions[i];
    return NULL;
}

static void wrong_count(struct checker *checker, struct cel_node *node, uint32_t given,
                        uint32_t min, uint32_t max)
{
    if (min == max)
        fail(checker, node, node->offset, "%.*s() takes %u argument%s, not %u", shown(node->text),
             node->text.data, min, min == 1 ? "" : "s", given);
    else
        fail(checker, node, node->offset, "%.*s() takes %u to %u arguments, not %u",
             shown(node->text), node->text.data, min, max, given);
}

/* The numbers of arguments that a name takes in any of its forms. */
static void wrong_builtin_count(struct checker *checker, struct cel_node *node,
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

static void unknown_function(struct checker *checker, struct cel_node *node, enum cel_style style,
                             struct slice name)
{
    const char *names[NAMES_MAX];
    char wrong[64];
    bool other_style;
    size_t count = cel_builtin_names(style, names, NAMES_MAX);
    for (uint32_t i = 0; style == CEL_GLOBAL && i < checker->host->function_count; i++)
        if (count < NAMES_MAX)
            names[count++] = checker->host->functions[i].name;
    snprintf(wrong, sizeof(wrong), "%.*s", shown(name), name.data);
    const char *nearest = diag_nearest(wrong, names, count);
    cel_builtin_find(style == CEL_GLOBAL ? CEL_METHOD : CEL_GLOBAL, name, 0, &other_style);
    other_style |= style == CEL_METHOD && find_host_function(checker, name) != NULL;
    if (other_style)
        fail(checker, node, node->offset,
             style == CEL_GLOBAL ? "write x.%s(...) instead of %s(x, ...)"
                                 : "write %s(x, ...) instead of x.%s(...)",
             wrong, wrong);
    else if (nearest)
        fail(checker, node, node->offset, "there is no function '%s'; did you mean '%s'?", wrong,
             nearest);
    else
        fail(checker, node, node->offset, "there is no function '%s'", wrong);
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

static void want_types(struct checker *checker, const struct cel_node *call,
                       const struct cel_node *argument, uint32_t types)
{
    char text[160];
    const struct cel_shape *shape = cel_shape_of(argument);
    bool may_be_null = shape && shape->or_null && (types & CEL_BIT(CEL_NULL));
    if (!shape || may_be_null || (types & CEL_BIT(shape->type)))
        return;
    types_text(types, text, sizeof(text));
    type_problem(checker, argument->offset, "%.*s() takes %s here, not %s", shown(call->text),
                 call->text.data, text, cel_type_name(shape->type));
}

/* ---- arguments that are known at load ---- */

/* Of a literal, and in what way it was written: a constant of the host's is named. */
static void wrong_argument(struct checker *checker, const struct cel_node *literal,
                           const char *message)
{
    if (literal->text.size)
        type_problem(checker, literal->offset, "%.*s: %s", shown(literal->text), literal->text.data,
                     message);
    else
        type_problem(checker, literal->offset, "%s", message);
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

static void check_known_text(struct checker *checker, const struct cel_node *argument,
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

static void check_known_value(struct checker *checker, const struct cel_node *call, uint32_t index,
                              const struct cel_node *literal, bool is_element)
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
static void check_known(struct checker *checker, const struct cel_node *call, uint32_t index,
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

static void check_builtin(struct checker *checker, struct cel_node *node,
                          const struct cel_builtin *builtin)
{
    check_kids(checker, node);
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
static void check_reference(struct checker *checker, struct cel_node *node)
{
    const struct cel_function *function = node->function;
    struct cel_node *argument = node->kids[0];
    bool is_path = argument->kind == NODE_NAME || argument->kind == NODE_SELECT ||
                   argument->kind == NODE_INDEX;
    check_kid(checker, node, 0);
    node->by_reference = argument->kind == NODE_LOAD;
    if (node->by_reference || (is_path && function->or_path))
        return;
    if (argument->kind == NODE_FAIL) {
        *node = *argument; /* reported already; the function must not see it */
        return;
    }
    fail(checker, node, argument->offset, "the first argument of %s() must be %s", function->name,
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

static void check_host_call(struct checker *checker, struct cel_node *node,
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
            check_kid(checker, node, i);
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
static void check_dyn(struct checker *checker, struct cel_node *node)
{
    check_kid(checker, node, 0);
    *node = *node->kids[0];
    cel_shape_set(node, NULL);
}

static void check_call(struct checker *checker, struct cel_node *node)
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
    check_kids(checker, node); /* for their own mistakes */
    if (known)
        wrong_builtin_count(checker, node, CEL_GLOBAL, node->text, node->kid_count);
    else
        unknown_function(checker, node, CEL_GLOBAL, node->text);
}

/* math.abs(x): a function in a namespace, which looks like a method of a variable. */
static bool check_namespaced(struct checker *checker, struct cel_node *node)
{
    const struct cel_node *space = node->kids[0];
    bool known;
    if (space->kind != NODE_NAME || find_local(checker, space) ||
        (!slice_is(space->text, "math") && !slice_is(space->text, "strings")))
        return false;
    node->text = arena_printf(checker->arena, "%.*s.%.*s", shown(space->text), space->text.data,
                              shown(node->text), node->text.data);
    node->kids++;
    node->kid_count--;
    const struct cel_builtin *builtin =
        cel_builtin_find(CEL_GLOBAL, node->text, node->kid_count, &known);
    if (builtin) {
        check_builtin(checker, node, builtin);
        return true;
    }
    check_kids(checker, node);
    if (known)
        wrong_builtin_count(checker, node, CEL_GLOBAL, node->text, node->kid_count);
    else
        unknown_function(checker, node, CEL_GLOBAL, node->text);
    return true;
}

static void check_method(struct checker *checker, struct cel_node *node)
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
    check_kids(checker, node);
    if (known)
        wrong_builtin_count(checker, node, CEL_METHOD, node->text, node->kid_count);
    else
        unknown_function(checker, node, CEL_METHOD, node->text);
}

static void check(struct checker *checker, struct cel_node *node)
{
    switch ((enum cel_node_kind)node->kind) {
    case NODE_LITERAL:
        node->type = node->constant.kind;
        break;
    case NODE_NAME:
        check_name(checker, node);
        break;
    case NODE_SELECT:
    case NODE_HAS:
        check_select(checker, node);
        break;
    case NODE_INDEX:
        check_index(checker, node);
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
        check_call(checker, node);
        break;
    case NODE_METHOD:
        check_method(checker, node);
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
    struct checker checker = {.host = host, .arena = arena, .report = report};
    check(&checker, tree);
}
