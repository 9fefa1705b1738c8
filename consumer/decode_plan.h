/*
 * consumer/decode_plan.h - what the rules want, in terms of a schema: which places of a message are looked at, and what is
 * made of what lies there. Private to the decoder.
 */
#ifndef CONSUMER_DECODE_PLAN_H
#define CONSUMER_DECODE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/event.h"
#include "consumer/projection.h"
#include "consumer/property.h"
#include "consumer/schema_data.h"
#include "core/arena.h"

/* Where places lie: in the message, or, where a message holds several events, in each of them. */
enum plan_level { PLAN_MESSAGE, PLAN_EVENT, PLAN_LEVEL_COUNT };

struct plan_place {
    uint32_t index; /* in the level's projection */
    uint8_t level;
};

/* Where the projection puts what it finds at a place: an element of its `values`, a nil where there is nothing. */
typedef const char *const *plan_value;

/* Alternatives, in order. `first` is the first of them, or a nil where there are none. */
struct plan_values {
    plan_value first;
    const plan_value *items;
    uint32_t count;
};

/* What a value at a place is an alternative of. */
struct plan_use {
    uint32_t slot;
    uint32_t
        types; /* bit 0: of events whose type has no properties of its own; bit t + 1: of type t */
    uint32_t
        contest; /* of slots that have several alternatives, numbered; PLAN_ALONE where this is all */
    uint8_t rank;  /* the smallest wins */
    bool is_whole; /* all properties: maps only */
    struct property_kind kind;
};
#define PLAN_ALONE UINT32_MAX

/* What is made of the value at a place. */
struct plan_place_uses {
    const struct plan_use *first, *end;
};

/*
 * The only use of a place, where that is preferred to all others of its slot or there are none: what needs no thought.
 * `contest` is then an element of the ranks that nobody reads. types 0: the place is not such a one.
 */
struct plan_quick {
    uint32_t slot, types, contest;
    uint8_t rank;
    bool is_id;
};

struct plan_uses {
    const struct plan_place_uses *places; /* by place */
    const struct plan_quick *quick;       /* by place */
    const uint32_t *unlisted;             /* places of the envelope that slots read too */
    uint32_t unlisted_count;
};

/* An alternative that is put together from several places. */
struct plan_composed {
    struct plan_use use;
    const struct wire_source *source;
    struct plan_place places[WIRE_PARTS_MAX];
};

/* A slot that takes a whole map: the message, or an event, where its properties lie in the event itself. */
struct plan_root {
    uint32_t slot;
    uint32_t types;
    uint8_t level;
    enum value_raw raw;
};

struct plan {
    const struct schema *schema;
    struct projection projections[PLAN_LEVEL_COUNT]; /* PLAN_EVENT: only with schema->has_events */
    struct plan_uses uses[PLAN_LEVEL_COUNT];

    struct plan_values customer, name, time, id;
    plan_value type;   /* a nil where the schema has none */
    plan_value events; /* likewise */

    const struct plan_composed *composed;
    uint32_t composed_count;
    uint32_t slot_count;
    uint32_t contest_count;
    const struct plan_root *roots;
    uint32_t root_count;
    const uint32_t *whole_slots; /* {PROPERTIES, no segment}: an empty map where there are none */
    uint32_t whole_slot_count;

    struct arena arena; /* owns the tables */
};

void plan_init(struct plan *plan, const struct schema *schema, const struct event_wants *wants);
void plan_fini(struct plan *plan);
#endif
