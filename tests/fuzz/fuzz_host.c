/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine of the device targets: see fuzz_host.h. */
#include "fuzz_host.h"

#include <assert.h>
#include <stdlib.h>

#include "devices/pci_regs.h"

#define MEM32_BASE 0xC0000000ull
#define MEM64_BASE 0x100000000ull
#define MEM64_END  0x200000000ull
#define MS         1000000ull

static int
map_bar(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct fuzz_host *h = ctx;
	struct bus_region r = { .base = addr, .len = len, .ops = &pci_bar_ops[bar], .dev = d };

	return (bus_add(io ? &h->io : &h->mem, &r));
}

static void
unmap_bar(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct fuzz_host *h = ctx;
	int rc = bus_remove(io ? &h->io : &h->mem, addr);

	assert(rc == 0);
	(void)rc;
}

static void
msi(void *ctx, uint64_t addr, uint32_t data)
{
}

static void
line(void *ctx, unsigned gsi, bool level)
{
}

static uint64_t
now_ns(void *ctx)
{
	return (((struct fuzz_host *)ctx)->now_ns);
}

static int64_t
wall_s(void *ctx)
{
	return (1700000000 + (int64_t)(((struct fuzz_host *)ctx)->now_ns / 1000000000));
}

static void
event(void *ctx, enum machine_event ev, const char *why)
{
	assert(why != NULL);
}

void
fuzz_host_init(struct fuzz_host *h)
{
	const struct pci_host_ops ops = { map_bar, unmap_bar, msi, line, h };
	uint8_t *ram = calloc(1, FUZZ_RAM);

	*h = (struct fuzz_host){ .now_ns = 1 };
	assert(ram != NULL);
	gmem_wrap(&h->gm, ram, FUZZ_RAM);
	h->pci = pci_bus_create(&ops, MEM32_BASE, PCI_ECAM_BASE, MEM64_BASE, MEM64_END);
	assert(h->pci != NULL);
	h->irq = (struct irq_line){ .set = line };
	h->clock = (struct clock){ now_ns, wall_s, h };
	h->ctl = (struct machine_ctl){ event, h };
}

static void
timer_arm(void *ctx, uint64_t at_ns)
{
	((struct fuzz_timer *)ctx)->at_ns = at_ns;
}

void
fuzz_host_timer(struct fuzz_host *h, struct dev_timer *t)
{
	struct fuzz_timer *ft = &h->timer[h->ntimers++];

	assert(h->ntimers <= FUZZ_TIMERS);
	*ft = (struct fuzz_timer){ .host = h, .t = t };
	t->arm = timer_arm;
	t->ctx = ft;
}

void
fuzz_host_attach(struct fuzz_host *h, struct pci_dev *d)
{
	struct err e = { 0 };
	int rc;

	d->bdf = PCI_BDF(0, 3, 0);
	rc = pci_attach(h->pci, d, &e);
	assert(rc == 0);
	(void)rc;
	pci_cfg_write(h->pci, d->bdf, PCIR_COMMAND, 2, 7); /* I/O, memory, bus master */
}

/* Time passes, at most 17 minutes at a time; each timer that is due fires once. */
static void
pass_time(struct fuzz_host *h, struct fuzz *in)
{
	h->now_ns += (uint64_t)fuzz_u16(in) << (fuzz_u8(in) % 25);
	for (unsigned i = 0; i < h->ntimers; i++) {
		struct fuzz_timer *ft = &h->timer[i];

		if (ft->at_ns != 0 && ft->at_ns <= h->now_ns) {
			ft->at_ns = 0;
			ft->t->fire(ft->t->dev);
		}
	}
}

static void
access_bar(struct pci_dev *d, struct fuzz *in, bool write)
{
	unsigned bar = fuzz_u8(in) % PCI_BARS, size = fuzz_size(in);
	uint64_t off = fuzz_u16(in), len = d->bar[bar].size;

	/* Mostly where registers are; a device with a large BAR is reached up to its end. */
	if (len > 0x10000 && (off & 1) != 0)
		off = off * (len >> 16);
	if (d->bar[bar].type == PCI_BAR_NONE || off + size > len)
		return;
	if (write)
		pci_bar_ops[bar].write(d, off, size, fuzz_value(in, size));
	else
		(void)pci_bar_ops[bar].read(d, off, size);
}

static void
access_config(struct fuzz_host *h, struct pci_dev *d, struct fuzz *in, bool write)
{
	unsigned off = fuzz_u8(in), size = 1u << (fuzz_u8(in) % 3);
	unsigned bdf = d != NULL ? d->bdf : fuzz_u16(in);

	if (write)
		pci_cfg_write(h->pci, bdf, off, size, (uint32_t)fuzz_value(in, size));
	else
		(void)pci_cfg_read(h->pci, bdf, off, size);
}

static void
access_bus(struct fuzz_host *h, struct fuzz *in, bool write)
{
	bool ecam = (fuzz_u8(in) & 1) != 0;
	const struct bus_ops *ops = ecam ? &pci_ecam_ops : &pci_port_ops;
	unsigned size = fuzz_size(in);
	uint64_t off = ecam ? fuzz_u32(in) % (PCI_ECAM_SIZE - 8) : fuzz_u8(in) % PCI_PORT_LEN;

	if (!ecam && (size > 4 || off + size > PCI_PORT_LEN))
		return;
	if (write)
		ops->write(h->pci, off, size, fuzz_value(in, size));
	else
		(void)ops->read(h->pci, off, size);
}

static void
poke(struct fuzz_host *h, struct fuzz *in, unsigned len, uint64_t gpa)
{
	uint8_t buf[255];

	(void)fuzz_bytes(in, buf, len);
	(void)gmem_write(&h->gm, gpa, buf, len);
}

void
fuzz_host_run(struct fuzz_host *h, struct pci_dev *d, struct fuzz *in)
{
	while (in->left > 0) {
		unsigned op = fuzz_u8(in) % 8;

		switch (op) {
		case 0:
		case 1:
			access_config(h, d, in, op == 0);
			break;
		case 2:
		case 3:
			if (d != NULL)
				access_bar(d, in, op == 2);
			else
				access_bus(h, in, op == 2);
			break;
		case 4:
			poke(h, in, fuzz_u8(in), (uint64_t)fuzz_u16(in) * (FUZZ_RAM >> 16));
			break;
		case 5:
			pass_time(h, in);
			break;
		case 6:
			if (h->own != NULL)
				h->own(h, in, h->ctx);
			break;
		default:
			poke(h, in, 8, (uint64_t)fuzz_u16(in) * 8 % FUZZ_RAM);
		}
	}
}

void
fuzz_host_fini(struct fuzz_host *h)
{
	pci_bus_destroy(h->pci);
	free(h->gm.range[0].hva);
}

/* --- virtio --- */

enum common { /* virtio 1.2, 4.1.4.3: offsets in the common configuration, at 0 of the BAR */
	C_DFSELECT = 0,
	C_DF = 4,
	C_GFSELECT = 8,
	C_GF = 12,
	C_CONFIG_VECTOR = 16,
	C_NUM_QUEUES = 18,
	C_STATUS = 20,
	C_Q_SELECT = 22,
	C_Q_SIZE = 24,
	C_Q_VECTOR = 26,
	C_Q_ENABLE = 28,
	C_Q_DESC = 32,
	C_Q_DRIVER = 40,
	C_Q_DEVICE = 48
};

static void
put(struct virtio_pci *vp, unsigned off, unsigned size, uint64_t val)
{
	pci_bar_ops[VIRTIO_PCI_BAR].write(&vp->pci, off, size, val);
}

static uint64_t
get(struct virtio_pci *vp, unsigned off, unsigned size)
{
	return (pci_bar_ops[VIRTIO_PCI_BAR].read(&vp->pci, off, size));
}

void
fuzz_virtio_start(struct virtio_pci *vp)
{
	unsigned queues;
	uint64_t page;

	put(vp, C_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		put(vp, C_DFSELECT, 4, i);
		put(vp, C_GFSELECT, 4, i);
		put(vp, C_GF, 4, get(vp, C_DF, 4));
	}
	put(vp, C_STATUS, 1,
	    VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
	if (vp->pci.msix.cap_off != 0)
		pci_cfg_write(vp->pci.bus, vp->pci.bdf, vp->pci.msix.cap_off + 2, 2, 0x8000);
	queues = (unsigned)get(vp, C_NUM_QUEUES, 2);
	for (unsigned q = 0; q < queues; q++) {
		page = (q + 1) * 4096ull;
		if (page + 4096 > FUZZ_RAM)
			break;
		put(vp, C_Q_SELECT, 2, q);
		put(vp, C_Q_SIZE, 2, 16);
		put(vp, C_Q_VECTOR, 2, q);
		put(vp, C_Q_DESC, 8, page);
		put(vp, C_Q_DRIVER, 8, page + 16 * 16);
		put(vp, C_Q_DEVICE, 8, page + 1024);
		put(vp, C_Q_ENABLE, 2, 1);
	}
	put(vp, C_STATUS, 1,
	    VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
		VIRTIO_STATUS_DRIVER_OK);
}

/* --- a disk --- */

static int
disk_submit(struct block_backend *b, struct block_req *req)
{
	struct fuzz_disk *d = b->softc;
	uint64_t sum = 0;

	/* What devices owe their backend (block.h). */
	assert(req->done != NULL && req->niov <= BLOCK_IOV_MAX);
	if (req->op == BLOCK_READ || req->op == BLOCK_WRITE) {
		for (unsigned i = 0; i < req->niov; i++)
			sum += req->iov[i].iov_len;
		assert(sum == req->len);
	}
	assert(req->offset % b->info.logical == 0);
	assert(req->op == BLOCK_FLUSH ||
	    (req->offset <= FUZZ_DISK && req->len <= FUZZ_DISK - req->offset));
	for (unsigned i = 0; i < d->nwaiting; i++)
		assert(d->waiting[i] != req); /* one is in flight once */
	if (d->nwaiting == FUZZ_DISK_DEPTH)
		return (-11); /* EAGAIN */
	d->waiting[d->nwaiting++] = req;
	return (0);
}

static void
disk_kick(struct block_backend *b)
{
}

void
fuzz_disk_init(struct fuzz_disk *d)
{
	static const struct block_ops ops = { disk_submit, disk_kick };

	*d = (struct fuzz_disk){ .be = { .ops = &ops } };
	d->bytes = calloc(1, FUZZ_DISK);
	assert(d->bytes != NULL);
	d->be.softc = d;
	d->be.info = (struct block_info){
		.size = FUZZ_DISK,
		.logical = 512,
		.physical = 4096,
		.can_discard = true,
		.can_write_zeroes = true,
		.queue_depth = FUZZ_DISK_DEPTH,
	};
}

void
fuzz_disk_kind(struct fuzz_disk *d, uint8_t how)
{
	d->be.info.readonly = (how & 4) != 0;
	d->be.info.logical = (how & 8) != 0 ? 4096 : 512;
}

void
fuzz_disk_resize(struct fuzz_disk *d, struct fuzz *in)
{
	d->be.info.size = (uint64_t)(fuzz_u8(in) + 1) * 4096;
}

static void
end(struct fuzz_disk *d, unsigned i, int result)
{
	struct block_req *req = d->waiting[i];
	uint64_t at = req->offset;

	d->waiting[i] = d->waiting[--d->nwaiting];
	for (unsigned v = 0; v < req->niov && result == 0; v++) {
		if (req->op == BLOCK_READ)
			memcpy(req->iov[v].iov_base, d->bytes + at, req->iov[v].iov_len);
		else if (req->op == BLOCK_WRITE)
			memcpy(d->bytes + at, req->iov[v].iov_base, req->iov[v].iov_len);
		else
			break;
		at += req->iov[v].iov_len;
	}
	req->done(req, result);
	if (d->be.batch_done != NULL)
		d->be.batch_done(d->be.dev);
}

void
fuzz_disk_step(struct fuzz_disk *d, struct fuzz *in)
{
	uint8_t how = fuzz_u8(in);

	if (d->nwaiting > 0)
		end(d, (how >> 1) % d->nwaiting, (how & 1) != 0 ? -5 : 0); /* EIO */
}

void
fuzz_disk_drain(struct fuzz_disk *d)
{
	/* A device may submit what waited: bounded, since no new requests come from a driver. */
	for (unsigned i = 0; i < 100000 && d->nwaiting > 0; i++)
		end(d, 0, 0);
}

void
fuzz_disk_fini(struct fuzz_disk *d)
{
	fuzz_disk_drain(d);
	free(d->bytes);
}
