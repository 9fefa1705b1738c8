/*
 * core/diag.h - what is wrong in files that people write: FILE:LINE:COLUMN: what, and what would
 * be right.
 *
 * All mistakes of one run are collected, then printed in the order of file, line and column.
 */
#ifndef CORE_DIAG_H
#define CORE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct diag_pos {
    const char *file; /* the list copies it */
    int line, column; /* from 1; columns count characters; line 0: the whole file */
};

struct diag_entry;

struct diag {
    struct diag_entry *entries;
    size_t count;
    size_t capacity;
    size_t error_count; /* without warnings */
};

void diag_init(struct diag *diag);
void diag_fini(struct diag *diag);

void diag_error(struct diag *diag, struct diag_pos at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Shown by `check` with `warning: `, but nothing is refused for it. */
void diag_warning(struct diag *diag, struct diag_pos at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sorts by file (in the order of first mention), line and column, and prints a line each; what is said of a place twice, once. */
void diag_print(struct diag *diag, FILE *out);

/*
 * Of `count` names the nearest to a misspelt one, or NULL where none is near. For "did you mean".
 */
const char *diag_nearest(const char *wrong, const char *const *names, size_t count);
#endif
