/*
 * rules/cel_zone.h - time zones: what the clock on the wall shows, and when it shows it.
 *
 * Zones come from the system's tz database, read by ourselves: libc's tzset() is one global state
 * for all threads. The list of names is made once; a zone's file is read when it is first asked for
 * and never changes or goes after that. So everything here may be called from any thread, and a
 * name that comes with an event costs no look at the disk unless there is such a zone.
 */
#ifndef RULES_CEL_ZONE_H
#define RULES_CEL_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

struct cel_zone; /* immutable, lives as long as the process */

/*
 * A name of the tz database ("Asia/Bangkok", "UTC") or an offset ("+07:00", "-02:30", "07:00").
 * False: no such zone.
 */
struct cel_zone_ref {
    const struct cel_zone *zone; /* NULL: a fixed offset */
    int32_t offset_s;
};
bool cel_zone_find(struct slice name, struct cel_zone_ref *ref);

/* For a person: why there is no such zone, and what would be right; 256 bytes. */
void cel_zone_explain(struct slice name, char *message);

/* Seconds that the zone is ahead of UTC at that moment. */
int32_t cel_zone_offset(struct cel_zone_ref ref, int64_t utc_s);

/*
 * The moment when the zone's clock shows `local_s` (seconds since 1970 as if it were UTC). What is
 * shown twice is the first time; what is skipped is as much later as is skipped.
 */
int64_t cel_zone_to_utc(struct cel_zone_ref ref, int64_t local_s);
#endif
