/*
 * cli/progress.h - what `run` says every ten seconds: one line of counters, and the rules that have
 * failed since the last one.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

#include "core/buf.h"
#include "engine/engine.h"

#define PROGRESS_FAILURES_MAX 8 /* rules named at a time; the rest is one line */

struct progress {
    uint64_t events; /* at the last line */
    int64_t since_ms;
};

/* The text of the line at `now_ms` (monotonic), of which the next one counts its rate. */
void progress_text(struct progress *progress, const struct engine_totals *totals, int64_t now_ms,
                   struct buf *out);

/* The text of the line for the rest, behind the first PROGRESS_FAILURES_MAX: false where there is none. */
bool progress_rest(const struct failures_list *list, struct buf *out);

/* Writes it all to the log. */
void progress_log(struct progress *progress, const struct engine *engine, int64_t now_ms);
#endif
