/*
 * bench/reader_csv.h - what the CSV formats share: columns, found by a header line or by their order, become a map.
 * Private to bench/reader*.c.
 */
#ifndef BENCH_READER_CSV_H
#define BENCH_READER_CSV_H

#include <stdbool.h>

#include "bench/reader_ops.h"

enum csv_kind {
    CSV_TEXT,
    CSV_ID, /* an integer where that reads back the same; else text (leading zeros are part of an id) */
    CSV_MS, /* an integer */
    CSV_SECONDS, /* an integer of 9 to 11 digits: Unix seconds from 1973 to 5138; shorter ones were cut off */
    CSV_DOUBLE,
};

struct csv_column {
    const char *name;
    enum csv_kind kind;
    bool is_optional; /* may be missing from the header line */
};

struct csv_layout {
    const struct csv_column *columns;
    size_t count;
    bool
        has_header; /* then the order is the file's, and columns that are not named above are text */
};

enum err reader_csv_begin(struct reader *reader, const struct csv_layout *layout,
                          struct errinfo *info);
enum reader_result reader_csv_next(struct reader *reader, struct reader_row *row,
                                   struct errinfo *info);
void reader_csv_end(struct reader *reader);
#endif
