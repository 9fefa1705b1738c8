/*
 * tests/fuzz/random_event.h - an event of the schema `segment` whose properties are whatever was chosen: any kind
 * of value, at the bounds of its kind, keys twice, containers in containers. Always well-formed, texts valid:
 * what is not, tests/fuzz/fuzz_decode.c tries.
 */
#ifndef FUZZ_RANDOM_EVENT_H
#define FUZZ_RANDOM_EVENT_H

#include "consumer/schema.h"
#include "core/buf.h"
#include "core/slice.h"
#include "tests/fuzz/choices.h"

/* That of these events. Never NULL; to be freed with schema_free(). */
struct schema *random_schema(void);

/* What properties are called: no schema calls them otherwise. */
#define RANDOM_KEY_COUNT 8
extern const char *const random_keys[RANDOM_KEY_COUNT];

/* What shipped machines read. */
#define RANDOM_SHOP_KEY_COUNT 16
extern const char *const random_shop_keys[RANDOM_SHOP_KEY_COUNT];

/* Appends a map with such keys. Takes its choices from the end. */
void random_properties(struct choices *choices, const char *const *keys, uint32_t key_count,
                       struct buf *out);

struct random_envelope {
    struct slice customer;
    struct slice name;
    struct slice properties; /* msgpack */
    int64_t time_ms;
};

/* Appends a message. */
void random_message(const struct random_envelope *envelope, struct buf *out);
#endif
