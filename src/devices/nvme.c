/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe controller's PCI function and registers, its reset and shutdown: see nvme.h. By NVM
 * Express 1.4, chapters 3 (registers), 7.3 (reset) and 7.6 (shutdown). Refuses to be enabled with
 * what it does not have, or with admin queues that are not in RAM: the fatal bit says so. Runs in
 * zhyve.
 */
#include "devices/nvme.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/log.h"
#include "devices/nvme_internal.h"
#include "devices/pci_regs.h"

/* bhyve's */
#define VENDOR      0xfb5d
#define DEVICE      0x0a0a
#define CLASS       0x010802 /* mass storage, non-volatile memory, NVM Express */

#define R_CAP       0x00
#define R_VS        0x08
#define R_INTMS     0x0c
#define R_INTMC     0x10
#define R_CC        0x14
#define R_CSTS      0x1c
#define R_AQA       0x24
#define R_ASQ       0x28
#define R_ACQ       0x30
#define R_LEN       0x40
#define DOORBELLS   0x1000u
#define BAR_SIZE    0x2000u /* a page of registers, a page of doorbells */

#define CAP_CQR     (1ull << 16)  /* queues are contiguous */
#define CAP_TO      (60ull << 24) /* half seconds: a reset waits for the backend */
#define CAP_CSS_NVM (1ull << 37)
#define VERSION     0x00010400u

#define CC_CSS(cc)  ((cc) >> 4 & 7)
#define CC_MPS(cc)  ((cc) >> 7 & 15)
#define CC_AMS(cc)  ((cc) >> 11 & 7)
#define CC_SHN(cc)  ((cc) >> 14 & 3)

static_assert(DOORBELLS + 8 * (NVME_IO_QUEUES_MAX + 1) <= BAR_SIZE, "the doorbells fit the BAR");
static_assert(NVME_XFER_MAX / NVME_PAGE + 1 <= BLOCK_IOV_MAX, "a transfer fits the iovec");

static struct nvme *
of_pci(struct pci_dev *d)
{
	return (d->softc);
}

bool
nvme_running(const struct nvme *n)
{
	return ((n->csts & (CSTS_RDY | CSTS_CFS)) == CSTS_RDY && !n->resetting);
}

void
nvme_fatal(struct nvme *n, const char *why)
{
	log_guest("nvme: %s; the controller stands still until reset", why);
	n->csts |= CSTS_CFS;
}

uint16_t
nvme_ring_check(const struct nvme *n, uint64_t base, uint32_t entries, unsigned len)
{
	if (base % NVME_PAGE != 0)
		return (NVME_PRP_OFFSET);
	return (gmem_is_ram(n->gm, base, (uint64_t)entries * len) ? NVME_OK : NVME_DATA_TRANSFER);
}

/* --- enable, reset, shutdown --- */

static void
admin_queues(struct nvme *n)
{
	n->sq[0] = (struct nvme_sq){
		.live = true,
		.size = (n->aqa & 0xfff) + 1,
		.base = n->asq,
	};
	n->cq[0] = (struct nvme_cq){
		.live = true,
		.interrupts = true,
		.phase = true,
		.size = (n->aqa >> 16 & 0xfff) + 1,
		.users = 1,
		.base = n->acq,
	};
}

static void
enable(struct nvme *n)
{
	const char *why = NULL;

	admin_queues(n);
	if (CC_CSS(n->cc) != 0 || CC_MPS(n->cc) != 0 || CC_AMS(n->cc) != 0)
		why = "enabled with a command set, page size or arbitration that it does not have";
	else if (n->sq[0].size < 2 || n->cq[0].size < 2 ||
	    nvme_ring_check(n, n->asq, n->sq[0].size, NVME_CMD_LEN) != NVME_OK ||
	    nvme_ring_check(n, n->acq, n->cq[0].size, NVME_CQE_LEN) != NVME_OK)
		why = "enabled with admin queues too small, misaligned or outside memory";
	if (why != NULL) {
		n->sq[0].live = n->cq[0].live = false;
		nvme_fatal(n, why);
		return;
	}
	if (!n->shutting_down)
		n->csts &= ~CSTS_SHST;
	n->csts |= CSTS_RDY;
}

static void
shutdown_done(struct block_req *io, int result)
{
	struct nvme *n = io->arg;

	(void)result; /* told by the backend; the host is not asked any more */
	n->shutting_down = false;
	n->inwork--;
	n->csts = (n->csts & ~CSTS_SHST) | SHST_DONE;
	if (n->resetting && n->inwork == 0)
		nvme_finish_reset(n);
}

/* The host is about to switch off: what was written goes to stable storage (7.6.2). */
static void
shut_down(struct nvme *n)
{
	if (n->shutting_down || (n->csts & CSTS_SHST) == SHST_DONE)
		return;
	n->shutdown = (struct block_req){ .op = BLOCK_FLUSH, .done = shutdown_done, .arg = n };
	if (n->backend->ops->submit(n->backend, &n->shutdown) != 0) {
		n->csts = (n->csts & ~CSTS_SHST) | SHST_DONE;
		return;
	}
	n->shutting_down = true;
	n->inwork++;
	n->csts = (n->csts & ~CSTS_SHST) | SHST_BUSY;
}

/* 7.3.2: all but the admin queues' registers is as at the beginning. */
void
nvme_finish_reset(struct nvme *n)
{
	assert(n->inwork == 0);
	memset(n->sq, 0, sizeof(n->sq));
	memset(n->cq, 0, sizeof(n->cq));
	nvme_features_reset(n);
	n->stalled = n->dirty = 0;
	n->naers = 0;
	n->events = n->events_masked = 0;
	n->ns_changed = false;
	n->intx_mask = 0;
	n->csts = 0;
	n->resetting = false;
	nvme_update_intx(n);
	/* The host may have gone on without waiting. */
	if ((n->cc & CC_EN) != 0)
		enable(n);
	if (CC_SHN(n->cc) != 0)
		shut_down(n);
}

static void
reset(struct nvme *n)
{
	if (n->resetting)
		return;
	n->resetting = true;
	if (n->inwork == 0)
		nvme_finish_reset(n);
}

static void
write_cc(struct nvme *n, uint32_t val)
{
	uint32_t old = n->cc;

	n->cc = val & CC_WRITABLE;
	if (n->resetting)
		return; /* finish_reset sees to it */
	if ((old & CC_EN) != 0 && (val & CC_EN) == 0) {
		reset(n);
		return;
	}
	if ((old & CC_EN) == 0 && (val & CC_EN) != 0)
		enable(n);
	if (CC_SHN(val) != 0 && CC_SHN(old) == 0)
		shut_down(n);
}

/* --- registers --- */

static void
set_half(uint64_t *v, bool high, uint32_t val)
{
	*v = high ? (*v & 0xffffffffull) | (uint64_t)val << 32 : (*v & ~0xffffffffull) | val;
}

static void
write_register(struct nvme *n, uint64_t off, uint32_t val)
{
	bool enabled = (n->cc & CC_EN) != 0;

	switch (off) {
	case R_INTMS:
		n->intx_mask |= val;
		break;
	case R_INTMC:
		n->intx_mask &= ~val;
		break;
	case R_CC:
		write_cc(n, val);
		break;
	case R_AQA:
		if (!enabled)
			n->aqa = val & AQA_SIZES;
		break;
	case R_ASQ:
	case R_ASQ + 4:
		if (!enabled)
			set_half(&n->asq, off != R_ASQ, val);
		break;
	case R_ACQ:
	case R_ACQ + 4:
		if (!enabled)
			set_half(&n->acq, off != R_ACQ, val);
		break;
	}
	nvme_settle(n);
}

static uint64_t
capabilities(const struct nvme *n)
{
	return ((n->opt.entries - 1) | CAP_CQR | CAP_TO | CAP_CSS_NVM);
}

static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	const struct nvme *n = of_pci(d);
	uint8_t regs[R_LEN] = { 0 };
	uint64_t val = 0;

	if (bar != NVME_BAR || !range_ok(off, size, R_LEN))
		return (0); /* doorbells read as anything (3.1.24) */
	le64_put(regs + R_CAP, capabilities(n));
	le32_put(regs + R_VS, VERSION);
	le32_put(regs + R_INTMS, n->intx_mask);
	le32_put(regs + R_INTMC, n->intx_mask);
	le32_put(regs + R_CC, n->cc);
	le32_put(regs + R_CSTS, n->csts);
	le32_put(regs + R_AQA, n->aqa);
	le64_put(regs + R_ASQ, n->asq);
	le64_put(regs + R_ACQ, n->acq);
	memcpy(&val, regs + off, size);
	return (val);
}

/* Registers take aligned accesses of their own width or of 32 bits (3.1); others do nothing. */
static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct nvme *n = of_pci(d);

	if (bar != NVME_BAR || (size != 4 && size != 8) || off % size != 0)
		return;
	if (off >= DOORBELLS) {
		if (size == 4)
			nvme_doorbell(n, off - DOORBELLS, (uint32_t)val);
		return;
	}
	write_register(n, off, (uint32_t)val);
	if (size == 8)
		write_register(n, off + 4, (uint32_t)(val >> 32));
}

void
nvme_resume(struct nvme *n)
{
	for (unsigned i = 0; i <= n->opt.queues; i++)
		nvme_run_queue(n, i);
	nvme_settle(n);
}

/* Doorbells may have come while the function could not master the bus. */
static void
cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	if (off <= PCIR_COMMAND && off + size > PCIR_COMMAND && pci_bus_master(d))
		nvme_resume(of_pci(d));
}

static void
pci_was_reset(struct pci_dev *d)
{
	struct nvme *n = of_pci(d);

	n->cc = n->aqa = 0;
	n->asq = n->acq = 0;
	reset(n);
}

static const struct pci_dev_ops pci_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.cfg_written = cfg_written,
	.reset = pci_was_reset,
};

/* --- life --- */

void
nvme_resized(struct nvme *n)
{
	n->ns_changed = true;
	nvme_event(n, NVME_EVENT_NAMESPACE);
	nvme_settle(n);
}

static int
make_function(struct nvme *n)
{
	unsigned vectors = n->opt.queues + 1, table = ROUND_UP(vectors * 16, 4096u);
	int rc;

	pci_dev_init(&n->pci, "nvme", &pci_ops, n, VENDOR, DEVICE, CLASS, 0);
	pci_set_subsystem(&n->pci, VENDOR, DEVICE);
	if ((rc = pci_add_bar(&n->pci, NVME_BAR, PCI_BAR_MEM64, BAR_SIZE)) != 0 ||
	    (rc = pci_add_bar(&n->pci, NVME_BAR_MSIX, PCI_BAR_MEM64, 2 * table)) != 0)
		return (rc);
	return (pci_add_msix(&n->pci, vectors, NVME_BAR_MSIX, 0, table));
}

int
nvme_init(struct nvme *n, const struct gmem *gm, struct block_backend *backend,
    const struct nvme_options *opt)
{
	/* One of the backend's places is kept for the flush of a shutdown. */
	unsigned depth = backend->info.queue_depth;
	int rc;

	memset(n, 0, sizeof(*n));
	n->gm = gm;
	n->opt = *opt;
	if (opt->queues == 0 || opt->queues > NVME_IO_QUEUES_MAX || opt->entries < 2 ||
	    opt->entries > NVME_ENTRIES_MAX || depth < 2)
		return (-EINVAL);
	n->nreqs = depth - 1;
	if (opt->slots != 0)
		n->nreqs = MIN(n->nreqs, opt->slots);
	memcpy(n->serial, opt->serial, strnlen(opt->serial, NVME_SERIAL_LEN));
	n->opt.serial = n->serial;
	nvme_features_reset(n);
	if ((rc = make_function(n)) != 0)
		return (rc);
	n->reqs = calloc(n->nreqs, sizeof(*n->reqs));
	n->ranges = calloc(n->nreqs, NVME_PAGE);
	if (n->reqs == NULL || n->ranges == NULL) {
		nvme_destroy(n);
		return (-ENOMEM);
	}
	n->backend = backend;
	backend->batch_done = nvme_batch_done;
	backend->dev = n;
	return (0);
}

void
nvme_destroy(struct nvme *n)
{
	assert(n->inwork == 0);
	if (n->backend != NULL)
		n->backend->batch_done = NULL;
	free(n->reqs);
	free(n->ranges);
	n->reqs = NULL;
	n->ranges = NULL;
	pci_dev_fini(&n->pci);
}
