/*
 * core/yaml_place.h - where a character of a scalar stands in the file. Private to core/yaml.c.
 *
 * libyaml tells where a scalar begins and what its value is. What lies between is walked here: blanks and line breaks come
 * and go by folding and indentation, but every other character of the value stands in the source, in its order, as itself
 * or as an escape. So the n-th that is not blank is looked for.
 */
#ifndef CORE_YAML_PLACE_H
#define CORE_YAML_PLACE_H

#include <stddef.h>

#include "core/diag.h"
#include "core/slice.h"

/*
 * The place of byte `offset` of `value`; at its end, and of a blank: behind the last character before it that is none.
 * `source` begins with the scalar (its anchor or tag, if it has one), at `at`, and may end far behind it.
 */
struct diag_pos yaml_place(struct slice source, struct diag_pos at, struct slice value,
                           size_t offset);
#endif
