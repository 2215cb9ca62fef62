/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What protect.c needs of its surroundings: the bytes of a frame, the time, and a table of what was
 * learned. protect_bpf.c defines the kernel's before it includes protect.c; this is ordinary C's, for
 * tests and fuzzing, with the same meaning. Included by protect.c only.
 */
#ifndef ZHYVE_ZONE_PROTECT_ENV_H
#define ZHYVE_ZONE_PROTECT_ENV_H

#ifdef __BPF__

#define PROTECT_FUNCTION static __always_inline
#define EVERYDAY_INLINE  __always_inline
#define ENV_WORK(f)      /* the program has put it there */

#else

#include <string.h>

#include "base/checked.h"

#define PROTECT_FUNCTION
#define EVERYDAY_INLINE inline
/* What the kernel's verifier is to look at by itself, and once. */
#define PROTECT_PART(name) \
	static enum protect_reason name(struct frame *f, const struct protect_link *l)
#define env_v4_listed(l, addr) v4_listed((l), (addr))
#define env_v6_listed(l, a, b) v6_listed((l), (a), (b))
#define ENV_WORK(f)                                           \
	static struct protect_work work; /* for one thread */ \
	(f)->work = &work
#define NENTRIES   (sizeof(((struct protect_table *)NULL)->entry) / sizeof(f->table->entry[0]))

static inline int
env_read(const struct frame *f, uint32_t off, void *to, uint32_t len)
{
	if (off > f->len || len > f->len - off)
		return (-1);
	memcpy(to, (const uint8_t *)f->data + off, len);
	return (0);
}

/* The frame's first bytes, to be read by what follows; NULL if not so many lie at hand. */
static inline const uint8_t *
env_head(const struct frame *f, uint32_t len)
{
	return (len <= f->len ? f->data : NULL);
}

/* As they lie there. */
#define env_u16(p) le16_get(p)
#define env_u32(p) le32_get(p)
#define env_u64(p) le64_get(p)

/* Step after step until one says 1, or n have been taken: how many were. */
static inline long
env_loop(uint32_t n, long (*step)(uint32_t i, void *arg), void *arg)
{
	uint32_t i = 0;

	while (i < n && step(i++, arg) == 0)
		;
	return (i);
}

static inline uint64_t
env_now(const struct frame *f)
{
	return (f->table->now);
}

static inline unsigned
env_find(const struct frame *f, const struct protect_key *key)
{
	unsigned i = 0;

	while (i < NENTRIES && memcmp(&f->table->entry[i].key, key, sizeof(*key)) != 0)
		i++;
	return (i);
}

static inline uint64_t
env_until(const struct frame *f, const struct protect_key *key)
{
	unsigned i = env_find(f, key);

	return (i < NENTRIES ? f->table->entry[i].until : 0);
}

static inline void
env_learn(const struct frame *f, const struct protect_key *key, uint64_t until)
{
	unsigned i = env_find(f, key);

	if (i == NENTRIES)
		i = f->table->next++ % NENTRIES;
	f->table->entry[i].key = *key;
	f->table->entry[i].until = until;
}

static inline void
env_forget(const struct frame *f, const struct protect_key *key)
{
	unsigned i = env_find(f, key);

	if (i < NENTRIES)
		f->table->entry[i].until = 0;
}

#endif
#endif
