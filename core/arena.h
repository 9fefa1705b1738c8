/*
 * core/arena.h - memory of one batch, given back all at once.
 *
 * Blocks double from `ARENA_BLOCK_MIN` and are kept over a reset, so that the steady path does not
 * allocate. Under AddressSanitizer every allocation is a block of its own, so that overruns are
 * seen. Out of memory stops the process. One thread at a time.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

#include "core/slice.h"

#define ARENA_ALIGN ((size_t)16)

struct arena_block;

/* With the address sanitizer every allocation is a block of its own, so that it sees where one ends. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SEPARATE 1
#endif
#endif
#ifndef ARENA_SEPARATE
#define ARENA_SEPARATE 0
#endif

struct arena {
    struct arena_block *first;
    struct arena_block *current;
    char *next, *end;  /* what is free of the current block, in pieces of ARENA_ALIGN bytes */
    size_t total_size; /* bytes handed out since the last reset */
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* Everything handed out becomes invalid; the memory stays for reuse. */
void arena_reset(struct arena *arena);

/* arena_alloc() where the current block has no room. */
void *arena_alloc_slow(struct arena *arena, size_t size);

/* 16-byte aligned, not cleared. Never NULL. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    char *memory = arena->next;
    if (size >= (size_t)(arena->end - memory))
        return arena_alloc_slow(arena, size);
    arena->total_size += size;
    arena->next = memory + ((size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1));
    return memory;
}

/* Cleared. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* A copy that lives as long as the arena's contents. Not NUL-terminated. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

/* printf into the arena; NUL-terminated behind the slice. */
struct slice arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#endif
