/*
 * state/redis_trip.h - what the parts of the store in Redis share: keys, the words of a trip, its
 * replies, and who may write. Private to store_redis*.c.
 *
 * A trip is one pipeline: commands are written, then their replies read in the same order. One that
 * is not read to its end leaves the connection out of step, so it ends with trip_abandon().
 */
#ifndef STATE_REDIS_TRIP_H
#define STATE_REDIS_TRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/topic_partition.h"
#include "state/redis_link.h"
#include "state/store.h"

#define TRIP_PIECE_WORDS_MAX 4096u /* keys, members or fields of one command */
#define TRIP_PIECE_SIZE_MAX  (8u << 20)

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

static inline struct store_redis *trip_redis(struct store *store)
{
    return (struct store_redis *)(void *)store;
}

/* Connected, nothing watched, P that of `of`. */
enum err trip_begin(struct store_redis *redis, struct topic_partition of, struct errinfo *info);

/* ---- words */

void trip_partition(struct store_redis *redis,
                    struct topic_partition of);             /* the P of all that follows */
void trip_key(struct store_redis *redis, const char *name); /* ":meta" */
void trip_customer_key(struct store_redis *redis, struct slice customer);

/* COMMAND P:meta, and as many words to come. */
void trip_meta(struct store_redis *redis, const char *command, size_t word_count);

/* HMGET P:meta owner version. */
void trip_add_stand(struct store_redis *redis);

/* How many of `count` go into the piece that begins at `start`. */
static inline size_t trip_piece_size(size_t count, size_t start)
{
    return count - start < TRIP_PIECE_WORDS_MAX ? count - start : TRIP_PIECE_WORDS_MAX;
}

/* ---- replies */

/* The next one, not an error. */
enum err trip_reply(struct store_redis *redis, const struct redis_reply **reply,
                    struct errinfo *info);

/*
 * Those of MULTI, `count` commands and EXEC; *result is the last one's. Nil where what was watched
 * has changed. ERR_RETRY or ERR_FATAL: broken, or nothing of it was done, with the reason.
 */
enum err trip_transaction(struct store_redis *redis, size_t count,
                          const struct redis_reply **result, struct errinfo *info);

/* Closes; `rc` again. */
enum err trip_abandon(struct store_redis *redis, enum err rc);

/* ERR_FENCED, with P. */
enum err trip_fenced(const struct store_redis *redis, const char *what, struct errinfo *info);

bool trip_uint(struct slice text, uint64_t *number);
int64_t trip_score(struct slice text); /* a lower bound in ms */
struct stand trip_stand(const struct redis_reply *fields);
enum err trip_check_owner(const struct store_redis *redis, struct stand stand, uint64_t token,
                          struct errinfo *info);
enum err trip_check_version(const struct store_redis *redis, struct stand stand, uint64_t least,
                            uint64_t most, struct errinfo *info);

/* ---- watching P:meta */

/*
 * WATCH and what it says, written and read apart, so that it can be asked for together with
 * something else.
 */
void trip_add_watch(struct store_redis *redis);
enum err trip_read_watch(struct store_redis *redis, struct topic_partition of,
                         struct errinfo *info);

/* Both at once. */
enum err trip_watch(struct store_redis *redis, struct topic_partition of, struct errinfo *info);

/* Before anything that is not the transaction that was announced. */
enum err trip_unwatch(struct store_redis *redis, struct errinfo *info);

/* ---- the parts: state/store.h */

enum err store_redis_load(struct store *store, struct store_request *requests, size_t count,
                          struct arena *arena, struct errinfo *info);
enum err store_redis_save(struct store *store, const struct checkpoint *checkpoint,
                          const struct checkpoint *next, struct errinfo *info);
enum err store_redis_wipe(struct store *store, struct topic_partition of, uint64_t token,
                          struct errinfo *info);
enum err store_redis_next_deadline(struct store *store, struct topic_partition of, uint64_t token,
                                   uint64_t version_min, int64_t *deadline_ms,
                                   struct errinfo *info);
#endif
