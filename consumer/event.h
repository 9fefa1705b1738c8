/*
 * consumer/event.h - one decoded event, in terms of the loaded machines.
 *
 * The rules say which names and paths they read (struct event_wants); the decoder fills a slot a path and
 * numbers the names. So a guard reads an array element, not a map.
 */
#ifndef CONSUMER_EVENT_H
#define CONSUMER_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"
#include "core/value.h"

#define EVENT_CUSTOMER_SIZE_MAX 128
#define EVENT_NAME_OTHER        0 /* a name that no machine names */
#define EVENT_NO_TIME           INT64_MIN

/* Where a path starts. */
enum event_root {
    EVENT_ROOT_PROPERTIES, /* canonical names below event.properties */
    EVENT_ROOT_RAW,        /* wire names below the whole map */
};

/* How the value there is read. */
enum event_read {
    EVENT_READ_PLAIN,
    EVENT_READ_ID, /* product, cart, order, variant ids: text, integers in decimal; '' and all else absent, then
                      the next alternative of the schema */
};

/*
 * One path that a rule reads: event.properties.products is {PROPERTIES, 1, {"products"}}. No segment: the whole map (a
 * VALUE_MAP, RAW). For PROPERTIES the schema gives the wire paths, in order: the first that is there and neither null
 * nor '' is taken. Text segments only; an index ends a path (the rest is navigated when it is read).
 */
#define EVENT_PATH_SEGMENTS_MAX 8
struct event_path {
    enum event_root root;
    enum event_read read;
    uint32_t segment_count;
    struct slice segments[EVENT_PATH_SEGMENTS_MAX]; /* borrowed from the rules */
};

/* What the decoder is asked for. Name `names[i]` (canonical) gets the id i + 1; path `paths[i]` the slot i. */
struct event_wants {
    const struct slice *names;
    size_t name_count;
    const struct event_path *paths;
    size_t path_count;
};

struct event {
    struct slice customer; /* 1 to 128 bytes */
    struct slice name;     /* canonical; `name_id` numbers it where a machine names it */
    uint32_t name_id;
    bool has_id;
    bool late;        /* set by the step, not by the decoder */
    uint64_t id_hash; /* hash_bytes(id) */
    struct slice id;
    int64_t time_ms;
    struct slice raw;          /* the whole message: one msgpack map */
    const struct value *slots; /* as many as paths were asked for */
};

/* Why a message is a dead letter; event_dead_code() gives the code of DESIGN section 3. */
enum event_dead {
    EVENT_DEAD_NONE = 0,
    EVENT_DEAD_BAD_MSGPACK,
    EVENT_DEAD_EMPTY,
    EVENT_DEAD_MISSING_CUSTOMER,
    EVENT_DEAD_MISSING_EVENT,
    EVENT_DEAD_BAD_TIME,
    EVENT_DEAD_OVERSIZE_SIGNAL,
    EVENT_DEAD_COUNT
};
const char *event_dead_code(enum event_dead dead);

/*
 * The alias lookup of one schema, for the maps that are navigated when they are read: the value of canonical `key` in a
 * RAW map of kind `raw`, as the rules see it (ids as text; aux of what it gives set; VALUE_ABSENT where there is none).
 */
struct schema;
struct value event_select(const struct schema *schema, struct value map, struct slice key,
                          struct arena *arena);

/* What a machine's line items take from a product. */
enum event_product_field {
    EVENT_PRODUCT_ID,
    EVENT_PRODUCT_NAME,
    EVENT_PRODUCT_PRICE,
    EVENT_PRODUCT_QUANTITY,
    EVENT_PRODUCT_FIELD_COUNT
};
extern const struct slice event_product_names[EVENT_PRODUCT_FIELD_COUNT]; /* canonical */

enum event_naming {
    EVENT_NAMES_OF_SCHEMA, /* with its alternatives */
    EVENT_NAMES_CANONICAL, /* of a signal's data */
};

/*
 * Goes through a RAW list of products. Each is read in one pass over its pairs, whose keys were resolved when the schema
 * was loaded; what is asked for then is what event_select() would give. Borrows the list.
 */
struct schema_product;
#define EVENT_PRODUCT_PLACES_MAX 33
struct event_products {
    const struct schema *schema;
    const struct schema_product *product;
    struct arena *arena;
    const char *pos, *end;
    uint32_t left;                               /* behind the one at hand */
    struct slice element;                        /* the one at hand, whatever it is */
    const char *found[EVENT_PRODUCT_PLACES_MAX]; /* the values of its keys; NULL: it has none */
};

/* Of what is no RAW list: of none. */
void event_products_open(struct event_products *products, struct value list,
                         const struct schema *schema, enum event_naming naming,
                         struct arena *arena);

/* The next product; false where there is none. */
bool event_products_next(struct event_products *products);

/* A field of the product at hand; VALUE_ABSENT where it is not there. */
struct value event_products_field(const struct event_products *products,
                                  enum event_product_field field);
#endif
