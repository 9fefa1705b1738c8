/*
 * core/json.h - writing JSON. Reading is jansson's, where files are read.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdint.h>

#include "core/buf.h"
#include "core/slice.h"

/* Bytes that a text may take: six for one, its quotes, and eight are always written. */
#define JSON_STRING_ROOM(size) (6 * (size) + 10)

/*
 * Quoted and escaped; bytes that are not UTF-8 become U+FFFD. Into JSON_STRING_ROOM(text.size)
 * bytes; the place behind the closing quote.
 */
char *json_put_string(char *room, struct slice text);

static inline void json_add_string(struct buf *out, struct slice text)
{
    buf_end_at(out, json_put_string(buf_reserve(out, JSON_STRING_ROOM(text.size)), text));
}

/* As core/number.h writes it; NaN and infinities become null. */
void json_add_double(struct buf *out, double value);
void json_add_int(struct buf *out, int64_t value);
void json_add_uint(struct buf *out, uint64_t value);

/* Quoted; RFC 4648 with padding. */
void json_add_base64(struct buf *out, struct slice bytes);
#endif
