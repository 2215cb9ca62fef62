/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic that cannot wrap unnoticed, alignment and little-endian access. Header only, pure;
 * every process. Guest-supplied sizes and addresses are added and multiplied through these.
 */
#ifndef ZHYVE_BASE_CHECKED_H
#define ZHYVE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Each returns true when the exact result fits and was stored, false (nothing usable in *r) else.
 */
#define add_ok(a, b, r) (!__builtin_add_overflow((a), (b), (r)))
#define sub_ok(a, b, r) (!__builtin_sub_overflow((a), (b), (r)))
#define mul_ok(a, b, r) (!__builtin_mul_overflow((a), (b), (r)))

/* True when [off, off + len) lies within [0, limit), without wrapping. */
static inline bool
range_ok(uint64_t off, uint64_t len, uint64_t limit)
{
	return (off <= limit && len <= limit - off);
}

/* `align` is a power of two. The caller has made sure that rounding up does not wrap. */
#define ROUND_UP(x, align)   (((x) + ((align)-1)) & ~((__typeof__(x))((align)-1)))
#define ROUND_DOWN(x, align) ((x) & ~((__typeof__(x))((align)-1)))
#define IS_POW2(x)           ((x) != 0 && ((x) & ((x)-1)) == 0)
#define NITEMS(a)            (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)            ((a) < (b) ? (a) : (b))
#define MAX(a, b)            ((a) > (b) ? (a) : (b))

#define KIB                  (1024ull)
#define MIB                  (1024ull * KIB)
#define GIB                  (1024ull * MIB)

/*
 * Unaligned little-endian access to byte buffers; x86-64 hosts only, so the bytes are as they are.
 */
static inline uint16_t
le16_get(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return (v);
}
static inline uint32_t
le32_get(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return (v);
}
static inline uint64_t
le64_get(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return (v);
}
static inline void
le16_put(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}
static inline void
le32_put(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}
static inline void
le64_put(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

#endif
