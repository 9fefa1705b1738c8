/*
 * bench/json_msgpack.h - JSON (read by jansson) as msgpack (packed by msgpack-c): integers stay integers, reals doubles.
 */
#ifndef BENCH_JSON_MSGPACK_H
#define BENCH_JSON_MSGPACK_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

struct json_t; /* jansson's */

/*
 * One JSON object. NULL (ERR_REJECT in spirit): `info` says what is wrong. Integers beyond 64 bits are refused: as doubles
 * they would be other numbers. Give back with json_msgpack_free().
 */
struct json_t *json_msgpack_read(struct slice text, struct errinfo *info);
void json_msgpack_free(struct json_t *json);

/* Appends. Members keep their order; of a key that is there twice jansson keeps the last. */
void json_msgpack_pack(const struct json_t *json, struct buf *out);
#endif
