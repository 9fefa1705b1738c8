/*
 * bench/random.h - reproducible random numbers: xoshiro256** by David Blackman and Sebastiano Vigna (2018), seeded by
 * splitmix64 (Vigna, 2015); both are in the public domain (prng.di.unimi.it). Not for secrets.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* Any seed is a good one, 0 too. */
struct random random_seeded(uint64_t seed);

uint64_t random_next(struct random *rng);

/* 0 <= x < bound; bound > 0. Multiply-shift: off from uniform by less than bound / 2^32, which no test here can see. */
uint32_t random_below(struct random *rng, uint32_t bound);

/* 0 <= x < 1, 53 bits. */
double random_unit(struct random *rng);

bool random_chance(struct random *rng, double probability);

/* Exponentially distributed: the gaps of a Poisson process. */
double random_exponential(struct random *rng, double mean);
#endif
