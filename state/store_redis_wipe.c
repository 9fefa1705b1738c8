/*
 * Deleting what is left of a partition's keys, in pieces that each land only under the owner's
 * token.
 */
#include <string.h>

#include "state/redis_trip.h"

/* Between WATCH and MULTI: is it still ours? */
static enum err watch_owned(struct store_redis *redis, struct topic_partition of, uint64_t token,
                            struct errinfo *info)
{
    enum err rc = trip_watch(redis, of, info);
    return rc == ERR_NONE ? trip_check_owner(redis, redis->stand, token, info) : rc;
}

/*
 * A deletion of which is not known whether it is still under way is a doubt: it ends with a new
 * token.
 */
static enum err execute_wipe(struct store_redis *redis, size_t commands, struct errinfo *info)
{
    const struct redis_reply *result;
    redis->watches = false;
    redis_link_text(redis->link, "EXEC");
    uint64_t mark = redis_link_mark(redis->link);
    enum err rc = trip_transaction(redis, commands, &result, info);
    if (rc == ERR_RETRY && !redis_link_is_connected(redis->link) &&
        redis_link_has_sent(redis->link, mark))
        return trip_fenced(redis, "a deletion timed out", info);
    if (rc == ERR_NONE && redis_reply_kind(result) == REDIS_NIL)
        return trip_fenced(redis, "somebody else has written its meta", info);
    if (rc == ERR_NONE && redis_reply_error(result))
        return redis_link_refused(redis->link, redis_reply_error(result), info);
    return rc;
}

/* All but the customers' records. R goes first, so that a wipe that ends half-way leaves none. */
static enum err wipe_rest(struct store_redis *redis, struct topic_partition of, uint64_t token,
                          struct errinfo *info)
{
    enum err rc = watch_owned(redis, of, token, info);
    if (rc != ERR_NONE)
        return rc;
    redis_link_text(redis->link, "MULTI");
    redis_link_command(redis->link, 5);
    redis_link_word(redis->link, SLICE("DEL"));
    trip_key(redis, ":meta");
    trip_key(redis, ":timers");
    trip_key(redis, ":stats");
    trip_key(redis, ":layouts");
    trip_meta(redis, "HSET", 2);
    redis_link_word(redis->link, SLICE("owner"));
    redis_link_uint(redis->link, token);
    return execute_wipe(redis, 2, info);
}

/* P:c:* as a pattern: what a pattern means by itself is escaped. */
static void add_scan(struct store_redis *redis, struct slice cursor)
{
    struct buf pattern;
    buf_init(&pattern);
    for (size_t i = 0; i < redis->p.size; i++) {
        if (strchr("*?[]^\\", redis->p.data[i]))
            buf_add_char(&pattern, '\\');
        buf_add_char(&pattern, redis->p.data[i]);
    }
    buf_add_text(&pattern, ":c:*");
    redis_link_command(redis->link, 6);
    redis_link_word(redis->link, SLICE("SCAN"));
    redis_link_word(redis->link, cursor);
    redis_link_word(redis->link, SLICE("MATCH"));
    redis_link_word(redis->link, buf_slice(&pattern));
    redis_link_word(redis->link, SLICE("COUNT"));
    redis_link_uint(redis->link, TRIP_PIECE_WORDS_MAX);
    buf_fini(&pattern);
}

static size_t add_deletions(struct store_redis *redis, const struct redis_reply *keys)
{
    size_t count = redis_reply_count(keys), commands = 0;
    for (size_t start = 0; start < count; start += TRIP_PIECE_WORDS_MAX, commands++) {
        size_t size = trip_piece_size(count, start);
        redis_link_command(redis->link, 1 + size);
        redis_link_word(redis->link, SLICE("DEL"));
        for (size_t i = 0; i < size; i++)
            redis_link_word(redis->link, redis_reply_text(redis_reply_at(keys, start + i)));
    }
    return commands;
}

/* One step of the scan, and the deletion of what it found. *cursor is "0" at the end. */
static enum err wipe_some(struct store_redis *redis, struct topic_partition of, uint64_t token,
                          struct buf *cursor, struct errinfo *info)
{
    const struct redis_reply *found;
    enum err rc = watch_owned(redis, of, token, info);
    if (rc != ERR_NONE)
        return rc;
    add_scan(redis, buf_slice(cursor));
    rc = trip_reply(redis, &found, info);
    if (rc != ERR_NONE)
        return rc;
    if (redis_reply_count(found) != 2)
        return err_set(info, ERR_FATAL, "redis %s: SCAN is not understood",
                       redis_link_name(redis->link));
    buf_reset(cursor);
    buf_add_slice(cursor, redis_reply_text(redis_reply_at(found, 0)));
    const struct redis_reply *keys = redis_reply_at(found, 1);
    if (redis_reply_count(keys) == 0)
        return ERR_NONE;
    redis_link_text(redis->link, "MULTI");
    return execute_wipe(redis, add_deletions(redis, keys), info);
}

enum err store_redis_wipe(struct store *store, struct topic_partition of, uint64_t token,
                          struct errinfo *info)
{
    struct store_redis *redis = trip_redis(store);
    struct buf cursor;
    buf_init(&cursor);
    buf_add_char(&cursor, '0');
    enum err rc = trip_begin(redis, of, info);
    if (rc == ERR_NONE)
        rc = wipe_rest(redis, of, token, info);
    do {
        if (rc == ERR_NONE)
            rc = wipe_some(redis, of, token, &cursor, info);
    } while (rc == ERR_NONE && !slice_is(buf_slice(&cursor), "0"));
    buf_fini(&cursor);
    return rc == ERR_NONE ? trip_unwatch(redis, info) : trip_abandon(redis, rc);
}
