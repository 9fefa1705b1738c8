/*
 * core/buf.h - a growing byte buffer. Out of memory stops the process.
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

/* Room for `size` more bytes; the pointer to them. The caller adds to buf->size what it wrote. */
char *buf_reserve(struct buf *buf, size_t size);

void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_slice(struct buf *buf, struct slice bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->size};
}

/* The write callback of msgpack-c's packer: msgpack_packer_init(&packer, buf, buf_pack_write). */
int buf_pack_write(void *buf, const char *data, size_t size);
#endif
