/*
 * segment-jsonl and ga4-jsonl: one message a line; what it says is the schema's business.
 */
#include "bench/json_msgpack.h"
#include "bench/reader_ops.h"

static enum reader_result next(struct reader *reader, struct reader_row *row, struct errinfo *info)
{
    struct slice line;
    int64_t number;
    enum reader_result result = reader_line(reader, row, &line, &number, info);
    if (result != READER_ROW)
        return result;
    struct errinfo wrong;
    struct json_t *json = json_msgpack_read(line, &wrong);
    if (!json)
        return reader_give_bad(reader, row, number, "%s", wrong.text);
    json_msgpack_pack(json, &reader->message);
    json_msgpack_free(json);
    return reader_give(reader, row, number);
}

const struct reader_ops reader_jsonl_ops = {.next = next};
