#include "state/layout.h"

#include <stddef.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/hash.h"
#include "state/codec.h"
#include "state/customer.h"

static uint64_t id_of(const struct layout *layout)
{
    struct buf description;
    buf_init(&description);
    codec_layout_describe(layout, &description);
    uint64_t id = hash_bytes(buf_slice(&description));
    buf_fini(&description);
    return id;
}

static uint32_t words_for(const struct layout_machine *machine)
{
    uint32_t most = 0;
    for (uint32_t s = 0; s < machine->state_count; s++)
        if (machine->timers[s].count > most)
            most = machine->timers[s].count;
    return (most + 63) / 64;
}

uint32_t layout_find_machine(const struct layout *layout, struct slice name)
{
    for (uint32_t m = 0; m < layout->machine_count; m++)
        if (slice_equal(layout->machines[m].name, name))
            return m;
    return LAYOUT_NONE;
}

uint32_t layout_find_state(const struct layout_machine *machine, struct slice name)
{
    for (uint32_t s = 0; s < machine->state_count; s++)
        if (slice_equal(machine->states[s], name))
            return s;
    return LAYOUT_NONE;
}

int64_t layout_find_timer(const struct layout_timers *timers, const struct layout_timer *timer)
{
    for (uint32_t i = 0; i < timers->count; i++) {
        const struct layout_timer *item = &timers->items[i];
        if (item->kind == timer->kind && item->duration_ms == timer->duration_ms &&
            slice_equal(item->variable, timer->variable))
            return i;
    }
    return -1;
}

static uint32_t words_size(const struct layout_machine *machine)
{
    return (uint32_t)((machine->timer_words + machine->variable_count) * sizeof(uint64_t));
}

static uint32_t aligned(uint32_t offset)
{
    return (offset + 7) & ~UINT32_C(7);
}

/* The machines from `first` on that fit into `size_max` bytes of a part, but at least one. */
static uint32_t part_end(const struct layout *layout, const struct layout_machine *machines,
                         uint32_t first, uint32_t begin, uint32_t size_max)
{
    uint32_t heads = begin, words = 0, m = first;
    for (; m < layout->machine_count; m++) {
        heads += (uint32_t)sizeof(struct customer_machine);
        words += words_size(&machines[m]);
        if (m > first && aligned(heads) + words > size_max)
            break;
    }
    return m;
}

/* What every look at a machine needs first, and then, 8-aligned, each one's slots and words. */
static uint32_t place_part(struct layout_machine *machines, uint32_t first, uint32_t end,
                           uint32_t part, uint32_t begin)
{
    uint32_t at = aligned(begin + (end - first) * (uint32_t)sizeof(struct customer_machine));
    for (uint32_t m = first; m < end; m++) {
        struct layout_machine *machine = &machines[m];
        machine->part = part;
        machine->part_first = first;
        machine->part_end = end;
        machine->machine_at = begin + (m - first) * (uint32_t)sizeof(struct customer_machine);
        machine->slots_at = at;
        machine->words_at = at + machine->variable_count * (uint32_t)sizeof(union customer_slot);
        at += words_size(machine);
    }
    for (uint32_t m = first; m < end; m++)
        machines[m].part_size = at;
    return at;
}

static void place_machines(struct layout *layout, struct layout_machine *machines)
{
    const uint32_t begin = (uint32_t)offsetof(struct customer, machines);
    uint32_t end = part_end(layout, machines, 0, begin, LAYOUT_RECORD_SIZE);
    layout->parts_at = place_part(machines, 0, end, 0, begin);
    layout->part_count = 0;
    for (uint32_t first = end; first < layout->machine_count; first = end) {
        end = part_end(layout, machines, first, 0, LAYOUT_PART_SIZE);
        place_part(machines, first, end, ++layout->part_count, 0);
    }
    layout->key_at = layout->parts_at + layout->part_count * (uint32_t)sizeof(uint64_t);
}

static bool is_pointer(enum layout_type type)
{
    return type == LAYOUT_STRING || type >= LAYOUT_LINE_ITEMS;
}

/* Where the record's own machines point to containers. */
static void find_pointers(struct layout *layout)
{
    layout->pointer_count = 0;
    for (uint32_t m = 0; m < layout->machine_count && layout->machines[m].part == 0; m++) {
        const struct layout_machine *machine = &layout->machines[m];
        for (uint32_t v = 0; v < machine->variable_count; v++)
            if (is_pointer(machine->variables[v].type) &&
                layout->pointer_count < LAYOUT_POINTERS_MAX)
                layout->pointers_at[layout->pointer_count++] =
                    machine->slots_at + v * (uint32_t)sizeof(union customer_slot);
    }
}

void layout_seal(struct layout *layout, struct layout_machine *machines)
{
    layout->machines = machines;
    for (uint32_t m = 0; m < layout->machine_count; m++) {
        struct layout_machine *machine = &machines[m];
        CHECK(machine->state_count <= UINT16_MAX && machine->initial < machine->state_count);
        if (machine->timers)
            machine->timer_words = words_for(machine);
    }
    place_machines(layout, machines);
    find_pointers(layout);
    layout->id = id_of(layout);
}
