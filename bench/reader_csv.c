#include "bench/reader_csv.h"

#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "bench/csv.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/number.h"

#define RECORD_SIZE_MAX ((size_t)1 << 20) /* so that one stray quote does not swallow the file */

struct column { /* of this file, in its order */
    struct slice name;
    enum csv_kind kind;
};

struct csv {
    const struct csv_layout *layout;
    struct column columns[CSV_CELLS_MAX];
    size_t column_count;
    struct slice cells[CSV_CELLS_MAX];
    size_t cell_count;
    int64_t line; /* where the record at hand begins */
    struct buf scratch;
    struct arena names;
};

/* ---- records ---- */

enum record {
    RECORD_READ,   /* its cells are there */
    RECORD_BROKEN, /* `wrong` says why; the line is taken */
    RECORD_END,
    RECORD_FAILED,
};

static bool is_blank(struct slice record)
{
    return reader_trim(record).size == 0;
}

/* A quote that is never closed: only the first line is given up, what follows it is read as usual. */
static enum record take_unclosed(struct reader *reader, struct csv *csv, const char **wrong,
                                 struct errinfo *info)
{
    struct slice line;
    if (input_line(reader->input, &line, info) == INPUT_FAILED)
        return RECORD_FAILED;
    csv->line = reader->next_line++;
    *wrong = memchr(line.data, '"', line.size) ? "a quote is not closed"
                                               : "the row is longer than 1 MiB";
    return RECORD_BROKEN;
}

static enum record take_record(struct reader *reader, struct csv *csv, struct slice record,
                               int64_t lines, const char **wrong)
{
    input_take(reader->input, record.size);
    csv->line = reader->next_line;
    reader->next_line += lines;
    if (csv->line == 1)
        record = reader_without_mark(record);
    *wrong = csv_split(record, &csv->scratch, csv->cells, &csv->cell_count);
    return *wrong ? RECORD_BROKEN : RECORD_READ;
}

static enum record next_record(struct reader *reader, struct csv *csv, const char **wrong,
                               struct errinfo *info)
{
    bool is_all = false;
    for (;;) {
        struct slice window = input_window(reader->input);
        if (is_all && window.size == 0)
            return RECORD_END;
        size_t size;
        int64_t lines;
        enum csv_result result = csv_measure(window, is_all, &size, &lines);
        if (result == CSV_UNCLOSED || (result == CSV_MORE && window.size > RECORD_SIZE_MAX))
            return take_unclosed(reader, csv, wrong, info);
        if (result == CSV_WHOLE) {
            struct slice record = {window.data, size};
            if (!is_blank(record))
                return take_record(reader, csv, record, lines, wrong);
            input_take(reader->input, size);
            reader->next_line += lines;
            continue;
        }
        enum input_result filled = input_fill(reader->input, info);
        if (filled == INPUT_FAILED)
            return RECORD_FAILED;
        is_all = filled == INPUT_END;
    }
}

/* ---- the header line ---- */

static const struct csv_column *find_column(const struct csv_layout *layout, struct slice name)
{
    for (size_t i = 0; i < layout->count; i++)
        if (slice_is(name, layout->columns[i].name))
            return &layout->columns[i];
    return NULL;
}

static bool has_name(const struct csv *csv, struct slice name)
{
    for (size_t i = 0; i < csv->column_count; i++)
        if (slice_equal(csv->columns[i].name, name))
            return true;
    return false;
}

static enum err take_names(struct reader *reader, struct csv *csv, struct errinfo *info)
{
    for (size_t i = 0; i < csv->cell_count; i++) {
        struct slice name = reader_trim(csv->cells[i]);
        const struct csv_column *known = find_column(csv->layout, name);
        if (has_name(csv, name))
            return err_set(info, ERR_CONFIG, "%s:%lld: the header line has the column '%.*s' twice",
                           reader->path, (long long)csv->line, (int)name.size, name.data);
        csv->columns[csv->column_count++] = (struct column){.name = arena_copy(&csv->names, name),
                                                            .kind = known ? known->kind : CSV_TEXT};
    }
    for (size_t i = 0; i < csv->layout->count; i++) {
        const struct csv_column *column = &csv->layout->columns[i];
        if (!column->is_optional && !has_name(csv, slice_of(column->name)))
            return err_set(info, ERR_CONFIG,
                           "%s:%lld: the header line has no column '%s': this is not %s",
                           reader->path, (long long)csv->line, column->name, reader->format->name);
    }
    return ERR_NONE;
}

static enum err read_header(struct reader *reader, struct csv *csv, struct errinfo *info)
{
    const char *wrong;
    switch (next_record(reader, csv, &wrong, info)) {
    case RECORD_READ:
        return take_names(reader, csv, info);
    case RECORD_BROKEN:
        return err_set(info, ERR_CONFIG, "%s:%lld: the header line: %s", reader->path,
                       (long long)csv->line, wrong);
    case RECORD_END:
        return err_set(info, ERR_CONFIG, "%s: is empty; %s begins with a header line", reader->path,
                       reader->format->name);
    case RECORD_FAILED:
        break;
    }
    return ERR_FATAL;
}

static void take_layout(struct csv *csv)
{
    for (size_t i = 0; i < csv->layout->count; i++)
        csv->columns[i] =
            (struct column){slice_of(csv->layout->columns[i].name), csv->layout->columns[i].kind};
    csv->column_count = csv->layout->count;
}

enum err reader_csv_begin(struct reader *reader, const struct csv_layout *layout,
                          struct errinfo *info)
{
    struct csv *csv = calloc(1, sizeof *csv);
    CHECK(csv != NULL);
    CHECK(layout->count <= CSV_CELLS_MAX);
    csv->layout = layout;
    buf_init(&csv->scratch);
    arena_init(&csv->names);
    reader->own = csv;
    if (layout->has_header)
        return read_header(reader, csv, info);
    take_layout(csv);
    return ERR_NONE;
}

void reader_csv_end(struct reader *reader)
{
    struct csv *csv = reader->own;
    buf_fini(&csv->scratch);
    arena_fini(&csv->names);
    free(csv);
}

/* ---- cells to values ---- */

static void pack_text(msgpack_packer *pk, struct slice text)
{
    msgpack_pack_str_with_body(pk, text.data, text.size);
}

static bool reads_back(struct slice cell, int64_t value)
{
    char text[32];
    int size = number_format_int(value, text);
    return slice_equal(cell, (struct slice){text, (size_t)size});
}

static void pack_id(msgpack_packer *pk, struct slice cell)
{
    struct number number;
    if (number_parse(cell, &number) && number.is_int && reads_back(cell, number.i))
        msgpack_pack_int64(pk, number.i);
    else
        pack_text(pk, cell);
}

static const char *pack_int(msgpack_packer *pk, struct slice cell)
{
    struct number number;
    if (!number_parse(cell, &number) || !number.is_int)
        return "is not a whole number";
    msgpack_pack_int64(pk, number.i);
    return NULL;
}

static const char *pack_seconds(msgpack_packer *pk, struct slice cell)
{
    for (size_t i = 0; i < cell.size; i++)
        if (cell.data[i] < '0' || cell.data[i] > '9')
            return "is not Unix seconds";
    if (cell.size < 9 || cell.size > 11)
        return "is not Unix seconds, which have 9 to 11 digits";
    return pack_int(pk, cell);
}

static const char *pack_double(msgpack_packer *pk, struct slice cell)
{
    struct number number;
    if (!number_parse(cell, &number))
        return "is not a number";
    msgpack_pack_double(pk, number.d);
    return NULL;
}

/* NULL, or what is wrong with it. */
static const char *pack_cell(msgpack_packer *pk, enum csv_kind kind, struct slice cell)
{
    switch (kind) {
    case CSV_TEXT:
        pack_text(pk, cell);
        return NULL;
    case CSV_ID:
        pack_id(pk, cell);
        return NULL;
    case CSV_MS:
        return pack_int(pk, cell);
    case CSV_SECONDS:
        return pack_seconds(pk, cell);
    case CSV_DOUBLE:
        return pack_double(pk, cell);
    }
    return NULL;
}

static size_t count_filled(const struct csv *csv)
{
    size_t count = 0;
    for (size_t i = 0; i < csv->cell_count; i++)
        count += csv->cells[i].size > 0;
    return count;
}

static enum reader_result give_row(struct reader *reader, struct reader_row *row, struct csv *csv)
{
    if (csv->cell_count != csv->column_count)
        return reader_give_bad(reader, row, csv->line, "%zu cells instead of %zu", csv->cell_count,
                               csv->column_count);
    msgpack_packer pk;
    msgpack_packer_init(&pk, &reader->message, buf_pack_write);
    msgpack_pack_map(&pk, count_filled(csv));
    for (size_t i = 0; i < csv->cell_count; i++) {
        struct slice name = csv->columns[i].name, cell = csv->cells[i];
        if (cell.size == 0)
            continue; /* an empty cell is absent */
        pack_text(&pk, name);
        const char *wrong = pack_cell(&pk, csv->columns[i].kind, cell);
        if (wrong)
            return reader_give_bad(reader, row, csv->line, "%.*s: '%.*s' %s", (int)name.size,
                                   name.data, cell.size < 80 ? (int)cell.size : 80, cell.data,
                                   wrong);
    }
    return reader_give(reader, row, csv->line);
}

enum reader_result reader_csv_next(struct reader *reader, struct reader_row *row,
                                   struct errinfo *info)
{
    struct csv *csv = reader->own;
    const char *wrong;
    switch (next_record(reader, csv, &wrong, info)) {
    case RECORD_READ:
        return give_row(reader, row, csv);
    case RECORD_BROKEN:
        return reader_give_bad(reader, row, csv->line, "%s", wrong);
    case RECORD_END:
        return READER_END;
    case RECORD_FAILED:
        break;
    }
    return READER_FAILED;
}
