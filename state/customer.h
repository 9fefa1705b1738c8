/*
 * state/customer.h - one customer's record in memory: what machines remember, and what they need to
 * tell time.
 *
 * Owned by a customer table (state/table.h), or free-standing in tests. Scalars lie in slots of 8
 * bytes; containers (line items, sets, counters, windows, strings, ids) are allocated when they are
 * first filled and freed when emptied, so that a customer without a cart costs no more than its
 * fixed part.
 *
 * The first machines lie in the record itself, the others in parts behind pointers. A part of which
 * no machine has been touched is not there: all of them are in their initial states, with the
 * variables' values at first, and of the pointer nothing is left but the time that they were
 * entered. So machines of which a customer's events know nothing cost a pointer for several.
 *
 * The record is data: what events mean is rules/'s business.
 */
#ifndef STATE_CUSTOMER_H
#define STATE_CUSTOMER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"
#include "core/value.h"
#include "state/layout.h"

#define CUSTOMER_IDS_MAX      16
#define CUSTOMER_ID_REST      7  /* bytes of an id's hash beside its tag */
#define CUSTOMER_FIRED_MAX    32 /* beyond it the earliest deadline goes */
#define CUSTOMER_KEY_SIZE_MAX 128
#define CUSTOMER_NO_TIMER     UINT32_MAX
#define CUSTOMER_NO_TIME      INT64_MIN /* a timestamp that is null; no deadline */
#define CUSTOMER_NEVER        INT64_MAX

struct items;  /* state/items.h: line items */
struct texts;  /* state/texts.h: a set, or a counter */
struct window; /* state/window.h */

union customer_slot {
    bool b;
    int64_t i; /* int; timestamp in ms or CUSTOMER_NO_TIME */
    double d;
    struct customer_string *string; /* NULL: '' */
    struct items *items;            /* NULL: empty; so below */
    struct texts *texts;
    struct window *window;
};

/*
 * 10 bytes, so that three machines cost 32 and not 48; read and written by member, never by a
 * member's address.
 */
struct __attribute__((packed, aligned(2))) customer_machine {
    int64_t entered_ms;
    uint16_t state;
};

/*
 * A timer that gave signals at `deadline_ms`: the rank of the next one with the same machine and
 * deadline (ce_id).
 */
struct customer_fired {
    int64_t deadline_ms;
    uint32_t rank_next;
    uint16_t machine;
    bool is_idle; /* all of them were idle timers */
};

/*
 * What only those need who have been heard from with an id, or whose timers gave signals. Of each id's hash the lowest byte
 * lies among the tags, the seven others behind: nearly every id is new, and the tags, 16 bytes, say so.
 */
struct customer_history {
    uint8_t id_count, id_next; /* a ring: `id_next` is written next, the oldest once there are 16 */
    uint8_t id_capacity;
    uint8_t fired_count, fired_capacity;
    struct customer_fired *fired; /* owned; in the order of arrival */
    uint8_t id_tags[CUSTOMER_IDS_MAX];
    uint8_t id_rests[][CUSTOMER_ID_REST];
};

struct customer {
    int64_t clock_ms;           /* greatest of event times and fired deadlines */
    int64_t last_seen_ms;       /* greatest event time */
    uint64_t order_hash;        /* of the last order_id, 0: none */
    int64_t deadline_ms;        /* earliest of its timers, by the rules; CUSTOMER_NEVER: none */
    int64_t stored_deadline_ms; /* the score that Redis holds, CUSTOMER_NEVER: none */
    uint64_t armed; /* rules/'s: a bit for each machine that may have a timer to come; new: all */
    struct customer_history *history; /* owned; NULL: none */
    uint32_t checkpoint;              /* the engine's: the one under way that holds it, 0: none */
    uint32_t timer_index;             /* of its entry in the partition's timers, UINT32_MAX: none */
    uint8_t key_size;
    uint8_t flags; /* the table's and the engine's: enum customer_flag */
    /* Of the record's own machines; then their slots and timer words, pointers to the parts, key. */
    struct customer_machine machines[];
};

enum customer_flag {
    CUSTOMER_DIRTY = 1,      /* changed since its last checkpoint was taken; in a list of these */
    CUSTOMER_REFERENCED = 2, /* used since the eviction's hand passed */
    CUSTOMER_GONE = 4,       /* forgotten: leaves memory with the checkpoint that deletes it */
};

/*
 * A record in every machine's initial state, entered at `now_ms`; clock and last_seen are `now_ms`
 * too. Never NULL. The key is copied, 1 to CUSTOMER_KEY_SIZE_MAX bytes.
 */
struct customer *customer_new(const struct layout *layout, struct slice key, int64_t now_ms);
void customer_free(const struct layout *layout, struct customer *customer);

/*
 * Back to a new record, key, flags, timer_index and stored deadline kept (forgotten, and heard from
 * again).
 */
void customer_restart(const struct layout *layout, struct customer *customer, int64_t now_ms);

/* Always part of the caller: to gcc 12 a function that only prefetches has no effect, and it drops calls of it. */
#define CUSTOMER_INLINE inline __attribute__((always_inline))

/*
 * Brings a record from memory that is looked at soon. The shipped machines' lies in three lines or four: clock and deadlines;
 * machines and slots; key.
 */
static CUSTOMER_INLINE void customer_prefetch(const struct layout *layout,
                                              const struct customer *customer)
{
    const char *record = (const char *)customer;
    __builtin_prefetch(record, 1);
    __builtin_prefetch(record + 64, 1);
    __builtin_prefetch(record + 128, 1);
    __builtin_prefetch(record + layout->key_at + 7, 1);
}

static CUSTOMER_INLINE void customer_prefetch_block(const void *block)
{
    if (!block)
        return;
    __builtin_prefetch(block, 1);
    __builtin_prefetch((const char *)block + 64, 1);
}

/* The same for its ids; reads the record. */
static CUSTOMER_INLINE void customer_prefetch_history(const struct customer *customer)
{
    customer_prefetch_block(customer->history);
}

/* The same for all that it points to; reads the record. */
static CUSTOMER_INLINE void customer_prefetch_owned(const struct layout *layout,
                                                    const struct customer *customer)
{
    customer_prefetch_history(customer);
    for (uint32_t i = 0; i < layout->pointer_count; i++)
        customer_prefetch_block(
            *(void *const *)(const void *)((const char *)customer + layout->pointers_at[i]));
}

static inline struct slice customer_key(const struct layout *layout,
                                        const struct customer *customer)
{
    return (struct slice){(const char *)customer + layout->key_at, customer->key_size};
}

/*
 * A part's word in the record: its address, or, where it is not there, twice the time at which its
 * machines were entered, and one.
 */
static inline uint64_t *customer_part(const struct layout *layout, const struct customer *customer,
                                      uint32_t part)
{
    return (uint64_t *)(void *)((char *)(uintptr_t)customer + layout->parts_at) + part - 1;
}

/* Where the machine's part begins, NULL where it is not there. */
static inline char *customer_part_of(const struct layout *layout, const struct customer *customer,
                                     const struct layout_machine *machine)
{
    if (machine->part == 0)
        return (char *)(uintptr_t)customer;
    uint64_t word = *customer_part(layout, customer, machine->part);
    return word & 1 ? NULL : (char *)(uintptr_t)word;
}

/* Makes the part, with its machines as they are. Never NULL. */
char *customer_make_part(const struct layout *layout, struct customer *customer,
                         const struct layout_machine *machine);

/* The machine's state, to be changed; its part is there from now on. */
static inline struct customer_machine *customer_machine(const struct layout *layout,
                                                        struct customer *customer, uint32_t index)
{
    const struct layout_machine *machine = &layout->machines[index];
    char *part = customer_part_of(layout, customer, machine);
    if (__builtin_expect(!part, 0))
        part = customer_make_part(layout, customer, machine);
    return (struct customer_machine *)(void *)(part + machine->machine_at);
}

/* The machine's state, to be read. */
static inline struct customer_machine
customer_machine_now(const struct layout *layout, const struct customer *customer, uint32_t index)
{
    const struct layout_machine *machine = &layout->machines[index];
    const char *part = customer_part_of(layout, customer, machine);
    if (part)
        return *(const struct customer_machine *)(const void *)(part + machine->machine_at);
    int64_t word = (int64_t)*customer_part(layout, customer, machine->part);
    return (struct customer_machine){word >> 1, (uint16_t)machine->initial};
}

/* The machine's variables. NULL: its part is not there, they are all as at first. */
static inline union customer_slot *customer_slots(const struct layout *layout,
                                                  const struct customer *customer, uint32_t index)
{
    const struct layout_machine *machine = &layout->machines[index];
    char *part = customer_part_of(layout, customer, machine);
    return part ? (union customer_slot *)(void *)(part + machine->slots_at) : NULL;
}

/* The machine's timer_words, spent bits. NULL: its part is not there, none is spent. */
static inline uint64_t *customer_timer_words(const struct layout *layout,
                                             const struct customer *customer, uint32_t index)
{
    const struct layout_machine *machine = &layout->machines[index];
    char *part = customer_part_of(layout, customer, machine);
    return part ? (uint64_t *)(void *)(part + machine->words_at) : NULL;
}

/* Drops the parts in which all is as if they had not been made. For the codec. */
void customer_drop_parts(const struct layout *layout, struct customer *customer);

/* Bytes of the record with all its containers, as counted by the allocator's sizes asked for. */
size_t customer_size(const struct layout *layout, const struct customer *customer);

/* Is the hash among the last 16? Changes nothing. */
bool customer_id_known(const struct customer *customer, uint64_t id_hash);

/* It becomes the last one; it is not known yet. */
void customer_add_id(struct customer *customer, uint64_t id_hash);

/* Strings of variables: cut between characters at `max` bytes. '' frees it. */
struct slice customer_string_get(union customer_slot slot);
void customer_string_set(union customer_slot *slot, struct slice text, uint32_t max);

/*
 * The slot as CEL sees it: scalars, or a VIEW of the container (an empty one where it is NULL). A
 * window needs `now_ms`.
 */
struct value customer_value(const struct layout_variable *variable, const union customer_slot *slot,
                            int64_t now_ms);

/* What a variable holds at first. */
static inline union customer_slot customer_first_value(const struct layout_variable *variable)
{
    bool is_time = variable->type == LAYOUT_TIMESTAMP;
    return (union customer_slot){.i = is_time ? CUSTOMER_NO_TIME : 0};
}

/* To the value at first. */
void customer_clear(const struct layout_variable *variable, union customer_slot *slot);

/* The rank of the next signal of this machine and deadline, counted up. */
uint32_t customer_fired_rank(struct customer *customer, uint32_t machine, int64_t deadline_ms,
                             bool is_idle);

/*
 * Can it come again? Idle timers count from when the customer was last heard from, and all from when the machine entered its
 * state: so not where that is later. But timers that are left over are due before that, none of them before `pending_ms`, the
 * earliest; and where a machine hears others what it has entered is no bound.
 */
bool customer_fired_alive(const struct layout *layout, const struct customer *customer,
                          const struct customer_fired *fired, int64_t pending_ms);

/*
 * Drops what can't come again: before each timer, and never within its step, in which the machine may enter another state and
 * signal on. The codec writes no others either: so memory and Redis have the same.
 */
void customer_fired_trim(const struct layout *layout, struct customer *customer,
                         int64_t pending_ms);

/*
 * For the codec: all ids from the oldest on; returns how many. And the way back, into a record
 * without any.
 */
uint32_t customer_ids(const struct customer *customer, uint64_t ids[CUSTOMER_IDS_MAX]);
void customer_ids_restore(struct customer *customer, const uint64_t *ids, uint32_t count);

/* For the codec: in the order of arrival. */
void customer_fired_restore(struct customer *customer, struct customer_fired fired);
#endif
