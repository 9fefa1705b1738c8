/*
 * core/yaml_cut.h - texts that YAML ends too early. Private to core/yaml.c.
 *
 * Within { } a comma ends a text that is not quoted, and ' #' does so anywhere. Of an expression such as get(a, 0) > 1 the
 * first part is left, and the others look like keys. A bracket or a quote that is still open tells.
 */
#ifndef CORE_YAML_CUT_H
#define CORE_YAML_CUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/slice.h"
#include "core/yaml.h"

struct yaml_cut { /* zeros: nothing has been read */
    size_t depth; /* of open brackets */
    char quote;   /* that is open, or 0 */
};

void yaml_cut_read(struct yaml_cut *cut, struct slice text);
bool yaml_cut_is_open(const struct yaml_cut *cut);

/* Whether a pair within { } goes on with the text before it; then reads it. */
bool yaml_cut_goes_on(struct yaml_cut *cut, const struct yaml_node *key,
                      const struct yaml_node *value);
#endif
