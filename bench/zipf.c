#include "bench/zipf.h"

#include <math.h>
#include <stdlib.h>

#include "core/check.h"

/* The weights, scaled so that their mean is 1. */
static double *scaled_weights(uint32_t count, double exponent)
{
    double *weights = calloc(count, sizeof *weights);
    CHECK(weights != NULL);
    double sum = 0;
    for (uint32_t k = 0; k < count; k++)
        sum += weights[k] = pow((double)k + 1, -exponent);
    for (uint32_t k = 0; k < count; k++)
        weights[k] *= (double)count / sum;
    return weights;
}

static uint32_t share_of_32_bits(double share)
{
    return share >= 1 ? UINT32_MAX : (uint32_t)(share * 0x1p32);
}

/* Each slot holds 1: what a light rank leaves free is filled by a heavy one, which may thereby become light. */
static void fill(struct zipf *zipf, double *weights, uint32_t *light, uint32_t *heavy)
{
    uint32_t light_count = 0, heavy_count = 0;
    for (uint32_t k = 0; k < zipf->count; k++) {
        zipf->slots[k] = (struct zipf_slot){.keep = UINT32_MAX, .alias = k};
        if (weights[k] < 1)
            light[light_count++] = k;
        else
            heavy[heavy_count++] = k;
    }
    while (light_count && heavy_count) {
        uint32_t small = light[--light_count];
        uint32_t large = heavy[heavy_count - 1];
        zipf->slots[small] =
            (struct zipf_slot){.keep = share_of_32_bits(weights[small]), .alias = large};
        weights[large] -= 1 - weights[small];
        if (weights[large] < 1) {
            heavy_count--;
            light[light_count++] = large;
        }
    }
    /* What is left holds 1, but for rounding: it keeps its slot. */
}

void zipf_init(struct zipf *zipf, uint32_t count, double exponent)
{
    CHECK(count > 0);
    zipf->count = count;
    zipf->slots = calloc(count, sizeof *zipf->slots);
    double *weights = scaled_weights(count, exponent);
    uint32_t *light = calloc(count, sizeof *light);
    uint32_t *heavy = calloc(count, sizeof *heavy);
    CHECK(zipf->slots != NULL && light != NULL && heavy != NULL);
    fill(zipf, weights, light, heavy);
    free(weights);
    free(light);
    free(heavy);
}

void zipf_fini(struct zipf *zipf)
{
    free(zipf->slots);
    *zipf = (struct zipf){0};
}

uint32_t zipf_draw(const struct zipf *zipf, struct random *rng)
{
    uint64_t bits =
        random_next(rng); /* the upper half chooses the slot, the lower one stays or goes */
    uint32_t rank = (uint32_t)(((bits >> 32) * zipf->count) >> 32);
    const struct zipf_slot *slot = &zipf->slots[rank];
    return (uint32_t)bits < slot->keep ? rank : slot->alias;
}
