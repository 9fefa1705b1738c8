#include "state/table.h"

#include <stdlib.h>

#include "core/hash.h"
#include "state/heap.h"

#define SLOTS_MIN 64

/* A customer NULL is a free slot. */
struct slot {
    uint64_t hash;
    struct customer *customer;
};

/*
 * Linear probing; the slot where a search starts is the hash's low bits. A removal moves those
 * behind it back instead of leaving a tombstone, so a search ends at the first free slot and the
 * table never silts up.
 */
struct table {
    const struct layout *layout;
    struct slot *slots; /* owned */
    size_t mask;        /* number of slots - 1, a power of two less one */
    size_t count;
    size_t hand; /* of the clock: the slot that it looks at next */
};

static size_t slot_count(const struct table *table)
{
    return table->mask + 1;
}

struct table *table_new(const struct layout *layout)
{
    struct table *table = heap_new(sizeof(*table));
    table->layout = layout;
    table->mask = SLOTS_MIN - 1;
    table->slots = heap_new(SLOTS_MIN * sizeof(struct slot));
    return table;
}

static void free_customers(struct table *table)
{
    for (size_t i = 0; i < slot_count(table); i++)
        customer_free(table->layout, table->slots[i].customer);
}

void table_free(struct table *table)
{
    if (!table)
        return;
    free_customers(table);
    free(table->slots);
    free(table);
}

size_t table_count(const struct table *table)
{
    return table->count;
}

size_t table_size(const struct table *table)
{
    return sizeof(*table) + slot_count(table) * sizeof(struct slot);
}

/* ---- looking up */

void table_prefetch(const struct table *table, uint64_t hash)
{
    __builtin_prefetch(&table->slots[hash & table->mask]);
}

const struct customer *table_prefetch_customer(const struct table *table, uint64_t hash)
{
    for (size_t i = hash & table->mask; table->slots[i].customer; i = (i + 1) & table->mask) {
        if (table->slots[i].hash != hash)
            continue;
        customer_prefetch(table->layout, table->slots[i].customer);
        return table->slots[i].customer;
    }
    return NULL;
}

struct customer *table_find(struct table *table, struct slice key, uint64_t hash)
{
    for (size_t i = hash & table->mask; table->slots[i].customer; i = (i + 1) & table->mask) {
        struct customer *customer = table->slots[i].customer;
        if (table->slots[i].hash == hash &&
            slice_equal(customer_key(table->layout, customer), key)) {
            customer->flags |= CUSTOMER_REFERENCED;
            return customer;
        }
    }
    return NULL;
}

struct customer *table_next(const struct table *table, size_t *position)
{
    while (*position < slot_count(table)) {
        struct customer *customer = table->slots[(*position)++].customer;
        if (customer)
            return customer;
    }
    return NULL;
}

/* ---- changing */

static void put(struct table *table, struct slot slot)
{
    size_t i = slot.hash & table->mask;
    while (table->slots[i].customer)
        i = (i + 1) & table->mask;
    table->slots[i] = slot;
}

static void grow(struct table *table)
{
    struct slot *old = table->slots;
    size_t old_count = slot_count(table);
    table->mask = 2 * old_count - 1;
    table->slots = heap_new(slot_count(table) * sizeof(struct slot));
    table->hand = 0;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].customer)
            put(table, old[i]);
    free(old);
}

void table_add(struct table *table, struct customer *customer)
{
    /*
     * At most two thirds full: a search that fails then looks at five slots, one or two cache
     * lines.
     */
    if (3 * (table->count + 1) > 2 * slot_count(table))
        grow(table);
    customer->flags |= CUSTOMER_REFERENCED;
    put(table, (struct slot){hash_bytes(customer_key(table->layout, customer)), customer});
    table->count++;
}

/*
 * Frees slot `hole` and closes the gap: what lies behind it, up to the next free slot, moves into
 * the hole if its search starts at or before the hole.
 */
static void free_slot(struct table *table, size_t hole)
{
    for (size_t i = (hole + 1) & table->mask; table->slots[i].customer; i = (i + 1) & table->mask) {
        size_t home = table->slots[i].hash & table->mask;
        size_t distance_home = (i - home) & table->mask;
        size_t distance_hole = (i - hole) & table->mask;
        if (distance_home < distance_hole)
            continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole] = (struct slot){0, NULL};
    table->count--;
}

void table_remove(struct table *table, struct customer *customer)
{
    size_t i = hash_bytes(customer_key(table->layout, customer)) & table->mask;
    while (table->slots[i].customer != customer) {
        CHECK(table->slots[i].customer);
        i = (i + 1) & table->mask;
    }
    free_slot(table, i);
}

size_t table_evict(struct table *table, size_t wanted, table_can_evict_fn can_evict, void *user)
{
    size_t evicted = 0;
    for (size_t left = 2 * slot_count(table); left > 0 && evicted < wanted; left--) {
        struct customer *customer = table->slots[table->hand].customer;
        if (customer && !(customer->flags & CUSTOMER_REFERENCED) && can_evict(user, customer)) {
            free_slot(table, table->hand); /* the hand stays: another may have moved here */
            customer_free(table->layout, customer);
            evicted++;
            continue;
        }
        if (customer)
            customer->flags &= (uint8_t)~CUSTOMER_REFERENCED;
        table->hand = (table->hand + 1) & table->mask;
    }
    return evicted;
}
