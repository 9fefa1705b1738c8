/*
 * msgpack: messages one after another, nothing between them. Where a message ends is told by its headers alone, so
 * a message that is wrong inside (too deep, not a map, bad text) is given as it is, for the decoder to refuse; after bytes
 * that are no msgpack at all nothing behind them can be found, and the file ends there.
 */
#include <stdlib.h>

#include "bench/reader_ops.h"
#include "core/check.h"

struct progress {     /* within the message that is being measured */
    size_t size;      /* bytes of headers and contents passed */
    uint64_t missing; /* values still to come */
    bool is_over;     /* bad bytes: nothing more comes */
    int64_t position; /* of the message, in bytes of the (uncompressed) file */
};

static enum err begin(struct reader *reader, struct errinfo *info)
{
    (void)info;
    reader->own = calloc(1, sizeof(struct progress));
    CHECK(reader->own != NULL);
    return ERR_NONE;
}

static void end(struct reader *reader)
{
    free(reader->own);
}

static uint64_t big_endian(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/*
 * What the first byte of a value says: `length_size` bytes of a length follow it (0: the length is `base`), then `extra` and
 * as many bytes as that length; of arrays and maps instead `values` times that length values.
 */
struct shape {
    uint8_t length_size;
    uint8_t base;
    uint8_t extra;  /* of ext: its type */
    uint8_t values; /* 0, 1 of arrays, 2 of maps: then the length counts values, not bytes */
};

/* The bytes from 0xc0 on that are not ranges; 0xc1 is never used. */
static const struct shape shapes[32] = {
    [0x04] = {1, 0, 0, 0},  [0x05] = {2, 0, 0, 0}, [0x06] = {4, 0, 0, 0}, /* bin */
    [0x07] = {1, 0, 1, 0},  [0x08] = {2, 0, 1, 0}, [0x09] = {4, 0, 1, 0}, /* ext */
    [0x0a] = {0, 4, 0, 0},  [0x0b] = {0, 8, 0, 0},                        /* float, double */
    [0x0c] = {0, 1, 0, 0},  [0x0d] = {0, 2, 0, 0}, [0x0e] = {0, 4, 0, 0}, [0x0f] = {0, 8, 0, 0},
    [0x10] = {0, 1, 0, 0},  [0x11] = {0, 2, 0, 0}, [0x12] = {0, 4, 0, 0}, [0x13] = {0, 8, 0, 0},
    [0x14] = {0, 1, 1, 0},  [0x15] = {0, 2, 1, 0}, [0x16] = {0, 4, 1, 0}, [0x17] = {0, 8, 1, 0},
    [0x18] = {0, 16, 1, 0},                                               /* fixext */
    [0x19] = {1, 0, 0, 0},  [0x1a] = {2, 0, 0, 0}, [0x1b] = {4, 0, 0, 0}, /* str */
    [0x1c] = {2, 0, 0, 1},  [0x1d] = {4, 0, 0, 1},                        /* array */
    [0x1e] = {2, 0, 0, 2},  [0x1f] = {4, 0, 0, 2},                        /* map */
};

static struct shape shape_of(unsigned char first)
{
    if (first >= 0xe0 || first < 0x80)
        return (struct shape){0}; /* small integers */
    if (first >= 0xc0)
        return shapes[first - 0xc0];
    if (first >= 0xa0)
        return (struct shape){.base = first & 31}; /* str */
    return (struct shape){.base = first & 15, .values = first >= 0x90 ? 1 : 2};
}

enum measured { MEASURED_WHOLE, MEASURED_MORE, MEASURED_BAD };

/* Passes one header, and the content of a text or number. */
static enum measured pass_value(struct progress *progress, struct slice window)
{
    const unsigned char *at = (const unsigned char *)window.data + progress->size;
    size_t left = window.size - progress->size;
    if (left == 0)
        return MEASURED_MORE;
    if (*at == 0xc1)
        return MEASURED_BAD;
    struct shape shape = shape_of(*at);
    if (left < 1u + shape.length_size)
        return MEASURED_MORE;
    uint64_t length = shape.length_size ? big_endian(at + 1, shape.length_size) : shape.base;
    uint64_t content = shape.values ? 0 : length + shape.extra;
    if (content > INPUT_WINDOW_MAX || length * shape.values > INPUT_WINDOW_MAX)
        return MEASURED_BAD;
    if (left < 1 + shape.length_size + content)
        return MEASURED_MORE;
    progress->size += (size_t)(1 + shape.length_size + content);
    progress->missing += length * shape.values;
    progress->missing--;
    return MEASURED_WHOLE;
}

static enum measured pass_message(struct progress *progress, struct slice window)
{
    while (progress->missing > 0) {
        enum measured measured = pass_value(progress, window);
        if (measured != MEASURED_WHOLE)
            return measured;
        if (progress->missing > INPUT_WINDOW_MAX)
            return MEASURED_BAD;
    }
    return MEASURED_WHOLE;
}

static enum reader_result give_over(struct reader *reader, struct reader_row *row, const char *what)
{
    struct progress *progress = reader->own;
    progress->is_over = true;
    return reader_give_bad(reader, row, reader->next_line++,
                           "%s in the message that begins at byte %lld; what follows it can't be "
                           "found",
                           what, (long long)progress->position);
}

static enum reader_result give_message(struct reader *reader, struct reader_row *row)
{
    struct progress *progress = reader->own;
    struct slice message = {input_window(reader->input).data, progress->size};
    input_take(reader->input, progress->size);
    progress->position += (int64_t)progress->size;
    enum reader_result result = reader_give(reader, row, reader->next_line++);
    row->message = message; /* where it lies; nothing is copied */
    return result;
}

/* At the end of the file, or of the room for one message. */
static enum reader_result give_end(struct reader *reader, struct reader_row *row,
                                   enum input_result result)
{
    if (result == INPUT_FAILED)
        return READER_FAILED;
    if (result == INPUT_TOO_LONG)
        return give_over(reader, row, "more than 16 MiB");
    if (input_window(reader->input).size == 0)
        return READER_END;
    return give_over(reader, row, "the file ends");
}

static enum reader_result next(struct reader *reader, struct reader_row *row, struct errinfo *info)
{
    struct progress *progress = reader->own;
    progress->size = 0;
    progress->missing = 1;
    while (!progress->is_over) {
        enum measured measured = pass_message(progress, input_window(reader->input));
        if (measured == MEASURED_WHOLE)
            return give_message(reader, row);
        if (measured == MEASURED_BAD)
            return give_over(reader, row, "no msgpack");
        enum input_result result = input_fill(reader->input, info);
        if (result != INPUT_OK)
            return give_end(reader, row, result);
    }
    return READER_END;
}

const struct reader_ops reader_msgpack_ops = {.begin = begin, .next = next, .end = end};
