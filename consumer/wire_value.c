#include "consumer/wire_value.h"

#include <math.h>

#include "core/datetime.h"
#include "core/mp.h"
#include "core/number.h"

static bool read_token(struct slice value, struct mp_token *token)
{
    struct mp mp = mp_of(value);

    return mp_read(&mp, token);
}

enum wire_status wire_read_id(struct slice value, struct arena *arena, struct slice *id)
{
    struct mp_token token;
    char *digits;

    if (wire_is_empty(value))
        return WIRE_ABSENT;
    if (wire_text(value, id))
        return wire_valid_text(*id) ? WIRE_GOOD : WIRE_BAD_TEXT;
    if (!read_token(value, &token) || (token.kind != MP_INT && token.kind != MP_UINT))
        return WIRE_BAD;
    digits = arena_alloc(arena, 32);
    *id = (struct slice){digits,
                         (size_t)(token.kind == MP_INT ? number_format_int(token.i, digits)
                                                       : number_format_uint(token.u, digits))};
    return WIRE_GOOD;
}

/* All texts in a container, keys too. */
static bool valid_texts(struct slice value)
{
    struct mp mp = mp_of(value);
    struct mp_token token;

    /* Well-formed, so a flat run over the tokens ends at its end. */
    while (mp.pos < mp.end && mp_read(&mp, &token))
        if (token.kind == MP_STR && !wire_valid_text(token.bytes))
            return false;
    return true;
}

static bool is_container(struct slice value)
{
    unsigned char mark = (unsigned char)value.data[0];

    return (mark >= 0x80 && mark <= 0x9F) || (mark >= 0xDC && mark <= 0xDF);
}

bool wire_read_value(struct slice value, enum value_raw raw, struct value *out)
{
    struct slice text;
    unsigned char mark = (unsigned char)value.data[0];

    if (wire_text(value, &text)) {
        *out = value_string(text);
        return wire_valid_text(text);
    }
    if (mark < 0x80 || mark >= 0xE0) {
        *out = value_int((int8_t)mark);
        return true;
    }
    if (is_container(value) && !valid_texts(value))
        return false;
    *out = value_of_msgpack(value, raw);
    return true;
}

/* ---- time ---- */

#define DAY_MS INT64_C(86400000)
#define MIN_MS (DATETIME_MIN_SECONDS * 1000)
#define MAX_MS (DATETIME_MAX_SECONDS * 1000 + 999)

static bool in_range(int64_t ms)
{
    return ms >= MIN_MS && ms <= MAX_MS;
}

static unsigned two_digits(const char *text)
{
    unsigned tens = (unsigned)(unsigned char)text[0] - '0';
    unsigned ones = (unsigned)(unsigned char)text[1] - '0';

    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/*
 * The usual form, `YYYY-MM-DDThh:mm:ss.mmmZ` or without fraction: ms since midnight. False says nothing: other forms,
 * and what is wrong, are core/datetime.h's business.
 */
static bool usual_time_of_day(struct slice text, int64_t *ms)
{
    const char *at = text.data + 11;
    unsigned hour, minute, second, milli = 0;

    if ((text.size != 24 && text.size != 20) || text.data[text.size - 1] != 'Z' || at[-1] != 'T')
        return false;
    hour = two_digits(at);
    minute = two_digits(at + 3);
    second = two_digits(at + 6);
    if (hour > 23 || minute > 59 || second > 59 || at[2] != ':' || at[5] != ':')
        return false;
    if (text.size == 24) {
        unsigned high = two_digits(at + 9);
        unsigned low = (unsigned)(unsigned char)at[11] - '0';

        if (at[8] != '.' || high > 99 || low > 9)
            return false;
        milli = high * 10 + low;
    }
    *ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + milli;
    return true;
}

static bool read_rfc3339(struct slice text, struct wire_day *day, int64_t *ms)
{
    int64_t time_of_day;
    bool usual = usual_time_of_day(text, &time_of_day);

    if (usual && day->known && memcmp(text.data, day->date, sizeof day->date) == 0) {
        *ms = day->ms + time_of_day;
        return true;
    }
    if (!datetime_parse_ms(text, ms))
        return false;
    if (usual) {
        memcpy(day->date, text.data, sizeof day->date);
        day->ms = *ms - time_of_day;
        day->known = true;
    }
    return true;
}

/* Where there is no offset and the schema says that this is UTC: with a `Z`. */
static bool read_utc(struct slice text, enum schema_zone zone, struct wire_day *day, int64_t *ms)
{
    const struct slice word = SLICE(" UTC");
    char with_z[64];
    size_t size = text.size;

    if (zone == SCHEMA_ZONE_REQUIRED || size + 1 > sizeof with_z)
        return false;
    if (size > word.size && memcmp(text.data + size - word.size, word.data, word.size) == 0)
        size -= word.size;
    else if (zone == SCHEMA_ZONE_UTC_WORD)
        return false;
    memcpy(with_z, text.data, size);
    with_z[size] = 'Z';
    if (size >= 11 && with_z[10] == ' ')
        with_z[10] = 'T'; /* the usual form, so that the day is kept */
    return read_rfc3339((struct slice){with_z, size + 1}, day, ms);
}

static enum wire_status read_text_time(struct slice text, enum schema_zone zone,
                                       struct wire_day *day, int64_t *ms)
{
    if (read_rfc3339(text, day, ms) || read_utc(text, zone, day, ms))
        return WIRE_GOOD;
    return wire_valid_text(text) ? WIRE_BAD : WIRE_BAD_TEXT;
}

static enum wire_status read_int_time(int64_t number, enum schema_unit unit, int64_t *ms)
{
    switch (unit) {
    case SCHEMA_UNIT_MS:
        *ms = number;
        break;
    case SCHEMA_UNIT_US:
        *ms = floor_div(number, 1000);
        break;
    case SCHEMA_UNIT_S:
        if (number < DATETIME_MIN_SECONDS || number > DATETIME_MAX_SECONDS)
            return WIRE_BAD;
        *ms = number * 1000;
        break;
    }
    return in_range(*ms) ? WIRE_GOOD : WIRE_BAD;
}

static enum wire_status read_double_time(double number, enum schema_unit unit, int64_t *ms)
{
    if (unit == SCHEMA_UNIT_US)
        number /= 1000;
    else if (unit == SCHEMA_UNIT_S)
        number *= 1000;
    number = floor(number);
    /* Written so that NaN is out of range. */
    if (!(number >= (double)MIN_MS && number <= (double)MAX_MS))
        return WIRE_BAD;
    *ms = (int64_t)number;
    return WIRE_GOOD;
}

static enum wire_status read_extension_time(const struct mp_token *token, int64_t *ms)
{
    int64_t seconds;
    uint32_t nanos;

    if (!mp_timestamp(token, &seconds, &nanos) || seconds < DATETIME_MIN_SECONDS ||
        seconds > DATETIME_MAX_SECONDS)
        return WIRE_BAD;
    *ms = seconds * 1000 + nanos / 1000000;
    return WIRE_GOOD;
}

enum wire_status wire_read_time(struct slice value, enum schema_unit unit, enum schema_zone zone,
                                struct wire_day *day, int64_t *ms)
{
    struct mp_token token;
    struct slice text;

    if (wire_is_empty(value))
        return WIRE_ABSENT;
    if (wire_text(value, &text))
        return read_text_time(text, zone, day, ms);
    if (!read_token(value, &token))
        return WIRE_BAD;
    switch (token.kind) {
    case MP_INT:
        return read_int_time(token.i, unit, ms);
    case MP_DOUBLE:
        return read_double_time(token.d, unit, ms);
    case MP_EXT:
        return read_extension_time(&token, ms);
    case MP_NIL:
    case MP_BOOL:
    case MP_UINT:
    case MP_STR:
    case MP_BIN:
    case MP_ARRAY:
    case MP_MAP:
        break;
    }
    return WIRE_BAD;
}
