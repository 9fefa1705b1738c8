/*
 * engine/backtest.h - the machines over a file: the computation of engine/partition.h, with
 * everything in memory.
 *
 * The whole input is one partition. Signals come in the order of their making.
 */
#ifndef ENGINE_BACKTEST_H
#define ENGINE_BACKTEST_H

#include "consumer/decode.h"
#include "core/err.h"
#include "engine/partition.h"
#include "engine/ruleset.h"

#define BACKTEST_NO_UNTIL INT64_MAX

struct backtest_options {
    const struct rules *rules;
    const struct schema *schema;
    int64_t lateness_ms;
    int64_t forget_after_ms;
    int64_t
        until_ms; /* events after it are left out, timers due by it fire; BACKTEST_NO_UNTIL: the greatest event time */
    void *self;
    /* One signal and its ce_id; gone when this returns. */
    void (*signal)(void *self, const struct signal *signal, struct slice id);
};

struct backtest;

struct backtest *backtest_new(const struct backtest_options *options);
void backtest_free(struct backtest *backtest);

/*
 * Signals of what follows are named after `topic` (a file's base name), which outlives the
 * backtest.
 */
void backtest_begin_file(struct backtest *backtest, const char *topic);

/* One message. What it was is in *decoded, until the next one. */
void backtest_message(struct backtest *backtest, int64_t offset, struct slice message,
                      struct decoded *decoded);

/* The wall clock moved the watermark here: what a journal says (engine/journal.h). */
void backtest_move_watermark(struct backtest *backtest, int64_t watermark_ms);

/*
 * Other rules are in force from the next message on: records are taken over by name, as a worker
 * does (engine/regime.c). They outlive the backtest.
 */
void backtest_change_rules(struct backtest *backtest, const struct ruleset *ruleset);

/* Fires what is due at the end. */
void backtest_finish(struct backtest *backtest);

struct backtest_totals {
    uint64_t events, duplicates, late, signals, left_out, timers_left, customers;
    int64_t first_ms, last_ms;          /* event times; PARTITION_NO_TIME: none */
    const struct rules_counters *rules; /* by rule: of the present rules only */
    const struct rules_stats *stats;
};
void backtest_totals(const struct backtest *backtest, struct backtest_totals *totals);
#endif
