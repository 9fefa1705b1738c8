#include "consumer/wire_problem.h"

#include "core/buf.h"
#include "core/mp.h"
#include "core/utf8.h"

#define SHOWN_SIZE_MAX 80

/* Walks token by token, so that the place where it ends is known. */
struct search {
    struct slice message;
    struct mp mp;
    struct arena *arena;
};

static const char *at_byte(const struct search *search, const char *what, const char *where)
{
    return arena_printf(search->arena, "%s at byte %zu of %zu", what,
                        (size_t)(where - search->message.data), search->message.size)
        .data;
}

static const char *unreadable(const struct search *search, const char *where)
{
    /* Cut off, unless the bytes that follow could have made it whole. */
    struct mp header = {where, search->mp.end};
    unsigned char mark = where < search->mp.end ? (unsigned char)*where : 0;
    struct mp_token token;

    if (mark == 0xC1)
        return at_byte(search, "not msgpack: 0xc1", where);
    token.kind = MP_NIL;
    (void)mp_read(&header, &token);
    if (where < search->mp.end && (token.kind == MP_ARRAY || token.kind == MP_MAP))
        return at_byte(search, "cut off: a count larger than the bytes left", where);
    return at_byte(search, "cut off: a value without its end", where);
}

static const char *find(struct search *search, int depth)
{
    const char *where = search->mp.pos;
    struct mp_token token;
    uint64_t inside = 0;

    if (!mp_read(&search->mp, &token))
        return unreadable(search, where);
    if (token.kind == MP_ARRAY || token.kind == MP_MAP) {
        if (depth == MP_DEPTH_MAX)
            return at_byte(search, "deeper than 32 levels", where);
        inside = token.kind == MP_MAP ? 2 * (uint64_t)token.count : token.count;
    }
    for (uint64_t i = 0; i < inside; i++) {
        const char *problem = find(search, depth + 1);

        if (problem != NULL)
            return problem;
    }
    return NULL;
}

const char *wire_problem(struct slice message, struct arena *arena)
{
    struct search search = {message, mp_of(message), arena};
    struct mp first = search.mp;
    struct mp_token token;
    const char *problem = find(&search, 0);

    if (problem != NULL)
        return problem;
    if (!mp_read(&first, &token) || token.kind != MP_MAP)
        return "the message is not a msgpack map";
    if (search.mp.pos < search.mp.end)
        return at_byte(&search, "something follows the map", search.mp.pos);
    return "not an event";
}

const char *wire_problem_show(struct slice value, struct arena *arena)
{
    struct mp mp = mp_of(value);
    struct slice exact = {NULL, 0};
    struct slice shown;
    struct buf json;

    buf_init(&json);
    if (mp_value(&mp, &exact))
        mp_to_json(exact, &json);
    shown = utf8_cut(buf_slice(&json), SHOWN_SIZE_MAX);
    shown = arena_printf(arena, "%.*s%s", (int)shown.size, shown.data,
                         shown.size < json.size ? "..." : "");
    buf_fini(&json);
    return shown.data;
}
