#include "consumer/projection.h"

#include <stdlib.h>

#include "consumer/hint.h"
#include "consumer/projection_node.h"
#include "core/check.h"
#include "core/mp.h"

/* The bytes of a value by its first byte; 0 where more has to be looked at, or it is none. */
#define SAME_4(x)  x, x, x, x
#define SAME_16(x) SAME_4(x), SAME_4(x), SAME_4(x), SAME_4(x)
#define SAME_64(x) SAME_16(x), SAME_16(x), SAME_16(x), SAME_16(x)
static const uint8_t value_sizes[256] = {
    SAME_64(1), SAME_64(1), /* 00: positive fixint */
    SAME_16(0),             /* 80: fixmap */
    SAME_16(0),             /* 90: fixarray */
    1,          2,          3,  4,  5,  6,  7,  8,
    9,          10,         11, 12, 13, 14, 15, 16, /* A0: fixstr */
    17,         18,         19, 20, 21, 22, 23, 24,
    25,         26,         27, 28, 29, 30, 31, 32, /* B0: fixstr */
    1,          0,          1,  1,  0,  0,  0,  0,
    0,          0,          5,  9,  2,  3,  5,  9, /* C0: nil ... uint */
    2,          3,          5,  9,  3,  4,  6,  10,
    18,         0,          0,  0,  0,  0,  0,  0, /* D0: int ... map */
    SAME_16(1), SAME_16(1),                        /* E0: negative fixint */
};

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
    size = value_sizes[mark];
    if (LIKELY(size > 0))
        return pos + size;
    if (mark == 0xD9 && pos + 1 < end) /* str 8: what is longer than 31 bytes mostly is one */
        return pos + 2 + (unsigned char)*bytes_at(pos + 1);
    return skip_long(pos, end, depth);
}

static void note(struct projection *projection, uint32_t place, uintptr_t pos)
{
    const char **value = &projection->values[place];

    if (place >= projection->plain_count && *value == projection_nil)
        projection->hits[projection->hit_count++] = value;
    *value = bytes_at(pos);
}

/* Forgets what the last walk found. */
static inline void clear(struct projection *projection)
{
    memcpy(projection->values, projection->nils,
           projection->plain_count * sizeof *projection->values);
    for (uint32_t i = 0; i < projection->hit_count; i++)
        *projection->hits[i] = projection_nil;
    projection->hit_count = 0;
    projection->fast_pairs = 0;
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

/* True where the first 16 bytes of what is at `at` are those of the guess, as far as it has as many. */
static inline bool guess_begins(const struct guess *guess, const char *at)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): every guess has a next one, from make_guesses() on */
    uint64_t differs = ((load_8(at) & guess->masks[0]) ^ guess->words[0]) |
                       ((load_8(at + 8) & guess->masks[1]) ^ guess->words[1]);

    return differs == 0;
}

/* Of a guess of more than 16 bytes: true where the rest is the same too, and something follows. */
static bool guess_ends(const struct guess *guess, const char *at, const char *end)
{
    return end - at > guess->size && memcmp(at + 16, guess->rest, guess->size - 16u) == 0;
}

/* The guess that the key at `at` would be, but for what to do with it. `size`: of mark and key. */
static struct guess make_guess(const char *at, size_t size)
{
    struct guess guess = {.size = (uint8_t)size};

    guess.masks[0] = size >= 8 ? UINT64_MAX : size_masks[size];
    guess.masks[1] = size >= 16 ? UINT64_MAX : size > 8 ? size_masks[size - 8] : 0;
    guess.words[0] = load_8(at) & guess.masks[0];
    guess.words[1] = load_8(at + 8) & guess.masks[1];
    if (size > 16)
        memcpy(guess.rest, at + 16, size - 16);
    return guess;
}

static struct guess *guess_slot(const struct projection_node *node, const struct guess *guess)
{
    uint64_t mixed = guess->words[0] ^ (guess->words[1] * UINT64_C(0x9FB21C651E98DF25));

    return &node->guesses[(mixed * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - GUESS_BITS)];
}

static void set_action(const struct projection *projection, struct guess *guess,
                       const struct edge *edge)
{
    uint32_t place = edge != NULL ? edge->place : PROJECTION_UNUSED;

    if (place == PROJECTION_NONE) {
        guess->action = ACTION_ENTER;
        guess->node = edge->child;
    } else {
        guess->action = place < projection->plain_count ? ACTION_NOTE : ACTION_LIST;
        guess->value = &projection->values[place];
    }
}

/* The key at `at`, kept for the next time, in the place of whatever was there. */
static struct guess *learn(const struct projection *projection, const struct projection_node *node,
                           const char *at, size_t size)
{
    const char *end = bytes_at(projection->end);
    struct guess guess = make_guess(at, size);
    struct guess *slot = guess_slot(node, &guess);

    if (slot->size == size && guess_begins(slot, at) && (size <= 16 || guess_ends(slot, at, end)))
        return slot;
    guess.next = slot->next;
    set_action(projection, &guess, find_key(node, at + 1, size - 1, end));
    if (size > 16)
        guess.action |= ACTION_LONG;
    *slot = guess;
    return slot;
}

/*
 * The key at `pos`, which is not the one that was guessed at `*follower`. NULL where it, or the first byte of its value,
 * is cut off. `depth`: levels that a key may have.
 */
static struct guess *look_up(const struct projection *projection, struct projection_node *node,
                             uintptr_t pos, int depth, struct guess **follower)
{
    const char *at = bytes_at(pos);
    const char *end = bytes_at(projection->end);
    struct mp mp = {at, end};
    struct guess *passing = &node->passing;
    struct mp_token token;
    uintptr_t behind;

    if (pos >= projection->end)
        return NULL;
    behind = skip_value(pos, projection->end, depth);
    if (behind >= projection->end)
        return NULL;
    if (((unsigned char)*at & 0xE0) == 0xA0 && end - at > 16 && behind - pos <= GUESS_SIZE_MAX)
        return *follower = learn(projection, node, at, behind - pos);
    /* Near the end, a long key, or no text. */
    node->passing_size = behind - pos;
    set_action(projection, passing, NULL);
    if (mp_read(&mp, &token) && token.kind == MP_STR)
        set_action(projection, passing, find_key(node, token.bytes.data, token.bytes.size, end));
    return passing;
}

/* ---- the walk ---- */

static uintptr_t walk_value(struct projection *projection, uint32_t at, uintptr_t pos, int depth);

/* Where in a map the walk is. */
struct cursor {
    uintptr_t pos;
    struct guess **follower; /* where the key at `pos` is guessed */
};

/* One pair, whatever it is. */
static RARE struct cursor walk_pair(struct projection *projection, struct projection_node *node,
                                    struct cursor cursor, int depth)
{
    const char *at = bytes_at(cursor.pos);
    struct guess *guess = *cursor.follower;
    bool guessed = cursor.pos + 16 < projection->end && guess_begins(guess, at);

    if (guessed && (guess->action & ACTION_LONG) != 0)
        guessed = guess_ends(guess, at, bytes_at(projection->end));
    if (!guessed)
        guess = look_up(projection, node, cursor.pos, depth, cursor.follower);
    if (guess == NULL)
        return (struct cursor){BEYOND, cursor.follower};
    cursor.follower = &guess->next;
    cursor.pos += guess == &node->passing ? node->passing_size : guess->size;
    if ((guess->action & ~ACTION_LONG) == ACTION_ENTER) {
        cursor.pos = walk_value(projection, (uint32_t)guess->node, cursor.pos, depth);
    } else {
        note(projection, (uint32_t)(guess->value - projection->values), cursor.pos);
        cursor.pos = skip_value(cursor.pos, projection->end, depth);
    }
    return cursor;
}

/* `count` pairs; the position behind them. `depth`: levels that keys and values may have. */
static uintptr_t walk_pairs_slowly(struct projection *projection, struct projection_node *node,
                                   uintptr_t pos, uint32_t count, int depth)
{
    struct cursor cursor = {pos, &node->first};

    for (; count > 0; count--)
        cursor = walk_pair(projection, node, cursor, depth);
    return cursor.pos;
}

/*
 * The same. Most keys are as guessed, and there is nothing to do but to note where the value is; that is done here. What a
 * key that comes twice finds is listed twice, for which there is room.
 */
static ALIGNED uintptr_t walk_pairs(struct projection *projection, struct projection_node *node,
                                    uintptr_t pos, uint32_t count, int depth)
{
    struct cursor cursor = {pos, &node->first};
    uintptr_t end = projection->end;
    uintptr_t guess_end = end > 16 ? end - 16 : 0;

    if (UNLIKELY(count > PROJECTION_PAIRS_FAST - projection->fast_pairs))
        return walk_pairs_slowly(projection, node, pos, count, depth);
    projection->fast_pairs += count;
    for (; count > 0; count--) {
        struct guess *guess = *cursor.follower;

        if (UNLIKELY(cursor.pos >= guess_end || !guess_begins(guess, bytes_at(cursor.pos)))) {
            cursor = walk_pair(projection, node, cursor, depth);
            continue;
        }
        if (UNLIKELY(guess->action != ACTION_NOTE)) {
            if (guess->action == ACTION_ENTER) {
                cursor.pos =
                    walk_value(projection, (uint32_t)guess->node, cursor.pos + guess->size, depth);
                cursor.follower = &guess->next;
                continue;
            }
            if (guess->action != ACTION_LIST) {
                cursor = walk_pair(projection, node, cursor, depth);
                continue;
            }
            projection->hits[projection->hit_count++] = guess->value;
        }
        cursor.pos += guess->size;
        cursor.follower = &guess->next;
        *guess->value = bytes_at(cursor.pos);
        cursor.pos = skip_value(cursor.pos, end, depth);
    }
    return cursor.pos;
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
            pos = walk_value(projection, child, pos, depth);
    }
    return pos;
}

/* Any value of a node that may have something below. `depth`: levels that it may have. */
static RARE uintptr_t walk_any(struct projection *projection, uint32_t at, uintptr_t pos, int depth)
{
    struct projection_node *node = &projection->nodes[at];
    struct mp mp = {bytes_at(pos), bytes_at(projection->end)};
    struct mp_token token;

    if (node->seen == projection->walk_number)
        take_back(projection, at);
    node->seen = projection->walk_number;
    if (node->place != PROJECTION_NONE)
        note(projection, node->place, pos);
    if (!mp_read(&mp, &token))
        return BEYOND;
    /* Paths are not longer than a map may be deep, but the map may be deep already. */
    if (depth > 0 && token.kind == MP_MAP && node->sizes != 0)
        return walk_pairs(projection, node, (uintptr_t)mp.pos, token.count, depth - 1);
    if (depth > 0 && token.kind == MP_ARRAY && node->element_count > 0)
        return walk_elements(projection, node, (uintptr_t)mp.pos, token.count, depth - 1);
    return skip_value(pos, projection->end, depth);
}

/* The same, quick where it is what it mostly is: a map of up to 15 pairs that only matters for what is in it. */
static ALIGNED uintptr_t walk_value(struct projection *projection, uint32_t at, uintptr_t pos,
                                    int depth)
{
    struct projection_node *node = &projection->nodes[at];
    unsigned count = (unsigned char)*bytes_at(pos) - 0x80u;

    if (UNLIKELY(count > 15 || depth <= 0 || !node->is_inner ||
                 node->seen == projection->walk_number))
        return walk_any(projection, at, pos, depth);
    node->seen = projection->walk_number;
    return walk_pairs(projection, node, pos + 1, count, depth - 1);
}

ALIGNED bool projection_walk(struct projection *projection, struct slice map, int depth_max)
{
    unsigned mark = map.size > 0 ? (unsigned char)map.data[0] : 0;

    CHECK(projection->sealed);
    clear(projection);
    projection->walk_number++;
    projection->map = map;
    projection->end = (uintptr_t)(map.data + map.size);
    if ((mark & 0xF0) != 0x80 && mark != 0xDE && mark != 0xDF)
        return false; /* not a map */
    return walk_value(projection, PROJECTION_ROOT, (uintptr_t)map.data, depth_max) ==
           projection->end;
}
