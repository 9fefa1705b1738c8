/*
 * retailrocket-csv: events.csv of the RetailRocket dataset.
 */
#include "bench/reader_csv.h"

static const struct csv_column columns[] = {
    {"timestamp", CSV_MS, false}, {"visitorid", CSV_ID, false},    {"event", CSV_TEXT, false},
    {"itemid", CSV_ID, false},    {"transactionid", CSV_ID, true}, /* only transactions have one */
};

static const struct csv_layout layout = {columns, sizeof columns / sizeof *columns, true};

static enum err begin(struct reader *reader, struct errinfo *info)
{
    return reader_csv_begin(reader, &layout, info);
}

const struct reader_ops reader_retailrocket_ops = {begin, reader_csv_next, reader_csv_end};
