#include "rules/failures.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"
#include "core/utf8.h"
#include "rules/rules.h"

void failures_init(struct failures *failures, const struct rules *rules)
{
    *failures = (struct failures){.rules = rules};
}

void failures_fini(struct failures *failures)
{
    free(failures->items);
    free(failures->failed);
    failures_init(failures, failures->rules);
}

/* The one that fails now; it is among the failed ones from then on. */
static struct failure *failure_of(struct failures *failures, uint32_t rule)
{
    if (!failures->items) {
        size_t count = rules_rule_count(failures->rules);
        failures->items = calloc(count, sizeof(*failures->items));
        failures->failed = calloc(count, sizeof(*failures->failed));
        CHECK(failures->items && failures->failed);
    }
    struct failure *failure = &failures->items[rule];
    if (failure->count == 0)
        failures->failed[failures->failed_count++] = rule;
    return failure;
}

void failures_add(struct failures *failures, uint32_t rule, struct slice message)
{
    struct failure *failure = failure_of(failures, rule);
    struct slice kept = utf8_cut(message, sizeof(failure->message) - 1);
    failure->count++;
    if (kept.size > 0)
        memcpy(failure->message, kept.data, kept.size);
    failure->message[kept.size] = '\0';
    log_one_line(failure->message);
}

void failures_clear(struct failures *failures)
{
    for (uint32_t i = 0; i < failures->failed_count; i++)
        failures->items[failures->failed[i]].count = 0;
    failures->failed_count = 0;
}

void failures_move(struct failures *from, struct failures *to)
{
    for (uint32_t i = 0; i < from->failed_count; i++) {
        const struct failure *moved = &from->items[from->failed[i]];
        struct failure *failure = failure_of(to, from->failed[i]);
        failure->count += moved->count;
        memcpy(failure->message, moved->message, sizeof(failure->message));
    }
    failures_clear(from);
}

/* ---- for people */

static void append(struct failures_list *list, const char *place, const struct failure *failure)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = realloc(list->items, list->capacity * sizeof(*list->items));
        CHECK(list->items);
    }
    struct failed_rule *added = &list->items[list->count++];
    added->place = place;
    added->count = failure->count;
    memcpy(added->message, failure->message, sizeof(added->message));
}

void failures_list_add(struct failures_list *list, const struct failures *failures)
{
    for (uint32_t i = 0; i < failures->failed_count; i++) {
        uint32_t rule = failures->failed[i];
        append(list, rules_place(failures->rules, rule), &failures->items[rule]);
    }
}

static int by_place(const void *a, const void *b)
{
    const struct failed_rule *x = a, *y = b;
    return strcmp(x->place, y->place);
}

static int by_count(const void *a, const void *b)
{
    const struct failed_rule *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return by_place(a, b);
}

void failures_list_sort(struct failures_list *list)
{
    size_t kept = 0;
    if (list->count == 0)
        return;
    qsort(list->items, list->count, sizeof(*list->items), by_place);
    for (size_t i = 1; i < list->count; i++) {
        if (by_place(&list->items[kept], &list->items[i]) == 0)
            list->items[kept].count += list->items[i].count;
        else
            list->items[++kept] = list->items[i];
    }
    list->count = kept + 1;
    qsort(list->items, list->count, sizeof(*list->items), by_count);
}

void failures_list_fini(struct failures_list *list)
{
    free(list->items);
    *list = (struct failures_list){0};
}
