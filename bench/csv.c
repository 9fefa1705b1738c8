#include "bench/csv.h"

/* ---- where a record ends ---- */

static enum csv_result line_end(struct slice bytes, size_t from, bool is_all, size_t *size)
{
    const char *end = memchr(bytes.data + from, '\n', bytes.size - from);
    *size = end ? (size_t)(end - bytes.data) + 1 : bytes.size;
    return end || is_all ? CSV_WHOLE : CSV_MORE;
}

/* Behind the closing quote of the cell that begins at `at`; `bytes.size` + 1 where there is none. */
static size_t quoted_end(struct slice bytes, size_t at, int64_t *lines)
{
    for (at++; at < bytes.size; at++) {
        *lines += bytes.data[at] == '\n';
        if (bytes.data[at] != '"')
            continue;
        if (at + 1 >= bytes.size || bytes.data[at + 1] != '"')
            return at + 1;
        at++; /* a quote that belongs to the text */
    }
    return bytes.size + 1;
}

static enum csv_result measure_quoted(struct slice bytes, bool is_all, size_t *size, int64_t *lines)
{
    size_t at = 0;
    for (;;) {
        if (at < bytes.size && bytes.data[at] == '"')
            at = quoted_end(bytes, at, lines);
        if (at > bytes.size)
            return is_all ? CSV_UNCLOSED : CSV_MORE;
        while (at < bytes.size && bytes.data[at] != ',' && bytes.data[at] != '\n')
            at++;
        if (at >= bytes.size) {
            *size = bytes.size;
            return is_all ? CSV_WHOLE : CSV_MORE;
        }
        if (bytes.data[at++] == '\n') {
            *size = at;
            return CSV_WHOLE;
        }
    }
}

enum csv_result csv_measure(struct slice bytes, bool is_all, size_t *size, int64_t *lines)
{
    *lines = 1;
    enum csv_result result = line_end(bytes, 0, is_all, size);
    size_t searched = result == CSV_WHOLE ? *size : bytes.size;
    if (searched == 0 || !memchr(bytes.data, '"', searched))
        return result;
    return measure_quoted(bytes, is_all, size, lines);
}

/* ---- its cells ---- */

static struct slice without_line_end(struct slice record)
{
    if (record.size > 0 && record.data[record.size - 1] == '\n')
        record.size--;
    if (record.size > 0 && record.data[record.size - 1] == '\r')
        record.size--;
    return record;
}

/* The text between the quotes, with doubled ones made single. `scratch` has room for the whole record. */
static struct slice unquote(struct slice quoted, struct buf *scratch)
{
    struct slice inner = {quoted.data + 1, quoted.size - 2};
    if (!memchr(inner.data, '"', inner.size))
        return inner;
    size_t start = scratch->size;
    for (size_t i = 0; i < inner.size; i++) {
        buf_add_char(scratch, inner.data[i]);
        if (inner.data[i] == '"')
            i++;
    }
    return (struct slice){scratch->data + start, scratch->size - start};
}

/* One cell from `*at` on; `*at` moves to the comma behind it, or to the end. */
static const char *take_cell(struct slice record, size_t *at, struct buf *scratch,
                             struct slice *cell)
{
    size_t start = *at;
    bool is_quoted = start < record.size && record.data[start] == '"';
    int64_t lines = 0;
    size_t end = is_quoted ? quoted_end(record, start, &lines) : start;
    if (end > record.size)
        return "a quote is not closed";
    if (is_quoted && end < record.size && record.data[end] != ',')
        return "there is text behind the closing quote of a cell";
    const char *comma =
        record.size > end ? memchr(record.data + end, ',', record.size - end) : NULL;
    *at = comma ? (size_t)(comma - record.data) : record.size;
    *cell = (struct slice){record.data + start, *at - start};
    if (is_quoted)
        *cell = unquote(*cell, scratch);
    return NULL;
}

const char *csv_split(struct slice record, struct buf *scratch, struct slice cells[CSV_CELLS_MAX],
                      size_t *count)
{
    record = without_line_end(record);
    buf_reset(scratch);
    buf_reserve(scratch, record.size); /* so that it does not move under the cells */
    *count = 0;
    for (size_t at = 0;; at++) {
        if (*count == CSV_CELLS_MAX)
            return "it has more than 64 cells";
        const char *wrong = take_cell(record, &at, scratch, &cells[*count]);
        if (wrong)
            return wrong;
        ++*count;
        if (at >= record.size)
            return NULL;
    }
}
