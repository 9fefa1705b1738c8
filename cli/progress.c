#include "cli/progress.h"

#include "core/log.h"

/* Of the time that has passed: the last line comes whenever the process is told to end. */
static double rate(uint64_t events, int64_t ms)
{
    return ms > 0 ? (double)events * 1000 / (double)ms : 0;
}

void progress_text(struct progress *progress, const struct engine_totals *totals, int64_t now_ms,
                   struct buf *out)
{
    const struct engine_totals *now = totals;
    buf_printf(out, "events=%llu events_per_s=%.0f signals=%llu customers=%llu partitions=%llu",
               (unsigned long long)now->events,
               rate(now->events - progress->events, now_ms - progress->since_ms),
               (unsigned long long)now->signals, (unsigned long long)now->customers,
               (unsigned long long)now->partitions);
    buf_printf(out, " dead_letters=%llu duplicates=%llu late=%llu future=%llu replayed=%llu",
               (unsigned long long)now->dead_letters, (unsigned long long)now->duplicates,
               (unsigned long long)now->late, (unsigned long long)now->future,
               (unsigned long long)now->replayed);
    buf_printf(out,
               " doubts=%llu rebuilds=%llu log_too_short=%llu rule_errors=%llu timers_left=%llu "
               "left_out=%llu suppressed=%llu"
               " state_gone=%llu",
               (unsigned long long)now->doubts, (unsigned long long)now->rebuilds,
               (unsigned long long)now->log_too_short, (unsigned long long)now->rule_errors,
               (unsigned long long)now->timers_left, (unsigned long long)now->left_out,
               (unsigned long long)now->suppressed, (unsigned long long)now->state_gone);
    progress->events = now->events;
    progress->since_ms = now_ms;
}

bool progress_rest(const struct failures_list *list, struct buf *out)
{
    uint64_t count = 0;
    for (size_t i = PROGRESS_FAILURES_MAX; i < list->count; i++)
        count += list->items[i].count;
    if (count > 0)
        buf_printf(out, "others=%zu count=%llu", list->count - PROGRESS_FAILURES_MAX,
                   (unsigned long long)count);
    return count > 0;
}

static void log_failures(const struct engine *engine)
{
    struct failures_list list = {0};
    struct buf rest;

    engine_take_failures(engine, &list);
    for (size_t i = 0; i < list.count && i < PROGRESS_FAILURES_MAX; i++)
        log_warn("rule.failed", "place=%s count=%llu last=%s", log_quote(list.items[i].place).text,
                 (unsigned long long)list.items[i].count, log_quote(list.items[i].message).text);
    buf_init(&rest);
    if (progress_rest(&list, &rest))
        log_warn("rule.failed", "%.*s", (int)rest.size, rest.data);
    buf_fini(&rest);
    failures_list_fini(&list);
}

void progress_log(struct progress *progress, const struct engine *engine, int64_t now_ms)
{
    struct engine_totals totals;
    struct buf text;

    buf_init(&text);
    engine_totals(engine, &totals);
    progress_text(progress, &totals, now_ms, &text);
    log_info("progress", "%.*s", (int)text.size, text.data);
    buf_fini(&text);
    log_failures(engine);
}
