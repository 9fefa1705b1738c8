/* A record written: state/codec.h has its form. */
#include <string.h>

#include "core/pack.h"
#include "state/codec.h"
#include "state/items.h"
#include "state/texts.h"
#include "state/window.h"

/* ms between two times; wraps, and so does the way back. */
static int64_t span(int64_t from_ms, int64_t to_ms)
{
    return (int64_t)((uint64_t)to_ms - (uint64_t)from_ms);
}

/* Whole numbers of 32 bits are shorter as an int. Not -0.0, which is another double than 0. */
static char *pack_amount(char *p, double value)
{
    bool is_small = value >= INT32_MIN && value <= INT32_MAX;
    if (is_small && value == (double)(int32_t)value && !(value == 0 && __builtin_signbit(value)))
        return pack_int(p, (int32_t)value);
    return pack_double(p, value);
}

static char *pack_optional(char *p, struct slice text)
{
    return text.size ? pack_text(p, text) : pack_nil(p);
}

/* ---- variables */

static void add_items(const struct items *items, struct buf *out)
{
    struct slice currency = items_currency(items);
    uint32_t count = (uint32_t)items_count(items);
    char *p = buf_reserve(out, 2 * PACK_HEAD_MAX + currency.size);
    if (count == 0) {
        buf_end_at(out, pack_nil(p));
        return;
    }
    p = pack_array(p, 1 + 4 * count);
    buf_end_at(out, pack_optional(p, currency));
    for (uint32_t i = 0; i < count; i++) {
        struct items_line line = items_at(items, i);
        p = buf_reserve(out, 2 * (PACK_HEAD_MAX + PACK_NUMBER_MAX) + line.product_id.size +
                                 line.name.size);
        p = pack_text(p, line.product_id);
        p = pack_optional(p, line.name);
        p = line.has_price ? pack_amount(p, line.price) : pack_nil(p);
        buf_end_at(out, pack_amount(p, line.quantity));
    }
}

static void add_set(const struct texts *texts, struct buf *out)
{
    uint32_t count = (uint32_t)texts_count(texts);
    char *p = buf_reserve(out, PACK_HEAD_MAX);
    buf_end_at(out, count ? pack_array(p, count) : pack_nil(p));
    for (uint32_t i = 0; i < count; i++)
        pack_add_text(out, texts_at(texts, i));
}

static void add_counter(const struct texts *texts, struct buf *out)
{
    uint32_t count = (uint32_t)texts_count(texts);
    char *p = buf_reserve(out, PACK_HEAD_MAX);
    buf_end_at(out, count ? pack_map(p, count) : pack_nil(p));
    for (uint32_t i = 0; i < count; i++) {
        pack_add_text(out, texts_at(texts, i));
        pack_add_int(out, texts_count_at(texts, i));
    }
}

/*
 * From the first amount that is not 0 to the last: what lies around them depends on when was added,
 * not on what.
 */
static void add_window(const struct window *window, struct buf *out)
{
    int64_t newest = 0;
    const double *sums;
    const int64_t *counts;
    size_t end = window_buckets(window, &newest, &sums, &counts);
    int64_t first_bucket = newest - (int64_t)end + 1;
    size_t start = 0;
    while (end > 0 && (sums ? sums[end - 1] == 0 : counts[end - 1] == 0))
        end--;
    while (start < end && (sums ? sums[start] == 0 : counts[start] == 0))
        start++;
    char *p = buf_reserve(out, PACK_HEAD_MAX + (1 + end - start) * PACK_NUMBER_MAX);
    if (start == end) {
        buf_end_at(out, pack_nil(p));
        return;
    }
    p = pack_array(p, (uint32_t)(1 + end - start));
    p = pack_int(p, first_bucket + (int64_t)start);
    for (size_t i = start; i < end; i++)
        p = sums ? pack_amount(p, sums[i]) : pack_int(p, counts[i]);
    buf_end_at(out, p);
}

static void add_variable(const struct layout_variable *variable, const union customer_slot *slot,
                         struct buf *out)
{
    char *p = buf_reserve(out, PACK_NUMBER_MAX);
    switch (variable->type) {
    case LAYOUT_BOOL:
        buf_end_at(out, pack_bool(p, slot->b));
        return;
    case LAYOUT_INT:
        buf_end_at(out, pack_int(p, slot->i));
        return;
    case LAYOUT_DOUBLE:
        buf_end_at(out, pack_amount(p, slot->d));
        return;
    case LAYOUT_TIMESTAMP:
        buf_end_at(out, slot->i == CUSTOMER_NO_TIME ? pack_nil(p) : pack_int(p, slot->i));
        return;
    case LAYOUT_STRING:
        pack_add_text(out, customer_string_get(*slot));
        return;
    case LAYOUT_LINE_ITEMS:
        add_items(slot->items, out);
        return;
    case LAYOUT_SET:
        add_set(slot->texts, out);
        return;
    case LAYOUT_COUNTER:
        add_counter(slot->texts, out);
        return;
    case LAYOUT_WINDOW:
        add_window(slot->window, out);
        return;
    }
}

/* ---- the rest of the record */

static char *pack_ids(char *p, const struct customer *customer)
{
    uint64_t ids[CUSTOMER_IDS_MAX];
    uint32_t count = customer_ids(customer, ids);
    if (count == 0)
        return pack_nil(p);
    p = pack_bin_head(p, count * 8);
    for (uint32_t i = 0; i < count; i++)
        p = pack_64(p, ids[i]);
    return p;
}

static uint32_t fired_alive_count(const struct layout *layout, const struct customer *customer)
{
    const struct customer_history *history = customer->history;
    uint32_t alive = 0;
    for (uint32_t i = 0; history && i < history->fired_count; i++)
        alive += customer_fired_alive(layout, customer, &history->fired[i], customer->deadline_ms);
    return alive;
}

static void add_fired(const struct layout *layout, const struct customer *customer, struct buf *out)
{
    uint32_t alive = fired_alive_count(layout, customer);
    char *p = buf_reserve(out, PACK_HEAD_MAX + (size_t)alive * 3 * PACK_NUMBER_MAX);
    if (alive == 0) {
        buf_end_at(out, pack_nil(p));
        return;
    }
    p = pack_array(p, 3 * alive);
    for (uint32_t i = 0; i < customer->history->fired_count; i++) {
        const struct customer_fired *fired = &customer->history->fired[i];
        if (!customer_fired_alive(layout, customer, fired, customer->deadline_ms))
            continue;
        p = pack_uint(p, fired->machine);
        p = pack_int(p, fired->deadline_ms);
        p = pack_int(p, fired->is_idle ? -(int64_t)fired->rank_next : fired->rank_next);
    }
    buf_end_at(out, p);
}

static char *pack_words(char *p, const uint64_t *words, uint32_t count)
{
    while (count > 0 && (!words || words[count - 1] == 0))
        count--;
    if (count == 0)
        return pack_nil(p);
    p = pack_array(p, count);
    for (uint32_t i = 0; i < count; i++)
        p = pack_uint(p, words[i]);
    return p;
}

static void add_machine(const struct layout *layout, const struct customer *customer, uint32_t m,
                        struct buf *out)
{
    const struct layout_machine *machine = &layout->machines[m];
    const struct customer_machine at = customer_machine_now(layout, customer, m);
    char *p = buf_reserve(out, 2 * PACK_HEAD_MAX + (2 + machine->timer_words) * PACK_NUMBER_MAX);
    p = pack_array(p, 3 + machine->variable_count);
    p = pack_uint(p, at.state);
    p = pack_int(p, span(at.entered_ms, customer->clock_ms));
    buf_end_at(out, pack_words(p, customer_timer_words(layout, customer, m), machine->timer_words));

    const union customer_slot *slots = customer_slots(layout, customer, m);
    for (uint32_t v = 0; v < machine->variable_count; v++) {
        const union customer_slot first = customer_first_value(&machine->variables[v]);
        add_variable(&machine->variables[v], slots ? &slots[v] : &first, out);
    }
}

void codec_encode(const struct layout *layout, const struct customer *customer, struct buf *out)
{
    char *p = buf_reserve(out, 2 * PACK_HEAD_MAX + 4 * PACK_NUMBER_MAX + CUSTOMER_IDS_MAX * 8);
    p = pack_array(p, 6 + layout->machine_count);
    p = pack_uint(p, layout->id);
    p = pack_int(p, customer->clock_ms);
    p = pack_int(p, span(customer->last_seen_ms, customer->clock_ms));
    p = pack_uint(p, customer->order_hash);
    buf_end_at(out, pack_ids(p, customer));
    add_fired(layout, customer, out);
    for (uint32_t m = 0; m < layout->machine_count; m++)
        add_machine(layout, customer, m, out);
}
