/*
 * consumer/schema_data.h - what a schema file says, loaded. Private to consumer/: schema.c fills it, the
 * decoder and event_select() read it.
 */
#ifndef CONSUMER_SCHEMA_DATA_H
#define CONSUMER_SCHEMA_DATA_H

#include <assert.h>

#include "consumer/event.h"
#include "consumer/projection.h"
#include "consumer/schema.h"
#include "consumer/wire_path.h"
#include "core/arena.h"

#define SCHEMA_ALTERNATIVES_MAX 8
#define SCHEMA_TYPES_MAX        31

/* Paths in order: the first at which something is there counts. */
struct schema_paths {
    uint32_t count;
    struct wire_path *items;
    struct slice *texts; /* as written, for messages */
};

/* A property by its canonical name, with its alternatives. */
struct schema_field {
    struct slice canonical;
    uint32_t source_count;
    struct wire_source *sources;
    struct slice wire; /* the first alternative that is a key of the properties; may be empty */
};

struct schema_fields {
    uint32_t count;
    struct schema_field *items;
};

/* What rules read of a product, where all alternatives are keys of it. */
struct schema_product_field {
    struct slice canonical;
    uint32_t place_count;                     /* 0: there are others */
    uint32_t places[SCHEMA_ALTERNATIVES_MAX]; /* of `keys`, in order */
};

struct schema_product {
    struct projection keys; /* only for looking them up */
    struct schema_product_field fields[EVENT_PRODUCT_FIELD_COUNT];
};
static_assert(EVENT_PRODUCT_FIELD_COUNT * SCHEMA_ALTERNATIVES_MAX < EVENT_PRODUCT_PLACES_MAX,
              "a place for each alternative, and one for what nobody wants");

/* A value of the type field that decides the event's name. */
struct schema_type {
    struct slice value;
    struct slice name;              /* canonical */
    struct schema_paths properties; /* count 0: as for the others */
};

/* An event name: a key (names_key) and what it stands for. */
struct schema_name {
    struct slice key;
    struct slice canonical;
};

/* The first wire name of a canonical one, for writing. */
struct schema_spelling {
    struct slice canonical;
    struct slice wire;
};

enum schema_unit { SCHEMA_UNIT_MS, SCHEMA_UNIT_US, SCHEMA_UNIT_S };

/* How a time without an offset is read. */
enum schema_zone {
    SCHEMA_ZONE_REQUIRED, /* RFC 3339 */
    SCHEMA_ZONE_UTC_WORD, /* the word ` UTC` is an offset too: `2019-10-01 00:00:00 UTC` */
    SCHEMA_ZONE_UTC,      /* no offset is UTC: `2022-12-22 13:25:47.677` */
};

struct schema {
    struct arena arena; /* owns everything below */
    struct slice name;
    struct slice source; /* the file's bytes */
    uint64_t hash;

    bool has_events; /* several events a message: the array that they are in */
    struct wire_path events;
    struct slice events_text;

    struct schema_paths customer, event_name, time, id;
    enum schema_unit time_unit;
    enum schema_zone time_zone;

    struct schema_paths properties; /* merged: a property is looked for in each, in order */
    bool has_type;
    struct wire_path type_path;
    uint32_t type_count;
    struct schema_type types[SCHEMA_TYPES_MAX];

    struct schema_fields fields;   /* of properties */
    struct schema_fields products; /* of an element of a list of products, where it differs */
    struct schema_product product, canonical_product;

    struct schema_name
        *names; /* open addressing by hash_bytes(key), a power of two, key.data NULL: free */
    uint32_t name_capacity;
    struct schema_spelling *spellings;
    uint32_t spelling_count;
};

/* NULL where the schema says nothing: the property has its canonical name on the wire too. */
const struct schema_field *schema_field_find(const struct schema_fields *fields,
                                             struct slice canonical);

/* That of a product: its own, else that of the properties, else NULL. */
const struct schema_field *schema_product_field_find(const struct schema *schema,
                                                     struct slice canonical);

/* Product, variant, cart and order ids: text everywhere, integers in decimal. */
bool schema_is_id(struct slice canonical);

/* The canonical name that a wire name is mapped to; false where it is not. */
bool schema_name_find(const struct schema *schema, struct slice key, struct slice *canonical);
#endif
