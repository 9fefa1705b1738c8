/*
 * tests/unit/decode_fixture.h - events as JSON text, through the decoder.
 *
 * The JSON says a little more than JSON:
 *   a text that begins with `#x ` is the msgpack of these hex digits as it stands: '#x d6 ff 00 00 00 00'
 *   a key that ends in `#` and digits is the key without them, so that a map can have one twice: 'userId#2'
 * and ' stands for ", because C's texts have enough of those.
 */
#ifndef UNIT_DECODE_FIXTURE_H
#define UNIT_DECODE_FIXTURE_H

#include <jansson.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/decode.h"
#include "core/buf.h"
#include "core/mp.h"

#define SCHEMAS STAGECOACH_SOURCE_DIR "/config/schemas/"

struct fixture {
    struct schema *schema;
    struct decoder *decoder;
    struct arena arena;
    struct buf message;
    struct decoded decoded; /* of the last fixture_decode() */
};

/* ---- packing ---- */

static inline int fixture_hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline void fixture_add_hex(struct buf *out, const char *hex)
{
    for (; *hex != '\0'; hex++) {
        int high = fixture_hex_digit(hex[0]);

        if (high < 0)
            continue;
        buf_add_char(out, (char)(high * 16 + fixture_hex_digit(hex[1])));
        hex++;
    }
}

static inline void fixture_pack_text(struct buf *out, const char *text, size_t size)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, buf_pack_write);
    if (strncmp(text, "#x ", 3) == 0)
        fixture_add_hex(out, text + 3);
    else
        msgpack_pack_str_with_body(&packer, text, size);
}

/* The size of a key without `#` and digits at its end. */
static inline size_t fixture_key_size(const char *key)
{
    size_t size = strlen(key);

    while (size > 0 && key[size - 1] >= '0' && key[size - 1] <= '9')
        size--;
    return size > 0 && key[size - 1] == '#' ? size - 1 : strlen(key);
}

static inline void fixture_pack(struct buf *out, json_t *json)
{
    msgpack_packer packer;
    const char *key;
    json_t *value;
    size_t i;

    msgpack_packer_init(&packer, out, buf_pack_write);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        msgpack_pack_map(&packer, json_object_size(json));
        json_object_foreach(json, key, value)
        {
            fixture_pack_text(out, key, fixture_key_size(key));
            fixture_pack(out, value);
        }
        break;
    case JSON_ARRAY:
        msgpack_pack_array(&packer, json_array_size(json));
        json_array_foreach(json, i, value)
        {
            fixture_pack(out, value);
        }
        break;
    case JSON_STRING:
        fixture_pack_text(out, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        msgpack_pack_int64(&packer, json_integer_value(json));
        break;
    case JSON_REAL:
        msgpack_pack_double(&packer, json_real_value(json));
        break;
    case JSON_TRUE:
        msgpack_pack_true(&packer);
        break;
    case JSON_FALSE:
        msgpack_pack_false(&packer);
        break;
    case JSON_NULL:
        msgpack_pack_nil(&packer);
        break;
    }
}

/* The message of a JSON text; it lives until the next one. */
static inline struct slice fixture_message(struct fixture *fixture, const char *text)
{
    char *json_text = strdup(text);
    json_error_t error;
    json_t *json;

    for (char *at = json_text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    json = json_loads(json_text, 0, &error);
    if (json == NULL) {
        fail_msg("%s in %s", error.text, text);
        abort(); /* not reached, which clang-tidy can't know */
    }
    buf_reset(&fixture->message);
    fixture_pack(&fixture->message, json);
    json_decref(json);
    free(json_text);
    return buf_slice(&fixture->message);
}

/* ---- decoding ---- */

static inline void fixture_open(struct fixture *fixture, const char *schema,
                                const struct event_wants *wants)
{
    char path[1024];
    struct diag diag;

    *fixture = (struct fixture){0};
    snprintf(path, sizeof path, SCHEMAS "%s.yaml", schema);
    diag_init(&diag);
    fixture->schema = schema_load(path, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    if (fixture->schema == NULL)
        fail_msg("%s does not load", path);
    fixture->decoder = decoder_new(fixture->schema, wants);
    arena_init(&fixture->arena);
    buf_init(&fixture->message);
}

static inline void fixture_close(struct fixture *fixture)
{
    decoder_free(fixture->decoder);
    schema_free(fixture->schema);
    arena_fini(&fixture->arena);
    buf_fini(&fixture->message);
}

static inline void fixture_decode_bytes(struct fixture *fixture, struct slice message,
                                        int64_t record_time_ms)
{
    arena_reset(&fixture->arena);
    decode_message(fixture->decoder, message, record_time_ms, &fixture->arena, &fixture->decoded);
    /* An event or a dead letter, never both, never neither. */
    assert_int_equal(fixture->decoded.count == 0, fixture->decoded.dead != EVENT_DEAD_NONE);
    assert_int_equal(fixture->decoded.count == 0, fixture->decoded.detail != NULL);
}

/* The code of the dead letter, "" where it is an event. */
static inline const char *fixture_decode(struct fixture *fixture, const char *text)
{
    fixture_decode_bytes(fixture, fixture_message(fixture, text), EVENT_NO_TIME);
    return event_dead_code(fixture->decoded.dead);
}

/* The only event of a message that must be one. */
static inline const struct event *fixture_event(struct fixture *fixture, const char *text)
{
    const char *code = fixture_decode(fixture, text);

    if (fixture->decoded.count != 1)
        fail_msg("%s: %s (%s)", text, code, fixture->decoded.detail);
    return fixture->decoded.events;
}

/* ---- comparing ---- */

static inline void fixture_assert_text(struct slice got, const char *want, const char *where)
{
    if (!slice_is(got, want))
        fail_msg("%s: `%.*s` instead of `%s`", where, (int)got.size, got.data, want);
}

/* A value as JSON; `absent`, and `error` where it is one. */
static inline const char *fixture_show(struct fixture *fixture, struct value value)
{
    struct arena *arena = &fixture->arena;
    struct slice shown = {"?", 1};
    struct buf json;

    switch ((enum value_kind)value.kind) {
    case VALUE_ABSENT:
        return "absent";
    case VALUE_NULL:
        return "null";
    case VALUE_ERROR:
        return "error";
    case VALUE_BOOL:
        return value.b ? "true" : "false";
    case VALUE_INT:
        return arena_printf(arena, "%lld", (long long)value.i).data;
    case VALUE_UINT:
        return arena_printf(arena, "%lluu", (unsigned long long)value.u).data;
    case VALUE_DOUBLE:
        return arena_printf(arena, "%.17g", value.d).data;
    case VALUE_STRING:
        return arena_printf(arena, "'%.*s'", (int)value.size, value.s).data;
    case VALUE_TIMESTAMP:
        return arena_printf(arena, "@%lld", (long long)value_timestamp_to_ms(value)).data;
    case VALUE_LIST:
    case VALUE_MAP:
        buf_init(&json);
        mp_to_json(value_text(value), &json);
        for (size_t i = 0; i < json.size; i++)
            if (json.data[i] == '"')
                json.data[i] = '\'';
        shown = arena_printf(arena, "%d:%.*s", value.aux, (int)json.size, json.data);
        buf_fini(&json);
        return shown.data;
    case VALUE_BYTES:
        return "bytes";
    case VALUE_DURATION:
    case VALUE_TYPE:
        break;
    }
    return "?";
}

static inline void fixture_assert_slot(struct fixture *fixture, const struct event *event,
                                       size_t slot, const char *want, const char *where)
{
    const char *got = fixture_show(fixture, event->slots[slot]);

    if (strcmp(got, want) != 0)
        fail_msg("%s: slot %zu is %s instead of %s", where, slot, got, want);
}
#endif
