/*
 * core/buf.h - a growing byte buffer. Out of memory stops the process.
 *
 * What finds room is inline: a signal is put together of some fifty pieces.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

struct buf {
    char *data; /* owned */
    size_t size;
    size_t capacity;
};

void buf_init(struct buf *buf);
void buf_fini(struct buf *buf);

/* Keeps the memory. */
void buf_reset(struct buf *buf);

/* Makes room where buf_reserve() finds none. */
void buf_grow(struct buf *buf, size_t size);

/* Room for `size` more bytes; the pointer to them. The caller adds to buf->size what it wrote. */
static inline char *buf_reserve(struct buf *buf, size_t size)
{
    if (!buf->data || buf->capacity - buf->size < size)
        buf_grow(buf, size);
    return buf->data + buf->size;
}

/* What was written into reserved room ends at `end`. */
static inline void buf_end_at(struct buf *buf, const char *end)
{
    buf->size = (size_t)(end - buf->data);
}

static inline void buf_add(struct buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(buf_reserve(buf, size), data, size);
    buf->size += size;
}

static inline void buf_add_slice(struct buf *buf, struct slice bytes)
{
    buf_add(buf, bytes.data, bytes.size);
}

static inline void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

static inline void buf_add_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->size++;
}

void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->size};
}

/* The write callback of msgpack-c's packer: msgpack_packer_init(&packer, buf, buf_pack_write). */
int buf_pack_write(void *buf, const char *data, size_t size);
#endif
