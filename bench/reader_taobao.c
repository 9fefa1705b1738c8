/*
 * taobao-csv: UserBehavior.csv of the Taobao dataset, which has no header line.
 */
#include "bench/reader_csv.h"

static const struct csv_column columns[] = {
    {"user", CSV_ID, false},       {"item", CSV_ID, false},         {"category", CSV_ID, false},
    {"behavior", CSV_TEXT, false}, {"seconds", CSV_SECONDS, false},
};

static const struct csv_layout layout = {columns, sizeof columns / sizeof *columns, false};

static enum err begin(struct reader *reader, struct errinfo *info)
{
    return reader_csv_begin(reader, &layout, info);
}

const struct reader_ops reader_taobao_ops = {begin, reader_csv_next, reader_csv_end};
