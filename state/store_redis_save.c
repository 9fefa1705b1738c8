/*
 * A checkpoint in Redis. It is one transaction:
 *
 *   WATCH P:meta               } asked for together with the checkpoint before, or now
 *   HMGET P:meta owner version }
 *   MULTI
 *   HDEL P:meta offset         R goes first and comes back last: what fails half-way leaves none
 *   ZUNIONSTORE P:timers ...   (after a change of rules)
 *   MSET P:c:..., DEL P:c:..., ZADD P:timers ..., ZREM P:timers ...
 *   HSET P:stats ..., HSET P:layouts ...
 *   HSET P:meta version ... offset ...
 *   EXEC                       nothing of it happens if P:meta has changed since the WATCH
 *
 * What is known when it fails: until the last byte of EXEC is given to the system, nothing can have
 * happened (ERR_RETRY). After that only the version tells, read on a new connection; as long as
 * that can't be had, the question is kept in `doubt`, and a repeated save asks it first.
 */
#include "state/customer.h"
#include "state/redis_trip.h"

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
    trip_customer_key(redis, record->customer);
    redis_link_word(redis->link, record->record);
}

static void add_delete(struct store_redis *redis, const struct checkpoint_record *record)
{
    trip_customer_key(redis, record->customer);
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

/*
 * From `start` on as many records as go into one command: *end is behind them. Returns how many of
 * them it wants.
 */
static size_t measure_piece(const struct checkpoint *checkpoint, const struct piece_kind *kind,
                            size_t start, size_t *end)
{
    size_t count = 0, size = 0, i = start;
    for (; i < checkpoint->record_count && count < TRIP_PIECE_WORDS_MAX; i++) {
        const struct checkpoint_record *record = &checkpoint->records[i];
        if (!kind->wants(record))
            continue;
        size += record->customer.size + record->record.size;
        if (count > 0 && size > TRIP_PIECE_SIZE_MAX)
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
            trip_key(redis, kind->key);
        for (size_t k = i; k < end; k++)
            if (kind->wants(&checkpoint->records[k]))
                kind->add(redis, &checkpoint->records[k]);
        ++*commands;
        rc = redis_link_push(redis->link, info);
    }
    return rc;
}

static enum err add_stats(struct store_redis *redis, const struct checkpoint *checkpoint,
                          size_t *commands, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < checkpoint->stat_count && rc == ERR_NONE; i += TRIP_PIECE_WORDS_MAX) {
        size_t count = trip_piece_size(checkpoint->stat_count, i);
        redis_link_command(redis->link, 2 + 2 * count);
        redis_link_word(redis->link, SLICE("HSET"));
        trip_key(redis, ":stats");
        for (size_t k = i; k < i + count; k++) {
            redis_link_word(redis->link, checkpoint->stats[k].field);
            redis_link_int(redis->link, checkpoint->stats[k].value);
        }
        ++*commands;
        rc = redis_link_push(redis->link, info);
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
    trip_key(redis, ":layouts");
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
    trip_key(redis, ":timers");
    redis_link_int(redis->link, 1);
    trip_key(redis, ":timers");
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
    trip_meta(redis, "HSET", 16);
    add_count_field(redis, "version", checkpoint->version);
    add_number_field(redis, "watermark", checkpoint->watermark_ms);
    add_count_field(redis, "epoch", checkpoint->epoch);
    add_count_field(redis, "ruleset", checkpoint->ruleset);
    add_count_field(redis, "customers", checkpoint->customers);
    add_number_field(redis, "at", checkpoint->at_ms);
    add_count_field(redis, "journal", checkpoint->journal);
    add_number_field(redis, "offset", checkpoint->offset);
    ++*commands;
}

/* MULTI to EXEC; *commands is how many stand between. */
static enum err add_checkpoint(struct store_redis *redis, const struct checkpoint *checkpoint,
                               size_t *commands, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    redis_link_text(redis->link, "MULTI");
    trip_meta(redis, "HDEL", 1);
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

/* Owner and version, and errors where a key has another type than ours. */
static enum err read_doubt(struct store_redis *redis, struct stand *stand, bool *is_partial,
                           struct errinfo *info)
{
    const struct redis_reply *result;
    redis_link_text(redis->link, "MULTI");
    trip_add_stand(redis);
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("ZCARD"));
    trip_key(redis, ":timers");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HLEN"));
    trip_key(redis, ":stats");
    redis_link_command(redis->link, 2);
    redis_link_word(redis->link, SLICE("HLEN"));
    trip_key(redis, ":layouts");
    redis_link_text(redis->link, "EXEC");
    enum err rc = trip_transaction(redis, 4, &result, info);
    if (rc != ERR_NONE)
        return rc;
    *stand = (struct stand){false, 0, 0};
    if (redis_reply_count(result) == 4)
        *stand = trip_stand(redis_reply_at(result, 0));
    *is_partial = redis_reply_error(result) != NULL;
    return ERR_NONE;
}

/*
 * Redis goes on behind an error inside EXEC, so R stands over a part of its checkpoint: it has to
 * go, if it is ours.
 */
static enum err remove_position(struct store_redis *redis, struct errinfo *info)
{
    const struct redis_reply *result;
    enum err rc = trip_watch(redis, redis->doubt.of, info);
    if (rc == ERR_NONE &&
        trip_check_owner(redis, redis->stand, redis->doubt.token, info) != ERR_NONE)
        return trip_unwatch(redis, info) == ERR_NONE ? ERR_FENCED : ERR_RETRY;
    if (rc != ERR_NONE)
        return rc;
    redis->watches = false;
    redis_link_text(redis->link, "MULTI");
    trip_meta(redis, "HDEL", 1);
    redis_link_word(redis->link, SLICE("offset"));
    redis_link_text(redis->link, "EXEC");
    rc = trip_transaction(redis, 1, &result, info);
    return rc == ERR_NONE ? ERR_FENCED : rc;
}

/* ERR_RETRY: nobody can be asked now; the doubt stays. */
static enum err settle(struct store_redis *redis, struct errinfo *info)
{
    struct doubt *doubt = &redis->doubt;
    struct stand stand = {false, 0, 0};
    enum err rc = trip_begin(redis, doubt->of, info);
    if (rc == ERR_NONE && !doubt->is_partial) {
        rc = read_doubt(redis, &stand, &doubt->is_partial, info);
        bool has_landed =
            stand.is_owned && stand.owner == doubt->token && stand.version == doubt->version;
        if (rc == ERR_NONE && !(has_landed && doubt->is_partial)) {
            doubt->stands = false;
            return has_landed ? ERR_NONE
                              : trip_fenced(redis, "a checkpoint's outcome is unknown", info);
        }
    }
    if (rc == ERR_NONE)
        rc = remove_position(redis, info);
    if (rc != ERR_FENCED)
        return rc;
    doubt->stands = false;
    return trip_fenced(redis, "a checkpoint failed half-way, its position was removed", info);
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
    trip_partition(redis, checkpoint->of);
    if (!redis->watches || !topic_partition_equal(redis->watched, checkpoint->of)) {
        rc = trip_begin(redis, checkpoint->of, info);
        if (rc == ERR_NONE)
            rc = trip_watch(redis, checkpoint->of, info);
    }
    if (rc == ERR_NONE)
        rc = trip_check_owner(redis, redis->stand, checkpoint->token, info);
    if (rc == ERR_NONE)
        rc = trip_check_version(redis, redis->stand, checkpoint->version_before,
                                checkpoint->version_before, info);
    if (rc == ERR_FENCED)
        trip_unwatch(redis, NULL);
    return rc;
}

/*
 * The replies to a checkpoint that was written whole; those to the announcement of the next are
 * still to come.
 */
static enum err read_checkpoint(struct store_redis *redis, const struct checkpoint *checkpoint,
                                size_t commands, uint64_t mark, struct errinfo *info)
{
    const struct redis_reply *result;
    enum err rc = trip_transaction(redis, commands, &result, info);
    if (rc != ERR_NONE) {
        /*
         * An answered error: nothing was done. No answer: nothing was done unless EXEC has left us.
         */
        bool is_answered = redis_link_is_connected(redis->link);
        trip_abandon(redis, rc);
        if (is_answered || !redis_link_has_sent(redis->link, mark))
            return rc;
        return doubt_and_settle(redis, checkpoint, false, info);
    }
    if (redis_reply_kind(result) == REDIS_NIL)
        return trip_abandon(redis, trip_fenced(redis, "somebody else has written its meta", info));
    if (redis_reply_error(result)) {
        trip_abandon(redis, ERR_FENCED);
        return doubt_and_settle(redis, checkpoint, true, info);
    }
    return ERR_NONE;
}

enum err store_redis_save(struct store *store, const struct checkpoint *checkpoint,
                          const struct checkpoint *next, struct errinfo *info)
{
    struct store_redis *redis = trip_redis(store);
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
        trip_partition(redis, next->of);
        trip_add_watch(redis);
        trip_partition(redis, checkpoint->of);
    }
    rc = read_checkpoint(redis, checkpoint, commands, mark, info);
    if (rc == ERR_NONE && next && redis_link_is_connected(redis->link))
        trip_read_watch(redis, next->of, NULL); /* without it the next save asks anew */
    return rc;
}
