/*
 * From the tree to instructions. What the tree points to dies with its arena, so everything that
 * the program keeps is copied into its one block at the end.
 */
#include <stdlib.h>

#include "core/check.h"
#include "rules/cel_program.h"
#include "rules/cel_regex.h"
#include "rules/cel_shape.h"
#include "rules/cel_tree.h"
#include "rules/cel_value.h"

/* A growing array in the scratch arena. */
struct array {
    char *items;
    uint32_t count, capacity;
    size_t item_size;
};

struct emitter {
    struct arena *arena;
    struct array code, constants, loads, calls, regexes;
    uint32_t depth, depth_max; /* of the stack */
    uint32_t loop_count;
};

static void emit(struct emitter *emitter, const struct cel_node *node);

/* ---- arrays ---- */

static uint32_t array_add(struct emitter *emitter, struct array *array, const void *item)
{
    if (array->count == array->capacity) {
        uint32_t capacity = array->capacity ? array->capacity * 2 : 8;
        char *items = arena_alloc(emitter->arena, capacity * array->item_size);
        if (array->count)
            memcpy(items, array->items, array->count * array->item_size);
        array->items = items;
        array->capacity = capacity;
    }
    memcpy(array->items + array->count * array->item_size, item, array->item_size);
    return array->count++;
}

static uint32_t add_constant(struct emitter *emitter, struct value value)
{
    return array_add(emitter, &emitter->constants, &value);
}

/* ---- instructions ---- */

static void push(struct emitter *emitter, uint32_t count)
{
    emitter->depth += count;
    if (emitter->depth > emitter->depth_max)
        emitter->depth_max = emitter->depth;
}

static void pop(struct emitter *emitter, uint32_t count)
{
    CHECK(emitter->depth >= count);
    emitter->depth -= count;
}

static uint32_t add_code(struct emitter *emitter, enum cel_code code, uint32_t count, uint32_t arg)
{
    struct cel_instruction instruction = {
        .code = (uint8_t)code, .count = (uint8_t)count, .arg = arg};
    return array_add(emitter, &emitter->code, &instruction);
}

static struct cel_instruction *code_at(struct emitter *emitter, uint32_t index)
{
    return (struct cel_instruction *)(void *)emitter->code.items + index;
}

/* The jump at `index` goes to what comes next. */
static void land(struct emitter *emitter, uint32_t index)
{
    code_at(emitter, index)->arg = emitter->code.count;
}

static void emit_constant(struct emitter *emitter, struct value value)
{
    add_code(emitter, CODE_CONSTANT, 0, add_constant(emitter, value));
    push(emitter, 1);
}

static struct value error_of(struct slice message)
{
    struct value error = value_string(message);
    error.kind = VALUE_ERROR;
    return error;
}

static struct value no_such_key(struct emitter *emitter, struct slice name)
{
    return error_of(arena_printf(emitter->arena, "no such key: %.*s",
                                 name.size > 200 ? 200 : (int)name.size, name.data));
}

/* ---- names ---- */

static uint32_t add_load(struct emitter *emitter, const struct cel_node *node)
{
    struct cel_slot slot = {node->slot, no_such_key(emitter, node->text)};
    return array_add(emitter, &emitter->loads, &slot);
}

static void emit_load(struct emitter *emitter, const struct cel_node *node)
{
    add_code(emitter, CODE_LOAD, 0, add_load(emitter, node));
    push(emitter, 1);
}

static void emit_has_load(struct emitter *emitter, const struct cel_node *node)
{
    add_code(emitter, CODE_HAS_LOAD, 0, node->slot);
    push(emitter, 1);
}

static void emit_local(struct emitter *emitter, const struct cel_node *node)
{
    add_code(emitter, CODE_LOCAL, node->op, node->slot);
    push(emitter, 1);
}

static void emit_select(struct emitter *emitter, const struct cel_node *node)
{
    emit(emitter, node->kids[0]);
    uint32_t field = add_constant(emitter, value_string(node->text));
    add_constant(emitter, no_such_key(emitter, node->text));
    add_code(emitter, node->kind == NODE_HAS ? CODE_HAS_SELECT : CODE_SELECT, 0, field);
}

static void emit_index(struct emitter *emitter, const struct cel_node *node)
{
    emit(emitter, node->kids[0]);
    emit(emitter, node->kids[1]);
    add_code(emitter, CODE_INDEX, 0, 0);
    pop(emitter, 1);
}

/* ---- operators ---- */

static void emit_operator(struct emitter *emitter, const struct cel_node *node)
{
    emit(emitter, node->kids[0]);
    const struct cel_node *right = node->kid_count > 1 ? node->kids[1] : NULL;
    if (!right) {
        add_code(emitter, CODE_UNARY, node->op, 0);
    } else if (right->kind == NODE_LITERAL) {
        add_code(emitter, CODE_BINARY_CONSTANT, node->op, add_constant(emitter, right->constant));
    } else if (right->kind == NODE_LOAD) {
        add_code(emitter, CODE_BINARY_LOAD, node->op, add_load(emitter, right));
    } else {
        emit(emitter, right);
        add_code(emitter, CODE_BINARY, node->op, 0);
        pop(emitter, 1);
    }
}

static void emit_logic(struct emitter *emitter, const struct cel_node *node)
{
    bool is_and = node->kind == NODE_AND;
    emit(emitter, node->kids[0]);
    uint32_t jump = add_code(emitter, is_and ? CODE_JUMP_FALSE : CODE_JUMP_TRUE, 0, 0);
    emit(emitter, node->kids[1]);
    add_code(emitter, is_and ? CODE_AND : CODE_OR, 0, 0);
    pop(emitter, 1);
    land(emitter, jump);
}

/* One of the two branches leaves a value, so both count from the same depth. */
static void emit_ternary(struct emitter *emitter, const struct cel_node *node)
{
    emit(emitter, node->kids[0]);
    uint32_t no_bool = add_code(emitter, CODE_JUMP_NO_BOOL, 0, 0);
    uint32_t branch = add_code(emitter, CODE_BRANCH, 0, 0);
    pop(emitter, 1);
    emit(emitter, node->kids[1]);
    uint32_t end = add_code(emitter, CODE_JUMP, 0, 0);
    pop(emitter, 1);
    land(emitter, branch);
    emit(emitter, node->kids[2]);
    land(emitter, end);
    land(emitter, no_bool);
}

static void emit_kids(struct emitter *emitter, const struct cel_node *node)
{
    for (uint32_t i = 0; i < node->kid_count; i++)
        emit(emitter, node->kids[i]);
}

static void emit_literal_container(struct emitter *emitter, const struct cel_node *node)
{
    bool is_map = node->kind == NODE_MAP;
    emit_kids(emitter, node);
    add_code(emitter, is_map ? CODE_MAP : CODE_LIST, 0,
             is_map ? node->kid_count / 2 : node->kid_count);
    pop(emitter, node->kid_count);
    push(emitter, 1);
}

/* ---- calls ---- */

static bool emit_match(struct emitter *emitter, const struct cel_node *node)
{
    char message[256];
    if (strcmp(node->builtin->name, "matches") != 0 || node->kids[1]->kind != NODE_LITERAL ||
        node->kids[1]->constant.kind != VALUE_STRING)
        return false;
    struct cel_regex *regex = cel_regex_compile(value_text(node->kids[1]->constant), message);
    if (!regex)
        return false; /* an error of each evaluation */
    emit(emitter, node->kids[0]);
    add_code(emitter, CODE_MATCH, 0, array_add(emitter, &emitter->regexes, &regex));
    return true;
}

static void emit_builtin(struct emitter *emitter, const struct cel_node *node)
{
    struct cel_call call = {.builtin = node->builtin};
    if (emit_match(emitter, node))
        return;
    emit_kids(emitter, node);
    add_code(emitter, CODE_BUILTIN, node->kid_count, array_add(emitter, &emitter->calls, &call));
    pop(emitter, node->kid_count);
    push(emitter, 1);
}

static struct value reference_to(const struct cel_node *load)
{
    struct value slot = value_int(load->slot);
    slot.aux = CEL_REFERENCE;
    return slot;
}

/* The first argument of a function that takes a reference. */
static void emit_reference(struct emitter *emitter, const struct cel_node *node)
{
    if (node->by_reference) {
        emit_constant(emitter, reference_to(node->kids[0]));
        return;
    }
    emit(emitter, node->kids[0]);
    add_code(emitter, CODE_ABSENT, 0, 0);
}

/* get(event.properties.rating, 0.0): nothing is left to evaluate before the call. */
static bool emit_constant_call(struct emitter *emitter, const struct cel_node *node)
{
    struct cel_call call = {.function = node->function, .first = emitter->constants.count};
    for (uint32_t i = node->by_reference; i < node->kid_count; i++)
        if (node->kids[i]->kind != NODE_LITERAL)
            return false;
    for (uint32_t i = 0; i < node->kid_count; i++)
        add_constant(emitter, i == 0 && node->by_reference ? reference_to(node->kids[0])
                                                           : node->kids[i]->constant);
    add_code(emitter, CODE_HOST_CONSTANT, node->kid_count,
             array_add(emitter, &emitter->calls, &call));
    push(emitter, 1);
    return true;
}

static void emit_host_call(struct emitter *emitter, const struct cel_node *node)
{
    struct cel_call call = {.function = node->function};
    if (emit_constant_call(emitter, node))
        return;
    for (uint32_t i = 0; i < node->kid_count; i++) {
        if (i == 0 && node->function->by_reference)
            emit_reference(emitter, node);
        else
            emit(emitter, node->kids[i]);
    }
    add_code(emitter, CODE_HOST, node->kid_count, array_add(emitter, &emitter->calls, &call));
    pop(emitter, node->kid_count);
    push(emitter, 1);
}

/* ---- macros ---- */

static void emit_loop_end(struct emitter *emitter, const struct cel_node *node, uint32_t next)
{
    static const enum cel_code codes[] = {
        [MACRO_ALL] = CODE_LOOP_ALL,
        [MACRO_EXISTS] = CODE_LOOP_EXISTS,
        [MACRO_EXISTS_ONE] = CODE_LOOP_ONE,
        [MACRO_FILTER] = CODE_LOOP_APPEND,
        [MACRO_MAP] = CODE_LOOP_APPEND,
        [MACRO_TRANSFORM_MAP] = CODE_LOOP_PUT,
        [MACRO_TRANSFORM_ENTRY] = CODE_LOOP_MERGE,
    };
    add_code(emitter, codes[node->macro], node->slot, next);
    pop(emitter, 1);
}

static void emit_predicate(struct emitter *emitter, const struct cel_node *node, uint32_t next)
{
    emit(emitter, node->kids[1]);
    add_code(emitter, CODE_LOOP_FILTER, node->slot, next);
    pop(emitter, 1);
}

/* What is evaluated for each element; the value that ends it is left on the stack. */
static void emit_body(struct emitter *emitter, const struct cel_node *node, uint32_t next)
{
    if (node->macro <= MACRO_EXISTS_ONE) {
        emit(emitter, node->kids[1]);
        return;
    }
    if (node->kids[1])
        emit_predicate(emitter, node, next);
    if (node->macro != MACRO_FILTER) {
        emit(emitter, node->kids[2]);
        return;
    }
    add_code(emitter, CODE_LOCAL, 0, node->slot);
    push(emitter, 1);
}

#define INSTRUCTIONS_PER_STEP 8

/* What one turn of a loop costs, so that a long body is no way around the bound. */
static uint16_t turn_price(uint32_t instructions)
{
    uint32_t price = 1 + instructions / INSTRUCTIONS_PER_STEP;
    return (uint16_t)(price < UINT16_MAX ? price : UINT16_MAX);
}

static void emit_loop(struct emitter *emitter, const struct cel_node *node)
{
    emit(emitter, node->kids[0]);
    uint32_t open = add_code(emitter, CODE_LOOP_OPEN, node->slot, 0);
    code_at(emitter, open)->macro =
        (uint16_t)(node->macro | (node->has_two ? CEL_LOOP_HAS_TWO : 0));
    pop(emitter, 1);
    if (node->slot + 1 > emitter->loop_count)
        emitter->loop_count = node->slot + 1;
    uint32_t next = add_code(emitter, CODE_LOOP_NEXT, node->slot, 0);
    emit_body(emitter, node, next);
    emit_loop_end(emitter, node, next);
    land(emitter, next);
    code_at(emitter, next)->macro = turn_price(emitter->code.count - next);
    uint32_t result = add_code(emitter, CODE_LOOP_RESULT, node->slot, 0);
    code_at(emitter, result)->macro = node->macro;
    push(emitter, 1);
    land(emitter, open);
}

static void emit(struct emitter *emitter, const struct cel_node *node)
{
    switch ((enum cel_node_kind)node->kind) {
    case NODE_LITERAL:
        emit_constant(emitter, node->constant);
        break;
    case NODE_LOAD:
        emit_load(emitter, node);
        break;
    case NODE_HAS_LOAD:
        emit_has_load(emitter, node);
        break;
    case NODE_LOCAL:
        emit_local(emitter, node);
        break;
    case NODE_SELECT:
    case NODE_HAS:
        emit_select(emitter, node);
        break;
    case NODE_INDEX:
        emit_index(emitter, node);
        break;
    case NODE_OPERATOR:
        emit_operator(emitter, node);
        break;
    case NODE_AND:
    case NODE_OR:
        emit_logic(emitter, node);
        break;
    case NODE_TERNARY:
        emit_ternary(emitter, node);
        break;
    case NODE_LIST:
    case NODE_MAP:
        emit_literal_container(emitter, node);
        break;
    case NODE_LOOP:
        emit_loop(emitter, node);
        break;
    case NODE_BUILTIN:
        emit_builtin(emitter, node);
        break;
    case NODE_HOST_CALL:
        emit_host_call(emitter, node);
        break;
    case NODE_FAIL:
        emit_constant(emitter, error_of(node->text));
        break;
    case NODE_NAME:
    case NODE_CALL:
    case NODE_METHOD:
        CHECK(node->kind == NODE_FAIL); /* the checker leaves none of these */
        break;
    }
}

/* ---- the block ---- */

static bool has_text(struct value value)
{
    return value.kind == VALUE_STRING || value.kind == VALUE_BYTES || value.kind == VALUE_ERROR ||
           (cel_is_container(value) && value.rep == VALUE_REP_RAW);
}

static size_t item_count(struct value value)
{
    if (!cel_is_container(value) || value.rep != VALUE_REP_ITEMS)
        return 0;
    return value.kind == VALUE_MAP ? 2 * (size_t)value.size : value.size;
}

static size_t rounded(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* Bytes that a constant's text and elements need. */
static size_t constant_size(struct value value)
{
    size_t count = item_count(value);
    if (has_text(value))
        return rounded(value.size);
    size_t size = count * sizeof(struct value);
    for (size_t i = 0; i < count; i++)
        size += constant_size(value.items[i]);
    return size;
}

static void *take(char **free_bytes, size_t size)
{
    char *memory = *free_bytes;
    *free_bytes += rounded(size);
    return memory;
}

static struct value copy_constant(struct value value, char **free_bytes)
{
    size_t count = item_count(value);
    if (has_text(value)) {
        char *text = take(free_bytes, value.size);
        if (value.size)
            memcpy(text, value.s, value.size);
        value.s = text;
    } else if (count > 0) {
        struct value *items = take(free_bytes, count * sizeof(struct value));
        for (size_t i = 0; i < count; i++)
            items[i] = copy_constant(value.items[i], free_bytes);
        value.items = items;
    }
    return value;
}

static size_t array_size(const struct array *array)
{
    return rounded(array->count * array->item_size);
}

static void *copy_array(const struct array *array, char **free_bytes)
{
    size_t size = array->count * array->item_size;
    void *copy = take(free_bytes, size);
    if (size)
        memcpy(copy, array->items, size);
    return copy;
}

static size_t texts_size(const struct emitter *emitter)
{
    const struct value *constants = (const struct value *)(const void *)emitter->constants.items;
    const struct cel_slot *loads = (const struct cel_slot *)(const void *)emitter->loads.items;
    size_t size = 0;
    for (uint32_t i = 0; i < emitter->constants.count; i++)
        size += constant_size(constants[i]);
    for (uint32_t i = 0; i < emitter->loads.count; i++)
        size += constant_size(loads[i].absent);
    return size;
}

static void copy_texts(const struct emitter *emitter, struct value *constants,
                       struct cel_slot *loads, char **free_bytes)
{
    for (uint32_t i = 0; i < emitter->constants.count; i++)
        constants[i] = copy_constant(constants[i], free_bytes);
    for (uint32_t i = 0; i < emitter->loads.count; i++)
        loads[i].absent = copy_constant(loads[i].absent, free_bytes);
}

static struct cel_program *pack(const struct emitter *emitter)
{
    size_t size = rounded(sizeof(struct cel_program)) + array_size(&emitter->code) +
                  array_size(&emitter->constants) + array_size(&emitter->loads) +
                  array_size(&emitter->calls) + array_size(&emitter->regexes) + texts_size(emitter);
    char *free_bytes = calloc(1, size);
    CHECK(free_bytes != NULL);
    struct cel_program *program = take(&free_bytes, sizeof(*program));
    struct value *constants = copy_array(&emitter->constants, &free_bytes);
    struct cel_slot *loads = copy_array(&emitter->loads, &free_bytes);
    program->code = copy_array(&emitter->code, &free_bytes);
    program->calls = copy_array(&emitter->calls, &free_bytes);
    program->regexes = copy_array(&emitter->regexes, &free_bytes);
    program->regex_count = emitter->regexes.count;
    program->constants = constants;
    program->loads = loads;
    program->load_count = (uint32_t)emitter->loads.count;
    copy_texts(emitter, constants, loads, &free_bytes);
    program->stack_size = emitter->depth_max;
    program->loop_count = emitter->loop_count;
    return program;
}

struct cel_program *cel_emit(const struct cel_node *tree, struct arena *scratch)
{
    struct emitter emitter = {
        .arena = scratch,
        .code.item_size = sizeof(struct cel_instruction),
        .constants.item_size = sizeof(struct value),
        .loads.item_size = sizeof(struct cel_slot),
        .calls.item_size = sizeof(struct cel_call),
        .regexes.item_size = sizeof(struct cel_regex *),
    };
    emit(&emitter, tree);
    CHECK(emitter.depth == 1);
    add_code(&emitter, CODE_RETURN, 0, 0);
    struct cel_program *program = pack(&emitter);
    program->type = cel_shape_type(tree);
    program->is_constant = tree->kind == NODE_LITERAL;
    return program;
}

void cel_free(struct cel_program *program)
{
    if (!program)
        return;
    for (uint32_t i = 0; i < program->regex_count; i++)
        cel_regex_free(program->regexes[i]);
    free(program);
}
