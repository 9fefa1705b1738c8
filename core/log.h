/*
 * core/log.h - one line, `key=value`, on stderr. Any thread.
 *
 *   log_info("partition.recovered", "topic=%s partition=%d offset=%lld", ...)
 *   2026-01-05T10:00:00.000Z info partition.recovered topic=shop.events partition=3 offset=17
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A text from outside as a value, in quotes, with \" and \\ in it: log_warn("x", "reason=%s", log_quote(text).text). Cut where
 * too long.
 */
struct log_quoted {
    char text[1024];
};
struct log_quoted log_quote(const char *text);

/* Control characters become blanks: one record is one line, whatever text came from outside. */
void log_one_line(char *text);

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#endif
