#include "bench/random.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct random random_seeded(uint64_t seed)
{
    struct random rng;
    for (int i = 0; i < 4; i++)
        rng.state[i] = splitmix64(&seed);
    return rng;
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t random_next(struct random *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t random_below(struct random *rng, uint32_t bound)
{
    return (uint32_t)(((random_next(rng) >> 32) * bound) >> 32);
}

double random_unit(struct random *rng)
{
    return (double)(random_next(rng) >> 11) * 0x1p-53;
}

bool random_chance(struct random *rng, double probability)
{
    return random_unit(rng) < probability;
}

double random_exponential(struct random *rng, double mean)
{
    return -log1p(-random_unit(rng)) * mean;
}
