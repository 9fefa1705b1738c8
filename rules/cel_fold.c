#include "rules/cel_fold.h"

#include "rules/cel_program.h"
#include "rules/cel_value.h"

#define FOLD_STEPS_MAX  (4 * CEL_STEPS_MAX) /* of a whole text: loading must not hang either */
#define FOLD_WEIGHT_MAX (1u << 18)          /* larger constants are made when they are needed */

struct folder {
    struct arena *arena;
    struct cel_report *report;
    uint32_t steps_left;
};

static void fold(struct folder *folder, struct cel_node *node, bool is_certain);

static bool is_literal_bool(const struct cel_node *node, bool b)
{
    return node->kind == NODE_LITERAL && node->constant.kind == VALUE_BOOL && node->constant.b == b;
}

static void become_literal(struct cel_node *node, struct value constant)
{
    node->kind = NODE_LITERAL;
    node->constant = constant;
    node->type = constant.kind;
    node->shape = NULL;
    node->kid_count = 0;
    node->is_dynamic = false;
    node->is_broken = false;
    node->locals = 0;
}

/* `kid` takes the place of the whole node. */
static void become(struct cel_node *node, const struct cel_node *kid)
{
    *node = *kid;
}

/* ---- evaluating ---- */

static struct value no_load(struct cel_activation *activation, uint32_t slot)
{
    (void)activation;
    (void)slot;
    return (struct value){0};
}

/* VALUE_ABSENT where it stays to be evaluated. */
static struct value evaluate(struct folder *folder, const struct cel_node *node)
{
    struct cel_activation activation = {.load = no_load, .arena = folder->arena};
    uint32_t steps = folder->steps_left < CEL_STEPS_MAX ? folder->steps_left : CEL_STEPS_MAX;
    struct cel_program *program = cel_emit(node, folder->arena);
    struct value value = cel_eval_within(program, &activation, steps);
    folder->steps_left -= steps - activation.steps_left;
    /* It may point into the program. */
    if (activation.steps_left == 0 || cel_weight(value, FOLD_WEIGHT_MAX) >= FOLD_WEIGHT_MAX)
        value = (struct value){0};
    else if (value.kind != VALUE_ERROR)
        value = cel_copy_value(folder->arena, value);
    else
        value = cel_error(folder->arena, "%.*s", (int)value.size, value.s);
    cel_free(program);
    return value;
}

static void evaluate_node(struct folder *folder, struct cel_node *node, bool is_certain)
{
    struct value value = folder->steps_left ? evaluate(folder, node) : (struct value){0};
    if (value.kind == VALUE_ABSENT)
        return;
    if (value.kind != VALUE_ERROR) {
        become_literal(node, value);
        return;
    }
    node->is_broken = true;
    if (!is_certain || node->is_reported || !folder->report)
        return;
    cel_report(folder->report, node->offset, "%.*s", (int)value.size, value.s);
    node->is_reported = true;
}

/* ---- what one operand decides ---- */

/* Without looking at the other one, whatever it is: an error would be absorbed. */
static bool fold_logic(struct cel_node *node)
{
    bool decisive = node->kind == NODE_OR;
    for (uint32_t i = 0; i < 2; i++) {
        if (is_literal_bool(node->kids[i], decisive)) {
            become_literal(node, value_bool(decisive));
            return true;
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (is_literal_bool(node->kids[i], !decisive) && node->kids[1 - i]->type == CEL_BOOL) {
            become(node, node->kids[1 - i]);
            return true;
        }
    }
    return false;
}

static bool fold_ternary(struct cel_node *node)
{
    if (is_literal_bool(node->kids[0], true))
        become(node, node->kids[1]);
    else if (is_literal_bool(node->kids[0], false))
        become(node, node->kids[2]);
    else
        return false;
    return true;
}

/* ---- the walk ---- */

/* Is a kid sure to be evaluated, and its error to be the node's, if the node is? */
static bool is_kid_certain(const struct cel_node *node, uint32_t index)
{
    switch ((enum cel_node_kind)node->kind) {
    case NODE_AND:
    case NODE_OR:
        return false;
    case NODE_TERNARY:
    case NODE_LOOP:
        return index == 0;
    case NODE_HOST_CALL:
        return index > 0 || !node->function->by_reference;
    case NODE_LITERAL:
    case NODE_NAME:
    case NODE_SELECT:
    case NODE_HAS:
    case NODE_INDEX:
    case NODE_OPERATOR:
    case NODE_CALL:
    case NODE_METHOD:
    case NODE_LIST:
    case NODE_MAP:
    case NODE_LOAD:
    case NODE_HAS_LOAD:
    case NODE_LOCAL:
    case NODE_BUILTIN:
    case NODE_FAIL:
        break;
    }
    return true;
}

static void fold_kids(struct folder *folder, struct cel_node *node, bool is_certain)
{
    node->is_dynamic = node->kind == NODE_HOST_CALL || node->kind == NODE_LOAD ||
                       node->kind == NODE_HAS_LOAD || node->kind == NODE_FAIL;
    node->locals = node->kind == NODE_LOCAL ? node->locals : 0;
    for (uint32_t i = 0; i < node->kid_count; i++) {
        struct cel_node *kid = node->kids[i];
        if (!kid)
            continue;
        fold(folder, kid, is_certain && is_kid_certain(node, i));
        node->is_dynamic |= kid->is_dynamic;
        node->is_broken |= kid->is_broken;
        node->is_reported |= kid->is_reported;
        node->locals |= kid->locals;
    }
    if (node->kind == NODE_LOOP)
        node->locals &= ~(1u << node->slot);
}

/*
 * && and || and ?: and macros may absorb the errors of their parts, so these are tried all the
 * same.
 */
static bool may_absorb(const struct cel_node *node)
{
    return node->kind == NODE_AND || node->kind == NODE_OR || node->kind == NODE_TERNARY ||
           node->kind == NODE_LOOP;
}

static void fold(struct folder *folder, struct cel_node *node, bool is_certain)
{
    fold_kids(folder, node, is_certain);
    if (node->kind == NODE_LITERAL || node->kind == NODE_LOCAL)
        return;
    if ((node->kind == NODE_AND || node->kind == NODE_OR) && fold_logic(node))
        return;
    if (node->kind == NODE_TERNARY && fold_ternary(node))
        return;
    if (node->is_dynamic || node->locals || (node->is_broken && !may_absorb(node)))
        return;
    node->is_broken = false;
    evaluate_node(folder, node, is_certain);
}

void cel_fold(struct cel_node *tree, struct arena *arena, struct cel_report *report)
{
    struct folder folder = {arena, report, FOLD_STEPS_MAX};
    fold(&folder, tree, true);
}
