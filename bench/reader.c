#include "bench/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/reader_ops.h"
#include "core/check.h"

const struct reader_format reader_formats[] = {
    {"segment-jsonl", "segment", "one Segment (RudderStack) message a line, JSON",
     &reader_jsonl_ops},
    {"ga4-jsonl", "ga4", "one GA4 Measurement Protocol message a line, JSON", &reader_jsonl_ops},
    {"msgpack", NULL, "messages of the configured schema one after another", &reader_msgpack_ops},
    {"rees46-csv", "rees46", "REES46 multi-category store, with header line", &reader_rees46_ops},
    {"retailrocket-csv", "retailrocket", "RetailRocket events, with header line",
     &reader_retailrocket_ops},
    {"taobao-csv", "taobao", "Taobao UserBehavior: user,item,category,behavior,seconds",
     &reader_taobao_ops},
    {"otto-jsonl", "otto", "OTTO: one session a line, JSON", &reader_otto_ops},
};
const size_t reader_format_count = sizeof reader_formats / sizeof *reader_formats;

const struct reader_format *reader_format_find(const char *name)
{
    for (size_t i = 0; i < reader_format_count; i++)
        if (strcmp(reader_formats[i].name, name) == 0)
            return &reader_formats[i];
    return NULL;
}

const char *reader_format_names(void)
{
    return "segment-jsonl, ga4-jsonl, msgpack, rees46-csv, retailrocket-csv, taobao-csv, "
           "otto-jsonl";
}

/* ---- life ---- */

struct reader *reader_open(const char *path, const struct reader_format *format, enum err *rc,
                           struct errinfo *info)
{
    struct input_file *input = input_open(path, info);
    if (!input) {
        *rc = ERR_FATAL;
        return NULL;
    }
    struct reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    reader->format = format;
    reader->input = input;
    reader->path = strdup(path);
    CHECK(reader->path != NULL);
    reader->next_line = 1;
    buf_init(&reader->message);
    buf_init(&reader->error);
    *rc = format->ops->begin ? format->ops->begin(reader, info) : ERR_NONE;
    if (*rc == ERR_NONE)
        return reader;
    reader_close(reader);
    return NULL;
}

enum reader_result reader_next(struct reader *reader, struct reader_row *row, struct errinfo *info)
{
    *row = (struct reader_row){0};
    buf_reset(&reader->message);
    return reader->format->ops->next(reader, row, info);
}

int64_t reader_bytes(const struct reader *reader)
{
    return input_bytes(reader->input);
}

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    if (reader->format->ops->end)
        reader->format->ops->end(reader);
    input_close(reader->input);
    buf_fini(&reader->message);
    buf_fini(&reader->error);
    free(reader->path);
    free(reader);
}

/* ---- what the formats share ---- */

enum reader_result reader_give(struct reader *reader, struct reader_row *row, int64_t line)
{
    *row = (struct reader_row){
        .row = reader->next_row++, .line = line, .message = buf_slice(&reader->message)};
    return READER_ROW;
}

enum reader_result reader_give_bad(struct reader *reader, struct reader_row *row, int64_t line,
                                   const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    buf_reset(&reader->error);
    buf_printf(&reader->error, "%s:%lld: %s", reader->path, (long long)line, what);
    buf_add_char(&reader->error, '\0');
    *row =
        (struct reader_row){.row = reader->next_row++, .line = line, .error = reader->error.data};
    return READER_BAD;
}

struct slice reader_trim(struct slice text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) && text.data[0] != '\0') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] != '\0' &&
           strchr(" \t\r\n", text.data[text.size - 1]))
        text.size--;
    return text;
}

struct slice reader_without_mark(struct slice text)
{
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return (struct slice){text.data + 3, text.size - 3};
    return text;
}

enum reader_result reader_line(struct reader *reader, struct reader_row *row, struct slice *line,
                               int64_t *number, struct errinfo *info)
{
    for (;;) {
        enum input_result result = input_line(reader->input, line, info);
        if (result == INPUT_END)
            return READER_END;
        if (result == INPUT_FAILED)
            return READER_FAILED;
        *number = reader->next_line++;
        if (result == INPUT_TOO_LONG)
            return reader_give_bad(reader, row, *number, "the line is longer than %zu MiB",
                                   INPUT_WINDOW_MAX >> 20);
        if (*number == 1)
            *line = reader_without_mark(*line);
        *line = reader_trim(*line);
        if (line->size > 0)
            return READER_ROW;
    }
}
