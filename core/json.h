/*
 * core/json.h - writing JSON. Reading is jansson's, where files are read.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdint.h>

#include "core/buf.h"
#include "core/slice.h"

/* Quoted and escaped; bytes that are not UTF-8 become U+FFFD. */
void json_add_string(struct buf *out, struct slice text);

/* As core/number.h writes it; NaN and infinities become null. */
void json_add_double(struct buf *out, double value);
void json_add_int(struct buf *out, int64_t value);
void json_add_uint(struct buf *out, uint64_t value);

/* Quoted; RFC 4648 with padding. */
void json_add_base64(struct buf *out, struct slice bytes);
#endif
