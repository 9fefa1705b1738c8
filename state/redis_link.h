/*
 * state/redis_link.h - one connection to one Redis: commands out, replies in, in order.
 *
 * Commands are written as RESP straight into a buffer and sent as one pipeline. Sending and reading
 * go side by side, so that two full buffers never wait for each other, however large a pipeline and
 * its replies are.
 *
 * A connection on which anything went wrong (broken, timed out, not RESP) is closed and never used
 * again: what was under way on it may still happen. The next redis_link_connect() makes a new one.
 * Back-off is the caller's.
 *
 * Time-outs count from the last byte that moved, so no clock is read here. Threads: none.
 */
#ifndef STATE_REDIS_LINK_H
#define STATE_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"
#include "state/redis_url.h"

struct redis_link;
struct redis_reply;

enum redis_kind {
    REDIS_NIL,
    REDIS_TEXT, /* a status too */
    REDIS_INT,
    REDIS_ARRAY,
    REDIS_ERROR, /* its text begins with a code in capitals */
};

/* Connects to nothing yet. `end_ms` is that of state/store.h, and outlives the link. */
struct redis_link *redis_link_new(const struct redis_url *url, const _Atomic int64_t *end_ms);
void redis_link_free(struct redis_link *link);

/*
 * Does nothing where it is connected. Logs in, chooses the database and looks whether the server is
 * one to keep state in. ERR_RETRY: not there, or loading its data, or a replica. ERR_FATAL: log-in
 * refused, or its maxmemory_policy evicts.
 */
enum err redis_link_connect(struct redis_link *link, struct errinfo *info);
bool redis_link_is_connected(const struct redis_link *link);
void redis_link_close(struct redis_link *link);

/* For messages: host:port or the socket's path. */
const char *redis_link_name(const struct redis_link *link);

/* A command: the number of its words, then each of them. Nothing is sent yet. */
void redis_link_command(struct redis_link *link, size_t word_count);
void redis_link_word(struct redis_link *link, struct slice word);
void redis_link_words(struct redis_link *link, struct slice first,
                      struct slice second); /* as one word */
void redis_link_int(struct redis_link *link, int64_t number);
void redis_link_uint(struct redis_link *link, uint64_t number);

/* The whole of a short command, of words without a space. */
void redis_link_text(struct redis_link *link, const char *command);

/*
 * Sends what has gathered once it is a MiB; replies that come meanwhile are kept. Between the
 * commands of a long pipeline.
 */
enum err redis_link_push(struct redis_link *link, struct errinfo *info);

/*
 * The next reply, in the order of the commands; sends what is left first. Borrowed until the next
 * call. ERR_RETRY: closed.
 */
enum err redis_link_reply(struct redis_link *link, const struct redis_reply **reply,
                          struct errinfo *info);

/*
 * The end of what has been written; and whether the system has taken all up to such a place, so
 * that it may reach Redis. The latter also after the connection broke, until the next is made.
 */
uint64_t redis_link_mark(const struct redis_link *link);
bool redis_link_has_sent(const struct redis_link *link, uint64_t mark);

enum redis_kind redis_reply_kind(const struct redis_reply *reply);
struct slice redis_reply_text(const struct redis_reply *reply); /* of TEXT and ERROR; else size 0 */
int64_t redis_reply_int(const struct redis_reply *reply);
size_t redis_reply_count(const struct redis_reply *reply); /* of ARRAY; else 0 */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index);

/* The first error in it, itself or, of an array, an element's; NULL where there is none. */
const struct redis_reply *redis_reply_error(const struct redis_reply *reply);

/*
 * What an error reply means for who asked: ERR_FATAL where only a person can help, else ERR_RETRY.
 * Fills `info`.
 */
enum err redis_link_refused(const struct redis_link *link, const struct redis_reply *error,
                            struct errinfo *info);
#endif
