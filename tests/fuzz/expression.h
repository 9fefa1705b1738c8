/*
 * tests/fuzz/expression.h - CEL texts that are right: every one is read without a mistake, and most have types that
 * fit. Names in them: event.time, event.name, event.late, event.customer, event.properties and its keys
 * (random_keys of random_event.h), variables of macros, get().
 */
#ifndef FUZZ_EXPRESSION_H
#define FUZZ_EXPRESSION_H

#include "core/buf.h"
#include "tests/fuzz/choices.h"

#define EXPRESSION_SIZE_MAX (48u << 10) /* less than CEL_TEXT_SIZE_MAX */

enum expression_kind {
    EXPRESSION_BOOL,
    EXPRESSION_ANY,
};

/* Appends one. Takes its choices from the front. */
void expression_write(struct choices *choices, enum expression_kind kind, struct buf *out);
#endif
