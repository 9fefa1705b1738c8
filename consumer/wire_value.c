#include "consumer/wire_value.h"

#include <math.h>

#include "core/check.h"
#include "core/datetime.h"
#include "core/mp.h"
#include "core/number.h"

/* Bytes of a number, or of the header of anything: mark, size of 4 bytes, type of an extension, 12 bytes of a timestamp. */
#define SCALAR_SIZE_MAX 18

/* A scalar; its bytes are known to be there, however many it says that it has. */
static bool read_scalar(const char *value, struct mp_token *token)
{
    struct mp mp = {value, value + SCALAR_SIZE_MAX};

    return mp_read(&mp, token);
}

static uint32_t load_size(const char *at, unsigned bytes)
{
    uint32_t size = 0;

    for (unsigned i = 0; i < bytes; i++)
        size = size << 8 | (unsigned char)at[i];
    return size;
}

bool wire_text_slow(const char *value, struct slice *text)
{
    unsigned mark = wire_mark(value);
    unsigned header = mark == 0xDA ? 2 : 4;

    if (mark != 0xDA && mark != 0xDB)
        return false;
    *text = (struct slice){value + 1 + header, load_size(value + 1, header)};
    return true;
}

enum wire_status wire_read_id(const char *value, struct arena *arena, struct slice *id)
{
    struct mp_token token;
    char *digits;

    if (wire_is_empty(value))
        return WIRE_ABSENT;
    if (wire_text(value, id))
        return wire_valid_text(*id) ? WIRE_GOOD : WIRE_BAD_TEXT;
    if (!read_scalar(value, &token) || (token.kind != MP_INT && token.kind != MP_UINT))
        return WIRE_BAD;
    digits = arena_alloc(arena, 32);
    *id = (struct slice){digits,
                         (size_t)(token.kind == MP_INT ? number_format_int(token.i, digits)
                                                       : number_format_uint(token.u, digits))};
    return WIRE_GOOD;
}

/*
 * Of read_container(): behind the mark of a container, whose values are added to `values`, or behind all of a value whose
 * first byte does not say its size. NULL where that is a text that is not valid.
 */
static RARE const char *read_long(const char *pos, const char *end, uint64_t *values)
{
    struct mp mp = {pos, end};
    struct mp_token token;

    CHECK(mp_read(&mp, &token));
    if (token.kind == MP_STR && !wire_valid_text(token.bytes))
        return NULL;
    if (token.kind == MP_ARRAY || token.kind == MP_MAP)
        *values += (uint64_t)token.count << (token.kind == MP_MAP);
    return mp.pos;
}

/*
 * The bytes of a container, which is well-formed and ends in front of `end`. False where it holds a text, or a key, that is
 * not valid.
 */
static bool read_container(const char *value, const char *end, struct slice *exact)
{
    const char *pos = value;

    for (uint64_t values = 1; values > 0; values--) {
        unsigned mark = wire_mark(pos);
        struct slice text;

        if (wire_usual_text(pos, &text)) {
            if (!wire_valid_text(text))
                return false;
            pos = text.data + text.size;
        } else if (mp_sizes[mark] > 0) {
            pos += mp_sizes[mark];
        } else if (mark < 0xA0) { /* a map or an array of up to 15 */
            values += mark < 0x90 ? 2 * (mark & 0x0F) : mark & 0x0F;
            pos++;
        } else {
            pos = read_long(pos, end, &values);
            if (pos == NULL)
                return false;
        }
    }
    *exact = (struct slice){value, (size_t)(pos - value)};
    return true;
}

bool wire_read_value(const char *value, const char *end, enum value_raw raw, struct value *out)
{
    unsigned mark = wire_mark(value);
    struct slice text;

    if (wire_text(value, &text)) {
        *out = value_string(text);
        return wire_valid_text(text);
    }
    if (wire_quick_number(value, out))
        return true;
    if ((mark & 0xE0) == 0x80 || (mark & 0xFC) == 0xDC) {
        if (!read_container(value, end, &text))
            return false;
        *out = value_of_container((mark & 0xF0) == 0x80 || mark >= 0xDE ? VALUE_MAP : VALUE_LIST,
                                  text, raw);
        return true;
    }
    /* A nil may be the projection's own, which is not between `value` and `end`. */
    struct mp mp = {value, end};
    if (mark == WIRE_NIL || !mp_value(&mp, &text))
        *out = value_null();
    else
        *out = value_of_msgpack(text, raw);
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

static bool read_rfc3339(struct slice text, struct wire_day *day, int64_t *ms)
{
    int64_t time_of_day;

    if (wire_usual_time(text, day, ms))
        return true;
    if (!datetime_parse_ms(text, ms))
        return false;
    if (wire_time_of_day(text, &time_of_day))
        *day = (struct wire_day){wire_load_8(text.data), wire_load_4(text.data + 7),
                                 *ms - time_of_day};
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

enum wire_status wire_read_time(const char *value, enum schema_unit unit, enum schema_zone zone,
                                struct wire_day *day, int64_t *ms)
{
    struct mp_token token;
    struct slice text;

    if (wire_is_empty(value))
        return WIRE_ABSENT;
    if (wire_text(value, &text))
        return read_text_time(text, zone, day, ms);
    if (!read_scalar(value, &token))
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
