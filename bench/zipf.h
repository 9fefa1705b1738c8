/*
 * bench/zipf.h - draws ranks by Zipf's law: rank k (from 0) is drawn in proportion to 1 / (k + 1)^exponent.
 *
 * By Walker's alias method (Vose's way to build the table, 1991): 8 bytes a rank, one random number and one look into the
 * table a draw.
 */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include <stdint.h>

#include "bench/random.h"

struct zipf_slot {
    uint32_t keep;  /* the share of draws that stay here, of 2^32 */
    uint32_t alias; /* where the others go */
};

struct zipf {
    uint32_t count;
    struct zipf_slot *slots; /* owned */
};

/* count > 0. */
void zipf_init(struct zipf *zipf, uint32_t count, double exponent);
void zipf_fini(struct zipf *zipf);

uint32_t zipf_draw(const struct zipf *zipf, struct random *rng);
#endif
