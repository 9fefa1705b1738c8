#include "state/timers.h"

#include <stdlib.h>

#include "state/heap.h"

#define CHILDREN 4

void timers_init(struct timers *timers)
{
    *timers = (struct timers){NULL, 0, 0};
}

void timers_fini(struct timers *timers)
{
    free(timers->entries);
    timers_init(timers);
}

void timers_clear(struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++)
        timers->entries[i].customer->timer_index = CUSTOMER_NO_TIMER;
    timers->count = 0;
}

static void place(struct timers *timers, size_t index, struct timers_entry entry)
{
    timers->entries[index] = entry;
    entry.customer->timer_index = (uint32_t)index;
}

static void sift_up(struct timers *timers, size_t index, struct timers_entry entry)
{
    while (index > 0) {
        size_t parent = (index - 1) / CHILDREN;
        if (timers->entries[parent].deadline_ms <= entry.deadline_ms)
            break;
        place(timers, index, timers->entries[parent]);
        index = parent;
    }
    place(timers, index, entry);
}

static size_t earliest_child(const struct timers *timers, size_t index)
{
    size_t first = index * CHILDREN + 1;
    size_t end = first + CHILDREN < timers->count ? first + CHILDREN : timers->count;
    size_t earliest = first;
    for (size_t child = first + 1; child < end; child++)
        if (timers->entries[child].deadline_ms < timers->entries[earliest].deadline_ms)
            earliest = child;
    return earliest;
}

static void sift_down(struct timers *timers, size_t index, struct timers_entry entry)
{
    while (index * CHILDREN + 1 < timers->count) {
        size_t child = earliest_child(timers, index);
        if (timers->entries[child].deadline_ms >= entry.deadline_ms)
            break;
        place(timers, index, timers->entries[child]);
        index = child;
    }
    place(timers, index, entry);
}

static void sift(struct timers *timers, size_t index, struct timers_entry entry)
{
    if (index > 0 && entry.deadline_ms < timers->entries[(index - 1) / CHILDREN].deadline_ms)
        sift_up(timers, index, entry);
    else
        sift_down(timers, index, entry);
}

static void insert(struct timers *timers, struct timers_entry entry)
{
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity ? 2 * timers->capacity : 64;
        CHECK(timers->capacity < CUSTOMER_NO_TIMER);
        timers->entries = heap_grow(timers->entries, timers->capacity * sizeof(entry));
    }
    sift_up(timers, timers->count++, entry);
}

/* The last entry takes the place of the one that goes. */
void timers_remove(struct timers *timers, struct customer *customer)
{
    if (customer->timer_index == CUSTOMER_NO_TIMER)
        return;
    size_t index = customer->timer_index;
    CHECK(index < timers->count && timers->entries[index].customer == customer);
    customer->timer_index = CUSTOMER_NO_TIMER;
    struct timers_entry last = timers->entries[--timers->count];
    if (index < timers->count)
        sift(timers, index, last);
}

void timers_set(struct timers *timers, struct customer *customer, int64_t deadline_ms)
{
    struct timers_entry entry = {deadline_ms, customer};
    if (deadline_ms == CUSTOMER_NEVER)
        timers_remove(timers, customer);
    else if (customer->timer_index == CUSTOMER_NO_TIMER)
        insert(timers, entry);
    else
        sift(timers, customer->timer_index, entry);
}

void timers_lower(struct timers *timers, struct customer *customer, int64_t deadline_ms)
{
    if (customer->timer_index == CUSTOMER_NO_TIMER ||
        deadline_ms < timers->entries[customer->timer_index].deadline_ms)
        if (deadline_ms != CUSTOMER_NEVER)
            timers_set(timers, customer, deadline_ms);
}

struct customer *timers_pop(struct timers *timers)
{
    if (timers->count == 0)
        return NULL;
    struct customer *customer = timers->entries[0].customer;
    timers_remove(timers, customer);
    return customer;
}

struct customer *timers_due(struct timers *timers, int64_t before_ms)
{
    const struct timers_entry *top;
    while ((top = timers_peek(timers)) && top->deadline_ms < before_ms) {
        struct customer *customer = top->customer;
        if (customer->deadline_ms <= top->deadline_ms)
            return customer;
        timers_set(timers, customer, customer->deadline_ms);
    }
    return NULL;
}
