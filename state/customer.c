#include "state/customer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/utf8.h"
#include "state/heap.h"
#include "state/items.h"
#include "state/texts.h"
#include "state/window.h"

struct customer_string {
    uint32_t size;
    char bytes[];
};

/* A look-up of ids is a scan of two cache lines; a map would cost more than it saves. */
static_assert(CUSTOMER_IDS_MAX * sizeof(uint64_t) <= 128, "the ring of ids stays small");
static_assert(CUSTOMER_KEY_SIZE_MAX <= UINT8_MAX, "key_size holds a key's size");
static_assert(CUSTOMER_FIRED_MAX <= UINT8_MAX, "fired_count holds their number");

static_assert(sizeof(void *) == sizeof(uint64_t), "a part's word holds an address");

/* The struct's own size counts too: a layout without machines may end before its padding does. */
static size_t fixed_size(const struct layout *layout, size_t key_size)
{
    size_t size = layout->key_at + key_size;
    return size < sizeof(struct customer) ? sizeof(struct customer) : size;
}

/* ---- parts */

/* Into memory that holds no containers: the machines of one part, entered at `entered_ms`. */
static void begin_part(const struct layout *layout, char *part, uint32_t first, int64_t entered_ms)
{
    for (uint32_t m = first; m < layout->machines[first].part_end; m++) {
        const struct layout_machine *machine = &layout->machines[m];
        union customer_slot *slots = (union customer_slot *)(void *)(part + machine->slots_at);
        *(struct customer_machine *)(void *)(part + machine->machine_at) =
            (struct customer_machine){entered_ms, (uint16_t)machine->initial};
        for (uint32_t v = 0; v < machine->variable_count; v++)
            slots[v] = customer_first_value(&machine->variables[v]);
        memset(part + machine->words_at, 0, machine->timer_words * sizeof(uint64_t));
    }
}

static void clear_part(const struct layout *layout, char *part, uint32_t first)
{
    for (uint32_t m = first; m < layout->machines[first].part_end; m++) {
        const struct layout_machine *machine = &layout->machines[m];
        union customer_slot *slots = (union customer_slot *)(void *)(part + machine->slots_at);
        for (uint32_t v = 0; v < machine->variable_count; v++)
            customer_clear(&machine->variables[v], &slots[v]);
    }
}

static uint64_t word_of_time(int64_t ms)
{
    return (uint64_t)ms << 1 | 1;
}

char *customer_make_part(const struct layout *layout, struct customer *customer,
                         const struct layout_machine *machine)
{
    int64_t entered_ms =
        customer_machine_now(layout, customer, (uint32_t)(machine - layout->machines)).entered_ms;
    char *part = heap_new(machine->part_size);
    begin_part(layout, part, machine->part_first, entered_ms);
    *customer_part(layout, customer, machine->part) = (uint64_t)(uintptr_t)part;
    return part;
}

/* Is all of the part's machine as it was made, at `entered_ms`? */
static bool is_untouched(const struct layout_machine *machine, const char *part, int64_t entered_ms)
{
    const struct customer_machine *at = (const void *)(part + machine->machine_at);
    const union customer_slot *slots = (const void *)(part + machine->slots_at);
    const uint64_t *words = (const void *)(part + machine->words_at);
    if (at->state != machine->initial || at->entered_ms != entered_ms)
        return false;
    for (uint32_t w = 0; w < machine->timer_words; w++)
        if (words[w] != 0)
            return false;
    for (uint32_t v = 0; v < machine->variable_count; v++)
        if (slots[v].i != customer_first_value(&machine->variables[v]).i)
            return false;
    return true;
}

void customer_drop_parts(const struct layout *layout, struct customer *customer)
{
    uint32_t end;
    for (uint32_t first = 0; first < layout->machine_count; first = end) {
        const struct layout_machine *machine = &layout->machines[first];
        char *part = customer_part_of(layout, customer, machine);
        end = machine->part_end;
        if (machine->part == 0 || !part)
            continue;
        int64_t entered_ms = customer_machine_now(layout, customer, first).entered_ms;
        uint32_t m = first;
        while (m < end && is_untouched(&layout->machines[m], part, entered_ms))
            m++;
        if (m < end)
            continue;
        free(part);
        *customer_part(layout, customer, machine->part) = word_of_time(entered_ms);
    }
}

/* ---- life */

static void begin(const struct layout *layout, struct customer *customer, int64_t now_ms)
{
    customer->clock_ms = now_ms;
    customer->last_seen_ms = now_ms;
    customer->order_hash = 0;
    customer->deadline_ms = CUSTOMER_NEVER;
    customer->armed = UINT64_MAX;
    if (layout->machine_count > 0)
        begin_part(layout, (char *)customer, 0, now_ms);
    for (uint32_t part = 1; part <= layout->part_count; part++)
        *customer_part(layout, customer, part) = word_of_time(now_ms);
}

struct customer *customer_new(const struct layout *layout, struct slice key, int64_t now_ms)
{
    CHECK(key.size >= 1 && key.size <= CUSTOMER_KEY_SIZE_MAX);
    struct customer *customer = heap_new(fixed_size(layout, key.size));
    customer->stored_deadline_ms = CUSTOMER_NEVER;
    customer->timer_index = CUSTOMER_NO_TIMER;
    customer->key_size = (uint8_t)key.size;
    memcpy((char *)customer + layout->key_at, key.data, key.size);
    begin(layout, customer, now_ms);
    return customer;
}

static void free_history(struct customer *customer)
{
    if (customer->history)
        free(customer->history->fired);
    free(customer->history);
    customer->history = NULL;
}

/* What machines and history own; the record itself must begin anew, or go. */
static void free_owned(const struct layout *layout, struct customer *customer)
{
    if (layout->machine_count > 0)
        clear_part(layout, (char *)customer, 0);
    for (uint32_t part = 1, m = 0; part <= layout->part_count; part++) {
        m = layout->machines[m].part_end;
        uint64_t word = *customer_part(layout, customer, part);
        if (word & 1)
            continue;
        char *own = (char *)(uintptr_t)word;
        clear_part(layout, own, m);
        free(own);
    }
    free_history(customer);
}

void customer_free(const struct layout *layout, struct customer *customer)
{
    if (!customer)
        return;
    free_owned(layout, customer);
    free(customer);
}

void customer_restart(const struct layout *layout, struct customer *customer, int64_t now_ms)
{
    free_owned(layout, customer);
    begin(layout, customer, now_ms);
}

/* ---- variables */

struct slice customer_string_get(union customer_slot slot)
{
    if (!slot.string)
        return (struct slice){NULL, 0};
    return (struct slice){slot.string->bytes, slot.string->size};
}

void customer_string_set(union customer_slot *slot, struct slice text, uint32_t max)
{
    text = utf8_cut(text, max);
    if (text.size == 0) {
        free(slot->string);
        slot->string = NULL;
        return;
    }
    struct customer_string *string = slot->string;
    if (!string || string->size != text.size) {
        /* Not realloc: the text may lie in the string that it replaces. */
        string = heap_grow(NULL, sizeof(*string) + text.size);
        string->size = (uint32_t)text.size;
    }
    memmove(string->bytes, text.data, text.size);
    if (string != slot->string)
        free(slot->string);
    slot->string = string;
}

struct value customer_value(const struct layout_variable *variable, const union customer_slot *slot,
                            int64_t now_ms)
{
    switch (variable->type) {
    case LAYOUT_BOOL:
        return value_bool(slot->b);
    case LAYOUT_INT:
        return value_int(slot->i);
    case LAYOUT_DOUBLE:
        return value_double(slot->d);
    case LAYOUT_STRING:
        return value_string(customer_string_get(*slot));
    case LAYOUT_TIMESTAMP:
        return slot->i == CUSTOMER_NO_TIME ? value_null() : value_timestamp_ms(slot->i);
    case LAYOUT_LINE_ITEMS:
        return items_value(slot->items);
    case LAYOUT_SET:
        return texts_set_value(slot->texts);
    case LAYOUT_COUNTER:
        return texts_counter_value(slot->texts);
    case LAYOUT_WINDOW:
        if (variable->window_is_sum)
            return value_double(
                window_sum(slot->window, variable->max, variable->bucket_ms, now_ms));
        return value_int(window_count(slot->window, variable->max, variable->bucket_ms, now_ms));
    }
    return value_null();
}

void customer_clear(const struct layout_variable *variable, union customer_slot *slot)
{
    switch (variable->type) {
    case LAYOUT_BOOL:
    case LAYOUT_INT:
    case LAYOUT_DOUBLE:
        *slot = (union customer_slot){.i = 0};
        return;
    case LAYOUT_STRING:
        free(slot->string);
        slot->string = NULL;
        return;
    case LAYOUT_TIMESTAMP:
        slot->i = CUSTOMER_NO_TIME;
        return;
    case LAYOUT_LINE_ITEMS:
        items_clear(&slot->items);
        return;
    case LAYOUT_SET:
    case LAYOUT_COUNTER:
        texts_clear(&slot->texts);
        return;
    case LAYOUT_WINDOW:
        window_clear(&slot->window);
        return;
    }
}

/* ---- history */

static size_t history_size(uint32_t id_capacity)
{
    return sizeof(struct customer_history) + (size_t)id_capacity * CUSTOMER_ID_REST;
}

/* With the head these fill malloc's sizes of 56, 88 and 152 bytes. */
static uint32_t grown_id_capacity(uint32_t capacity)
{
    return capacity < 3 ? 3 : capacity < 8 ? 8 : CUSTOMER_IDS_MAX;
}

static struct customer_history *history_with(struct customer *customer, uint32_t id_capacity)
{
    struct customer_history *history = customer->history;
    if (history && history->id_capacity >= id_capacity)
        return history;
    bool is_new = !history;
    history = heap_grow(history, history_size(id_capacity));
    if (is_new)
        memset(history, 0, sizeof *history);
    history->id_capacity = (uint8_t)id_capacity;
    customer->history = history;
    return history;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lowest bytes of a word come first");

/* One load, from the byte before the rest on, whatever that is. */
static uint64_t id_at(const struct customer_history *history, uint32_t place)
{
    const char *rests = (const char *)history + offsetof(struct customer_history, id_rests);
    uint64_t id;
    memcpy(&id, rests + (size_t)place * CUSTOMER_ID_REST - 1, sizeof id);
    return (id & ~UINT64_C(0xFF)) | history->id_tags[place];
}

static void put_id(struct customer_history *history, uint32_t place, uint64_t id_hash)
{
    uint64_t rest = id_hash >> 8;
    history->id_tags[place] = (uint8_t)id_hash;
    memcpy(history->id_rests[place], &rest, CUSTOMER_ID_REST);
}

/* Until the ring is full, entries lie in the order of arrival and id_next is their number. */
void customer_add_id(struct customer *customer, uint64_t id_hash)
{
    struct customer_history *history = customer->history;
    if (!history || history->id_next == history->id_capacity)
        history = history_with(customer, grown_id_capacity(history ? history->id_capacity : 0));
    put_id(history, history->id_next, id_hash);
    history->id_next = (uint8_t)((history->id_next + 1) % CUSTOMER_IDS_MAX);
    if (history->id_count < CUSTOMER_IDS_MAX)
        history->id_count++;
}

/* Is one of the 8 bytes this one? A byte of `differs` that is 0 borrows (Warren, Hacker's Delight, 6-1). */
static bool has_byte(const uint8_t bytes[8], uint8_t byte)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t differs;
    memcpy(&differs, bytes, 8);
    differs ^= ones * byte;
    return ((differs - ones) & ~differs & ones << 7) != 0;
}

bool customer_id_known(const struct customer *customer, uint64_t id_hash)
{
    const struct customer_history *history = customer->history;
    if (!history || (!has_byte(history->id_tags, (uint8_t)id_hash) &&
                     !has_byte(history->id_tags + 8, (uint8_t)id_hash)))
        return false;
    for (uint32_t i = 0; i < history->id_count; i++)
        if (id_at(history, i) == id_hash)
            return true;
    return false;
}

uint32_t customer_ids(const struct customer *customer, uint64_t ids[CUSTOMER_IDS_MAX])
{
    const struct customer_history *history = customer->history;
    uint32_t count = history ? history->id_count : 0;
    uint32_t oldest = count == CUSTOMER_IDS_MAX ? history->id_next : 0;
    for (uint32_t place = oldest; place < count; place++)
        *ids++ = id_at(history, place);
    for (uint32_t place = 0; place < oldest; place++)
        *ids++ = id_at(history, place);
    return count;
}

void customer_ids_restore(struct customer *customer, const uint64_t *ids, uint32_t count)
{
    CHECK(count <= CUSTOMER_IDS_MAX && !customer->history);
    uint32_t capacity = 0;
    while (capacity < count)
        capacity = grown_id_capacity(capacity);
    if (capacity == 0)
        return;
    struct customer_history *history = history_with(customer, capacity);
    for (uint32_t i = 0; i < count; i++)
        put_id(history, i, ids[i]);
    history->id_count = (uint8_t)count;
    history->id_next = (uint8_t)(count % CUSTOMER_IDS_MAX);
}

bool customer_fired_alive(const struct layout *layout, const struct customer *customer,
                          const struct customer_fired *fired, int64_t pending_ms)
{
    bool hears = layout->machines[fired->machine].hears_signals;
    int64_t heard_ms =
        customer->last_seen_ms < pending_ms ? customer->last_seen_ms : pending_ms - 1;
    if (fired->deadline_ms <= heard_ms && (fired->is_idle || hears))
        return false;
    return hears ||
           fired->deadline_ms > customer_machine_now(layout, customer, fired->machine).entered_ms;
}

void customer_fired_trim(const struct layout *layout, struct customer *customer, int64_t pending_ms)
{
    struct customer_history *history = customer->history;
    uint32_t kept = 0;
    for (uint32_t i = 0; history && i < history->fired_count; i++)
        if (customer_fired_alive(layout, customer, &history->fired[i], pending_ms))
            history->fired[kept++] = history->fired[i];
    if (history)
        history->fired_count = (uint8_t)kept;
}

static void drop_earliest(struct customer_history *history)
{
    uint32_t earliest = 0;
    for (uint32_t i = 1; i < history->fired_count; i++)
        if (history->fired[i].deadline_ms < history->fired[earliest].deadline_ms)
            earliest = i;
    memmove(&history->fired[earliest], &history->fired[earliest + 1],
            (history->fired_count - earliest - 1u) * sizeof(*history->fired));
    history->fired_count--;
}

void customer_fired_restore(struct customer *customer, struct customer_fired fired)
{
    struct customer_history *history = history_with(customer, 0);
    if (history->fired_count == CUSTOMER_FIRED_MAX)
        drop_earliest(history);
    if (history->fired_count == history->fired_capacity) {
        uint32_t capacity = history->fired_capacity ? 2u * history->fired_capacity : 1;
        if (capacity > CUSTOMER_FIRED_MAX)
            capacity = CUSTOMER_FIRED_MAX;
        history->fired = heap_grow(history->fired, capacity * sizeof(fired));
        history->fired_capacity = (uint8_t)capacity;
    }
    history->fired[history->fired_count++] = fired;
}

uint32_t customer_fired_rank(struct customer *customer, uint32_t machine, int64_t deadline_ms,
                             bool is_idle)
{
    struct customer_history *history = customer->history;
    for (uint32_t i = 0; history && i < history->fired_count; i++) {
        struct customer_fired *fired = &history->fired[i];
        if (fired->machine != machine || fired->deadline_ms != deadline_ms)
            continue;
        fired->is_idle = fired->is_idle && is_idle;
        return fired->rank_next++;
    }
    customer_fired_restore(customer,
                           (struct customer_fired){deadline_ms, 1, (uint16_t)machine, is_idle});
    return 0;
}

/* ---- size */

static size_t container_size(const struct layout_variable *variable,
                             const union customer_slot *slot)
{
    switch (variable->type) {
    case LAYOUT_BOOL:
    case LAYOUT_INT:
    case LAYOUT_DOUBLE:
    case LAYOUT_TIMESTAMP:
        return 0;
    case LAYOUT_STRING:
        return slot->string ? sizeof(*slot->string) + slot->string->size : 0;
    case LAYOUT_LINE_ITEMS:
        return items_size(slot->items);
    case LAYOUT_SET:
    case LAYOUT_COUNTER:
        return texts_size(slot->texts);
    case LAYOUT_WINDOW:
        return window_size(slot->window);
    }
    return 0;
}

size_t customer_size(const struct layout *layout, const struct customer *customer)
{
    size_t size = fixed_size(layout, customer->key_size);
    const struct customer_history *history = customer->history;
    if (history)
        size += history_size(history->id_capacity) +
                history->fired_capacity * sizeof(struct customer_fired);
    for (uint32_t m = 0; m < layout->machine_count; m++) {
        const struct layout_machine *machine = &layout->machines[m];
        const union customer_slot *slots = customer_slots(layout, customer, m);
        if (slots && machine->part > 0 && m == machine->part_first)
            size += machine->part_size;
        for (uint32_t v = 0; slots && v < machine->variable_count; v++)
            size += container_size(&machine->variables[v], &slots[v]);
    }
    return size;
}
