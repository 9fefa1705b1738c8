#include "core/value.h"

#include "core/check.h"
#include "core/datetime.h"
#include "core/mp.h"
#include "core/utf8.h"

static struct value value_time(enum value_kind kind, int64_t ms)
{
    int64_t seconds = floor_div(ms, 1000);
    uint32_t nanos = (uint32_t)(ms - seconds * 1000) * 1000000;
    return (struct value){.kind = (uint8_t)kind, .size = nanos, .i = seconds};
}

struct value value_timestamp_ms(int64_t ms)
{
    return value_time(VALUE_TIMESTAMP, ms);
}

struct value value_duration_ms(int64_t ms)
{
    return value_time(VALUE_DURATION, ms);
}

int64_t value_timestamp_to_ms(struct value timestamp)
{
    return timestamp.i * 1000 + timestamp.size / 1000000;
}

static struct value value_error(const char *message)
{
    return (struct value){.kind = VALUE_ERROR, .size = (uint32_t)strlen(message), .s = message};
}

static struct value value_of_text(struct slice text)
{
    return utf8_valid(text) ? value_string(text) : value_error("text is not valid UTF-8");
}

/*
 * Other extensions, and timestamps outside of the years 1 to 9999, are nothing that a rule could
 * read.
 */
static struct value value_of_ext(const struct mp_token *token)
{
    int64_t seconds;
    uint32_t nanos;
    if (!mp_timestamp(token, &seconds, &nanos))
        return value_null();
    if (seconds < DATETIME_MIN_SECONDS || seconds > DATETIME_MAX_SECONDS)
        return value_null();
    return (struct value){.kind = VALUE_TIMESTAMP, .size = nanos, .i = seconds};
}

struct value value_of_msgpack(struct slice msgpack, enum value_raw raw)
{
    CHECK(msgpack.size <= UINT32_MAX);
    struct mp mp = mp_of(msgpack);
    struct mp_token token;
    if (!mp_read(&mp, &token))
        return value_error("not msgpack");
    switch (token.kind) {
    case MP_NIL:
        return value_null();
    case MP_BOOL:
        return value_bool(token.b);
    case MP_INT:
        return value_int(token.i);
    case MP_UINT:
        return (struct value){.kind = VALUE_UINT, .u = token.u};
    case MP_DOUBLE:
        return value_double(token.d);
    case MP_STR:
        return value_of_text(token.bytes);
    case MP_BIN:
        return (struct value){
            .kind = VALUE_BYTES, .size = (uint32_t)token.bytes.size, .s = token.bytes.data};
    case MP_EXT:
        return value_of_ext(&token);
    case MP_ARRAY:
        return value_of_container(VALUE_LIST, msgpack, raw);
    case MP_MAP:
        return value_of_container(VALUE_MAP, msgpack, raw);
    }
    return value_error("not msgpack");
}
