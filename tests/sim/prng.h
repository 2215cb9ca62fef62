/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator's random numbers: SplitMix64 (Steele, Lea, Flood 2014), which gives good numbers from
 * any seed, also from 0, 1, 2. Nothing else in the simulator may be random: a run is its seed.
 */
#ifndef ZHYVE_TESTS_SIM_PRNG_H
#define ZHYVE_TESTS_SIM_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t
prng_next(struct prng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31));
}

/* A number below n; 0 for n 0. */
static inline uint32_t
prng_below(struct prng *r, uint32_t n)
{
	return (n == 0 ? 0 : (uint32_t)((prng_next(r) >> 32) * n >> 32));
}

/* A number from lo to hi, both included. */
static inline uint32_t
prng_range(struct prng *r, uint32_t lo, uint32_t hi)
{
	return (lo + prng_below(r, hi - lo + 1));
}

/* True once in n. */
static inline bool
prng_one_in(struct prng *r, uint32_t n)
{
	return (prng_below(r, n) == 0);
}

static inline void
prng_fill(struct prng *r, void *buf, size_t len)
{
	uint8_t *p = buf;
	uint64_t v;

	for (; len >= 8; len -= 8, p += 8) {
		v = prng_next(r);
		__builtin_memcpy(p, &v, 8);
	}
	v = prng_next(r);
	__builtin_memcpy(p, &v, len);
}

#endif
