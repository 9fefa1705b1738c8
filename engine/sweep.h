/*
 * engine/sweep.h - inside partition.h: what partition.c and sweep.c share.
 *
 * A sweep fires all timers below a watermark, second by second, so that an epoch may end between
 * two of them. A customer fires at most RULES_TIMERS_MAX timers in one sweep, whatever the number
 * of seconds; the rest waits for the next one. An epoch's end parts a sweep in two.
 */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include "engine/partition.h"

struct rules_context partition_context(struct partition *partition);

/* Hands the signals of the step to the host and forgets them. */
enum err partition_emit(struct partition *partition, const struct partition_cause *cause,
                        uint32_t *rank);

/* What a step leaves is a lower bound; here is the deadline itself. */
int64_t partition_exact_deadline(struct partition *partition, struct customer *customer);

/* Does the watermark reach a whole second by this move? Only then timers fire. */
bool partition_is_new_second(const struct partition *partition, int64_t watermark_ms);

/* After a step: the record is dirty, its timer is set where that is earlier than it was before, or it is gone. */
void partition_changed(struct partition *partition, struct customer *customer,
                       int64_t deadline_before_ms);
#endif
