/*
 * producer/dead_letter.h - a message that could not be handled, as the record that tells a person
 * why.
 *
 * It has the source record's key and the beginning of its value, and headers from which the record
 * can be found again (DESIGN section 7):
 *
 *   error             a code of DESIGN section 3, or `oversize_signal`
 *   error_detail      a sentence; may be empty
 *   source_topic      where the record lies
 *   source_partition
 *   source_offset
 *   source_time       the record's time, ms since 1970; -1: it has none
 *   source_size       bytes of the whole value
 *   source_xxh3       16 hex digits: XXH3-64 of the whole value
 */
#ifndef PRODUCER_DEAD_LETTER_H
#define PRODUCER_DEAD_LETTER_H

#include <stdint.h>

#include "core/arena.h"
#include "core/slice.h"
#include "core/topic_partition.h"
#include "producer/sink.h"

#define DEAD_LETTER_VALUE_MAX 65536

struct dead_letter {
    const char *error; /* the code; static */
    struct slice detail;
    struct topic_partition from;
    int64_t offset;
    int64_t time_ms;    /* negative: the record has none */
    struct slice key;   /* data NULL: none */
    struct slice value; /* whole; data NULL: a null value */
};

/*
 * All but `topic` and the code is copied into the arena, so the record lives as long as the arena's
 * contents.
 */
void dead_letter_record(const struct dead_letter *letter, const char *topic, struct arena *arena,
                        struct sink_record *record);
#endif
