/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doorbells and interrupts of virtio devices: see virtio_glue.h. Runs in zhyve, on the event
 * loop and on vCPUs' threads; what needs memory or descriptors is made before the guest runs.
 */
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
	/* For queues that may be lent. */
	bool lendable, lent;
	int call;               /* eventfd: interrupt the guest */
	struct mevent *call_ev; /* we listen to it while KVM cannot */
	int route;              /* KVM's GSI for its message */
	bool bound;             /* KVM listens to it */
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

/*
 * The BAR moved: so do the doorbells. One that cannot be placed is no loss: the write then
 * reaches the device itself.
 */
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

static void
again(void *ctx, struct virtio_pci *vp, unsigned queue)
{
	struct virtio_glue *g = ctx;
	uint64_t one = 1;

	(void)!write(g->bell[queue].eventfd, &one, sizeof(one));
}

static void
bind_irq(struct virtio_bell *b, bool on)
{
	if (b->bound == on)
		return;
	if (vm_irqfd(&b->g->m->vm, b->route, b->call, on) == 0)
		b->bound = on;
}

/*
 * A lent queue's interrupt: straight from the eventfd to the guest while its message may be
 * sent; by way of the event loop and the device's own rules (pending bits, the INTx line)
 * otherwise.
 */
static void
place_irq(struct virtio_bell *b)
{
	uint64_t addr;
	uint32_t data;

	if (b->lent && virtio_pci_queue_msi(&b->g->vp, b->queue, &addr, &data) &&
	    vm_route_set(&b->g->m->vm, b->route, addr, data) == 0)
		bind_irq(b, true);
	else
		bind_irq(b, false);
	if (b->lent && !b->bound)
		(void)mevent_enable(b->call_ev);
	else
		(void)mevent_disable(b->call_ev);
}

static void
on_call(int fd, enum mevent_type type, void *arg)
{
	struct virtio_bell *b = arg;
	uint64_t n;

	lock_take(&b->g->lock);
	if (b->lent && !b->bound && read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		virtio_pci_interrupt(&b->g->vp, b->queue);
	lock_drop(&b->g->lock);
}

static void
irq_moved(void *ctx, struct virtio_pci *vp, unsigned queue)
{
	struct virtio_glue *g = ctx;

	if (g->bell[queue].lent)
		place_irq(&g->bell[queue]);
}

static int
lend(void *ctx, struct virtio_pci *vp, unsigned queue, bool on, int *kick_fd, int *call_fd)
{
	struct virtio_glue *g = ctx;
	struct virtio_bell *b = &g->bell[queue];

	if (!b->lendable)
		return (-ENOTSUP);
	b->lent = on;
	if (on) {
		(void)mevent_disable(b->ev);
		/* What the driver put into the ring before is to be looked at, too. */
		again(g, vp, queue);
	} else
		(void)mevent_enable(b->ev);
	place_irq(b);
	*kick_fd = b->eventfd;
	*call_fd = b->call;
	return (0);
}

static const struct virtio_pci_hooks hooks = {
	.bar_moved = bar_moved,
	.irq_moved = irq_moved,
	.again = again,
	.lend = lend,
};

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
	bool msix;
	int rc;

	if ((rc = config_bool(g->m->config, "virtio.msix", true, &msix, e)) != 0)
		return (rc);
	vd->no_msix = !msix;
	if ((rc = virtio_pci_init(&g->vp, vd)) != 0)
		return (err_set(e, -rc, "cannot make the PCI function"));
	if ((rc = make_bells(g, vd->nqueues, e)) != 0)
		return (rc);
	g->vp.hooks = &hooks;
	g->vp.hooks_ctx = g;
	g->vp.pci.bdf = bdf;
	g->vp.pci.lock = &g->lock;
	if (g->prepare != NULL && (rc = g->prepare(g->cfg, &g->vp.pci, e)) != 0)
		return (rc);
	return (pci_attach(g->m->pci, &g->vp.pci, e));
}

int
virtio_glue_lendable(struct virtio_glue *g, unsigned first, unsigned n, struct err *e)
{
	for (unsigned q = first; q < first + n; q++) {
		struct virtio_bell *b = &g->bell[q];

		if ((b->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
			return (err_set(e, errno, "cannot make an interrupt"));
		b->call_ev = mevent_add_disabled(g->m->loop, b->call, EVF_READ, on_call, b);
		if (b->call_ev == NULL)
			return (err_set(e, errno, "cannot watch an interrupt"));
		if ((b->route = vm_route_alloc(&g->m->vm)) < 0)
			return (err_set(e, -b->route, "cannot route an interrupt"));
		b->lendable = true;
	}
	return (0);
}
