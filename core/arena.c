#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"

#define ARENA_BLOCK_MIN ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t
        capacity; /* bytes of data; a multiple of ARENA_ALIGN, as what is handed out is rounded up */
    _Alignas(16) char data[];
};

static struct arena_block *block_new(size_t capacity)
{
    CHECK(capacity <= SIZE_MAX / 2);
    struct arena_block *block = malloc(sizeof(struct arena_block) + capacity);
    CHECK(block != NULL);
    block->next = NULL;
    block->capacity = capacity;
    return block;
}

static void free_blocks(struct arena *arena)
{
    struct arena_block *next;
    for (struct arena_block *block = arena->first; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->first = arena->current = NULL;
    arena->next = arena->end = NULL;
}

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_fini(struct arena *arena)
{
    free_blocks(arena);
    arena_init(arena);
}

static void enter(struct arena *arena, struct arena_block *block)
{
    arena->current = block;
    arena->next = block->data;
    arena->end = block->data + block->capacity;
}

void arena_reset(struct arena *arena)
{
    if (ARENA_SEPARATE)
        free_blocks(arena);
    arena->total_size = 0;
    if (arena->first)
        enter(arena, arena->first);
}

/*
 * Makes `current` a block with `size` bytes free: the next one if it is large enough, else a new
 * one before it.
 */
static void advance(struct arena *arena, size_t size)
{
    struct arena_block *current = arena->current;
    struct arena_block *next = current ? current->next : NULL;
    if (!next || next->capacity <= size) {
        size_t capacity = current ? current->capacity * 2 : ARENA_BLOCK_MIN;
        if (capacity <= size)
            capacity = (size + ARENA_ALIGN) & ~(ARENA_ALIGN - 1);
        struct arena_block *block = block_new(capacity);
        block->next = next;
        if (current)
            current->next = block;
        else
            arena->first = block;
        next = block;
    }
    enter(arena, next);
}

static void *alloc_separate(struct arena *arena, size_t size)
{
    struct arena_block *block = block_new(size);
    block->next = arena->first;
    arena->first = block;
    return block->data;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    CHECK(size <= SIZE_MAX / 4);
    if (ARENA_SEPARATE) {
        arena->total_size += size;
        return alloc_separate(arena, size);
    }
    advance(arena, size);
    return arena_alloc(arena, size);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / size);
    void *memory = arena_alloc(arena, count * size);
    memset(memory, 0, count * size);
    return memory;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = arena_alloc(arena, bytes.size);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct slice){copy, bytes.size};
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    CHECK(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return (struct slice){text, (size_t)size};
}
