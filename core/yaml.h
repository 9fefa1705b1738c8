/*
 * core/yaml.h - a YAML file as a tree with positions, by libyaml's document API.
 *
 * Anchors and aliases are allowed (an alias is the same node). Reported as errors with their
 * place: what libyaml refuses, a duplicate key, a merge key `<<`, a tag, an unquoted text with
 * brackets that a comma within { } cuts in two, a second document, a cyclic alias, more than
 * YAML_NODES_MAX nodes after aliases are followed, a file larger than YAML_SIZE_MAX bytes.
 */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/slice.h"

#define YAML_SIZE_MAX  (16u << 20)
#define YAML_NODES_MAX 1000000u

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    struct diag_pos at;
    bool quoted;       /* scalar: '…' or "…" or a block */
    struct slice text; /* scalar; NUL-terminated behind the slice */
    struct slice rest; /* scalar: the file from `at` on; for yaml_pos_in() */
    bool is_cut;       /* scalar: a comma within { } ended it too early, which has been reported */
    bool is_commented; /* scalar: ' #' ended it, with a bracket or quote still open */
    size_t count;      /* elements, or pairs */
    const struct yaml_node *const *items; /* sequence: elements; mapping: values */
    const struct yaml_node *const *keys;  /* mapping: keys, always scalars */
};

struct yaml_file;

/*
 * NULL where the file can't be read or is no YAML; what was wrong is in `diag`. A tag, a duplicate
 * key, a merge key and a key that is no text are errors in `diag` too, but the tree is given,
 * without the refused pairs, so that one run finds all mistakes: look at diag->error_count as
 * well. Free with yaml_free().
 */
struct yaml_file *yaml_load(const char *path, struct diag *diag);

/* The same from memory; `name` is what positions say. */
struct yaml_file *yaml_parse(const char *name, struct slice text, struct diag *diag);

const struct yaml_node *yaml_root(const struct yaml_file *file);
struct slice yaml_source(const struct yaml_file *file); /* the file's bytes */

/* Accepts NULL. libyaml exports a `yaml_free` of its own, so the symbol must have another name. */
void yaml_close(struct yaml_file *file);
static inline void yaml_free(struct yaml_file *file)
{
    yaml_close(file);
}

/* The value of a key, NULL where absent. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);

/*
 * The position of byte `offset` of a scalar, for errors inside expressions: where that character
 * stands, whatever the style. At its end, and of a blank: behind the last character before it that
 * is none.
 */
struct diag_pos yaml_pos_in(const struct yaml_node *scalar, size_t offset);

/*
 * A plain scalar as null, bool, number follows YAML 1.2's JSON schema (null also `~` and nothing
 * at all); quoted ones are always text.
 */
bool yaml_is_null(const struct yaml_node *node);
bool yaml_bool(const struct yaml_node *node, bool *value);
#endif
