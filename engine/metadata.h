/*
 * engine/metadata.h - what travels with a committed offset: ASCII, at most 512 bytes, read back at
 * recovery.
 *
 *   stagecoach/1 epoch=12 watermark=1700000000000 ruleset=0123456789abcdef origin=0 journal=3 skew=0
 *
 * A watermark that there is not yet is written as `-`.
 */
#ifndef ENGINE_METADATA_H
#define ENGINE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#define METADATA_SIZE_MAX 512

struct metadata {
    uint64_t epoch;       /* number of the epoch that committed it */
    int64_t watermark_ms; /* INT64_MIN: none yet */
    uint64_t ruleset;
    int64_t origin;   /* the first offset that this group ever read of the partition */
    uint64_t journal; /* number of the last journal record, 0: none */
    int64_t skew_ms;  /* record time - event time of the event that holds the watermark */
};

void metadata_format(const struct metadata *metadata, char out[METADATA_SIZE_MAX + 1]);

/* False where the text is not ours. */
bool metadata_parse(const char *text, struct metadata *metadata);
#endif
