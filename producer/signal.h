/*
 * producer/signal.h - what the machines say, and how it is written on the wire (DESIGN section 7).
 */
#ifndef PRODUCER_SIGNAL_H
#define PRODUCER_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/slice.h"

struct signal {
    struct slice type;
    struct slice customer;
    int64_t time_ms; /* now */
    struct slice machine, from, to;
    struct slice
        cause;         /* event name, `timer`, or the type of the signal that a cascade came from */
    struct slice data; /* one msgpack map; or that map as JSON, which can't become msgpack again */
    bool data_is_json;
    uint32_t name_id; /* the rules' number of the type, 0: no machine names it */
    bool is_timer;    /* from a timer: named by machine and deadline, else by the message */
    struct slice timer_machine; /* of a timer's step: the machine whose timer it was */
    int64_t deadline_ms;
    /* Of a timer's: over all with the same customer, machine, deadline. Of an event's: over the
     * whole message, by the caller. */
    uint32_t rank;
};

struct signal_list {
    struct signal *items; /* owned, kept over a reset */
    size_t count;
    size_t capacity;
    struct buf
        packing; /* where data is put together, by whoever adds a signal; its memory is kept */
    bool
        data_as_json; /* set by who will only write JSON: data is made such where no rule reads it */
};

void signal_list_init(struct signal_list *list);
void signal_list_fini(struct signal_list *list);
void signal_list_reset(struct signal_list *list);
struct signal *signal_list_add(struct signal_list *list); /* cleared */

enum signal_format { SIGNAL_JSON, SIGNAL_MSGPACK };

/*
 * Appends the value of section 7: a map of schema, type, customer, time, machine, from, to, cause,
 * data. With `id` (size > 0) first, as backtest prints it.
 */
void signal_encode(const struct signal *signal, enum signal_format format, struct slice id,
                   struct buf *out);

/*
 * Appends the ce_id: TOPIC/PARTITION/OFFSET/RANK, or TOPIC/PARTITION/CUSTOMER/MACHINE/DEADLINE/RANK
 * with CUSTOMER percent-encoded (RFC 3986: all but unreserved characters).
 */
void signal_add_id(const struct signal *signal, struct slice topic, int32_t partition,
                   int64_t offset, struct buf *out);

/*
 * Topics by type pattern, in the file's order; `*` stands for any run of characters. -1 where none
 * matches.
 */
struct signal_route {
    struct slice pattern;
    struct slice topic;
};
int signal_route_find(const struct signal_route *routes, size_t count, struct slice type);
bool signal_pattern_matches(struct slice pattern, struct slice type);
#endif
