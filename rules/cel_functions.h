/*
 * rules/cel_functions.h - the functions of CEL and of its `math` and `strings` extensions, as
 * tables.
 *
 * Who evaluates a call checks the kinds of its arguments against `takes` first, so that a function
 * need not: see cel_call_builtin().
 */
#ifndef RULES_CEL_FUNCTIONS_H
#define RULES_CEL_FUNCTIONS_H

#include <stddef.h>

#include "rules/cel.h"

/* Sets of types, for `takes`. */
#define CEL_BIT(type)  (1u << (type))
#define CEL_ANY        0x1ffeu /* all but absent and error */
#define CEL_NUMBERS    (CEL_BIT(CEL_INT) | CEL_BIT(CEL_UINT) | CEL_BIT(CEL_DOUBLE))
/* Of a text what it has to be: one that is known at load is looked at then. */
#define CEL_IS_ZONE    (1u << 14)
#define CEL_IS_PATTERN (1u << 15)

enum cel_style {
    CEL_GLOBAL, /* size(x) */
    CEL_METHOD, /* x.size(); the receiver is the first argument */
};

#define CEL_TAKES_MAX 4

struct cel_builtin {
    const char *name;
    enum cel_style style;
    uint8_t min, max; /* arguments, the receiver among them */
    enum cel_type result;
    uint16_t takes[CEL_TAKES_MAX]; /* the last one for all that follow */
    cel_function_fn call;
};

struct cel_builtins {
    const struct cel_builtin *items;
    size_t count;
};

/* One table a file. */
extern const struct cel_builtins cel_core_builtins, cel_conversion_builtins, cel_time_builtins,
    cel_string_builtins, cel_math_builtins;

/*
 * A name may be there twice, with other numbers of arguments. NULL: none; *name_known says whether
 * the name exists.
 */
const struct cel_builtin *cel_builtin_find(enum cel_style style, struct slice name, uint32_t count,
                                           bool *name_known);

/* For "did you mean": all names of a style, in `names` (room for `max`). Returns how many. */
size_t cel_builtin_names(enum cel_style style, const char **names, size_t max);

/* The set of types of the argument with that index. */
uint32_t cel_builtin_takes(const struct cel_builtin *builtin, uint32_t index);

/* Refuses errors and wrong kinds, then calls. */
struct value cel_call_builtin(const struct cel_builtin *builtin, struct cel_activation *activation,
                              const struct value *arguments, uint32_t count);

/* "no such overload: name(int, string)", or the first error among them. */
struct value cel_refuse_arguments(struct cel_activation *activation, const char *name,
                                  const struct value *arguments, uint32_t count);

/*
 * The name of a type or of a value's kind as messages and type() give it: "int",
 * "google.protobuf.Timestamp".
 */
const char *cel_type_name(enum cel_type type);

/*
 * Pays for work that grows with data, so that no function is a way around CEL_STEPS_MAX. False:
 * nothing is left; the caller returns cel_too_many_steps().
 */
bool cel_spend(struct cel_activation *activation, uint64_t steps);
struct value cel_too_many_steps(void);

/* cel_error(), paid for: so many errors can be absorbed that their texts would fill the memory. */
struct value cel_fail(struct cel_activation *activation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An error whose text is a literal: no allocation. */
struct value cel_error_literal(const char *text);
#endif
