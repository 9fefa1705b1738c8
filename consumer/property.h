/*
 * consumer/property.h - one property of an event, from the bytes of its alternatives to what rules see.
 */
#ifndef CONSUMER_PROPERTY_H
#define CONSUMER_PROPERTY_H

#include <stdbool.h>

#include "consumer/schema_data.h"
#include "consumer/wire_value.h"
#include "core/arena.h"
#include "core/value.h"

/* How a value is read. */
struct property_kind {
    bool is_id;         /* text or an integer, as text; all else is absent */
    enum value_raw raw; /* of a container */
};

/* property_read() of ids that are no text of 1 to 31 bytes. */
bool property_read_id_slow(const char *value, struct arena *arena, struct value *out);

/* VALUE_ERROR; false, for return. */
bool property_bad_text(struct value *out);

/*
 * The value; VALUE_ABSENT of an id that is none. Of lists only those of products have their own names. False, and a
 * VALUE_ERROR, where a text is not valid UTF-8. `end`: of the message, or of the value.
 */
static inline __attribute__((always_inline)) bool
property_read_inline(const char *value, const char *end, struct property_kind kind,
                     struct arena *arena, struct value *out)
{
    if (kind.is_id) {
        unsigned mark = wire_mark(value);
        struct slice text = {value + 1, mark & 0x1F};

        if (mark <= 0xA0 || mark > 0xBF)
            return property_read_id_slow(value, arena, out);
        *out = value_string(text);
        return wire_valid_text(text) || property_bad_text(out);
    }
    if (!wire_read_value(value, end, kind.raw, out))
        return property_bad_text(out);
    if (kind.raw == VALUE_RAW_PRODUCTS && out->kind == VALUE_MAP)
        out->aux = VALUE_RAW_PLAIN;
    return true;
}

/* The same, not inlined. */
bool property_read(const char *value, const char *end, struct property_kind kind,
                   struct arena *arena, struct value *out);

/* Null or '', so that the next alternative is preferred. */
static inline bool property_is_empty(struct value value)
{
    return value.kind == VALUE_NULL || (value.kind == VALUE_STRING && value.size == 0);
}

/* The text composed of `parts`, one a path of the source; VALUE_ABSENT where one of them is no id. */
struct value property_compose(const struct wire_source *source, const char *const *parts,
                              struct arena *arena);
#endif
