/* SPDX-License-Identifier: BSD-2-Clause */
/* Doorbells of virtio devices: see virtio_glue.h. Runs in zhyve, on the event loop and on vCPUs' threads. */
#include "procs/zhyve/virtio_glue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

struct virtio_bell {
	struct virtio_glue *g;
	unsigned queue;
	int eventfd;
	struct mevent *ev;
	bool armed; /* KVM signals the eventfd */
	struct vm_doorbell door;
};

static void
on_bell(int fd, enum mevent_type type, void *arg)
{
	struct virtio_bell *b = arg;
	uint64_t n;

	(void)type;
	if (read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	lock_take(&b->g->lock);
	virtio_pci_notify_queue(&b->g->vp, b->queue);
	lock_drop(&b->g->lock);
}

/* The BAR moved: so do the doorbells. One that cannot be placed is no loss: the write then reaches the device itself. */
static void
bar_moved(void *ctx, struct virtio_pci *vp, uint64_t gpa)
{
	struct virtio_glue *g = ctx;

	for (unsigned q = 0; q < vp->vd->nqueues; q++) {
		struct virtio_bell *b = &g->bell[q];

		if (b->armed)
			(void)vm_doorbell_remove(&g->m->vm, &b->door);
		b->armed = false;
		if (gpa == 0)
			continue;
		b->door = (struct vm_doorbell){
			.addr = virtio_pci_doorbell(vp, q),
			.len = 2,
			.eventfd = b->eventfd,
		};
		b->armed = vm_doorbell_add(&g->m->vm, &b->door) == 0;
	}
}

static const struct virtio_pci_hooks hooks = { .bar_moved = bar_moved };

static int
make_bells(struct virtio_glue *g, unsigned n, struct err *e)
{
	if ((g->bell = calloc(n, sizeof(*g->bell))) == NULL)
		return (err_set(e, ENOMEM, "cannot make %u doorbells", n));
	for (unsigned q = 0; q < n; q++) {
		struct virtio_bell *b = &g->bell[q];

		b->g = g;
		b->queue = q;
		b->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (b->eventfd < 0)
			return (err_set(e, errno, "cannot make a doorbell"));
		if ((b->ev = mevent_add(g->m->loop, b->eventfd, EVF_READ, on_bell, b)) == NULL)
			return (err_set(e, errno, "cannot watch a doorbell"));
	}
	return (0);
}

void
virtio_glue_init(struct virtio_glue *g, struct machine *m)
{
	g->m = m;
	(void)pthread_mutex_init(&g->lock.mutex, NULL);
}

int
virtio_glue_attach(struct virtio_glue *g, struct virtio_dev *vd, unsigned bdf, struct err *e)
{
	int rc;

	if ((rc = virtio_pci_init(&g->vp, vd)) != 0)
		return (err_set(e, -rc, "cannot make the PCI function"));
	if ((rc = make_bells(g, vd->nqueues, e)) != 0)
		return (rc);
	g->vp.hooks = &hooks;
	g->vp.hooks_ctx = g;
	g->vp.pci.bdf = bdf;
	g->vp.pci.lock = &g->lock;
	return (pci_attach(g->m->pci, &g->vp.pci, e));
}

int
virtio_glue_lend_bell(struct virtio_glue *g, unsigned queue, bool lend)
{
	struct virtio_bell *b = &g->bell[queue];

	(void)(lend ? mevent_disable(b->ev) : mevent_enable(b->ev));
	return (b->eventfd);
}
