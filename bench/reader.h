/*
 * bench/reader.h - events from files: each row becomes the msgpack message that the row's schema reads.
 *
 * | format           | file                                                        | schema        |
 * | ---------------- | ----------------------------------------------------------- | ------------- |
 * | segment-jsonl    | one Segment message a line                                  | segment       |
 * | ga4-jsonl        | one Measurement Protocol message a line (up to 25 events)   | ga4           |
 * | msgpack          | messages one after another                                  | configured    |
 * | rees46-csv       | with a header line; columns in any order                    | rees46        |
 * | retailrocket-csv | with a header line; columns in any order                    | retailrocket  |
 * | taobao-csv       | user,item,category,behavior,seconds; no header line         | taobao        |
 * | otto-jsonl       | one session a line; each of its events is a row             | otto          |
 *
 * Gzipped files are read as they are; `-` is standard input. A row that can't be read comes as READER_BAD: it is a dead
 * letter, has a number like any other, and the rest goes on. Blank lines are no rows. What a row says is not judged here
 * (that is the decoder's), only whether it is one. CSV is RFC 4180; an empty cell gives no key.
 *
 * Limits: a row is at most 16 MiB; a longer line is READER_BAD.
 * Threads: one reader per thread.
 */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

struct reader_format {
    const char *name;
    const char *schema;           /* NULL: the configured one */
    const char *help;             /* for --help */
    const struct reader_ops *ops; /* private */
};

extern const struct reader_format reader_formats[];
extern const size_t reader_format_count;

/* NULL where there is none of that name. */
const struct reader_format *reader_format_find(const char *name);

/* All names, separated by ", ". Static. */
const char *reader_format_names(void);

struct reader; /* private */

enum reader_result {
    READER_ROW,    /* `message` is there */
    READER_BAD,    /* `error` is there */
    READER_END,    /* nothing more */
    READER_FAILED, /* the file can't be read on (I/O, damaged gzip): `info`; nothing more comes */
};

struct reader_row {
    int64_t row;          /* from 0, the header line not counted: the offset in a ce_id */
    int64_t line;         /* from 1: where the row begins; of `msgpack` the message's number */
    struct slice message; /* msgpack, borrowed until the next call; empty unless READER_ROW */
    const char *
        error; /* `FILE:LINE: what is wrong`, borrowed until the next call; NULL unless READER_BAD */
};

/*
 * NULL where the file can't be opened (ERR_FATAL) or its header line lacks a column that the format needs
 * (ERR_CONFIG): `*rc` and `info` say so.
 */
struct reader *reader_open(const char *path, const struct reader_format *format, enum err *rc,
                           struct errinfo *info);

enum reader_result reader_next(struct reader *reader, struct reader_row *row, struct errinfo *info);

/* Bytes of the file (compressed ones) that have been read, for a progress line. */
int64_t reader_bytes(const struct reader *reader);

/* Accepts NULL. */
void reader_close(struct reader *reader);
#endif
