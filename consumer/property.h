/*
 * consumer/property.h - one property of an event, from the bytes of its alternatives to what rules see.
 */
#ifndef CONSUMER_PROPERTY_H
#define CONSUMER_PROPERTY_H

#include <stdbool.h>

#include "consumer/schema_data.h"
#include "core/arena.h"
#include "core/value.h"

/* How a value is read. */
struct property_kind {
    bool is_id;         /* text or an integer, as text; all else is absent */
    enum value_raw raw; /* of a container */
};

/*
 * The value; VALUE_ABSENT of an id that is none, VALUE_ERROR where a text is not valid UTF-8. `*empty`: it is there, but
 * null or '', so that the next alternative is preferred.
 */
struct value property_read(struct slice value, struct property_kind kind, struct arena *arena,
                           bool *empty);

/* The text composed of `parts`, one a path of the source; VALUE_ABSENT where one of them is no id. */
struct value property_compose(const struct wire_source *source, const struct slice *parts,
                              struct arena *arena);
#endif
