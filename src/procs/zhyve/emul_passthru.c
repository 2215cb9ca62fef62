/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passthru: a PCI function of the host (bound to vfio-pci) in the guest's hands. Runs in zhyve while
 * the machine is built; afterwards on vCPUs' threads, and on the event loop for interrupts that
 * cannot go straight to the guest.
 *
 * Options: the host's address first (0000:03:00.0, 03:00.0 or bhyve's 3/0/0; also path=), rom=FILE
 * (an expansion ROM), bootindex=, reset=off (take it although it cannot be reset), vfio=group|cdev (how
 * it is come by). In a jail cdev=fd:N and iommufd=fd:N, its character device, bound to an iommufd, and
 * that; or group=fd:N and container=fd:N, the open /dev/vfio/GROUP and /dev/vfio/vfio.
 *
 * It keeps the device's memory and I/O decoding on for as long as the machine lives: what the guest
 * switches is whether its BARs are decoded here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/vfio.h"
#include "base/checked.h"
#include "base/log.h"
#include "devices/pci_regs.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/files.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"

#define CLASS_NVME 0x0108
#define CLASS_NET  0x02

struct passthru;

/* A message interrupt: from the host's eventfd to the guest. */
struct pass_vector {
	struct passthru *p;
	unsigned n;
	int eventfd;
	struct mevent *ev; /* we listen to it while KVM cannot */
	int route;         /* KVM's GSI for its message; negative: none was left */
	bool bound;        /* KVM listens to it */
};

/* A part of a BAR that the guest reaches without us. */
struct pass_window {
	uint64_t off, len;
	void *mem;
	uint64_t gpa; /* where the guest has it; 0: nowhere */
};

struct passthru {
	struct machine *m;
	struct lock lock;
	struct pci_pass pass;
	struct vfio_device dev;
	struct pass_window window[PCI_BARS][PCI_PASS_AREAS];
	unsigned nwindows[PCI_BARS];
	enum pci_pass_irq irq; /* as the host has been told */
	int raise, ended;      /* of the pin: eventfds to the guest and back */
	bool pin_bound;
	struct pass_vector *vector;
	unsigned nvectors; /* at least 1 where there is MSI */
};

/* ---- registers ---- */

static uint32_t
cfg_read(struct pci_pass *pass, unsigned off, unsigned size)
{
	struct passthru *p = pass->ctx;

	return ((uint32_t)vfio_read(&p->dev, &p->dev.cfg, off, size));
}

static void
cfg_write(struct pci_pass *pass, unsigned off, unsigned size, uint32_t val)
{
	struct passthru *p = pass->ctx;

	vfio_write(&p->dev, &p->dev.cfg, off, size, val);
}

static uint64_t
bar_read(struct pci_pass *pass, unsigned bar, uint64_t off, unsigned size)
{
	struct passthru *p = pass->ctx;

	return (vfio_read(&p->dev, &p->dev.bar[bar], off, size));
}

static void
bar_write(struct pci_pass *pass, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct passthru *p = pass->ctx;

	vfio_write(&p->dev, &p->dev.bar[bar], off, size, val);
}

static void
master(struct pci_pass *pass, bool on)
{
	struct passthru *p = pass->ctx;

	vfio_write(&p->dev, &p->dev.cfg, PCIR_COMMAND, 2,
	    PCI_COMMAND_IO | PCI_COMMAND_MEM | (on ? PCI_COMMAND_MASTER : 0));
}

/* What cannot be shown directly is slower, and works: bar_read and bar_write. */
static void
bar_moved(struct pci_pass *pass, unsigned bar, uint64_t gpa)
{
	struct passthru *p = pass->ctx;

	for (unsigned i = 0; i < p->nwindows[bar]; i++) {
		struct pass_window *w = &p->window[bar][i];
		int rc = 0;

		if (w->gpa != 0)
			(void)vm_mem_unmap(&p->m->vm, w->gpa);
		w->gpa = 0;
		if (gpa == 0)
			continue;
		if ((rc = vm_mem_map(&p->m->vm, gpa + w->off, w->mem, w->len, false)) == 0)
			w->gpa = gpa + w->off;
		else
			log_guest("%s: BAR %u is not in the guest's reach at 0x%llx: %s",
			    p->dev.addr, bar, (unsigned long long)gpa, strerror(-rc));
	}
}

/* ---- interrupts ---- */

static void
bind_vector(struct pass_vector *v, bool on)
{
	if (v->bound != on && vm_irqfd(&v->p->m->vm, v->route, v->eventfd, on) == 0)
		v->bound = on;
}

/* Whether the interrupt may be sent now, and as which message. */
static bool
deliverable(const struct pass_vector *v, uint64_t *addr, uint32_t *data)
{
	const struct pci_dev *d = &v->p->pass.pci;

	switch (v->p->pass.irq) {
	case PCI_PASS_MSI:
		pci_msi_message(d, addr, data);
		return (v->n == 0);
	case PCI_PASS_MSIX:
		if (!pci_msix_deliverable(d, v->n))
			return (false);
		*addr = d->msix.table[v->n].addr;
		*data = d->msix.table[v->n].data;
		return (true);
	default:
		return (false);
	}
}

/*
 * Straight from the host to the guest while the message may be sent; else by way of the event loop,
 * where it becomes a pending bit.
 */
static void
place(struct pass_vector *v)
{
	bool message = v->p->pass.irq == PCI_PASS_MSI || v->p->pass.irq == PCI_PASS_MSIX;
	uint64_t addr;
	uint32_t data;

	bind_vector(v,
	    v->route >= 0 && deliverable(v, &addr, &data) &&
		vm_route_set(&v->p->m->vm, v->route, addr, data) == 0);
	if (message && !v->bound)
		(void)mevent_enable(v->ev);
	else
		(void)mevent_disable(v->ev);
}

static void
on_vector(int fd, enum mevent_type type, void *arg)
{
	struct pass_vector *v = arg;
	struct passthru *p = v->p;
	uint64_t n;

	(void)type;
	lock_take(&p->lock);
	if (!v->bound && read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		if (p->pass.irq == PCI_PASS_MSIX)
			(void)pci_msix_notify(&p->pass.pci, v->n);
		else if (v->n == 0)
			(void)pci_msi_notify(&p->pass.pci);
	}
	lock_drop(&p->lock);
}

static void
vector_changed(struct pci_pass *pass, unsigned vector)
{
	struct passthru *p = pass->ctx;

	if (vector < p->nvectors)
		place(&p->vector[vector]);
}

static void
pin_off(struct passthru *p)
{
	(void)vfio_irqs(&p->dev, VFIO_INTX, NULL, 0);
	if (p->pin_bound)
		(void)vm_irqfd_level(&p->m->vm, (int)p->pass.pci.gsi, p->raise, p->ended, false);
	p->pin_bound = false;
}

static int
pin_on(struct passthru *p)
{
	int rc;

	rc = vm_irqfd_level(&p->m->vm, (int)p->pass.pci.gsi, p->raise, p->ended, true);
	p->pin_bound = rc == 0;
	return (rc == 0 ? vfio_intx(&p->dev, p->raise, p->ended) : rc);
}

static int
messages_on(struct passthru *p, enum vfio_irq kind, unsigned n)
{
	int fd[PCI_PASS_VECTORS], rc;

	for (unsigned i = 0; i < n; i++) {
		place(&p->vector[i]);
		fd[i] = p->vector[i].eventfd;
	}
	rc = vfio_irqs(&p->dev, kind, fd, n);
	/* The host is short of them: those that a driver uses come first. */
	if (rc > 0 && rc < (int)n) {
		n = (unsigned)rc;
		rc = vfio_irqs(&p->dev, kind, fd, n);
		log_guest("%s: the host has only %u interrupts for it", p->dev.addr, n);
	}
	return (rc < 0 ? rc : 0);
}

static void
irq_changed(struct pci_pass *pass)
{
	struct passthru *p = pass->ctx;
	int rc = 0;

	if (p->irq == pass->irq) { /* MSI, with another message */
		place(&p->vector[0]);
		return;
	}
	if (p->irq == PCI_PASS_INTX)
		pin_off(p);
	else if (p->irq != PCI_PASS_NONE)
		(void)vfio_irqs(&p->dev, p->irq == PCI_PASS_MSI ? VFIO_MSI : VFIO_MSIX, NULL, 0);
	p->irq = pass->irq;
	for (unsigned i = 0; i < p->nvectors; i++)
		place(&p->vector[i]);
	if (p->irq == PCI_PASS_INTX)
		rc = pin_on(p);
	else if (p->irq != PCI_PASS_NONE)
		rc = messages_on(p, p->irq == PCI_PASS_MSI ? VFIO_MSI : VFIO_MSIX,
		    p->irq == PCI_PASS_MSI ? 1 : p->nvectors);
	if (rc != 0)
		log_guest("%s: its interrupts cannot be had: %s", p->dev.addr, strerror(-rc));
}

static const struct pci_pass_ops ops = {
	.cfg_read = cfg_read,
	.cfg_write = cfg_write,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.bar_moved = bar_moved,
	.master = master,
	.irq_changed = irq_changed,
	.vector_changed = vector_changed,
};

/* ---- making it ---- */

static int
make_vectors(struct passthru *p, struct err *e)
{
	unsigned n = p->pass.pci.msix.nvec;

	if (n == 0 && p->pass.pci.msi_off != 0)
		n = 1;
	if (n == 0)
		return (0);
	if ((p->vector = calloc(n, sizeof(*p->vector))) == NULL)
		return (err_set(e, ENOMEM, "cannot make %u interrupts", n));
	for (unsigned i = 0; i < n; i++) {
		struct pass_vector *v = &p->vector[i];

		*v = (struct pass_vector){ .p = p, .n = i };
		if ((v->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
			return (err_set(e, errno, "cannot make %u interrupts", n));
		v->ev = mevent_add_disabled(p->m->loop, v->eventfd, EVF_READ, on_vector, v);
		if (v->ev == NULL)
			return (err_set(e, errno, "cannot watch %u interrupts", n));
		v->route = vm_route_alloc(&p->m->vm);
	}
	p->nvectors = n;
	return (0);
}

static int
make_windows(struct passthru *p, struct err *e)
{
	for (unsigned bar = 0; bar < PCI_BARS; bar++) {
		const struct vfio_region *r = &p->dev.bar[bar];
		struct pci_pass_area a[PCI_PASS_AREAS];
		unsigned n = pci_pass_areas(&p->pass, bar, r->area, r->nareas, a);

		for (unsigned i = 0; i < n; i++) {
			struct pass_window *w = &p->window[bar][i];

			*w = (struct pass_window){ .off = a[i].off, .len = a[i].len };
			if ((w->mem = vfio_map(&p->dev, bar, &a[i])) == NULL)
				return (err_set(e, errno, "cannot map BAR %u", bar));
			p->nwindows[bar]++;
		}
	}
	return (0);
}

/* Nothing of what the host or the last guest left in it. */
static int
reset_first(struct passthru *p, struct config_node *cfg, struct err *e)
{
	bool reset;
	int rc;

	if ((rc = config_bool(cfg, "reset", true, &reset, e)) != 0 || !reset)
		return (rc);
	if ((rc = vfio_reset(&p->dev)) == -ENOTTY)
		return (err_say(e, ENOTTY,
		    "PCI device %s cannot be reset by itself: the guest would find what was left "
		    "in it, and "
		    "leave things for the next (reset=off takes it nevertheless)",
		    p->dev.addr));
	return (rc == 0 ? 0 : err_set(e, -rc, "cannot reset PCI device %s", p->dev.addr));
}

/* A place in the boot ROM's order, for devices that it can start from. */
static int
boot_order(struct passthru *p, struct config_node *cfg, unsigned bdf, struct err *e)
{
	unsigned class = le32_get(&p->pass.pci.cfg[PCIR_REVISION]) >> 16;

	if (class == CLASS_NVME)
		return (fwcfg_bootorder(p->m, cfg, bdf, BOOTORDER_NVME, 0, e));
	if (class >> 8 == CLASS_NET)
		return (fwcfg_bootorder(p->m, cfg, bdf, BOOTORDER_NET, 0, e));
	if (config_get(cfg, "bootindex") == NULL)
		return (0);
	return (err_say(
	    e, EINVAL, "bootindex: PCI device %s is neither an NVMe disk nor a nic", p->dev.addr));
}

static int
open_device(struct passthru *p, struct config_node *cfg, struct err *e)
{
	const char *path = config_get(cfg, "path");
	const struct vfio_where where = {
		.way = config_get(cfg, "vfio"),
		.group = config_get(cfg, "group"),
		.container = config_get(cfg, "container"),
		.cdev = config_get(cfg, "cdev"),
		.iommufd = config_get(cfg, "iommufd"),
	};
	struct machine *m = p->m;
	struct pci_pass_host host;
	int rc;

	if (path == NULL || hostpci_parse(path, p->dev.addr) != 0)
		return (err_say(e, EINVAL,
		    "'%s' is not the address of a PCI device, as in -s 3,passthru,0000:03:00.0",
		    path != NULL ? path : ""));
	if (m->vfio == NULL && (m->vfio = calloc(1, sizeof(*m->vfio))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	if ((rc = vfio_device_open(&p->dev, m->vfio, &where, &m->gm, e)) != 0 ||
	    (rc = reset_first(p, cfg, e)) != 0 || (rc = vfio_describe(&p->dev, &host, e)) != 0)
		return (rc);
	rc = vm_add_vfio(&m->vm, p->dev.group >= 0 ? p->dev.group : p->dev.fd);
	if (rc != 0 && rc != -EEXIST)
		return (err_set(e, -rc, "cannot tell KVM of PCI device %s", p->dev.addr));
	/* KVM cannot lower lines of an I/O APIC that is ours. */
	if (m->vm_config.irqchip == VM_IRQCHIP_SPLIT)
		host.intx = false;
	if (pci_pass_init(&p->pass, &host, &ops, p, e) != 0)
		return (err_ctx(e, "PCI device %s", p->dev.addr));
	return (0);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct passthru *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	p->m = m;
	(void)pthread_mutex_init(&p->lock.mutex, NULL);
	if ((rc = open_device(p, cfg, e)) != 0)
		return (rc);
	if ((p->raise = eventfd(0, EFD_CLOEXEC)) < 0 || (p->ended = eventfd(0, EFD_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot make an interrupt"));
	if ((rc = make_vectors(p, e)) != 0 || (rc = make_windows(p, e)) != 0 ||
	    (rc = file_add_rom(&p->pass.pci, config_get(cfg, "rom"), false, e)) != 0 ||
	    (rc = boot_order(p, cfg, bdf, e)) != 0)
		return (rc);
	master(&p->pass, false);
	p->pass.pci.bdf = bdf;
	p->pass.pci.lock = &p->lock;
	if ((rc = pci_attach(m->pci, &p->pass.pci, e)) != 0)
		return (rc);
	lock_take(&p->lock);
	pci_pass_start(&p->pass);
	lock_drop(&p->lock);
	return (0);
}

static const struct vmm_emul passthru = {
	.name = "passthru",
	.first = "path",
	.help = "B:D.F|B/D/F[,rom=FILE][,reset=off][,bootindex=N][,vfio=group|cdev]"
		"[,cdev=fd:N,iommufd=fd:N|,group=fd:N,container=fd:N]",
	.init = init,
};
ZHYVE_EMUL(passthru);
