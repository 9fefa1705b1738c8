#include "state/redis_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/number.h"
#include "state/heap.h"

#define CONNECT_TIMEOUT_MS 3000
#define WAIT_SLICE_MS      100
#define SEND_MAX           (1u << 20) /* of one write, before replies are looked at */
#define RECEIVE_MAX        (64u << 10)

struct redis_link {
    struct redis_url url;
    const _Atomic int64_t *end_ms;
    redisContext *context; /* NULL: not connected. A non-blocking socket, and hiredis' reader */
    redisReply *reply;     /* the one lent out */
    struct buf out;
    size_t out_sent;     /* of `out` */
    uint64_t total_sent; /* on this connection, or on the last one where there is none */
    char received[RECEIVE_MAX];
};

struct redis_link *redis_link_new(const struct redis_url *url, const _Atomic int64_t *end_ms)
{
    struct redis_link *link = heap_new(sizeof(*link));
    link->url = *url;
    link->end_ms = end_ms;
    buf_init(&link->out);
    return link;
}

static void return_reply(struct redis_link *link)
{
    if (link->reply)
        freeReplyObject(link->reply);
    link->reply = NULL;
}

void redis_link_close(struct redis_link *link)
{
    return_reply(link);
    if (link->context)
        redisFree(link->context);
    link->context = NULL;
    buf_reset(&link->out);
    link->out_sent = 0;
}

void redis_link_free(struct redis_link *link)
{
    if (!link)
        return;
    redis_link_close(link);
    buf_fini(&link->out);
    free(link);
}

const char *redis_link_name(const struct redis_link *link)
{
    return link->url.name;
}

bool redis_link_is_connected(const struct redis_link *link)
{
    return link->context != NULL;
}

/* ---- commands */

/* "*3\r\n", "$5\r\n", at a place with room for 32 bytes. */
static char *put_head(char *p, char type, size_t number)
{
    *p++ = type;
    p += number_format_uint(number, p);
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

static char *put(char *p, struct slice bytes)
{
    if (bytes.size)
        memcpy(p, bytes.data, bytes.size);
    return p + bytes.size;
}

void redis_link_command(struct redis_link *link, size_t word_count)
{
    char *p = buf_reserve(&link->out, 32);
    link->out.size += (size_t)(put_head(p, '*', word_count) - p);
}

/* A record's key and value at every checkpoint: one reservation, no call in between. */
void redis_link_words(struct redis_link *link, struct slice first, struct slice second)
{
    size_t size = first.size + second.size;
    char *start = buf_reserve(&link->out, 32 + size + 2);
    char *p = put(put(put_head(start, '$', size), first), second);
    *p++ = '\r';
    *p++ = '\n';
    link->out.size += (size_t)(p - start);
}

void redis_link_word(struct redis_link *link, struct slice word)
{
    redis_link_words(link, word, (struct slice){NULL, 0});
}

void redis_link_int(struct redis_link *link, int64_t number)
{
    char text[32];
    int size = number_format_int(number, text);
    redis_link_word(link, (struct slice){text, (size_t)size});
}

void redis_link_uint(struct redis_link *link, uint64_t number)
{
    char text[32];
    int size = number_format_uint(number, text);
    redis_link_word(link, (struct slice){text, (size_t)size});
}

void redis_link_text(struct redis_link *link, const char *command)
{
    size_t count = 1;
    for (const char *c = command; *c; c++)
        count += *c == ' ';
    redis_link_command(link, count);
    while (*command) {
        size_t size = strcspn(command, " ");
        redis_link_word(link, (struct slice){command, size});
        command += size + (command[size] == ' ');
    }
}

/* ---- bytes */

static enum err broken(struct redis_link *link, const char *what, struct errinfo *info)
{
    redis_link_close(link);
    return err_set(info, ERR_RETRY, "redis %s: %s", link->url.name, what);
}

static size_t unsent(const struct redis_link *link)
{
    return link->out.size - link->out_sent;
}

static enum err send_some(struct redis_link *link, struct errinfo *info)
{
    size_t size = unsent(link) < SEND_MAX ? unsent(link) : SEND_MAX;
    ssize_t sent = send(link->context->fd, link->out.data + link->out_sent, size, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? ERR_NONE : broken(link, strerror(errno), info);
    link->out_sent += (size_t)sent;
    link->total_sent += (size_t)sent;
    if (link->out_sent == link->out.size) {
        link->out_sent = 0;
        buf_reset(&link->out);
    }
    return ERR_NONE;
}

static enum err receive_some(struct redis_link *link, struct errinfo *info)
{
    ssize_t size = recv(link->context->fd, link->received, RECEIVE_MAX, 0);
    if (size == 0)
        return broken(link, "the connection was closed by the server", info);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? ERR_NONE : broken(link, strerror(errno), info);
    if (redisReaderFeed(link->context->reader, link->received, (size_t)size) != REDIS_OK)
        return broken(link, link->context->reader->errstr, info);
    return ERR_NONE;
}

/* Of `most_ms`, what is left before the end, which another thread may set meanwhile. */
static int time_left(const struct redis_link *link, int most_ms)
{
    struct clock clock = clock_system();
    int64_t end_ms = atomic_load(link->end_ms);
    int64_t left_ms = end_ms ? end_ms - clock_monotonic_ms(&clock) : most_ms;
    return left_ms < 0 ? 0 : left_ms < most_ms ? (int)left_ms : most_ms;
}

/* poll() for as long as the server may take, in slices. */
static int wait_for(const struct redis_link *link, struct pollfd *waiting)
{
    int left_ms = link->url.timeout_ms, ready;
    do {
        ready = poll(waiting, 1, left_ms < WAIT_SLICE_MS ? left_ms : WAIT_SLICE_MS);
        left_ms = time_left(link, left_ms - WAIT_SLICE_MS);
    } while (ready == 0 && left_ms > 0);
    return ready;
}

/* Waits until a byte can move, and moves what can: both ways, whatever is asked for. */
static enum err move_bytes(struct redis_link *link, struct errinfo *info)
{
    struct pollfd waiting = {.fd = link->context->fd, .events = POLLIN};
    if (unsent(link) > 0)
        waiting.events |= POLLOUT;
    int ready = wait_for(link, &waiting);
    if (ready < 0)
        return errno == EINTR ? ERR_NONE : broken(link, strerror(errno), info);
    if (ready == 0)
        return broken(link, "timed out", info);
    enum err rc = ERR_NONE;
    if (waiting.revents & (POLLIN | POLLERR | POLLHUP))
        rc = receive_some(link, info);
    if (rc == ERR_NONE && waiting.revents & POLLOUT)
        rc = send_some(link, info);
    return rc;
}

enum err redis_link_push(struct redis_link *link, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    if (!link->context)
        return err_set(info, ERR_RETRY, "redis %s: not connected", link->url.name);
    if (unsent(link) < SEND_MAX)
        return ERR_NONE;
    while (rc == ERR_NONE && unsent(link) > 0)
        rc = move_bytes(link, info);
    return rc;
}

enum err redis_link_reply(struct redis_link *link, const struct redis_reply **reply,
                          struct errinfo *info)
{
    if (!link->context)
        return err_set(info, ERR_RETRY, "redis %s: not connected", link->url.name);
    return_reply(link);
    for (;;) {
        void *read = NULL;
        if (redisReaderGetReply(link->context->reader, &read) != REDIS_OK)
            return broken(link, link->context->reader->errstr, info);
        if (read) {
            link->reply = read;
            *reply = (const struct redis_reply *)read;
            return ERR_NONE;
        }
        enum err rc = move_bytes(link, info);
        if (rc != ERR_NONE)
            return rc;
    }
}

uint64_t redis_link_mark(const struct redis_link *link)
{
    return link->total_sent + unsent(link);
}

bool redis_link_has_sent(const struct redis_link *link, uint64_t mark)
{
    return link->total_sent >= mark;
}

/* ---- replies */

static const redisReply *inner(const struct redis_reply *reply)
{
    return (const redisReply *)(const void *)reply;
}

enum redis_kind redis_reply_kind(const struct redis_reply *reply)
{
    switch (inner(reply)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TEXT;
    case REDIS_REPLY_INTEGER:
        return REDIS_INT;
    case REDIS_REPLY_ARRAY:
        return REDIS_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_ERROR;
    default:
        return REDIS_NIL;
    }
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    enum redis_kind kind = redis_reply_kind(reply);
    if (kind != REDIS_TEXT && kind != REDIS_ERROR)
        return (struct slice){NULL, 0};
    return (struct slice){inner(reply)->str, (size_t)inner(reply)->len};
}

int64_t redis_reply_int(const struct redis_reply *reply)
{
    return redis_reply_kind(reply) == REDIS_INT ? inner(reply)->integer : 0;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
    return redis_reply_kind(reply) == REDIS_ARRAY ? inner(reply)->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index)
{
    CHECK(index < redis_reply_count(reply));
    return (const struct redis_reply *)(const void *)inner(reply)->element[index];
}

const struct redis_reply *redis_reply_error(const struct redis_reply *reply)
{
    if (redis_reply_kind(reply) == REDIS_ERROR)
        return reply;
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        if (redis_reply_kind(redis_reply_at(reply, i)) == REDIS_ERROR)
            return redis_reply_at(reply, i);
    return NULL;
}

enum err redis_link_refused(const struct redis_link *link, const struct redis_reply *error,
                            struct errinfo *info)
{
    /* Anything else (loading, out of memory, a replica, a disk that is full) may heal by itself. */
    static const char *const final[] = {"NOAUTH",          "WRONGPASS",           "NOPERM",
                                        "MOVED",           "CROSSSLOT",           "WRONGTYPE",
                                        "ERR DB index",    "ERR invalid",         "ERR AUTH",
                                        "ERR unknown com", "ERR Client sent AUTH"};
    struct slice text = redis_reply_text(error);
    enum err code = ERR_RETRY;
    for (size_t i = 0; i < sizeof(final) / sizeof(*final); i++)
        if (text.size >= strlen(final[i]) && memcmp(text.data, final[i], strlen(final[i])) == 0)
            code = ERR_FATAL;
    return err_set(info, code, "redis %s: %.*s", link->url.name, (int)text.size, text.data);
}

/* ---- connecting */

static struct timeval connect_timeout(const struct redis_link *link)
{
    int ms = 1 + time_left(link, CONNECT_TIMEOUT_MS); /* 0 would be for ever */
    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

static enum err open_socket(struct redis_link *link, struct errinfo *info)
{
    const struct redis_url *url = &link->url;
    redisContext *context =
        url->path[0] ? redisConnectUnixWithTimeout(url->path, connect_timeout(link))
                     : redisConnectWithTimeout(url->host, url->port, connect_timeout(link));
    CHECK(context);
    if (context->err) {
        err_set(info, ERR_RETRY, "redis %s: %s", url->name, context->errstr);
        redisFree(context);
        return ERR_RETRY;
    }
    int on = 1;
    if (!url->path[0])
        setsockopt(context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int flags = fcntl(context->fd, F_GETFL);
    CHECK(flags >= 0 && fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) == 0);
    context->reader->maxbuf = 0; /* keep its buffer */
    link->context = context;
    link->total_sent = 0;
    return ERR_NONE;
}

/* The reply of a command that must not fail. */
static enum err expect(struct redis_link *link, const struct redis_reply **reply,
                       struct errinfo *info)
{
    *reply = NULL;
    enum err rc = redis_link_reply(link, reply, info);
    if (rc == ERR_NONE && redis_reply_kind(*reply) == REDIS_ERROR)
        rc = redis_link_refused(link, *reply, info);
    return rc;
}

static enum err log_in(struct redis_link *link, struct errinfo *info)
{
    const struct redis_url *url = &link->url;
    const struct redis_reply *reply;
    if (!url->password[0])
        return ERR_NONE;
    redis_link_command(link, url->user[0] ? 3 : 2);
    redis_link_word(link, SLICE("AUTH"));
    if (url->user[0])
        redis_link_word(link, slice_of(url->user));
    redis_link_word(link, slice_of(url->password));
    return expect(link, &reply, info);
}

static enum err choose_db(struct redis_link *link, struct errinfo *info)
{
    const struct redis_reply *reply;
    if (link->url.db == 0)
        return ERR_NONE;
    redis_link_command(link, 2);
    redis_link_word(link, SLICE("SELECT"));
    redis_link_int(link, link->url.db);
    return expect(link, &reply, info);
}

/* The value of a line "name:value\r\n" of INFO. */
static struct slice info_value(struct slice text, const char *name)
{
    size_t size = strlen(name);
    for (size_t start = 0; start < text.size;) {
        const char *line = text.data + start;
        const char *end = memchr(line, '\n', text.size - start);
        size_t length = end ? (size_t)(end - line) : text.size - start;
        start += length + 1;
        if (length <= size || memcmp(line, name, size) != 0 || line[size] != ':')
            continue;
        length -= line[length - 1] == '\r';
        return (struct slice){line + size + 1, length - size - 1};
    }
    return (struct slice){NULL, 0};
}

/*
 * A server that evicts would take records away under a position that says they are there. Whether
 * it does is a matter of its policy alone: a limit on its memory can be set while it runs.
 */
static enum err check_server(struct redis_link *link, struct errinfo *info)
{
    const struct redis_reply *reply;
    redis_link_text(link, "INFO");
    enum err rc = expect(link, &reply, info);
    if (rc != ERR_NONE)
        return rc;
    struct slice text = redis_reply_text(reply);
    struct slice policy = info_value(text, "maxmemory_policy");
    if (slice_is(info_value(text, "loading"), "1"))
        return err_set(info, ERR_RETRY, "redis %s: is loading its data", link->url.name);
    if (slice_is(info_value(text, "role"), "slave"))
        return err_set(info, ERR_RETRY, "redis %s: is a replica", link->url.name);
    if (!slice_is(policy, "noeviction"))
        return err_set(info, ERR_FATAL,
                       "redis %s: its maxmemory_policy is \"%.*s\", so it may drop customers; "
                       "change it: redis-cli CONFIG SET maxmemory-policy noeviction "
                       "(and in redis.conf)",
                       link->url.name, (int)policy.size, policy.data);
    return ERR_NONE;
}

enum err redis_link_connect(struct redis_link *link, struct errinfo *info)
{
    if (link->context)
        return ERR_NONE;
    enum err rc = open_socket(link, info);
    if (rc == ERR_NONE)
        rc = log_in(link, info);
    if (rc == ERR_NONE)
        rc = choose_db(link, info);
    if (rc == ERR_NONE)
        rc = check_server(link, info);
    if (rc != ERR_NONE)
        redis_link_close(link);
    return rc;
}
