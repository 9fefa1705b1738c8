#include "state/redis_trip.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"
#include "state/customer.h"

/* ---- keys */

void trip_partition(struct store_redis *redis, struct topic_partition of)
{
    buf_reset(&redis->p);
    buf_printf(&redis->p, "%s:{%s/%s/%d}", redis->prefix, redis->group, of.topic,
               (int)of.partition);
}

void trip_key(struct store_redis *redis, const char *name)
{
    redis_link_words(redis->link, buf_slice(&redis->p), slice_of(name));
}

void trip_customer_key(struct store_redis *redis, struct slice customer)
{
    /* P:c: is put together in place; two slices are all that a word is made of. */
    size_t size = redis->p.size;
    buf_add(&redis->p, ":c:", 3);
    redis_link_words(redis->link, buf_slice(&redis->p), customer);
    redis->p.size = size;
}

void trip_meta(struct store_redis *redis, const char *command, size_t word_count)
{
    redis_link_command(redis->link, 2 + word_count);
    redis_link_word(redis->link, slice_of(command));
    trip_key(redis, ":meta");
}

/* ---- replies */

static enum err reply(struct store_redis *redis, const struct redis_reply **reply,
                      struct errinfo *info)
{
    enum err rc = redis_link_reply(redis->link, reply, info);
    if (rc != ERR_NONE)
        redis->watches = false; /* closed */
    return rc;
}

enum err trip_reply(struct store_redis *redis, const struct redis_reply **good,
                    struct errinfo *info)
{
    enum err rc = reply(redis, good, info);
    if (rc == ERR_NONE && redis_reply_kind(*good) == REDIS_ERROR)
        rc = redis_link_refused(redis->link, *good, info);
    return rc;
}

enum err trip_abandon(struct store_redis *redis, enum err rc)
{
    redis_link_close(redis->link);
    redis->watches = false;
    return rc;
}

/*
 * MULTI is answered, then each command is QUEUED; the first that is not is the reason why EXEC does
 * nothing.
 */
enum err trip_transaction(struct store_redis *redis, size_t count,
                          const struct redis_reply **result, struct errinfo *info)
{
    enum err queued = ERR_NONE;
    for (size_t i = 0; i < 1 + count; i++) {
        const struct redis_reply *one;
        enum err rc = reply(redis, &one, info);
        if (rc != ERR_NONE)
            return rc;
        if (redis_reply_kind(one) == REDIS_ERROR && queued == ERR_NONE)
            queued = redis_link_refused(redis->link, one, info);
    }
    enum err rc = trip_reply(redis, result, queued == ERR_NONE ? info : NULL);
    return queued == ERR_NONE ? rc : queued;
}

bool trip_uint(struct slice text, uint64_t *number)
{
    char copy[32], *end;
    if (text.size == 0 || text.size >= sizeof(copy) || text.data[0] < '0' || text.data[0] > '9')
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    errno = 0;
    *number = strtoull(copy, &end, 10);
    return errno == 0 && end == copy + text.size;
}

/* A score is a double as text; ours are whole. */
int64_t trip_score(struct slice text)
{
    struct number parsed;
    if (!number_parse(text, &parsed))
        return INT64_MIN; /* as a bound it is never too high */
    if (parsed.is_int)
        return parsed.i;
    return parsed.d >= 9.2e18    ? CUSTOMER_NEVER
           : parsed.d <= -9.2e18 ? INT64_MIN
                                 : (int64_t)floor(parsed.d);
}

struct stand trip_stand(const struct redis_reply *fields)
{
    struct stand stand = {false, 0, 0};
    if (redis_reply_count(fields) != 2)
        return stand;
    stand.is_owned = trip_uint(redis_reply_text(redis_reply_at(fields, 0)), &stand.owner);
    trip_uint(redis_reply_text(redis_reply_at(fields, 1)), &stand.version);
    return stand;
}

enum err trip_check_owner(const struct store_redis *redis, struct stand stand, uint64_t token,
                          struct errinfo *info)
{
    if (stand.is_owned && stand.owner == token)
        return ERR_NONE;
    return err_set(info, ERR_FENCED, "redis %s: %.*s:meta has another owner",
                   redis_link_name(redis->link), (int)redis->p.size, redis->p.data);
}

enum err trip_check_version(const struct store_redis *redis, struct stand stand, uint64_t least,
                            uint64_t most, struct errinfo *info)
{
    if (stand.version >= least && stand.version <= most)
        return ERR_NONE;
    return err_set(info, ERR_FENCED, "redis %s: %.*s:meta has version %llu, expected %llu",
                   redis_link_name(redis->link), (int)redis->p.size, redis->p.data,
                   (unsigned long long)stand.version, (unsigned long long)least);
}

enum err trip_fenced(const struct store_redis *redis, const char *what, struct errinfo *info)
{
    return err_set(info, ERR_FENCED, "redis %s: %.*s: %s", redis_link_name(redis->link),
                   (int)redis->p.size, redis->p.data, what);
}

/* ---- watching P:meta */

void trip_add_stand(struct store_redis *redis)
{
    trip_meta(redis, "HMGET", 2);
    redis_link_word(redis->link, SLICE("owner"));
    redis_link_word(redis->link, SLICE("version"));
}

void trip_add_watch(struct store_redis *redis)
{
    trip_meta(redis, "WATCH", 0);
    trip_add_stand(redis);
}

enum err trip_read_watch(struct store_redis *redis, struct topic_partition of, struct errinfo *info)
{
    const struct redis_reply *fields;
    enum err rc = trip_reply(redis, &fields, info); /* of WATCH */
    if (rc == ERR_NONE)
        rc = trip_reply(redis, &fields, info);
    if (rc != ERR_NONE)
        return trip_abandon(redis, rc);
    redis->watches = true;
    redis->watched = of;
    redis->stand = trip_stand(fields);
    return ERR_NONE;
}

enum err trip_unwatch(struct store_redis *redis, struct errinfo *info)
{
    const struct redis_reply *done;
    if (!redis->watches)
        return ERR_NONE;
    redis->watches = false;
    redis_link_text(redis->link, "UNWATCH");
    return trip_reply(redis, &done, info);
}

enum err trip_watch(struct store_redis *redis, struct topic_partition of, struct errinfo *info)
{
    trip_add_watch(redis);
    return trip_read_watch(redis, of, info);
}

enum err trip_begin(struct store_redis *redis, struct topic_partition of, struct errinfo *info)
{
    trip_partition(redis, of);
    enum err rc = redis_link_connect(redis->link, info);
    return rc == ERR_NONE ? trip_unwatch(redis, info) : rc;
}
