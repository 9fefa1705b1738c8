/*
 * rules/cel_shape.h - what the checker knows of a node's values: more than their type where it is
 * known what a list or map holds, or that null is possible besides.
 *
 * A shape is a promise: each value that comes is of it. Shapes live in the arena of the compilation,
 * are static, or the host's.
 */
#ifndef RULES_CEL_SHAPE_H
#define RULES_CEL_SHAPE_H

#include "rules/cel_tree.h"

/* Of values of that type, or of these and null. NULL of CEL_DYN. */
const struct cel_shape *cel_shape_plain(enum cel_type type);
const struct cel_shape *cel_shape_nullable(enum cel_type type);

/* A list of such elements; they may be unknown (NULL). */
const struct cel_shape *cel_shape_list(struct arena *arena, const struct cel_shape *element);

/* Of what is one or the other; NULL where that says nothing. */
const struct cel_shape *cel_shape_join(const struct cel_shape *a, const struct cel_shape *b);

/* Of a node that has been checked; NULL: nothing is known. */
const struct cel_shape *cel_shape_of(const struct cel_node *node);
void cel_shape_set(struct cel_node *node, const struct cel_shape *shape);

/* The type, null aside: what an operator or function can be given that takes no null. */
enum cel_type cel_shape_type(const struct cel_node *node);

/* Of a list's elements or a map's values; of a map's keys. NULL where unknown. */
const struct cel_shape *cel_shape_element(const struct cel_node *node);
const struct cel_shape *cel_shape_key(const struct cel_node *node);

/* What is selected from a map by a name that is known. False: it never has that; `message` (256 bytes) says what it has. */
bool cel_shape_field(const struct cel_node *map, struct slice name, const struct cel_shape **field,
                     char *message);
#endif
