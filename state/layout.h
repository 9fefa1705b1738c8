/*
 * state/layout.h - what a customer's record holds: per machine its state, when it was entered, and
 * its variables.
 *
 * Compiled from the machines (rules/), named so that records written under an older layout can be
 * read by name. Immutable, shared by all threads.
 */
#ifndef STATE_LAYOUT_H
#define STATE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

enum layout_type {
    LAYOUT_BOOL,
    LAYOUT_INT,
    LAYOUT_DOUBLE,
    LAYOUT_STRING,     /* max: bytes */
    LAYOUT_TIMESTAMP,  /* ms; null at first */
    LAYOUT_LINE_ITEMS, /* max: lines */
    LAYOUT_SET,        /* max: texts */
    LAYOUT_COUNTER,    /* max: keys */
    LAYOUT_WINDOW,     /* max: buckets (over / bucket, at most 64); bucket_ms */
};

struct layout_variable {
    struct slice name;
    enum layout_type type;
    uint32_t max;
    int64_t bucket_ms;  /* of a window */
    bool window_is_sum; /* of a window: double sums, else int counts */
};

enum layout_timer_kind { LAYOUT_AFTER, LAYOUT_IDLE, LAYOUT_AT };

/* What makes a timer the same one under other rules. */
struct layout_timer {
    enum layout_timer_kind kind;
    int64_t duration_ms;   /* after, idle */
    struct slice variable; /* at: the name */
};

/* Of one state, in the order of their bits. */
struct layout_timers {
    const struct layout_timer *items;
    uint32_t count;
};

struct layout_machine {
    struct slice name;
    const struct slice *states;
    uint32_t state_count; /* at most 65,535 */
    uint32_t initial;
    const struct layout_timers *timers; /* by state; NULL: it has none, or does not tell */
    uint32_t timer_words; /* 64-bit words of "spent" bits: as its busiest state needs, or 0 */
    const struct layout_variable *variables;
    uint32_t variable_count;
    bool
        hears_signals; /* of other machines: also of their timers behind the clock, so `entered` may go back */

    /* Where it lies in a record (state/customer.h): offsets in bytes in its part. */
    uint32_t part; /* 0: the record itself, else the number of a pointer, from 1 on */
    uint32_t part_first, part_end; /* the machines of the same part */
    uint32_t part_size;            /* of a part of its own */
    uint32_t machine_at, slots_at, words_at;
};

#define LAYOUT_POINTERS_MAX 8 /* containers of a record that are fetched ahead */

struct layout {
    uint64_t id; /* hash of all names and types: layout_seal() computes it */
    const struct layout_machine *machines;
    uint32_t machine_count;
    uint32_t part_count;                       /* without the record itself */
    uint32_t parts_at;                         /* in the record: their pointers */
    uint32_t key_at;                           /* in the record, behind all else */
    uint32_t pointers_at[LAYOUT_POINTERS_MAX]; /* the record's own containers, the first of them */
    uint32_t pointer_count;
};

/* Of machines whose events are rare a record is to hold little more than a pointer. */
#define LAYOUT_RECORD_SIZE                                                                         \
    160                      /* of a record with its machines: with pointers and key three lines */
#define LAYOUT_PART_SIZE 256 /* of the other parts; one machine may be larger */

/*
 * Computes the id, all that says where things lie, and timer_words where there are `timers`, once
 * the rest is filled, and takes `machines`, of which layout->machine_count says the number, as the
 * layout's.
 */
void layout_seal(struct layout *layout, struct layout_machine *machines);

#define LAYOUT_NONE UINT32_MAX
/* By its name; LAYOUT_NONE where there is none. */
uint32_t layout_find_machine(const struct layout *layout, struct slice name);
uint32_t layout_find_state(const struct layout_machine *machine, struct slice name);

/* Where the timer stands among these: its bit, or -1. */
int64_t layout_find_timer(const struct layout_timers *timers, const struct layout_timer *timer);
#endif
