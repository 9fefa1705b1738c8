/*
 * core/hash.h - XXH3-64. Stored in records and in dead letters, so the function is part of the
 * format.
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stdint.h>

#include "core/slice.h"

uint64_t hash_bytes(struct slice bytes);
#endif
