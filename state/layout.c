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

void layout_seal(struct layout *layout, struct layout_machine *machines)
{
    layout->machines = machines;
    layout->slot_count = 0;
    layout->timer_word_count = 0;
    for (uint32_t m = 0; m < layout->machine_count; m++) {
        struct layout_machine *machine = &machines[m];
        CHECK(machine->state_count <= UINT16_MAX && machine->initial < machine->state_count);
        machine->variable_first = layout->slot_count;
        machine->timer_word_first = layout->timer_word_count;
        layout->slot_count += machine->variable_count;
        layout->timer_word_count += machine->timer_words;
    }
    layout->id = id_of(layout);
}
