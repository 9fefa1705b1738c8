/*
 * state/timers.h - whose timer is next: one entry a customer, keyed by a lower bound of its
 * earliest deadline.
 *
 * An event moves its customer's idle deadline later, at every event. That costs nothing here: the
 * entry stays where it is, as a lower bound, and is put right when it is due (timers_due()). Only an
 * earlier deadline moves an entry at once.
 *
 * A hierarchical timing wheel (Varghese and Lauck, 1987): entries lie in lists by their second, 1,024
 * of them; what is further away by blocks of 1,024 seconds, of 12 days, of 34 years, and moves to the
 * finer level when its block begins. A second whose turn has come goes into a heap, which orders its
 * few entries to the millisecond. So putting in, moving and taking out cost the same however many
 * customers there are, and touch no customer but the one at hand: a heap of all of them wrote into
 * eight cold records for each one that it gave.
 *
 * Customers are borrowed: take them out before they are freed. Threads: none.
 */
#ifndef STATE_TIMERS_H
#define STATE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "state/customer.h"

#define TIMERS_LEVELS     4
#define TIMERS_LEVEL_BITS 10
#define TIMERS_SLOTS      (1 << TIMERS_LEVEL_BITS)

struct timers_entry {
    int64_t deadline_ms; /* a lower bound */
    struct customer *customer;
    uint32_t next, previous; /* in its slot's list; in the heap `previous` is its place there */
    uint16_t level, slot;
};

/* A list of entries for each slot, by number, and a bit for each that has any. */
struct timers_level {
    uint64_t used[TIMERS_SLOTS / 64];
    uint32_t first[TIMERS_SLOTS];
};

struct timers {
    const struct layout *layout;  /* borrowed */
    struct timers_entry *entries; /* owned; customer->timer_index is the number of one */
    uint32_t entry_count, entry_capacity;
    uint32_t free; /* the first entry that nobody has */
    size_t count;  /* of customers */

    uint64_t second;             /* what lies before it is in the heap, all else in the levels */
    struct timers_level *levels; /* owned; NULL before the first customer */

    uint32_t *heap; /* owned; 4-ary, of numbers of entries */
    uint32_t heap_count, heap_capacity;
};

/* The layout is that of its customers and outlives it. */
void timers_init(struct timers *timers, const struct layout *layout);

/* Brings the customer's entry from memory, which timers_lower() looks at; reads the record. */
static CUSTOMER_INLINE void timers_prefetch(const struct timers *timers,
                                            const struct customer *customer)
{
    if (customer->timer_index != CUSTOMER_NO_TIMER)
        __builtin_prefetch(&timers->entries[customer->timer_index], 1);
}

/* Customers that are still in it keep their timer_index: they are as good as freed. */
void timers_fini(struct timers *timers);

/*
 * The customer's bound is at most `deadline_ms`: put in, or moved to earlier. Later, or
 * CUSTOMER_NEVER, changes nothing. After each step.
 */
void timers_lower(struct timers *timers, struct customer *customer, int64_t deadline_ms);

/* The customer's bound is `deadline_ms`, earlier or later. CUSTOMER_NEVER takes it out. */
void timers_set(struct timers *timers, struct customer *customer, int64_t deadline_ms);

/* Takes it out; nothing where it is in none. */
void timers_remove(struct timers *timers, struct customer *customer);

/*
 * The entry with the lowest bound, if that lies before `before_ms`, else NULL. It stays where it is, until the
 * next change.
 */
const struct timers_entry *timers_next(struct timers *timers, int64_t before_ms);

/*
 * The customer whose deadline_ms is the earliest of all, if that lies before `before_ms`, else
 * NULL; bounds that prove too low are put right on the way. It stays in: fire its timers, then
 * timers_set() what is its deadline then (or timers_remove()), and ask again.
 */
struct customer *timers_due(struct timers *timers, int64_t before_ms);
#endif
