#include <string.h>

#include "config/config_loader.h"
#include "core/number.h"

static const char wanted[] =
    "must be redis://[user:password@]host[:port][/db] or unix:///path/to/socket[?db=N]";

static bool is_number_to(const char *text, size_t size, int64_t least, int64_t most)
{
    struct number number;
    struct slice slice = {text, size};
    return size > 0 && text[0] >= '0' && text[0] <= '9' && number_parse(slice, &number) &&
           number.is_int && number.i >= least && number.i <= most;
}

/* Behind the scheme, where a database's number may stand at the end. */
static bool path_is_valid(const char *path)
{
    return path[0] == '\0' || strcmp(path, "/") == 0 ||
           is_number_to(path + 1, strlen(path + 1), 0, INT32_MAX);
}

/* `host` or `host:port`; an IPv6 address stands in brackets. */
static bool authority_is_valid(const char *host, size_t size)
{
    const char *end = host + size;
    const char *name_end = host;
    if (size > 0 && host[0] == '[') {
        const char *bracket = memchr(host, ']', size);
        if (!bracket)
            return false;
        name_end = bracket + 1;
    } else {
        const char *colon = memchr(host, ':', size);
        name_end = colon ? colon : end;
    }
    if (name_end == host)
        return false;
    return name_end == end ||
           (*name_end == ':' && is_number_to(name_end + 1, (size_t)(end - name_end) - 1, 1, 65535));
}

/* The last `@` before the path ends the user's part. */
static const char *host_of(const char *authority, size_t size)
{
    const char *at = memrchr(authority, '@', size);
    return at ? at + 1 : authority;
}

static const char *tcp_problem(const char *authority)
{
    size_t size = strcspn(authority, "/");
    const char *host = host_of(authority, size);
    size_t host_size = (size_t)(authority + size - host);
    if (!authority_is_valid(host, host_size) || !path_is_valid(authority + size))
        return wanted;
    return NULL;
}

static const char *unix_problem(const char *path)
{
    const char *query = strchr(path, '?');
    if (path[0] != '/' || path[1] == '\0')
        return wanted;
    if (!query)
        return NULL;
    bool is_db =
        strncmp(query, "?db=", 4) == 0 && is_number_to(query + 4, strlen(query + 4), 0, INT32_MAX);
    return is_db ? NULL : wanted;
}

const char *config_url_problem(const char *url)
{
    if (strncmp(url, "redis://", 8) == 0)
        return tcp_problem(url + 8);
    if (strncmp(url, "unix://", 7) == 0)
        return unix_problem(url + 7);
    if (strncmp(url, "rediss://", 9) == 0)
        return "TLS to Redis (rediss://) is not in this version";
    return wanted;
}

bool config_url_password(const char *url, size_t *start, size_t *size)
{
    const char *authority = strstr(url, "://");
    if (!authority)
        return false;
    authority += 3;
    size_t length = strcspn(authority, "/");
    const char *end = memrchr(authority, '@', length);
    if (!end)
        return false;
    const char *colon = memchr(authority, ':', (size_t)(end - authority));
    const char *password =
        colon ? colon + 1 : authority; /* without a colon it may be either: hidden */
    *start = (size_t)(password - url);
    *size = (size_t)(end - password);
    return true;
}
