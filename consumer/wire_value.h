/*
 * consumer/wire_value.h - single values of a message that is known to be well-formed.
 *
 * A value is the slice of its bytes. Texts are checked here and not in the walk, because only those that are used must
 * be valid UTF-8.
 */
#ifndef CONSUMER_WIRE_VALUE_H
#define CONSUMER_WIRE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/schema_data.h"
#include "core/arena.h"
#include "core/slice.h"
#include "core/utf8.h"
#include "core/value.h"

enum wire_status {
    WIRE_ABSENT = 0, /* not there, null or '' */
    WIRE_GOOD,
    WIRE_BAD,      /* there, but of no use */
    WIRE_BAD_TEXT, /* invalid UTF-8 */
};

/* True of a text, also an empty one. */
static inline bool wire_text(struct slice value, struct slice *text)
{
    unsigned char mark = value.size > 0 ? (unsigned char)value.data[0] : 0xC0;
    size_t header;

    if ((mark & 0xE0) == 0xA0)
        header = 1;
    else if (mark >= 0xD9 && mark <= 0xDB)
        header = 1 + ((size_t)1 << (mark - 0xD9));
    else
        return false;
    *text = (struct slice){value.data + header, value.size - header};
    return true;
}

/* Not there, null or ''. */
static inline bool wire_is_empty(struct slice value)
{
    struct slice text;

    if (value.size == 0 || (unsigned char)value.data[0] == 0xC0)
        return true;
    return wire_text(value, &text) && text.size == 0;
}

/* utf8_valid(), quick where all is ASCII. */
static inline bool wire_valid_text(struct slice text)
{
    const char *at = text.data;
    size_t left = text.size;
    uint64_t high = 0;

    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        high |= word;
    }
    for (; left > 0; at++, left--)
        high |= (unsigned char)*at;
    return (high & UINT64_C(0x8080808080808080)) == 0 || utf8_valid(text);
}

/* Text, or an integer in decimal (in the arena); anything else is bad. */
enum wire_status wire_read_id(struct slice value, struct arena *arena, struct slice *id);

/*
 * The value as rules see it; containers stay msgpack, named by `raw`. False where it holds a text that is not valid.
 */
bool wire_read_value(struct slice value, enum value_raw raw, struct value *out);

/* The day of the last time that was read: most events are of one. Zeroed at first. */
struct wire_day {
    char date[10]; /* YYYY-MM-DD */
    bool known;
    int64_t ms; /* its beginning, since 1970 */
};

/* RFC 3339 text, a number since 1970 in `unit`, or a timestamp extension; floored to ms, years 1 to 9999. */
enum wire_status wire_read_time(struct slice value, enum schema_unit unit, enum schema_zone zone,
                                struct wire_day *day, int64_t *ms);
#endif
