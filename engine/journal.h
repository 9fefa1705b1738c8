/*
 * engine/journal.h - what decides results and is not in the input: `{group}.journal.{topic}`, as
 * many partitions as the topic.
 *
 * Written record for record in the transaction of the epoch that it belongs to. Input and journal
 * together determine everything; a replay makes each move and change at its offset. One record is
 * one msgpack map:
 *
 *   kind       fields beside `number` (from 1, by partition) and `kind`
 *   start      origin (first offset ever read), partitions (of the topic)
 *   ruleset    ruleset (its id, 16 hex digits), files (list of text), once each
 *   rules      offset, watermark (or nil), ruleset: in force from this offset on
 *   watermark  offset, watermark: the wall clock moved it there, before the event at the offset
 */
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/slice.h"

enum journal_kind { JOURNAL_START, JOURNAL_RULESET, JOURNAL_RULES, JOURNAL_WATERMARK };

struct journal_record {
    enum journal_kind kind;
    uint64_t number;
    int64_t offset;       /* of a start: the origin */
    int64_t watermark_ms; /* INT64_MIN: none */
    int32_t partitions;   /* start */
    uint64_t ruleset;
};

/* `files` is for JOURNAL_RULESET only. */
void journal_encode(const struct journal_record *record, const struct slice *files,
                    size_t file_count, struct buf *out);

/* False where it is none; the files of a ruleset are left aside. */
bool journal_decode(struct slice bytes, struct journal_record *record);

/* `{group}.journal.{topic}`; malloc'd. */
char *journal_topic(const char *group, const char *topic);
#endif
