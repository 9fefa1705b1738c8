/*
 * consumer/schema.h - where the fields of an event lie on the wire: config/schemas/NAME.yaml, as data.
 *
 * A schema names the paths of customer, name, time and id, the wire names of events and of properties (each with its
 * alternatives, in order). Every schema also knows the canonical names and Segment's. Immutable once loaded, so all
 * threads share it.
 */
#ifndef CONSUMER_SCHEMA_H
#define CONSUMER_SCHEMA_H

#include <stdint.h>

#include "core/arena.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/slice.h"

struct schema;

/* NULL on error; what is wrong is in `diag`. */
struct schema *schema_load(const char *path, struct diag *diag);

/* The same from memory; `name` is what positions say. */
struct schema *schema_parse(const char *name, struct slice text, struct diag *diag);
void schema_free(struct schema *schema);

/* The file's bytes, for the journal. */
struct slice schema_source(const struct schema *schema);

/* Identifies the schema's content, for the ruleset's id. */
uint64_t schema_hash(const struct schema *schema);
struct slice schema_name(const struct schema *schema);

/*
 * The canonical name of a wire name: mapped, or snake_cased (then the text lies in the arena). `event_name` of
 * DESIGN section 3.
 */
struct slice schema_event_name(const struct schema *schema, struct slice wire, struct arena *arena);

/* The wire name that a generator or replay writes for a canonical event name or property (the first of its alternatives). */
struct slice schema_wire_event(const struct schema *schema, struct slice canonical);
#endif
