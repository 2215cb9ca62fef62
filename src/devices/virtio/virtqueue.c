/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split virtqueues: see virtqueue.h. Layouts and rules are those of virtio 1.2, 2.7. Refuses, by
 * breaking the queue, whatever the driver must not do. Runs in zhyve and in device processes.
 */
#include "devices/virtio/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* struct virtq_desc, 2.7.5 */
#define DESC_SIZE       16u
#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

/* struct virtq_avail, 2.7.6: flags, idx, ring[size], used_event */
#define AVAIL_F_NO_INTERRUPT 1u
#define AVAIL_IDX            2u
#define AVAIL_RING           4u

/* struct virtq_used, 2.7.8: flags, idx, ring[size] of {le32 id, le32 len}, avail_event */
#define USED_F_NO_NOTIFY 1u
#define USED_IDX         2u
#define USED_RING        4u
#define USED_ELEM        8u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static int
broken(struct virtq *q, const char *why)
{
	if (q->broken == NULL)
		q->broken = why;
	return (-EPROTO);
}

static uint16_t
load16(const uint8_t *p)
{
	return (__atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE));
}

static void
store16(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)(void *)p, v, __ATOMIC_RELEASE);
}

/*
 * Orders our store to one ring before our load from the other: the guest does the same,
 * crosswise.
 */
static void
ring_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static bool
inflight_test(const struct virtq *q, uint16_t head)
{
	return ((q->inflight_map[head / 64] >> (head % 64) & 1) != 0);
}

static void
inflight_set(struct virtq *q, uint16_t head)
{
	q->inflight_map[head / 64] |= 1ull << (head % 64);
	q->inflight++;
}

static void
inflight_clear(struct virtq *q, uint16_t head)
{
	assert(inflight_test(q, head));
	q->inflight_map[head / 64] &= ~(1ull << (head % 64));
	q->inflight--;
}

int
virtq_init(struct virtq *q, const struct gmem *gm, uint16_t size_max)
{
	if (!IS_POW2(size_max) || size_max > VIRTQ_SIZE_MAX)
		return (-EINVAL);
	*q = (struct virtq){ .gm = gm, .size_max = size_max, .size = size_max };
	q->inflight_map = calloc(((size_t)size_max + 63) / 64, sizeof(uint64_t));
	return (q->inflight_map == NULL ? -ENOMEM : 0);
}

void
virtq_destroy(struct virtq *q)
{
	free(q->inflight_map);
	q->inflight_map = NULL;
	q->enabled = false;
}

void
virtq_reset(struct virtq *q)
{
	uint64_t *map = q->inflight_map;

	memset(map, 0, ((size_t)q->size_max + 63) / 64 * sizeof(uint64_t));
	*q = (struct virtq){
		.gm = q->gm, .size_max = q->size_max, .size = q->size_max, .inflight_map = map
	};
}

int
vq_chain_init(struct vq_chain *c, const struct virtq *q)
{
	*c = (struct vq_chain){ .max = q->size_max };
	c->iov = calloc(c->max, sizeof(*c->iov));
	return (c->iov == NULL ? -ENOMEM : 0);
}

void
vq_chain_destroy(struct vq_chain *c)
{
	free(c->iov);
	*c = (struct vq_chain){ 0 };
}

int
virtq_enable(struct virtq *q)
{
	uint64_t n = q->size;

	assert(!q->enabled);
	if (!IS_POW2(n) || n > q->size_max)
		(void)broken(q, "queue size is not a power of two within the maximum");
	else if (q->desc % 16 != 0 || q->avail % 2 != 0 || q->used % 4 != 0)
		(void)broken(q, "queue address is not aligned");
	else {
		q->desc_p = gmem_ptr(q->gm, q->desc, n * DESC_SIZE);
		q->avail_p = gmem_ptr(q->gm, q->avail, AVAIL_RING + n * 2 + 2);
		q->used_p = gmem_ptr(q->gm, q->used, USED_RING + n * USED_ELEM + 2);
		if (q->desc_p == NULL || q->avail_p == NULL || q->used_p == NULL)
			(void)broken(q, "queue address is not RAM");
	}
	if (q->broken != NULL)
		return (-EINVAL);
	q->enabled = true;
	return (0);
}

void
virtq_resume(struct virtq *q, uint16_t base, struct virtq_inflight *track)
{
	assert(q->enabled && q->inflight == 0);
	q->used_idx = q->published = load16(q->used_p + USED_IDX);
	q->last_avail = base;
	q->track = track;
	if (track != NULL && track->nagain > 0)
		q->last_avail = (uint16_t)(q->used_idx + track->nagain);
}

static bool
has_again(const struct virtq *q)
{
	return (q->track != NULL && q->track->next < q->track->nagain);
}

bool
virtq_has_work(const struct virtq *q)
{
	return (q->enabled && q->broken == NULL &&
	    (has_again(q) || load16(q->avail_p + AVAIL_IDX) != q->last_avail));
}

static struct desc
desc_get(const uint8_t *table, unsigned i)
{
	struct desc d;

	gmem_snapshot(&d, table + (size_t)i * DESC_SIZE, sizeof(d));
	return (d);
}

/* Append one buffer to the chain, after the checks that every buffer must pass. */
static int
chain_add(struct virtq *q, struct vq_chain *c, const struct desc *d)
{
	bool write = (d->flags & DESC_F_WRITE) != 0;
	unsigned n = c->nread + c->nwrite;
	void *p;

	if (n >= c->max)
		return (broken(q, "descriptor chain is longer than the queue"));
	if (d->len == 0)
		return (broken(q, "descriptor of length zero"));
	if (!write && c->nwrite != 0)
		return (broken(q, "readable descriptor after a writable one"));
	if ((p = gmem_ptr(q->gm, d->addr, d->len)) == NULL)
		return (broken(q, "descriptor points outside of RAM"));
	if (c->read_len + c->write_len + d->len > UINT32_MAX)
		return (broken(q, "descriptor chain carries more than 4 GiB"));
	c->iov[n] = (struct iovec){ .iov_base = p, .iov_len = d->len };
	if (write) {
		c->nwrite++;
		c->write_len += d->len;
	} else {
		c->nread++;
		c->read_len += d->len;
	}
	return (0);
}

/* Walk a table from entry `i` on. `level` 0 is the ring's own table, 1 an indirect one. */
static int
chain_walk(struct virtq *q, struct vq_chain *c, const uint8_t *table, unsigned n, unsigned i,
    unsigned level)
{
	struct desc d;
	int rc;

	for (unsigned steps = 0; steps < n; steps++) {
		if (i >= n)
			return (broken(q, "descriptor index out of range"));
		d = desc_get(table, i);
		if ((d.flags & DESC_F_INDIRECT) != 0) {
			if (level != 0 || !q->indirect)
				return (broken(q, "indirect descriptor where none may be"));
			if ((d.flags & DESC_F_NEXT) != 0)
				return (broken(q, "indirect descriptor with a next one"));
			if (d.len == 0 || d.len % DESC_SIZE != 0 || d.len / DESC_SIZE > q->size_max)
				return (broken(q, "indirect table of an impossible size"));
			if ((table = gmem_ptr(q->gm, d.addr, d.len)) == NULL)
				return (broken(q, "indirect table outside of RAM"));
			return (chain_walk(q, c, table, d.len / DESC_SIZE, 0, 1));
		}
		if ((rc = chain_add(q, c, &d)) < 0)
			return (rc);
		if ((d.flags & DESC_F_NEXT) == 0)
			return (0);
		i = d.next;
	}
	return (broken(q, "descriptor chain loops"));
}

/* The next head of the available ring. 1: there is one; 0; -EPROTO. */
static int
next_head(struct virtq *q, uint16_t *head)
{
	/* The acquire load keeps the reads of ring and descriptors behind it. */
	uint16_t ready = (uint16_t)(load16(q->avail_p + AVAIL_IDX) - q->last_avail);

	if (ready == 0)
		return (0);
	if (ready > q->size)
		return (broken(q, "available index is ahead by more than the queue"));
	*head = load16(q->avail_p + AVAIL_RING + (q->last_avail & (q->size - 1u)) * 2u);
	return (1);
}

int
virtq_pop(struct virtq *q, struct vq_chain *c)
{
	bool again;
	uint16_t head;
	int rc;

	if (q->broken != NULL)
		return (-EPROTO);
	if (!q->enabled)
		return (0);
	again = has_again(q) && virtq_inflight_again(q->track, &head);
	if (!again && (rc = next_head(q, &head)) <= 0)
		return (rc);
	if (head >= q->size)
		return (broken(q, "available head out of range"));
	if (inflight_test(q, head))
		return (broken(q, "available head is in flight already"));
	c->head = head;
	c->nread = c->nwrite = 0;
	c->read_len = c->write_len = 0;
	if (chain_walk(q, c, q->desc_p, q->size, head, 0) < 0)
		return (-EPROTO);
	inflight_set(q, head);
	if (q->track != NULL)
		virtq_inflight_taken(q->track, head);
	if (!again)
		q->last_avail++;
	return (1);
}

void
virtq_unpop(struct virtq *q, const struct vq_chain *c)
{
	assert(q->track == NULL);
	inflight_clear(q, c->head);
	q->last_avail--;
}

void
virtq_rewind(struct virtq *q)
{
	assert(q->track == NULL && q->inflight == 0);
	q->last_avail = (uint16_t)(q->last_avail - (uint16_t)(q->used_idx - q->published));
	q->used_idx = q->published;
}

void
virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	uint8_t *elem = q->used_p + USED_RING + (q->used_idx & (q->size - 1u)) * USED_ELEM;

	inflight_clear(q, head);
	le32_put(elem, head);
	le32_put(elem + 4, written);
	q->used_idx++;
	if (q->track != NULL)
		virtq_inflight_pushed(q->track, head);
}

/* Did `event` fall into (from, to]? virtio 1.2, 2.7.10.1, in arithmetic modulo 2^16. */
static bool
event_passed(uint16_t event, uint16_t to, uint16_t from)
{
	return ((uint16_t)(to - event - 1) < (uint16_t)(to - from));
}

bool
virtq_publish(struct virtq *q)
{
	uint16_t from = q->published;

	if (q->used_idx == q->published)
		return (false);
	store16(q->used_p + USED_IDX, q->used_idx);
	q->published = q->used_idx;
	if (q->track != NULL)
		virtq_inflight_published(q->track, q->used_idx);
	ring_fence();
	if (q->event_idx)
		return (event_passed(
		    load16(q->avail_p + AVAIL_RING + q->size * 2u), q->used_idx, from));
	return ((load16(q->avail_p) & AVAIL_F_NO_INTERRUPT) == 0);
}

void
virtq_kick_off(struct virtq *q)
{
	/* With event indices an event in the past is as good as a flag: nothing to do. */
	if (q->enabled && !q->event_idx)
		store16(q->used_p, USED_F_NO_NOTIFY);
}

bool
virtq_kick_on(struct virtq *q)
{
	if (!q->enabled || q->broken != NULL)
		return (false);
	if (q->event_idx)
		store16(q->used_p + USED_RING + q->size * USED_ELEM, q->last_avail);
	else
		store16(q->used_p, 0);
	ring_fence();
	return (virtq_has_work(q));
}
