/*
 * bench/reader_ops.h - what the formats' files share. Private to bench/reader*.c.
 */
#ifndef BENCH_READER_OPS_H
#define BENCH_READER_OPS_H

#include "bench/input_file.h"
#include "bench/reader.h"
#include "core/buf.h"

struct reader {
    const struct reader_format *format;
    struct input_file *input;
    char *path;
    int64_t next_row;
    int64_t next_line; /* the line that will be read next, from 1 */
    struct buf message;
    struct buf error;
    void *own; /* the format's, from its begin() */
};

struct reader_ops {
    enum err (*begin)(struct reader *reader, struct errinfo *info); /* may be NULL */
    enum reader_result (*next)(struct reader *reader, struct reader_row *row, struct errinfo *info);
    void (*end)(struct reader *reader); /* may be NULL; also after a failed begin() */
};

extern const struct reader_ops reader_jsonl_ops;
extern const struct reader_ops reader_msgpack_ops;
extern const struct reader_ops reader_rees46_ops;
extern const struct reader_ops reader_retailrocket_ops;
extern const struct reader_ops reader_taobao_ops;
extern const struct reader_ops reader_otto_ops;

/* The row that begins at `line` is reader->message, or bad: each takes the next number. */
enum reader_result reader_give(struct reader *reader, struct reader_row *row, int64_t line);
enum reader_result reader_give_bad(struct reader *reader, struct reader_row *row, int64_t line,
                                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The next line that is not blank, trimmed; a byte order mark is not part of it. READER_ROW: it is there, as `*line` of
 * number `*number`. READER_BAD: it is too long, and `row` says so. */
enum reader_result reader_line(struct reader *reader, struct reader_row *row, struct slice *line,
                               int64_t *number, struct errinfo *info);

/* ASCII white space around it taken away. */
struct slice reader_trim(struct slice text);

/* Takes a UTF-8 byte order mark at the beginning of the file. */
struct slice reader_without_mark(struct slice text);
#endif
