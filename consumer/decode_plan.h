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

struct plan_places {
    uint32_t count;
    const struct plan_place *items;
};

/* What a value at a place is an alternative of. */
struct plan_use {
    uint32_t slot;
    uint32_t
        types; /* bit 0: of events whose type has no properties of its own; bit t + 1: of type t */
    uint8_t rank;  /* the smallest wins */
    bool is_whole; /* all properties: maps only */
    struct property_kind kind;
};

/* Of a place the uses [first[place], first[place + 1]). */
struct plan_uses {
    const uint32_t *first;
    const struct plan_use *items;
};

/* An alternative that is put together from several places. */
struct plan_composed {
    struct plan_use use;
    const struct wire_source *source;
    struct plan_place places[WIRE_PARTS_MAX];
};

struct plan {
    const struct schema *schema;
    struct projection projections[PLAN_LEVEL_COUNT]; /* PLAN_EVENT: only with schema->has_events */
    struct plan_uses uses[PLAN_LEVEL_COUNT];

    struct plan_places customer, name, time, id;
    struct plan_place type;   /* with schema->has_type */
    struct plan_place events; /* with schema->has_events */

    const struct plan_composed *composed;
    uint32_t composed_count;
    uint32_t slot_count;
    const uint32_t *whole_slots; /* {PROPERTIES, no segment}: an empty map where there are none */
    uint32_t whole_slot_count;
    const uint32_t *message_slots; /* {RAW, no segment} */
    uint32_t message_slot_count;

    struct arena arena; /* owns the tables */
};

void plan_init(struct plan *plan, const struct schema *schema, const struct event_wants *wants);
void plan_fini(struct plan *plan);
#endif
