/*
 * consumer/wire_value.h - single values of a message that is known to be well-formed.
 *
 * A value is given by its first byte, and where it may be long by the end of the message too, because that is what the
 * walk knows. What is not there is a nil. Texts are checked here and not in the walk, because only those that are used
 * must be valid UTF-8.
 */
#ifndef CONSUMER_WIRE_VALUE_H
#define CONSUMER_WIRE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/hint.h"
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

#define WIRE_NIL 0xC0u

static inline uint64_t wire_load_8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t wire_load_4(const char *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline unsigned wire_mark(const char *value)
{
    return (unsigned char)*value;
}

/* wire_text() of texts of 256 bytes and more, and of what is none. */
bool wire_text_slow(const char *value, struct slice *text);

/* True of a text of up to 255 bytes. False, and nothing done, for all else. */
static inline bool wire_usual_text(const char *value, struct slice *text)
{
    unsigned mark = wire_mark(value);

    if (mark - 0xA0 < 32)
        *text = (struct slice){value + 1, mark - 0xA0};
    else if (mark == 0xD9)
        *text = (struct slice){value + 2, (unsigned char)value[1]};
    else
        return false;
    return true;
}

/* True of a text, also an empty one. */
static inline bool wire_text(const char *value, struct slice *text)
{
    return wire_usual_text(value, text) || wire_text_slow(value, text);
}

/* A text of 1 to 31 bytes, as most are. */
static inline bool wire_short_text(const char *value, struct slice *text)
{
    unsigned mark = wire_mark(value);

    *text = (struct slice){value + 1, mark & 0x1F};
    return mark > 0xA0 && mark <= 0xBF;
}

/* Not there, null or ''. */
static inline bool wire_is_empty(const char *value)
{
    unsigned mark = wire_mark(value);
    struct slice text;

    return mark == WIRE_NIL || mark == 0xA0 ||
           (mark >= 0xD9 && mark <= 0xDB && wire_text(value, &text) && text.size == 0);
}

/* Loads overlap, so that no size needs a loop over bytes. */
static inline bool wire_is_ascii(struct slice text)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    const char *at = text.data;
    const char *end = at + text.size;
    uint64_t seen;

    if (text.size >= 16) {
        const char *last = end - 16;

        seen = wire_load_8(last) | wire_load_8(last + 8);
        for (; at < last; at += 16)
            seen |= wire_load_8(at) | wire_load_8(at + 8);
    } else if (text.size >= 8) {
        seen = wire_load_8(at) | wire_load_8(end - 8);
    } else if (text.size >= 4) {
        seen = wire_load_4(at) | wire_load_4(end - 4);
    } else if (text.size > 0) {
        seen = (unsigned char)(at[0] | at[text.size / 2] | end[-1]);
    } else {
        return true;
    }
    return (seen & high) == 0;
}

static inline bool wire_valid_text(struct slice text)
{
    return LIKELY(wire_is_ascii(text)) || utf8_valid(text);
}

/* A number of the kinds that are common: of up to four bytes, unsigned, or a double. False, and nothing done, for all else. */
static inline bool wire_quick_number(const char *value, struct value *number)
{
    unsigned mark = wire_mark(value);

    if (mark < 0x80)
        *number = value_int((int64_t)mark);
    else if (mark == 0xCB)
        *number =
            (struct value){.kind = VALUE_DOUBLE, .u = __builtin_bswap64(wire_load_8(value + 1))};
    else if (mark == 0xCC)
        *number = value_int((unsigned char)value[1]);
    else if (mark == 0xCD)
        *number = value_int((unsigned char)value[1] << 8 | (unsigned char)value[2]);
    else if (mark == 0xCE)
        *number = value_int((int64_t)__builtin_bswap32(wire_load_4(value + 1)));
    else
        return false;
    return true;
}

/* Text, or an integer in decimal (in the arena); anything else is bad. */
enum wire_status wire_read_id(const char *value, struct arena *arena, struct slice *id);

/* True of an id that is a text of 1 to 255 bytes of ASCII. False says nothing. */
static inline bool wire_is_ascii_id(const char *value, struct slice *id)
{
    unsigned mark = wire_mark(value);

    if (mark > 0xA0 && mark <= 0xBF)
        *id = (struct slice){value + 1, mark & 0x1F};
    else if (mark == 0xD9 && value[1] != 0)
        *id = (struct slice){value + 2, (unsigned char)value[1]};
    else
        return false;
    return wire_is_ascii(*id);
}

/*
 * The value as rules see it; containers stay msgpack, named by `raw`. False where it holds a text that is not valid.
 */
bool wire_read_value(const char *value, const char *end, enum value_raw raw, struct value *out);

/* The day of the last time that was read: most events are of one. */
struct wire_day {
    uint64_t date;     /* the bytes YYYY-MM- ... */
    uint32_t date_end; /* ... and -DDT */
    int64_t ms;        /* its beginning, since 1970 */
};

/* At first: a day as good as any, since zeros would be the day of a text of zeros. */
static inline struct wire_day wire_first_day(void)
{
    static const char date[] = "1970-01-01T";
    return (struct wire_day){wire_load_8(date), wire_load_4(date + 7), 0};
}

/*
 * Eight bytes of text, `hh:mm:ss` where it is true; seconds since midnight. All are computed with at once: `fields` has
 * the hour in byte 0, the minute in byte 3 and the second in byte 6.
 */
static inline bool wire_clock(uint64_t word, int64_t *seconds)
{
    uint64_t digits = word ^ UINT64_C(0x30303A30303A3030);  /* digits become their values, `:` 0 */
    uint64_t above = digits + UINT64_C(0x76767F76767F7676); /* bit 7: more than 9, or than 0 */
    uint64_t pairs = digits * 10 + (digits >> 8);
    uint64_t fields = pairs & UINT64_C(0x00FF0000FF0000FF);
    uint64_t late = fields + UINT64_C(0x0044000044000068);     /* bit 7: more than 59, or than 23 */
    uint64_t minutes = fields * (60 << 24 | 1) >> 24 & 0xFFFF; /* the hour's come upon the minute */

    *seconds = (int64_t)(minutes * 60 + (fields >> 48));
    return ((digits | above | late) & UINT64_C(0x8080808080808080)) == 0;
}

/* Four bytes of text: `.mmm`. */
static inline bool wire_milliseconds(uint32_t word, int64_t *ms)
{
    uint32_t digits = word ^ 0x3030302Eu;
    uint32_t above = digits + 0x7676767Fu;

    *ms = (digits >> 8 & 0xFF) * 100 + (digits >> 16 & 0xFF) * 10 + (digits >> 24);
    return ((digits | above) & 0x80808080u) == 0;
}

/*
 * The usual form, `YYYY-MM-DDThh:mm:ss.mmmZ` or without fraction: ms since midnight. False says nothing: other forms,
 * and what is wrong, are core/datetime.h's business.
 */
static inline bool wire_time_of_day(struct slice text, int64_t *ms)
{
    int64_t seconds, milliseconds = 0;

    if ((text.size != 24 && text.size != 20) || text.data[text.size - 1] != 'Z' ||
        !wire_clock(wire_load_8(text.data + 11), &seconds))
        return false;
    if (text.size == 24 && !wire_milliseconds(wire_load_4(text.data + 19), &milliseconds))
        return false;
    *ms = seconds * 1000 + milliseconds;
    return true;
}

/* A time in the usual form and of the day that is known. False says nothing. */
static inline bool wire_usual_time(struct slice text, const struct wire_day *day, int64_t *ms)
{
    int64_t time_of_day;

    if (!wire_time_of_day(text, &time_of_day) || wire_load_8(text.data) != day->date ||
        wire_load_4(text.data + 7) != day->date_end)
        return false;
    *ms = day->ms + time_of_day;
    return true;
}

/* RFC 3339 text, a number since 1970 in `unit`, or a timestamp extension; floored to ms, years 1 to 9999. */
enum wire_status wire_read_time(const char *value, enum schema_unit unit, enum schema_zone zone,
                                struct wire_day *day, int64_t *ms);
#endif
