#include "state/timers.h"

#include <stdlib.h>
#include <string.h>

#include "core/datetime.h"
#include "state/heap.h"

#define CHILDREN   4
#define NONE       UINT32_MAX
#define LEVEL_HEAP TIMERS_LEVELS /* an entry's level: it is in the heap */
#define SLOT_MASK  (TIMERS_SLOTS - 1u)

/* Seconds are counted from far before the year 1. The levels reach to the year 34,000; what lies outside goes to their ends. */
#define SECOND_BIAS INT64_C(100000000000)
#define SECOND_MAX  ((INT64_C(1) << (TIMERS_LEVELS * TIMERS_LEVEL_BITS)) - 1)

static uint64_t second_of(int64_t ms)
{
    int64_t second = floor_div(ms, 1000) + SECOND_BIAS;
    return (uint64_t)(second < 0 ? 0 : second > SECOND_MAX ? SECOND_MAX : second);
}

void timers_init(struct timers *timers, const struct layout *layout)
{
    *timers = (struct timers){.layout = layout, .free = NONE};
}

void timers_fini(struct timers *timers)
{
    free(timers->entries);
    free(timers->levels);
    free(timers->heap);
    timers_init(timers, timers->layout);
}

/* ---- the heap, of what is due first ---- */

static int64_t heap_deadline(const struct timers *timers, uint32_t place)
{
    return timers->entries[timers->heap[place]].deadline_ms;
}

static void heap_put(struct timers *timers, uint32_t place, uint32_t number)
{
    timers->heap[place] = number;
    timers->entries[number].previous = place;
}

static void heap_up(struct timers *timers, uint32_t place, uint32_t number)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / CHILDREN;
        if (heap_deadline(timers, parent) <= timers->entries[number].deadline_ms)
            break;
        heap_put(timers, place, timers->heap[parent]);
        place = parent;
    }
    heap_put(timers, place, number);
}

static uint32_t heap_earliest_child(const struct timers *timers, uint32_t place)
{
    uint32_t first = place * CHILDREN + 1;
    uint32_t end = timers->heap_count - first < CHILDREN ? timers->heap_count : first + CHILDREN;
    uint32_t earliest = first;
    for (uint32_t child = first + 1; child < end; child++)
        if (heap_deadline(timers, child) < heap_deadline(timers, earliest))
            earliest = child;
    return earliest;
}

static void heap_down(struct timers *timers, uint32_t place, uint32_t number)
{
    while (place * CHILDREN + 1 < timers->heap_count) {
        uint32_t child = heap_earliest_child(timers, place);
        if (heap_deadline(timers, child) >= timers->entries[number].deadline_ms)
            break;
        heap_put(timers, place, timers->heap[child]);
        place = child;
    }
    heap_put(timers, place, number);
}

static void heap_add(struct timers *timers, uint32_t number)
{
    if (timers->heap_count == timers->heap_capacity) {
        timers->heap_capacity = timers->heap_capacity ? 2 * timers->heap_capacity : 64;
        timers->heap = heap_grow(timers->heap, timers->heap_capacity * sizeof *timers->heap);
    }
    timers->entries[number].level = LEVEL_HEAP;
    heap_up(timers, timers->heap_count++, number);
}

/* The last one takes the place of the one that goes. */
static void heap_take(struct timers *timers, uint32_t place)
{
    uint32_t last = timers->heap[--timers->heap_count];
    if (place == timers->heap_count)
        return;
    if (place > 0 &&
        timers->entries[last].deadline_ms < heap_deadline(timers, (place - 1) / CHILDREN))
        heap_up(timers, place, last);
    else
        heap_down(timers, place, last);
}

/* ---- the levels ---- */

/* The slot of level `level` in which the second lies. */
static uint32_t slot_of(uint64_t second, unsigned level)
{
    return (uint32_t)(second >> (level * TIMERS_LEVEL_BITS)) & SLOT_MASK;
}

/* The finest level on which a second shares its block with the present one. */
static unsigned level_of(const struct timers *timers, uint64_t second)
{
    uint64_t differs = second ^ timers->second;
    return differs ? (63u - (unsigned)__builtin_clzll(differs)) / TIMERS_LEVEL_BITS : 0;
}

/* To where its deadline says. */
static void link_entry(struct timers *timers, uint32_t number)
{
    struct timers_entry *entry = &timers->entries[number];
    uint64_t second = second_of(entry->deadline_ms);

    if (second < timers->second) {
        heap_add(timers, number);
        return;
    }
    unsigned level = level_of(timers, second);
    uint32_t slot = slot_of(second, level);
    uint32_t *first = &timers->levels[level].first[slot];
    entry->level = (uint16_t)level;
    entry->slot = (uint16_t)slot;
    entry->previous = NONE;
    entry->next = *first;
    if (*first != NONE)
        timers->entries[*first].previous = number;
    *first = number;
    timers->levels[level].used[slot / 64] |= UINT64_C(1) << slot % 64;
}

static void unlink_entry(struct timers *timers, uint32_t number)
{
    const struct timers_entry *entry = &timers->entries[number];

    if (entry->level == LEVEL_HEAP) {
        heap_take(timers, entry->previous);
        return;
    }
    struct timers_level *level = &timers->levels[entry->level];
    if (entry->next != NONE)
        timers->entries[entry->next].previous = entry->previous;
    if (entry->previous != NONE)
        timers->entries[entry->previous].next = entry->next;
    else
        level->first[entry->slot] = entry->next;
    if (level->first[entry->slot] == NONE)
        level->used[entry->slot / 64] &= ~(UINT64_C(1) << entry->slot % 64);
}

/* All of a slot, to where they belong now. */
static void relink_slot(struct timers *timers, unsigned level, uint32_t slot)
{
    uint32_t number = timers->levels[level].first[slot];

    timers->levels[level].first[slot] = NONE;
    timers->levels[level].used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    while (number != NONE) {
        uint32_t next = timers->entries[number].next;
        link_entry(timers, number);
        number = next;
    }
}

/* Time goes on: the blocks that begin move to finer levels. */
static void set_second(struct timers *timers, uint64_t second)
{
    uint64_t differs = second ^ timers->second;

    timers->second = second;
    for (unsigned level = TIMERS_LEVELS - 1; level > 0; level--)
        if (differs >> (level * TIMERS_LEVEL_BITS))
            relink_slot(timers, level, slot_of(second, level));
}

/* The first slot from `from` on that has entries, TIMERS_SLOTS where there is none. */
static uint32_t find_used(const struct timers_level *level, uint32_t from)
{
    uint64_t mask = UINT64_MAX << from % 64;
    for (uint32_t word = from / 64; word < TIMERS_SLOTS / 64; word++, mask = UINT64_MAX)
        if (level->used[word] & mask)
            return word * 64 + (uint32_t)__builtin_ctzll(level->used[word] & mask);
    return TIMERS_SLOTS;
}

/*
 * What is looked at soon comes from memory meanwhile: the records of the next second that has entries, and the first entry
 * of the one after it, whose records are next.
 */
static void prefetch_next(const struct timers *timers)
{
    const struct timers_level *level = &timers->levels[0];
    uint32_t slot = find_used(level, slot_of(timers->second, 0));
    if (slot == TIMERS_SLOTS)
        return;
    uint32_t number = level->first[slot];
    for (unsigned left = 16; number != NONE && left > 0; left--) {
        customer_prefetch(timers->layout, timers->entries[number].customer);
        number = timers->entries[number].next;
    }
    slot = slot + 1 < TIMERS_SLOTS ? find_used(level, slot + 1) : TIMERS_SLOTS;
    if (slot < TIMERS_SLOTS)
        __builtin_prefetch(&timers->entries[level->first[slot]]);
}

/* The next block of a coarser level begins, if it does so before `end`. */
static bool enter_block(struct timers *timers, uint64_t end)
{
    for (unsigned level = 1; level < TIMERS_LEVELS; level++) {
        unsigned shift = level * TIMERS_LEVEL_BITS;
        uint32_t slot = slot_of(timers->second, level) + 1;
        slot = slot < TIMERS_SLOTS ? find_used(&timers->levels[level], slot) : TIMERS_SLOTS;
        if (slot == TIMERS_SLOTS)
            continue;
        uint64_t outer = timers->second >> (shift + TIMERS_LEVEL_BITS) << TIMERS_LEVEL_BITS;
        uint64_t begin = (outer | slot) << shift;
        if (begin >= end)
            return false;
        set_second(timers, begin);
        return true;
    }
    return false;
}

/* The next second that has entries, if it lies before `end`, goes to the heap. */
static void fill_heap(struct timers *timers, uint64_t end)
{
    uint32_t slot;

    do {
        slot = find_used(&timers->levels[0], slot_of(timers->second, 0));
    } while (slot == TIMERS_SLOTS && enter_block(timers, end));
    uint64_t second = (timers->second & ~(uint64_t)SLOT_MASK) | slot;
    if (slot == TIMERS_SLOTS || second >= end)
        return;
    uint32_t number = timers->levels[0].first[slot];
    timers->levels[0].first[slot] = NONE;
    timers->levels[0].used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    for (uint32_t next; number != NONE; number = next) {
        next = timers->entries[number].next;
        heap_add(timers, number);
        customer_prefetch_owned(timers->layout, timers->entries[number].customer);
    }
    set_second(timers, second + 1);
    prefetch_next(timers);
}

/* ---- customers ---- */

static uint32_t take_free(struct timers *timers)
{
    uint32_t number = timers->free;
    if (number != NONE) {
        timers->free = timers->entries[number].next;
        return number;
    }
    if (timers->entry_count == timers->entry_capacity) {
        timers->entry_capacity = timers->entry_capacity ? 2 * timers->entry_capacity : 64;
        CHECK(timers->entry_capacity < CUSTOMER_NO_TIMER);
        timers->entries =
            heap_grow(timers->entries, timers->entry_capacity * sizeof *timers->entries);
    }
    return timers->entry_count++;
}

/* Without customers there is no time yet: theirs begins with the first one's clock. */
static void begin(struct timers *timers, const struct customer *customer)
{
    if (!timers->levels) {
        timers->levels = heap_new(TIMERS_LEVELS * sizeof *timers->levels);
        for (unsigned i = 0; i < TIMERS_LEVELS; i++)
            memset(timers->levels[i].first, 0xFF, sizeof timers->levels[i].first);
    }
    timers->second = second_of(customer->clock_ms);
}

static void insert(struct timers *timers, struct customer *customer, int64_t deadline_ms)
{
    if (timers->count++ == 0)
        begin(timers, customer);
    uint32_t number = take_free(timers);
    customer->timer_index = number;
    timers->entries[number] =
        (struct timers_entry){.deadline_ms = deadline_ms, .customer = customer};
    link_entry(timers, number);
}

void timers_remove(struct timers *timers, struct customer *customer)
{
    uint32_t number = customer->timer_index;

    if (number == CUSTOMER_NO_TIMER)
        return;
    CHECK(number < timers->entry_count && timers->entries[number].customer == customer);
    unlink_entry(timers, number);
    timers->entries[number].next = timers->free;
    timers->free = number;
    timers->count--;
    customer->timer_index = CUSTOMER_NO_TIMER;
}

void timers_set(struct timers *timers, struct customer *customer, int64_t deadline_ms)
{
    uint32_t number = customer->timer_index;

    if (deadline_ms == CUSTOMER_NEVER) {
        timers_remove(timers, customer);
    } else if (number == CUSTOMER_NO_TIMER) {
        insert(timers, customer, deadline_ms);
    } else {
        unlink_entry(timers, number);
        timers->entries[number].deadline_ms = deadline_ms;
        link_entry(timers, number);
    }
}

void timers_lower(struct timers *timers, struct customer *customer, int64_t deadline_ms)
{
    if (deadline_ms == CUSTOMER_NEVER)
        return;
    if (customer->timer_index == CUSTOMER_NO_TIMER ||
        deadline_ms < timers->entries[customer->timer_index].deadline_ms)
        timers_set(timers, customer, deadline_ms);
}

const struct timers_entry *timers_next(struct timers *timers, int64_t before_ms)
{
    if (timers->count == 0)
        return NULL;
    if (timers->heap_count == 0)
        fill_heap(timers, second_of(before_ms) + 1);
    if (timers->heap_count == 0 || heap_deadline(timers, 0) >= before_ms)
        return NULL;
    return &timers->entries[timers->heap[0]];
}

struct customer *timers_due(struct timers *timers, int64_t before_ms)
{
    const struct timers_entry *next;
    while ((next = timers_next(timers, before_ms))) {
        struct customer *customer = next->customer;
        if (customer->deadline_ms <= next->deadline_ms)
            return customer;
        timers_set(timers, customer, customer->deadline_ms);
    }
    return NULL;
}
