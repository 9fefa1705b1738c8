/*
 * cli/case_run.h - one case of tests, played: its events through the machines, what they signalled,
 * where they stand.
 *
 * Every case has a backtest of its own, so none sees what another left behind.
 */
#ifndef CLI_CASE_RUN_H
#define CLI_CASE_RUN_H

#include <stddef.h>

#include "cli/case_file.h"
#include "consumer/schema.h"
#include "core/arena.h"

/* What came of a case. All of it lies in the arena. */
struct case_result {
    struct case_signal *signals; /* by time; of one time in the order of their making */
    size_t signal_count;
    struct slice *states; /* by machine: the name, or what to say where there is no one state */
    struct slice trouble; /* rules that failed, or empty */
    struct slice refused; /* an event that is a dead letter, or empty */
};

/* `segment`: the schema in which events are written. */
void case_run(const struct case_file *file, const struct case_test *test,
              const struct schema *segment, struct arena *arena, struct case_result *result);
#endif
