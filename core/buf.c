#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"

#define BUF_CAPACITY_MIN ((size_t)256)

void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    buf_init(buf);
}

void buf_reset(struct buf *buf)
{
    buf->size = 0;
}

void buf_grow(struct buf *buf, size_t size)
{
    CHECK(size <= SIZE_MAX / 4 && buf->size <= SIZE_MAX / 4);
    size_t capacity = buf->capacity ? buf->capacity : BUF_CAPACITY_MIN;
    while (capacity < buf->size + size)
        capacity *= 2;
    char *data = realloc(buf->data, capacity);
    CHECK(data != NULL);
    buf->data = data;
    buf->capacity = capacity;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    CHECK(size >= 0);
    vsnprintf(buf_reserve(buf, (size_t)size + 1), (size_t)size + 1, format, again);
    va_end(again);
    buf->size += (size_t)size;
}

int buf_pack_write(void *buf, const char *data, size_t size)
{
    buf_add(buf, data, size);
    return 0;
}
