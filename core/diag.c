#include "core/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

struct diag_entry {
    char *file;       /* owned; NULL: of no file */
    size_t file_rank; /* files in the order of their first mention */
    size_t number;    /* of equal places the first reported comes first */
    int line, column;
    bool is_warning;
    char *message; /* owned */
};

void diag_init(struct diag *diag)
{
    *diag = (struct diag){0};
}

void diag_fini(struct diag *diag)
{
    for (size_t i = 0; i < diag->count; i++) {
        free(diag->entries[i].file);
        free(diag->entries[i].message);
    }
    free(diag->entries);
    diag_init(diag);
}

static struct diag_entry *add_entry(struct diag *diag)
{
    if (diag->count == diag->capacity) {
        size_t capacity = diag->capacity ? diag->capacity * 2 : 16;
        struct diag_entry *entries = realloc(diag->entries, capacity * sizeof(*entries));
        CHECK(entries != NULL);
        diag->entries = entries;
        diag->capacity = capacity;
    }
    return &diag->entries[diag->count++];
}

static bool same_file(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Looked for from the latest entry, since mistakes of one file come together. */
static size_t file_rank(const struct diag *diag, const char *file)
{
    size_t ranks = 0;
    for (size_t i = diag->count; i > 0; i--) {
        const struct diag_entry *entry = &diag->entries[i - 1];
        if (same_file(entry->file, file))
            return entry->file_rank;
        if (entry->file_rank >= ranks)
            ranks = entry->file_rank + 1;
    }
    return ranks;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

static void __attribute__((format(printf, 4, 0)))
add(struct diag *diag, struct diag_pos at, bool is_warning, const char *format, va_list arguments)
{
    char *message;
    int length = vasprintf(&message, format, arguments);
    CHECK(length >= 0);
    size_t rank = file_rank(diag, at.file);
    size_t number = diag->count;
    *add_entry(diag) = (struct diag_entry){
        .file = at.file ? copy_text(at.file) : NULL,
        .file_rank = rank,
        .number = number,
        .line = at.line,
        .column = at.column,
        .is_warning = is_warning,
        .message = message,
    };
    diag->error_count += !is_warning;
}

void diag_error(struct diag *diag, struct diag_pos at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(diag, at, false, format, arguments);
    va_end(arguments);
}

void diag_warning(struct diag *diag, struct diag_pos at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(diag, at, true, format, arguments);
    va_end(arguments);
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_entries(const void *left, const void *right)
{
    const struct diag_entry *a = left;
    const struct diag_entry *b = right;
    if (a->file_rank != b->file_rank)
        return compare_sizes(a->file_rank, b->file_rank);
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return compare_sizes(a->number, b->number);
}

/* An alias is read where it stands, each time with the same mistakes. Entries of one place are neighbours. */
static bool is_repeated(const struct diag *diag, size_t index)
{
    const struct diag_entry *entry = &diag->entries[index];
    for (size_t i = index; i > 0; i--) {
        const struct diag_entry *before = &diag->entries[i - 1];
        if (before->file_rank != entry->file_rank || before->line != entry->line ||
            before->column != entry->column)
            return false;
        if (before->is_warning == entry->is_warning && strcmp(before->message, entry->message) == 0)
            return true;
    }
    return false;
}

static void print_entry(const struct diag_entry *entry, FILE *out)
{
    if (entry->file && entry->line > 0)
        fprintf(out, "%s:%d:%d: ", entry->file, entry->line, entry->column);
    else if (entry->file)
        fprintf(out, "%s: ", entry->file);
    fprintf(out, "%s%s\n", entry->is_warning ? "warning: " : "", entry->message);
}

void diag_print(struct diag *diag, FILE *out)
{
    if (diag->count > 0)
        qsort(diag->entries, diag->count, sizeof(*diag->entries), compare_entries);
    for (size_t i = 0; i < diag->count; i++)
        if (!is_repeated(diag, i))
            print_entry(&diag->entries[i], out);
}

/* ---- the nearest name ---- */

#define NAME_SIZE_MAX 64

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/*
 * Insertions, deletions, replacements and swaps of neighbours that turn one name into the other,
 * whatever the case of their letters. Three rows of the usual matrix are enough.
 */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][NAME_SIZE_MAX + 1];
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replace = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, replace);
            bool is_swap = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
            if (is_swap && above_that[j - 2] + 1 < row[j])
                row[j] = above_that[j - 2] + 1;
        }
    }
    return rows[a_size % 3][b_size];
}

const char *diag_nearest(const char *wrong, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t size = strlen(wrong);
    size_t limit = size < 6 ? 1 : size / 3; /* further away it is another word, not a slip */
    if (size < 2 || size > NAME_SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_size = strlen(names[i]);
        if (name_size > NAME_SIZE_MAX)
            continue;
        size_t distance = edit_distance(wrong, size, names[i], name_size);
        if (distance < limit || (distance == limit && !nearest)) {
            nearest = names[i];
            limit = distance;
        }
    }
    return nearest;
}
