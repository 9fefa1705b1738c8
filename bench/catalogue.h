/*
 * bench/catalogue.h - what the made-up shop sells. Names are put together from a noun, a material and a colour, in Thai
 * or in English: "เสื้อเชิ้ตผ้าลินิน สีกรมท่า", "Linen Shirt, Navy".
 */
#ifndef BENCH_CATALOGUE_H
#define BENCH_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/random.h"
#include "core/buf.h"
#include "core/slice.h"

#define CATALOGUE_BAHT_PER_DOLLAR 35

struct catalogue_product {
    uint8_t noun, material, colour;
    bool is_thai;
    uint32_t satang; /* the price: 100 satang are one baht */
    uint32_t end;    /* of its packed fields; they begin where those of the one before end */
};

struct catalogue {
    uint32_t count;
    struct catalogue_product *products; /* owned */
    struct buf packed;
};

void catalogue_init(struct catalogue *catalogue, uint32_t count, struct random *rng);
void catalogue_fini(struct catalogue *catalogue);

/*
 * The product's fields, packed once: product_id, name, category, and the key `price`, whose value depends on the currency.
 * One copy of about 110 bytes instead of a dozen small writes an event.
 */
#define CATALOGUE_PACKED_KEYS 4
struct slice catalogue_packed(const struct catalogue *catalogue, uint32_t product);

struct slice catalogue_category(const struct catalogue *catalogue, uint32_t product);

/* In whole cents or satang. */
double catalogue_price(const struct catalogue *catalogue, uint32_t product, bool in_dollars);

/* What somebody types who looks for this product. */
struct slice catalogue_query(const struct catalogue *catalogue, uint32_t product);
#endif
