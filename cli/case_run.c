#include "cli/case_run.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/check.h"
#include "engine/backtest.h"
#include "rules/failures.h"

#define LATENESS_MS     5000                      /* as watermark.lateness is by default */
#define FORGET_AFTER_MS (INT64_C(400) * 86400000) /* as memory.forget_after is by default */

struct run {
    const struct case_file *file;
    struct arena *arena;
    struct case_signal *signals; /* owned while it grows */
    size_t count, capacity;
};

static void take_signal(void *self, const struct signal *signal, struct slice id)
{
    struct run *run = self;
    (void)id;
    if (run->count == run->capacity) {
        run->capacity = run->capacity ? run->capacity * 2 : 16;
        run->signals = realloc(run->signals, run->capacity * sizeof *run->signals);
        CHECK(run->signals);
    }
    run->signals[run->count++] = (struct case_signal){
        .has_time = true,
        .time_ms = signal->time_ms,
        .fields = {[CASE_TYPE] = arena_copy(run->arena, signal->type),
                   [CASE_MACHINE] = arena_copy(run->arena, signal->machine),
                   [CASE_FROM] = arena_copy(run->arena, signal->from),
                   [CASE_TO] = arena_copy(run->arena, signal->to),
                   [CASE_CAUSE] = arena_copy(run->arena, signal->cause),
                   [CASE_CUSTOMER_FIELD] = arena_copy(run->arena, signal->customer)},
        .data = arena_copy(run->arena, signal->data),
    };
}

/* False where it is a dead letter. */
static bool play_event(struct run *run, struct backtest *backtest, const struct case_event *event,
                       int64_t offset, struct case_result *result)
{
    struct decoded decoded;
    backtest_message(backtest, offset, event->message, &decoded);
    if (decoded.dead == EVENT_DEAD_NONE)
        return true;
    result->refused =
        arena_printf(run->arena, "%s:%d:%d: the event is a dead letter: %s%s%s", event->at.file,
                     event->at.line, event->at.column, event_dead_code(decoded.dead),
                     decoded.detail ? ": " : "", decoded.detail ? decoded.detail : "");
    return false;
}

/*
 * By time, each customer's own order kept (their times never fall): between customers the order is
 * not defined, and that of their making depends on the watermark.
 */
static void sort_by_time(struct case_signal *signals, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct case_signal moved = signals[i];
        size_t j = i;
        for (; j > 0 && signals[j - 1].time_ms > moved.time_ms; j--)
            signals[j] = signals[j - 1];
        signals[j] = moved;
    }
}

/* The state in which all customers are; of several states how many are in each. */
static struct slice state_of(const struct run *run, uint32_t machine, const int64_t *counts)
{
    const struct layout_machine *layout = &rules_layout(run->file->rules)->machines[machine];
    struct slice text = SLICE("(nobody is left)"), only = {0};
    struct buf all;
    size_t states = 0;
    buf_init(&all);
    for (uint32_t s = 0; s < layout->state_count; s++) {
        int64_t customers = counts[rules_stats_state(run->file->rules, machine, s)];
        if (customers == 0)
            continue;
        buf_printf(&all, "%s%.*s (%lld)", states++ ? ", " : "", (int)layout->states[s].size,
                   layout->states[s].data, (long long)customers);
        only = layout->states[s];
    }
    if (states > 0)
        text = arena_copy(run->arena, states == 1 ? only : buf_slice(&all));
    buf_fini(&all);
    return text;
}

static void take_states(const struct run *run, const struct backtest_totals *totals,
                        struct case_result *result)
{
    uint32_t count = rules_layout(run->file->rules)->machine_count;
    result->states = arena_calloc(run->arena, count, sizeof *result->states);
    for (uint32_t m = 0; m < count; m++)
        result->states[m] = state_of(run, m, totals->stats->states);
}

static void take_trouble(const struct run *run, const struct rules_counters *counters,
                         struct case_result *result)
{
    struct failures_list list = {0};
    struct buf text;

    if (rules_errors(counters) == 0)
        return;
    buf_init(&text);
    buf_printf(
        &text, "rules that failed: guards %llu, data %llu, actions %llu, chains %llu",
        (unsigned long long)counters->guard_errors, (unsigned long long)counters->data_errors,
        (unsigned long long)counters->action_errors, (unsigned long long)counters->chain_overflows);
    failures_list_add(&list, counters->failures);
    failures_list_sort(&list);
    for (size_t i = 0; i < list.count; i++)
        buf_printf(&text, "\n    %s: %llu times, the last: %s", list.items[i].place,
                   (unsigned long long)list.items[i].count, list.items[i].message);
    result->trouble = arena_copy(run->arena, buf_slice(&text));
    failures_list_fini(&list);
    buf_fini(&text);
}

void case_run(const struct case_file *file, const struct case_test *test,
              const struct schema *segment, struct arena *arena, struct case_result *result)
{
    struct run run = {.file = file, .arena = arena};
    struct backtest_options options = {
        .rules = file->rules,
        .schema = segment,
        .lateness_ms = LATENESS_MS,
        .forget_after_ms = FORGET_AFTER_MS,
        .until_ms = test->until_ms,
        .self = &run,
        .signal = take_signal,
    };
    struct backtest *backtest = backtest_new(&options);
    struct backtest_totals totals;

    *result = (struct case_result){0};
    backtest_begin_file(backtest, file->path);
    for (size_t i = 0; i < test->event_count; i++)
        if (!play_event(&run, backtest, &test->events[i], (int64_t)i, result))
            break;
    backtest_finish(backtest);
    backtest_totals(backtest, &totals);
    take_states(&run, &totals, result);
    take_trouble(&run, totals.rules, result);
    sort_by_time(run.signals, run.count);
    result->signals = arena_alloc(arena, (run.count + 1) * sizeof *result->signals);
    result->signal_count = run.count;
    if (run.count > 0)
        memcpy(result->signals, run.signals, run.count * sizeof *run.signals);
    free(run.signals);
    backtest_free(backtest);
}
