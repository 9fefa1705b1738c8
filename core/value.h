/*
 * core/value.h - one value, as the decoder finds it, the record keeps it and CEL computes with it.
 *
 * 16 bytes, passed by value; text, lists and maps are borrowed from where they lie: the message,
 * the record, the program's constants or an arena.
 */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/slice.h"

enum value_kind {
    VALUE_ABSENT = 0, /* not there: select gives an error, has() false, get() its default */
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_UINT,
    VALUE_DOUBLE,
    VALUE_STRING, /* valid UTF-8 */
    VALUE_BYTES,
    VALUE_TIMESTAMP, /* i: seconds since 1970, size: nanoseconds */
    VALUE_DURATION,  /* i: seconds, size: nanoseconds (0 to 999,999,999: floored) */
    VALUE_LIST,
    VALUE_MAP,
    VALUE_TYPE,  /* s: its name, static */
    VALUE_ERROR, /* s: the message, size its length */
};

/* Of lists and maps. */
enum value_rep {
    /* items: `size` elements, of a map `size` key/value pairs one after another */
    VALUE_REP_ITEMS = 0,
    VALUE_REP_RAW,  /* s: msgpack of `size` bytes, read where it is used; aux: how keys are found */
    VALUE_REP_VIEW, /* view: a container of the record */
};

/* Of VALUE_REP_RAW: how keys are found. */
enum value_raw {
    VALUE_RAW_PLAIN = 0,  /* as on the wire */
    VALUE_RAW_PROPERTIES, /* event.properties: canonical names by way of the schema, ids as text */
    VALUE_RAW_PRODUCTS,   /* a list of products */
    VALUE_RAW_PRODUCT,    /* one of them */
};

struct value;
struct value_view;

/* What a container of the record answers. `index` counts in its own order. */
struct value_view_ops {
    size_t (*count)(const struct value_view *view);
    struct value (*at)(const struct value_view *view, size_t index, struct arena *arena);
    struct value (*key_at)(const struct value_view *view, size_t index,
                           struct arena *arena); /* maps */
    /* maps; VALUE_ABSENT where there is none */
    struct value (*find)(const struct value_view *view, struct slice key, struct arena *arena);
};

struct value_view { /* first member of each container */
    const struct value_view_ops *ops;
};

struct value {
    uint8_t kind; /* enum value_kind */
    uint8_t rep;  /* enum value_rep */
    uint16_t aux; /* enum value_raw */
    uint32_t size;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        const char *s;
        const struct value *items;
        const struct value_view *view;
    };
};

static_assert(sizeof(struct value) == 16, "a value is two machine words");

static inline struct value value_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}

static inline struct value value_bool(bool b)
{
    return (struct value){.kind = VALUE_BOOL, .b = b};
}

static inline struct value value_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .i = i};
}

static inline struct value value_double(double d)
{
    return (struct value){.kind = VALUE_DOUBLE, .d = d};
}

/* `s` is never NULL, so that who reads a text may count from it. */
static inline struct value value_string(struct slice text)
{
    return (struct value){
        .kind = VALUE_STRING, .size = (uint32_t)text.size, .s = text.data ? text.data : ""};
}

static inline struct slice value_text(struct value value)
{
    return (struct slice){value.s, value.size};
}

/* Floors to whole seconds with positive nanoseconds, also before 1970. */
struct value value_timestamp_ms(int64_t ms);
int64_t value_timestamp_to_ms(struct value timestamp); /* of a timestamp or a duration; floored */
struct value value_duration_ms(int64_t ms);

/* Of an array or a map that lies in `msgpack`: VALUE_LIST or VALUE_MAP. */
static inline struct value value_of_container(enum value_kind kind, struct slice msgpack,
                                              enum value_raw raw)
{
    return (struct value){
        .kind = (uint8_t)kind,
        .rep = VALUE_REP_RAW,
        .aux = (uint16_t)raw,
        .size = (uint32_t)msgpack.size,
        .s = msgpack.data,
    };
}

/*
 * One msgpack value as a value: scalars read, arrays and maps left RAW (with `raw` as aux), ext
 * timestamps as timestamps, other ext as null. Invalid UTF-8 in text gives VALUE_ERROR.
 */
struct value value_of_msgpack(struct slice msgpack, enum value_raw raw);
#endif
