/* What a step has changed so far: the memory behind touched() and removed(). Elements are known by their hash. */
#include <string.h>

#include "core/hash.h"
#include "rules/step.h"
#include "state/items.h"
#include "state/texts.h"

/* NULL: not changed. */
static struct change *find_change(const struct step *step, uint32_t variable)
{
    struct change *change = step->changes;
    while (change && change->variable != variable)
        change = change->next;
    return change;
}

static struct change *change_of(struct step *step, uint32_t variable)
{
    struct change *change = find_change(step, variable);
    if (change)
        return change;
    change = arena_alloc(step->context->arena, sizeof(*change));
    *change = (struct change){.next = step->changes, .variable = variable};
    step->changes = change;
    return change;
}

static uint64_t mark_hash(struct slice element)
{
    uint64_t hash = hash_bytes(element);
    return hash ? hash : 1; /* 0 is a free place */
}

static uint32_t mark_place(const struct marks *marks, uint64_t hash)
{
    uint32_t place = (uint32_t)hash & (marks->capacity - 1);
    while (marks->hashes[place] && marks->hashes[place] != hash)
        place = (place + 1) & (marks->capacity - 1);
    return place;
}

static void grow_marks(struct marks *marks, struct arena *arena)
{
    struct marks grown = {.capacity = marks->capacity ? marks->capacity * 4 : 4};
    grown.hashes = arena_calloc(arena, grown.capacity, sizeof(uint64_t));
    grown.count = marks->count;
    if (marks->capacity == 0)
        grown.hashes[mark_place(&grown, marks->only)] = marks->only;
    for (uint32_t i = 0; i < marks->capacity; i++)
        if (marks->hashes[i])
            grown.hashes[mark_place(&grown, marks->hashes[i])] = marks->hashes[i];
    *marks = grown;
}

static void add_mark(struct marks *marks, uint64_t hash, struct arena *arena)
{
    if (marks->capacity == 0 && (marks->count == 0 || marks->only == hash)) {
        marks->only = hash;
        marks->count = 1;
        return;
    }
    if (2 * marks->count >= marks->capacity)
        grow_marks(marks, arena);
    uint32_t place = mark_place(marks, hash);
    if (marks->hashes[place])
        return;
    marks->hashes[place] = hash;
    marks->count++;
}

/* Those behind it in its run are put in anew, so that they are still found. */
static void take_from_table(struct marks *marks, uint64_t hash)
{
    uint32_t place = mark_place(marks, hash);
    if (!marks->hashes[place])
        return;
    marks->hashes[place] = 0;
    marks->count--;
    for (;;) {
        place = (place + 1) & (marks->capacity - 1);
        uint64_t moved = marks->hashes[place];
        if (!moved)
            return;
        marks->hashes[place] = 0;
        marks->hashes[mark_place(marks, moved)] = moved;
    }
}

static void take_mark(struct marks *marks, uint64_t hash)
{
    if (marks->count == 0)
        return;
    if (marks->capacity > 0)
        take_from_table(marks, hash);
    else if (marks->only == hash)
        marks->count = 0;
}

void step_touch(struct step *step, uint32_t variable, struct slice element)
{
    const struct machine *machine = step->machine;
    if (!machine->asks_touched && !machine->asks_removed)
        return;
    struct change *change = change_of(step, variable);
    uint64_t hash = mark_hash(element);
    if (machine->asks_touched)
        add_mark(&change->touched, hash, step->context->arena);
    take_mark(&change->removed,
              hash); /* there again: a snapshot that still has it has not removed it */
}

void step_remove(struct step *step, uint32_t variable, struct slice element)
{
    if (!step->machine->asks_removed)
        return;
    add_mark(&change_of(step, variable)->removed, mark_hash(element), step->context->arena);
}

void step_remove_all(struct step *step, uint32_t variable)
{
    union customer_slot slot = step->slots[variable];
    switch (step->layout->variables[variable].type) {
    case LAYOUT_LINE_ITEMS:
        for (size_t i = 0; step->machine->asks_removed && i < items_count(slot.items); i++)
            step_remove(step, variable, items_at(slot.items, i).product_id);
        return;
    case LAYOUT_SET:
    case LAYOUT_COUNTER:
        for (size_t i = 0; step->machine->asks_removed && i < texts_count(slot.texts); i++)
            step_remove(step, variable, texts_at(slot.texts, i));
        return;
    case LAYOUT_BOOL:
    case LAYOUT_INT:
    case LAYOUT_DOUBLE:
    case LAYOUT_STRING:
    case LAYOUT_TIMESTAMP:
    case LAYOUT_WINDOW:
        step_save(step, variable);
        return;
    }
}

void step_save(struct step *step, uint32_t variable)
{
    if (!step->machine->asks_touched && !step->machine->asks_removed)
        return;
    struct change *change = change_of(step, variable);
    if (change->is_saved)
        return;
    change->is_saved = true;
    change->before = step_variable(step, variable);
    if (change->before.kind == VALUE_STRING) /* it lies in the record, and is about to go */
        change->before = value_string(arena_copy(step->context->arena, value_text(change->before)));
}

static bool is_container(const struct step *step, uint32_t variable)
{
    enum layout_type type = step->layout->variables[variable].type;
    return type == LAYOUT_LINE_ITEMS || type == LAYOUT_SET || type == LAYOUT_COUNTER;
}

static bool differs(struct step *step, const struct change *change)
{
    return change->is_saved &&
           !cel_equal(&step->activation, change->before, step_variable(step, change->variable));
}

int64_t step_touched(struct step *step, uint32_t variable)
{
    const struct change *change = find_change(step, variable);
    if (!change)
        return 0;
    return is_container(step, variable) ? change->touched.count : differs(step, change);
}

int64_t step_removed(struct step *step, uint32_t variable)
{
    const struct change *change = find_change(step, variable);
    if (!change)
        return 0;
    return is_container(step, variable) ? change->removed.count : differs(step, change);
}
