/*
 * rees46-csv: "eCommerce behavior data from multi category store" as REES46 published it.
 */
#include "bench/reader_csv.h"

static const struct csv_column columns[] = {
    {"event_time", CSV_TEXT, false}, /* 2019-10-01 00:00:00 UTC */
    {"event_type", CSV_TEXT, false}, {"product_id", CSV_ID, false},
    {"category_id", CSV_ID, true},   {"category_code", CSV_TEXT, true},
    {"brand", CSV_TEXT, true},       {"price", CSV_DOUBLE, true},
    {"user_id", CSV_ID, false},      {"user_session", CSV_TEXT, true},
};

static const struct csv_layout layout = {columns, sizeof columns / sizeof *columns, true};

static enum err begin(struct reader *reader, struct errinfo *info)
{
    return reader_csv_begin(reader, &layout, info);
}

const struct reader_ops reader_rees46_ops = {begin, reader_csv_next, reader_csv_end};
