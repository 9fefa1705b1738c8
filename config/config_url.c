/*
 * The address of Redis, checked here so that a mistake has its place in the file. state/redis_url.c takes it apart;
 * the two read the same grammar.
 */
#include <string.h>

#include "config/config_loader.h"
#include "core/number.h"

#define DB_MAX         1000000
#define TIMEOUT_MS_MAX 3600000
#define PORT_MAX       65535

static const char wanted[] = "must be redis://[user:password@]host[:port][/db] or "
                             "unix:///path/to/socket[?db=N]; / ? @ and : "
                             "in user and password are written %2F, %3F, %40 and %3A";

static struct slice behind(struct slice text, size_t size)
{
    return (struct slice){text.data + size, text.size - size};
}

/* What stands before the first of `stops`. */
static struct slice until(struct slice text, const char *stops)
{
    size_t size = 0;
    while (size < text.size && !strchr(stops, text.data[size]))
        size++;
    return (struct slice){text.data, size};
}

static bool is_number_to(struct slice text, int64_t least, int64_t most)
{
    struct number number;
    return text.size > 0 && text.data[0] >= '0' && text.data[0] <= '9' &&
           number_parse(text, &number) && number.is_int && number.i >= least && number.i <= most;
}

static bool starts_with(struct slice text, struct slice prefix)
{
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

static bool option_is_valid(struct slice option)
{
    if (starts_with(option, SLICE("db=")))
        return is_number_to(behind(option, 3), 0, DB_MAX);
    return starts_with(option, SLICE("timeout_ms=")) &&
           is_number_to(behind(option, 11), 1, TIMEOUT_MS_MAX);
}

/* Nothing, or `?` and options between `&`. */
static bool options_are_valid(struct slice rest)
{
    while (rest.size > 0) {
        rest = behind(rest, 1);
        struct slice option = until(rest, "&");
        if (!option_is_valid(option))
            return false;
        rest = behind(rest, option.size);
    }
    return true;
}

/* `user:password` or `:password`. */
static bool login_is_valid(struct slice login)
{
    struct slice user = until(login, ":");
    return login.size > user.size + 1;
}

/* `host` or `host:port`; an IPv6 address stands in brackets. */
static bool host_is_valid(struct slice address)
{
    bool is_ipv6 = starts_with(address, SLICE("["));
    struct slice host = until(address, is_ipv6 ? "]" : ":");
    if (is_ipv6 && host.size == address.size)
        return false;
    struct slice port = behind(address, host.size + is_ipv6);
    if (host.size == (size_t)is_ipv6)
        return false;
    return port.size == 0 || (port.data[0] == ':' && is_number_to(behind(port, 1), 1, PORT_MAX));
}

/* Behind host and port: `/`, a number where there is one, options. */
static bool database_is_valid(struct slice rest)
{
    if (!starts_with(rest, SLICE("/")))
        return options_are_valid(rest);
    rest = behind(rest, 1);
    struct slice db = until(rest, "?");
    return (db.size == 0 || is_number_to(db, 0, DB_MAX)) &&
           options_are_valid(behind(rest, db.size));
}

static bool path_is_valid(struct slice rest)
{
    struct slice path = until(rest, "?");
    return path.size > 1 && path.data[0] == '/' && options_are_valid(behind(rest, path.size));
}

/* Bytes up to the last @ before path and options: the login and its @, 0 where there is none. */
static size_t login_size(struct slice rest)
{
    struct slice authority = until(rest, "/?");
    const char *at = authority.size > 0 ? memrchr(authority.data, '@', authority.size) : NULL;
    return at ? (size_t)(at - rest.data) + 1 : 0;
}

static bool rest_is_valid(struct slice rest, bool is_unix)
{
    size_t size = login_size(rest);
    if (size > 0 && !login_is_valid((struct slice){rest.data, size - 1}))
        return false;
    rest = behind(rest, size);
    if (is_unix)
        return path_is_valid(rest);
    struct slice host = until(rest, "/?");
    return host_is_valid(host) && database_is_valid(behind(rest, host.size));
}

const char *config_url_problem(const char *url)
{
    struct slice text = slice_of(url);
    bool is_unix = starts_with(text, SLICE("unix://"));
    if (starts_with(text, SLICE("rediss://")))
        return "TLS to Redis (rediss://) is not in this version";
    if (!is_unix && !starts_with(text, SLICE("redis://")))
        return wanted;
    return rest_is_valid(behind(text, is_unix ? 7 : 8), is_unix) ? NULL : wanted;
}

bool config_url_password(const char *url, size_t *start, size_t *size)
{
    const char *authority = strstr(url, "://");
    if (!authority)
        return false;
    authority += 3;
    size_t login = login_size(slice_of(authority));
    if (login == 0)
        return false;
    struct slice user = until((struct slice){authority, login - 1}, ":");
    *start = (size_t)(authority - url) + user.size + 1;
    *size = login - user.size - 2;
    return true;
}
