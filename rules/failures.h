/*
 * rules/failures.h - which rules went wrong at run time: how often, and what the latest said.
 *
 * A counter for each rule (rules_place()), and its latest message. Nothing is touched while all
 * goes well, and no memory is taken before the first failure.
 *
 * Threads: nothing in here locks. Who steps adds to a struct failures of its own, and hands over
 *          what has come together by failures_move().
 */
#ifndef RULES_FAILURES_H
#define RULES_FAILURES_H

#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

#define FAILURES_MESSAGE_SIZE 160 /* with the zero at its end; longer ones are cut */

struct rules;

struct failure {
    uint64_t count; /* 0: has not failed */
    char message[FAILURES_MESSAGE_SIZE];
};

struct failures {
    const struct rules *rules; /* outlive it */
    struct failure *items;     /* one a rule; NULL before the first failure */
    uint32_t *failed;          /* those that have failed, in the order of their first failure */
    uint32_t failed_count;
};

void failures_init(struct failures *failures, const struct rules *rules);
void failures_fini(struct failures *failures);
void failures_add(struct failures *failures, uint32_t rule, struct slice message);

/* Nothing has failed; keeps the memory. */
void failures_clear(struct failures *failures);

/* Adds what is in `from` to `to`, which is of the same rules, and clears `from`. */
void failures_move(struct failures *from, struct failures *to);

/* ---- for people: those of several tables, the worst first */

struct failed_rule {
    const char *place; /* borrowed from the rules */
    uint64_t count;
    char message[FAILURES_MESSAGE_SIZE];
};

struct failures_list { /* zeros: empty */
    struct failed_rule *items;
    size_t count, capacity;
};

void failures_list_add(struct failures_list *list, const struct failures *failures);

/* One entry for each place, by falling count. */
void failures_list_sort(struct failures_list *list);
void failures_list_fini(struct failures_list *list);
#endif
