/*
 * Reading customers and due timers from Redis. Every read returns owner and version with it, in one
 * MULTI/EXEC: they are of the same moment as the records.
 */
#include "core/number.h"
#include "state/customer.h"
#include "state/redis_trip.h"

static size_t piece_count(size_t count)
{
    return (count + TRIP_PIECE_WORDS_MAX - 1) / TRIP_PIECE_WORDS_MAX;
}

static enum err add_mget(struct store_redis *redis, const struct slice *customers, size_t count,
                         struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t start = 0; start < count && rc == ERR_NONE; start += TRIP_PIECE_WORDS_MAX) {
        size_t size = trip_piece_size(count, start);
        redis_link_command(redis->link, 1 + size);
        redis_link_word(redis->link, SLICE("MGET"));
        for (size_t i = 0; i < size; i++)
            trip_customer_key(redis, customers[start + i]);
        rc = redis_link_push(redis->link, info);
    }
    return rc;
}

/* -inf and +inf stand for the ends; the lower bound is exclusive. */
static void add_range(struct store_redis *redis, const struct store_request *request)
{
    char text[40] = "(";
    int size = 1 + number_format_int(request->timers_after_ms, text + 1);
    redis_link_command(redis->link, 8);
    redis_link_word(redis->link, SLICE("ZRANGEBYSCORE"));
    trip_key(redis, ":timers");
    redis_link_word(redis->link, request->timers_after_ms == INT64_MIN
                                     ? SLICE("-inf")
                                     : (struct slice){text, (size_t)size});
    if (request->timers_until_ms == INT64_MAX)
        redis_link_word(redis->link, SLICE("+inf"));
    else
        redis_link_int(redis->link, request->timers_until_ms);
    redis_link_word(redis->link, SLICE("WITHSCORES"));
    redis_link_word(redis->link, SLICE("LIMIT"));
    redis_link_int(redis->link, 0);
    redis_link_uint(redis->link, request->timers_max);
}

/*
 * Takes `count` records from the MGETs that begin at `first`. False where a reply is not as it must
 * be.
 */
static bool read_records(const struct redis_reply *result, size_t first, size_t count,
                         struct slice *records, struct arena *arena)
{
    for (size_t start = 0; start < count; start += TRIP_PIECE_WORDS_MAX, first++) {
        const struct redis_reply *piece = redis_reply_at(result, first);
        if (redis_reply_count(piece) != trip_piece_size(count, start))
            return false;
        for (size_t i = 0; i < redis_reply_count(piece); i++)
            records[start + i] = arena_copy(arena, redis_reply_text(redis_reply_at(piece, i)));
    }
    return true;
}

static void read_range(const struct redis_reply *flat, struct store_request *request,
                       struct arena *arena)
{
    size_t count = redis_reply_count(flat) / 2;
    request->timer_count = count;
    request->timer_customers = arena_alloc(arena, count * sizeof(struct slice));
    request->timer_records = arena_alloc(arena, count * sizeof(struct slice));
    request->timer_deadlines_ms = arena_alloc(arena, count * sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        request->timer_customers[i] =
            arena_copy(arena, redis_reply_text(redis_reply_at(flat, 2 * i)));
        request->timer_records[i] = (struct slice){NULL, 0};
        request->timer_deadlines_ms[i] =
            trip_score(redis_reply_text(redis_reply_at(flat, 2 * i + 1)));
    }
}

/* Owner and version are of the same moment as what stands behind them in the transaction. */
static enum err verified(struct store_redis *redis, const struct redis_reply *result, size_t count,
                         uint64_t token, uint64_t version_min, struct errinfo *info)
{
    if (redis_reply_count(result) != count || redis_reply_error(result))
        return err_set(info, ERR_FENCED, "redis %s: %.*s can't be read",
                       redis_link_name(redis->link), (int)redis->p.size, redis->p.data);
    struct stand stand = trip_stand(redis_reply_at(result, 0));
    enum err rc = trip_check_owner(redis, stand, token, info);
    return rc == ERR_NONE ? trip_check_version(redis, stand, version_min, UINT64_MAX, info) : rc;
}

static bool wants_timers(const struct store_request *request)
{
    return request->timers_until_ms != INT64_MIN && request->timers_max > 0;
}

static size_t load_commands(const struct store_request *request)
{
    return 1 + piece_count(request->customer_count) + wants_timers(request);
}

static enum err add_load(struct store_redis *redis, const struct store_request *request,
                         struct errinfo *info)
{
    trip_partition(redis, request->of);
    redis_link_text(redis->link, "MULTI");
    trip_add_stand(redis);
    enum err rc = add_mget(redis, request->customers, request->customer_count, info);
    if (rc != ERR_NONE)
        return rc;
    if (wants_timers(request))
        add_range(redis, request);
    redis_link_text(redis->link, "EXEC");
    return redis_link_push(redis->link, info);
}

static enum err read_load(struct store_redis *redis, struct store_request *request,
                          struct arena *arena, struct errinfo *info)
{
    const struct redis_reply *result;
    size_t commands = load_commands(request);
    trip_partition(redis, request->of);
    enum err rc = trip_transaction(redis, commands, &result, info);
    if (rc == ERR_NONE)
        rc = verified(redis, result, commands, request->token, request->version_min, info);
    if (rc != ERR_NONE)
        return rc;
    request->records = arena_alloc(arena, request->customer_count * sizeof(struct slice));
    request->timer_count = 0;
    if (wants_timers(request))
        read_range(redis_reply_at(result, commands - 1), request, arena);
    if (!read_records(result, 1, request->customer_count, request->records, arena))
        return err_set(info, ERR_FENCED, "redis %s: records can't be read",
                       redis_link_name(redis->link));
    return ERR_NONE;
}

static enum err add_load_due(struct store_redis *redis, const struct store_request *request,
                             struct errinfo *info)
{
    trip_partition(redis, request->of);
    redis_link_text(redis->link, "MULTI");
    trip_add_stand(redis);
    enum err rc = add_mget(redis, request->timer_customers, request->timer_count, info);
    redis_link_text(redis->link, "EXEC");
    return rc;
}

static enum err read_load_due(struct store_redis *redis, struct store_request *request,
                              struct arena *arena, struct errinfo *info)
{
    const struct redis_reply *result;
    size_t commands = 1 + piece_count(request->timer_count);
    trip_partition(redis, request->of);
    enum err rc = trip_transaction(redis, commands, &result, info);
    if (rc == ERR_NONE)
        rc = verified(redis, result, commands, request->token, request->version_min, info);
    if (rc == ERR_NONE &&
        !read_records(result, 1, request->timer_count, request->timer_records, arena))
        rc = err_set(info, ERR_FENCED, "redis %s: records can't be read",
                     redis_link_name(redis->link));
    return rc;
}

/*
 * One trip for records and due timers. Who is due is known only then, so where there are any their
 * records are a second trip, verified like the first.
 */
static enum err load(struct store_redis *redis, struct store_request *requests, size_t count,
                     struct arena *arena, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < count && rc == ERR_NONE; i++)
        rc = add_load(redis, &requests[i], info);
    for (size_t i = 0; i < count && rc == ERR_NONE; i++)
        rc = read_load(redis, &requests[i], arena, info);
    for (size_t i = 0; i < count && rc == ERR_NONE; i++)
        if (requests[i].timer_count > 0)
            rc = add_load_due(redis, &requests[i], info);
    for (size_t i = 0; i < count && rc == ERR_NONE; i++)
        if (requests[i].timer_count > 0)
            rc = read_load_due(redis, &requests[i], arena, info);
    return rc;
}

enum err store_redis_load(struct store *store, struct store_request *requests, size_t count,
                          struct arena *arena, struct errinfo *info)
{
    struct store_redis *redis = trip_redis(store);
    if (count == 0)
        return ERR_NONE;
    enum err rc = trip_begin(redis, requests[0].of, info);
    if (rc == ERR_NONE)
        rc = load(redis, requests, count, arena, info);
    return rc == ERR_NONE ? ERR_NONE : trip_abandon(redis, rc);
}

enum err store_redis_next_deadline(struct store *store, struct topic_partition of, uint64_t token,
                                   uint64_t version_min, int64_t *deadline_ms, struct errinfo *info)
{
    struct store_redis *redis = trip_redis(store);
    const struct redis_reply *result;
    enum err rc = trip_begin(redis, of, info);
    if (rc != ERR_NONE)
        return rc;
    redis_link_text(redis->link, "MULTI");
    trip_add_stand(redis);
    redis_link_command(redis->link, 5);
    redis_link_word(redis->link, SLICE("ZRANGE"));
    trip_key(redis, ":timers");
    redis_link_int(redis->link, 0);
    redis_link_int(redis->link, 0);
    redis_link_word(redis->link, SLICE("WITHSCORES"));
    redis_link_text(redis->link, "EXEC");
    rc = trip_transaction(redis, 2, &result, info);
    if (rc == ERR_NONE)
        rc = verified(redis, result, 2, token, version_min, info);
    if (rc != ERR_NONE)
        return rc;
    const struct redis_reply *first = redis_reply_at(result, 1);
    *deadline_ms = redis_reply_count(first) == 2
                       ? trip_score(redis_reply_text(redis_reply_at(first, 1)))
                       : CUSTOMER_NEVER;
    return ERR_NONE;
}
