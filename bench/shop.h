/*
 * bench/shop.h - a believable shop, made up: an endless, reproducible stream of Segment messages.
 *
 * The same options give the same bytes on every run (with the same libm: gaps and skews go through log() and pow()).
 *
 * Customers come in sessions (Poisson arrivals, Zipf-distributed customers and products): page views, searches, lists,
 * products; some fill a cart, some of these check out, pay and order. Of the carts about 70% are abandoned in the sense of
 * config/machines/cart.yaml: 30 minutes of the customer's silence before an order (a cart counts once, and not where its
 * customer takes everything out again). Some come back for their cart within
 * hours and order after all. Orders are delivered within hours (express) or days; then come reviews, shares, support and
 * scores. One customer in five is never logged in (anonymousId only); one in seven pays in USD, the others in THB; a
 * little more than half of the products have Thai names.
 *
 * A typical message is 265 bytes and has 12 keys (6 of the envelope, 6 properties).
 *
 * Memory: about 90 bytes a customer, 150 a product, 24 an event that is planned (a few a thousand of those generated).
 * Threads: one shop per thread. Speed: 1.05 to 1.25 M events per CPU second on the shared two-core
 * machine that this was written on (-O2); tests/unit/test_shop.c prints it.
 */
#ifndef BENCH_SHOP_H
#define BENCH_SHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

#define SHOP_START_MS INT64_C(1767571200000) /* 2026-01-05T00:00:00Z, a Monday */

enum shop_time {
    SHOP_TIME_TEXT = 0, /* "timestamp": "2026-01-05T10:00:00.123Z" */
    SHOP_TIME_EPOCH_MS, /* "timestamp": 1767607200123 */
};

/* 0 means the default that is named behind each. */
struct shop_options {
    uint64_t seed;
    uint32_t customers; /* 200,000 */
    uint32_t products;  /* 20,000 */

    /* Of event time, once the first sessions are under way: 50. Fewer come where nearly all customers are in a session. */
    double events_per_second;

    int64_t start_ms;       /* event time of the first session: SHOP_START_MS */
    double late_share;      /* of the events: come later than others with a later time; none */
    int64_t late_ms_max;    /* ... by up to this much; 5,000 */
    double duplicate_share; /* of the events: sent again, same bytes, within 5 s; none */
    enum shop_time time;
};

struct shop_event {
    int64_t time_ms;       /* the event's own time, as in the message */
    int64_t sent_ms;       /* when it comes, in event time: never falls, time_ms or later */
    struct slice customer; /* the key */
    struct slice message;  /* one msgpack map */
    bool is_duplicate;
};

struct shop; /* private */

/* Never NULL: out of memory stops the process. */
struct shop *shop_new(const struct shop_options *options);

/* The next event; there is always one. It is borrowed until the next call. */
void shop_next(struct shop *shop, struct shop_event *event);

/* Accepts NULL. */
void shop_free(struct shop *shop);
#endif
