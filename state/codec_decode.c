/*
 * A record read: state/codec.h has its form.
 *
 * One way for all layouts: a plan says for each machine, state and variable on the wire where it
 * goes in the current layout, or that it is gone. For the current layout itself the plan is the
 * identity.
 */
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/mp.h"
#include "core/utf8.h"
#include "state/codec.h"
#include "state/heap.h"
#include "state/items.h"
#include "state/texts.h"
#include "state/window.h"

#define GONE LAYOUT_NONE

/* So many timers were kept for their ranks once: of more than CUSTOMER_FIRED_MAX the earliest deadlines go. */
#define FIRED_READ_MAX 255

/* Times and counts of foreign bytes stay where sums of them can't overflow. */
#define NUMBER_MAX (INT64_C(1) << 53)

struct plan_variable {
    const struct layout_variable *wire;
    const struct layout_variable *here; /* NULL: gone, or of another type */
    uint32_t index;                     /* of the machine's variables here */
};

struct plan_machine {
    const struct layout_machine *wire;
    uint32_t here;                   /* or GONE */
    uint32_t *states;                /* owned; wire -> here, or GONE */
    struct plan_variable *variables; /* owned */
};

struct plan {
    uint64_t id;
    struct layout *owned; /* of an older layout; NULL: the current one */
    uint32_t machine_count;
    struct plan_machine *machines; /* owned */
};

struct codec {
    const struct layout *layout;
    struct plan **plans; /* owned; the first is the current layout's */
    size_t plan_count;
};

/* ---- plans */

/* Buckets of another width can't be shared out; a count is not a sum. */
static bool same_type(const struct layout_variable *a, const struct layout_variable *b)
{
    if (a->type != b->type)
        return false;
    return a->type != LAYOUT_WINDOW ||
           (a->bucket_ms == b->bucket_ms && a->window_is_sum == b->window_is_sum);
}

static void plan_variable(const struct layout_machine *machine, struct plan_variable *plan)
{
    for (uint32_t v = 0; v < machine->variable_count; v++) {
        const struct layout_variable *here = &machine->variables[v];
        if (!slice_equal(here->name, plan->wire->name) || !same_type(here, plan->wire))
            continue;
        plan->here = here;
        plan->index = v;
    }
}

static void plan_machine(const struct layout *layout, const struct layout_machine *wire,
                         struct plan_machine *plan)
{
    plan->wire = wire;
    plan->here = layout_find_machine(layout, wire->name);
    plan->states = heap_grow(NULL, (wire->state_count + 1u) * sizeof(*plan->states));
    plan->variables = heap_new((wire->variable_count + 1u) * sizeof(*plan->variables));
    const struct layout_machine *here = plan->here == GONE ? NULL : &layout->machines[plan->here];
    for (uint32_t s = 0; s < wire->state_count; s++)
        plan->states[s] = here ? layout_find_state(here, wire->states[s]) : GONE;
    for (uint32_t v = 0; v < wire->variable_count; v++) {
        plan->variables[v].wire = &wire->variables[v];
        if (here)
            plan_variable(here, &plan->variables[v]);
    }
}

static struct plan *plan_new(const struct layout *layout, const struct layout *wire)
{
    struct plan *plan = heap_new(sizeof(*plan));
    plan->id = wire->id;
    plan->machine_count = wire->machine_count;
    plan->machines = heap_new((wire->machine_count + 1u) * sizeof(*plan->machines));
    for (uint32_t m = 0; m < wire->machine_count; m++)
        plan_machine(layout, &wire->machines[m], &plan->machines[m]);
    return plan;
}

static void plan_free(struct plan *plan)
{
    for (uint32_t m = 0; m < plan->machine_count; m++) {
        free(plan->machines[m].states);
        free(plan->machines[m].variables);
    }
    free(plan->machines);
    codec_layout_free(plan->owned);
    free(plan);
}

static const struct plan *find_plan(const struct codec *codec, uint64_t id)
{
    for (size_t i = 0; i < codec->plan_count; i++)
        if (codec->plans[i]->id == id)
            return codec->plans[i];
    return NULL;
}

static void keep_plan(struct codec *codec, struct plan *plan)
{
    codec->plans = heap_grow(codec->plans, (codec->plan_count + 1) * sizeof(struct plan *));
    codec->plans[codec->plan_count++] = plan;
}

struct codec *codec_new(const struct layout *layout)
{
    struct codec *codec = heap_new(sizeof(*codec));
    codec->layout = layout;
    keep_plan(codec, plan_new(layout, layout));
    return codec;
}

void codec_free(struct codec *codec)
{
    if (!codec)
        return;
    for (size_t i = 0; i < codec->plan_count; i++)
        plan_free(codec->plans[i]);
    free(codec->plans);
    free(codec);
}

bool codec_knows(const struct codec *codec, uint64_t id)
{
    return find_plan(codec, id) != NULL;
}

enum err codec_know(struct codec *codec, uint64_t id, struct slice description,
                    struct errinfo *info)
{
    if (codec_knows(codec, id))
        return ERR_NONE;
    struct layout *wire = hash_bytes(description) == id ? codec_layout_read(description) : NULL;
    if (!wire || wire->id != id) { /* the second: one that says things which ours never do */
        codec_layout_free(wire);
        return err_set(info, ERR_REJECT, "layout %llu: its %zu bytes are not that layout's",
                       (unsigned long long)id, description.size);
    }
    struct plan *plan = plan_new(codec->layout, wire);
    plan->owned = wire;
    keep_plan(codec, plan);
    return ERR_NONE;
}

/* ---- tokens */

static bool read_array(struct mp *mp, uint32_t *count)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || token.kind != MP_ARRAY)
        return false;
    *count = token.count;
    return true;
}

/* nil: nothing there, *count is 0. */
static bool read_optional(struct mp *mp, enum mp_kind kind, uint32_t *count)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || (token.kind != kind && token.kind != MP_NIL))
        return false;
    *count = token.kind == kind ? token.count : 0;
    return true;
}

static bool read_int(struct mp *mp, int64_t *value)
{
    struct mp_token token;
    if (!mp_read(mp, &token) || token.kind != MP_INT)
        return false;
    *value = token.i;
    return true;
}

static bool read_bounded(struct mp *mp, int64_t least, int64_t most, int64_t *value)
{
    return read_int(mp, value) && *value >= least && *value <= most;
}

static bool read_uint64(struct mp *mp, uint64_t *value)
{
    struct mp_token token;
    if (!mp_read(mp, &token))
        return false;
    if (token.kind == MP_UINT)
        *value = token.u;
    else
        *value = (uint64_t)token.i;
    return token.kind == MP_UINT || (token.kind == MP_INT && token.i >= 0);
}

static bool amount_of(const struct mp_token *token, double *value)
{
    *value = token->kind == MP_INT ? (double)token->i : token->d;
    return token->kind == MP_INT || token->kind == MP_DOUBLE;
}

static bool read_amount(struct mp *mp, double *value)
{
    struct mp_token token;
    return mp_read(mp, &token) && amount_of(&token, value);
}

static bool text_of(const struct mp_token *token, size_t size_max, struct slice *text)
{
    *text = token->bytes;
    return token->kind == MP_STR && token->bytes.size <= size_max && utf8_valid(token->bytes);
}

static bool read_text(struct mp *mp, size_t size_max, struct slice *text)
{
    struct mp_token token;
    return mp_read(mp, &token) && text_of(&token, size_max, text);
}

/* nil: size 0. */
static bool read_optional_text(struct mp *mp, size_t size_max, struct slice *text)
{
    struct mp_token token;
    if (!mp_read(mp, &token))
        return false;
    *text = (struct slice){NULL, 0};
    return token.kind == MP_NIL || text_of(&token, size_max, text);
}

/* ---- variables: `wire_max` bounds what is read, the variable's own `max` what is kept */

static bool read_scalar(struct mp *mp, enum layout_type type, union customer_slot *slot)
{
    struct mp_token token;
    if (!mp_read(mp, &token))
        return false;
    if (type == LAYOUT_BOOL && token.kind == MP_BOOL)
        slot->b = token.b;
    else if (type != LAYOUT_BOOL && token.kind == MP_INT)
        slot->i = token.i;
    else
        return type == LAYOUT_TIMESTAMP && token.kind == MP_NIL;
    return true;
}

static bool read_line(struct mp *mp, struct items_line *line)
{
    struct mp_token price;
    if (!read_text(mp, ITEMS_ID_SIZE_MAX, &line->product_id) || line->product_id.size == 0 ||
        !read_optional_text(mp, ITEMS_NAME_SIZE_MAX, &line->name) || !mp_read(mp, &price))
        return false;
    line->has_price = price.kind != MP_NIL;
    line->price = 0;
    if (line->has_price && !amount_of(&price, &line->price))
        return false;
    return read_amount(mp, &line->quantity);
}

/* Beyond `max` the oldest lines go, the first ones. */
static bool read_items(struct mp *mp, uint32_t wire_max, uint32_t max, struct items **items)
{
    uint32_t count;
    struct slice currency;
    if (!read_optional(mp, MP_ARRAY, &count))
        return false;
    if (count == 0)
        return true;
    uint32_t lines = (count - 1) / 4;
    if (count % 4 != 1 || lines == 0 || lines > wire_max ||
        !read_optional_text(mp, ITEMS_CURRENCY_SIZE_MAX, &currency))
        return false;
    for (uint32_t i = 0; i < lines; i++) {
        struct items_line line;
        if (!read_line(mp, &line))
            return false;
        if (lines - i <= max)
            items_restore(items, &line);
    }
    items_set_currency(*items, currency);
    return true;
}

/* Beyond `max` the newest texts go: they would not have been let in. */
static bool read_set(struct mp *mp, uint32_t wire_max, uint32_t max, struct texts **texts)
{
    uint32_t count;
    if (!read_optional(mp, MP_ARRAY, &count) || count > wire_max)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct slice text;
        if (!read_text(mp, TEXTS_TEXT_SIZE_MAX, &text) || text.size == 0)
            return false;
        if (i < max)
            texts_restore_text(texts, text);
    }
    return true;
}

static bool read_counter(struct mp *mp, uint32_t wire_max, uint32_t max, struct texts **texts)
{
    uint32_t count;
    if (!read_optional(mp, MP_MAP, &count) || count > wire_max)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct slice key;
        int64_t counted;
        if (!read_text(mp, TEXTS_TEXT_SIZE_MAX, &key) || key.size == 0 ||
            !read_bounded(mp, 1, NUMBER_MAX, &counted))
            return false;
        if (i < max)
            texts_restore(texts, key, counted);
    }
    return true;
}

/* More buckets than a smaller window has do no harm: it reads its own only. */
static bool read_window(struct mp *mp, bool is_sum, struct window **window)
{
    uint32_t count;
    int64_t bucket;
    if (!read_optional(mp, MP_ARRAY, &count))
        return false;
    if (count == 0)
        return true;
    if (count - 1 > WINDOW_SPAN_MAX || !read_bounded(mp, -NUMBER_MAX, NUMBER_MAX, &bucket))
        return false;
    for (uint32_t i = 1; i < count; i++, bucket++) {
        int64_t counted = 0;
        double sum = 0;
        if (is_sum ? !read_amount(mp, &sum) : !read_bounded(mp, 0, NUMBER_MAX, &counted))
            return false;
        if (counted != 0 || sum != 0)
            window_restore(window, is_sum, bucket, counted, sum);
    }
    return true;
}

static bool read_variable(struct mp *mp, const struct layout_variable *wire,
                          const struct layout_variable *here, union customer_slot *slot)
{
    struct slice text;
    switch (here->type) {
    case LAYOUT_BOOL:
    case LAYOUT_INT:
    case LAYOUT_TIMESTAMP:
        return read_scalar(mp, here->type, slot);
    case LAYOUT_DOUBLE:
        return read_amount(mp, &slot->d);
    case LAYOUT_STRING:
        if (!read_text(mp, wire->max, &text))
            return false;
        customer_string_set(slot, text, here->max);
        return true;
    case LAYOUT_LINE_ITEMS:
        return read_items(mp, wire->max, here->max, &slot->items);
    case LAYOUT_SET:
        return read_set(mp, wire->max, here->max, &slot->texts);
    case LAYOUT_COUNTER:
        return read_counter(mp, wire->max, here->max, &slot->texts);
    case LAYOUT_WINDOW:
        return read_window(mp, here->window_is_sum, &slot->window);
    }
    return false;
}

/* ---- machines */

/* Where the spent bits of a machine go. */
struct spent {
    const struct layout_timers *wire, *here; /* NULL, both of them: by position */
    uint64_t *words;                         /* NULL: nowhere */
    uint32_t word_count;
};

static void spend(const struct spent *spent, int64_t timer)
{
    if (timer >= 0)
        spent->words[timer / 64] |= UINT64_C(1) << (timer % 64);
}

static void take_word(const struct spent *spent, uint32_t index, uint64_t word)
{
    if (!spent->wire) {
        if (index < spent->word_count)
            spent->words[index] = word;
        return;
    }
    for (; word; word &= word - 1) {
        uint64_t bit = (uint64_t)index * 64 + (uint64_t)__builtin_ctzll(word);
        if (bit < spent->wire->count)
            spend(spent, layout_find_timer(spent->here, &spent->wire->items[bit]));
    }
}

static bool read_words(struct mp *mp, uint32_t wire_max, const struct spent *spent)
{
    uint32_t count;
    if (!read_optional(mp, MP_ARRAY, &count) || count > wire_max)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word;
        if (!read_uint64(mp, &word))
            return false;
        if (spent->words)
            take_word(spent, i, word);
    }
    return true;
}

/* What a record being read is made of. */
struct reading {
    const struct layout *layout;
    struct mp mp;
    struct customer *customer;
    uint32_t flags;
};

static const struct layout_timers no_timers = {NULL, 0};

/* By position where nothing has changed, or where the older layout does not tell. */
static struct spent spent_of(const struct reading *reading, const struct plan_machine *plan,
                             uint32_t state)
{
    const struct layout_machine *here = &reading->layout->machines[plan->here];
    struct spent spent = {
        .words = customer_timer_words(reading->layout, reading->customer, plan->here),
        .word_count = here->timer_words,
    };
    if (plan->wire != here && plan->wire->timers) {
        spent.wire = &plan->wire->timers[state];
        spent.here = here->timers ? &here->timers[plan->states[state]] : &no_timers;
    }
    return spent;
}

static bool is_past(const struct reading *reading, const struct layout_machine *machine,
                    struct slice variable)
{
    uint32_t index = (uint32_t)(machine - reading->layout->machines);
    const union customer_slot *slots = customer_slots(reading->layout, reading->customer, index);
    for (uint32_t v = 0; v < machine->variable_count; v++)
        if (slice_equal(machine->variables[v].name, variable)) {
            int64_t at_ms = slots[v].i;
            return at_ms != CUSTOMER_NO_TIME && at_ms <= reading->customer->clock_ms;
        }
    return false;
}

/*
 * An `at` that is new in the customer's state, or in which the customer is newly, is armed only
 * while its time is to come. Once the variables are read.
 */
static void rest_past(const struct reading *reading, const struct plan_machine *plan,
                      uint32_t wire_state)
{
    if (plan->here == GONE)
        return;
    const struct layout_machine *here = &reading->layout->machines[plan->here];
    bool is_kept = plan->states[wire_state] != GONE;
    bool is_told = plan->wire->timers || plan->wire->timer_words == 0;
    if (plan->wire == here || !here->timers || (is_kept && !is_told))
        return;
    const struct layout_timers *former =
        is_kept && plan->wire->timers ? &plan->wire->timers[wire_state] : &no_timers;
    const struct layout_timers *timers =
        &here->timers[customer_machine(reading->layout, reading->customer, plan->here)->state];
    struct spent spent = {.words =
                              customer_timer_words(reading->layout, reading->customer, plan->here)};
    CHECK(spent.words || timers->count == 0); /* read_machine() has made the part */
    for (uint32_t i = 0; i < timers->count; i++) {
        const struct layout_timer *timer = &timers->items[i];
        if (timer->kind == LAYOUT_AT && layout_find_timer(former, timer) < 0 &&
            is_past(reading, here, timer->variable))
            spend(&spent, i);
    }
}

static bool read_state(struct reading *reading, const struct plan_machine *plan,
                       uint32_t *wire_state)
{
    struct customer *customer = reading->customer;
    int64_t state, age;
    if (!read_bounded(&reading->mp, 0, plan->wire->state_count - 1, &state) ||
        !read_bounded(&reading->mp, -NUMBER_MAX, NUMBER_MAX, &age))
        return false;
    struct spent spent = {0};
    if (plan->here != GONE && plan->states[state] != GONE) {
        *customer_machine(reading->layout, customer, plan->here) =
            (struct customer_machine){customer->clock_ms - age, (uint16_t)plan->states[state]};
        spent = spent_of(reading, plan, (uint32_t)state);
    } else if (plan->here != GONE) {
        reading->flags |= CODEC_STATE_GONE; /* in the initial state since the clock, as made */
    }
    *wire_state = (uint32_t)state;
    return read_words(&reading->mp, plan->wire->timer_words, &spent);
}

static bool read_machine(struct reading *reading, const struct plan_machine *plan)
{
    uint32_t count, wire_state;
    union customer_slot *slots = NULL;
    if (plan->here != GONE) {
        customer_machine(reading->layout, reading->customer, plan->here); /* its part is there */
        slots = customer_slots(reading->layout, reading->customer, plan->here);
    }
    if (!read_array(&reading->mp, &count) || count != 3 + plan->wire->variable_count ||
        !read_state(reading, plan, &wire_state))
        return false;
    for (uint32_t v = 0; v < plan->wire->variable_count; v++) {
        const struct plan_variable *variable = &plan->variables[v];
        bool read = variable->here && slots ? read_variable(&reading->mp, variable->wire,
                                                            variable->here, &slots[variable->index])
                                            : mp_skip(&reading->mp, MP_DEPTH_MAX);
        if (!read)
            return false;
    }
    rest_past(reading, plan, wire_state);
    return true;
}

/* ---- the rest of the record */

static bool read_ids(struct mp *mp, struct customer *customer)
{
    struct mp_token token;
    if (!mp_read(mp, &token))
        return false;
    if (token.kind == MP_NIL)
        return true;
    if (token.kind != MP_BIN || token.bytes.size == 0 || token.bytes.size % 8 != 0 ||
        token.bytes.size > CUSTOMER_IDS_MAX * 8)
        return false;
    uint64_t ids[CUSTOMER_IDS_MAX];
    uint32_t count = (uint32_t)(token.bytes.size / 8);
    memcpy(ids, token.bytes.data, token.bytes.size);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = __builtin_bswap64(ids[i]);
    customer_ids_restore(customer, ids, count);
    return true;
}

static bool read_fired(struct reading *reading, const struct plan *plan)
{
    uint32_t count;
    if (!read_optional(&reading->mp, MP_ARRAY, &count) || count % 3 != 0 ||
        count > 3 * FIRED_READ_MAX)
        return false;
    for (uint32_t i = 0; i < count; i += 3) {
        int64_t machine, deadline_ms, rank_next;
        if (!read_bounded(&reading->mp, 0, (int64_t)plan->machine_count - 1, &machine) ||
            !read_int(&reading->mp, &deadline_ms) ||
            !read_bounded(&reading->mp, -(int64_t)UINT32_MAX, UINT32_MAX, &rank_next))
            return false;
        uint32_t here = plan->machines[machine].here;
        if (here == GONE)
            continue;
        customer_fired_restore(reading->customer,
                               (struct customer_fired){.deadline_ms = deadline_ms,
                                                       .rank_next = (uint32_t)llabs(rank_next),
                                                       .machine = (uint16_t)here,
                                                       .is_idle = rank_next < 0});
    }
    return true;
}

/* What stands before the ids. */
struct head {
    uint32_t count;
    uint64_t layout;
    int64_t clock_ms;
    int64_t quiet_ms;
    uint64_t order_hash;
};

static bool read_head(struct mp *mp, struct head *head)
{
    return read_array(mp, &head->count) && read_uint64(mp, &head->layout) &&
           read_bounded(mp, -NUMBER_MAX, NUMBER_MAX, &head->clock_ms) &&
           read_bounded(mp, -NUMBER_MAX, NUMBER_MAX, &head->quiet_ms) &&
           read_uint64(mp, &head->order_hash);
}

static bool read_body(struct reading *reading, const struct plan *plan)
{
    if (!read_ids(&reading->mp, reading->customer) || !read_fired(reading, plan))
        return false;
    for (uint32_t m = 0; m < plan->machine_count; m++)
        if (!read_machine(reading, &plan->machines[m]))
            return false;
    return reading->mp.pos == reading->mp.end;
}

enum err codec_decode(const struct codec *codec, struct slice key, struct slice record,
                      struct customer **customer, uint32_t *flags, struct errinfo *info)
{
    struct reading reading = {.layout = codec->layout, .mp = mp_of(record)};
    struct head head;
    if (key.size == 0 || key.size > CUSTOMER_KEY_SIZE_MAX)
        return err_set(info, ERR_REJECT, "a record's key has %zu bytes", key.size);
    if (!read_head(&reading.mp, &head))
        return err_set(info, ERR_REJECT, "a record of %zu bytes is not one of ours", record.size);
    const struct plan *plan = find_plan(codec, head.layout);
    if (!plan)
        return err_set(info, ERR_REJECT, "a record has the layout %llu, which is not known",
                       (unsigned long long)head.layout);
    reading.customer = customer_new(codec->layout, key, head.clock_ms);
    reading.customer->last_seen_ms = head.clock_ms - head.quiet_ms;
    reading.customer->order_hash = head.order_hash;
    reading.flags = plan->owned ? CODEC_CONVERTED : 0;
    if (head.count != 6 + plan->machine_count || !read_body(&reading, plan)) {
        size_t at = (size_t)(reading.mp.pos - record.data);
        customer_free(codec->layout, reading.customer);
        return err_set(info, ERR_REJECT, "a record of %zu bytes is damaged near byte %zu",
                       record.size, at);
    }
    customer_drop_parts(codec->layout, reading.customer);
    *customer = reading.customer;
    if (flags)
        *flags = reading.flags;
    return ERR_NONE;
}
