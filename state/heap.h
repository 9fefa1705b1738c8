/*
 * state/heap.h - malloc for what lives as long as a customer. Out of memory stops the process: a
 * record that could not be kept would be an event that was lost.
 */
#ifndef STATE_HEAP_H
#define STATE_HEAP_H

#include <stdlib.h>

#include "core/check.h"

/* Cleared. */
static inline void *heap_new(size_t size)
{
    void *memory = calloc(1, size);
    CHECK(memory);
    return memory;
}

/* realloc: what is new is not cleared. */
static inline void *heap_grow(void *memory, size_t size)
{
    memory = realloc(memory, size);
    CHECK(memory);
    return memory;
}
#endif
