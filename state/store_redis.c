/*
 * The store in Redis: DESIGN sections 8 and 9, docs/redis.md.
 *
 * A checkpoint is one transaction:
 *
 *   WATCH P:meta            }  asked for together with the checkpoint before, or now
 *   HMGET P:meta owner version
 *   MULTI
 *   HDEL P:meta offset         R goes first and comes back last: what fails half-way leaves none
 *   MSET P:c:… , DEL P:c:… , ZADD P:timers … , ZREM P:timers … , HSET P:stats … , HSET P:layouts …
 *   HSET P:meta version … offset …
 *   EXEC                       nothing of it happens if P:meta has changed since the WATCH
 *
 * What is known when it fails: until the last byte of EXEC is given to the system, nothing can have happened (ERR_RETRY).
 * After that only the version tells, read on a new connection; as long as that can't be had, the question is kept in
 * `doubt`, and a repeated save asks it first.
 *
 * What is not an effect of ours but a fault of Redis' data (a key of another type, a number that is none) counts as 'no R':
 * Kafka has what it takes to make it anew.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/number.h"
#include "state/customer.h"
#include "state/heap.h"
#include "state/redis_link.h"
#include "state/redis_url.h"
#include "state/store.h"

#define PIECE_WORDS_MAX 4096u /* keys, members or fields of one command */
#define PIECE_SIZE_MAX  (8u << 20)
#define NONE            ((struct slice){NULL, 0})

/* What P:meta says about who may write. */
struct stand {
    bool is_owned;
    uint64_t owner;
    uint64_t version;
};

/* A checkpoint of which is not known whether it landed, or known that it landed in part. */
struct doubt {
    bool stands;
    bool is_partial;
    struct topic_partition of;
    uint64_t token;
    uint64_t version; /* is there if it has landed */
};

struct store_redis {
    struct store store; /* must be first */
    struct redis_link *link;
    char *prefix, *group; /* owned */
    struct buf p;         /* P of the partition at hand */
    bool watches;         /* P:meta of `watched`, on this connection; it said `stand` */
    struct topic_partition watched;
    struct stand stand;
    struct doubt doubt;
};

static struct store_redis *redis_of(struct store *store)
{
    return (struct store_redis *)(void *)store;
}

/* ---- keys */

/* P, to which redis_link_words() adds the rest of a key. */
static void use_partition(struct store_redis *redis, struct topic_partition of)
{
    buf_reset(&redis->p);
    buf_printf(&redis->p, "%s:{%s/%s/%d}", redis->prefix, redis->group, of.topic,
               (int)of.partition);
}

static void add_key(struct store_redis *redis, const char *name)
{
    redis_link_words(redis->link, buf_slice(&redis->p), slice_of(name));
}

static void add_customer_key(struct store_redis *redis, struct slice customer)
{
    /* P:c: is put together in place; two slices are all that a word is made of. */
    size_t size = redis->p.size;
    buf_add(&redis->p, ":c:", 3);
    redis_link_words(redis->link, buf_slice(&redis->p), customer);
    redis->p.size = size;
}

static void add_meta_command(struct store_redis *redis, const char *command, size_t word_count)
{
    redis_link_command(redis->link, 2 + word_count);
    redis_link_word(redis->link, slice_of(command));
    add_key(redis, ":meta");
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

/* A reply that is not an error. */
static enum err good_reply(struct store_redis *redis, const struct redis_reply **good,
                           struct errinfo *info)
{
    enum err rc = reply(redis, good, info);
    if (rc == ERR_NONE && redis_reply_kind(*good) == REDIS_ERROR)
        rc = redis_link_refused(redis->link, *good, info);
    return rc;
}

/* A pipeline that is not read to its end leaves the connection out of step. */
static enum err abandon(struct store_redis *redis, enum err rc)
{
    redis_link_close(redis->link);
    redis->watches = false;
    return rc;
}

/*
 * MULTI, `count` times QUEUED, EXEC: the last one's reply. ERR_RETRY or ERR_FATAL: broken, or nothing of it was done, with
 * the reason (the first that was not queued). *result is nil where what was watched has changed.
 */
static enum err transaction(struct store_redis *redis, size_t count,
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
    enum err rc = good_reply(redis, result, queued == ERR_NONE ? info : NULL);
    return queued == ERR_NONE ? rc : queued;
}

static bool read_uint(struct slice text, uint64_t *number)
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

static bool read_int(struct slice text, int64_t *number)
{
    struct number parsed;
    if (!number_parse(text, &parsed) || !parsed.is_int)
        return false;
    *number = parsed.i;
    return true;
}

/* A score is a double as text; ours are whole. */
static int64_t score_ms(struct slice text)
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

/* The reply of HMGET owner version. */
static struct stand stand_of(const struct redis_reply *fields)
{
    struct stand stand = {false, 0, 0};
    if (redis_reply_count(fields) != 2)
        return stand;
    stand.is_owned = read_uint(redis_reply_text(redis_reply_at(fields, 0)), &stand.owner);
    read_uint(redis_reply_text(redis_reply_at(fields, 1)), &stand.version);
    return stand;
}

static enum err check_owner(const struct store_redis *redis, struct stand stand, uint64_t token,
                            struct errinfo *info)
{
    if (stand.is_owned && stand.owner == token)
        return ERR_NONE;
    return err_set(info, ERR_FENCED, "redis %s: %.*s:meta has another owner",
                   redis_link_name(redis->link), (int)redis->p.size, redis->p.data);
}

static enum err check_version(const struct store_redis *redis, struct stand stand, uint64_t least,
                              uint64_t most, struct errinfo *info)
{
    if (stand.version >= least && stand.version <= most)
        return ERR_NONE;
    return err_set(info, ERR_FENCED, "redis %s: %.*s:meta has version %llu, expected %llu",
                   redis_link_name(redis->link), (int)redis->p.size, redis->p.data,
                   (unsigned long long)stand.version, (unsigned long long)least);
}

/* ---- watching P:meta */

static void add_watch(struct store_redis *redis)
{
    add_meta_command(redis, "WATCH", 0);
    add_meta_command(redis, "HMGET", 2);
    redis_link_word(redis->link, SLICE("owner"));
    redis_link_word(redis->link, SLICE("version"));
}

static enum err read_watch(struct store_redis *redis, struct topic_partition of,
                           struct errinfo *info)
{
    const struct redis_reply *fields;
    enum err rc = good_reply(redis, &fields, info); /* of WATCH */
    if (rc == ERR_NONE)
        rc = good_reply(redis, &fields, info);
    if (rc != ERR_NONE)
        return abandon(redis, rc);
    redis->watches = true;
    redis->watched = of;
    redis->stand = stand_of(fields);
    return ERR_NONE;
}

/* Before anything that is not the transaction that was announced. */
static enum err unwatch(struct store_redis *redis, struct errinfo *info)
{
    const struct redis_reply *done;
    if (!redis->watches)
        return ERR_NONE;
    redis->watches = false;
    redis_link_text(redis->link, "UNWATCH");
    return good_reply(redis, &done, info);
}

static enum err watch_now(struct store_redis *redis, struct topic_partition of,
                          struct errinfo *info)
{
    add_watch(redis);
    return read_watch(redis, of, info);
}

/* Connected, nothing watched, P that of `of`. */
static enum err begin(struct store_redis *redis, struct topic_partition of, struct errinfo *info)
{
    use_partition(redis, of);
    enum err rc = redis_link_connect(redis->link, info);
    return rc == ERR_NONE ? unwatch(redis, info) : rc;
}

/* ---- own */

static const char *const meta_fields[] = {"offset",  "watermark", "version", "epoch",
                                          "ruleset", "customers", "extra"};
enum meta_field { OFFSET, WATERMARK, VERSION, EPOCH, RULESET, CUSTOMERS, EXTRA, META_FIELDS };

/* Each number has to be one, or there is no R. Where there is an offset there is all of it. */
static bool read_position(const struct redis_reply *fields, struct store_position *position)
{
    struct slice at[META_FIELDS];
    for (size_t i = 0; i < META_FIELDS; i++)
        at[i] = redis_reply_text(redis_reply_at(fields, i));
    bool has_version = read_uint(at[VERSION], &position->version);
    return has_version && read_int(at[OFFSET], &position->offset) &&
           read_int(at[WATERMARK], &position->watermark_ms) &&
           read_uint(at[EPOCH], &position->epoch) && read_uint(at[RULESET], &position->ruleset) &&
           read_uint(at[CUSTOMERS], &position->customers);
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
    add_meta_command(redis, "HSET", 2);
    redis_link_word(redis->link, SLICE("owner"));
    redis_link_uint(redis->link, token);
    add_meta_command(redis, "HMGET", META_FIELDS);
    for (size_t i = 0; i < META_FIELDS; i++)
        redis_link_word(redis->link, slice_of(meta_fields[i]));
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HGETALL"));
    add_key(redis, ":stats");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HGETALL"));
    add_key(redis, ":layouts");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("ZCARD"));
    add_key(redis, ":timers");
    redis_link_text(redis->link, "EXEC");
}

static enum err redis_own(struct store *store, struct topic_partition of, uint64_t token,
                          struct arena *arena, struct store_position *position,
                          struct errinfo *info)
{
    struct store_redis *redis = redis_of(store);
    const struct redis_reply *result;
    enum err rc = begin(redis, of, info);
    if (rc != ERR_NONE)
        return rc;
    add_own(redis, token);
    rc = transaction(redis, 5, &result, info);
    if (rc != ERR_NONE)
        return rc;
    if (redis_reply_count(result) != 5)
        return err_set(info, ERR_RETRY, "redis %s: the owner was not written",
                       redis_link_name(redis->link));
    const struct redis_reply *written = redis_reply_at(result, 0),
                             *fields = redis_reply_at(result, 1);
    if (redis_reply_kind(written) == REDIS_ERROR)
        return redis_link_refused(redis->link, written, info);
    *position = (struct store_position){.found = false};
    position->found = read_position(fields, position) && !redis_reply_error(result);
    position->extra = arena_copy(arena, redis_reply_text(redis_reply_at(fields, EXTRA)));
    position->stats = read_pairs(redis_reply_at(result, 2), arena, &position->stat_count);
    position->layouts = read_pairs(redis_reply_at(result, 3), arena, &position->layout_count);
    return ERR_NONE;
}

/* ---- load */

static enum err push(struct store_redis *redis, struct errinfo *info)
{
    return redis_link_push(redis->link, info);
}

static size_t piece_count(size_t count)
{
    return (count + PIECE_WORDS_MAX - 1) / PIECE_WORDS_MAX;
}

static size_t piece_size(size_t count, size_t start)
{
    return count - start < PIECE_WORDS_MAX ? count - start : PIECE_WORDS_MAX;
}

static void add_stand(struct store_redis *redis)
{
    add_meta_command(redis, "HMGET", 2);
    redis_link_word(redis->link, SLICE("owner"));
    redis_link_word(redis->link, SLICE("version"));
}

static enum err add_mget(struct store_redis *redis, const struct slice *customers, size_t count,
                         struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t start = 0; start < count && rc == ERR_NONE; start += PIECE_WORDS_MAX) {
        size_t size = piece_size(count, start);
        redis_link_command(redis->link, 1 + size);
        redis_link_word(redis->link, SLICE("MGET"));
        for (size_t i = 0; i < size; i++)
            add_customer_key(redis, customers[start + i]);
        rc = push(redis, info);
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
    add_key(redis, ":timers");
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

/* Takes `count` records from the MGETs that begin at `first`. False where a reply is not as it must be. */
static bool read_records(const struct redis_reply *result, size_t first, size_t count,
                         struct slice *records, struct arena *arena)
{
    for (size_t start = 0; start < count; start += PIECE_WORDS_MAX, first++) {
        const struct redis_reply *piece = redis_reply_at(result, first);
        if (redis_reply_count(piece) != piece_size(count, start))
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
        request->timer_records[i] = NONE;
        request->timer_deadlines_ms[i] =
            score_ms(redis_reply_text(redis_reply_at(flat, 2 * i + 1)));
    }
}

/* Owner and version are of the same moment as what stands behind them in the transaction. */
static enum err verified(struct store_redis *redis, const struct redis_reply *result, size_t count,
                         uint64_t token, uint64_t version_min, struct errinfo *info)
{
    if (redis_reply_count(result) != count || redis_reply_error(result))
        return err_set(info, ERR_FENCED, "redis %s: %.*s can't be read",
                       redis_link_name(redis->link), (int)redis->p.size, redis->p.data);
    struct stand stand = stand_of(redis_reply_at(result, 0));
    enum err rc = check_owner(redis, stand, token, info);
    return rc == ERR_NONE ? check_version(redis, stand, version_min, UINT64_MAX, info) : rc;
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
    use_partition(redis, request->of);
    redis_link_text(redis->link, "MULTI");
    add_stand(redis);
    enum err rc = add_mget(redis, request->customers, request->customer_count, info);
    if (rc != ERR_NONE)
        return rc;
    if (wants_timers(request))
        add_range(redis, request);
    redis_link_text(redis->link, "EXEC");
    return push(redis, info);
}

static enum err read_load(struct store_redis *redis, struct store_request *request,
                          struct arena *arena, struct errinfo *info)
{
    const struct redis_reply *result;
    size_t commands = load_commands(request);
    use_partition(redis, request->of);
    enum err rc = transaction(redis, commands, &result, info);
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
    use_partition(redis, request->of);
    redis_link_text(redis->link, "MULTI");
    add_stand(redis);
    enum err rc = add_mget(redis, request->timer_customers, request->timer_count, info);
    redis_link_text(redis->link, "EXEC");
    return rc;
}

static enum err read_load_due(struct store_redis *redis, struct store_request *request,
                              struct arena *arena, struct errinfo *info)
{
    const struct redis_reply *result;
    size_t commands = 1 + piece_count(request->timer_count);
    use_partition(redis, request->of);
    enum err rc = transaction(redis, commands, &result, info);
    if (rc == ERR_NONE)
        rc = verified(redis, result, commands, request->token, request->version_min, info);
    if (rc == ERR_NONE &&
        !read_records(result, 1, request->timer_count, request->timer_records, arena))
        rc = err_set(info, ERR_FENCED, "redis %s: records can't be read",
                     redis_link_name(redis->link));
    return rc;
}

/*
 * One trip for records and due timers. Who is due is known only then, so where there are any their records are a second
 * trip, verified like the first.
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

static enum err redis_load(struct store *store, struct store_request *requests, size_t count,
                           struct arena *arena, struct errinfo *info)
{
    struct store_redis *redis = redis_of(store);
    if (count == 0)
        return ERR_NONE;
    enum err rc = begin(redis, requests[0].of, info);
    if (rc == ERR_NONE)
        rc = load(redis, requests, count, arena, info);
    return rc == ERR_NONE ? ERR_NONE : abandon(redis, rc);
}

static enum err redis_next_deadline(struct store *store, struct topic_partition of, uint64_t token,
                                    uint64_t version_min, int64_t *deadline_ms,
                                    struct errinfo *info)
{
    struct store_redis *redis = redis_of(store);
    const struct redis_reply *result;
    enum err rc = begin(redis, of, info);
    if (rc != ERR_NONE)
        return rc;
    redis_link_text(redis->link, "MULTI");
    add_stand(redis);
    redis_link_command(redis->link, 5);
    redis_link_word(redis->link, SLICE("ZRANGE"));
    add_key(redis, ":timers");
    redis_link_int(redis->link, 0);
    redis_link_int(redis->link, 0);
    redis_link_word(redis->link, SLICE("WITHSCORES"));
    redis_link_text(redis->link, "EXEC");
    rc = transaction(redis, 2, &result, info);
    if (rc == ERR_NONE)
        rc = verified(redis, result, 2, token, version_min, info);
    if (rc != ERR_NONE)
        return rc;
    const struct redis_reply *first = redis_reply_at(result, 1);
    *deadline_ms = redis_reply_count(first) == 2
                       ? score_ms(redis_reply_text(redis_reply_at(first, 1)))
                       : CUSTOMER_NEVER;
    return ERR_NONE;
}

/* ---- save: the commands, in pieces */

/* What a checkpoint does with its records: one kind of command each. */
struct piece_kind {
    const char *command;
    const char *key; /* of all that it writes, or NULL: each has its own */
    size_t words;    /* a record */
    bool (*wants)(const struct checkpoint_record *record);
    void (*add)(struct store_redis *redis, const struct checkpoint_record *record);
};

static bool wants_set(const struct checkpoint_record *record)
{
    return record->record.size > 0;
}

static bool wants_delete(const struct checkpoint_record *record)
{
    return record->record.size == 0;
}

static bool wants_timer(const struct checkpoint_record *record)
{
    return wants_set(record) && record->deadline_changed && record->deadline_ms != CUSTOMER_NEVER;
}

static bool wants_no_timer(const struct checkpoint_record *record)
{
    return wants_delete(record) ||
           (record->deadline_changed && record->deadline_ms == CUSTOMER_NEVER);
}

static void add_set(struct store_redis *redis, const struct checkpoint_record *record)
{
    add_customer_key(redis, record->customer);
    redis_link_word(redis->link, record->record);
}

static void add_delete(struct store_redis *redis, const struct checkpoint_record *record)
{
    add_customer_key(redis, record->customer);
}

static void add_timer(struct store_redis *redis, const struct checkpoint_record *record)
{
    redis_link_int(redis->link, record->deadline_ms);
    redis_link_word(redis->link, record->customer);
}

static void add_no_timer(struct store_redis *redis, const struct checkpoint_record *record)
{
    redis_link_word(redis->link, record->customer);
}

static const struct piece_kind piece_kinds[] = {
    {"MSET", NULL, 2, wants_set, add_set},
    {"DEL", NULL, 1, wants_delete, add_delete},
    {"ZADD", ":timers", 2, wants_timer, add_timer},
    {"ZREM", ":timers", 1, wants_no_timer, add_no_timer},
};

/* From `start` on as many records as go into one command: *end is behind them. Returns how many of them it wants. */
static size_t measure_piece(const struct checkpoint *checkpoint, const struct piece_kind *kind,
                            size_t start, size_t *end)
{
    size_t count = 0, size = 0, i = start;
    for (; i < checkpoint->record_count && count < PIECE_WORDS_MAX; i++) {
        const struct checkpoint_record *record = &checkpoint->records[i];
        if (!kind->wants(record))
            continue;
        size += record->customer.size + record->record.size;
        if (count > 0 && size > PIECE_SIZE_MAX)
            break;
        count++;
    }
    *end = i;
    return count;
}

static enum err add_pieces(struct store_redis *redis, const struct checkpoint *checkpoint,
                           const struct piece_kind *kind, size_t *commands, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0, end; i < checkpoint->record_count && rc == ERR_NONE; i = end) {
        size_t count = measure_piece(checkpoint, kind, i, &end);
        if (count == 0)
            continue;
        redis_link_command(redis->link, (kind->key ? 2 : 1) + count * kind->words);
        redis_link_word(redis->link, slice_of(kind->command));
        if (kind->key)
            add_key(redis, kind->key);
        for (size_t k = i; k < end; k++)
            if (kind->wants(&checkpoint->records[k]))
                kind->add(redis, &checkpoint->records[k]);
        ++*commands;
        rc = push(redis, info);
    }
    return rc;
}

static enum err add_stats(struct store_redis *redis, const struct checkpoint *checkpoint,
                          size_t *commands, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < checkpoint->stat_count && rc == ERR_NONE; i += PIECE_WORDS_MAX) {
        size_t count = piece_size(checkpoint->stat_count, i);
        redis_link_command(redis->link, 2 + 2 * count);
        redis_link_word(redis->link, SLICE("HSET"));
        add_key(redis, ":stats");
        for (size_t k = i; k < i + count; k++) {
            redis_link_word(redis->link, checkpoint->stats[k].field);
            redis_link_int(redis->link, checkpoint->stats[k].value);
        }
        ++*commands;
        rc = push(redis, info);
    }
    return rc;
}

static void add_layout(struct store_redis *redis, const struct checkpoint *checkpoint,
                       size_t *commands)
{
    if (checkpoint->layout_text.size == 0)
        return;
    redis_link_command(redis->link, 4);
    redis_link_word(redis->link, SLICE("HSET"));
    add_key(redis, ":layouts");
    redis_link_uint(redis->link, checkpoint->layout);
    redis_link_word(redis->link, checkpoint->layout_text);
    ++*commands;
}

/* All scores times 0. */
static void add_timers_reset(struct store_redis *redis, const struct checkpoint *checkpoint,
                             size_t *commands)
{
    if (!checkpoint->timers_reset)
        return;
    redis_link_command(redis->link, 6);
    redis_link_word(redis->link, SLICE("ZUNIONSTORE"));
    add_key(redis, ":timers");
    redis_link_int(redis->link, 1);
    add_key(redis, ":timers");
    redis_link_word(redis->link, SLICE("WEIGHTS"));
    redis_link_int(redis->link, 0);
    ++*commands;
}

static void add_number_field(struct store_redis *redis, const char *name, int64_t value)
{
    redis_link_word(redis->link, slice_of(name));
    redis_link_int(redis->link, value);
}

static void add_count_field(struct store_redis *redis, const char *name, uint64_t value)
{
    redis_link_word(redis->link, slice_of(name));
    redis_link_uint(redis->link, value);
}

static void add_meta(struct store_redis *redis, const struct checkpoint *checkpoint,
                     size_t *commands)
{
    add_meta_command(redis, "HSET", 16);
    add_count_field(redis, "version", checkpoint->version);
    add_number_field(redis, "watermark", checkpoint->watermark_ms);
    add_count_field(redis, "epoch", checkpoint->epoch);
    add_count_field(redis, "ruleset", checkpoint->ruleset);
    add_count_field(redis, "customers", checkpoint->customers);
    add_number_field(redis, "at", checkpoint->at_ms);
    redis_link_word(redis->link, SLICE("extra"));
    redis_link_word(redis->link, checkpoint->extra);
    add_number_field(redis, "offset", checkpoint->offset);
    ++*commands;
}

/* MULTI to EXEC; *commands is how many stand between. */
static enum err add_checkpoint(struct store_redis *redis, const struct checkpoint *checkpoint,
                               size_t *commands, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    redis_link_text(redis->link, "MULTI");
    add_meta_command(redis, "HDEL", 1);
    redis_link_word(redis->link, SLICE("offset"));
    *commands = 1;
    add_timers_reset(redis, checkpoint, commands);
    for (size_t i = 0; i < sizeof(piece_kinds) / sizeof(*piece_kinds) && rc == ERR_NONE; i++)
        rc = add_pieces(redis, checkpoint, &piece_kinds[i], commands, info);
    if (rc == ERR_NONE)
        rc = add_stats(redis, checkpoint, commands, info);
    if (rc != ERR_NONE)
        return rc;
    add_layout(redis, checkpoint, commands);
    add_meta(redis, checkpoint, commands);
    redis_link_text(redis->link, "EXEC");
    return ERR_NONE;
}

/* ---- save: what became of it */

static enum err fenced(const struct store_redis *redis, const char *what, struct errinfo *info)
{
    return err_set(info, ERR_FENCED, "redis %s: %.*s: %s", redis_link_name(redis->link),
                   (int)redis->p.size, redis->p.data, what);
}

/* Owner and version, and errors where a key has another type than ours. */
static enum err read_doubt(struct store_redis *redis, struct stand *stand, bool *is_partial,
                           struct errinfo *info)
{
    const struct redis_reply *result;
    redis_link_text(redis->link, "MULTI");
    add_stand(redis);
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("ZCARD"));
    add_key(redis, ":timers");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HLEN"));
    add_key(redis, ":stats");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HLEN"));
    add_key(redis, ":layouts");
    redis_link_text(redis->link, "EXEC");
    enum err rc = transaction(redis, 4, &result, info);
    if (rc != ERR_NONE)
        return rc;
    *stand = (struct stand){false, 0, 0};
    if (redis_reply_count(result) == 4)
        *stand = stand_of(redis_reply_at(result, 0));
    *is_partial = redis_reply_error(result) != NULL;
    return ERR_NONE;
}

/* Redis goes on behind an error inside EXEC, so R stands over a part of its checkpoint: it has to go, if it is ours. */
static enum err remove_position(struct store_redis *redis, struct errinfo *info)
{
    const struct redis_reply *result;
    enum err rc = watch_now(redis, redis->doubt.of, info);
    if (rc == ERR_NONE && check_owner(redis, redis->stand, redis->doubt.token, info) != ERR_NONE)
        return unwatch(redis, info) == ERR_NONE ? ERR_FENCED : ERR_RETRY;
    if (rc != ERR_NONE)
        return rc;
    redis->watches = false;
    redis_link_text(redis->link, "MULTI");
    add_meta_command(redis, "HDEL", 1);
    redis_link_word(redis->link, SLICE("offset"));
    redis_link_text(redis->link, "EXEC");
    rc = transaction(redis, 1, &result, info);
    return rc == ERR_NONE ? ERR_FENCED : rc;
}

/* ERR_RETRY: nobody can be asked now; the doubt stays. */
static enum err settle(struct store_redis *redis, struct errinfo *info)
{
    struct doubt *doubt = &redis->doubt;
    struct stand stand = {false, 0, 0};
    enum err rc = begin(redis, doubt->of, info);
    if (rc == ERR_NONE && !doubt->is_partial) {
        rc = read_doubt(redis, &stand, &doubt->is_partial, info);
        bool has_landed =
            stand.is_owned && stand.owner == doubt->token && stand.version == doubt->version;
        if (rc == ERR_NONE && !(has_landed && doubt->is_partial)) {
            doubt->stands = false;
            return has_landed ? ERR_NONE : fenced(redis, "a checkpoint's outcome is unknown", info);
        }
    }
    if (rc == ERR_NONE)
        rc = remove_position(redis, info);
    if (rc != ERR_FENCED)
        return rc;
    doubt->stands = false;
    return fenced(redis, "a checkpoint failed half-way, its position was removed", info);
}

static enum err doubt_and_settle(struct store_redis *redis, const struct checkpoint *checkpoint,
                                 bool is_partial, struct errinfo *info)
{
    redis->doubt = (struct doubt){
        .stands = true,
        .is_partial = is_partial,
        .of = checkpoint->of,
        .token = checkpoint->token,
        .version = checkpoint->version,
    };
    return settle(redis, info);
}

static bool doubts(const struct store_redis *redis, const struct checkpoint *checkpoint)
{
    const struct doubt *doubt = &redis->doubt;
    return doubt->stands && topic_partition_equal(doubt->of, checkpoint->of) &&
           doubt->token == checkpoint->token && doubt->version == checkpoint->version;
}

/* P:meta is watched, and says that this checkpoint may land. */
static enum err may_save(struct store_redis *redis, const struct checkpoint *checkpoint,
                         struct errinfo *info)
{
    enum err rc = ERR_NONE;
    use_partition(redis, checkpoint->of);
    if (!redis->watches || !topic_partition_equal(redis->watched, checkpoint->of)) {
        rc = begin(redis, checkpoint->of, info);
        if (rc == ERR_NONE)
            rc = watch_now(redis, checkpoint->of, info);
    }
    if (rc == ERR_NONE)
        rc = check_owner(redis, redis->stand, checkpoint->token, info);
    if (rc == ERR_NONE)
        rc = check_version(redis, redis->stand, checkpoint->version_before,
                           checkpoint->version_before, info);
    if (rc == ERR_FENCED)
        unwatch(redis, NULL);
    return rc;
}

/* The replies to a checkpoint that was written whole; those to the announcement of the next are still to come. */
static enum err read_checkpoint(struct store_redis *redis, const struct checkpoint *checkpoint,
                                size_t commands, uint64_t mark, struct errinfo *info)
{
    const struct redis_reply *result;
    enum err rc = transaction(redis, commands, &result, info);
    if (rc != ERR_NONE) {
        /* An answered error: nothing was done. No answer: nothing was done unless EXEC has left us. */
        bool is_answered = redis_link_is_connected(redis->link);
        abandon(redis, rc);
        if (is_answered || !redis_link_has_sent(redis->link, mark))
            return rc;
        return doubt_and_settle(redis, checkpoint, false, info);
    }
    if (redis_reply_kind(result) == REDIS_NIL)
        return abandon(redis, fenced(redis, "somebody else has written its meta", info));
    if (redis_reply_error(result)) {
        abandon(redis, ERR_FENCED);
        return doubt_and_settle(redis, checkpoint, true, info);
    }
    return ERR_NONE;
}

static enum err redis_save(struct store *store, const struct checkpoint *checkpoint,
                           const struct checkpoint *next, struct errinfo *info)
{
    struct store_redis *redis = redis_of(store);
    size_t commands;
    if (doubts(redis, checkpoint))
        return settle(redis, info);
    redis->doubt.stands = false; /* of one that was given up since */
    enum err rc = may_save(redis, checkpoint, info);
    if (rc != ERR_NONE)
        return rc;
    redis->watches = false; /* EXEC ends it */
    rc = add_checkpoint(redis, checkpoint, &commands, info);
    if (rc != ERR_NONE)
        return rc; /* broken before EXEC */
    uint64_t mark = redis_link_mark(redis->link);
    if (next) {
        use_partition(redis, next->of);
        add_watch(redis);
        use_partition(redis, checkpoint->of);
    }
    rc = read_checkpoint(redis, checkpoint, commands, mark, info);
    if (rc == ERR_NONE && next && redis_link_is_connected(redis->link))
        read_watch(redis, next->of, NULL); /* without it the next save asks anew */
    return rc;
}

/* ---- wipe */

/* Between WATCH and MULTI: is it still ours? */
static enum err watch_owned(struct store_redis *redis, struct topic_partition of, uint64_t token,
                            struct errinfo *info)
{
    enum err rc = watch_now(redis, of, info);
    return rc == ERR_NONE ? check_owner(redis, redis->stand, token, info) : rc;
}

/* A deletion of which is not known whether it is still under way is a doubt: it ends with a new token. */
static enum err execute_wipe(struct store_redis *redis, size_t commands, struct errinfo *info)
{
    const struct redis_reply *result;
    redis->watches = false;
    redis_link_text(redis->link, "EXEC");
    uint64_t mark = redis_link_mark(redis->link);
    enum err rc = transaction(redis, commands, &result, info);
    if (rc == ERR_RETRY && !redis_link_is_connected(redis->link) &&
        redis_link_has_sent(redis->link, mark))
        return fenced(redis, "a deletion timed out", info);
    if (rc == ERR_NONE && redis_reply_kind(result) == REDIS_NIL)
        return fenced(redis, "somebody else has written its meta", info);
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
    add_key(redis, ":meta");
    add_key(redis, ":timers");
    add_key(redis, ":stats");
    add_key(redis, ":layouts");
    add_meta_command(redis, "HSET", 2);
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
    redis_link_uint(redis->link, PIECE_WORDS_MAX);
    buf_fini(&pattern);
}

static size_t add_deletions(struct store_redis *redis, const struct redis_reply *keys)
{
    size_t count = redis_reply_count(keys), commands = 0;
    for (size_t start = 0; start < count; start += PIECE_WORDS_MAX, commands++) {
        size_t size = piece_size(count, start);
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
    rc = good_reply(redis, &found, info);
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

static enum err redis_wipe(struct store *store, struct topic_partition of, uint64_t token,
                           struct errinfo *info)
{
    struct store_redis *redis = redis_of(store);
    struct buf cursor;
    buf_init(&cursor);
    buf_add_char(&cursor, '0');
    enum err rc = begin(redis, of, info);
    if (rc == ERR_NONE)
        rc = wipe_rest(redis, of, token, info);
    do {
        if (rc == ERR_NONE)
            rc = wipe_some(redis, of, token, &cursor, info);
    } while (rc == ERR_NONE && !slice_is(buf_slice(&cursor), "0"));
    buf_fini(&cursor);
    return rc == ERR_NONE ? unwatch(redis, info) : abandon(redis, rc);
}

/* ---- life */

static void redis_close(struct store *store)
{
    struct store_redis *redis = redis_of(store);
    redis_link_free(redis->link);
    buf_fini(&redis->p);
    free(redis->prefix);
    free(redis->group);
    free(redis);
}

static const struct store_ops redis_ops = {
    .own = redis_own,
    .wipe = redis_wipe,
    .load = redis_load,
    .save = redis_save,
    .next_deadline = redis_next_deadline,
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
    redis->link = redis_link_new(&parsed);
    redis->prefix = strdup(prefix);
    redis->group = strdup(group);
    CHECK(redis->prefix && redis->group);
    buf_init(&redis->p);
    return &redis->store;
}
