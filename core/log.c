#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/datetime.h"

#define LINE_SIZE_MAX 4096

static atomic_int threshold = LOG_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level)
{
    /* Relaxed: it does not matter which of two lines near the change is still written. */
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void log_one_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = ' ';
    }
}

struct log_quoted log_quote(const char *text)
{
    struct log_quoted quoted;
    size_t used = 0;
    quoted.text[used++] = '"';
    for (; *text && used < sizeof quoted.text - 3; text++) { /* two for this one, and the end */
        if (*text == '"' || *text == '\\')
            quoted.text[used++] = '\\';
        quoted.text[used++] = *text;
    }
    quoted.text[used++] = '"';
    quoted.text[used] = '\0';
    return quoted;
}

/*
 * The time is read here and not from a clock seam: lines are for people, and results do not depend
 * on them.
 */
static void format_now(char out[32])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char text[32];
    int64_t ms = now.tv_nsec / 1000000;
    datetime_format_ms((int64_t)now.tv_sec * 1000, text);
    snprintf(out, 32, "%.19s.%03dZ", text, (int)ms);
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    if (level >= LOG_OFF || (int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    char line[LINE_SIZE_MAX];
    char now[32];
    format_now(now);
    int start = snprintf(line, sizeof(line), "%s %s %s ", now, level_names[level], event);
    size_t used = start < 0 ? 0 : (size_t)start;
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof(line) - used - 1, format, arguments); /* cut where too long */
    va_end(arguments);
    log_one_line(line);
    size_t size = strlen(line);
    line[size++] = '\n';
    /*
     * One write, so that lines of several threads do not mix; a stderr that is gone is nobody's
     * error.
     */
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written;
}
