#include "bench/agenda.h"

#include <stdlib.h>

#include "core/check.h"

#define CAPACITY_MIN ((size_t)1024)

void agenda_init(struct agenda *agenda)
{
    *agenda = (struct agenda){0};
}

void agenda_fini(struct agenda *agenda)
{
    free(agenda->entries);
    agenda_init(agenda);
}

static void grow(struct agenda *agenda)
{
    agenda->capacity = agenda->capacity ? agenda->capacity * 2 : CAPACITY_MIN;
    agenda->entries = realloc(agenda->entries, agenda->capacity * sizeof *agenda->entries);
    CHECK(agenda->entries != NULL);
}

void agenda_add(struct agenda *agenda, struct agenda_entry entry)
{
    if (agenda->count == agenda->capacity)
        grow(agenda);
    size_t at = agenda->count++;
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (agenda->entries[parent].time_ms <= entry.time_ms)
            break;
        agenda->entries[at] = agenda->entries[parent];
        at = parent;
    }
    agenda->entries[at] = entry;
}

/* Moves the hole at the top down to where `entry` belongs. */
static void sift_down(struct agenda *agenda, struct agenda_entry entry)
{
    struct agenda_entry *entries = agenda->entries;
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= agenda->count)
            break;
        if (child + 1 < agenda->count && entries[child + 1].time_ms < entries[child].time_ms)
            child++;
        if (entry.time_ms <= entries[child].time_ms)
            break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = entry;
}

struct agenda_entry agenda_take(struct agenda *agenda)
{
    CHECK(agenda->count > 0);
    struct agenda_entry first = agenda->entries[0];
    struct agenda_entry last = agenda->entries[--agenda->count];
    if (agenda->count > 0)
        sift_down(agenda, last);
    return first;
}
