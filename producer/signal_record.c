#include "producer/signal_record.h"

#include "core/check.h"
#include "core/datetime.h"

/* A run of bytes in the scratch buffer, which moves while it grows. */
struct piece {
    size_t begin;
    size_t size;
};

static struct piece piece_since(const struct buf *buf, size_t begin)
{
    return (struct piece){begin, buf->size - begin};
}

static struct piece add_piece(struct buf *buf, struct slice bytes)
{
    size_t begin = buf->size;
    buf_add_slice(buf, bytes);
    return piece_since(buf, begin);
}

static struct slice piece_in(struct slice all, struct piece piece)
{
    return (struct slice){all.data + piece.begin, piece.size};
}

static void add_header(struct sink_record *record, const char *name, struct slice value)
{
    CHECK(record->header_count < SINK_HEADERS_MAX);
    record->headers[record->header_count++] = (struct sink_header){name, value};
}

static struct slice content_type(enum signal_format format)
{
    return format == SIGNAL_JSON ? SLICE("application/json") : SLICE("application/msgpack");
}

void signal_record(const struct signal *signal, const struct signal_envelope *envelope,
                   struct arena *arena, struct buf *scratch, struct sink_record *record)
{
    char time[32];
    size_t time_size = (size_t)datetime_format_ms(signal->time_ms, time);

    /*
     * One copy for all: the pieces are written one behind the other, then moved to the arena
     * together.
     */
    buf_reset(scratch);
    signal_encode(signal, envelope->format, (struct slice){NULL, 0}, scratch);
    struct piece value = piece_since(scratch, 0);
    signal_add_id(signal, slice_of(envelope->from.topic), envelope->from.partition,
                  envelope->offset, scratch);
    struct piece id = piece_since(scratch, value.size);
    struct piece type = add_piece(scratch, signal->type);
    struct piece customer = add_piece(scratch, signal->customer);
    struct piece time_text = add_piece(scratch, (struct slice){time, time_size});
    struct piece traceparent = add_piece(scratch, envelope->traceparent);
    struct slice all = arena_copy(arena, buf_slice(scratch));

    record->topic = envelope->topic;
    record->partition = -1;
    record->key = piece_in(all, customer);
    record->value = piece_in(all, value);
    record->time_ms = 0;
    record->header_count = 0;
    add_header(record, "ce_specversion", SLICE("1.0"));
    add_header(record, "ce_id", piece_in(all, id));
    add_header(record, "ce_type", piece_in(all, type));
    add_header(record, "ce_source", envelope->source);
    add_header(record, "ce_subject", piece_in(all, customer));
    add_header(record, "ce_time", piece_in(all, time_text));
    add_header(record, "content-type", content_type(envelope->format));
    if (traceparent.size)
        add_header(record, "traceparent", piece_in(all, traceparent));
}
