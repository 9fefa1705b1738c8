/*
 * state/codec.h - a customer's record as bytes, and what a layout looks like in Redis
 * (docs/redis.md has both, byte by byte).
 *
 * A record is one msgpack array, led by the id of its layout:
 *
 *   [ layout id, clock, clock - last_seen, order hash or 0, ids, fired, machine, machine, ... ]
 *     ids      nil, or a bin of 8 bytes each, the greatest first, from the oldest id on
 *     fired    nil, or [ machine, deadline, next rank (negative: of idle timers), machine, ... ]
 *     machine  [ state, clock - entered, spent, variable, variable, ... ], in the layout's order
 *     spent    nil, or the timer words
 *     variable bool, int, text; a double as an int where that is the same; a timestamp as ms or
 *              nil; nil where empty; else line items
 *              [ currency or nil, id, name or nil, price or nil, quantity, id, ... ],
 *              a set [ text, ... ], a counter { text: count },
 *              a window [ number of the first bucket, amount, amount, ... ]
 *
 * The same record gives the same bytes, whatever way it has come about. The key is not in it (it is
 * the Redis key), nor what is the table's, the timers' and the engine's.
 *
 * Records are foreign bytes: whatever they are, decoding ends with a record within its layout's
 * bounds or with an error.
 *
 * One codec a thread may be used while nobody changes it (codec_know()).
 */
#ifndef STATE_CODEC_H
#define STATE_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"
#include "state/customer.h"
#include "state/layout.h"

/* Appends the record's bytes. */
void codec_encode(const struct layout *layout, const struct customer *customer, struct buf *out);

/* ---- reading: the current layout, and older ones by name */

struct codec;

/* `layout` is the one that decoded records get; it outlives the codec. */
struct codec *codec_new(const struct layout *layout);
void codec_free(struct codec *codec);

/*
 * An older layout, as P:layouts has it under `id`. Not kept: the current one (known already), or
 * one that is known. ERR_REJECT where it is none, or not that of the id.
 */
enum err codec_know(struct codec *codec, uint64_t id, struct slice description,
                    struct errinfo *info);
bool codec_knows(const struct codec *codec, uint64_t id);

enum codec_flag {
    CODEC_CONVERTED = 1,  /* read by name from an older layout */
    CODEC_STATE_GONE = 2, /* a state is no more: its machine is in the initial one, by the clock */
};

/*
 * A new customer, the caller's. `flags` may be NULL. By name: variables that are gone, or have
 * another type, are dropped; new ones are as at first; a new machine is in its initial state,
 * entered at the record's clock; what a smaller `max` has no room for goes as it would by an event.
 * A spent timer stays spent where its state has one of the same kind and duration (or variable);
 * one that is gone is dropped; new ones are not spent, but for an `at` whose time is past: that is
 * not armed, as on entering the state.
 *
 * ERR_REJECT: not a record, or of a layout that the codec does not know.
 */
enum err codec_decode(const struct codec *codec, struct slice key, struct slice record,
                      struct customer **customer, uint32_t *flags, struct errinfo *info);

/* ---- layouts */

/*
 * Appends the value of P:layouts, whose hash_bytes() is the layout's id:
 *
 *   [ machine, ... ]
 *     machine  [ name, [ state's name, ... ], initial, timers, variable, variable, ... ]
 *     timers   for each state [ kind, ms or variable, kind, ... ], in the order of the spent bits;
 *              or a number: of timer words, 0 or (once) bits by position of which no more is told
 *     kind     after idle at
 *     variable [ name, type, max or 0, bucket in ms or 0 ]
 *     type     bool int double string timestamp line_items set counter window_count window_sum
 */
void codec_layout_describe(const struct layout *layout, struct buf *out);

/* The reverse: a layout of its own, or NULL where it is none. Free with codec_layout_free(). */
struct layout *codec_layout_read(struct slice description);
void codec_layout_free(struct layout *layout);
#endif
