#include "core/mp.h"

#include <assert.h>

#include "core/check.h"
#include "core/datetime.h"
#include "core/json.h"

/* ---- reading ---- */

static size_t bytes_left(const struct mp *mp)
{
    return (size_t)(mp->end - mp->pos);
}

/* Big-endian numbers; the caller has checked that the bytes are there. */
static uint16_t load_16(const char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap16(value);
}

static uint32_t load_32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap32(value);
}

static uint64_t load_64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap64(value);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the loads above swap");

/* A number of 1, 2, 4 or 8 bytes. */
static bool take_uint(struct mp *mp, size_t size, uint64_t *value)
{
    if (bytes_left(mp) < size)
        return false;
    const char *at = mp->pos;
    mp->pos += size;
    switch (size) {
    case 1:
        *value = (unsigned char)*at;
        return true;
    case 2:
        *value = load_16(at);
        return true;
    case 4:
        *value = load_32(at);
        return true;
    default:
        *value = load_64(at);
        return true;
    }
}

static bool take_bytes(struct mp *mp, size_t size, struct slice *bytes)
{
    if (bytes_left(mp) < size)
        return false;
    *bytes = (struct slice){mp->pos, size};
    mp->pos += size;
    return true;
}

static bool set_int(struct mp_token *token, int64_t value)
{
    token->kind = MP_INT;
    token->i = value;
    return true;
}

static bool read_uint(struct mp *mp, size_t size, struct mp_token *token)
{
    uint64_t value;
    if (!take_uint(mp, size, &value))
        return false;
    if (value <= (uint64_t)INT64_MAX)
        return set_int(token, (int64_t)value);
    token->kind = MP_UINT;
    token->u = value;
    return true;
}

static bool read_int(struct mp *mp, size_t size, struct mp_token *token)
{
    uint64_t value;
    if (!take_uint(mp, size, &value))
        return false;
    switch (size) {
    case 1:
        return set_int(token, (int8_t)value);
    case 2:
        return set_int(token, (int16_t)value);
    case 4:
        return set_int(token, (int32_t)value);
    default:
        return set_int(token, (int64_t)value);
    }
}

static bool read_float(struct mp *mp, struct mp_token *token)
{
    uint64_t bits;
    float value;
    if (!take_uint(mp, 4, &bits))
        return false;
    uint32_t bits_32 = (uint32_t)bits;
    memcpy(&value, &bits_32, sizeof(value));
    token->kind = MP_DOUBLE;
    token->d = (double)value;
    return true;
}

static bool read_double(struct mp *mp, struct mp_token *token)
{
    uint64_t bits;
    if (!take_uint(mp, 8, &bits))
        return false;
    token->kind = MP_DOUBLE;
    memcpy(&token->d, &bits, sizeof(token->d));
    return true;
}

static bool read_bytes(struct mp *mp, enum mp_kind kind, size_t size, struct mp_token *token)
{
    token->kind = kind;
    return take_bytes(mp, size, &token->bytes);
}

static bool read_sized_bytes(struct mp *mp, enum mp_kind kind, size_t size_of_size,
                             struct mp_token *token)
{
    uint64_t size;
    return take_uint(mp, size_of_size, &size) && read_bytes(mp, kind, (size_t)size, token);
}

static bool read_ext(struct mp *mp, size_t size, struct mp_token *token)
{
    uint64_t type;
    if (!take_uint(mp, 1, &type))
        return false;
    token->ext_type = (int8_t)type;
    return read_bytes(mp, MP_EXT, size, token);
}

static bool read_sized_ext(struct mp *mp, size_t size_of_size, struct mp_token *token)
{
    uint64_t size;
    return take_uint(mp, size_of_size, &size) && read_ext(mp, (size_t)size, token);
}

/* Every element takes at least a byte, so no count can be larger than the bytes left. */
static bool read_container(struct mp *mp, enum mp_kind kind, uint64_t count, struct mp_token *token)
{
    token->kind = kind;
    token->count = (uint32_t)count;
    return (kind == MP_MAP ? 2 * count : count) <= bytes_left(mp);
}

static bool read_sized_container(struct mp *mp, enum mp_kind kind, size_t size_of_count,
                                 struct mp_token *token)
{
    uint64_t count;
    return take_uint(mp, size_of_count, &count) && read_container(mp, kind, count, token);
}

static bool read_bool(struct mp_token *token, bool value)
{
    token->kind = MP_BOOL;
    token->b = value;
    return true;
}

/* What starts with 0xC0 to 0xDF: https://github.com/msgpack/msgpack/blob/master/spec.md */
static bool read_marked(struct mp *mp, unsigned char mark, struct mp_token *token)
{
    switch (mark) {
    case 0xC0:
        token->kind = MP_NIL;
        return true;
    case 0xC2:
    case 0xC3:
        return read_bool(token, mark == 0xC3);
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return read_sized_bytes(mp, MP_BIN, (size_t)1 << (mark - 0xC4), token);
    case 0xC7:
    case 0xC8:
    case 0xC9:
        return read_sized_ext(mp, (size_t)1 << (mark - 0xC7), token);
    case 0xCA:
        return read_float(mp, token);
    case 0xCB:
        return read_double(mp, token);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        return read_uint(mp, (size_t)1 << (mark - 0xCC), token);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return read_int(mp, (size_t)1 << (mark - 0xD0), token);
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        return read_ext(mp, (size_t)1 << (mark - 0xD4), token);
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return read_sized_bytes(mp, MP_STR, (size_t)1 << (mark - 0xD9), token);
    case 0xDC:
    case 0xDD:
        return read_sized_container(mp, MP_ARRAY, (size_t)2 << (mark - 0xDC), token);
    case 0xDE:
    case 0xDF:
        return read_sized_container(mp, MP_MAP, (size_t)2 << (mark - 0xDE), token);
    default:
        return false; /* 0xC1 is never used */
    }
}

/* Inline for whoever reads many: most tokens are told by their first byte. */
static inline bool read_token(struct mp *mp, struct mp_token *token)
{
    if (mp->pos == mp->end)
        return false;
    unsigned char mark = (unsigned char)*mp->pos++;
    if (mark < 0x80)
        return set_int(token, mark);
    if (mark >= 0xE0)
        return set_int(token, (int8_t)mark);
    if (mark >= 0xC0)
        return read_marked(mp, mark, token);
    if (mark >= 0xA0)
        return read_bytes(mp, MP_STR, mark & 0x1F, token);
    if (mark >= 0x90)
        return read_container(mp, MP_ARRAY, mark & 0x0F, token);
    return read_container(mp, MP_MAP, mark & 0x0F, token);
}

bool mp_read(struct mp *mp, struct mp_token *token)
{
    return read_token(mp, token);
}

/* ---- skipping ---- */

#define SAME_4(x)  x, x, x, x
#define SAME_16(x) SAME_4(x), SAME_4(x), SAME_4(x), SAME_4(x)
#define SAME_64(x) SAME_16(x), SAME_16(x), SAME_16(x), SAME_16(x)
const uint8_t mp_sizes[256] = {
    SAME_64(1), SAME_64(1), /* 00: positive fixint */
    SAME_16(0),             /* 80: fixmap */
    SAME_16(0),             /* 90: fixarray */
    1,          2,          3,  4,  5,  6,  7,  8,
    9,          10,         11, 12, 13, 14, 15, 16, /* A0: fixstr */
    17,         18,         19, 20, 21, 22, 23, 24,
    25,         26,         27, 28, 29, 30, 31, 32, /* B0: fixstr */
    1,          0,          1,  1,  0,  0,  0,  0,
    0,          0,          5,  9,  2,  3,  5,  9, /* C0: nil ... uint */
    2,          3,          5,  9,  3,  4,  6,  10,
    18,         0,          0,  0,  0,  0,  0,  0, /* D0: int ... map */
    SAME_16(1), SAME_16(1),                        /* E0: negative fixint */
};

/* Moves behind a str, bin or ext whose size follows its mark; `type_size`: bytes between the size and what it counts. */
static bool skip_sized(struct mp *mp, size_t size_of_size, size_t type_size)
{
    uint64_t size;
    if (!take_uint(mp, size_of_size, &size) || size + type_size > bytes_left(mp))
        return false;
    mp->pos += size + type_size;
    return true;
}

static bool skip_count(struct mp *mp, size_t size_of_count, unsigned values_each, uint64_t *values)
{
    uint64_t count;
    if (!take_uint(mp, size_of_count, &count))
        return false;
    *values = count * values_each;
    return true;
}

/*
 * Moves behind the mark and what else comes first of a value that mp_sizes does not tell, of a str, bin or ext behind all
 * of it. `values`: how many a container holds; 0 of all else.
 */
static bool skip_head(struct mp *mp, bool *is_container, uint64_t *values)
{
    unsigned char mark = (unsigned char)*mp->pos++;
    *is_container = mark < 0xA0 || mark >= 0xDC;
    *values = 0;
    if (mark < 0xA0) {
        *values = (mark & 0x0Fu) << (mark < 0x90);
        return true;
    }
    switch (mark) {
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return skip_sized(mp, (size_t)1 << (mark - 0xC4), 0);
    case 0xC7:
    case 0xC8:
    case 0xC9:
        return skip_sized(mp, (size_t)1 << (mark - 0xC7), 1);
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return skip_sized(mp, (size_t)1 << (mark - 0xD9), 0);
    case 0xDC:
    case 0xDD:
        return skip_count(mp, (size_t)2 << (mark - 0xDC), 1, values);
    case 0xDE:
    case 0xDF:
        return skip_count(mp, (size_t)2 << (mark - 0xDE), 2, values);
    default:
        return false; /* 0xC1 is never used */
    }
}

bool mp_skip(struct mp *mp, int depth_max)
{
    uint64_t open[MP_DEPTH_MAX]; /* values still to come in each container that is open */
    uint64_t values = 1;
    int depth = 0;
    const char *pos = mp->pos; /* in a register, for most is skipped by a first byte alone */
    const char *end = mp->end;
    CHECK(depth_max <= MP_DEPTH_MAX);
    for (;;) {
        for (; values > 0; values--) {
            size_t size;
            if (pos >= end)
                return false;
            size = mp_sizes[(unsigned char)*pos];
            if (size == 0)
                break;
            if ((size_t)(end - pos) < size)
                return false;
            pos += size;
        }
        if (values == 0) {
            mp->pos = pos;
            if (depth == 0)
                return true;
            values = open[--depth];
            continue;
        }
        bool is_container;
        uint64_t inside;
        mp->pos = pos;
        if (!skip_head(mp, &is_container, &inside) || inside > bytes_left(mp) ||
            (is_container && depth == depth_max))
            return false;
        pos = mp->pos;
        values--;
        if (is_container) {
            open[depth++] = values;
            values = inside;
        }
    }
}

bool mp_value(struct mp *mp, struct slice *value)
{
    const char *start = mp->pos;
    if (!mp_skip(mp, MP_DEPTH_MAX))
        return false;
    *value = (struct slice){start, (size_t)(mp->pos - start)};
    return true;
}

bool mp_well_formed(struct slice bytes)
{
    struct mp mp = mp_of(bytes);
    return mp_skip(&mp, MP_DEPTH_MAX) && mp.pos == mp.end;
}

/* ---- what values mean ---- */

bool mp_timestamp(const struct mp_token *token, int64_t *seconds, uint32_t *nanos)
{
    if (token->kind != MP_EXT || token->ext_type != -1)
        return false;
    const char *data = token->bytes.data;
    switch (token->bytes.size) {
    case 4:
        *nanos = 0;
        *seconds = load_32(data);
        return true;
    case 8:
        *nanos = (uint32_t)(load_64(data) >> 34);
        *seconds = (int64_t)(load_64(data) & 0x3FFFFFFFFu);
        return *nanos <= 999999999;
    case 12:
        *nanos = load_32(data);
        *seconds = (int64_t)load_64(data + 4);
        return *nanos <= 999999999;
    default:
        return false;
    }
}

bool mp_map_find(struct slice map, struct slice key, struct slice *value)
{
    struct mp mp = mp_of(map);
    struct mp_token token;
    bool found = false;
    if (!mp_read(&mp, &token) || token.kind != MP_MAP)
        return false;
    for (uint32_t left = token.count; left > 0; left--) {
        struct slice key_bytes, value_bytes;
        struct mp_token key_token;
        if (!mp_value(&mp, &key_bytes) || !mp_value(&mp, &value_bytes))
            return false;
        struct mp key_mp = mp_of(key_bytes);
        if (!mp_read(&key_mp, &key_token))
            return false;
        if (key_token.kind == MP_STR && slice_equal(key_token.bytes, key)) {
            *value = value_bytes;
            found = true;
        }
    }
    return found;
}

/* ---- as JSON ---- */

static bool value_to_json(struct mp *mp, int depth, struct buf *out);

static void ext_to_json(const struct mp_token *token, struct buf *out)
{
    int64_t seconds;
    uint32_t nanos;
    char text[40];
    if (!mp_timestamp(token, &seconds, &nanos) || seconds < DATETIME_MIN_SECONDS ||
        seconds > DATETIME_MAX_SECONDS) {
        buf_add_text(out, "null");
        return;
    }
    int length = datetime_format(seconds, nanos, text);
    json_add_string(out, (struct slice){text, (size_t)length});
}

static bool token_to_json(struct mp *mp, const struct mp_token *token, int depth, struct buf *out);

/* Of a container; as JSON within JSON it would double its quotes with each level. */
static bool container_key_to_json(struct mp *mp, const struct mp_token *token, int depth,
                                  struct buf *out)
{
    uint64_t values = (uint64_t)token->count * (token->kind == MP_MAP ? 2 : 1);
    buf_add_text(out, "\"\"");
    if (depth >= MP_DEPTH_MAX)
        return false;
    for (; values > 0; values--)
        if (!mp_skip(mp, MP_DEPTH_MAX - depth - 1))
            return false;
    return true;
}

/* JSON has text keys only: any other scalar stands there as its own JSON, quoted. */
static bool other_key_to_json(struct mp *mp, const struct mp_token *token, int depth,
                              struct buf *out)
{
    struct buf key;
    if (token->kind == MP_ARRAY || token->kind == MP_MAP)
        return container_key_to_json(mp, token, depth, out);
    buf_init(&key);
    bool good = token_to_json(mp, token, depth, &key);
    if (key.size > 0 && key.data[0] == '"')
        buf_add_slice(out, buf_slice(&key));
    else
        json_add_string(out, buf_slice(&key));
    buf_fini(&key);
    return good;
}

/* With what stands around it: one check for room. */
static bool key_to_json(struct mp *mp, bool is_first, int depth, struct buf *out)
{
    struct mp_token token;
    if (!read_token(mp, &token))
        return false;
    if (token.kind != MP_STR) {
        if (!is_first)
            buf_add_char(out, ',');
        bool good = other_key_to_json(mp, &token, depth, out);
        buf_add_char(out, ':');
        return good;
    }
    char *p = buf_reserve(out, JSON_STRING_ROOM(token.bytes.size) + 2);
    if (!is_first)
        *p++ = ',';
    p = json_put_string(p, token.bytes);
    *p++ = ':';
    buf_end_at(out, p);
    return true;
}

static bool array_to_json(struct mp *mp, uint32_t count, int depth, struct buf *out)
{
    if (depth > MP_DEPTH_MAX)
        return false;
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        if (!value_to_json(mp, depth, out))
            return false;
    }
    buf_add_char(out, ']');
    return true;
}

static bool map_to_json(struct mp *mp, uint32_t count, int depth, struct buf *out)
{
    if (depth > MP_DEPTH_MAX)
        return false;
    buf_add_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (!key_to_json(mp, i == 0, depth, out) || !value_to_json(mp, depth, out))
            return false;
    }
    buf_add_char(out, '}');
    return true;
}

static bool token_to_json(struct mp *mp, const struct mp_token *token, int depth, struct buf *out)
{
    switch (token->kind) {
    case MP_NIL:
        buf_add_text(out, "null");
        return true;
    case MP_BOOL:
        buf_add_text(out, token->b ? "true" : "false");
        return true;
    case MP_INT:
        json_add_int(out, token->i);
        return true;
    case MP_UINT:
        json_add_uint(out, token->u);
        return true;
    case MP_DOUBLE:
        json_add_double(out, token->d);
        return true;
    case MP_STR:
        json_add_string(out, token->bytes);
        return true;
    case MP_BIN:
        json_add_base64(out, token->bytes);
        return true;
    case MP_EXT:
        ext_to_json(token, out);
        return true;
    case MP_ARRAY:
        return array_to_json(mp, token->count, depth + 1, out);
    case MP_MAP:
        return map_to_json(mp, token->count, depth + 1, out);
    }
    return false; /* not reached */
}

/* `depth`: of the containers around it. False where the value is not well-formed. */
static bool value_to_json(struct mp *mp, int depth, struct buf *out)
{
    struct mp_token token;
    return read_token(mp, &token) && token_to_json(mp, &token, depth, out);
}

/* Written while it is read; what turns out not to be well-formed is taken back. */
void mp_to_json(struct slice value, struct buf *out)
{
    struct mp mp = mp_of(value);
    size_t before = out->size;
    if (value_to_json(&mp, 0, out) && mp.pos == mp.end)
        return;
    out->size = before;
    buf_add_text(out, "null");
}
