/*
 * bench/input_file.h - a file, plain or gzipped, through a window that grows with what is asked of it.
 *
 * One thread at a time. Slices of the window are borrowed until the next fill or line.
 */
#ifndef BENCH_INPUT_FILE_H
#define BENCH_INPUT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

#define INPUT_WINDOW_MAX ((size_t)16 << 20) /* the longest line, record or message that is read */

enum input_result {
    INPUT_OK,
    INPUT_END,
    INPUT_TOO_LONG, /* of a line: it has been skipped, and is given as empty */
    INPUT_FAILED,   /* I/O, or damaged gzip */
};

struct input_file; /* private */

/* `-` is standard input. NULL: `info` says why. */
struct input_file *input_open(const char *path, struct errinfo *info);

/* Accepts NULL. */
void input_close(struct input_file *input);

/* What has been read and not yet taken. */
struct slice input_window(const struct input_file *input);

/* Adds to the window. INPUT_END: there is nothing more; INPUT_TOO_LONG: it is full. */
enum input_result input_fill(struct input_file *input, struct errinfo *info);

/* Takes bytes from the front; they stay readable until the next fill. */
void input_take(struct input_file *input, size_t size);

/* Takes a line, given without its end (LF or CR LF); the last one needs none. */
enum input_result input_line(struct input_file *input, struct slice *line, struct errinfo *info);

/* Bytes of the file read so far, compressed ones where it is. */
int64_t input_bytes(const struct input_file *input);
#endif
