/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a split virtqueue, for tests of devices: a ring in a piece of memory that
 * stands for guest RAM. It writes what it is told, right or wrong.
 */
#ifndef ZHYVE_TESTS_VQ_GUEST_H
#define ZHYVE_TESTS_VQ_GUEST_H

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/virtqueue.h"

#define G_NEXT     1
#define G_WRITE    2
#define G_INDIRECT 4

struct vq_guest {
	uint8_t *ram;
	uint16_t size;
	uint64_t desc, avail, used; /* guest-physical = offset in ram */
	uint16_t seen;              /* used entries taken */
};

/* Lay a ring of `size` out at `at`: it takes less than 64 KiB for up to 1,024 entries. */
static inline void
g_init(struct vq_guest *g, uint8_t *ram, uint64_t at, uint16_t size)
{
	*g = (struct vq_guest){ .ram = ram, .size = size };
	g->desc = at;
	g->avail = at + 0x8000;
	g->used = at + 0xc000;
	memset(ram + at, 0, 0x10000);
}

static inline void
g_desc_at(struct vq_guest *g, uint64_t table, unsigned i, uint64_t addr, uint32_t len,
    uint16_t flags, uint16_t next)
{
	uint8_t *d = g->ram + table + (uint64_t)i * 16;

	le64_put(d, addr);
	le32_put(d + 8, len);
	le16_put(d + 12, flags);
	le16_put(d + 14, next);
}

static inline void
g_desc(struct vq_guest *g, unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	g_desc_at(g, g->desc, i, addr, len, flags, next);
}

static inline uint16_t
g_avail_idx(const struct vq_guest *g)
{
	return (le16_get(g->ram + g->avail + 2));
}

static inline void
g_set_avail_idx(struct vq_guest *g, uint16_t idx)
{
	le16_put(g->ram + g->avail + 2, idx);
}

static inline void
g_offer(struct vq_guest *g, uint16_t head)
{
	uint16_t idx = g_avail_idx(g);

	le16_put(g->ram + g->avail + 4 + (idx % g->size) * 2u, head);
	g_set_avail_idx(g, (uint16_t)(idx + 1));
}

static inline uint16_t
g_used_idx(const struct vq_guest *g)
{
	return (le16_get(g->ram + g->used + 2));
}

/* Take the next used entry: its head, its length in *len; -1 when there is none. */
static inline int
g_take(struct vq_guest *g, uint32_t *len)
{
	const uint8_t *e = g->ram + g->used + 4 + (g->seen % g->size) * 8u;

	if (g_used_idx(g) == g->seen)
		return (-1);
	g->seen++;
	if (len != NULL)
		*len = le32_get(e + 4);
	return ((int)le32_get(e));
}

static inline void
g_set_used_event(struct vq_guest *g, uint16_t v)
{
	le16_put(g->ram + g->avail + 4 + g->size * 2u, v);
}

static inline uint16_t
g_avail_event(const struct vq_guest *g)
{
	return (le16_get(g->ram + g->used + 4 + g->size * 8u));
}

/* A small generator, the same everywhere. */
static inline uint32_t
g_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return (*state);
}

/*
 * Fill the first `n` descriptors with what is nearly right: chains of three (readable, either,
 * writable; or alone, of kind `alone`), mostly in [base, base + span), mostly of sane lengths;
 * now and then nonsense. Then make some heads available.
 */
static inline void
g_noise(struct vq_guest *g, unsigned n, int alone, uint64_t base, uint32_t span, uint32_t *seed)
{
	static const uint32_t lens[] = { 16, 512, 1, 1024, 4096, 17, 2, 12, 0, 0xffffffff };
	static const uint16_t kinds[] = { G_NEXT, G_NEXT, G_WRITE };

	for (unsigned i = 0; i < n; i++) {
		uint32_t r = g_random(seed), odd = g_random(seed) % 64;
		uint64_t addr = base + g_random(seed) % span;
		uint32_t len = lens[(r >> 8) % (NITEMS(lens) - 2)];
		uint16_t flags = kinds[i % 3], next = (uint16_t)(i + 1);

		if (alone >= 0)
			flags = (uint16_t)alone;
		else if (i % 3 == 1)
			flags |= r >> 4 & G_WRITE;
		if (odd == 0)
			addr = (uint64_t)r << (r >> 27);
		if (odd == 1)
			len = lens[r % NITEMS(lens)];
		if (odd == 2)
			flags = r & (G_NEXT | G_WRITE | G_INDIRECT);
		if (odd == 3)
			next = (uint16_t)r;
		g_desc(g, i, addr, len, flags, next);
	}
	for (unsigned i = g_random(seed) % 4; i > 0; i--) {
		uint32_t r = g_random(seed);

		g_offer(g, (uint16_t)(r % 64 == 0 ? r >> 8 : (r >> 8) % n / 3 * 3));
	}
}

/* Tell a queue where the ring is and enable it. */
static inline int
g_attach(const struct vq_guest *g, struct virtq *q)
{
	q->size = g->size;
	q->desc = g->desc;
	q->avail = g->avail;
	q->used = g->used;
	return (virtq_enable(q));
}

#endif
