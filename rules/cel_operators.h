/*
 * rules/cel_operators.h - CEL's operators on two values.
 */
#ifndef RULES_CEL_OPERATORS_H
#define RULES_CEL_OPERATORS_H

#include "rules/cel.h"

enum cel_operator {
    CEL_ADD,
    CEL_SUBTRACT,
    CEL_MULTIPLY,
    CEL_DIVIDE,
    CEL_MODULO,
    CEL_EQUAL,
    CEL_NOT_EQUAL,
    CEL_LESS,
    CEL_LESS_EQUAL,
    CEL_GREATER,
    CEL_GREATER_EQUAL,
    CEL_IN,
    CEL_NOT,
    CEL_NEGATE,
};

/* As it is written. */
const char *cel_operator_text(enum cel_operator op);

/*
 * Errors among the operands are passed on, the first one first. Of NOT and NEGATE `b` is ignored.
 */
struct value cel_operate(struct cel_activation *activation, enum cel_operator op, struct value a,
                         struct value b);

/* Could values of these types be equal? Yes where one is CEL_DYN, or may be null. */
bool cel_can_equal(enum cel_type a, enum cel_type b);

/*
 * The type of the result, where types alone tell, else CEL_DYN. False: no values of these types go
 * together, `message` (256 bytes) says so.
 */
bool cel_operator_check(enum cel_operator op, enum cel_type a, enum cel_type b,
                        enum cel_type *result, char *message);
#endif
