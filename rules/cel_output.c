/*
 * Values as JSON and as msgpack.
 */
#include <math.h>
#include <msgpack.h>

#include "core/json.h"
#include "rules/cel_convert.h"
#include "rules/cel_value.h"

#define PACK_DEPTH_MAX 32
#define JSON_DEPTH_MAX 1200 /* deeper than any expression can nest */

static struct slice scalar_text(struct value value, char text[40])
{
    int size = cel_scalar_format(value, text);
    return (struct slice){text, (size_t)size};
}

/* A key of a map, as JSON needs it; in msgpack too, so that both have the same fields. */
static struct slice key_text(struct value key, char text[40])
{
    return key.kind == VALUE_STRING ? value_text(key) : scalar_text(key, text);
}

/* ---- JSON ---- */

static void add_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buf_add_char(out, '"');
    for (size_t i = 0; i < bytes.size; i += 3) {
        uint32_t bits = 0;
        size_t have = bytes.size - i < 3 ? bytes.size - i : 3;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < have ? (uint8_t)bytes.data[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            buf_add_char(out, j <= have ? digits[bits >> (18 - 6 * j) & 63] : '=');
    }
    buf_add_char(out, '"');
}

static void to_json(struct cel_activation *activation, struct value value, int depth,
                    struct buf *out);

static void list_to_json(struct cel_activation *activation, struct value list, int depth,
                         struct buf *out)
{
    struct cel_iter iter;
    struct value index, element;
    cel_iter_open(&iter, list);
    buf_add_char(out, '[');
    while (cel_iter_next(&iter, activation, &index, &element)) {
        if (index.i > 0)
            buf_add_char(out, ',');
        to_json(activation, element, depth + 1, out);
    }
    buf_add_char(out, ']');
}

static void map_to_json(struct cel_activation *activation, struct value map, int depth,
                        struct buf *out)
{
    struct cel_iter iter;
    struct value key, value;
    char text[40];
    cel_iter_open(&iter, map);
    buf_add_char(out, '{');
    while (cel_iter_next(&iter, activation, &key, &value)) {
        if (iter.index > 1)
            buf_add_char(out, ',');
        json_add_string(out, key_text(key, text));
        buf_add_char(out, ':');
        to_json(activation, value, depth + 1, out);
    }
    buf_add_char(out, '}');
}

static void to_json(struct cel_activation *activation, struct value value, int depth,
                    struct buf *out)
{
    char text[40];
    bool is_digits = value.kind != VALUE_DOUBLE || isfinite(value.d);
    if (depth > JSON_DEPTH_MAX) {
        buf_add_text(out, "null");
        return;
    }
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_DOUBLE:
        if (is_digits)
            buf_add_slice(out, scalar_text(value, text));
        else
            json_add_string(out, scalar_text(value, text));
        break;
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        json_add_string(out, scalar_text(value, text));
        break;
    case VALUE_STRING:
    case VALUE_TYPE:
        json_add_string(out, value_text(value));
        break;
    case VALUE_BYTES:
        add_base64(out, value_text(value));
        break;
    case VALUE_LIST:
        list_to_json(activation, value, depth, out);
        break;
    case VALUE_MAP:
        map_to_json(activation, value, depth, out);
        break;
    case VALUE_ABSENT:
    case VALUE_ERROR:
        buf_add_text(out, "null");
        break;
    }
}

void cel_to_json(struct cel_activation *activation, struct value value, struct buf *out)
{
    to_json(activation, value, 1, out);
}

/* ---- msgpack ---- */

static bool pack(struct cel_activation *activation, struct value value, int depth,
                 msgpack_packer *packer);

static void pack_text(msgpack_packer *packer, struct slice text)
{
    msgpack_pack_str(packer, text.size);
    msgpack_pack_str_body(packer, text.data, text.size);
}

static bool pack_list(struct cel_activation *activation, struct value list, int depth,
                      msgpack_packer *packer)
{
    struct cel_iter iter;
    struct value index, element;
    cel_iter_open(&iter, list);
    msgpack_pack_array(packer, iter.count);
    while (cel_iter_next(&iter, activation, &index, &element))
        if (!pack(activation, element, depth + 1, packer))
            return false;
    return true;
}

static bool pack_map(struct cel_activation *activation, struct value map, int depth,
                     msgpack_packer *packer)
{
    struct cel_iter iter;
    struct value key, value;
    char text[40];
    cel_iter_open(&iter, map);
    msgpack_pack_map(packer, iter.count);
    while (cel_iter_next(&iter, activation, &key, &value)) {
        pack_text(packer, key_text(key, text));
        if (!pack(activation, value, depth + 1, packer))
            return false;
    }
    return true;
}

static bool pack(struct cel_activation *activation, struct value value, int depth,
                 msgpack_packer *packer)
{
    if (depth > PACK_DEPTH_MAX)
        return false;
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
        msgpack_pack_nil(packer);
        break;
    case VALUE_BOOL:
        value.b ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case VALUE_INT:
        msgpack_pack_int64(packer, value.i);
        break;
    case VALUE_UINT:
        msgpack_pack_uint64(packer, value.u);
        break;
    case VALUE_DOUBLE:
        msgpack_pack_double(packer, value.d);
        break;
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        msgpack_pack_int64(packer, value_timestamp_to_ms(value));
        break;
    case VALUE_STRING:
    case VALUE_TYPE:
        pack_text(packer, value_text(value));
        break;
    case VALUE_BYTES:
        msgpack_pack_bin(packer, value.size);
        msgpack_pack_bin_body(packer, value.s, value.size);
        break;
    case VALUE_LIST:
        return pack_list(activation, value, depth, packer);
    case VALUE_MAP:
        return pack_map(activation, value, depth, packer);
    case VALUE_ABSENT:
    case VALUE_ERROR:
        return false;
    }
    return true;
}

bool cel_to_msgpack(struct cel_activation *activation, struct value value, struct buf *out)
{
    msgpack_packer packer;
    size_t start = out->size;
    msgpack_packer_init(&packer, out, buf_pack_write);
    if (pack(activation, value, 1, &packer))
        return true;
    out->size = start;
    msgpack_pack_nil(&packer);
    return false;
}
