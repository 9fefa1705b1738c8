#include "producer/signal.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/json.h"
#include "core/mp.h"
#include "core/number.h"
#include "core/pack.h"

#define SIGNAL_SCHEMA            1
#define SIGNAL_SCHEMA_MEMBER     "\"schema\":1"
#define SIGNAL_MEMBERS           9
#define SIGNAL_LIST_CAPACITY_MIN 64

static const char empty_map[] = {(char)0x80};

void signal_list_init(struct signal_list *list)
{
    *list = (struct signal_list){0};
}

void signal_list_fini(struct signal_list *list)
{
    free(list->items);
    buf_fini(&list->packing);
    *list = (struct signal_list){0};
}

void signal_list_reset(struct signal_list *list)
{
    list->count = 0;
}

struct signal *signal_list_add(struct signal_list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : SIGNAL_LIST_CAPACITY_MIN;
        struct signal *items = realloc(list->items, capacity * sizeof(*items));
        CHECK(items != NULL);
        list->items = items;
        list->capacity = capacity;
    }
    struct signal *signal = &list->items[list->count++];
    *signal = (struct signal){0};
    return signal;
}

/* As msgpack. */
static struct slice signal_data(const struct signal *signal)
{
    return signal->data.size ? signal->data : (struct slice){empty_map, sizeof(empty_map)};
}

static inline char *put(char *p, struct slice bytes)
{
    memcpy(p, bytes.data, bytes.size);
    return p + bytes.size;
}

/* What `signal_encode_json()` writes, but for `data`, at most. */
static size_t json_room(const struct signal *signal, struct slice id)
{
    size_t size = id.size + signal->type.size + signal->customer.size + signal->machine.size +
                  signal->from.size + signal->to.size + signal->cause.size;
    return JSON_STRING_ROOM(size) + 256; /* the names, and room for seven texts rather than one */
}

/* The names are ours and need no escaping: each piece between two values is one constant. */
static void signal_encode_json(const struct signal *signal, struct slice id, struct buf *out)
{
    char *p = buf_reserve(out, json_room(signal, id));
    p = put(p, SLICE("{"));
    if (id.size) {
        p = put(p, SLICE("\"id\":"));
        p = json_put_string(p, id);
        p = put(p, SLICE(","));
    }
    p = put(p, SLICE(SIGNAL_SCHEMA_MEMBER ",\"type\":"));
    p = json_put_string(p, signal->type);
    p = put(p, SLICE(",\"customer\":"));
    p = json_put_string(p, signal->customer);
    p = put(p, SLICE(",\"time\":"));
    p += number_format_int(signal->time_ms, p);
    p = put(p, SLICE(",\"machine\":"));
    p = json_put_string(p, signal->machine);
    p = put(p, SLICE(",\"from\":"));
    p = json_put_string(p, signal->from);
    p = put(p, SLICE(",\"to\":"));
    p = json_put_string(p, signal->to);
    p = put(p, SLICE(",\"cause\":"));
    p = json_put_string(p, signal->cause);
    buf_end_at(out, put(p, SLICE(",\"data\":")));
    if (signal->data_is_json)
        buf_add_slice(out, signal->data);
    else
        mp_to_json(signal_data(signal), out);
    buf_add_char(out, '}');
}

static void pack_add_member(struct buf *out, const char *name, struct slice text)
{
    pack_add_text(out, slice_of(name));
    pack_add_text(out, text);
}

static void signal_encode_msgpack(const struct signal *signal, struct slice id, struct buf *out)
{
    CHECK(!signal->data_is_json);
    pack_add_map(out, SIGNAL_MEMBERS + (id.size ? 1 : 0));
    if (id.size)
        pack_add_member(out, "id", id);
    pack_add_text(out, SLICE("schema"));
    pack_add_int(out, SIGNAL_SCHEMA);
    pack_add_member(out, "type", signal->type);
    pack_add_member(out, "customer", signal->customer);
    pack_add_text(out, SLICE("time"));
    pack_add_int(out, signal->time_ms);
    pack_add_member(out, "machine", signal->machine);
    pack_add_member(out, "from", signal->from);
    pack_add_member(out, "to", signal->to);
    pack_add_member(out, "cause", signal->cause);
    pack_add_text(out, SLICE("data"));
    buf_add_slice(out, signal_data(signal));
}

void signal_encode(const struct signal *signal, enum signal_format format, struct slice id,
                   struct buf *out)
{
    switch (format) {
    case SIGNAL_JSON:
        signal_encode_json(signal, id, out);
        break;
    case SIGNAL_MSGPACK:
        signal_encode_msgpack(signal, id, out);
        break;
    }
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static char *put_percent_encoded(char *p, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_unreserved(c)) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '%';
        *p++ = digits[c >> 4];
        *p++ = digits[c & 15];
    }
    return p;
}

void signal_add_id(const struct signal *signal, struct slice topic, int32_t partition,
                   int64_t offset, struct buf *out)
{
    size_t room = topic.size + signal->timer_machine.size + 128; /* slashes and numbers */
    char *p = buf_reserve(out, room + (signal->is_timer ? 3 * signal->customer.size : 0));
    p = put(p, topic);
    *p++ = '/';
    p += number_format_int(partition, p);
    *p++ = '/';
    if (signal->is_timer) {
        p = put_percent_encoded(p, signal->customer);
        *p++ = '/';
        p = put(p, signal->timer_machine);
        *p++ = '/';
        p += number_format_int(signal->deadline_ms, p);
    } else {
        p += number_format_int(offset, p);
    }
    *p++ = '/';
    p += number_format_int(signal->rank, p);
    buf_end_at(out, p);
}

/*
 * Where the rest does not fit, the last `*` takes one character more: linear but for hostile
 * patterns.
 */
bool signal_pattern_matches(struct slice pattern, struct slice type)
{
    size_t p = 0;
    size_t t = 0;
    size_t behind_star = 0; /* position in the pattern, 0: no `*` so far */
    size_t star_end = 0;    /* how far the last `*` reaches in the type */
    while (t < type.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            behind_star = ++p;
            star_end = t;
            if (p == pattern.size)
                return true; /* it stands for all the rest */
        } else if (p < pattern.size && pattern.data[p] == type.data[t]) {
            p++;
            t++;
        } else if (behind_star > 0) {
            p = behind_star;
            t = ++star_end;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

int signal_route_find(const struct signal_route *routes, size_t count, struct slice type)
{
    for (size_t i = 0; i < count; i++) {
        if (signal_pattern_matches(routes[i].pattern, type))
            return (int)i;
    }
    return -1;
}
