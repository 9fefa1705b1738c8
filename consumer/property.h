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

/*
 * The value; VALUE_ABSENT of an id that is none. Of lists only those of products have their own names. False, and a
 * VALUE_ERROR, where a text is not valid UTF-8. `end`: of the message, or of the value.
 */
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
