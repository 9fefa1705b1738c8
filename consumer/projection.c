#include "consumer/projection.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdlib.h>

#include "consumer/hint.h"
#include "consumer/projection_node.h"
#include "core/check.h"
#include "core/mp.h"

/*
 * Positions are addresses as numbers, so that one may lie behind the end of the map. It then means that something was cut
 * off: nothing is read there, and it only grows, so that it is enough to look before each read and once at the end.
 */
#define BEYOND (UINTPTR_MAX / 2)

static inline const char *bytes_at(uintptr_t pos)
{
    return (const char *)pos;
}

/* Of values whose first byte does not say it all. */
static RARE uintptr_t skip_long(uintptr_t pos, uintptr_t end, int depth)
{
    struct mp mp = {bytes_at(pos), bytes_at(end)};

    return mp_skip(&mp, depth) ? (uintptr_t)mp.pos : BEYOND;
}

/* Behind the value at `pos`, which has at least its first byte. `depth`: levels that it may have. */
static inline uintptr_t skip_value(uintptr_t pos, uintptr_t end, int depth)
{
    unsigned mark = (unsigned char)*bytes_at(pos);
    size_t size;

    /* Most are short texts. The walk can't go on before it knows their size, and the table takes longer to tell. */
    if (LIKELY(mark - 0xA0u < 32))
        return pos + 1 + (mark - 0xA0u);
    size = mp_sizes[mark];
    if (LIKELY(size > 0))
        return pos + size;
    if (mark == 0xD9 && pos + 1 < end) /* str 8: what is longer than 31 bytes mostly is one */
        return pos + 2 + (unsigned char)*bytes_at(pos + 1);
    return skip_long(pos, end, depth);
}

/* A place has a value; once listed it stays so, also where a duplicate takes its value back. */
static inline void list(struct projection *projection, const char **value)
{
    if (LIKELY(*value == projection_nil))
        *projection->hits_end++ = value;
}

static void note(struct projection *projection, uint32_t place, uintptr_t pos)
{
    const char **value = &projection->values[place];

    if (place >= projection->plain_count)
        list(projection, value);
    *value = bytes_at(pos);
}

/* Forgets what the last walk found. */
static inline void clear(struct projection *projection)
{
    memcpy(projection->values, projection->nils,
           projection->plain_count * sizeof *projection->values);
    for (const char ***hit = projection->hits; hit < projection->hits_end; hit++)
        **hit = projection_nil;
    projection->hits_end = projection->hits;
}

/* A key came a second time: what was found at and below the first is void. */
static void take_back(struct projection *projection, uint32_t at)
{
    const struct projection_shape *shape = &projection->shapes[at];

    if (shape->place != PROJECTION_NONE && projection->values[shape->place] != projection_nil)
        projection->values[shape->place] = projection_nil + 1;
    projection->nodes[at].seen = 0;
    for (uint32_t i = 0; i < shape->edge_count; i++)
        take_back(projection, shape->edges[i].child);
    for (uint32_t i = 0; i < shape->element_count; i++)
        take_back(projection, shape->elements[i].child);
}

/* ---- guesses ---- */

/*
 * Keys are compared by 16 bytes at once. Those that begin where fewer are left, from `tail` on, are read from a copy of the
 * map's end that has zeros behind.
 */
static inline uintptr_t tail_of(uintptr_t end)
{
    return end - PROJECTION_KEY_BYTES;
}

static inline void copy_tail(struct projection *projection, struct slice map)
{
    char *zeros = projection->tail + PROJECTION_KEY_BYTES;

    if (LIKELY(map.size >= PROJECTION_KEY_BYTES))
        memcpy(projection->tail, map.data + map.size - PROJECTION_KEY_BYTES, PROJECTION_KEY_BYTES);
    else
        memcpy(zeros - map.size, map.data, map.size);
}

/* The key at `pos`, which is in the map, with at least 16 bytes to read. */
static inline const char *key_at(const struct projection *projection, uintptr_t pos, uintptr_t end)
{
    return pos < tail_of(end) ? bytes_at(pos) : projection->tail + (pos - tail_of(end));
}

/* True where the first 16 bytes are those of the guess, as far as it has as many. */
static inline bool guess_begins(const struct guess *guess, const char *key)
{
#ifdef __SSE2__
    __m128i masked = _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)key),
                                   _mm_load_si128((const __m128i *)(const void *)guess->masks));
    __m128i same =
        _mm_cmpeq_epi8(masked, _mm_load_si128((const __m128i *)(const void *)guess->words));

    return _mm_movemask_epi8(same) == 0xFFFF;
#else
    uint64_t differs = ((load_8(key) & guess->masks[0]) ^ guess->words[0]) |
                       ((load_8(key + 8) & guess->masks[1]) ^ guess->words[1]);

    return differs == 0;
#endif
}

/* The same of the key at any `pos`; true only where something follows it. `end`: of the map. */
static inline bool is_guessed(const struct projection *projection, const struct guess *guess,
                              uintptr_t pos, uintptr_t end)
{
    if (UNLIKELY(pos >= tail_of(end)))
        return pos + guess->size < end && guess_begins(guess, key_at(projection, pos, end));
    return guess_begins(guess, bytes_at(pos));
}

/* True where the rest is the same too, and something follows. `left`: bytes of the message from `at` on. */
static inline bool guess_ends(const struct guess *guess, const char *at, size_t left)
{
    return left > guess->size &&
           (guess->size <= 16 || memcmp(at + 16, guess->rest, guess->size - 16u) == 0);
}

static void set_action(const struct projection *projection, struct guess *guess,
                       const struct edge *edge)
{
    uint32_t place = edge != NULL ? edge->place : PROJECTION_UNUSED;

    if (place == PROJECTION_NONE) {
        guess->action = ACTION_ENTER;
        guess->node = &projection->nodes[edge->child];
    } else {
        guess->action = place < projection->plain_count ? ACTION_NOTE : ACTION_LIST;
        guess->value = &projection->values[place];
    }
}

/* The guess that a key of `size` bytes with its mark would be, without what it does. `key`: its first 16 bytes. */
static struct guess guess_of(const char *key, size_t size)
{
    struct guess guess = {.size = (uint32_t)size};

    guess.masks[0] = size >= 8 ? UINT64_MAX : size_masks[size];
    guess.masks[1] = size >= 16 ? UINT64_MAX : size > 8 ? size_masks[size - 8] : 0;
    guess.words[0] = load_8(key) & guess.masks[0];
    guess.words[1] = load_8(key + 8) & guess.masks[1];
    return guess;
}

/*
 * The guess that is the key at `pos`, of `size` bytes with its mark; where there is none and no room, it takes the place
 * of another.
 */
static struct guess *learn(const struct projection *projection, const struct projection_node *node,
                           uintptr_t pos, size_t size)
{
    const char *at = bytes_at(pos);
    struct guess new = guess_of(key_at(projection, pos, projection->end), size);
    struct guess *guess;
    uint64_t slot = new.words[0] ^ (new.words[1] * UINT64_C(0x9FB21C651E98DF25));

    slot = (slot * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - GUESS_BITS);
    for (uint64_t i = 0; i < GUESS_PROBES; i++) {
        guess = &node->guesses[(slot + i) % (1u << GUESS_BITS)];
        if (guess->size == 0)
            break;
        if (guess->size == size && guess->words[0] == new.words[0] &&
            guess->words[1] == new.words[1] && guess_ends(guess, at, projection->end - pos))
            return guess;
    }
    set_action(projection, &new, find_key(node, at + 1, size - 1, bytes_at(projection->end)));
    if (size > PROJECTION_KEY_BYTES) {
        new.action |= ACTION_LONG;
        memcpy(new.rest, at + PROJECTION_KEY_BYTES, size - PROJECTION_KEY_BYTES);
    }
    *guess = new;
    return guess;
}

/* Of find_guess(): what is in neither of the two places. */
static RARE struct guess *look_up(const struct projection *projection, struct projection_node *node,
                                  struct guess **latest, uintptr_t pos, int depth)
{
    const char *at = bytes_at(pos);
    struct mp mp = {at, bytes_at(projection->end)};
    struct guess *guess = &node->passing;
    struct mp_token token;
    uintptr_t behind;

    if (pos >= projection->end)
        return NULL;
    behind = skip_value(pos, projection->end, depth);
    if (behind >= projection->end)
        return NULL;
    if (((unsigned char)*at & 0xE0) == 0xA0) {
        guess = learn(projection, node, pos, behind - pos);
        latest[CHAIN_PAIRS] = *latest;
        return *latest = guess;
    }
    /* A long key, or no text. */
    guess->size = (uint32_t)(behind - pos);
    set_action(projection, guess, NULL);
    if (mp_read(&mp, &token) && token.kind == MP_STR)
        set_action(projection, guess, find_key(node, token.bytes.data, token.bytes.size, mp.end));
    return guess;
}

/*
 * The key at `pos`, which is not the one that was guessed. NULL where it, or the first byte of its value, is cut off.
 * `latest`: the guess, in the chain. `depth`: levels that a key may have.
 */
static RARE struct guess *find_guess(const struct projection *projection,
                                     struct projection_node *node, struct guess **latest,
                                     uintptr_t pos, int depth)
{
    struct guess *other = latest[CHAIN_PAIRS];

    if (other->size > PROJECTION_KEY_BYTES || !is_guessed(projection, other, pos, projection->end))
        return look_up(projection, node, latest, pos, depth);
    latest[CHAIN_PAIRS] = *latest;
    return *latest = other;
}

/* Of the event's name, as far as it is known already: a mixture of its first and its last bytes. */
static inline uint64_t name_bytes(const struct projection *projection)
{
    const char *name = *projection->kind;
    size_t size = (unsigned char)*name - 0xA0u + 1; /* with its mark */
    uint64_t last;

    if (size > 32 || (uintptr_t)name + 32 > projection->end)
        return 0;
    if (size < 8)
        return load_8(name) & size_masks[size];
    last = load_8(name + size - 8);
    return load_8(name) ^ (last << 25 | last >> 39);
}

/* `kind`: what name_bytes() says; 0 of a map that is before the name. */
static inline struct chain *chain_of(const struct projection_node *node, uint64_t kind,
                                     uint32_t count)
{
    uint64_t mixed = (kind ^ count) * UINT64_C(0x9E3779B97F4A7C15);

    return &node->chains[mixed >> (64 - CHAIN_BITS)];
}

/* ---- the walk ---- */

static uintptr_t walk_any(struct projection *projection, struct projection_node *node,
                          uintptr_t pos, int depth);
static uintptr_t walk_pairs(struct projection *projection, struct projection_node *node,
                            struct chain *chain, uintptr_t pos, uint32_t count, int depth);

/*
 * A value of a node that may have something below; the position behind it. `depth`: levels that it may have. Quick where
 * it is what it mostly is: a map of up to 15 pairs that only matters for what is in it.
 */
static INLINE uintptr_t walk_value(struct projection *projection, struct projection_node *node,
                                   uintptr_t pos, int depth)
{
    unsigned count = (unsigned char)*bytes_at(pos) - 0x80u;

    if (UNLIKELY(count > 15 || depth <= 0 || !node->is_inner ||
                 node->seen == projection->walk_number))
        return walk_any(projection, node, pos, depth);
    node->seen = projection->walk_number;
    return walk_pairs(projection, node, chain_of(node, name_bytes(projection), count), pos + 1,
                      count, depth - 1);
}

/*
 * `count` pairs, at most as many as a chain has; the position behind them. `depth`: levels that keys and values may have.
 * Most keys are as guessed, and there is nothing to do but to note where the value is.
 */
static INLINE uintptr_t walk_chain(struct projection *projection, struct projection_node *node,
                                   struct chain *chain, uintptr_t pos, uint32_t count, int depth)
{
    uintptr_t end = projection->end;
    struct guess **chain_end = chain->latest + count;

    for (struct guess **latest = chain->latest; latest < chain_end; latest++) {
        struct guess *guess = *latest;

        if (UNLIKELY(!is_guessed(projection, guess, pos, end))) {
            guess = find_guess(projection, node, latest, pos, depth);
            if (UNLIKELY(guess == NULL))
                return BEYOND;
        }
        if (UNLIKELY(guess->action != ACTION_NOTE)) {
            if (UNLIKELY((guess->action & ACTION_LONG) != 0 &&
                         !guess_ends(guess, bytes_at(pos), end - pos))) {
                guess = look_up(projection, node, latest, pos, depth);
                if (guess == NULL)
                    return BEYOND;
            }
            if ((guess->action & ACTION_ENTER) != 0) {
                pos = walk_value(projection, guess->node, pos + guess->size, depth);
                continue;
            }
            if ((guess->action & ACTION_LIST) != 0)
                list(projection, guess->value);
        }
        pos += guess->size;
        *guess->value = bytes_at(pos);
        pos = skip_value(pos, end, depth);
    }
    return pos;
}

static ALIGNED uintptr_t walk_pairs(struct projection *projection, struct projection_node *node,
                                    struct chain *chain, uintptr_t pos, uint32_t count, int depth)
{
    return walk_chain(projection, node, chain, pos, count, depth);
}

/* Any number of pairs. */
static uintptr_t walk_map(struct projection *projection, struct projection_node *node,
                          uintptr_t pos, uint32_t count, int depth)
{
    struct chain *chain = chain_of(node, name_bytes(projection), count);

    for (; count > CHAIN_PAIRS; count -= CHAIN_PAIRS)
        pos = walk_pairs(projection, node, chain, pos, CHAIN_PAIRS, depth);
    return walk_pairs(projection, node, chain, pos, count, depth);
}

static uintptr_t walk_elements(struct projection *projection, const struct projection_node *node,
                               uintptr_t pos, uint32_t count, int depth)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t child = PROJECTION_NONE;

        if (pos >= projection->end)
            return BEYOND;
        if (i <= WIRE_INDEX_MAX)
            child = find_element(node->elements, node->element_count, i);
        if (child == PROJECTION_NONE)
            pos = skip_value(pos, projection->end, depth);
        else
            pos = walk_value(projection, &projection->nodes[child], pos, depth);
    }
    return pos;
}

/* What is none of those maps. */
static RARE uintptr_t walk_any(struct projection *projection, struct projection_node *node,
                               uintptr_t pos, int depth)
{
    struct mp mp = {bytes_at(pos), bytes_at(projection->end)};
    struct mp_token token;

    if (node->seen == projection->walk_number)
        take_back(projection, (uint32_t)(node - projection->nodes));
    node->seen = projection->walk_number;
    if (node->place != PROJECTION_NONE)
        note(projection, node->place, pos);
    if (!mp_read(&mp, &token))
        return BEYOND;
    /* Paths are not longer than a map may be deep, but the map may be deep already. */
    if (depth > 0 && token.kind == MP_MAP && node->sizes != 0)
        return walk_map(projection, node, (uintptr_t)mp.pos, token.count, depth - 1);
    if (depth > 0 && token.kind == MP_ARRAY && node->element_count > 0)
        return walk_elements(projection, node, (uintptr_t)mp.pos, token.count, depth - 1);
    return skip_value(pos, projection->end, depth);
}

ALIGNED bool projection_walk(struct projection *projection, struct slice map, int depth_max)
{
    struct projection_node *root = &projection->nodes[PROJECTION_ROOT];
    uintptr_t pos = (uintptr_t)map.data;
    unsigned mark = map.size > 0 ? (unsigned char)map.data[0] : 0;

    CHECK(projection->sealed && map.size <= UINT32_MAX);
    clear(projection);
    projection->walk_number++;
    projection->map = map;
    projection->end = pos + map.size;
    if ((mark & 0xF0) != 0x80 && mark != 0xDE && mark != 0xDF)
        return false; /* not a map */
    copy_tail(projection, map);
    if (UNLIKELY(mark >= 0xDE || !root->is_inner || depth_max <= 0))
        return walk_any(projection, root, pos, depth_max) == projection->end;
    root->seen = projection->walk_number;
    return walk_chain(projection, root, chain_of(root, 0, mark & 0x0F), pos + 1, mark & 0x0F,
                      depth_max - 1) == projection->end;
}

uint32_t projection_find(const struct projection *projection, struct slice key, const char *end)
{
    const struct edge *edge =
        find_key(&projection->nodes[PROJECTION_ROOT], key.data, key.size, end);

    return edge != NULL && edge->place != PROJECTION_NONE ? edge->place : PROJECTION_UNUSED;
}
