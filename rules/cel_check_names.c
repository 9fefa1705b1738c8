/*
 * What the names of a tree stand for: a macro's variable, a type, what the host has; and fields and elements.
 */
#include "core/check.h"
#include "rules/cel_checker.h"

const struct cel_scope *cel_find_local(const struct cel_checker *checker,
                                       const struct cel_node *name)
{
    if (name->is_absolute)
        return NULL;
    for (const struct cel_scope *scope = checker->scope; scope; scope = scope->outer)
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
        text = arena_printf(arena, "%.*s.%.*s", cel_shown(text), text.data,
                            cel_shown(path->segments[i]), path->segments[i].data);
    return text;
}

static void unknown_name(struct cel_checker *checker, struct cel_node *node,
                         const struct path *path, uint32_t right, const char *message)
{
    uint32_t wrong = right < path->count ? right : path->count - 1;
    uint32_t offset = path->nodes[wrong]->offset;
    if (message[0])
        cel_name_problem(checker, node, offset, "%s", message);
    else
        cel_name_problem(checker, node, offset, "there is no '%.*s'",
                         cel_shown(path->segments[wrong]), path->segments[wrong].data);
}

/* True where the node, or the part of it that begins with a name, has been dealt with. */
static bool check_path(struct cel_checker *checker, struct cel_node *node)
{
    struct path path;
    struct cel_binding binding = {0};
    char message[256] = "";
    if (!path_of(node, &path) || cel_find_local(checker, path.nodes[0]))
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

void cel_check_name(struct cel_checker *checker, struct cel_node *node)
{
    const struct cel_scope *local = cel_find_local(checker, node);
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
static const struct cel_shape *check_field(struct cel_checker *checker, uint32_t offset,
                                           const struct cel_node *map, struct slice name)
{
    const struct cel_shape *field;
    char message[256];
    if (!cel_shape_field(map, name, &field, message))
        cel_type_problem(checker, offset, "%s", message);
    return field;
}

void cel_check_select(struct cel_checker *checker, struct cel_node *node)
{
    bool is_test = node->kind == NODE_HAS;
    if (check_path(checker, node))
        return;
    cel_check_kid(checker, node, 0);
    enum cel_type type = cel_shape_type(node->kids[0]);
    if (type != CEL_MAP && type != CEL_DYN)
        cel_type_problem(checker, node->offset, "%s has no field '%.*s'; only maps have fields",
                         cel_type_name(type), cel_shown(node->text), node->text.data);
    const struct cel_shape *field = check_field(checker, node->offset, node->kids[0], node->text);
    cel_shape_set(node, is_test ? cel_shape_plain(CEL_BOOL) : field);
}

/* A key that is known to be of another type than the map's is never there. */
static void check_key(struct cel_checker *checker, const struct cel_node *map,
                      const struct cel_node *index)
{
    const struct cel_shape *key = cel_shape_key(map);
    if (key && !cel_can_equal(key->type, cel_shape_type(index)))
        cel_type_problem(checker, index->offset, "the keys of this map are %s: none is %s",
                         cel_type_name(key->type), cel_type_name(cel_shape_type(index)));
}

void cel_check_index(struct cel_checker *checker, struct cel_node *node)
{
    if (check_path(checker, node))
        return;
    cel_check_kids(checker, node);
    enum cel_type of = cel_shape_type(node->kids[0]);
    enum cel_type index = cel_shape_type(node->kids[1]);
    if (of != CEL_LIST && of != CEL_MAP && of != CEL_DYN)
        cel_type_problem(checker, node->offset, "%s has no elements; only lists and maps have",
                         cel_type_name(of));
    else if (of == CEL_LIST && index != CEL_INT && index != CEL_UINT && index != CEL_DYN)
        cel_type_problem(checker, node->kids[1]->offset, "the index of a list must be int, not %s",
                         cel_type_name(index));
    check_key(checker, node->kids[0], node->kids[1]);
    cel_shape_set(node, is_field(node) ? check_field(checker, node->kids[1]->offset, node->kids[0],
                                                     field_of(node))
                                       : cel_shape_element(node->kids[0]));
}
