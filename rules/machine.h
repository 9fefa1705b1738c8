/*
 * rules/machine.h - a machine, compiled: what its file said, with names resolved to numbers.
 *
 * Made by machine_load.c and its neighbours, read by the step and by --dot, immutable once loaded. Everything lies in the
 * arena of struct rules and goes with it; the programs and the files are freed one by one.
 */
#ifndef RULES_MACHINE_H
#define RULES_MACHINE_H

#include "core/arena.h"
#include "core/yaml.h"
#include "rules/cel.h"
#include "rules/rules.h"

#define MACHINE_STATES_MAX    100   /* counters of transitions are kept for each pair of states */
#define MACHINE_TIMERS_MAX    64    /* of one state: a word of spent bits */
#define MACHINE_VARIABLES_MAX 256   /* of one machine */
#define MACHINE_ELEMENTS_MAX  4096  /* greatest `max` of a container: looking one up is a scan */
#define MACHINE_STRING_MAX    65535 /* and of a string, in bytes */
#define MACHINE_NAME_SIZE_MAX 64    /* of machines, states, variables and data fields */
#define MACHINE_TYPE_SIZE_MAX 128   /* of signal types and event names */
#define MACHINE_DURATION_MAX_MS                                                                    \
    (INT64_C(3650000) * 86400000) /* 10,000 years: no sum of times overflows */

/* A CEL expression and where it stands. No program: there is none. */
struct expression {
    const struct cel_program *program;
    uint32_t rule; /* its number: rules_place() */
    struct slice text;
    struct diag_pos at;
};

struct field {
    struct slice name;
    struct slice json_key; /* the name in quotes, and a colon */
    struct expression expression;
};

/* A signal to be given. */
struct emit {
    struct slice type; /* the same bytes for all of this type: rules->signal_types */
    uint32_t name_id;  /* its number among the names, 0 where no machine listens to it */
    struct expression guard;
    const struct field *fields; /* the machine's data, then its own */
    uint32_t field_count;
    bool has_time_in_state; /* `emit_transitions` */
    int64_t cooldown_ms;    /* 0: none */
    int32_t sent_variable;  /* remembers when this type was last sent, -1: nobody asks */
    struct diag_pos at;
    struct emit *next; /* of the same machine */
};

enum verb {
    VERB_ASSIGN,
    VERB_COUNT_WINDOW,
    VERB_COUNT_KEY,
    VERB_SUM,
    VERB_ADD,
    VERB_ADD_ITEM,
    VERB_REMOVE_ITEM,
    VERB_SET_ITEMS,
    VERB_CLEAR,
    VERB_EMIT,
};

struct assignment {
    uint32_t variable;
    struct expression expression;
};

struct action {
    enum verb verb;
    uint32_t variable;                    /* of the machine; not of assign, emit */
    struct expression expression;         /* count key, sum, add */
    const struct assignment *assignments; /* assign */
    uint32_t assignment_count;
    const struct emit *emit;
    uint32_t rule;
};

/* Actions that one guard decides on. */
struct action_block {
    struct expression guard;
    const struct action *actions;
    uint32_t action_count;
};

struct actions {
    const struct action_block *blocks;
    uint32_t block_count;
};

struct transition {
    bool has_target;
    uint32_t target;
    struct expression guard;
    const struct emit *emit; /* NULL: none */
    struct actions actions;
    uint32_t rule;
    struct diag_pos at;
};

struct transitions {
    const struct transition *items;
    uint32_t count;
};

enum timer_kind { TIMER_AFTER, TIMER_IDLE, TIMER_AT };

struct timer {
    enum timer_kind kind;
    int64_t duration_ms; /* after, idle */
    struct slice text;   /* as written */
    uint32_t variable;   /* at */
    struct transitions transitions;
    struct diag_pos at;
};

/* What an `on` says, as written: for --dot and for the checks. */
struct reaction {
    struct slice name; /* '*' too */
    struct transitions transitions;
    struct diag_pos at;
};

struct state {
    struct slice name;
    const struct yaml_node *description; /* or NULL */
    bool is_goal;
    struct actions entry, exit;
    const struct timer *timers; /* in the order of the file */
    uint32_t timer_count;
    uint64_t idle_mask, at_mask; /* which of them */
    struct transitions always;
    const struct reaction *reactions;
    uint32_t reaction_count;
    const struct transitions *any; /* '*', or NULL */
    struct diag_pos at;
};

/* What one machine does about one name. */
struct handler_state {
    uint32_t state;
    const struct transitions *transitions;
};

struct handler {
    const struct actions *observe;        /* or NULL */
    const struct transitions *machine_on; /* of the machine's `on`, or NULL */
    const struct handler_state *by_state; /* sorted by state */
    uint32_t by_state_count;
};

struct variable {
    struct slice name;
    struct diag_pos at;
    bool is_assigned, is_counted, is_summed; /* by some action, not just null: for the checks */
};

struct observation {
    struct slice name;
    struct diag_pos at;
    struct actions actions;
};

struct machine {
    struct slice name;
    const struct yaml_node *description;
    const struct yaml_node *root;
    const char *file;
    struct diag_pos name_at;

    struct state *states;
    uint32_t state_count, initial;

    /* The first variable_count of layout_variables are the file's own; behind them the hidden ones. */
    struct variable *variables;
    uint32_t variable_count, hidden_count;
    struct layout_variable *layout_variables;
    bool asks_touched, asks_removed; /* an expression calls touched(), removed(): it is noted */

    const struct field *data;
    uint32_t data_count;
    const struct observation *observations;
    uint32_t observation_count;
    const struct reaction *reactions; /* of the machine's `on` */
    uint32_t reaction_count;
    const struct transitions *any; /* '*' of the machine's `on` */
    const struct emit *emit_transitions;
    struct emit *emits; /* all of them */
    bool has_any;       /* a '*' anywhere */
    bool has_timers;
    bool has_yaml_errors; /* while loading */
};

struct rules {
    struct arena arena;
    struct yaml_file *files[RULES_MACHINES_MAX];
    struct machine machines[RULES_MACHINES_MAX];
    uint32_t machine_count;
    struct layout layout;
    struct event_wants wants;

    struct slice *
        names; /* canonical event names and signal types that machines name; the id is the index + 1 */
    size_t name_count, name_capacity;
    struct event_path *paths;
    size_t path_count, path_capacity;
    struct slice *signal_types;
    size_t signal_type_count, signal_type_capacity;
    struct cel_program **programs;
    size_t program_count, program_capacity;
    const char **places; /* FILE:LINE:COLUMN of each rule */
    size_t rule_count, rule_capacity;

    /* By name id: which machines look at an event (or a signal) of that name; 0 is any other name. */
    uint64_t *event_machines;
    uint64_t *signal_machines;
    const struct handler *
        *handlers; /* [name id * machine_count + machine], NULL where it does not name it */
    uint64_t idle_machines;  /* those with an idle timer somewhere */
    uint64_t timer_machines; /* those with any timer */
    uint64_t initial_timers; /* those with a timer in their initial state */

    size_t *state_counters;   /* where a machine's begin, the total behind them */
    size_t *initial_counters; /* of their initial states */
    size_t *transition_counters;
    struct slice *state_fields, *transition_fields; /* their names in Redis */

    uint32_t order_completed, customer_forgotten; /* name ids */
    uint32_t slot_order_id;
    bool
        wants_items; /* the slots below are asked for: some machine has a verb for items, or names `event` as a whole */
    uint32_t slot_properties, slot_product_id, slot_name, slot_price, slot_quantity, slot_products;
    uint32_t slot_currency;
    int64_t forget_after_ms; /* 0: never */
    uint64_t hash;
    const struct value *constants; /* a map, or NULL */
};

/* Room for one more element of `size` bytes in a vector made by malloc. */
void *machine_grow(void *items, size_t count, size_t *capacity, size_t size);

/* The number of a name: given once and for all. */
uint32_t machine_name_id(struct rules *rules, struct slice name);

/* The number of a name that is known, else 0. */
uint32_t machine_find_name(const struct rules *rules, struct slice name);

/* The event slot of a path: given once and for all. `segments` are copied. */
uint32_t machine_want_path(struct rules *rules, enum event_root root, const struct slice *segments,
                           uint32_t segment_count);

/* Asks for what the verbs for items read. */
void machine_want_items(struct rules *rules);

/* The one copy of a signal type. */
struct slice machine_signal_type(struct rules *rules, struct slice type);

/* What the handler says of a state, or NULL. */
const struct transitions *machine_handler_find(const struct handler *handler, uint32_t state);

#endif
