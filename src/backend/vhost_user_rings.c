/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and rings of a back end: see vhost_user_back_internal.h. A ring's descriptors and
 * addresses come in any order; it starts when all are there, as the model's queue with the same
 * number. Before memory is changed, or a ring is stopped, what is in flight is waited for. Runs in
 * device processes.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/vhost_user_back_internal.h"
#include "base/checked.h"
#include "base/fd.h"

#define PAGE 4096u

static struct virtq *
queue_of(const struct vu_ring *r)
{
	return (&r->b->vd->queue[r->index]);
}

/* Give nothing new of any ring, and wait for what was given. */
static void
quiesce(struct vhost_user_back *b)
{
	lock_take(b->lock);
	for (unsigned i = 0; i < b->vd->nqueues; i++)
		b->vd->queue[i].enabled = false;
	lock_drop(b->lock);
	b->ops.drain(b->ops.ctx);
}

/* Guest-physical address of what the front end calls `user`. False: it has shared no such memory. */
static bool
translate(const struct vhost_user_back *b, uint64_t user, uint64_t *gpa)
{
	for (unsigned i = 0; i < b->gm->nranges; i++) {
		if (user >= b->user[i] && user - b->user[i] < b->gm->range[i].len) {
			*gpa = b->gm->range[i].gpa + (user - b->user[i]);
			return (true);
		}
	}
	return (false);
}

/* Set the queue's registers and check them, as a driver's would be. The lock is held. */
static int
place(struct vu_ring *r)
{
	struct virtq *q = queue_of(r);

	q->size = r->num;
	if (!translate(r->b, r->desc, &q->desc) || !translate(r->b, r->avail, &q->avail) ||
	    !translate(r->b, r->used, &q->used))
		return (-EFAULT);
	return (virtq_enable(q));
}

static struct virtq_inflight *
open_inflight(struct vu_ring *r)
{
	struct vhost_user_back *b = r->b;
	size_t len = virtq_inflight_len(b->inflight_queue_size);
	uint16_t used_idx;

	if (b->inflight == NULL || r->index >= b->inflight_queues ||
	    r->num > b->inflight_queue_size ||
	    gmem_load16(b->gm, queue_of(r)->used + 2, &used_idx) < 0)
		return (NULL);
	virtq_inflight_open(
	    &r->track, b->inflight + r->index * len, b->inflight_queue_size, used_idx, r->again);
	return (&r->track);
}

static int
start(struct vu_ring *r)
{
	struct virtio_dev *vd = r->b->vd;
	struct virtq *q = queue_of(r);
	int rc;

	lock_take(r->b->lock);
	virtq_reset(q);
	q->indirect = virtio_has(vd, VIRTIO_FEAT_INDIRECT_DESC);
	q->event_idx = virtio_has(vd, VIRTIO_FEAT_EVENT_IDX);
	if ((rc = place(r)) == 0) {
		r->started = true;
		virtq_resume(q, r->base, open_inflight(r));
		virtio_set_status(vd, VIRTIO_STATUS_DRIVER_OK);
		virtio_notify(vd, r->index);
		vu_ring_look(r);
	}
	lock_drop(r->b->lock);
	return (rc);
}

/* Rings that are to run go on where they were. */
static int
resume(struct vhost_user_back *b)
{
	int rc = 0;

	if (b->dead)
		return (0);
	lock_take(b->lock);
	for (unsigned i = 0; i < b->vd->nqueues && rc == 0; i++) {
		struct vu_ring *r = &b->ring[i];

		if (!r->started || (b->acked && !r->enabled))
			continue;
		/* Broken by its driver it stays so. */
		if (queue_of(r)->broken == NULL && (rc = place(r)) == 0)
			virtio_notify(b->vd, i);
	}
	lock_drop(b->lock);
	return (rc);
}

int
vu_ring_update(struct vu_ring *r)
{
	bool run = r->enabled || !r->b->acked;

	if (r->started && run != queue_of(r)->enabled) {
		quiesce(r->b);
		return (resume(r->b));
	}
	if (r->started || !run || r->kick < 0 || !r->has_addr || r->num == 0 || !r->b->negotiated ||
	    r->b->gm->nranges == 0)
		return (0);
	return (start(r));
}

void
vu_ring_stop(struct vu_ring *r)
{
	struct vhost_user_back *b = r->b;

	mevent_delete(r->ev);
	r->ev = NULL;
	if (r->started) {
		quiesce(b);
		lock_take(b->lock);
		r->base = queue_of(r)->last_avail;
		r->started = false;
		virtq_reset(queue_of(r));
		lock_drop(b->lock);
		(void)resume(b); /* the others; they were placed before with the same addresses */
	}
	r->has_addr = false;
	fd_close(&r->kick);
	fd_close(&r->call);
}

static void
on_kick(int fd, enum mevent_type type, void *arg)
{
	struct vu_ring *r = arg;
	uint64_t n;

	(void)type;
	if (read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n)) {
		if (errno != EAGAIN && errno != EINTR)
			(void)mevent_disable(r->ev); /* no eventfd */
		return;
	}
	lock_take(r->b->lock);
	virtio_notify(r->b->vd, r->index);
	lock_drop(r->b->lock);
}

int
vu_ring_set_kick(struct vu_ring *r, int fd)
{
	if (fd < 0)
		return (-ENOTSUP); /* a ring to be polled */
	mevent_delete(r->ev);
	fd_close(&r->kick);
	r->kick = fd;
	if ((r->ev = mevent_add(r->b->loop, fd, EVF_READ, on_kick, r)) == NULL) {
		fd_close(&r->kick);
		return (-EINVAL);
	}
	return (vu_ring_update(r));
}

int
vu_set_memory(struct vhost_user_back *b, const struct vu_msg *m)
{
	int rc = 0;

	quiesce(b);
	gmem_destroy(b->gm);
	gmem_empty(b->gm);
	for (unsigned i = 0; i < m->p.memory.n && rc == 0; i++) {
		const struct vu_region *region = &m->p.memory.region[i];

		b->user[i] = region->user;
		rc = gmem_map_piece(b->gm, region->gpa, region->size, m->fd[i], region->offset);
	}
	return (rc == 0 ? resume(b) : rc);
}

/* ---- requests in flight ---- */

static int
use_inflight(struct vhost_user_back *b, int fd, uint64_t offset, uint64_t size, uint16_t queues,
    uint16_t queue_size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint64_t need = virtq_inflight_len(queue_size) * queues;
	void *mem;

	for (unsigned i = 0; i < b->vd->nqueues; i++)
		if (b->ring[i].started)
			return (-EBUSY);
	if (end < 0 || queues > b->vd->nqueues || queue_size > b->vd->queue[0].size_max ||
	    need == 0 || size < need || size > 2 * b->own_size || offset % PAGE != 0 ||
	    !range_ok(offset, size, (uint64_t)end))
		return (-EINVAL);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (mem == MAP_FAILED)
		return (-errno);
	if (b->inflight != NULL)
		(void)munmap(b->inflight, b->inflight_size);
	b->inflight = mem;
	b->inflight_size = size;
	b->inflight_queues = queues;
	b->inflight_queue_size = queue_size;
	return (0);
}

int
vu_set_inflight(struct vhost_user_back *b, const struct vu_msg *m)
{
	return (use_inflight(b, m->fd[0], m->p.inflight.offset, m->p.inflight.size,
	    m->p.inflight.queues, m->p.inflight.queue_size));
}

int
vu_get_inflight(struct vhost_user_back *b, struct vu_msg *m)
{
	uint16_t queues = m->p.inflight.queues, size = m->p.inflight.queue_size;
	uint64_t len = ROUND_UP(virtq_inflight_len(size) * queues, (uint64_t)PAGE);
	int rc;

	if (len > b->own_size)
		return (-EINVAL);
	if ((rc = use_inflight(b, b->own_fd, 0, len, queues, size)) < 0)
		return (rc);
	memset(b->inflight, 0, len);
	m->p.inflight.size = len;
	m->p.inflight.offset = 0;
	return (0);
}
