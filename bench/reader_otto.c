/*
 * otto-jsonl: {"session": n, "events": [{"aid": item, "ts": ms, "type": "clicks"}, ...]} a line. Each of the events is a
 * row, a map of `session` and the event's own members.
 */
#include <stdlib.h>

#include <jansson.h>
#include <msgpack.h>

#include "bench/json_msgpack.h"
#include "bench/reader_ops.h"
#include "core/check.h"

struct otto {
    json_t *line; /* NULL: none is under way */
    int64_t number;
    size_t next_event;
};

static enum err begin(struct reader *reader, struct errinfo *info)
{
    (void)info;
    reader->own = calloc(1, sizeof(struct otto));
    CHECK(reader->own != NULL);
    return ERR_NONE;
}

static void end(struct reader *reader)
{
    struct otto *otto = reader->own;
    json_decref(otto->line);
    free(otto);
}

/* READER_ROW: a session is under way, perhaps without events. */
static enum reader_result read_session(struct reader *reader, struct reader_row *row,
                                       struct errinfo *info)
{
    struct otto *otto = reader->own;
    struct slice text;
    enum reader_result result = reader_line(reader, row, &text, &otto->number, info);
    if (result != READER_ROW)
        return result;
    struct errinfo wrong;
    json_t *line = json_msgpack_read(text, &wrong);
    if (!line)
        return reader_give_bad(reader, row, otto->number, "%s", wrong.text);
    if (!json_object_get(line, "session") || !json_is_array(json_object_get(line, "events"))) {
        json_decref(line);
        return reader_give_bad(reader, row, otto->number,
                               "a session needs \"session\" and \"events\", a list");
    }
    otto->line = line;
    otto->next_event = 0;
    return READER_ROW;
}

static void pack_text(msgpack_packer *pk, struct slice text)
{
    msgpack_pack_str_with_body(pk, text.data, text.size);
}

static void pack_event(struct reader *reader, const json_t *session, json_t *event)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, &reader->message, buf_pack_write);
    msgpack_pack_map(&pk, json_object_size(event) + 1);
    pack_text(&pk, SLICE("session"));
    json_msgpack_pack(session, &reader->message);
    for (void *at = json_object_iter(event); at; at = json_object_iter_next(event, at)) {
        pack_text(&pk, (struct slice){json_object_iter_key(at), json_object_iter_key_len(at)});
        json_msgpack_pack(json_object_iter_value(at), &reader->message);
    }
}

static enum reader_result give_event(struct reader *reader, struct reader_row *row, json_t *event)
{
    const struct otto *otto = reader->own;
    if (!json_is_object(event))
        return reader_give_bad(reader, row, otto->number, "event %zu is not a JSON object",
                               otto->next_event);
    pack_event(reader, json_object_get(otto->line, "session"), event);
    return reader_give(reader, row, otto->number);
}

static enum reader_result next(struct reader *reader, struct reader_row *row, struct errinfo *info)
{
    struct otto *otto = reader->own;
    for (;;) {
        json_t *events = json_object_get(otto->line, "events");
        if (otto->next_event < json_array_size(events))
            return give_event(reader, row, json_array_get(events, otto->next_event++));
        json_decref(otto->line);
        otto->line = NULL;
        enum reader_result result = read_session(reader, row, info);
        if (result != READER_ROW)
            return result;
    }
}

const struct reader_ops reader_otto_ops = {.begin = begin, .next = next, .end = end};
