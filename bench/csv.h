/*
 * bench/csv.h - CSV as RFC 4180 has it: cells in double quotes may hold commas, line ends and quotes (doubled).
 *
 * A quote that is not at the beginning of a cell is an ordinary character, as most writers of such files mean it.
 */
#ifndef BENCH_CSV_H
#define BENCH_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/slice.h"

#define CSV_CELLS_MAX 64

enum csv_result {
    CSV_WHOLE,
    CSV_MORE,     /* the record does not end in these bytes */
    CSV_UNCLOSED, /* nor in the file: a quote is not closed */
};

/*
 * Measures the record at the beginning of `bytes`: its size with the line end, and the lines that it takes. `is_all`:
 * there is nothing behind `bytes`, so that the last record needs no line end.
 */
enum csv_result csv_measure(struct slice bytes, bool is_all, size_t *size, int64_t *lines);

/*
 * Cuts a measured record into cells. NULL, or what is wrong with it (static). Cells borrow from the record and from
 * `scratch`, which is overwritten.
 */
const char *csv_split(struct slice record, struct buf *scratch, struct slice cells[CSV_CELLS_MAX],
                      size_t *count);
#endif
