#include "bench/json_msgpack.h"

#include <jansson.h>
#include <msgpack.h>

struct json_t *json_msgpack_read(struct slice text, struct errinfo *info)
{
    json_error_t error;
    json_t *json = json_loadb(text.data, text.size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!json) {
        err_set(info, ERR_REJECT, "not JSON, at column %d: %s", error.column, error.text);
        return NULL;
    }
    if (!json_is_object(json)) {
        err_set(info, ERR_REJECT, "not a JSON object");
        json_decref(json);
        return NULL;
    }
    return json;
}

void json_msgpack_free(struct json_t *json)
{
    json_decref(json);
}

static void pack_value(const json_t *json, msgpack_packer *pk);

static void pack_text(const char *text, size_t size, msgpack_packer *pk)
{
    msgpack_pack_str_with_body(pk, text, size);
}

static void pack_object(const json_t *json, msgpack_packer *pk)
{
    json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators are not const */
    msgpack_pack_map(pk, json_object_size(json));
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        pack_text(json_object_iter_key(at), json_object_iter_key_len(at), pk);
        pack_value(json_object_iter_value(at), pk);
    }
}

static void pack_array(const json_t *json, msgpack_packer *pk)
{
    size_t count = json_array_size(json);
    msgpack_pack_array(pk, count);
    for (size_t i = 0; i < count; i++)
        pack_value(json_array_get(json, i), pk);
}

/* As deep as jansson lets it be: 2,048 levels. */
static void pack_value(const json_t *json, msgpack_packer *pk)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        pack_object(json, pk);
        break;
    case JSON_ARRAY:
        pack_array(json, pk);
        break;
    case JSON_STRING:
        pack_text(json_string_value(json), json_string_length(json), pk);
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(pk, json_integer_value(json));
        break;
    case JSON_REAL:
        msgpack_pack_double(pk, json_real_value(json));
        break;
    case JSON_TRUE:
        msgpack_pack_true(pk);
        break;
    case JSON_FALSE:
        msgpack_pack_false(pk);
        break;
    case JSON_NULL:
        msgpack_pack_nil(pk);
        break;
    }
}

void json_msgpack_pack(const struct json_t *json, struct buf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, buf_pack_write);
    pack_value(json, &pk);
}
