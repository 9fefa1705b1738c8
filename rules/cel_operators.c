#include "rules/cel_operators.h"

#include <math.h>
#include <stdio.h>

#include "rules/cel_functions.h"
#include "rules/cel_time.h"
#include "rules/cel_value.h"

static const char *const texts[] = {
    [CEL_ADD] = "+",         [CEL_SUBTRACT] = "-", [CEL_MULTIPLY] = "*",       [CEL_DIVIDE] = "/",
    [CEL_MODULO] = "%",      [CEL_EQUAL] = "==",   [CEL_NOT_EQUAL] = "!=",     [CEL_LESS] = "<",
    [CEL_LESS_EQUAL] = "<=", [CEL_GREATER] = ">",  [CEL_GREATER_EQUAL] = ">=", [CEL_IN] = "in",
    [CEL_NOT] = "!",         [CEL_NEGATE] = "-",
};

const char *cel_operator_text(enum cel_operator op)
{
    return texts[op];
}

static bool is_unary(enum cel_operator op)
{
    return op == CEL_NOT || op == CEL_NEGATE;
}

/* ---- errors ---- */

static struct value refuse(struct cel_activation *activation, enum cel_operator op, struct value a,
                           struct value b)
{
    if (a.kind == VALUE_ERROR)
        return a;
    if (!is_unary(op) && b.kind == VALUE_ERROR)
        return b;
    const char *left = cel_type_name((enum cel_type)a.kind);
    const char *right = cel_type_name((enum cel_type)b.kind);
    if (is_unary(op))
        return cel_fail(activation, "no such overload: %s%s", texts[op], left);
    return cel_fail(activation, "no such overload: %s %s %s", left, texts[op], right);
}

static struct value overflow(void)
{
    return cel_error_literal("the result is too large for its type");
}

static struct value by_zero(enum cel_operator op)
{
    return cel_error_literal(op == CEL_MODULO ? "modulus by zero" : "division by zero");
}

/* ---- numbers ---- */

static struct value operate_ints(enum cel_operator op, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool failed = false;
    if (op == CEL_ADD) {
        failed = __builtin_add_overflow(a, b, &result);
    } else if (op == CEL_SUBTRACT) {
        failed = __builtin_sub_overflow(a, b, &result);
    } else if (op == CEL_MULTIPLY) {
        failed = __builtin_mul_overflow(a, b, &result);
    } else if (b == 0) {
        return by_zero(op);
    } else {
        failed = a == INT64_MIN && b == -1;
        if (!failed)
            result = op == CEL_DIVIDE ? a / b : a % b;
    }
    return failed ? overflow() : value_int(result);
}

static struct value operate_uints(enum cel_operator op, uint64_t a, uint64_t b)
{
    uint64_t result = 0;
    bool failed = false;
    if (op == CEL_ADD)
        failed = __builtin_add_overflow(a, b, &result);
    else if (op == CEL_SUBTRACT)
        failed = __builtin_sub_overflow(a, b, &result);
    else if (op == CEL_MULTIPLY)
        failed = __builtin_mul_overflow(a, b, &result);
    else if (b == 0)
        return by_zero(op);
    else
        result = op == CEL_DIVIDE ? a / b : a % b;
    return failed ? overflow() : (struct value){.kind = VALUE_UINT, .u = result};
}

static struct value operate_doubles(enum cel_operator op, double a, double b)
{
    if (op == CEL_ADD)
        return value_double(a + b);
    if (op == CEL_SUBTRACT)
        return value_double(a - b);
    if (op == CEL_MULTIPLY)
        return value_double(a * b);
    return value_double(a / b);
}

/* ---- text and lists ---- */

static struct value concat_text(struct cel_activation *activation, struct value a, struct value b)
{
    uint64_t size = (uint64_t)a.size + b.size;
    if (b.size == 0)
        return a;
    if (a.size == 0)
        return b;
    if (size > CEL_STRING_MAX)
        return cel_fail(activation, "a text of more than %u bytes", CEL_STRING_MAX);
    if (!cel_spend(activation, size >> 6))
        return cel_too_many_steps();
    char *joined = arena_alloc(activation->arena, size);
    memcpy(joined, a.s, a.size);
    memcpy(joined + a.size, b.s, b.size);
    return (struct value){.kind = a.kind, .size = (uint32_t)size, .s = joined};
}

static struct value concat_lists(struct cel_activation *activation, struct value a, struct value b)
{
    uint64_t count = (uint64_t)cel_size(a) + cel_size(b);
    if (count > CEL_LIST_MAX)
        return cel_fail(activation, "a list of more than %u elements", CEL_LIST_MAX);
    if (!cel_spend(activation, count))
        return cel_too_many_steps();
    struct value *items = cel_new_items(activation, (uint32_t)count);
    uint32_t first = cel_copy_items(activation, a, items);
    uint32_t second = cel_copy_items(activation, b, items + first);
    return cel_list_of(items, first + second);
}

/* ---- arithmetic ---- */

static struct value operate_times(struct cel_activation *activation, enum cel_operator op,
                                  struct value a, struct value b)
{
    bool a_is_time = a.kind == VALUE_TIMESTAMP || a.kind == VALUE_DURATION;
    bool b_is_time = b.kind == VALUE_TIMESTAMP || b.kind == VALUE_DURATION;
    if (a_is_time && b_is_time && op == CEL_ADD && (a.kind != b.kind || a.kind == VALUE_DURATION))
        return cel_time_add(a, b);
    if (a_is_time && b_is_time && op == CEL_SUBTRACT && a.kind <= b.kind)
        return cel_time_subtract(a, b);
    return refuse(activation, op, a, b);
}

static struct value arithmetic(struct cel_activation *activation, enum cel_operator op,
                               struct value a, struct value b)
{
    if (a.kind != b.kind)
        return operate_times(activation, op, a, b);
    if (a.kind == VALUE_INT)
        return operate_ints(op, a.i, b.i);
    if (a.kind == VALUE_DOUBLE && op != CEL_MODULO)
        return operate_doubles(op, a.d, b.d);
    if (a.kind == VALUE_UINT)
        return operate_uints(op, a.u, b.u);
    if ((a.kind == VALUE_STRING || a.kind == VALUE_BYTES) && op == CEL_ADD)
        return concat_text(activation, a, b);
    if (a.kind == VALUE_LIST && op == CEL_ADD)
        return concat_lists(activation, a, b);
    return operate_times(activation, op, a, b);
}

/* ---- comparison ---- */

static struct value relate(struct cel_activation *activation, enum cel_operator op, struct value a,
                           struct value b)
{
    enum cel_order order = cel_order(a, b);
    if (order == CEL_ORDER_REFUSED)
        return refuse(activation, op, a, b);
    if (a.kind == VALUE_STRING && !cel_spend(activation, a.size >> 10))
        return cel_too_many_steps();
    if (order == CEL_ORDER_NONE)
        return value_bool(false);
    if (op == CEL_LESS)
        return value_bool(order < 0);
    if (op == CEL_LESS_EQUAL)
        return value_bool(order <= 0);
    if (op == CEL_GREATER)
        return value_bool(order > 0);
    return value_bool(order >= 0);
}

static struct value equate(struct cel_activation *activation, enum cel_operator op, struct value a,
                           struct value b)
{
    if (a.kind == VALUE_ERROR || b.kind == VALUE_ERROR)
        return refuse(activation, op, a, b);
    return value_bool(cel_equal_within(activation, a, b) == (op == CEL_EQUAL));
}

/* Paid for as far as it was looked through, so that what is found early is cheap. */
static struct value is_in_list(struct cel_activation *activation, struct value a, struct value list)
{
    struct cel_iter iter;
    struct value index, element;
    bool found = false;
    cel_iter_open(&iter, activation, list);
    while (!found && activation->steps_left > 0 &&
           cel_iter_next(&iter, activation, &index, &element))
        found = cel_equal_within(activation, element, a);
    return cel_spend(activation, iter.index) ? value_bool(found) : cel_too_many_steps();
}

/* The same for a list that lies in memory, such as a constant one. */
static struct value is_in_items(struct cel_activation *activation, struct value a,
                                struct value list)
{
    uint32_t i = 0;
    while (i < list.size && activation->steps_left > 0 &&
           !cel_equal_within(activation, list.items[i], a))
        i++;
    return cel_spend(activation, i) ? value_bool(i < list.size) : cel_too_many_steps();
}

static struct value is_in(struct cel_activation *activation, struct value a, struct value b)
{
    if (a.kind == VALUE_ERROR || (b.kind != VALUE_LIST && b.kind != VALUE_MAP))
        return refuse(activation, CEL_IN, a, b);
    if (b.kind == VALUE_LIST && b.rep == VALUE_REP_ITEMS)
        return is_in_items(activation, a, b);
    if (b.kind == VALUE_LIST)
        return is_in_list(activation, a, b);
    struct value found = cel_find_within(activation, b, a);
    return found.kind == VALUE_ERROR ? found : value_bool(found.kind != VALUE_ABSENT);
}

/* ---- unary ---- */

static struct value negate(struct cel_activation *activation, struct value a)
{
    if (a.kind == VALUE_DOUBLE)
        return value_double(-a.d);
    if (a.kind != VALUE_INT)
        return refuse(activation, CEL_NEGATE, a, a);
    return a.i == INT64_MIN ? overflow() : value_int(-a.i);
}

struct value cel_operate(struct cel_activation *activation, enum cel_operator op, struct value a,
                         struct value b)
{
    switch (op) {
    case CEL_ADD:
    case CEL_SUBTRACT:
    case CEL_MULTIPLY:
    case CEL_DIVIDE:
    case CEL_MODULO:
        return arithmetic(activation, op, a, b);
    case CEL_EQUAL:
    case CEL_NOT_EQUAL:
        return equate(activation, op, a, b);
    case CEL_LESS:
    case CEL_LESS_EQUAL:
    case CEL_GREATER:
    case CEL_GREATER_EQUAL:
        return relate(activation, op, a, b);
    case CEL_IN:
        return is_in(activation, a, b);
    case CEL_NOT:
        return a.kind == VALUE_BOOL ? value_bool(!a.b) : refuse(activation, op, a, a);
    case CEL_NEGATE:
        return negate(activation, a);
    }
    return refuse(activation, op, a, b);
}

/* ---- what types tell ---- */

static bool is_number_type(enum cel_type type)
{
    return type == CEL_INT || type == CEL_UINT || type == CEL_DOUBLE;
}

/* Could values of these types be added or subtracted, and what would come out? */
static bool time_result(enum cel_operator op, enum cel_type a, enum cel_type b,
                        enum cel_type *result)
{
    bool a_fits = a == CEL_TIMESTAMP || a == CEL_DURATION || a == CEL_DYN;
    bool b_fits = b == CEL_TIMESTAMP || b == CEL_DURATION || b == CEL_DYN;
    *result = CEL_DYN;
    if (!a_fits || !b_fits || (op != CEL_ADD && op != CEL_SUBTRACT))
        return false;
    if (a == CEL_TIMESTAMP && b == CEL_TIMESTAMP) {
        *result = CEL_DURATION;
        return op == CEL_SUBTRACT;
    }
    if (a == CEL_DURATION && b == CEL_TIMESTAMP)
        *result = CEL_TIMESTAMP;
    else if (a == CEL_DURATION && (b == CEL_DURATION || op == CEL_SUBTRACT))
        *result = CEL_DURATION;
    else if (a == CEL_TIMESTAMP && (b == CEL_DURATION || op == CEL_ADD))
        *result = CEL_TIMESTAMP;
    return !(op == CEL_SUBTRACT && a == CEL_DURATION && b == CEL_TIMESTAMP);
}

static bool takes_operator(enum cel_operator op, enum cel_type type)
{
    if (type == CEL_DOUBLE)
        return op != CEL_MODULO;
    if (is_number_type(type))
        return true;
    return op == CEL_ADD && (type == CEL_STRING || type == CEL_BYTES || type == CEL_LIST);
}

static bool arithmetic_result(enum cel_operator op, enum cel_type a, enum cel_type b,
                              enum cel_type *result)
{
    if (time_result(op, a, b, result) || (a == CEL_DYN && b == CEL_DYN))
        return true;
    enum cel_type known = a == CEL_DYN ? b : a;
    *result = known;
    return (a == b || a == CEL_DYN || b == CEL_DYN) && takes_operator(op, known);
}

static bool are_comparable(enum cel_operator op, enum cel_type a, enum cel_type b)
{
    bool for_equality = op == CEL_EQUAL || op == CEL_NOT_EQUAL;
    if (for_equality && (a == CEL_NULL || b == CEL_NULL || a == CEL_DYN || b == CEL_DYN))
        return true;
    if (is_number_type(a) && is_number_type(b))
        return true;
    if (for_equality)
        return a == b;
    enum cel_type known = a == CEL_DYN ? b : a;
    bool has_order =
        known != CEL_NULL && known != CEL_LIST && known != CEL_MAP && known != CEL_TYPE;
    return (a == b || a == CEL_DYN || b == CEL_DYN) && has_order;
}

bool cel_can_equal(enum cel_type a, enum cel_type b)
{
    return are_comparable(CEL_EQUAL, a, b);
}

static bool unary_result(enum cel_operator op, enum cel_type a, enum cel_type *result)
{
    *result = op == CEL_NOT ? CEL_BOOL : a;
    if (a == CEL_DYN)
        return true;
    return op == CEL_NOT ? a == CEL_BOOL : a == CEL_INT || a == CEL_DOUBLE;
}

static bool binary_result(enum cel_operator op, enum cel_type a, enum cel_type b,
                          enum cel_type *result)
{
    if (op <= CEL_MODULO)
        return arithmetic_result(op, a, b, result);
    *result = CEL_BOOL;
    if (op == CEL_IN)
        return b == CEL_DYN || b == CEL_LIST || b == CEL_MAP;
    return are_comparable(op, a, b);
}

/* Most who mix numbers only need to be told which conversion is missing. */
static const char *advice(enum cel_operator op, enum cel_type a, enum cel_type b)
{
    bool has_double = a == CEL_DOUBLE || b == CEL_DOUBLE;
    if (op == CEL_IN)
        return ": only in a list or a map can something be";
    if (op == CEL_MODULO && has_double)
        return ": '%' is for whole numbers; convert by int(...)";
    if (is_number_type(a) && is_number_type(b))
        return has_double ? ": convert one by double(...)"
                          : ": convert one by int(...) or uint(...)";
    if (op == CEL_ADD && (a == CEL_STRING || b == CEL_STRING))
        return ": convert to text by string(...)";
    return "";
}

static void explain(enum cel_operator op, enum cel_type a, enum cel_type b, char *message)
{
    const char *left = cel_type_name(a), *right = cel_type_name(b);
    if (is_unary(op))
        snprintf(message, 256, "'%s' can't be applied to %s", texts[op], left);
    else
        snprintf(message, 256, "'%s' can't be applied to %s and %s%s", texts[op], left, right,
                 advice(op, a, b));
}

bool cel_operator_check(enum cel_operator op, enum cel_type a, enum cel_type b,
                        enum cel_type *result, char *message)
{
    if (is_unary(op) ? unary_result(op, a, result) : binary_result(op, a, b, result))
        return true;
    *result = op >= CEL_EQUAL && op <= CEL_NOT ? CEL_BOOL : CEL_DYN;
    explain(op, a, b, message);
    return false;
}
