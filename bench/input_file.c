#include "bench/input_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "core/buf.h"
#include "core/check.h"

#define CHUNK_SIZE  ((size_t)256 << 10)
#define GZ_BUF_SIZE (128 << 10)

struct input_file {
    gzFile gz;
    char *path;
    struct buf bytes; /* taken ones first, then the window */
    size_t taken;
};

struct input_file *input_open(const char *path, struct errinfo *info)
{
    bool is_stdin = strcmp(path, "-") == 0;
    errno = 0;
    gzFile gz = is_stdin ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rb");
    if (!gz) {
        err_set(info, ERR_FATAL, "%s: %s", path, errno ? strerror(errno) : "out of memory");
        return NULL;
    }
    gzbuffer(gz, GZ_BUF_SIZE);
    struct input_file *input = calloc(1, sizeof *input);
    CHECK(input != NULL);
    input->gz = gz;
    input->path = strdup(is_stdin ? "standard input" : path);
    CHECK(input->path != NULL);
    buf_init(&input->bytes);
    return input;
}

void input_close(struct input_file *input)
{
    if (!input)
        return;
    gzclose_r(input->gz);
    buf_fini(&input->bytes);
    free(input->path);
    free(input);
}

struct slice input_window(const struct input_file *input)
{
    if (input->bytes.size == input->taken)
        return (struct slice){"", 0};
    return (struct slice){input->bytes.data + input->taken, input->bytes.size - input->taken};
}

void input_take(struct input_file *input, size_t size)
{
    CHECK(size <= input->bytes.size - input->taken);
    input->taken += size;
}

/* Moves the window to the front of the buffer. */
static void forget_taken(struct input_file *input)
{
    if (input->taken == 0)
        return;
    input->bytes.size -= input->taken;
    memmove(input->bytes.data, input->bytes.data + input->taken, input->bytes.size);
    input->taken = 0;
}

enum input_result input_fill(struct input_file *input, struct errinfo *info)
{
    forget_taken(input);
    if (input->bytes.size >= INPUT_WINDOW_MAX)
        return INPUT_TOO_LONG;
    errno = 0;
    int size = gzread(input->gz, buf_reserve(&input->bytes, CHUNK_SIZE), (unsigned)CHUNK_SIZE);
    if (size > 0) {
        input->bytes.size += (size_t)size;
        return INPUT_OK;
    }
    /* At the end too: a gzip file that was cut off is told only by the error. */
    int code = Z_OK;
    const char *text = gzerror(input->gz, &code);
    if (size == 0 && code == Z_OK)
        return INPUT_END;
    if (code == Z_ERRNO || code == Z_OK)
        text = strerror(errno);
    else if (code == Z_BUF_ERROR)
        text = "the gzip file is cut off";
    err_set(info, ERR_FATAL, "%s: %s", input->path, text);
    return INPUT_FAILED;
}

/* After a line that does not fit: to behind its end. */
static enum input_result skip_line(struct input_file *input, struct slice *line,
                                   struct errinfo *info)
{
    *line = (struct slice){"", 0};
    for (;;) {
        struct slice window = input_window(input);
        const char *end = memchr(window.data, '\n', window.size);
        if (end) {
            input_take(input, (size_t)(end - window.data) + 1);
            return INPUT_TOO_LONG;
        }
        input_take(input, window.size);
        enum input_result result = input_fill(input, info);
        if (result == INPUT_END)
            return INPUT_TOO_LONG; /* the next call finds the end */
        if (result != INPUT_OK)
            return result;
    }
}

static struct slice without_cr(struct slice line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

enum input_result input_line(struct input_file *input, struct slice *line, struct errinfo *info)
{
    size_t searched = 0;
    for (;;) {
        struct slice window = input_window(input);
        const char *end = memchr(window.data + searched, '\n', window.size - searched);
        if (end) {
            size_t size = (size_t)(end - window.data);
            *line = without_cr((struct slice){window.data, size});
            input_take(input, size + 1);
            return INPUT_OK;
        }
        searched = window.size;
        enum input_result result = input_fill(input, info);
        if (result == INPUT_TOO_LONG)
            return skip_line(input, line, info);
        if (result == INPUT_END && searched > 0) {
            *line = without_cr(input_window(input));
            input_take(input, searched);
            return INPUT_OK;
        }
        if (result != INPUT_OK)
            return result;
    }
}

int64_t input_bytes(const struct input_file *input)
{
    return (int64_t)gzoffset(input->gz);
}
