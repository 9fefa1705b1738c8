/*
 * bench/agenda.h - what happens next in the shop: a heap of planned moments, earliest first.
 */
#ifndef BENCH_AGENDA_H
#define BENCH_AGENDA_H

#include <stddef.h>
#include <stdint.h>

struct agenda_entry {
    int64_t time_ms;
    uint32_t what; /* the shop's */
    uint32_t who;
    uint64_t about;
};

struct agenda {
    struct agenda_entry *entries; /* owned; a heap */
    size_t count;
    size_t capacity;
};

void agenda_init(struct agenda *agenda);
void agenda_fini(struct agenda *agenda);

void agenda_add(struct agenda *agenda, struct agenda_entry entry);

/* Takes out the earliest; of equals any, but always the same one. The agenda is not empty. */
struct agenda_entry agenda_take(struct agenda *agenda);
#endif
