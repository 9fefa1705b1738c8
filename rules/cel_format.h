/*
 * rules/cel_format.h - "%s has %d".format([...]): the clauses %s %d %f %e %b %x %X %o %%, of %f and
 * %e with a precision such as %.2f.
 */
#ifndef RULES_CEL_FORMAT_H
#define RULES_CEL_FORMAT_H

#include "core/buf.h"
#include "rules/cel.h"

/* Appends to `out`. VALUE_NULL, or an error. */
struct value cel_format(struct cel_activation *activation, struct slice pattern,
                        struct value arguments, struct buf *out);
#endif
