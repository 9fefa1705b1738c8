/*
 * state/texts.h - a set of texts in order of arrival, or a counter by text: small, ordered,
 * bounded.
 *
 * Texts at most 128 bytes, cut between characters. Looking one up is a scan: maxima are meant in
 * tens and hundreds. A struct texts is either a set or a counter, from its first element on.
 */
#ifndef STATE_TEXTS_H
#define STATE_TEXTS_H

#include "core/value.h"

#define TEXTS_TEXT_SIZE_MAX 128

struct texts;

enum texts_added { TEXTS_ADDED, TEXTS_THERE, TEXTS_FULL };

/* Does the text lie in here? Then it must be copied before something else is added. */
bool texts_hold(const struct texts *texts, struct slice text);

/* Set: adds where it is not there yet. An empty text is neither added nor counted: TEXTS_THERE. */
enum texts_added texts_add(struct texts **texts, struct slice text, uint32_t max);

/* Counter: one more of this key. TEXTS_THERE: it was there and counts one more. */
enum texts_added texts_count_up(struct texts **texts, struct slice key, uint32_t max);

void texts_clear(struct texts **texts);
size_t texts_count(const struct texts *texts);
struct slice texts_at(const struct texts *texts, size_t index);
int64_t texts_count_at(const struct texts *texts, size_t index);

/* For the codec: appends to a counter, or to a set, without looking for a former one. */
void texts_restore(struct texts **texts, struct slice text, int64_t count);
void texts_restore_text(struct texts **texts, struct slice text);

struct value texts_set_value(const struct texts *texts);
struct value texts_counter_value(const struct texts *texts);
size_t texts_size(const struct texts *texts); /* bytes allocated */
#endif
