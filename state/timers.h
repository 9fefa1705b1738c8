/*
 * state/timers.h - whose timer is next: one entry a customer, keyed by a lower bound of its
 * earliest deadline.
 *
 * An event moves its customer's idle deadline later, at every event. That costs nothing here: the
 * entry stays where it is, as a lower bound, and is put right when it comes to the top
 * (timers_due()). Only an earlier deadline moves an entry at once.
 *
 * A 4-ary heap: half the levels of a binary one, the four children lie in one or two cache lines.
 * The position is kept in customer->timer_index, so that a customer can be taken out in the middle.
 *
 * Customers are borrowed: take them out before they are freed. Threads: none.
 */
#ifndef STATE_TIMERS_H
#define STATE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "state/customer.h"

struct timers_entry {
    int64_t deadline_ms; /* a lower bound */
    struct customer *customer;
};

struct timers {
    struct timers_entry *entries; /* owned */
    size_t count;
    size_t capacity;
};

void timers_init(struct timers *timers);

/* Customers that are still in it keep their timer_index: they are as good as freed. */
void timers_fini(struct timers *timers);

/* Takes all out, keeps the memory. */
void timers_clear(struct timers *timers);

/*
 * The customer's bound is at most `deadline_ms`: put in, or moved to earlier. Later, or
 * CUSTOMER_NEVER, changes nothing. After each step.
 */
void timers_lower(struct timers *timers, struct customer *customer, int64_t deadline_ms);

/* The customer's bound is `deadline_ms`, earlier or later. CUSTOMER_NEVER takes it out. */
void timers_set(struct timers *timers, struct customer *customer, int64_t deadline_ms);

/* Takes it out; nothing where it is in none. */
void timers_remove(struct timers *timers, struct customer *customer);

/* The entry with the lowest bound, NULL where there is none. */
static inline const struct timers_entry *timers_peek(const struct timers *timers)
{
    return timers->count ? &timers->entries[0] : NULL;
}

/* The same, taken out: its customer, or NULL. */
struct customer *timers_pop(struct timers *timers);

/*
 * The customer whose deadline_ms is the earliest of all, if that lies before `before_ms`, else
 * NULL; bounds that prove too low are put right on the way. It stays in: fire its timers, then
 * timers_set() what is its deadline then (or timers_remove()), and ask again.
 */
struct customer *timers_due(struct timers *timers, int64_t before_ms);
#endif
