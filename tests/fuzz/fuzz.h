/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every fuzz target has in common: the input as a stream of small numbers. A target is one
 * file fuzz_NAME.c with LLVMFuzzerTestOneInput; everything it makes it destroys again, and it
 * has no clock and no randomness of its own, so that an input does the same thing each time.
 */
#ifndef ZHYVE_TESTS_FUZZ_H
#define ZHYVE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const uint8_t *p;
	size_t left;
};

/* Up to len bytes; what is missing at the end of the input reads as zero. Returns how many came. */
static inline size_t
fuzz_bytes(struct fuzz *f, void *buf, size_t len)
{
	size_t n = len < f->left ? len : f->left;

	memset(buf, 0, len);
	memcpy(buf, f->p, n);
	f->p += n;
	f->left -= n;
	return (n);
}

static inline uint8_t
fuzz_u8(struct fuzz *f)
{
	uint8_t v;

	(void)fuzz_bytes(f, &v, sizeof(v));
	return (v);
}

static inline uint16_t
fuzz_u16(struct fuzz *f)
{
	uint16_t v;

	(void)fuzz_bytes(f, &v, sizeof(v));
	return (v);
}

static inline uint32_t
fuzz_u32(struct fuzz *f)
{
	uint32_t v;

	(void)fuzz_bytes(f, &v, sizeof(v));
	return (v);
}

static inline uint64_t
fuzz_u64(struct fuzz *f)
{
	uint64_t v;

	(void)fuzz_bytes(f, &v, sizeof(v));
	return (v);
}

/* 1, 2, 4 or 8. */
static inline unsigned
fuzz_size(struct fuzz *f)
{
	return (1u << (fuzz_u8(f) & 3));
}

/* A value of `size` bytes, as bus handlers get it. */
static inline uint64_t
fuzz_value(struct fuzz *f, unsigned size)
{
	uint64_t v = 0;

	(void)fuzz_bytes(f, &v, size);
	return (v);
}

#endif
