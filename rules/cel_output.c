/*
 * Values as JSON and as msgpack.
 */
#include <math.h>

#include "core/json.h"
#include "core/pack.h"
#include "rules/cel_convert.h"
#include "rules/cel_value.h"

#define PACK_DEPTH_MAX 32
#define JSON_DEPTH_MAX 1200 /* deeper than any expression can nest */

/* A list may have one element many times, and that its own: as text it would be without end. */
static bool is_full(const struct buf *out, size_t start)
{
    return out->size - start > CEL_OUTPUT_MAX;
}

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

/* Where JSON goes. */
struct json {
    struct cel_activation *activation;
    struct buf *out;
    size_t start;
};

static bool to_json(struct json *json, struct value value, int depth);

static bool list_to_json(struct json *json, struct value list, int depth)
{
    struct cel_iter iter;
    struct value index, element;
    cel_iter_open(&iter, json->activation, list);
    buf_add_char(json->out, '[');
    while (cel_iter_next(&iter, json->activation, &index, &element)) {
        if (index.i > 0)
            buf_add_char(json->out, ',');
        if (!to_json(json, element, depth + 1))
            return false;
    }
    buf_add_char(json->out, ']');
    return true;
}

static bool map_to_json(struct json *json, struct value map, int depth)
{
    struct cel_iter iter;
    struct value key, value;
    char text[40];
    cel_iter_open(&iter, json->activation, map);
    buf_add_char(json->out, '{');
    while (cel_iter_next(&iter, json->activation, &key, &value)) {
        if (iter.index > 1)
            buf_add_char(json->out, ',');
        json_add_string(json->out, key_text(key, text));
        buf_add_char(json->out, ':');
        if (!to_json(json, value, depth + 1))
            return false;
    }
    buf_add_char(json->out, '}');
    return true;
}

/* Numbers that JSON does not have are text. */
static void scalar_to_json(struct json *json, struct value value)
{
    char text[40];
    bool is_bare = value.kind != VALUE_TIMESTAMP && value.kind != VALUE_DURATION &&
                   (value.kind != VALUE_DOUBLE || isfinite(value.d));
    if (is_bare)
        buf_add_slice(json->out, scalar_text(value, text));
    else
        json_add_string(json->out, scalar_text(value, text));
}

static bool to_json(struct json *json, struct value value, int depth)
{
    if (depth > JSON_DEPTH_MAX || is_full(json->out, json->start))
        return false;
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_DOUBLE:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        scalar_to_json(json, value);
        break;
    case VALUE_STRING:
    case VALUE_TYPE:
        json_add_string(json->out, value_text(value));
        break;
    case VALUE_BYTES:
        add_base64(json->out, value_text(value));
        break;
    case VALUE_LIST:
        return list_to_json(json, value, depth);
    case VALUE_MAP:
        return map_to_json(json, value, depth);
    case VALUE_ABSENT:
    case VALUE_ERROR:
        return false;
    }
    return true;
}

bool cel_to_json(struct cel_activation *activation, struct value value, struct buf *out)
{
    struct json json = {activation, out, out->size};
    if (to_json(&json, value, 1))
        return true;
    out->size = json.start;
    buf_add_text(out, "null");
    return false;
}

/* ---- msgpack ---- */

/* Where msgpack goes. */
struct packing {
    struct cel_activation *activation;
    struct buf *out;
    size_t start;
};

static bool to_msgpack(struct packing *packing, struct value value, int depth);

static bool list_to_msgpack(struct packing *packing, struct value list, int depth)
{
    struct cel_iter iter;
    struct value index, element;
    cel_iter_open(&iter, packing->activation, list);
    pack_add_array(packing->out, iter.count);
    while (cel_iter_next(&iter, packing->activation, &index, &element))
        if (!to_msgpack(packing, element, depth + 1))
            return false;
    return true;
}

static bool map_to_msgpack(struct packing *packing, struct value map, int depth)
{
    struct cel_iter iter;
    struct value key, value;
    char text[40];
    cel_iter_open(&iter, packing->activation, map);
    pack_add_map(packing->out, iter.count);
    while (cel_iter_next(&iter, packing->activation, &key, &value)) {
        pack_add_text(packing->out, key_text(key, text));
        if (!to_msgpack(packing, value, depth + 1))
            return false;
    }
    return true;
}

static bool to_msgpack(struct packing *packing, struct value value, int depth)
{
    struct buf *out = packing->out;
    if (depth > PACK_DEPTH_MAX || is_full(out, packing->start))
        return false;
    switch ((enum value_kind)value.kind) {
    case VALUE_NULL:
        pack_add_nil(out);
        break;
    case VALUE_BOOL:
        pack_add_bool(out, value.b);
        break;
    case VALUE_INT:
        pack_add_int(out, value.i);
        break;
    case VALUE_UINT:
        pack_add_uint(out, value.u);
        break;
    case VALUE_DOUBLE:
        pack_add_double(out, value.d);
        break;
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        pack_add_int(out, value_timestamp_to_ms(value));
        break;
    case VALUE_STRING:
    case VALUE_TYPE:
        pack_add_text(out, value_text(value));
        break;
    case VALUE_BYTES:
        pack_add_bin(out, value_text(value));
        break;
    case VALUE_LIST:
        return list_to_msgpack(packing, value, depth);
    case VALUE_MAP:
        return map_to_msgpack(packing, value, depth);
    case VALUE_ABSENT:
    case VALUE_ERROR:
        return false;
    }
    return true;
}

bool cel_to_msgpack(struct cel_activation *activation, struct value value, struct buf *out)
{
    struct packing packing = {activation, out, out->size};
    if (to_msgpack(&packing, value, 1))
        return true;
    out->size = packing.start;
    pack_add_nil(out);
    return false;
}
