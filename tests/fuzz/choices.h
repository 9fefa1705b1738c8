/*
 * tests/fuzz/choices.h - the bytes of an input as choices, for what is made instead of read.
 *
 * Taken from both ends, so that a byte more for one thing that is made does not change all of another. Where
 * the bytes are at an end every choice is 0: makers put there what ends soonest.
 */
#ifndef FUZZ_CHOICES_H
#define FUZZ_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choices {
    const uint8_t *next;
    size_t left;
};

static inline bool choices_are_left(const struct choices *choices)
{
    return choices->left > 0;
}

/* Below `count`, which is 1 to 256. */
static inline uint32_t choose(struct choices *choices, uint32_t count)
{
    if (choices->left == 0)
        return 0;
    choices->left--;
    return *choices->next++ % count;
}

static inline uint32_t choose_from_end(struct choices *choices, uint32_t count)
{
    if (choices->left == 0)
        return 0;
    return choices->next[--choices->left] % count;
}
#endif
