/*
 * The store in Redis: DESIGN sections 8 and 9, docs/redis.md. Here: opening it, and taking a
 * partition over.
 *
 * What is not an effect of ours but a fault of Redis' data (a key of another type, a number that is
 * none) counts as 'no R': Kafka has what it takes to make it anew.
 */
#include <stdlib.h>
#include <string.h>

#include "core/number.h"
#include "state/heap.h"
#include "state/redis_trip.h"
#include "state/redis_url.h"

static bool read_int(struct slice text, int64_t *number)
{
    struct number parsed;
    if (!number_parse(text, &parsed) || !parsed.is_int)
        return false;
    *number = parsed.i;
    return true;
}

static const char *const meta_fields[] = {"offset",  "watermark", "version", "epoch",
                                          "ruleset", "customers", "journal"};
enum meta_field { OFFSET, WATERMARK, VERSION, EPOCH, RULESET, CUSTOMERS, JOURNAL, META_FIELDS };

/* Each number has to be one, or there is no R. Where there is an offset there is all of it. */
static bool read_position(const struct redis_reply *fields, struct store_position *position)
{
    struct slice at[META_FIELDS];
    for (size_t i = 0; i < META_FIELDS; i++)
        at[i] = redis_reply_text(redis_reply_at(fields, i));
    bool has_version = trip_uint(at[VERSION], &position->version);
    return has_version && read_int(at[OFFSET], &position->offset) &&
           read_int(at[WATERMARK], &position->watermark_ms) &&
           trip_uint(at[EPOCH], &position->epoch) && trip_uint(at[RULESET], &position->ruleset) &&
           trip_uint(at[CUSTOMERS], &position->customers) &&
           trip_uint(at[JOURNAL], &position->journal);
}

static const struct store_pair *read_pairs(const struct redis_reply *flat, struct arena *arena,
                                           size_t *count)
{
    *count = redis_reply_count(flat) / 2;
    struct store_pair *pairs = arena_alloc(arena, *count * sizeof(*pairs));
    for (size_t i = 0; i < *count; i++) {
        pairs[i].field = arena_copy(arena, redis_reply_text(redis_reply_at(flat, 2 * i)));
        pairs[i].value = arena_copy(arena, redis_reply_text(redis_reply_at(flat, 2 * i + 1)));
    }
    return pairs;
}

/* ZCARD is there for its error where P:timers is something else. */
static void add_own(struct store_redis *redis, uint64_t token)
{
    redis_link_text(redis->link, "MULTI");
    trip_meta(redis, "HSET", 2);
    redis_link_word(redis->link, SLICE("owner"));
    redis_link_uint(redis->link, token);
    trip_meta(redis, "HMGET", META_FIELDS);
    for (size_t i = 0; i < META_FIELDS; i++)
        redis_link_word(redis->link, slice_of(meta_fields[i]));
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HGETALL"));
    trip_key(redis, ":stats");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HGETALL"));
    trip_key(redis, ":layouts");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("ZCARD"));
    trip_key(redis, ":timers");
    redis_link_text(redis->link, "EXEC");
}

static enum err not_written(const struct store_redis *redis, const struct redis_reply *error,
                            struct errinfo *info)
{
    struct slice text = redis_reply_text(error);
    return err_set(info, redis_link_refused(redis->link, error, NULL),
                   "redis %s: %.*s:meta can't be written: %.*s", redis_link_name(redis->link),
                   (int)redis->p.size, redis->p.data, (int)text.size, text.data);
}

static enum err redis_own(struct store *store, struct topic_partition of, uint64_t token,
                          struct arena *arena, struct store_position *position,
                          struct errinfo *info)
{
    struct store_redis *redis = trip_redis(store);
    const struct redis_reply *result;
    enum err rc = trip_begin(redis, of, info);
    if (rc != ERR_NONE)
        return rc;
    add_own(redis, token);
    rc = trip_transaction(redis, 5, &result, info);
    if (rc != ERR_NONE)
        return rc;
    if (redis_reply_count(result) != 5)
        return err_set(info, ERR_RETRY, "redis %s: the owner was not written",
                       redis_link_name(redis->link));
    const struct redis_reply *written = redis_reply_at(result, 0),
                             *fields = redis_reply_at(result, 1);
    if (redis_reply_kind(written) == REDIS_ERROR)
        return not_written(redis, written, info);
    *position = (struct store_position){.found = false};
    position->found = read_position(fields, position) && !redis_reply_error(result);
    position->stats = read_pairs(redis_reply_at(result, 2), arena, &position->stat_count);
    position->layouts = read_pairs(redis_reply_at(result, 3), arena, &position->layout_count);
    return ERR_NONE;
}

/* ---- life */

static void redis_close(struct store *store)
{
    struct store_redis *redis = trip_redis(store);
    redis_link_free(redis->link);
    buf_fini(&redis->p);
    free(redis->prefix);
    free(redis->group);
    free(redis);
}

static const struct store_ops redis_ops = {
    .own = redis_own,
    .wipe = store_redis_wipe,
    .load = store_redis_load,
    .save = store_redis_save,
    .next_deadline = store_redis_next_deadline,
    .close = redis_close,
};

struct store *store_redis_open(const char *url, const char *prefix, const char *group,
                               struct errinfo *info)
{
    struct redis_url parsed;
    if (redis_url_parse(url, &parsed, info) != ERR_NONE)
        return NULL;
    struct store_redis *redis = heap_new(sizeof(*redis));
    redis->store.ops = &redis_ops;
    redis->link = redis_link_new(&parsed, &redis->store.end_ms);
    redis->prefix = strdup(prefix);
    redis->group = strdup(group);
    CHECK(redis->prefix && redis->group);
    buf_init(&redis->p);
    return &redis->store;
}
