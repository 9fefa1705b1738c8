/*
 * The decoder against a slow one that is written on msgpack-c's unpack and straight from DESIGN section 3: random events
 * and random damage must give the same fields, or the same dead letter.
 *
 * DECODE_ORACLE_EVENTS in the environment says how many, DECODE_ORACLE_SEED where it starts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <strings.h>

#include "core/datetime.h"
#include "core/hash.h"
#include "core/number.h"
#include "core/utf8.h"
#include "tests/unit/decode_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVENTS_USUAL 200000
#else
#define EVENTS_USUAL 2000000
#endif

/* msgpack-c trusts the counts in headers, and asks for gigabytes that it then does not get: no reason for ASan to stop. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* ---- random numbers: splitmix64 ---- */

static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t mixed = random_state += UINT64_C(0x9E3779B97F4A7C15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static size_t below(size_t bound)
{
    return (size_t)(random_next() % bound);
}

static bool one_in(size_t n)
{
    return below(n) == 0;
}

/* ---- what is wanted ---- */

enum { SLOT_MAX = 16, ALTERNATIVES_MAX = 4, DEPTH_MAX = 3 };

/* A property as segment.yaml has it, once more and by hand. `/` at the beginning: from the message. */
struct property {
    struct event_path path;
    const char *alternatives[ALTERNATIVES_MAX];
};

static const struct property properties[] = {
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"product_id", 10}}}, {"product_id", "sku"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_ID, 1, {{"variant_id", 10}}}, {"variant", "sku"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"value", 5}}}, {"value", "total", "revenue"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"price", 5}}}, {"price"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"products", 8}}}, {"products"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"channel", 7}}},
     {"/context.campaign.medium", "/context.channel", "channel", "/channel"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"timezone", 8}}},
     {"/context.timezone", "/traits.timezone"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 1, {{"birthday", 8}}}, {"/traits.birthday"}},
    {{EVENT_ROOT_PROPERTIES, EVENT_READ_PLAIN, 2, {{"price", 5}, {"amount", 6}}}, {"price.amount"}},
    {{EVENT_ROOT_RAW, EVENT_READ_PLAIN, 2, {{"context", 7}, {"channel", 7}}}, {"/context.channel"}},
    {{EVENT_ROOT_RAW, EVENT_READ_PLAIN, 1, {{"timestamp", 9}}}, {"/timestamp"}},
};
#define SLOT_COUNT (sizeof properties / sizeof properties[0])

static const struct slice wanted_names[] = {{"product_added", 13}, {"page_viewed", 11}};

/* ---- the oracle ---- */

struct expected {
    enum event_dead dead;
    struct slice customer, name, id;
    char customer_digits[32], id_digits[32];
    bool has_id;
    int64_t time_ms;
    struct {
        const msgpack_object *object; /* NULL: absent */
        bool is_id;
    } slots[SLOT_MAX];
};

static bool is_map(const msgpack_object *object)
{
    return object != NULL && object->type == MSGPACK_OBJECT_MAP;
}

static struct slice text_of(const msgpack_object *object)
{
    return (struct slice){object->via.str.ptr, object->via.str.size};
}

/* The last of that key counts. */
static const msgpack_object *member(const msgpack_object *map, struct slice key)
{
    const msgpack_object *found = NULL;

    for (uint32_t i = 0; is_map(map) && i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];

        if (pair->key.type == MSGPACK_OBJECT_STR && slice_equal(text_of(&pair->key), key))
            found = &pair->val;
    }
    return found;
}

static const msgpack_object *follow(const msgpack_object *map, const char *path)
{
    while (map != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");

        map = member(map, (struct slice){path, size});
        path += size + (path[size] == '.');
    }
    return map;
}

/* Not there, null or ''. */
static bool is_nothing(const msgpack_object *object)
{
    return object == NULL || object->type == MSGPACK_OBJECT_NIL ||
           (object->type == MSGPACK_OBJECT_STR && object->via.str.size == 0);
}

static bool is_integer(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
           object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
}

static struct slice id_text(const msgpack_object *object, char digits[32])
{
    if (object->type == MSGPACK_OBJECT_STR)
        return text_of(object);
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        snprintf(digits, 32, "%llu", (unsigned long long)object->via.u64);
    else
        snprintf(digits, 32, "%lld", (long long)object->via.i64);
    return slice_of(digits);
}

/* Levels of maps and arrays; 0 of a scalar. */
static int depth_of(const msgpack_object *object)
{
    int deepest = 0;

    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            int depth = depth_of(&object->via.array.ptr[i]);
            deepest = depth > deepest ? depth : deepest;
        }
        return deepest + 1;
    }
    if (object->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            int key = depth_of(&object->via.map.ptr[i].key);
            int value = depth_of(&object->via.map.ptr[i].val);
            deepest = key > deepest ? key : deepest;
            deepest = value > deepest ? value : deepest;
        }
        return deepest + 1;
    }
    return 0;
}

static bool all_texts_valid(const msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_STR)
        return utf8_valid(text_of(object));
    for (uint32_t i = 0; object->type == MSGPACK_OBJECT_ARRAY && i < object->via.array.size; i++)
        if (!all_texts_valid(&object->via.array.ptr[i]))
            return false;
    for (uint32_t i = 0; is_map(object) && i < object->via.map.size; i++)
        if (!all_texts_valid(&object->via.map.ptr[i].key) ||
            !all_texts_valid(&object->via.map.ptr[i].val))
            return false;
    return true;
}

static void set_dead(struct expected *expected, enum event_dead dead)
{
    if (expected->dead == EVENT_DEAD_NONE || dead == EVENT_DEAD_BAD_MSGPACK)
        expected->dead = dead;
}

static void expect_customer(struct expected *expected, const msgpack_object *message)
{
    const msgpack_object *customer = member(message, SLICE("userId"));

    if (is_nothing(customer))
        customer = member(message, SLICE("anonymousId"));
    if (is_nothing(customer) || (customer->type != MSGPACK_OBJECT_STR && !is_integer(customer))) {
        set_dead(expected, EVENT_DEAD_MISSING_CUSTOMER);
        return;
    }
    expected->customer = id_text(customer, expected->customer_digits);
    if (!utf8_valid(expected->customer))
        set_dead(expected, EVENT_DEAD_BAD_MSGPACK);
    else if (expected->customer.size > 128)
        set_dead(expected, EVENT_DEAD_MISSING_CUSTOMER);
}

static const char *type_name(const msgpack_object *message)
{
    static const char *const types[][2] = {
        {"page", "page_viewed"},
        {"screen", "screen_viewed"},
        {"identify", "customer_identified"},
        {"alias", "customer_aliased"},
        {"group", "customer_grouped"},
    };
    const msgpack_object *type = member(message, SLICE("type"));

    for (size_t i = 0; type != NULL && type->type == MSGPACK_OBJECT_STR && i < 5; i++)
        if (text_of(type).size == strlen(types[i][0]) &&
            strncasecmp(type->via.str.ptr, types[i][0], text_of(type).size) == 0)
            return types[i][1];
    return NULL;
}

static void expect_name(struct expected *expected, const struct fixture *fixture,
                        const msgpack_object *message, struct arena *arena)
{
    const msgpack_object *name = member(message, SLICE("event"));

    if (type_name(message) != NULL)
        expected->name = slice_of(type_name(message));
    else if (is_nothing(name) || name->type != MSGPACK_OBJECT_STR)
        set_dead(expected, EVENT_DEAD_MISSING_EVENT);
    else if (!utf8_valid(text_of(name)))
        set_dead(expected, EVENT_DEAD_BAD_MSGPACK);
    else
        expected->name = schema_event_name(fixture->schema, text_of(name), arena);
}

static bool time_in_range(double ms)
{
    return ms >= -62135596800000.0 && ms < 253402300800000.0;
}

static bool extension_time(const msgpack_object *object, int64_t *ms)
{
    msgpack_timestamp time;

    if (object->via.ext.type != -1 || !msgpack_object_to_timestamp(object, &time) ||
        time.tv_nsec > 999999999 || time.tv_sec < DATETIME_MIN_SECONDS ||
        time.tv_sec > DATETIME_MAX_SECONDS)
        return false;
    *ms = time.tv_sec * 1000 + time.tv_nsec / 1000000;
    return true;
}

static bool object_time(const msgpack_object *object, int64_t *ms)
{
    switch (object->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        *ms = (int64_t)object->via.u64;
        return object->via.u64 < UINT64_C(253402300800000);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        *ms = object->via.i64;
        return object->via.i64 >= INT64_C(-62135596800000);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        if (!time_in_range(floor(object->via.f64)))
            return false;
        *ms = (int64_t)floor(object->via.f64);
        return true;
    case MSGPACK_OBJECT_STR:
        return datetime_parse_ms(text_of(object), ms);
    case MSGPACK_OBJECT_EXT:
        return extension_time(object, ms);
    default:
        return false;
    }
}

static void expect_time(struct expected *expected, const msgpack_object *message,
                        int64_t record_time_ms)
{
    const msgpack_object *time = member(message, SLICE("timestamp"));

    if (is_nothing(time))
        time = member(message, SLICE("originalTimestamp"));
    expected->time_ms = record_time_ms;
    if (is_nothing(time)) {
        if (record_time_ms == EVENT_NO_TIME)
            set_dead(expected, EVENT_DEAD_BAD_TIME);
    } else if (time->type == MSGPACK_OBJECT_STR && !utf8_valid(text_of(time))) {
        set_dead(expected, EVENT_DEAD_BAD_MSGPACK);
    } else if (!object_time(time, &expected->time_ms)) {
        set_dead(expected, EVENT_DEAD_BAD_TIME);
    }
}

static void expect_id(struct expected *expected, const msgpack_object *message)
{
    const msgpack_object *id = member(message, SLICE("messageId"));

    if (is_nothing(id) || (id->type != MSGPACK_OBJECT_STR && !is_integer(id)))
        return;
    expected->has_id = true;
    expected->id = id_text(id, expected->id_digits);
    if (!utf8_valid(expected->id))
        set_dead(expected, EVENT_DEAD_BAD_MSGPACK);
}

/* The first alternative that is something; of properties that are not ids also null or '', where all are. */
static const msgpack_object *choose(const struct property *property, const msgpack_object *message)
{
    const char *type = type_name(message);
    const msgpack_object *base = member(
        message, type != NULL && strcmp(type, "customer_identified") == 0 ? SLICE("traits")
                                                                          : SLICE("properties"));
    bool is_id = property->path.read == EVENT_READ_ID;
    const msgpack_object *nothing = NULL;

    for (size_t i = 0; i < ALTERNATIVES_MAX && property->alternatives[i] != NULL; i++) {
        const char *path = property->alternatives[i];
        const msgpack_object *found =
            path[0] == '/' ? follow(message, path + 1) : follow(base, path);

        /* Rules see an extension that is no time as null. */
        int64_t ms;
        bool is_null =
            found != NULL && found->type == MSGPACK_OBJECT_EXT && !extension_time(found, &ms);

        if (is_nothing(found) || is_null) {
            nothing = nothing != NULL ? nothing : found;
        } else if (!is_id || found->type == MSGPACK_OBJECT_STR || is_integer(found)) {
            return found;
        }
    }
    return is_id ? NULL : nothing;
}

static void expect_slots(struct expected *expected, const msgpack_object *message)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const msgpack_object *object = choose(&properties[i], message);

        expected->slots[i].object = object;
        expected->slots[i].is_id = properties[i].path.read == EVENT_READ_ID;
        if (object != NULL && !all_texts_valid(object))
            set_dead(expected, EVENT_DEAD_BAD_MSGPACK);
    }
}

/* What the message should give. The objects live in the zone, digits in `expected` itself. */
static void expect(struct expected *expected, const struct fixture *fixture, struct slice bytes,
                   int64_t record_time_ms, msgpack_zone *zone, struct arena *arena)
{
    msgpack_object message;
    size_t offset = 0;

    *expected = (struct expected){.dead = EVENT_DEAD_EMPTY};
    if (bytes.size == 0)
        return;
    expected->dead = EVENT_DEAD_BAD_MSGPACK;
    if (bytes.size > (1 << 20) ||
        msgpack_unpack(bytes.data, bytes.size, &offset, zone, &message) != MSGPACK_UNPACK_SUCCESS ||
        message.type != MSGPACK_OBJECT_MAP || depth_of(&message) > 32)
        return;
    expected->dead = EVENT_DEAD_NONE;
    expect_customer(expected, &message);
    expect_name(expected, fixture, &message, arena);
    expect_time(expected, &message, record_time_ms);
    expect_id(expected, &message);
    expect_slots(expected, &message);
}

/* ---- comparing ---- */

static struct {
    uint64_t number;
    const char *why;
} current;

static void different(struct slice bytes, const char *what)
{
    struct buf hex;

    buf_init(&hex);
    for (size_t i = 0; i < bytes.size && i < 4096; i++)
        buf_printf(&hex, "%02x ", (unsigned char)bytes.data[i]);
    fail_msg("message %llu (%s): %s differs\n%.*s", (unsigned long long)current.number, current.why,
             what, (int)hex.size, hex.data);
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* A value and the object that it stands for. Containers are compared by unpacking what the value points to. */
static bool same_value(struct value value, const msgpack_object *object, bool is_id)
{
    char digits[32];
    int64_t ms;

    if (object == NULL)
        return value.kind == VALUE_ABSENT;
    if (is_id)
        return value.kind == VALUE_STRING &&
               slice_equal(value_text(value), id_text(object, digits));
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return value.kind == VALUE_NULL;
    case MSGPACK_OBJECT_BOOLEAN:
        return value.kind == VALUE_BOOL && value.b == object->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return object->via.u64 > INT64_MAX ? value.kind == VALUE_UINT && value.u == object->via.u64
                                           : value.kind == VALUE_INT && value.u == object->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return value.kind == VALUE_INT && value.i == object->via.i64;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return value.kind == VALUE_DOUBLE && same_double(value.d, object->via.f64);
    case MSGPACK_OBJECT_STR:
        return value.kind == VALUE_STRING && slice_equal(value_text(value), text_of(object));
    case MSGPACK_OBJECT_BIN:
        return value.kind == VALUE_BYTES && slice_equal(value_text(value), text_of(object));
    case MSGPACK_OBJECT_EXT:
        return extension_time(object, &ms)
                   ? value.kind == VALUE_TIMESTAMP && value_timestamp_to_ms(value) == ms
                   : value.kind == VALUE_NULL;
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
        break;
    }
    msgpack_zone *zone = msgpack_zone_new(2048);
    msgpack_object again;
    size_t offset = 0;
    bool same =
        (value.kind == VALUE_LIST || value.kind == VALUE_MAP) && value.rep == VALUE_REP_RAW &&
        msgpack_unpack(value.s, value.size, &offset, zone, &again) == MSGPACK_UNPACK_SUCCESS &&
        again.type == object->type;

    /* NaN is not equal to itself; the lengths of what was unpacked are compared by offset and type. */
    same = same && offset == value.size;
    msgpack_zone_free(zone);
    return same;
}

static void compare(const struct fixture *fixture, struct slice bytes,
                    const struct expected *expected)
{
    const struct decoded *decoded = &fixture->decoded;
    const struct event *event = decoded->events;

    if (decoded->dead != expected->dead)
        different(bytes,
                  arena_printf((struct arena *)&fixture->arena, "dead letter (%s, not %s)",
                               event_dead_code(decoded->dead), event_dead_code(expected->dead))
                      .data);
    if (decoded->dead != EVENT_DEAD_NONE)
        return;
    if (!slice_equal(event->customer, expected->customer))
        different(bytes, "customer");
    if (!slice_equal(event->name, expected->name))
        different(bytes, "name");
    if (event->name_id != (slice_equal(event->name, wanted_names[0])   ? 1u
                           : slice_equal(event->name, wanted_names[1]) ? 2u
                                                                       : 0u))
        different(bytes, "name_id");
    if (event->time_ms != expected->time_ms)
        different(bytes, "time");
    if (event->has_id != expected->has_id || !slice_equal(event->id, expected->id) ||
        event->id_hash != (expected->has_id ? hash_bytes(expected->id) : 0))
        different(bytes, "id");
    for (size_t i = 0; i < SLOT_COUNT; i++)
        if (!same_value(event->slots[i], expected->slots[i].object, expected->slots[i].is_id))
            different(bytes, arena_printf((struct arena *)&fixture->arena, "slot %zu", i).data);
}

/* ---- random events ---- */

static void add_text(struct buf *out, const char *text, size_t size, bool any_header)
{
    static const struct {
        unsigned char mark;
        int bytes;
    } headers[] = {{0xD9, 1}, {0xDA, 2}, {0xDB, 4}};
    size_t h = size < 256 ? below(3) : 1 + below(2);

    if (size < 32 && (!any_header || !one_in(6))) {
        buf_add_char(out, (char)(0xA0 | size));
    } else {
        buf_add_char(out, (char)headers[h].mark);
        for (int i = headers[h].bytes - 1; i >= 0; i--)
            buf_add_char(out, (char)(size >> (8 * i)));
    }
    buf_add(out, text, size);
}

static void add_random_text(struct buf *out)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "12.50",
                                        "ลูกค้า",
                                        "A-17",
                                        "2026-01-05T10:00:00.123Z",
                                        "2025-12-31 23:59:59+07:00",
                                        "Product Added",
                                        "5e10d13a-bf9a-44bf-b884-43a9e591ea71"};
    char bytes[300];

    if (one_in(12)) {
        size_t size = below(sizeof bytes);

        memset(bytes, 'y', size);
        if (size > 0 && one_in(3))
            bytes[below(size)] = (char)below(256);
        add_text(out, bytes, size, true);
    } else {
        const char *text = texts[below(sizeof texts / sizeof texts[0])];

        add_text(out, text, strlen(text), true);
    }
}

static void add_random_number(struct buf *out)
{
    static const unsigned char marks[] = {0xCA, 0xCB, 0xCC, 0xCD, 0xCE,
                                          0xCF, 0xD0, 0xD1, 0xD2, 0xD3};
    static const unsigned char sizes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    size_t kind = below(12);

    if (kind >= 10) {
        buf_add_char(out, (char)(kind == 10 ? below(128) : 0xE0 + below(32)));
        return;
    }
    buf_add_char(out, (char)marks[kind]);
    for (int i = 0; i < sizes[kind]; i++)
        buf_add_char(out, (char)(one_in(3) ? below(256) : 0));
}

static void add_random_extension(struct buf *out)
{
    static const unsigned char sizes[] = {1, 2, 4, 8, 16};
    size_t kind = below(6);
    size_t size = kind < 5 ? sizes[kind] : 12;

    buf_add_char(out, (char)(kind < 5 ? 0xD4 + kind : 0xC7));
    if (kind == 5)
        buf_add_char(out, 12);
    buf_add_char(out, (char)(one_in(4) ? below(256) : 0xFF));
    for (size_t i = 0; i < size; i++)
        buf_add_char(out, (char)(one_in(3) ? below(256) : 0));
}

static void add_random_map(struct buf *out, int depth);

static void add_random_value(struct buf *out, int depth)
{
    size_t count;

    switch (below(depth > 0 ? 12 : 9)) {
    case 0:
        buf_add_char(out, (char)0xC0);
        break;
    case 1:
        buf_add_char(out, (char)(0xC2 + below(2)));
        break;
    case 2:
        buf_add(out, "\xC4\x02\xFF\x00", 4);
        break;
    case 3:
        add_random_extension(out);
        break;
    case 4:
    case 5:
        add_random_number(out);
        break;
    case 9:
    case 10:
        add_random_map(out, depth - 1);
        break;
    case 11:
        count = below(4);
        buf_add_char(out, (char)(0x90 + count));
        while (count-- > 0)
            add_random_value(out, depth - 1);
        break;
    default:
        add_random_text(out);
    }
}

static const char *const keys[] = {
    "userId",
    "anonymousId",
    "event",
    "type",
    "timestamp",
    "originalTimestamp",
    "messageId",
    "properties",
    "traits",
    "context",
    "campaign",
    "medium",
    "channel",
    "timezone",
    "birthday",
    "price",
    "amount",
    "value",
    "total",
    "revenue",
    "products",
    "sku",
    "variant",
    "product_id",
    "productId",
    "x",
    "",
    "user_id",
    "userIdd",
    "a_key_of_twenty_bytes",
    "a_key_that_is_longer_than_fixstr_holds",
};

static void add_random_key(struct buf *out)
{
    const char *key = keys[below(sizeof keys / sizeof keys[0])];

    if (one_in(30))
        add_random_value(out, 1);
    else
        add_text(out, key, strlen(key), true);
}

static void add_map_header(struct buf *out, size_t count)
{
    if (count > 15 || one_in(10)) {
        buf_add_char(out, (char)0xDE);
        buf_add_char(out, (char)(count >> 8));
        buf_add_char(out, (char)count);
    } else {
        buf_add_char(out, (char)(0x80 + count));
    }
}

static void add_random_map(struct buf *out, int depth)
{
    size_t count = below(7);

    add_map_header(out, count);
    while (count-- > 0) {
        add_random_key(out);
        add_random_value(out, depth);
    }
}

/* Mostly what should be there, so that most events are whole; the rest is chance. */
static void add_random_event(struct buf *out)
{
    static const char *const types[] = {"track", "track", "track", "identify", "page", "group"};
    static const char *const names[] = {"Product Added", "product viewed", "OrderCompleted", "x y"};
    static const char *const maps[] = {"properties", "traits", "context"};
    size_t chance = one_in(3) ? below(20) : 0;
    size_t rotate = below(8);

    add_map_header(out, 8 + chance);
    for (size_t i = 0; i < 8; i++) {
        const char *type = types[below(6)], *name = names[below(4)];

        switch ((i + rotate) % 8) {
        case 0:
            add_text(out, "userId", 6, true);
            one_in(8) ? add_random_value(out, 1) : add_text(out, "customer-12345", below(15), true);
            break;
        case 1:
            add_text(out, "event", 5, true);
            one_in(20) ? add_random_value(out, 1) : add_text(out, name, strlen(name), true);
            break;
        case 2:
            add_text(out, "timestamp", 9, true);
            one_in(5) ? add_random_value(out, 1)
                      : add_text(out, "2026-01-05T10:00:00.123Z", 24, true);
            break;
        case 3:
            add_text(out, "messageId", 9, true);
            add_random_value(out, 1);
            break;
        case 4:
            add_text(out, "type", 4, true);
            one_in(10) ? add_random_value(out, 1) : add_text(out, type, strlen(type), true);
            break;
        default:
            name = maps[(i + rotate) % 8 - 5];
            add_text(out, name, strlen(name), true);
            one_in(20) ? add_random_value(out, 3) : add_random_map(out, 3);
        }
    }
    while (chance-- > 0) {
        add_random_key(out);
        add_random_value(out, 3);
    }
}

/* One of the ways in which bytes get broken. */
static const char *damage(struct buf *message)
{
    size_t at = below(message->size);

    switch (below(5)) {
    case 0:
        message->size = at;
        return "cut";
    case 1:
        buf_add_char(message, (char)below(256));
        return "longer";
    case 2:
        message->data[at] = (char)below(256);
        return "byte";
    case 3:
        message->data[at] ^= (char)(1 << below(8));
        return "bit";
    default:
        memmove(message->data + at, message->data + at + 1, message->size - at - 1);
        message->size--;
        return "byte left out";
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* The bytes at the end of a page of their own would be best; a block of exactly that size shows the same to ASan. */
static void try_message(struct fixture *fixture, struct slice message, msgpack_zone *zone,
                        struct arena *arena)
{
    int64_t record_time_ms = one_in(4) ? EVENT_NO_TIME : 1234567;
    char *exact = malloc(message.size > 0 ? message.size : 1);
    struct slice bytes = {exact, message.size};
    struct expected expected;

    assert_non_null(exact);
    memcpy(exact, message.data, message.size);
    msgpack_zone_clear(zone);
    arena_reset(arena);
    expect(&expected, fixture, bytes, record_time_ms, zone, arena);
    fixture_decode_bytes(fixture, bytes, record_time_ms);
    compare(fixture, bytes, &expected);
    free(exact);
}

static void test_random_events_are_read_as_msgpack_c_reads_them(void **state)
{
    uint64_t count = from_environment("DECODE_ORACLE_EVENTS", EVENTS_USUAL);
    uint64_t seed = from_environment("DECODE_ORACLE_SEED", 20260105);
    struct event_path paths[SLOT_COUNT];
    struct event_wants wants = {wanted_names, 2, paths, SLOT_COUNT};
    msgpack_zone *zone = msgpack_zone_new(8192);
    uint64_t whole = 0;
    struct fixture fixture;
    struct arena arena;
    struct buf message;

    (void)state;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        paths[i] = properties[i].path;
    fixture_open(&fixture, "segment", &wants);
    arena_init(&arena);
    buf_init(&message);
    for (current.number = 0; current.number < count; current.number++) {
        random_state = seed + current.number * UINT64_C(0x632BE59BD9B4E019);
        buf_reset(&message);
        add_random_event(&message);
        current.why = one_in(2) ? "whole" : damage(&message);
        try_message(&fixture, buf_slice(&message), zone, &arena);
        whole += fixture.decoded.count;
    }
    print_message("%llu messages, %llu of them events\n", (unsigned long long)count,
                  (unsigned long long)whole);
    /* Else the test would show little. */
    assert_true(whole > count / 5 && whole < count - count / 5);
    msgpack_zone_free(zone);
    buf_fini(&message);
    arena_fini(&arena);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_events_are_read_as_msgpack_c_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
