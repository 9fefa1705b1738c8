#include "tests/fuzz/random_event.h"

#include <math.h>
#include <msgpack.h>

#include "core/check.h"

#define DEPTH_MAX 4
#define WIDTH_MAX 6

struct schema *random_schema(void)
{
    struct diag diag;
    diag_init(&diag);
    struct schema *loaded =
        schema_load(STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", &diag);
    diag_fini(&diag);
    CHECK(loaded != NULL);
    return loaded;
}

const char *const random_keys[RANDOM_KEY_COUNT] = {"a", "b", "n", "text", "list", "map", "at", "z"};

const char *const random_shop_keys[RANDOM_SHOP_KEY_COUNT] = {
    "product_id", "order_id", "value",   "products", "quantity", "price", "rating",   "score",
    "currency",   "timezone", "channel", "birthday", "element",  "step",  "category", "coupon",
};

static void pack_text(msgpack_packer *packer, struct slice text)
{
    msgpack_pack_str(packer, text.size);
    msgpack_pack_str_body(packer, text.data, text.size);
}

static void pack_some_text(struct choices *choices, msgpack_packer *packer)
{
    static const char *const texts[] = {
        "",
        "a",
        "THB",
        "12",
        "-3.5e2",
        "true",
        "2026-01-05T10:00:00.123+07:00",
        "1990-02-29",
        "Asia/Bangkok",
        "-1h30m0.5s",
        "\xe0\xb8\x81\xf0\x9f\x98\x80 \"\\\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "%d %s %f",
    };
    pack_text(packer, slice_of(texts[choose_from_end(choices, sizeof(texts) / sizeof(texts[0]))]));
}

static void pack_int(struct choices *choices, msgpack_packer *packer)
{
    static const int64_t ints[] = {
        0,         1,         -1,        2,          31,           32,
        127,       128,       -32,       -33,        255,          65536,
        INT32_MIN, INT64_MAX, INT64_MIN, 1767225600, 253402300800, 9007199254740993};
    msgpack_pack_int64(packer, ints[choose_from_end(choices, sizeof(ints) / sizeof(ints[0]))]);
}

static void pack_double(struct choices *choices, msgpack_packer *packer)
{
    static const double doubles[] = {0.5, -0.0,   3.0,    1e300,   INFINITY, -INFINITY,
                                     NAN, 1e-320, 9.3e18, -9.3e18, 1.9e19,   99.99};
    double d = doubles[choose_from_end(choices, sizeof(doubles) / sizeof(doubles[0]))];
    if (choose_from_end(choices, 4) == 3)
        msgpack_pack_float(packer, (float)fmax(fmin(d, 1e30), -1e30));
    else
        msgpack_pack_double(packer, d);
}

/* Of the timestamp's type more often than of others. */
static void pack_ext(struct choices *choices, msgpack_packer *packer)
{
    static const size_t sizes[] = {4, 8, 12, 1, 0};
    char body[12];
    size_t size = sizes[choose_from_end(choices, 5)];
    int8_t type = choose_from_end(choices, 4) == 3 ? 5 : -1;
    for (size_t i = 0; i < size; i++)
        body[i] = (char)choose_from_end(choices, 256);
    msgpack_pack_ext(packer, size, type);
    msgpack_pack_ext_body(packer, body, size);
}

static void pack_value(struct choices *choices, msgpack_packer *packer, int depth)
{
    uint32_t width;
    switch (choose_from_end(choices, depth < DEPTH_MAX ? 13 : 8)) {
    case 0:
        msgpack_pack_nil(packer);
        break;
    case 1:
        if (choose_from_end(choices, 2))
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        break;
    case 2:
        pack_int(choices, packer);
        break;
    case 3:
        msgpack_pack_uint64(packer, UINT64_MAX - choose_from_end(choices, 2));
        break;
    case 4:
        pack_double(choices, packer);
        break;
    case 5:
        pack_some_text(choices, packer);
        break;
    case 6:
        msgpack_pack_bin(packer, 2);
        msgpack_pack_bin_body(packer, "\xff", 2);
        break;
    case 7:
        pack_ext(choices, packer);
        break;
    case 8:
    case 9:
    case 10:
        width = choose_from_end(choices, WIDTH_MAX);
        msgpack_pack_array(packer, width);
        for (uint32_t i = 0; i < width; i++)
            pack_value(choices, packer, depth + 1);
        break;
    default:
        width = choose_from_end(choices, WIDTH_MAX);
        msgpack_pack_map(packer, width);
        for (uint32_t i = 0; i < width; i++) {
            /* Mostly text; another kind of key is well-formed too. */
            uint32_t key = choose_from_end(choices, RANDOM_KEY_COUNT + 1);
            if (key < RANDOM_KEY_COUNT)
                pack_text(packer, slice_of(random_keys[key]));
            else
                pack_int(choices, packer);
            pack_value(choices, packer, depth + 1);
        }
        break;
    }
}

/* A list of products, as the cart's events have it. */
static void pack_products(struct choices *choices, msgpack_packer *packer)
{
    uint32_t count = choose_from_end(choices, WIDTH_MAX);
    msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++) {
        msgpack_pack_map(packer, 3);
        pack_text(packer, SLICE("product_id"));
        if (choose_from_end(choices, 8) == 7)
            pack_value(choices, packer, DEPTH_MAX);
        else
            msgpack_pack_uint32(packer, choose_from_end(choices, 8));
        pack_text(packer, SLICE("price"));
        pack_value(choices, packer, DEPTH_MAX);
        pack_text(packer, SLICE("quantity"));
        pack_value(choices, packer, DEPTH_MAX);
    }
}

void random_properties(struct choices *choices, const char *const *keys, uint32_t key_count,
                       struct buf *out)
{
    msgpack_packer packer;
    uint32_t count = choose_from_end(choices, WIDTH_MAX + 2);
    msgpack_packer_init(&packer, out, buf_pack_write);
    msgpack_pack_map(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        struct slice key = slice_of(keys[choose_from_end(choices, key_count)]);
        pack_text(&packer, key);
        if (slice_is(key, "products") && choose_from_end(choices, 8) < 7)
            pack_products(choices, &packer);
        else
            pack_value(choices, &packer, 0);
    }
}

void random_message(const struct random_envelope *envelope, struct buf *out)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, buf_pack_write);
    msgpack_pack_map(&packer, 4);
    pack_text(&packer, SLICE("userId"));
    pack_text(&packer, envelope->customer);
    pack_text(&packer, SLICE("event"));
    pack_text(&packer, envelope->name);
    pack_text(&packer, SLICE("timestamp"));
    msgpack_pack_int64(&packer, envelope->time_ms);
    pack_text(&packer, SLICE("properties"));
    buf_add_slice(out, envelope->properties);
}
