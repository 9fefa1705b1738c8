/*
 * The stack machine. Errors are values: they flow through operators until && or || absorbs one, or
 * the end is reached, so that there is no second way out of an instruction.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/check.h"
#include "rules/cel_program.h"
#include "rules/cel_regex.h"
#include "rules/cel_tree.h"
#include "rules/cel_value.h"

/* What a guard needs lies on the C stack; larger programs take it from the arena. */
#define SMALL_STACK 32
#define SMALL_LOOPS 2

/* A macro at work. */
struct loop {
    struct cel_iter iter;
    struct value key, value; /* as the variables see them */
    struct value result;     /* a bool, an error, or a list or map that grows */
    struct value *items;     /* of that */
    uint32_t count;          /* elements or pairs in it; of exists_one those that fit */
    uint32_t capacity;       /* values that `items` has room for */
    bool has_two;
};

struct machine {
    const struct cel_program *program;
    struct cel_activation *activation;
    struct loop *loops;
};

/* ---- values ---- */

static struct value error_with(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static struct value error_with(struct arena *arena, const char *format, va_list arguments)
{
    char text[256];
    int size = vsnprintf(text, sizeof(text), format, arguments);
    size_t kept = size < (int)sizeof(text) ? (size_t)size : sizeof(text) - 1;
    struct value error = value_string(arena_copy(arena, (struct slice){text, kept}));
    error.kind = VALUE_ERROR;
    return error;
}

struct value cel_error(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct value error = error_with(arena, format, arguments);
    va_end(arguments);
    return error;
}

#define STEPS_OF_ERROR 16

struct value cel_fail(struct cel_activation *activation, const char *format, ...)
{
    va_list arguments;
    if (!cel_spend(activation, STEPS_OF_ERROR))
        return cel_too_many_steps();
    va_start(arguments, format);
    struct value error = error_with(activation->arena, format, arguments);
    va_end(arguments);
    return error;
}

struct value cel_load(struct cel_activation *activation, uint32_t slot)
{
    return activation->load(activation, slot);
}

struct value cel_argument(struct cel_activation *activation, struct value argument)
{
    if (argument.kind == VALUE_INT && argument.aux == CEL_REFERENCE)
        return activation->load(activation, (uint32_t)argument.i);
    return argument;
}

static struct value refuse(struct machine *machine, const char *what, struct value value)
{
    if (value.kind == VALUE_ERROR)
        return value;
    return cel_fail(machine->activation, "no such overload: %s of %s", what,
                    cel_type_name((enum cel_type)value.kind));
}

/* ---- names ---- */

static struct value load(struct machine *machine, uint32_t index)
{
    const struct cel_slot *slot = &machine->program->loads[index];
    struct value value = machine->activation->load(machine->activation, slot->slot);
    return value.kind == VALUE_ABSENT ? slot->absent : value;
}

static struct value has_load(struct machine *machine, const struct cel_instruction *at)
{
    struct value value = machine->activation->load(machine->activation, at->arg);
    return value.kind == VALUE_ERROR ? value : value_bool(value.kind != VALUE_ABSENT);
}

static struct value select_field(struct machine *machine, const struct cel_instruction *at,
                                 struct value map)
{
    const struct value *constants = machine->program->constants;
    if (map.kind != VALUE_MAP)
        return refuse(machine, "a field", map);
    struct value value = cel_find_within(machine->activation, map, constants[at->arg]);
    return value.kind == VALUE_ABSENT ? constants[at->arg + 1] : value;
}

static struct value has_field(struct machine *machine, const struct cel_instruction *at,
                              struct value map)
{
    if (map.kind != VALUE_MAP)
        return refuse(machine, "a field", map);
    struct value value =
        cel_find_within(machine->activation, map, machine->program->constants[at->arg]);
    return value.kind == VALUE_ERROR ? value : value_bool(value.kind != VALUE_ABSENT);
}

/* A whole number of any type. */
static bool index_of(struct value index, uint32_t *position)
{
    if (index.kind == VALUE_DOUBLE) {
        if (!(index.d >= 0 && index.d <= (double)UINT32_MAX) ||
            index.d != (double)(uint32_t)index.d)
            return false;
        *position = (uint32_t)index.d;
        return true;
    }
    if ((index.kind != VALUE_INT && index.kind != VALUE_UINT) || index.u > UINT32_MAX)
        return false;
    *position = (uint32_t)index.u;
    return true;
}

static struct value index_list(struct machine *machine, struct value list, struct value index)
{
    uint32_t position;
    if (!cel_is_number(index))
        return refuse(machine, "an index", index);
    struct value element = {0};
    if (index_of(index, &position))
        element = cel_at_within(machine->activation, list, position);
    return element.kind == VALUE_ABSENT ? cel_error_literal("index out of range") : element;
}

static struct value index_map(struct machine *machine, struct value map, struct value key)
{
    bool is_key = cel_is_number(key) || key.kind == VALUE_STRING || key.kind == VALUE_BOOL;
    if (!is_key)
        return refuse(machine, "a key", key);
    struct value value = cel_find_within(machine->activation, map, key);
    if (value.kind != VALUE_ABSENT)
        return value;
    if (key.kind != VALUE_STRING)
        return cel_error_literal("no such key");
    return cel_fail(machine->activation, "no such key: %.*s", key.size > 200 ? 200 : (int)key.size,
                    key.s);
}

static struct value index_container(struct machine *machine, struct value of, struct value index)
{
    if (of.kind == VALUE_LIST && index.kind != VALUE_ERROR)
        return index_list(machine, of, index);
    if (of.kind == VALUE_MAP && index.kind != VALUE_ERROR)
        return index_map(machine, of, index);
    return refuse(machine, "an element",
                  of.kind == VALUE_ERROR ? of
                  : cel_is_container(of) ? index
                                         : of);
}

/* ---- operators ---- */

/* The order of ints, doubles and timestamps; false: not these, or NaN. */
static inline bool order_quickly(struct value a, struct value b, int *order)
{
    if (a.kind == b.kind && (a.kind == VALUE_INT || (a.kind == VALUE_TIMESTAMP && a.i != b.i))) {
        *order = (a.i > b.i) - (a.i < b.i);
        return true;
    }
    if ((a.kind != VALUE_INT && a.kind != VALUE_DOUBLE) ||
        (b.kind != VALUE_INT && b.kind != VALUE_DOUBLE))
        return false;
    double x = a.kind == VALUE_INT ? (double)a.i : a.d;
    double y = b.kind == VALUE_INT ? (double)b.i : b.d;
    *order = (x > y) - (x < y);
    return x >= y || x <= y;
}

/* Most guards end with a comparison: it is made here, without a call. */
static inline struct value operate(struct machine *machine, enum cel_operator op, struct value a,
                                   struct value b)
{
    /* What each one holds for: bit 0 less, bit 1 equal, bit 2 greater. */
    static const uint8_t holds_for[CEL_NEGATE + 1] = {
        [CEL_EQUAL] = 2,      [CEL_NOT_EQUAL] = 5, [CEL_LESS] = 1,
        [CEL_LESS_EQUAL] = 3, [CEL_GREATER] = 4,   [CEL_GREATER_EQUAL] = 6,
    };
    int order;
    if (holds_for[op] && order_quickly(a, b, &order))
        return value_bool(holds_for[op] >> (order + 1) & 1);
    return cel_operate(machine->activation, op, a, b);
}

/* ---- logic ---- */

/* Either operand decides alone; else both must be bools. `decisive`: false of &&, true of ||. */
static struct value join_bools(struct machine *machine, struct value a, struct value b,
                               bool decisive)
{
    if ((a.kind == VALUE_BOOL && a.b == decisive) || (b.kind == VALUE_BOOL && b.b == decisive))
        return value_bool(decisive);
    if (a.kind != VALUE_BOOL)
        return refuse(machine, decisive ? "'||'" : "'&&'", a);
    if (b.kind != VALUE_BOOL)
        return refuse(machine, decisive ? "'||'" : "'&&'", b);
    return value_bool(!decisive);
}

/* ---- lists, maps and calls ---- */

static const struct value *first_error(const struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].kind == VALUE_ERROR)
            return &values[i];
    return NULL;
}

static struct value make_list(struct machine *machine, const struct value *values, uint32_t count)
{
    const struct value *error = first_error(values, count);
    if (error)
        return *error;
    if (!cel_spend(machine->activation, count))
        return cel_too_many_steps();
    struct value *items = cel_new_items(machine->activation, count);
    if (count)
        memcpy(items, values, count * sizeof(struct value));
    return cel_list_of(items, count);
}

static struct value make_map(struct machine *machine, const struct value *values, uint32_t pairs)
{
    const struct value *error = first_error(values, 2 * (size_t)pairs);
    if (error)
        return *error;
    struct value refused = cel_check_keys(machine->activation, values, pairs);
    if (refused.kind == VALUE_ERROR)
        return refused;
    struct value map = make_list(machine, values, 2 * pairs);
    return cel_map_of(map.items, pairs);
}

static struct value call_host(struct machine *machine, const struct cel_function *function,
                              const struct value *arguments, uint32_t count)
{
    for (uint32_t i = function->by_reference; i < count; i++) {
        enum cel_type wanted = i < 4 ? function->arguments[i] : CEL_DYN;
        if (arguments[i].kind == VALUE_ERROR ||
            (wanted != CEL_DYN && arguments[i].kind != (uint8_t)wanted))
            return cel_refuse_arguments(machine->activation, function->name, arguments + i, 1);
    }
    return function->call(machine->activation, arguments, count);
}

static struct value call_constant(struct machine *machine, const struct cel_instruction *at)
{
    const struct cel_call *callee = &machine->program->calls[at->arg];
    return call_host(machine, callee->function, machine->program->constants + callee->first,
                     at->count);
}

static struct value match(struct machine *machine, const struct cel_instruction *at,
                          struct value text)
{
    if (text.kind != VALUE_STRING)
        return refuse(machine, "matches()", text);
    return cel_regex_match(machine->program->regexes[at->arg], machine->activation, text);
}

/* ---- macros ---- */

/* Nothing comes after this element: the result stands. */
static void loop_finish(struct loop *loop, struct value result)
{
    loop->result = result;
    loop->iter.index = loop->iter.count;
}

/* Most macros keep no more elements than they are given, so that the room is taken at once. */
static bool loop_reserve(struct machine *machine, struct loop *loop, enum cel_macro macro)
{
    uint32_t values = loop->iter.count * (macro >= MACRO_TRANSFORM_MAP ? 2 : 1);
    loop->items = NULL;
    loop->count = 0;
    loop->capacity = 0;
    if (macro < MACRO_FILTER)
        return true;
    if (loop->iter.count > CEL_LIST_MAX || !cel_spend(machine->activation, values))
        return false;
    loop->items = cel_new_items(machine->activation, values);
    loop->capacity = values;
    return true;
}

static struct value loop_too_large(struct machine *machine)
{
    if (machine->activation->steps_left == 0)
        return cel_too_many_steps();
    return cel_fail(machine->activation, "a list or map of more than %u elements", CEL_LIST_MAX);
}

/* VALUE_NULL, or the error for which there is no loop. */
static struct value loop_open(struct machine *machine, const struct cel_instruction *at,
                              struct value range)
{
    struct loop *loop = &machine->loops[at->count];
    enum cel_macro macro = (enum cel_macro)(at->macro & ~CEL_LOOP_HAS_TWO);
    if (!cel_is_container(range))
        return refuse(machine, "a macro", range);
    cel_iter_open(&loop->iter, machine->activation, range);
    loop->has_two = at->macro & CEL_LOOP_HAS_TWO;
    if (!loop_reserve(machine, loop, macro))
        return loop_too_large(machine);
    loop->result = value_bool(macro == MACRO_ALL);
    return value_null();
}

/* With one variable: an element of a list, a key of a map. */
static bool loop_next(struct machine *machine, struct loop *loop)
{
    if (!cel_iter_next(&loop->iter, machine->activation, &loop->key, &loop->value))
        return false;
    if (!loop->has_two && loop->iter.container.kind == VALUE_LIST)
        loop->key = loop->value;
    return true;
}

/* all() and exists(): an error is kept in case no element decides. */
static void loop_decide(struct machine *machine, struct loop *loop, struct value value,
                        bool decisive)
{
    if (value.kind == VALUE_BOOL && value.b == decisive)
        loop_finish(loop, value);
    else if (value.kind != VALUE_BOOL && loop->result.kind != VALUE_ERROR)
        loop->result = refuse(machine, "the condition of a macro", value);
}

/* The condition of filter(), map() and exists_one(): there an error ends it. */
static bool loop_holds(struct machine *machine, struct loop *loop, struct value value)
{
    if (value.kind == VALUE_BOOL)
        return value.b;
    loop_finish(loop, refuse(machine, "the condition of a macro", value));
    return false;
}

/* Room for `count` more values. */
static bool loop_grow(struct machine *machine, struct loop *loop, uint64_t used, uint64_t count)
{
    if (used + count <= loop->capacity)
        return true;
    uint64_t capacity = 2 * (used + count);
    if (used + count > 2 * (uint64_t)CEL_LIST_MAX || !cel_spend(machine->activation, capacity))
        return false;
    struct value *items = cel_new_items(machine->activation, (uint32_t)capacity);
    if (used)
        memcpy(items, loop->items, used * sizeof(struct value));
    loop->items = items;
    loop->capacity = (uint32_t)capacity;
    return true;
}

static void loop_append(struct machine *machine, struct loop *loop, struct value value)
{
    if (value.kind == VALUE_ERROR)
        loop_finish(loop, value);
    else if (!loop_grow(machine, loop, loop->count, 1))
        loop_finish(loop, loop_too_large(machine));
    else
        loop->items[loop->count++] = value;
}

static void loop_put(struct machine *machine, struct loop *loop, struct value key,
                     struct value value)
{
    if (key.kind == VALUE_ERROR || value.kind == VALUE_ERROR) {
        loop_finish(loop, key.kind == VALUE_ERROR ? key : value);
    } else if (!loop_grow(machine, loop, 2 * (uint64_t)loop->count, 2)) {
        loop_finish(loop, loop_too_large(machine));
    } else {
        loop->items[2 * (size_t)loop->count] = key;
        loop->items[2 * (size_t)loop->count + 1] = value;
        loop->count++;
    }
}

static void loop_merge(struct machine *machine, struct loop *loop, struct value entries)
{
    struct cel_iter iter;
    struct value key, value;
    if (entries.kind != VALUE_MAP) {
        loop_finish(loop, refuse(machine, "transformMapEntry()", entries));
        return;
    }
    cel_iter_open(&iter, machine->activation, entries);
    while (cel_iter_next(&iter, machine->activation, &key, &value))
        loop_put(machine, loop, key, value);
}

/* A map whose keys came from elsewhere may have one twice. */
static struct value loop_map(struct machine *machine, const struct loop *loop)
{
    struct value refused = cel_check_keys(machine->activation, loop->items, loop->count);
    return refused.kind == VALUE_ERROR ? refused : cel_map_of(loop->items, loop->count);
}

static struct value loop_result(struct machine *machine, const struct loop *loop,
                                enum cel_macro macro)
{
    if (loop->result.kind == VALUE_ERROR)
        return loop->result;
    switch (macro) {
    case MACRO_ALL:
    case MACRO_EXISTS:
        return loop->result;
    case MACRO_EXISTS_ONE:
        return value_bool(loop->count == 1);
    case MACRO_FILTER:
    case MACRO_MAP:
        return cel_list_of(loop->items, loop->count);
    case MACRO_TRANSFORM_MAP:
    case MACRO_TRANSFORM_ENTRY:
        return loop_map(machine, loop);
    }
    return loop->result;
}

/* ---- the machine ---- */

/*
 * `top` is the last value; instructions take theirs from there and leave one. stack[0] is below the
 * first.
 */
static struct value run(struct machine *machine, struct value *stack)
{
    const struct cel_instruction *code = machine->program->code;
    const struct cel_instruction *at = code;
    struct value *top = stack;
    struct loop *loop;
    struct value result;
    for (;; at++) {
        switch ((enum cel_code)at->code) {
        case CODE_CONSTANT:
            *++top = machine->program->constants[at->arg];
            break;
        case CODE_LOAD:
            *++top = load(machine, at->arg);
            break;
        case CODE_HAS_LOAD:
            *++top = has_load(machine, at);
            break;
        case CODE_LOCAL:
            loop = &machine->loops[at->arg];
            *++top = at->count == 0 ? loop->key : loop->value;
            break;
        case CODE_SELECT:
            *top = select_field(machine, at, *top);
            break;
        case CODE_HAS_SELECT:
            *top = has_field(machine, at, *top);
            break;
        case CODE_INDEX:
            top--;
            *top = index_container(machine, top[0], top[1]);
            break;
        case CODE_UNARY:
            *top = cel_operate(machine->activation, (enum cel_operator)at->count, *top, *top);
            break;
        case CODE_BINARY:
            top--;
            *top = operate(machine, (enum cel_operator)at->count, top[0], top[1]);
            break;
        case CODE_BINARY_CONSTANT:
            *top = operate(machine, (enum cel_operator)at->count, *top,
                           machine->program->constants[at->arg]);
            break;
        case CODE_BINARY_LOAD:
            *top = operate(machine, (enum cel_operator)at->count, *top, load(machine, at->arg));
            break;
        case CODE_JUMP:
            at = code + at->arg - 1;
            break;
        case CODE_JUMP_FALSE:
            if (top->kind == VALUE_BOOL && !top->b)
                at = code + at->arg - 1;
            break;
        case CODE_JUMP_TRUE:
            if (top->kind == VALUE_BOOL && top->b)
                at = code + at->arg - 1;
            break;
        case CODE_AND:
            top--;
            *top = join_bools(machine, top[0], top[1], false);
            break;
        case CODE_OR:
            top--;
            *top = join_bools(machine, top[0], top[1], true);
            break;
        case CODE_JUMP_NO_BOOL:
            if (top->kind != VALUE_BOOL) {
                *top = refuse(machine, "'?:'", *top);
                at = code + at->arg - 1;
            }
            break;
        case CODE_BRANCH:
            if (!top--->b)
                at = code + at->arg - 1;
            break;
        case CODE_LIST:
            top -= at->arg;
            top++;
            *top = make_list(machine, top, at->arg);
            break;
        case CODE_MAP:
            top -= 2 * (size_t)at->arg;
            top++;
            *top = make_map(machine, top, at->arg);
            break;
        case CODE_BUILTIN:
            top -= at->count;
            top++;
            *top = cel_call_builtin(machine->program->calls[at->arg].builtin, machine->activation,
                                    top, at->count);
            break;
        case CODE_HOST:
            top -= at->count;
            top++;
            *top = call_host(machine, machine->program->calls[at->arg].function, top, at->count);
            break;
        case CODE_HOST_CONSTANT:
            *++top = call_constant(machine, at);
            break;
        case CODE_MATCH:
            *top = match(machine, at, *top);
            break;
        case CODE_ABSENT:
            if (top->kind == VALUE_ERROR)
                *top = (struct value){0};
            break;
        case CODE_LOOP_OPEN:
            result = loop_open(machine, at, *top);
            if (result.kind != VALUE_ERROR) {
                top--;
            } else {
                *top = result;
                at = code + at->arg - 1;
            }
            break;
        case CODE_LOOP_NEXT:
            loop = &machine->loops[at->count];
            if (!cel_spend(machine->activation, at->macro))
                return cel_too_many_steps();
            if (!loop_next(machine, loop))
                at = code + at->arg - 1;
            break;
        case CODE_LOOP_ALL:
            loop_decide(machine, &machine->loops[at->count], *top--, false);
            at = code + at->arg - 1;
            break;
        case CODE_LOOP_EXISTS:
            loop_decide(machine, &machine->loops[at->count], *top--, true);
            at = code + at->arg - 1;
            break;
        case CODE_LOOP_ONE:
            loop = &machine->loops[at->count];
            loop->count += loop_holds(machine, loop, *top--);
            at = code + at->arg - 1;
            break;
        case CODE_LOOP_FILTER:
            if (!loop_holds(machine, &machine->loops[at->count], *top--))
                at = code + at->arg - 1;
            break;
        case CODE_LOOP_APPEND:
            loop_append(machine, &machine->loops[at->count], *top--);
            at = code + at->arg - 1;
            break;
        case CODE_LOOP_PUT:
            loop = &machine->loops[at->count];
            loop_put(machine, loop, loop->key, *top--);
            at = code + at->arg - 1;
            break;
        case CODE_LOOP_MERGE:
            loop_merge(machine, &machine->loops[at->count], *top--);
            at = code + at->arg - 1;
            break;
        case CODE_LOOP_RESULT:
            *++top = loop_result(machine, &machine->loops[at->count], (enum cel_macro)at->macro);
            break;
        case CODE_RETURN:
            return *top;
        }
    }
}

static struct value run_large(struct machine *machine)
{
    const struct cel_program *program = machine->program;
    struct arena *arena = machine->activation->arena;
    machine->loops = arena_alloc(arena, program->loop_count * sizeof(struct loop));
    return run(machine, arena_alloc(arena, (program->stack_size + 1) * sizeof(struct value)));
}

struct value cel_eval_within(const struct cel_program *program, struct cel_activation *activation,
                             uint32_t steps)
{
    struct value stack[SMALL_STACK + 1];
    struct loop loops[SMALL_LOOPS];
    struct machine machine = {program, activation, loops};
#ifdef __clang_analyzer__
    memset(stack, 0, sizeof(stack)); /* it can't know that nothing is taken that was not pushed */
    memset(loops, 0, sizeof(loops));
#endif
    activation->steps_left = steps;
    struct value result = program->stack_size <= SMALL_STACK && program->loop_count <= SMALL_LOOPS
                              ? run(&machine, stack)
                              : run_large(&machine);
    /* An error that a bound gave must be seen, also where an || has absorbed it. */
    return activation->steps_left == 0 ? cel_too_many_steps() : result;
}

struct value cel_eval(const struct cel_program *program, struct cel_activation *activation)
{
    if (program->is_constant)
        return program->constants[0];
    return cel_eval_within(program, activation, CEL_STEPS_MAX);
}
