/* The tree of a projection and its tables: all that happens before the first walk. */
#include <stdlib.h>

#include "consumer/projection.h"
#include "consumer/projection_node.h"
#include "core/check.h"

#define TABLE_BITS_MAX    12
#define MULTIPLIERS_TRIED 64

const char projection_nil[2] = {(char)0xC0, (char)0xC0};

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
    CHECK(!projection->sealed);
    projection->shapes = grown(projection->shapes, projection->node_count,
                               &projection->node_capacity, sizeof *projection->shapes);
    projection->shapes[projection->node_count] =
        (struct projection_shape){.place = PROJECTION_NONE};
    return projection->node_count++;
}

void projection_init(struct projection *projection)
{
    *projection = (struct projection){0};
    projection->place_count = 1;
    projection->plain_count = UINT32_MAX;
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

    if (child != PROJECTION_NONE)
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
    shape->edges[shape->edge_count++] = (struct edge){
        .size = (uint32_t)key.size, .child = child, .next = PROJECTION_NONE, .key = copy.data};
    return child;
}

uint32_t projection_step(struct projection *projection, uint32_t node, const struct wire_step *step)
{
    return step->is_index ? step_index(projection, node, step->index)
                          : step_key(projection, node, step->key);
}

uint32_t projection_place(struct projection *projection, uint32_t node)
{
    CHECK(node != PROJECTION_ROOT);
    if (projection->shapes[node].place == PROJECTION_NONE) {
        CHECK(!projection->sealed);
        projection->shapes[node].place = projection->place_count++;
    }
    return projection->shapes[node].place;
}

void projection_list_places(struct projection *projection)
{
    projection->plain_count = projection->place_count;
}

void projection_tell_kinds_by(struct projection *projection, uint32_t place)
{
    CHECK(!projection->sealed && place < projection->place_count);
    projection->kind_place = place;
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

static void finish_edges(struct projection *projection, struct projection_shape *shape,
                         struct projection_node *node)
{
    for (uint32_t i = 0; i < shape->edge_count; i++) {
        struct edge *edge = &shape->edges[i];
        const struct projection_shape *child = &projection->shapes[edge->child];

        key_words(edge->key, edge->size, edge->key + edge->size, &edge->head, &edge->tail);
        edge->place =
            child->edge_count + child->element_count == 0 ? child->place : PROJECTION_NONE;
        node->sizes |= size_bit(edge->size);
    }
}

static void make_guesses(struct projection *projection, struct projection_node *node)
{
    uint32_t count = 1u << GUESS_BITS;

    node->guesses = arena_calloc(&projection->arena, count, sizeof *node->guesses);
    for (uint32_t i = 0; i < count; i++)
        node->guesses[i] = (struct guess){.words = {1, 0}};
    node->chains = arena_calloc(&projection->arena, (size_t)1 << CHAIN_BITS, sizeof *node->chains);
    for (uint32_t i = 0; i < 1u << CHAIN_BITS; i++)
        for (uint32_t pair = 0; pair < CHAIN_PAIRS; pair++)
            node->chains[i].latest[pair] = node->chains[i].before[pair] = node->guesses;
}

static void finish_node(struct projection *projection, struct projection_shape *shape,
                        struct projection_node *node)
{
    uint32_t size, used;

    *node = (struct projection_node){
        .elements = shape->elements, .element_count = shape->element_count, .place = shape->place};
    finish_edges(projection, shape, node);
    node->is_inner = shape->edge_count > 0 && shape->place == PROJECTION_NONE;
    if (shape->edge_count > 0)
        make_guesses(projection, node);
    size = 1u << choose_table(shape, node);
    used = size;
    node->table = arena_calloc(&projection->arena, size + shape->edge_count, sizeof *node->table);
    for (uint32_t i = 0; i < size; i++)
        node->table[i] = (struct edge){.size = UINT32_MAX, .next = PROJECTION_NONE};
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
    if (projection->plain_count == UINT32_MAX)
        projection_list_places(projection);
    projection->nodes = arena_calloc(arena, projection->node_count, sizeof *projection->nodes);
    for (uint32_t i = 0; i < projection->node_count; i++)
        finish_node(projection, &projection->shapes[i], &projection->nodes[i]);
    projection->values = arena_calloc(arena, projection->place_count, sizeof *projection->values);
    projection->nils = arena_calloc(arena, projection->place_count, sizeof *projection->nils);
    for (uint32_t i = 0; i < projection->place_count; i++)
        projection->values[i] = projection->nils[i] = projection_nil;
    projection->kind = &projection->nils[PROJECTION_UNUSED];
    if (projection->kind_place != PROJECTION_UNUSED)
        projection->kind = &projection->values[projection->kind_place];
    projection->hits = arena_calloc(arena, projection->place_count, sizeof *projection->hits);
    projection->hits_end = projection->hits;
}
