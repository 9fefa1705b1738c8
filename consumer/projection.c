#include "consumer/projection.h"

#include <assert.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/mp.h"

#define NONE              UINT32_MAX
#define TABLE_BITS_MAX    12
#define MULTIPLIERS_TRIED 64

/* A key and what is behind it. head and tail: the key's first and last eight bytes, see key_words(). */
struct edge {
    uint64_t head, tail;
    const char *key;
    uint32_t size;  /* of the key; of a free entry UINT32_MAX, which no key has */
    uint32_t child; /* the node */
    uint32_t place; /* of a node with nothing below; else NONE */
    uint32_t next;  /* entry that this one could not be told apart from by the table, or NONE */
};

struct element {
    uint32_t index, child;
};

struct projection_node {
    struct edge *table; /* `1 << bits` entries, behind them those that collide */
    uint64_t multiplier;
    uint64_t sizes; /* bit n: there is a key of n bytes; bit 63: of 63 or more. 0: no keys */
    uint64_t seen;  /* the last walk that came by; kept where something is below */
    const struct element *elements;
    uint32_t element_count;
    uint32_t place; /* or NONE */
    uint8_t shift;  /* 64 - bits */
};

struct projection_shape {
    struct edge *edges;
    uint32_t edge_count, edge_capacity;
    struct element *elements;
    uint32_t element_count, element_capacity;
    uint32_t place; /* or NONE */
};

/* Stands for what a later duplicate took back. Its size is 0, which no value's is. */
static const char taken_back[] = "";

/* ---- keys ---- */

static uint64_t load_8(const char *at)
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

static uint64_t load_short(const char *at, size_t size, const char *end)
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
        if (edge->next == NONE)
            return NULL;
        edge = &node->table[edge->next];
    }
}

static uint32_t find_element(const struct element *elements, uint32_t count, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++)
        if (elements[i].index == index)
            return elements[i].child;
    return NONE;
}

/* ---- building ---- */

static void *grown(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    items = realloc(items, *capacity * size);
    CHECK(items != NULL);
    return items;
}

static uint32_t add_shape(struct projection *projection)
{
    projection->shapes = grown(projection->shapes, projection->node_count,
                               &projection->node_capacity, sizeof *projection->shapes);
    projection->shapes[projection->node_count] = (struct projection_shape){.place = NONE};
    return projection->node_count++;
}

void projection_init(struct projection *projection)
{
    *projection = (struct projection){0};
    arena_init(&projection->arena);
    add_shape(projection);
}

void projection_fini(struct projection *projection)
{
    for (uint32_t i = 0; i < projection->node_count; i++) {
        free(projection->shapes[i].elements);
        free(projection->shapes[i].edges);
    }
    free(projection->shapes);
    arena_fini(&projection->arena);
    *projection = (struct projection){0};
}

static uint32_t step_index(struct projection *projection, uint32_t at, uint32_t index)
{
    struct projection_shape *shape = &projection->shapes[at];
    uint32_t child = find_element(shape->elements, shape->element_count, index);

    if (child != NONE)
        return child;
    child = add_shape(projection);
    shape = &projection->shapes[at];
    shape->elements = grown(shape->elements, shape->element_count, &shape->element_capacity,
                            sizeof *shape->elements);
    shape->elements[shape->element_count++] = (struct element){index, child};
    return child;
}

static uint32_t step_key(struct projection *projection, uint32_t at, struct slice key)
{
    struct projection_shape *shape = &projection->shapes[at];
    struct slice copy;
    uint32_t child;

    for (uint32_t i = 0; i < shape->edge_count; i++)
        if (slice_equal((struct slice){shape->edges[i].key, shape->edges[i].size}, key))
            return shape->edges[i].child;
    child = add_shape(projection);
    copy = arena_copy(&projection->arena, key);
    shape = &projection->shapes[at];
    shape->edges =
        grown(shape->edges, shape->edge_count, &shape->edge_capacity, sizeof *shape->edges);
    shape->edges[shape->edge_count++] =
        (struct edge){.size = (uint32_t)key.size, .child = child, .next = NONE, .key = copy.data};
    return child;
}

uint32_t projection_step(struct projection *projection, uint32_t node, const struct wire_step *step)
{
    CHECK(!projection->sealed);
    return step->is_index ? step_index(projection, node, step->index)
                          : step_key(projection, node, step->key);
}

uint32_t projection_place(struct projection *projection, uint32_t node)
{
    CHECK(!projection->sealed);
    if (projection->shapes[node].place == NONE)
        projection->shapes[node].place = projection->place_count++;
    return projection->shapes[node].place;
}

/* How many keys would share an entry with another. */
static uint32_t collisions(const struct projection_shape *shape, uint64_t multiplier, unsigned bits)
{
    uint64_t used[(1u << TABLE_BITS_MAX) / 64] = {0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < shape->edge_count; i++) {
        const struct edge *edge = &shape->edges[i];
        uint64_t at = table_index(edge->head, edge->tail, edge->size, multiplier, 64 - bits);

        count += (used[at / 64] >> at % 64 & 1) != 0;
        used[at / 64] |= UINT64_C(1) << at % 64;
    }
    return count;
}

/* Looks for a table without collisions, small ones first; else takes the best of the largest. */
static unsigned choose_table(const struct projection_shape *shape, struct projection_node *node)
{
    uint32_t best = UINT32_MAX;
    unsigned bits = 1;

    while ((1u << bits) < shape->edge_count && bits < TABLE_BITS_MAX)
        bits++;
    for (unsigned larger = 0; larger < 3 && best > 0; larger++) {
        uint64_t multiplier = UINT64_C(0x9E3779B97F4A7C15);

        bits += larger > 0 && bits < TABLE_BITS_MAX;
        best = UINT32_MAX;
        for (int i = 0; i < MULTIPLIERS_TRIED && best > 0; i++) {
            uint32_t count = collisions(shape, multiplier, bits);

            if (count < best) {
                best = count;
                node->multiplier = multiplier;
            }
            multiplier = multiplier * UINT64_C(6364136223846793005) + 2;
        }
    }
    node->shift = (uint8_t)(64 - bits);
    return bits;
}

/* Words, and places of what has nothing below. */
static void finish_edges(struct projection *projection, struct projection_shape *shape,
                         struct projection_node *node)
{
    for (uint32_t i = 0; i < shape->edge_count; i++) {
        struct edge *edge = &shape->edges[i];
        const struct projection_shape *child = &projection->shapes[edge->child];

        key_words(edge->key, edge->size, edge->key + edge->size, &edge->head, &edge->tail);
        edge->place = child->edge_count + child->element_count == 0 ? child->place : NONE;
        node->sizes |= size_bit(edge->size);
    }
}

static void finish_node(struct projection *projection, struct projection_shape *shape,
                        struct projection_node *node)
{
    uint32_t size, used;

    *node = (struct projection_node){
        .elements = shape->elements, .element_count = shape->element_count, .place = shape->place};
    finish_edges(projection, shape, node);
    size = 1u << choose_table(shape, node);
    used = size;
    node->table = arena_calloc(&projection->arena, size + shape->edge_count, sizeof *node->table);
    for (uint32_t i = 0; i < size; i++)
        node->table[i] = (struct edge){.size = UINT32_MAX, .next = NONE};
    for (uint32_t i = 0; i < shape->edge_count; i++) {
        struct edge edge = shape->edges[i];
        struct edge *entry = &node->table[table_index(edge.head, edge.tail, edge.size,
                                                      node->multiplier, node->shift)];

        if (entry->size != UINT32_MAX) {
            node->table[used] = *entry; /* moved behind the table, found by way of the new one */
            edge.next = used++;
        }
        *entry = edge;
    }
}

void projection_seal(struct projection *projection)
{
    struct arena *arena = &projection->arena;

    CHECK(!projection->sealed);
    projection->sealed = true;
    projection->nodes = arena_calloc(arena, projection->node_count, sizeof *projection->nodes);
    for (uint32_t i = 0; i < projection->node_count; i++)
        finish_node(projection, &projection->shapes[i], &projection->nodes[i]);
    projection->places = arena_calloc(arena, projection->place_count, sizeof *projection->places);
    projection->hits = arena_calloc(arena, projection->place_count, sizeof *projection->hits);
}

/* ---- walking ---- */

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

/* Behind the value at `pos`, or NULL. `depth`: levels that it may have. */
static inline const char *skip_value(const char *pos, const char *end, int depth)
{
    struct mp mp = {pos, end};
    size_t size;

    if (pos == end)
        return NULL;
    size = value_sizes[(unsigned char)*pos];
    if (size > 0)
        return size <= (size_t)(end - pos) ? pos + size : NULL;
    return mp_skip(&mp, depth) ? mp.pos : NULL;
}

static inline void note(struct projection *projection, uint32_t place, const char *data,
                        const char *end)
{
    if (projection->places[place].data == NULL)
        projection->hits[projection->hit_count++] = place;
    projection->places[place] = (struct slice){data, (size_t)(end - data)};
}

/* A key came a second time: what was found at and below the first is void. */
static void take_back(struct projection *projection, uint32_t at)
{
    const struct projection_shape *shape = &projection->shapes[at];

    if (shape->place != NONE && projection->places[shape->place].data != NULL)
        projection->places[shape->place] = (struct slice){taken_back, 0};
    projection->nodes[at].seen = 0;
    for (uint32_t i = 0; i < shape->edge_count; i++)
        take_back(projection, shape->edges[i].child);
    for (uint32_t i = 0; i < shape->element_count; i++)
        take_back(projection, shape->elements[i].child);
}

static const char *walk_value(struct projection *projection, uint32_t at, const char *pos,
                              const char *end, int depth);

/* A text key; moves *pos behind it. False where it is another kind of key, or not all there. */
static inline bool read_text_key(const char **pos, const char *end, struct slice *key)
{
    struct mp mp = {*pos, end};
    struct mp_token token;
    size_t size = (unsigned char)**pos - 0xA0u;

    if (size < 32 && size < (size_t)(end - *pos)) {
        *key = (struct slice){*pos + 1, size};
        *pos += 1 + size;
        return true;
    }
    if (!mp_read(&mp, &token) || token.kind != MP_STR)
        return false;
    *key = token.bytes;
    *pos = mp.pos;
    return true;
}

/* `count` pairs; behind them, or NULL. `depth`: levels that the values may have. */
static const char *walk_pairs(struct projection *projection, const struct projection_node *node,
                              const char *pos, const char *end, uint32_t count, int depth)
{
    for (; count > 0 && pos != NULL; count--) {
        const struct edge *edge = NULL;
        struct slice key;

        if (pos == end)
            return NULL;
        if (read_text_key(&pos, end, &key))
            edge = find_key(node, key.data, key.size, end);
        else if ((pos = skip_value(pos, end, depth)) == NULL)
            return NULL;
        if (edge == NULL) {
            pos = skip_value(pos, end, depth);
        } else if (edge->place == NONE) {
            pos = walk_value(projection, edge->child, pos, end, depth);
        } else {
            const char *value = pos;

            pos = skip_value(pos, end, depth);
            if (pos != NULL)
                note(projection, edge->place, value, pos);
        }
    }
    return pos;
}

static const char *walk_elements(struct projection *projection, const struct projection_node *node,
                                 const char *pos, const char *end, uint32_t count, int depth)
{
    for (uint32_t i = 0; i < count && pos != NULL; i++) {
        uint32_t child = NONE;

        if (i <= WIRE_INDEX_MAX)
            child = find_element(node->elements, node->element_count, i);
        if (child == NONE)
            pos = skip_value(pos, end, depth);
        else
            pos = walk_value(projection, child, pos, end, depth);
    }
    return pos;
}

/* The value of a node that may have something below. `depth`: levels that it may have. */
static const char *walk_value(struct projection *projection, uint32_t at, const char *pos,
                              const char *end, int depth)
{
    struct projection_node *node = &projection->nodes[at];
    struct mp mp = {pos, end};
    struct mp_token token;
    const char *behind;

    if (node->seen == projection->walk_number)
        take_back(projection, at);
    node->seen = projection->walk_number;
    if (!mp_read(&mp, &token))
        return NULL;
    if (token.kind == MP_MAP && node->sizes != 0)
        behind =
            depth > 0 ? walk_pairs(projection, node, mp.pos, end, token.count, depth - 1) : NULL;
    else if (token.kind == MP_ARRAY && node->element_count > 0)
        behind =
            depth > 0 ? walk_elements(projection, node, mp.pos, end, token.count, depth - 1) : NULL;
    else
        behind = skip_value(pos, end, depth);
    if (behind != NULL && node->place != NONE)
        note(projection, node->place, pos, behind);
    return behind;
}

bool projection_walk(struct projection *projection, struct slice map, int depth_max)
{
    const char *end = map.data + map.size;
    struct mp mp = mp_of(map);
    struct mp_token token;

    CHECK(projection->sealed);
    projection->walk_number++;
    if (!mp_read(&mp, &token) || token.kind != MP_MAP)
        return false;
    return walk_value(projection, PROJECTION_ROOT, map.data, end, depth_max) == end;
}

void projection_reset(struct projection *projection)
{
    for (uint32_t i = 0; i < projection->hit_count; i++)
        projection->places[projection->hits[i]] = (struct slice){NULL, 0};
    projection->hit_count = 0;
}
