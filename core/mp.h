/*
 * core/mp.h - a cursor over msgpack: reads in place, copies nothing, trusts no count.
 *
 * Writing is core/pack.h's. Every read checks the bytes that are left, so a cursor
 * never leaves its slice; after a failed read the cursor is useless.
 */
#ifndef CORE_MP_H
#define CORE_MP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/slice.h"

#define MP_DEPTH_MAX 32 /* maps and arrays inside each other; the outermost is level 1 */

enum mp_kind {
    MP_NIL,
    MP_BOOL,
    MP_INT,  /* i; every integer that fits int64 */
    MP_UINT, /* u; only those above INT64_MAX */
    MP_DOUBLE,
    MP_STR,   /* bytes */
    MP_BIN,   /* bytes */
    MP_EXT,   /* bytes, ext_type */
    MP_ARRAY, /* count elements follow */
    MP_MAP,   /* count pairs follow */
};

struct mp_token {
    enum mp_kind kind;
    int8_t ext_type;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        struct slice bytes;
        uint32_t count;
    };
};

struct mp {
    const char *pos;
    const char *end;
};

static inline struct mp mp_of(struct slice bytes)
{
    return (struct mp){bytes.data, bytes.size ? bytes.data + bytes.size : bytes.data};
}

/* The next token. A count larger than the bytes left can hold is refused here. */
bool mp_read(struct mp *mp, struct mp_token *token);

/* Bytes of a whole value by its first byte; 0 where more has to be looked at, or it is none. */
extern const uint8_t mp_sizes[256];

/*
 * Skips one whole value. Levels are maps and arrays inside each other: at most `depth_max` (<=
 * MP_DEPTH_MAX).
 */
bool mp_skip(struct mp *mp, int depth_max);

/* One whole value as it stands; moves behind it. */
bool mp_value(struct mp *mp, struct slice *value);

/* Exactly one well-formed value of at most MP_DEPTH_MAX levels, nothing behind it. */
bool mp_well_formed(struct slice bytes);

/* The timestamp extension (type -1, 4, 8 or 12 bytes), of any year. */
bool mp_timestamp(const struct mp_token *token, int64_t *seconds, uint32_t *nanos);

/* The value of a text key in a map; of a key that is there twice the last. False where absent. */
bool mp_map_find(struct slice map, struct slice key, struct slice *value);

/*
 * As JSON text: bin as base64, ext as null (timestamps as RFC 3339 text), NaN and infinities as
 * null; keys that are not text as their JSON in quotes. What is not well-formed is null as a
 * whole.
 */
void mp_to_json(struct slice value, struct buf *out);
#endif
