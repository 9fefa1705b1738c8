#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mp.h"

#define VECTORS STAGECOACH_SOURCE_DIR "/../shared/data/msgpack-vectors/"

/* ---- a message and its prefixes ---- */

static const char event[] =
    "\x88\xa6userId\xa3u42\xa5"
    "event\xad"
    "Product Added\xa9timestamp\xb4"
    "2026-01-05T10:00:00Z\xa9messageId\xd9\x04"
    "m-17\xaaproperties\x84\xaa"
    "product_id\xcd\x04\xd2\xa5price\xcb\x40\x28\xae\x14\x7a\xe1\x47\xae\xa8"
    "quantity\x02\xa4tags\x93\xa1"
    "a\xc0\xc3\xa2ip\xc0\xa4sent\xd6\xff\x69\x5b"
    "\x8d\xe0\xa3"
    "bin\xc4\x03\x00\x01\x02";

static struct slice event_slice(void)
{
    return (struct slice){event, sizeof(event) - 1};
}

static void test_a_message_is_well_formed_and_none_of_its_prefixes(void **state)
{
    (void)state;
    struct slice message = event_slice();
    assert_true(mp_well_formed(message));
    for (size_t size = 0; size < message.size; size++) {
        /* A copy of exactly this size, so that the sanitizer sees a step beyond it. */
        char *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, message.data, size);
        char *exact = realloc(copy, size ? size : 1);
        assert_non_null(exact);
        struct slice prefix = {exact, size};
        struct slice found;
        assert_false(mp_well_formed(prefix));
        struct mp mp = mp_of(prefix);
        assert_false(mp_skip(&mp, MP_DEPTH_MAX));
        assert_false(mp_map_find(prefix, SLICE("nowhere"), &found));
        free(exact);
    }
}

static void test_trailing_bytes_are_refused(void **state)
{
    (void)state;
    assert_false(mp_well_formed((struct slice){event, sizeof(event)}));
    assert_false(mp_well_formed(SLICE("\xc0\xc0")));
}

static void test_counts_are_not_trusted(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"\xdd\xff\xff\xff\xff\xc0", 6},
        {"\xdf\xff\xff\xff\xff\xc0\xc0", 7},
        {"\xdf\x80\x00\x00\x00\xc0\xc0", 7},
        {"\xdc\xff\xff\xc0", 4},
        {"\xde\x00\x02\xc0\xc0\xc0", 6},
        {"\x9f\xc0", 2},
        {"\x8f\xc0", 2},
        {"\xdb\xff\xff\xff\xff"
         "a",
         6},
        {"\xc6\xff\xff\xff\xff"
         "a",
         6},
        {"\xc9\xff\xff\xff\xff\x01"
         "a",
         7},
        {"\xd9\x02"
         "a",
         3},
        {"\xbf"
         "a",
         2},
        {"\xd8\x01"
         "a",
         3},
        {"\xdb\x00\x00", 3},
        {"\xc1", 1},
        {"\x91\xc1", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice bytes = {rows[i].bytes, rows[i].size};
        assert_false(mp_well_formed(bytes));
        /* Reading all tokens stops as well. */
        struct mp mp = mp_of(bytes);
        struct mp_token token;
        size_t tokens = 0;
        while (mp_read(&mp, &token))
            tokens++;
        assert_true(tokens <= bytes.size && mp.pos <= mp.end);
    }
}

/* `depth` arrays inside each other; the innermost is empty. */
static size_t nest(char *out, size_t depth)
{
    memset(out, '\x91', depth);
    out[depth - 1] = '\x90';
    return depth;
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    assert_true(mp_well_formed((struct slice){bytes, nest(bytes, 32)}));
    assert_false(mp_well_formed((struct slice){bytes, nest(bytes, 33)}));
    assert_false(mp_well_formed((struct slice){bytes, nest(bytes, sizeof(bytes))}));

    struct mp mp = mp_of((struct slice){bytes, nest(bytes, 5)});
    struct mp again = mp;
    assert_true(mp_skip(&mp, 5));
    assert_false(mp_skip(&again, 4));

    struct mp scalar = mp_of(SLICE("\x01"));
    assert_true(mp_skip(&scalar, 0)); /* a scalar is no level */
}

static void test_a_wide_message_is_no_deep_one(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    buf_add(&buf, "\xdd\x00\x01\x86\xa0", 5);
    for (int i = 0; i < 100000; i++)
        buf_add(&buf, "\x91\x90", 2);
    assert_true(mp_well_formed(buf_slice(&buf)));
    buf_fini(&buf);
}

static void test_value_gives_the_bytes_and_moves_on(void **state)
{
    (void)state;
    struct slice bytes = {"\x01\x92\x02\xa1x\xc0", 6};
    struct mp mp = mp_of(bytes);
    struct slice value;
    assert_true(mp_value(&mp, &value) && value.size == 1);
    assert_true(mp_value(&mp, &value) && value.size == 4 && value.data == bytes.data + 1);
    assert_true(mp_value(&mp, &value) && value.size == 1);
    assert_false(mp_value(&mp, &value));
}

static void test_of_a_key_that_is_there_twice_the_last_counts(void **state)
{
    (void)state;
    struct slice map = SLICE("\x84\xa1"
                             "a\x01\xa1"
                             "b\x02\xa1"
                             "a\x03\x05\x06");
    struct slice value;
    assert_true(mp_map_find(map, SLICE("a"), &value));
    assert_true(slice_is(value, "\x03"));
    assert_true(mp_map_find(map, SLICE("b"), &value));
    assert_true(slice_is(value, "\x02"));
    assert_false(mp_map_find(map, SLICE("c"), &value));
    assert_false(mp_map_find(map, SLICE("\x05"), &value)); /* an integer is no text */
    assert_false(mp_map_find(SLICE("\x91\x01"), SLICE("a"), &value));
    assert_false(mp_map_find((struct slice){0}, SLICE("a"), &value));
    /* A long form of the key is the same key. */
    assert_true(mp_map_find(SLICE("\x81\xd9\x01"
                                  "a\x07"),
                            SLICE("a"), &value));
}

/* ---- JSON ---- */

static void assert_json(const char *bytes, size_t size, const char *expected)
{
    struct buf out;
    buf_init(&out);
    mp_to_json((struct slice){bytes, size}, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_fini(&out);
}

#define JSON_OF(bytes, expected) assert_json(bytes, sizeof(bytes) - 1, expected)

static void test_as_json(void **state)
{
    (void)state;
    assert_json(
        event, sizeof(event) - 1,
        "{\"userId\":\"u42\",\"event\":\"Product Added\",\"timestamp\":\"2026-01-05T10:00:00Z\","
        "\"messageId\":\"m-17\",\"properties\":{\"product_id\":1234,\"price\":12.34,\"quantity\":2,"
        "\"tags\":[\"a\",null,true]},\"ip\":null,\"sent\":\"2026-01-05T10:09:36Z\",\"bin\":"
        "\"AAEC\"}");
    JSON_OF("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
    JSON_OF("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null");
    JSON_OF("\xd4\x05\x01", "null");
    JSON_OF("\x83\x01\xa1"
            "a\xc0\x02\x91\x03\x04",
            "{\"1\":\"a\",\"null\":2,\"\":4}");
    JSON_OF("\x81\x82\x01\x02\x81\x90\x03\x04\x05", "{\"\":5}");
    JSON_OF("\x81\x92\x01", "null");
    JSON_OF("\xa1\xff", "\"\xEF\xBF\xBD\"");
    JSON_OF("\x92\x01", "null");
    JSON_OF("\x01\x01", "null");
    JSON_OF("\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "null");
}

/* A map as the key of a map as the key of a map: no more JSON than there are bytes. */
static void test_as_json_keys_do_not_grow(void **state)
{
    char nest[MP_DEPTH_MAX * 2];
    struct buf out;
    (void)state;
    memset(nest, 0x81, MP_DEPTH_MAX);
    memset(nest + MP_DEPTH_MAX, 0x01, MP_DEPTH_MAX);
    buf_init(&out);
    mp_to_json((struct slice){nest, sizeof nest}, &out);
    assert_true(out.size <= sizeof nest);
    buf_fini(&out);
}

/* ---- the vectors ---- */

static json_t *load_vectors(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    if (!json) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    return json;
}

/* `c0-01` as bytes. */
static size_t bytes_of_hex(const char *hex, char *out)
{
    size_t size = 0;
    while (*hex) {
        if (*hex == '-') {
            hex++;
            continue;
        }
        char pair[3] = {hex[0], hex[1], '\0'};
        out[size++] = (char)strtol(pair, NULL, 16);
        hex += 2;
    }
    return size;
}

static bool token_is_number(const struct mp_token *token, const json_t *json)
{
    double expected = json_number_value(json);
    if (token->kind == MP_DOUBLE)
        return token->d == expected;
    if (token->kind == MP_UINT)
        return json_is_real(json) && (double)token->u == expected;
    if (token->kind != MP_INT)
        return false;
    return json_is_integer(json) ? token->i == json_integer_value(json)
                                 : (double)token->i == expected;
}

/* Digits that may be too many for JSON's reader. */
static bool token_is_bignum(const struct mp_token *token, const char *digits)
{
    if (token->kind == MP_UINT)
        return token->u == strtoull(digits, NULL, 10);
    if (token->kind == MP_INT)
        return digits[0] == '-' ? token->i == strtoll(digits, NULL, 10)
                                : (uint64_t)token->i == strtoull(digits, NULL, 10);
    return token->kind == MP_DOUBLE && token->d == strtod(digits, NULL);
}

static bool next_is(struct mp *mp, const json_t *json);

static bool elements_are(struct mp *mp, uint32_t count, const json_t *json)
{
    if (!json_is_array(json) || json_array_size(json) != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!next_is(mp, json_array_get(json, i)))
            return false;
    }
    return true;
}

static bool pairs_are(struct mp *mp, uint32_t count, const json_t *json)
{
    if (!json_is_object(json) || json_object_size(json) != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct mp_token key;
        if (!mp_read(mp, &key) || key.kind != MP_STR)
            return false;
        if (!next_is(mp, json_object_getn(json, key.bytes.data, key.bytes.size)))
            return false;
    }
    return true;
}

/* Whether the next value is what the JSON says. */
static bool next_is(struct mp *mp, const json_t *json)
{
    struct mp_token token;
    if (!json || !mp_read(mp, &token))
        return false;
    switch (token.kind) {
    case MP_NIL:
        return json_is_null(json);
    case MP_BOOL:
        return json_is_boolean(json) && token.b == json_is_true(json);
    case MP_INT:
    case MP_UINT:
    case MP_DOUBLE:
        return json_is_number(json) && token_is_number(&token, json);
    case MP_STR:
        return json_is_string(json) && token.bytes.size == json_string_length(json) &&
               memcmp(token.bytes.data, json_string_value(json), token.bytes.size) == 0;
    case MP_ARRAY:
        return elements_are(mp, token.count, json);
    case MP_MAP:
        return pairs_are(mp, token.count, json);
    case MP_BIN:
    case MP_EXT:
        return false;
    }
    return false;
}

static bool bytes_are(struct slice bytes, const json_t *hex)
{
    char expected[256];
    size_t size = bytes_of_hex(json_string_value(hex), expected);
    return slice_equal(bytes, (struct slice){expected, size});
}

static bool is_timestamp(const struct mp_token *token, const json_t *pair)
{
    int64_t seconds;
    uint32_t nanos;
    return mp_timestamp(token, &seconds, &nanos) &&
           seconds == json_integer_value(json_array_get(pair, 0)) &&
           nanos == json_integer_value(json_array_get(pair, 1));
}

/* Whether the encoding has the value of a kawanet case, which names its type. */
static bool encoding_is(struct slice bytes, const json_t *one)
{
    struct mp mp = mp_of(bytes);
    struct mp whole = mp;
    struct mp_token token;
    const json_t *value;
    if (!mp_read(&mp, &token))
        return false;
    if ((value = json_object_get(one, "binary")))
        return token.kind == MP_BIN && bytes_are(token.bytes, value);
    if ((value = json_object_get(one, "timestamp")))
        return is_timestamp(&token, value);
    if ((value = json_object_get(one, "ext")))
        return token.kind == MP_EXT &&
               token.ext_type == json_integer_value(json_array_get(value, 0)) &&
               bytes_are(token.bytes, json_array_get(value, 1));
    if ((value = json_object_get(one, "bignum")))
        return token_is_bignum(&token, json_string_value(value));
    static const char *const plain[] = {"nil", "bool", "number", "string", "array", "map"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if ((value = json_object_get(one, plain[i])))
            return next_is(&whole, value) && whole.pos == whole.end;
    }
    return false;
}

static void test_every_encoding_of_kawanets_suite_has_its_value(void **state)
{
    (void)state;
    json_t *groups = load_vectors(VECTORS "kawanet/msgpack-test-suite.json");
    const char *name;
    json_t *group, *one, *encoding;
    size_t i, j, encodings = 0;
    json_object_foreach(groups, name, group)
    {
        json_array_foreach(group, i, one)
        {
            json_array_foreach(json_object_get(one, "msgpack"), j, encoding)
            {
                char bytes[1024];
                const char *hex = json_string_value(encoding);
                struct slice slice = {bytes, bytes_of_hex(hex, bytes)};
                encodings++;
                if (!mp_well_formed(slice) || !encoding_is(slice, one))
                    fail_msg("%s case %zu: %s", name, i, hex);
                for (size_t size = 0; size < slice.size; size++) {
                    if (mp_well_formed((struct slice){bytes, size}))
                        fail_msg("%s case %zu: %zu bytes of %s", name, i, size, hex);
                }
            }
        }
    }
    assert_int_equal(encodings, 233);
    json_decref(groups);
}

static struct slice read_file(const char *path, char *out, size_t size)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    struct slice bytes = {out, fread(out, 1, size, in)};
    fclose(in);
    return bytes;
}

static void compare_stream(const char *path, const json_t *values)
{
    char bytes[4096];
    struct mp mp = mp_of(read_file(path, bytes, sizeof(bytes)));
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value)
    {
        struct mp before = mp;
        struct slice whole;
        if (!next_is(&mp, value))
            fail_msg("%s: value %zu", path, i);
        assert_true(mp_value(&before, &whole) && before.pos == mp.pos);
    }
    assert_ptr_equal(mp.pos, mp.end);
}

static void test_both_streams_of_msgpack_ruby_equal_their_json(void **state)
{
    (void)state;
    json_t *values = load_vectors(VECTORS "msgpack-ruby/cases.json");
    assert_true(json_array_size(values) > 30);
    compare_stream(VECTORS "msgpack-ruby/cases.msg", values);
    compare_stream(VECTORS "msgpack-ruby/cases_compact.msg", values);
    json_decref(values);
}

/* ---- msgpack-c as oracle ---- */

static uint64_t seed = 88172645463325252;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void add_big_endian(struct buf *out, uint64_t value, size_t size)
{
    for (size_t i = size; i > 0; i--)
        buf_add_char(out, (char)(value >> (8 * (i - 1))));
}

static void add_random_bytes(struct buf *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buf_add_char(out, (char)next_random());
}

/*
 * A header of a length, in its shortest or a longer form. `first` is the 8-bit form's mark, or of
 * containers the 16-bit one's.
 */
static void add_length(struct buf *out, unsigned char first, size_t least, size_t length)
{
    size_t form = next_random() % 3;
    if (least == 2 && form == 0)
        form = 1;
    buf_add_char(out, (char)(first + form - (least == 2)));
    add_big_endian(out, length, (size_t)1 << form);
}

static void add_random_value(struct buf *out, int depth);

static void add_random_container(struct buf *out, int depth, bool is_map)
{
    size_t count = next_random() % 6;
    if (next_random() % 2)
        buf_add_char(out, (char)((is_map ? 0x80 : 0x90) | count));
    else
        add_length(out, is_map ? 0xDE : 0xDC, 2, count);
    for (size_t i = 0; i < (is_map ? 2 * count : count); i++)
        add_random_value(out, depth + 1);
}

static void add_random_value(struct buf *out, int depth)
{
    size_t size = next_random() % 40;
    switch (next_random() % (depth < 10 ? 12 : 9)) {
    case 0:
        buf_add_char(out, (char)("\xc0\xc2\xc3"[next_random() % 3]));
        return;
    case 1:
        buf_add_char(out, (char)(next_random() % 0x80));
        return;
    case 2:
        buf_add_char(out, (char)(0xE0 + next_random() % 0x20));
        return;
    case 3: { /* uint and int of every width */
        size_t width = next_random() % 8;
        buf_add_char(out, (char)(0xCC + width));
        add_random_bytes(out, (size_t)1 << (width & 3));
        return;
    }
    case 4: {
        bool wide = next_random() % 2;
        buf_add_char(out, wide ? '\xcb' : '\xca');
        add_random_bytes(out, wide ? 8 : 4);
        return;
    }
    case 5:
        buf_add_char(out, (char)(0xA0 + size % 32));
        add_random_bytes(out, size % 32);
        return;
    case 6:
        add_length(out, 0xD9, 1, size);
        add_random_bytes(out, size);
        return;
    case 7:
        add_length(out, 0xC4, 1, size);
        add_random_bytes(out, size);
        return;
    case 8:
        if (next_random() % 2) {
            add_length(out, 0xC7, 1, size);
            add_random_bytes(out, size + 1);
        } else {
            buf_add_char(out, (char)(0xD4 + size % 5));
            add_random_bytes(out, ((size_t)1 << (size % 5)) + 1);
        }
        return;
    default:
        add_random_container(out, depth, next_random() % 2);
        return;
    }
}

static bool same_bytes(struct slice bytes, const char *data, size_t size)
{
    return slice_equal(bytes, (struct slice){data, size});
}

static bool same_double(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_value(struct mp *mp, const msgpack_object *object)
{
    struct mp_token token;
    if (!mp_read(mp, &token))
        return false;
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return token.kind == MP_NIL;
    case MSGPACK_OBJECT_BOOLEAN:
        return token.kind == MP_BOOL && token.b == object->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return object->via.u64 <= INT64_MAX
                   ? token.kind == MP_INT && (uint64_t)token.i == object->via.u64
                   : token.kind == MP_UINT && token.u == object->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return token.kind == MP_INT && token.i == object->via.i64;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return token.kind == MP_DOUBLE && same_double(token.d, object->via.f64);
    case MSGPACK_OBJECT_STR:
        return token.kind == MP_STR &&
               same_bytes(token.bytes, object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return token.kind == MP_BIN &&
               same_bytes(token.bytes, object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_EXT:
        return token.kind == MP_EXT && token.ext_type == object->via.ext.type &&
               same_bytes(token.bytes, object->via.ext.ptr, object->via.ext.size);
    case MSGPACK_OBJECT_ARRAY:
        if (token.kind != MP_ARRAY || token.count != object->via.array.size)
            return false;
        for (uint32_t i = 0; i < token.count; i++) {
            if (!same_value(mp, &object->via.array.ptr[i]))
                return false;
        }
        return true;
    case MSGPACK_OBJECT_MAP:
        if (token.kind != MP_MAP || token.count != object->via.map.size)
            return false;
        for (uint32_t i = 0; i < token.count; i++) {
            if (!same_value(mp, &object->via.map.ptr[i].key) ||
                !same_value(mp, &object->via.map.ptr[i].val))
                return false;
        }
        return true;
    }
    return false;
}

/*
 * STAGECOACH_ORACLE_TIMES=20 compares millions; each run of the tests is content with a second's
 * worth.
 */
static int rounds(int usual)
{
    const char *times = getenv("STAGECOACH_ORACLE_TIMES");
    return times ? usual * (int)strtol(times, NULL, 10) : usual;
}

/*
 * msgpack-c allocates what a header promises: 32-bit counts of containers are kept from it where we
 * refuse them, or it would ask for gigabytes.
 */
static bool oracle_may_see(struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] == '\xdd' || bytes.data[i] == '\xdf')
            return false;
    }
    return true;
}

static void compare_with_oracle(struct slice bytes)
{
    struct mp mp = mp_of(bytes);
    bool ours = mp_skip(&mp, MP_DEPTH_MAX);
    if (!ours && !oracle_may_see(bytes))
        return;
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    size_t offset = 0;
    msgpack_unpack_return rc = msgpack_unpack_next(&result, bytes.data, bytes.size, &offset);
    bool theirs = rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES;
    if (ours != theirs)
        fail_msg("ours %d, msgpack-c %d (%d)", ours, theirs, (int)rc);
    if (ours) {
        struct mp values = mp_of(bytes);
        assert_int_equal(mp.pos - bytes.data, offset);
        assert_true(same_value(&values, &result.data));
        assert_ptr_equal(values.pos, mp.pos);
    }
    msgpack_unpacked_destroy(&result);
}

static void test_random_messages_are_read_as_msgpack_c_reads_them(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    for (int i = rounds(40000); i > 0; i--) {
        buf_reset(&buf);
        add_random_container(&buf, 0, next_random() % 2);
        assert_true(mp_well_formed(buf_slice(&buf)));
        compare_with_oracle(buf_slice(&buf));
    }
    buf_fini(&buf);
}

/* Bytes changed, inserted, cut: in exact blocks, so that the sanitizer sees a step beyond them. */
static void test_mutated_messages_are_refused_where_msgpack_c_refuses_them(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf);
    for (int i = rounds(160000); i > 0; i--) {
        buf_reset(&buf);
        if (next_random() % 4 == 0)
            buf_add(&buf, event, sizeof(event) - 1);
        else
            add_random_container(&buf, 0, next_random() % 2);
        for (size_t changes = next_random() % 4; changes > 0; changes--)
            buf.data[next_random() % buf.size] = (char)next_random();
        size_t size = next_random() % 2 ? buf.size : next_random() % (buf.size + 1);
        char *exact = malloc(size ? size : 1);
        assert_non_null(exact);
        memcpy(exact, buf.data, size);
        compare_with_oracle((struct slice){exact, size});
        free(exact);
    }
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_is_well_formed_and_none_of_its_prefixes),
        cmocka_unit_test(test_trailing_bytes_are_refused),
        cmocka_unit_test(test_counts_are_not_trusted),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_a_wide_message_is_no_deep_one),
        cmocka_unit_test(test_value_gives_the_bytes_and_moves_on),
        cmocka_unit_test(test_of_a_key_that_is_there_twice_the_last_counts),
        cmocka_unit_test(test_as_json),
        cmocka_unit_test(test_as_json_keys_do_not_grow),
        cmocka_unit_test(test_every_encoding_of_kawanets_suite_has_its_value),
        cmocka_unit_test(test_both_streams_of_msgpack_ruby_equal_their_json),
        cmocka_unit_test(test_random_messages_are_read_as_msgpack_c_reads_them),
        cmocka_unit_test(test_mutated_messages_are_refused_where_msgpack_c_refuses_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
