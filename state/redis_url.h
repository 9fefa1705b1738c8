/*
 * state/redis_url.h - where a Redis is and how to log in.
 *
 *   redis://[[user]:password@]host[:port][/db][?db=N&timeout_ms=N]
 *   unix://[[user]:password@]/path[?db=N&timeout_ms=N]
 *
 * User and password may be percent-encoded; an IPv6 host stands in brackets. rediss:// (TLS) is
 * refused by name.
 */
#ifndef STATE_REDIS_URL_H
#define STATE_REDIS_URL_H

#include "core/err.h"

#define REDIS_URL_TIMEOUT_MS 5000 /* without a byte moving, until a command counts as timed out */

struct redis_url {
    char host[256]; /* "": path is set */
    char path[108]; /* of a unix socket: as much as the system takes */
    int port;
    char user[256]; /* "": none */
    char password[512];
    int db;
    int timeout_ms;
    char name[300]; /* for people: host:port or the path, never a secret */
};

/* ERR_CONFIG, with what would be right. No secret is in the message. */
enum err redis_url_parse(const char *text, struct redis_url *url, struct errinfo *info);
#endif
