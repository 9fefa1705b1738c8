/*
 * core/utf8.h - well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF).
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

bool utf8_valid(struct slice text);

/* Bytes of the well-formed character at `data`, 0 where there is none. */
size_t utf8_sequence(const char *data, size_t size);

/* The longest beginning of at most `size_max` bytes that ends between two characters. */
struct slice utf8_cut(struct slice text, size_t size_max);

/*
 * Decodes the character at *pos and moves *pos behind it. The text must be valid and *pos < size.
 */
uint32_t utf8_next(struct slice text, size_t *pos);

/* Writes 1 to 4 bytes, returns how many. */
int utf8_encode(uint32_t codepoint, char out[4]);

/* Number of characters. */
size_t utf8_count(struct slice text);
#endif
