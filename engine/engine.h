/*
 * engine/engine.h - the processor: as many workers as configured, each on a thread of its own, on
 * Kafka and Redis.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/worker.h"

struct engine;

/* All counters of all workers added up. */
struct engine_totals {
    uint64_t events, duplicates, late, signals, dead_letters, replayed, epochs, checkpoints, doubts,
        rebuilds, log_too_short, customers, partitions;
    uint64_t future, timers_left, rule_errors, left_out, suppressed, state_gone;
    unsigned workers_running; /* whose partitions are all recovered */
    unsigned workers_settled; /* of these those that have committed all they have read */
};

/*
 * Looks that the topics are there (waiting for Kafka as long as it takes, or until *stop), makes
 * the journals' topics, and starts the workers. `setting` outlives the engine. ERR_CONFIG or
 * ERR_FATAL: nothing runs.
 */
enum err engine_start(const struct worker_setting *setting, const volatile int *stop,
                      struct engine **engine, struct errinfo *info);

/* From now on these rules (worker_follow()). The ruleset outlives the engine. */
void engine_follow(struct engine *engine, const struct ruleset *ruleset);

/*
 * False while all workers are well; true once one has ended with an error (engine_stop() tells
 * which).
 */
bool engine_has_failed(const struct engine *engine);

void engine_totals(const struct engine *engine, struct engine_totals *totals);

/*
 * The rules that have failed since the last call, of all workers, the worst first. `list` is empty
 * before; what it names lives until engine_free().
 */
void engine_take_failures(const struct engine *engine, struct failures_list *list);

/*
 * Stops all workers and waits for them: at most shutdown_timeout and a little. ERR_NONE after a
 * clean stop. ERR_RETRY: some worker did not end in time; its threads still run, so the process
 * should end at once, without engine_free(). Totals and failures can still be asked for.
 */
enum err engine_stop(struct engine *engine, struct errinfo *info);

/* After engine_stop(), but where that gave ERR_RETRY. */
void engine_free(struct engine *engine);
#endif
