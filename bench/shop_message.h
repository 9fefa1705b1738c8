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

void shop_pack(const struct shop_report *report, const struct catalogue *catalogue,
               enum shop_time time, struct buf *out);
#endif
