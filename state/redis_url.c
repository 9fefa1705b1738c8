#include "state/redis_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "core/slice.h"

#define FORMS "redis://[user:password@]host[:port][/db] or unix:///path[?db=N]"

/*
 * What stands before the first of `stops` (all of it where there is none); *rest begins with the
 * stop.
 */
static struct slice take_until(struct slice *rest, const char *stops)
{
    size_t size = 0;
    while (size < rest->size && !(rest->data[size] && strchr(stops, rest->data[size])))
        size++;
    struct slice taken = {rest->data, size};
    *rest = (struct slice){rest->data + size, rest->size - size};
    return taken;
}

static bool take_prefix(struct slice *rest, const char *prefix)
{
    size_t size = strlen(prefix);
    if (rest->size < size || memcmp(rest->data, prefix, size) != 0)
        return false;
    *rest = (struct slice){rest->data + size, rest->size - size};
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Percent-decoded into `out`, NUL-terminated. */
static bool decode(struct slice text, char *out, size_t capacity)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || size + 1 >= capacity)
            return false;
        out[size++] = c;
    }
    out[size] = '\0';
    return true;
}

static bool copy(struct slice text, char *out, size_t capacity)
{
    if (text.size >= capacity || text.size == 0 || memchr(text.data, '\0', text.size))
        return false;
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return true;
}

static bool parse_int(struct slice text, int least, int most, int *value)
{
    struct number number;
    if (!number_parse(text, &number) || !number.is_int || number.i < least || number.i > most)
        return false;
    *value = (int)number.i;
    return true;
}

/* "user:password" or ":password". */
static bool parse_login(struct slice login, struct redis_url *url)
{
    struct slice user = take_until(&login, ":");
    if (login.size == 0)
        return false;
    login = (struct slice){login.data + 1, login.size - 1};
    return decode(user, url->user, sizeof(url->user)) && login.size > 0 &&
           decode(login, url->password, sizeof(url->password));
}

static bool parse_host(struct slice address, struct redis_url *url)
{
    struct slice host;
    if (take_prefix(&address, "[")) {
        host = take_until(&address, "]");
        if (!take_prefix(&address, "]"))
            return false;
    } else {
        host = take_until(&address, ":");
    }
    if (host.size == 0 || !copy(host, url->host, sizeof(url->host)))
        return false;
    if (address.size == 0)
        return true;
    return take_prefix(&address, ":") && parse_int(address, 1, 65535, &url->port);
}

static bool parse_options(struct slice options, struct redis_url *url)
{
    while (options.size > 0) {
        struct slice option = take_until(&options, "&");
        take_prefix(&options, "&");
        if (take_prefix(&option, "db=")) {
            if (!parse_int(option, 0, 1000000, &url->db))
                return false;
        } else if (!take_prefix(&option, "timeout_ms=") ||
                   !parse_int(option, 1, 3600000, &url->timeout_ms)) {
            return false;
        }
    }
    return true;
}

/* Behind redis:// */
static bool parse_tcp(struct slice rest, struct redis_url *url)
{
    if (!parse_host(take_until(&rest, "/?"), url))
        return false;
    if (take_prefix(&rest, "/")) {
        struct slice db = take_until(&rest, "?");
        if (db.size > 0 && !parse_int(db, 0, 1000000, &url->db))
            return false;
    }
    take_prefix(&rest, "?");
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    snprintf(url->name, sizeof(url->name), is_ipv6 ? "[%s]:%d" : "%s:%d", url->host, url->port);
    return parse_options(rest, url);
}

/* Behind unix:// */
static bool parse_unix(struct slice rest, struct redis_url *url)
{
    struct slice path = take_until(&rest, "?");
    take_prefix(&rest, "?");
    if (path.size < 2 || path.data[0] != '/' || !copy(path, url->path, sizeof(url->path)))
        return false;
    snprintf(url->name, sizeof(url->name), "%s", url->path);
    return parse_options(rest, url);
}

/* The login ends at the last @ before path and options, so that a password may hold one. */
static bool take_login(struct slice *rest, struct redis_url *url)
{
    struct slice behind = *rest;
    struct slice authority = take_until(&behind, "/?");
    const char *at = authority.size ? memrchr(authority.data, '@', authority.size) : NULL;
    if (!at)
        return true;
    struct slice login = {rest->data, (size_t)(at - rest->data)};
    *rest = (struct slice){at + 1, rest->size - login.size - 1};
    return parse_login(login, url);
}

enum err redis_url_parse(const char *text, struct redis_url *url, struct errinfo *info)
{
    *url = (struct redis_url){.port = 6379, .timeout_ms = REDIS_URL_TIMEOUT_MS};
    struct slice rest = slice_of(text);
    if (take_prefix(&rest, "rediss://"))
        return err_set(info, ERR_CONFIG,
                       "redis.url: rediss:// (TLS) is not supported yet; use " FORMS);
    bool is_tcp = take_prefix(&rest, "redis://");
    if (!is_tcp && !take_prefix(&rest, "unix://"))
        return err_set(info, ERR_CONFIG, "redis.url: must be " FORMS);
    if (!take_login(&rest, url) || !(is_tcp ? parse_tcp(rest, url) : parse_unix(rest, url)))
        return err_set(info, ERR_CONFIG,
                       "redis.url: can't be read; must be " FORMS
                       ", with / ? @ : in user and password percent-encoded");
    return ERR_NONE;
}
