/*
 * rules/rules.h - the machines, compiled: what they read, what a record holds, and the step.
 *
 * Immutable once loaded, shared by all threads. The step is pure: no I/O, no clock, no random
 * number: the same event on the same record gives the same bytes. Recovery relies on it, and the
 * simulator compares two runs by it.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdio.h>

#include "consumer/event.h"
#include "core/arena.h"
#include "core/diag.h"
#include "producer/signal.h"
#include "state/customer.h"
#include "state/layout.h"

#define RULES_TIMERS_MAX   1000 /* fired by one customer in one step */
#define RULES_CHAIN_MAX    16   /* of `always` */
#define RULES_MACHINES_MAX 64

struct failures; /* rules/failures.h */
struct rules;
struct yaml_node;

struct rules_options {
    const char *const
        *files; /* machine files, in order; absolute or relative to the working directory */
    size_t file_count;
    const struct slice *
        texts; /* what is in the files, where that is known already (a journal's); NULL: they are read */
    const struct yaml_node *constants; /* the configuration's, or NULL; outlives the rules */
    int64_t forget_after_ms;
};

/*
 * NULL on errors; they and the warnings are in `diag`. Free with rules_free(). Position strings
 * live until then or, on errors, for ever.
 */
struct rules *rules_load(const struct rules_options *options, struct diag *diag);
void rules_free(struct rules *rules);

/*
 * Hash of machines in order (their files' bytes), constants, forget_after and the version of the
 * semantics.
 */
uint64_t rules_hash(const struct rules *rules);

const struct layout *rules_layout(const struct rules *rules);
const struct event_wants *rules_wants(const struct rules *rules);
struct slice rules_file(const struct rules *rules,
                        size_t machine); /* the file's bytes, for the journal */

/*
 * All signal types that can be emitted, for checking topics: the i-th, or size 0 behind the last.
 */
struct slice rules_signal_type(const struct rules *rules, size_t index);

/* `check --dot`: all machines, each a cluster, with labels, events, timers and guards. */
void rules_dot(const struct rules *rules, FILE *out);

/*
 * A rule is what can fail at run time: an expression, an action, a transition. Numbered from 0 when
 * it is loaded; its place is FILE:LINE:COLUMN, and lives as long as the rules.
 */
uint32_t rules_rule_count(const struct rules *rules);
const char *rules_place(const struct rules *rules, uint32_t rule);

/* What goes wrong at run time, and what is left out. Not part of results. */
struct rules_counters {
    uint64_t guard_errors, data_errors, action_errors;
    uint64_t chain_overflows; /* `always` longer than RULES_CHAIN_MAX */
    uint64_t timer_overflows; /* steps that left timers over */
    uint64_t event_overflows; /* of these the ones of an event, which sweeps do not count */
    uint64_t overflows;       /* elements that a container had no room for */
    uint64_t cooldown_suppressed;
    struct failures *failures; /* the errors of the first two lines by rule; NULL: nobody asks */
};

/* All that failures.h names. */
static inline uint64_t rules_errors(const struct rules_counters *counters)
{
    return counters->guard_errors + counters->data_errors + counters->action_errors +
           counters->chain_overflows;
}

/*
 * Absolute per-partition statistics: customers per state, transitions. [machine's first + state],
 * [machine's first + from * states + to].
 */
struct rules_stats {
    int64_t *states;
    int64_t *transitions;
};
/* Where a machine's counters begin in them; with machine = machine_count the total. */
size_t rules_stats_state(const struct rules *rules, uint32_t machine, uint32_t state);
size_t rules_stats_transition(const struct rules *rules, uint32_t machine, uint32_t from,
                              uint32_t to);
/* Their names in P:stats: MACHINE/STATE and MACHINE/FROM>TO. */
struct slice rules_stats_state_field(const struct rules *rules, uint32_t machine, uint32_t state);
struct slice rules_stats_transition_field(const struct rules *rules, uint32_t machine,
                                          uint32_t from, uint32_t to);

/* What a step works with. One per worker; `stats` changes with the partition. */
struct rules_context {
    const struct rules *rules;
    const struct schema *schema;
    struct arena *arena;         /* signals and their data lie here */
    struct signal_list *signals; /* appended to */
    struct rules_stats *stats;   /* or NULL */
    struct rules_counters *counters;
    uint32_t timers_max;   /* rules_step_timers() fires at most so many; 0: RULES_TIMERS_MAX */
    uint32_t timers_fired; /* out: by the last rules_step_timers() */
};

/*
 * One event of a customer whose record exists. The caller has dropped duplicates; this does the
 * rest of section 5 for the customer: sets event->late, fires the timers due at or before it (not
 * when late), moves clock and last_seen, the order's hash, runs the machines, and lowers
 * customer->deadline_ms: it is never later than the customer's first timer, and may be earlier,
 * since an event that only puts idle timers off need not look at them (rules_deadline() gives the
 * exact one; so do rules_begin() and rules_step_timers(), which then find nothing due). On
 * `customer_forgotten` it sets CUSTOMER_GONE after the timers and runs no machine. Signals of
 * timers carry `is_timer`.
 */
void rules_step_event(struct rules_context *context, struct customer *customer,
                      struct event *event);

/*
 * Fires all timers whose deadline is <= `until_ms`, by deadline and machine order, with those that
 * they set. At most RULES_TIMERS_MAX: true where some are left over. Sets customer->deadline_ms.
 * `memory.forget_after` is one of them, the last at its deadline: it sets CUSTOMER_GONE.
 */
bool rules_step_timers(struct rules_context *context, struct customer *customer, int64_t until_ms);

/*
 * A new record has been made for `event` (customer_new() or customer_restart()): counts it in the
 * stats. The step follows.
 */
void rules_begin(struct rules_context *context, struct customer *customer);

/*
 * The earliest deadline, CUSTOMER_NEVER where there is none. After loading a record. Of the customer
 * at most `armed` changes: what has been found out about its timers.
 */
int64_t rules_deadline(const struct rules *rules, struct customer *customer);
#endif
