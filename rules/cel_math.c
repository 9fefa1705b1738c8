/*
 * The `math` extension.
 */
#include <math.h>

#include "rules/cel_functions.h"
#include "rules/cel_value.h"

/* ---- the greatest and the least ---- */

/* Keeps what came first of equals. */
static bool is_better(struct value candidate, struct value best, enum cel_order wanted)
{
    return cel_order(candidate, best) == wanted;
}

static struct value extreme_of_list(struct cel_activation *activation, const char *name,
                                    struct value list, enum cel_order wanted)
{
    struct cel_iter iter;
    struct value index, element, best = {0};
    cel_iter_open(&iter, activation, list);
    if (!cel_spend(activation, iter.count))
        return cel_too_many_steps();
    while (cel_iter_next(&iter, activation, &index, &element)) {
        if (!cel_is_number(element))
            return cel_refuse_arguments(activation, name, &element, 1);
        if (best.kind == VALUE_ABSENT || is_better(element, best, wanted))
            best = element;
    }
    return best.kind == VALUE_ABSENT ? cel_error_literal("the list is empty") : best;
}

/* Of several numbers, or of one list of them. */
static struct value extreme(struct cel_activation *activation, const char *name,
                            const struct value *arguments, uint32_t count, enum cel_order wanted)
{
    if (count == 1 && arguments[0].kind == VALUE_LIST)
        return extreme_of_list(activation, name, arguments[0], wanted);
    struct value best = arguments[0];
    for (uint32_t i = 0; i < count; i++) {
        if (!cel_is_number(arguments[i]))
            return cel_refuse_arguments(activation, name, arguments, count);
        if (is_better(arguments[i], best, wanted))
            best = arguments[i];
    }
    return best;
}

static struct value greatest(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    return extreme(activation, "math.greatest", arguments, count, CEL_ORDER_GREATER);
}

static struct value least(struct cel_activation *activation, const struct value *arguments,
                          uint32_t count)
{
    return extreme(activation, "math.least", arguments, count, CEL_ORDER_LESS);
}

/* ---- rounding ---- */

static struct value math_ceil(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)activation;
    (void)count;
    return value_double(ceil(arguments[0].d));
}

static struct value math_floor(struct cel_activation *activation, const struct value *arguments,
                               uint32_t count)
{
    (void)activation;
    (void)count;
    return value_double(floor(arguments[0].d));
}

/* Halves go away from zero. */
static struct value math_round(struct cel_activation *activation, const struct value *arguments,
                               uint32_t count)
{
    (void)activation;
    (void)count;
    return value_double(round(arguments[0].d));
}

static struct value math_trunc(struct cel_activation *activation, const struct value *arguments,
                               uint32_t count)
{
    (void)activation;
    (void)count;
    return value_double(trunc(arguments[0].d));
}

static struct value math_sqrt(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)activation;
    (void)count;
    struct value of = arguments[0];
    double d = of.kind == VALUE_INT ? (double)of.i : of.kind == VALUE_UINT ? (double)of.u : of.d;
    return value_double(sqrt(d));
}

/* ---- signs and kinds ---- */

static struct value math_abs(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    (void)activation;
    (void)count;
    struct value of = arguments[0];
    if (of.kind == VALUE_DOUBLE)
        return value_double(fabs(of.d));
    if (of.kind == VALUE_UINT || of.i >= 0)
        return of;
    if (of.i == INT64_MIN)
        return cel_error_literal("the result is too large for its type");
    return value_int(-of.i);
}

static struct value math_sign(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)activation;
    (void)count;
    struct value of = arguments[0];
    if (of.kind == VALUE_INT)
        return value_int((of.i > 0) - (of.i < 0));
    if (of.kind == VALUE_UINT)
        return (struct value){.kind = VALUE_UINT, .u = of.u > 0};
    return isnan(of.d) ? of : value_double((of.d > 0) - (of.d < 0));
}

static struct value is_nan(struct cel_activation *activation, const struct value *arguments,
                           uint32_t count)
{
    (void)activation;
    (void)count;
    return value_bool(isnan(arguments[0].d));
}

static struct value is_inf(struct cel_activation *activation, const struct value *arguments,
                           uint32_t count)
{
    (void)activation;
    (void)count;
    return value_bool(isinf(arguments[0].d));
}

static struct value is_finite(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    (void)activation;
    (void)count;
    return value_bool(isfinite(arguments[0].d));
}

/* ---- bits ---- */

static struct value with_bits(struct value like, uint64_t bits)
{
    like.u = bits;
    return like;
}

/* Both of one type. */
static struct value bits(struct cel_activation *activation, const char *name,
                         const struct value *arguments, uint64_t result)
{
    if (arguments[0].kind != arguments[1].kind)
        return cel_refuse_arguments(activation, name, arguments, 2);
    return with_bits(arguments[0], result);
}

static struct value bit_and(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    (void)count;
    return bits(activation, "math.bitAnd", arguments, arguments[0].u & arguments[1].u);
}

static struct value bit_or(struct cel_activation *activation, const struct value *arguments,
                           uint32_t count)
{
    (void)count;
    return bits(activation, "math.bitOr", arguments, arguments[0].u | arguments[1].u);
}

static struct value bit_xor(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    (void)count;
    return bits(activation, "math.bitXor", arguments, arguments[0].u ^ arguments[1].u);
}

static struct value bit_not(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    (void)activation;
    (void)count;
    return with_bits(arguments[0], ~arguments[0].u);
}

static struct value negative_shift(void)
{
    return cel_error_literal("a shift by a negative number");
}

static struct value shift_left(struct cel_activation *activation, const struct value *arguments,
                               uint32_t count)
{
    (void)activation;
    (void)count;
    int64_t by = arguments[1].i;
    if (by < 0)
        return negative_shift();
    return with_bits(arguments[0], by < 64 ? arguments[0].u << by : 0);
}

/* Of an int as well zeros come in from the left. */
static struct value shift_right(struct cel_activation *activation, const struct value *arguments,
                                uint32_t count)
{
    (void)activation;
    (void)count;
    int64_t by = arguments[1].i;
    if (by < 0)
        return negative_shift();
    return with_bits(arguments[0], by < 64 ? arguments[0].u >> by : 0);
}

#define DOUBLE CEL_BIT(CEL_DOUBLE)
#define INT    CEL_BIT(CEL_INT)
#define WHOLE  (INT | CEL_BIT(CEL_UINT))
#define MIXED  (CEL_NUMBERS | CEL_BIT(CEL_LIST))

static const struct cel_builtin items[] = {
    {"math.greatest", CEL_GLOBAL, 1, 64, CEL_DYN, {MIXED, CEL_NUMBERS}, greatest},
    {"math.least", CEL_GLOBAL, 1, 64, CEL_DYN, {MIXED, CEL_NUMBERS}, least},
    {"math.ceil", CEL_GLOBAL, 1, 1, CEL_DOUBLE, {DOUBLE}, math_ceil},
    {"math.floor", CEL_GLOBAL, 1, 1, CEL_DOUBLE, {DOUBLE}, math_floor},
    {"math.round", CEL_GLOBAL, 1, 1, CEL_DOUBLE, {DOUBLE}, math_round},
    {"math.trunc", CEL_GLOBAL, 1, 1, CEL_DOUBLE, {DOUBLE}, math_trunc},
    {"math.sqrt", CEL_GLOBAL, 1, 1, CEL_DOUBLE, {CEL_NUMBERS}, math_sqrt},
    {"math.abs", CEL_GLOBAL, 1, 1, CEL_DYN, {CEL_NUMBERS}, math_abs},
    {"math.sign", CEL_GLOBAL, 1, 1, CEL_DYN, {CEL_NUMBERS}, math_sign},
    {"math.isNaN", CEL_GLOBAL, 1, 1, CEL_BOOL, {DOUBLE}, is_nan},
    {"math.isInf", CEL_GLOBAL, 1, 1, CEL_BOOL, {DOUBLE}, is_inf},
    {"math.isFinite", CEL_GLOBAL, 1, 1, CEL_BOOL, {DOUBLE}, is_finite},
    {"math.bitAnd", CEL_GLOBAL, 2, 2, CEL_DYN, {WHOLE}, bit_and},
    {"math.bitOr", CEL_GLOBAL, 2, 2, CEL_DYN, {WHOLE}, bit_or},
    {"math.bitXor", CEL_GLOBAL, 2, 2, CEL_DYN, {WHOLE}, bit_xor},
    {"math.bitNot", CEL_GLOBAL, 1, 1, CEL_DYN, {WHOLE}, bit_not},
    {"math.bitShiftLeft", CEL_GLOBAL, 2, 2, CEL_DYN, {WHOLE, INT}, shift_left},
    {"math.bitShiftRight", CEL_GLOBAL, 2, 2, CEL_DYN, {WHOLE, INT}, shift_right},
};

const struct cel_builtins cel_math_builtins = {items, sizeof(items) / sizeof(items[0])};
