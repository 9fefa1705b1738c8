/*
 * consumer/projection_node.h - the tree of a projection, as it is built and as it is walked. Private to projection.c and
 * projection_build.c.
 */
#ifndef CONSUMER_PROJECTION_NODE_H
#define CONSUMER_PROJECTION_NODE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "consumer/projection.h"

#define PROJECTION_NONE UINT32_MAX

/* What to do with the value behind a key. */
enum action {
    ACTION_NOTE,     /* note where it is at its place, PROJECTION_UNUSED where nobody wants it */
    ACTION_LIST,     /* likewise, and list the place */
    ACTION_ENTER,    /* there is something below */
    ACTION_LONG = 4, /* added to one of these: a guess of more than 16 bytes */
};

/* A key and what is behind it. head and tail: the key's first and last eight bytes, see key_words(). */
struct edge {
    uint64_t head, tail;
    const char *key;
    uint32_t size; /* of the key; of a free entry UINT32_MAX, which no key has */
    uint32_t child;
    uint32_t next;  /* entry that this one could not be told apart from by the table, or NONE */
    uint32_t place; /* of a child with nothing below; else NONE, and the child is entered */
};

struct element {
    uint32_t index, child;
};

/*
 * A key that was seen in a map, wanted or not, with its mark (fixstr). The first 16 bytes are compared as two words under
 * masks, so that the comparison needs no loop and no call. One cache line.
 */
#define GUESS_SIZE_MAX 32 /* of mark and key: any fixstr */
struct guess {
    _Alignas(16) uint64_t words[2]; /* free: 1 under the mask 0, which no bytes equal */
    uint64_t masks[2];
    union {
        const char **value;           /* what is found goes here: an element of `values` */
        struct projection_node *node; /* ACTION_ENTER */
    };
    uint32_t size;                  /* of mark and key */
    uint8_t action;                 /* enum action */
    char rest[GUESS_SIZE_MAX - 16]; /* bytes behind the first 16 */
};
static_assert(sizeof(struct guess) == 64, "one cache line");
#define GUESS_BITS   7
#define GUESS_PROBES 8 /* places that a guess may have */

/*
 * The guesses for the pairs of a map, in their order; those of pairs further behind begin anew. A node has a chain for
 * each kind of map, as far as they don't share one: maps of as many pairs, in events of the same name. Kinds that share
 * one, and events of one kind that differ (userId or anonymousId), are why there are two guesses for each pair.
 */
#define CHAIN_PAIRS 16
struct chain {
    struct guess *latest[CHAIN_PAIRS]; /* what was found the last time */
    struct guess *before[CHAIN_PAIRS]; /* what was found when it was not that */
};
#define CHAIN_BITS 6

struct projection_node {
    struct guess *guesses; /* `1 << GUESS_BITS`, by hash; NULL without keys */
    struct chain *chains;  /* `1 << CHAIN_BITS`, by hash; likewise */
    struct guess passing;  /* a key that can't be guessed; only size, action and target */

    struct edge *table; /* `1 << bits` entries, behind them those that collide */
    uint64_t multiplier;
    uint64_t sizes; /* bit n: there is a key of n bytes; bit 63: of 63 or more. 0: no keys */
    uint64_t seen;  /* the last walk that came by */
    const struct element *elements;
    uint32_t element_count;
    uint32_t place; /* or NONE */
    uint8_t shift;  /* 64 - bits */
    bool is_inner;  /* it has keys, and no place */
};

/* As built. */
struct projection_shape {
    struct edge *edges;
    uint32_t edge_count, edge_capacity;
    struct element *elements;
    uint32_t element_count, element_capacity;
    uint32_t place; /* or NONE */
};

static inline uint64_t load_8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* The bytes of a word that belong to a text of fewer than eight. */
static const uint64_t size_masks[8] = {
    0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFFu, 0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF,
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the masks keep a word's first bytes");

static inline uint64_t load_short(const char *at, size_t size, const char *end)
{
    uint64_t word = 0;

    if (end - at >= 8)
        return load_8(at) & size_masks[size];
    memcpy(&word, at, size);
    return word;
}

/* Up to 16 bytes, the two words and the size are all of the key. `end`: up to where may be read. */
static inline void key_words(const char *key, size_t size, const char *end, uint64_t *head,
                             uint64_t *tail)
{
    if (size >= 8) {
        *head = load_8(key);
        *tail = load_8(key + size - 8);
    } else {
        *head = load_short(key, size, end);
        *tail = 0;
    }
}

static inline uint64_t table_index(uint64_t head, uint64_t tail, size_t size, uint64_t multiplier,
                                   unsigned shift)
{
    return ((head ^ (tail >> 7) ^ size) * multiplier) >> shift;
}

static inline uint64_t size_bit(size_t size)
{
    return UINT64_C(1) << (size < 63 ? size : 63);
}

/* The edge of a key, or NULL. */
static inline const struct edge *find_key(const struct projection_node *node, const char *key,
                                          size_t size, const char *end)
{
    uint64_t head, tail;
    const struct edge *edge;

    if ((node->sizes & size_bit(size)) == 0)
        return NULL;
    key_words(key, size, end, &head, &tail);
    edge = &node->table[table_index(head, tail, size, node->multiplier, node->shift)];
    for (;;) {
        if (edge->head == head && edge->tail == tail && edge->size == size &&
            (size <= 16 || memcmp(edge->key, key, size) == 0))
            return edge;
        if (edge->next == PROJECTION_NONE)
            return NULL;
        edge = &node->table[edge->next];
    }
}

static inline uint32_t find_element(const struct element *elements, uint32_t count, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++)
        if (elements[i].index == index)
            return elements[i].child;
    return PROJECTION_NONE;
}
#endif
