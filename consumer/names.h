/*
 * consumer/names.h - event names: how wire names are compared, and what every schema knows.
 *
 * Two names are the same when their ASCII letters and digits are, in lower case: `ADDED_TO_CART`,
 * `Added to cart` and `addedToCart` have one key, `addedtocart`.
 */
#ifndef CONSUMER_NAMES_H
#define CONSUMER_NAMES_H

#include "core/arena.h"
#include "core/slice.h"

/* The key of a name; in the arena. Empty where it has neither ASCII letters nor digits. */
struct slice names_key(struct slice name, struct arena *arena);

/*
 * A name that no table maps: split where lower case meets upper case, runs of other ASCII characters
 * become `_`, ASCII lowered; all else stays. In the arena.
 */
struct slice names_snake_case(struct slice name, struct arena *arena);

/* Canonical names, and Segment's of its first version that have another key than the canonical one. */
struct names_builtin {
    const char *canonical;
    const char *wire; /* NULL: the canonical name itself */
};
extern const struct names_builtin names_builtin[];
extern const size_t names_builtin_count;
#endif
