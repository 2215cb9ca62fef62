/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FNV-1a with 64 bits: names that the same machine gets again, made of other names. Not
 * for secrets, and not against who chooses the input. Every process.
 */
#ifndef ZHYVE_BASE_HASH_H
#define ZHYVE_BASE_HASH_H

#include <stdint.h>

#define HASH_INIT 0xcbf29ce484222325ull

/* Begin with HASH_INIT, go on with what came out. */
static inline uint64_t
hash_add(uint64_t h, uint64_t v)
{
	return ((h ^ v) * 0x100000001b3ull);
}

static inline uint64_t
hash_text(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = hash_add(h, (uint8_t)*s);
	return (h);
}

#endif
