#include "state/layout.h"

#include "core/buf.h"
#include "core/check.h"
#include "core/hash.h"
#include "state/codec.h"

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

void layout_seal(struct layout *layout, struct layout_machine *machines)
{
    layout->machines = machines;
    layout->slot_count = 0;
    layout->timer_word_count = 0;
    for (uint32_t m = 0; m < layout->machine_count; m++) {
        struct layout_machine *machine = &machines[m];
        CHECK(machine->state_count <= UINT16_MAX && machine->initial < machine->state_count);
        if (machine->timers)
            machine->timer_words = words_for(machine);
        machine->variable_first = layout->slot_count;
        machine->timer_word_first = layout->timer_word_count;
        layout->slot_count += machine->variable_count;
        layout->timer_word_count += machine->timer_words;
    }
    layout->id = id_of(layout);
}
