/*
 * rules/step.h - one customer, one input, at work: what the parts of the step share. Private to rules/.
 *
 * A struct step lives on the stack of rules_step_event() or rules_step_timers(). It goes through the machines that have
 * something to do, in order; for each of them through the input (event, or the machine's own timer) and then through the
 * signals of the machines before it. `changes` and `from`, `to` are of the machine and the input at hand.
 */
#ifndef RULES_STEP_H
#define RULES_STEP_H

#include "core/mp.h"
#include "rules/machine.h"

enum step_input { STEP_EVENT, STEP_TIMER, STEP_SIGNAL };

/* A set of texts by their hash: which elements this step has touched. Zeros: empty. Most have one, which needs no memory. */
struct marks {
    uint64_t only;            /* the hash, while there is no more than one */
    uint64_t *hashes;         /* open addressing, 0: free */
    uint32_t count, capacity; /* 0: no array yet */
};

/* What touched() and removed() ask of one variable. */
struct change {
    struct change *next;
    uint32_t variable;
    bool is_saved;
    struct value before; /* of a scalar: at the start of the step */
    struct marks touched, removed;
};

struct step {
    struct cel_activation activation; /* its self is the step */
    struct rules_context *context;
    const struct rules *rules;
    struct customer *customer;
    int64_t now_ms;
    size_t first_signal; /* of this step in context->signals */
    uint64_t pending;    /* machines that still have something to do */
    uint64_t rearmed;    /* machines whose earliest deadline may have become earlier */

    /* What set the step off. */
    const struct event *event; /* NULL: a timer */
    uint32_t timer_machine;
    int64_t timer_deadline_ms;
    bool timer_is_idle;

    /* The machine and the input at hand. */
    uint32_t index;
    const struct machine *machine;
    const struct layout_machine *layout;
    struct customer_machine *at; /* its state in the record */
    union customer_slot *slots;
    enum step_input input;
    struct signal signal;      /* STEP_SIGNAL: a copy, since the list moves when it grows */
    struct slice signal_value; /* its map of section 7, made when it is asked for */
    uint32_t from, to;         /* of the transition at hand */
    struct change *changes;    /* of the variables that have changed, where somebody asks: few */
};

/* ---- step_machine.c */

/* Lets the machines of `mask` have the input, and all of them the signals that come of it. */
void step_run(struct step *step, uint64_t mask, enum step_input input,
              const struct transitions *timer);

/* ---- step_actions.c */
void step_actions(struct step *step, const struct actions *actions);
bool step_guard(struct step *step, const struct expression *guard);

/* A text as the record keeps it: at most 128 bytes, cut between characters. */
struct slice step_element(struct slice text);

/* ---- step_items.c */
void step_items(struct step *step, const struct action *action);

/* The ids of the event's products, else the one; an empty list where it has none. */
struct value step_product_ids(struct step *step);

/* ---- step_emit.c */
void step_emit(struct step *step, const struct emit *emit, int64_t time_in_state_ms);

/* ---- step_timers.c */

/*
 * A bit of customer->flags, beside those of enum customer_flag: it is known that no idle timer of the record is spent, so an event has
 * none to arm anew. Clear on a record that was made or loaded, which is looked through once.
 */
#define STEP_NO_IDLE_SPENT 128
static_assert(CUSTOMER_GONE < STEP_NO_IDLE_SPENT, "the flags are apart");

#define STEP_FORGET UINT32_MAX /* the machine of the timer memory.forget_after: behind all others */

struct due {
    int64_t deadline_ms; /* CUSTOMER_NEVER: there is none */
    uint32_t machine, timer;
};

/*
 * The first timer of all, by deadline, machine and order in the file. Machines that prove to have none to come lose their
 * bit in customer->armed, and are not looked at again until they are armed.
 */
struct due step_first_due(const struct rules *rules, struct customer *customer);

/* The earliest deadline of one machine. */
int64_t step_machine_deadline(const struct rules *rules, const struct customer *customer,
                              uint32_t machine);

/* The machine may have a timer to come that it did not have before. */
static inline void step_rearmed(struct step *step, uint32_t machine)
{
    step->rearmed |= UINT64_C(1) << machine;
    step->customer->armed |= UINT64_C(1) << machine;
}

/* On entering a state: nothing spent, `at` timers armed where their time is to come. */
void step_arm(struct step *step);

/* A timestamp has been set: arms the state's `at` timers that hold it anew. */
void step_arm_at(struct step *step, uint32_t variable);

/* ---- step_changes.c */
void step_touch(struct step *step, uint32_t variable, struct slice element);
void step_remove(struct step *step, uint32_t variable, struct slice element);

/* Before a container loses everything. */
void step_remove_all(struct step *step, uint32_t variable);

/* Before a scalar or a window changes. */
void step_save(struct step *step, uint32_t variable);
int64_t step_touched(struct step *step, uint32_t variable);
int64_t step_removed(struct step *step, uint32_t variable);

/* ---- context.c: what expressions see */

/* Names are numbered: what kind of thing, and which. */
enum slot_kind {
    SLOT_EVENT = 1,
    SLOT_EVENT_NAME,
    SLOT_EVENT_TIME,
    SLOT_EVENT_ID,
    SLOT_EVENT_CUSTOMER,
    SLOT_EVENT_LATE,
    SLOT_EVENT_RAW,
    SLOT_PATH,
    SLOT_CONTEXT,
    SLOT_VARIABLE,
    SLOT_STATE,
    SLOT_ENTERED,
    SLOT_NOW,
    SLOT_MACHINE_STATE,
};
#define SLOT_NUMBER(kind, index) (((uint32_t)(kind) << 24) | (uint32_t)(index))
#define SLOT_KIND(slot)          ((enum slot_kind)((slot) >> 24))
#define SLOT_INDEX(slot)         ((slot)&0xffffffu)

struct value step_load(struct cel_activation *activation, uint32_t slot);
struct value step_select(struct cel_activation *activation, struct value map, struct slice key);

/* The value of an event's path, of whatever input: VALUE_ABSENT where there is none. */
struct value step_path(struct step *step, uint32_t path);
int64_t step_event_time(const struct step *step);
struct slice step_event_name(const struct step *step);
struct value step_variable(struct step *step, uint32_t variable);

static inline struct step *step_of(struct cel_activation *activation)
{
    return activation->self;
}

/*
 * Goes through a list. What lies in the message is walked once from its beginning: by index each element would be looked
 * for anew, and a message can hold many. Of what is no list: nothing.
 */
struct step_list {
    struct value list;
    struct mp mp; /* of a RAW list: behind its head */
    uint32_t index, count;
};
struct step_list step_list_of(struct value list);
bool step_list_next(struct step *step, struct step_list *cursor, struct value *element);

/* A number, or a number in text; false for anything else. Not finite is a number too. */
bool step_number(struct value value, double *number);

/* An error: counted, in all and by its rule. */
void step_failed(struct step *step, uint64_t *counter, uint32_t rule, struct slice message);

/* ---- functions.c */
extern const struct cel_function step_functions[];
extern const uint32_t step_function_count;

#endif
