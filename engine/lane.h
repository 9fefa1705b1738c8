/*
 * engine/lane.h - a partition in a worker's hands: its computation, and where it stands with Kafka
 * and Redis.
 *
 * Made at an assignment, filled by recovery (engine/recovery.h), gone with the assignment or a
 * doubt. Private to engine/.
 *
 *   PARKED ──recovered──▶ REPLAYING ──C reached──▶ LIVE       any of them ──doubt, revocation──▶ PARKED or freed
 */
#ifndef ENGINE_LANE_H
#define ENGINE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/journal.h"
#include "engine/metadata.h"
#include "engine/partition.h"

enum lane_phase {
    LANE_PARKED,    /* paused, nothing known yet */
    LANE_REPLAYING, /* between R and C: everything is applied, nothing is published */
    LANE_LIVE,
};

struct regime;

struct lane {
    struct partition partition;
    enum lane_phase phase;
    struct regime *regime; /* the rules it is under, with what a worker needs for them */
    unsigned switches;     /* of the regime, counted */
    bool migrating;        /* not all its records have been looked at since the rules changed */

    /* Redis */
    uint64_t token;          /* ours, in P:meta */
    uint64_t version_acked;  /* of the last checkpoint that is known to have landed */
    uint64_t version_taken;  /* of the last one that was handed to the publisher */
    int64_t r_offset;        /* of the last one taken; -1: none yet */
    int64_t checkpointed_ms; /* monotonic, when it was taken */
    bool layout_stored;      /* P:layouts knows ours */

    /* Kafka */
    int64_t c_offset; /* of the last epoch handed to the publisher */
    uint64_t epoch;   /* its number */
    int64_t origin;
    uint64_t journal_number; /* of the last journal record */
    uint64_t
        journal_applied; /* of the last one that the records in memory have seen: less than that while replaying */
    uint64_t *rulesets; /* owned: whose files are in its journal */
    size_t ruleset_count;
    uint64_t
        ruleset_named; /* what C's metadata say: ahead of the regime while a change is being committed */
    bool
        uncommitted; /* outputs or a watermark's move wait for the next epoch though the offset stands */

    /* Replay */
    struct metadata target; /* C's */
    struct journal_record
        *journal; /* owned: moves and changes to be replayed yet, from journal_next on */
    size_t journal_count, journal_next;

    bool inside_message; /* between two events of one message: an epoch never ends here */
    bool moving;         /* the wall clock moves the watermark */
    int64_t moved_ms;    /* up to where the journal says that it was moved */

    /* Reading */
    bool blocked;     /* paused until retry_ms: Redis or the publisher can't keep up */
    int64_t retry_ms; /* monotonic */
    int back_off_ms;
    int64_t end_offset;   /* the end was reached there; -1: messages came since */
    int64_t quiet_ms;     /* monotonic, since when nothing came */
    int64_t idle_look_ms; /* monotonic, when idleness is looked at next */
};

/* May results be published, and the partition's offset move? */
static inline bool lane_is_live(const struct lane *lane)
{
    return lane->phase == LANE_LIVE;
}
#endif
