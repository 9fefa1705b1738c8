#include "bench/segment_message.h"

#include <msgpack.h>

#include "core/datetime.h"
#include "core/mp.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define PROPERTY(name, how)                                                                        \
    {                                                                                              \
        EVENT_ROOT_PROPERTIES, (how), 1,                                                           \
        {                                                                                          \
            TEXT(name)                                                                             \
        }                                                                                          \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/*
 * The properties of EVENTS.md that lie in Segment's `properties` under their canonical names. timezone and birthday do not (they belong to `context` and
 * `traits`), and no file format has them.
 */
static const struct event_path paths[] = {
    PROPERTY("product_id", EVENT_READ_ID),  PROPERTY("variant_id", EVENT_READ_ID),
    PROPERTY("name", EVENT_READ_PLAIN),     PROPERTY("price", EVENT_READ_PLAIN),
    PROPERTY("quantity", EVENT_READ_PLAIN), PROPERTY("cart_id", EVENT_READ_ID),
    PROPERTY("checkout_id", EVENT_READ_ID), PROPERTY("order_id", EVENT_READ_ID),
    PROPERTY("value", EVENT_READ_PLAIN),    PROPERTY("currency", EVENT_READ_PLAIN),
    PROPERTY("coupon", EVENT_READ_PLAIN),   PROPERTY("category", EVENT_READ_PLAIN),
    PROPERTY("rating", EVENT_READ_PLAIN),   PROPERTY("score", EVENT_READ_PLAIN),
    PROPERTY("step", EVENT_READ_PLAIN),     PROPERTY("results", EVENT_READ_PLAIN),
    PROPERTY("query", EVENT_READ_PLAIN),    PROPERTY("element", EVENT_READ_PLAIN),
    PROPERTY("message", EVENT_READ_PLAIN),  PROPERTY("channel", EVENT_READ_PLAIN),
    PROPERTY("products", EVENT_READ_PLAIN),
};

#define PATH_COUNT    COUNT_OF(paths)
#define PRODUCTS_SLOT (PATH_COUNT - 1)

/* Of a product in `products`. */
static const struct slice product_keys[] = {
    TEXT("product_id"), TEXT("variant_id"), TEXT("name"),     TEXT("price"),
    TEXT("quantity"),   TEXT("coupon"),     TEXT("category"),
};

const struct event_wants *segment_message_wants(void)
{
    static const struct event_wants wants = {.paths = paths, .path_count = PATH_COUNT};
    return &wants;
}

struct writer {
    msgpack_packer pk;
    struct arena *arena;
    const struct schema *from;
};

static void text(struct writer *w, struct slice value)
{
    msgpack_pack_str_with_body(&w->pk, value.data, value.size);
}

static void text_field(struct writer *w, struct slice key, struct slice value)
{
    text(w, key);
    text(w, value);
}

/* Segment's first name for it: variant_id is `variant` there. */
static struct slice segment_key(struct slice canonical)
{
    return slice_is(canonical, "variant_id") ? SLICE("variant") : canonical;
}

/* ---- values ---- */

/* Nothing, null and what can't be read are left out; so are lists and maps, but for `products`. */
static bool is_plain(struct value value)
{
    switch ((enum value_kind)value.kind) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_DOUBLE:
    case VALUE_STRING:
        return true;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_BYTES:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_TYPE:
    case VALUE_ERROR:
        break;
    }
    return false;
}

static void plain_value(struct writer *w, struct value value)
{
    if (value.kind == VALUE_STRING)
        text(w, value_text(value));
    else if (value.kind == VALUE_INT)
        msgpack_pack_int64(&w->pk, value.i);
    else if (value.kind == VALUE_UINT)
        msgpack_pack_uint64(&w->pk, value.u);
    else if (value.kind == VALUE_DOUBLE)
        msgpack_pack_double(&w->pk, value.d);
    else if (value.b)
        msgpack_pack_true(&w->pk);
    else
        msgpack_pack_false(&w->pk);
}

/* ---- products ---- */

static void product(struct writer *w, struct slice msgpack)
{
    struct value map = value_of_msgpack(msgpack, VALUE_RAW_PRODUCT), found[COUNT_OF(product_keys)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(product_keys); i++) {
        found[i] = map.kind == VALUE_MAP ? event_select(w->from, map, product_keys[i], w->arena)
                                         : value_null();
        count += is_plain(found[i]);
    }
    msgpack_pack_map(&w->pk, count);
    for (size_t i = 0; i < COUNT_OF(product_keys); i++) {
        if (!is_plain(found[i]))
            continue;
        text(w, segment_key(product_keys[i]));
        plain_value(w, found[i]);
    }
}

static bool is_products(struct value value)
{
    return value.kind == VALUE_LIST && value.rep == VALUE_REP_RAW;
}

/* The decoder has seen that the message is well-formed. */
static void products(struct writer *w, struct value list)
{
    struct mp mp = mp_of(value_text(list));
    struct mp_token array;
    struct slice element;
    if (!mp_read(&mp, &array) || array.kind != MP_ARRAY)
        array.count = 0;
    text(w, SLICE("products"));
    msgpack_pack_array(&w->pk, array.count);
    for (uint32_t i = 0; i < array.count && mp_value(&mp, &element); i++)
        product(w, element);
}

/* ---- the message ---- */

static void properties(struct writer *w, struct slice key, const struct value *slots)
{
    bool has_products = is_products(slots[PRODUCTS_SLOT]);
    size_t count = has_products;
    for (size_t i = 0; i < PRODUCTS_SLOT; i++)
        count += is_plain(slots[i]);
    text(w, key);
    msgpack_pack_map(&w->pk, count);
    for (size_t i = 0; i < PRODUCTS_SLOT; i++) {
        if (!is_plain(slots[i]))
            continue;
        text(w, segment_key(paths[i].segments[0]));
        plain_value(w, slots[i]);
    }
    if (has_products)
        products(w, slots[PRODUCTS_SLOT]);
}

/* The calls of Segment's API other than `track`: they have no `event`. */
static struct slice call_of(struct slice name)
{
    static const struct {
        struct slice name, type;
    } calls[] = {
        {TEXT("page_viewed"), TEXT("page")},
        {TEXT("screen_viewed"), TEXT("screen")},
        {TEXT("customer_identified"), TEXT("identify")},
        {TEXT("customer_aliased"), TEXT("alias")},
        {TEXT("customer_grouped"), TEXT("group")},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        if (slice_equal(calls[i].name, name))
            return calls[i].type;
    return SLICE("track");
}

static void timestamp(struct writer *w, int64_t time_ms)
{
    char written[32];
    int size = datetime_format_ms(time_ms, written);
    text_field(w, SLICE("timestamp"), (struct slice){written, (size_t)size});
}

void segment_message_pack(const struct event *event, const struct schema *from,
                          const struct schema *segment, struct arena *arena, struct buf *out)
{
    struct writer w = {.arena = arena, .from = from};
    struct slice type = call_of(event->name);
    bool is_track = slice_is(type, "track");
    msgpack_packer_init(&w.pk, out, buf_pack_write);
    msgpack_pack_map(&w.pk, 4u + is_track + event->has_id);
    text_field(&w, SLICE("type"), type);
    if (is_track)
        text_field(&w, SLICE("event"), schema_wire_event(segment, event->name));
    if (event->has_id)
        text_field(&w, SLICE("messageId"), event->id);
    text_field(&w, SLICE("userId"), event->customer);
    timestamp(&w, event->time_ms);
    properties(&w, slice_is(type, "identify") ? SLICE("traits") : SLICE("properties"),
               event->slots);
}
