/*
 * state/window.h - a sliding count or sum over at most 64 buckets of fixed width, aligned to 1970.
 *
 * An amount goes into the bucket of its time; before the window: left out. Read as the bucket of
 * `now` and those before it, added up in order, so that the same amounts give the same double.
 */
#ifndef STATE_WINDOW_H
#define STATE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window;

#define WINDOW_BUCKETS_MAX 64
#define WINDOW_SPAN_MAX    128 /* buckets between the oldest and the newest that are kept */

/*
 * False where `time_ms` lies before the window of `now_ms`. Times after `now_ms` are kept for when
 * they come (the step has none: its now is never before the event's time). A window either counts
 * or sums, from its first amount on.
 */
bool window_add_count(struct window **window, uint32_t buckets, int64_t bucket_ms, int64_t time_ms,
                      int64_t now_ms);
bool window_add_sum(struct window **window, uint32_t buckets, int64_t bucket_ms, int64_t time_ms,
                    int64_t now_ms, double amount);

int64_t window_count(const struct window *window, uint32_t buckets, int64_t bucket_ms,
                     int64_t now_ms);
double window_sum(const struct window *window, uint32_t buckets, int64_t bucket_ms, int64_t now_ms);

void window_clear(struct window **window);
size_t window_size(const struct window *window); /* bytes allocated */

/*
 * For the codec: how many buckets, the newest one's number, and their amounts from the oldest on in
 * `*counts` or `*sums`; the other is NULL. Restored from the oldest on, one call each that is not
 * 0.
 */
size_t window_buckets(const struct window *window, int64_t *newest, const double **sums,
                      const int64_t **counts);
void window_restore(struct window **window, bool is_sum, int64_t bucket, int64_t count, double sum);
#endif
