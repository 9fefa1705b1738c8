/*
 * bench/shop_message.h - what a shopper did, as a Segment message in msgpack.
 */
#ifndef BENCH_SHOP_MESSAGE_H
#define BENCH_SHOP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/catalogue.h"
#include "bench/shop.h"
#include "core/buf.h"

enum shop_deed {
    SHOP_PAGE,
    SHOP_SEARCHED,
    SHOP_LISTED,
    SHOP_CLICKED,
    SHOP_VIEWED,
    SHOP_ADDED,
    SHOP_REMOVED,
    SHOP_CART,
    SHOP_CHECKOUT,
    SHOP_CHECKOUT_STEP,
    SHOP_PAYMENT,
    SHOP_ORDERED,
    SHOP_DELIVERED,
    SHOP_REVIEWED,
    SHOP_SHARED,
    SHOP_SUPPORT,
    SHOP_SCORED,
};
#define SHOP_DEED_COUNT (SHOP_SCORED + 1)

struct shop_line {
    uint32_t product, quantity;
};

#define SHOP_LIST_PRODUCTS 3 /* of a list, those that are sent */

struct shop_report {
    enum shop_deed deed;
    int64_t time_ms;
    uint64_t id[2]; /* of the message: 122 of these bits */
    struct slice customer;
    bool is_anonymous;
    bool in_dollars;
    struct shop_line line; /* of deeds about one product */
    const struct shop_line *cart;
    uint32_t cart_count;
    uint64_t order;  /* of the checkout, and then of the order */
    uint32_t number; /* by deed: which page, results, position, step, rating, score */
};

/*
 * How a message of each deed begins, up to the bytes of its id, packed once: one copy in place of a dozen small writes an
 * event.
 */
struct shop_beginnings {
    struct buf packed;
    uint32_t ends[SHOP_DEED_COUNT]; /* each begins where the one before ends */
};
void shop_beginnings_init(struct shop_beginnings *beginnings);
void shop_beginnings_fini(struct shop_beginnings *beginnings);

/* What does not change from message to message. */
struct shop_packing {
    struct catalogue catalogue;
    struct shop_beginnings beginnings;
    enum shop_time time;
};

/* Appends one msgpack map. */
void shop_pack(const struct shop_report *report, const struct shop_packing *packing,
               struct buf *out);
#endif
