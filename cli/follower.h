/*
 * cli/follower.h - reads topics as they grow: all their partitions, committed records only, without
 * a group, so that nothing is left behind and nobody is disturbed.
 *
 * One thread at a time.
 */
#ifndef CLI_FOLLOWER_H
#define CLI_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "core/err.h"
#include "core/slice.h"

struct follower; /* private */

struct follower_record { /* borrowed until the next call */
    const char *topic;
    int32_t partition;
    int64_t offset;
    struct slice key;
    struct slice value;
    const void *message; /* for follower_header() */
};

enum follower_result {
    FOLLOWER_RECORD,
    FOLLOWER_NOTHING, /* within the time-out */
    FOLLOWER_END,     /* the ends as they were at the beginning have been reached */
    FOLLOWER_AWAY,    /* the brokers do not answer (`info`); it goes on trying */
    FOLLOWER_FAILED,  /* `info`; nothing more comes */
};

/* NULL on error (ERR_CONFIG). Nothing is sent yet; `config` outlives it. */
struct follower *follower_open(const struct config *config, struct errinfo *info);

/*
 * Begins to read a topic, at its beginning or its present end. ERR_RETRY: the brokers are away;
 * ERR_REJECT: it is not there; in both cases nothing has begun.
 */
enum err follower_add(struct follower *follower, const char *topic, bool from_beginning,
                      int timeout_ms, struct errinfo *info);

/* FOLLOWER_END is given only where it is asked for. */
enum follower_result follower_next(struct follower *follower, int timeout_ms, bool until_end,
                                   struct follower_record *record, struct errinfo *info);

/* The last header of that name; data NULL where there is none. */
struct slice follower_header(const struct follower_record *record, const char *name);

/* Accepts NULL. */
void follower_close(struct follower *follower);
#endif
