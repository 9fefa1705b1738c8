/*
 * engine/stats.h - P:stats: how many customers stand in which state, and how often each transition was made.
 *
 * They are absolute values: the partition counts on, and each checkpoint has them all. Names of machines and states are what
 * they go by, in Redis and over a change of rules.
 */
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include "core/arena.h"
#include "engine/partition.h"
#include "state/checkpoint.h"
#include "state/store.h"

/* Into a checkpoint; what it holds lies in the arena. */
void stats_add(const struct partition *partition, struct arena *arena,
               struct checkpoint *checkpoint);

/* As a checkpoint had them, into a partition that has counted nothing. */
void stats_read(struct partition *partition, const struct store_position *position);

/* One more customer stands where it does: after a change of rules all are counted anew. */
void stats_count(struct partition *partition, const struct customer *customer);

/* Over a change of rules: transitions of machines and states that are there still. */
void stats_keep_transitions(const struct partition *before, struct partition *after);

/*
 * Into the checkpoint that makes a change of rules: until the first are counted anew nobody stands anywhere; what the new rules
 * do not name becomes 0.
 */
void stats_add_change(const struct partition *before, const struct rules *after,
                      struct arena *arena, struct checkpoint *checkpoint);
#endif
