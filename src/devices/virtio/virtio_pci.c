/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport of virtio: see virtio_pci.h; registers by virtio 1.2, 4.1.4. Reads and writes
 * of odd sizes or places read as zero and are ignored. Runs in zhyve.
 */
#include "devices/virtio/virtio_pci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_BASE   0x1040 /* 4.1.2: of devices that are not transitional */

#define OFF_COMMON    0x0000u
#define OFF_ISR       0x1000u
#define OFF_DEVICE    0x2000u
#define OFF_NOTIFY    0x3000u
#define OFF_MSIX      0x4000u
#define OFF_PBA       0x6000u
#define REGION_SIZE   0x1000u
#define NOTIFY_MULT   4u

/* struct virtio_pci_common_cfg, 4.1.4.3 */
#define C_DFSELECT      0x00
#define C_DF            0x04
#define C_GFSELECT      0x08
#define C_GF            0x0c
#define C_CONFIG_VECTOR 0x10
#define C_NUM_QUEUES    0x12
#define C_STATUS        0x14
#define C_GENERATION    0x15
#define C_Q_SELECT      0x16
#define C_Q_SIZE        0x18
#define C_Q_VECTOR      0x1a
#define C_Q_ENABLE      0x1c
#define C_Q_NOTIFY_OFF  0x1e
#define C_Q_DESC        0x20
#define C_Q_DRIVER      0x28
#define C_Q_DEVICE      0x30
#define C_Q_NOTIFY_DATA 0x38
#define C_Q_RESET       0x3a
#define C_LEN           0x3c

/* Capability types, 4.1.4 */
#define CAP_COMMON  1
#define CAP_NOTIFY  2
#define CAP_ISR     3
#define CAP_DEVICE  4
#define CAP_PCI_CFG 5

/* Offsets in the capability with the configuration window (4.1.4.9), from its start */
#define W_BAR          4
#define W_OFFSET       8
#define W_LENGTH       12
#define W_DATA         16
#define W_LEN          20

#define ISR_QUEUE      1
#define ISR_CONFIG     2

#define PCI_CAP_VENDOR 9
#define PCI_COMMAND    4

static struct virtio_pci *
of_pci(struct pci_dev *d)
{
	return (d->softc);
}

static struct virtq *
selected(const struct virtio_pci *vp)
{
	return (vp->queue_sel < vp->vd->nqueues ? &vp->vd->queue[vp->queue_sel] : NULL);
}

static void
irq_moved(struct virtio_pci *vp, unsigned queue)
{
	if (vp->hooks != NULL && vp->hooks->irq_moved != NULL)
		vp->hooks->irq_moved(vp->hooks_ctx, vp, queue);
}

/* Send an interrupt to a vector, or by the line when MSI-X is off (4.1.4.5). */
static void
interrupt(struct virtio_pci *vp, uint16_t vector, uint8_t isr)
{
	if (pci_msix_enabled(&vp->pci)) {
		if (vector != VIRTIO_MSI_NO_VECTOR)
			(void)pci_msix_notify(&vp->pci, vector);
		return;
	}
	vp->isr |= isr;
	/* One message for all, as in bhyve: the driver looks at the ISR status. */
	if (!pci_msi_notify(&vp->pci))
		pci_intx_set(&vp->pci, true);
}

void
virtio_pci_interrupt(struct virtio_pci *vp, unsigned queue)
{
	assert(queue < vp->vd->nqueues);
	interrupt(vp, vp->queue_vector[queue], ISR_QUEUE);
}

static void
t_queue_interrupt(struct virtio_dev *vd, unsigned queue)
{
	virtio_pci_interrupt(vd->transport_arg, queue);
}

static void
t_config_interrupt(struct virtio_dev *vd)
{
	struct virtio_pci *vp = vd->transport_arg;

	interrupt(vp, vp->config_vector, ISR_CONFIG);
}

static void
t_was_reset(struct virtio_dev *vd)
{
	struct virtio_pci *vp = vd->transport_arg;

	vp->dfeature_sel = vp->gfeature_sel = 0;
	vp->queue_sel = 0;
	vp->isr = 0;
	pci_intx_set(&vp->pci, false);
	vp->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned i = 0; i < vd->nqueues; i++) {
		vp->queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
		irq_moved(vp, i);
	}
}

static bool
t_again(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_pci *vp = vd->transport_arg;

	if (vp->hooks == NULL || vp->hooks->again == NULL)
		return (false);
	vp->hooks->again(vp->hooks_ctx, vp, queue);
	return (true);
}

static int
t_lend(struct virtio_dev *vd, unsigned queue, bool on, int *kick_fd, int *call_fd)
{
	struct virtio_pci *vp = vd->transport_arg;

	if (vp->hooks == NULL || vp->hooks->lend == NULL)
		return (-ENOTSUP);
	return (vp->hooks->lend(vp->hooks_ctx, vp, queue, on, kick_fd, call_fd));
}

static const struct virtio_transport_ops transport_ops = {
	.lend = t_lend,
	.again = t_again,
	.queue_interrupt = t_queue_interrupt,
	.config_interrupt = t_config_interrupt,
	.was_reset = t_was_reset,
};

static uint32_t
half(uint64_t v, uint32_t sel)
{
	return (sel > 1 ? 0 : (uint32_t)(v >> (sel * 32)));
}

/* Registers of the selected queue. */
static uint64_t
queue_read(const struct virtio_pci *vp, uint64_t off)
{
	const struct virtq *q = selected(vp);

	if (q == NULL)
		return (off == C_Q_VECTOR ? VIRTIO_MSI_NO_VECTOR : 0);
	switch (off) {
	case C_Q_SIZE:
		return (q->size);
	case C_Q_VECTOR:
		return (vp->queue_vector[vp->queue_sel]);
	case C_Q_ENABLE:
		return (q->enabled);
	case C_Q_NOTIFY_OFF:
	case C_Q_NOTIFY_DATA:
		return (vp->queue_sel);
	case C_Q_DESC:
		return (q->desc);
	case C_Q_DESC + 4:
		return (q->desc >> 32);
	case C_Q_DRIVER:
		return (q->avail);
	case C_Q_DRIVER + 4:
		return (q->avail >> 32);
	case C_Q_DEVICE:
		return (q->used);
	case C_Q_DEVICE + 4:
		return (q->used >> 32);
	}
	return (0);
}

static uint64_t
common_read(const struct virtio_pci *vp, uint64_t off)
{
	const struct virtio_dev *vd = vp->vd;

	switch (off) {
	case C_DFSELECT:
		return (vp->dfeature_sel);
	case C_DF:
		return (half(vd->offered, vp->dfeature_sel));
	case C_GFSELECT:
		return (vp->gfeature_sel);
	case C_GF:
		return (half(vd->proposed, vp->gfeature_sel));
	case C_CONFIG_VECTOR:
		return (vp->config_vector);
	case C_NUM_QUEUES:
		return (vd->nqueues);
	case C_STATUS:
		return (vd->status);
	case C_GENERATION:
		return (vd->config_gen);
	case C_Q_SELECT:
		return (vp->queue_sel);
	}
	return (queue_read(vp, off));
}

/* A vector that does not exist reads back as none (4.1.5.1.2.1). */
static uint16_t
vector_checked(const struct virtio_pci *vp, uint64_t val)
{
	return (val < vp->pci.msix.nvec ? (uint16_t)val : VIRTIO_MSI_NO_VECTOR);
}

static void
set_half(uint64_t *v, bool high, uint64_t val)
{
	uint64_t part = val & 0xffffffffull;

	*v = high ? ((*v & 0xffffffffull) | part << 32) : ((*v & ~0xffffffffull) | part);
}

/* Addresses are written as halves, or whole where the driver can (4.1.3.1). */
static void
set_address(uint64_t *v, uint64_t base, uint64_t off, unsigned size, uint64_t val)
{
	if (size == 8)
		*v = val;
	else if (size == 4)
		set_half(v, off != base, val);
}

static void
queue_write(struct virtio_pci *vp, uint64_t off, unsigned size, uint64_t val)
{
	struct virtq *q = selected(vp);

	if (q == NULL)
		return;
	if (off == C_Q_VECTOR) {
		vp->queue_vector[vp->queue_sel] = vector_checked(vp, val);
		irq_moved(vp, vp->queue_sel);
		return;
	}
	if (off == C_Q_RESET) { /* done when it is written, so that it reads as 0 (4.1.4.3) */
		if (val == 1)
			virtio_queue_reset(vp->vd, vp->queue_sel);
		return;
	}
	/* All else is fixed once the queue is enabled or the device runs. */
	if (!virtio_queue_open(vp->vd, vp->queue_sel))
		return;
	switch (off) {
	case C_Q_SIZE:
		q->size = (uint16_t)val; /* judged when the queue is enabled */
		break;
	case C_Q_ENABLE:
		if (val == 1)
			virtio_queue_enable(vp->vd, vp->queue_sel);
		break;
	case C_Q_DESC:
	case C_Q_DESC + 4:
		set_address(&q->desc, C_Q_DESC, off, size, val);
		break;
	case C_Q_DRIVER:
	case C_Q_DRIVER + 4:
		set_address(&q->avail, C_Q_DRIVER, off, size, val);
		break;
	case C_Q_DEVICE:
	case C_Q_DEVICE + 4:
		set_address(&q->used, C_Q_DEVICE, off, size, val);
		break;
	}
}

static void
common_write(struct virtio_pci *vp, uint64_t off, unsigned size, uint64_t val)
{
	switch (off) {
	case C_DFSELECT:
		vp->dfeature_sel = (uint32_t)val;
		break;
	case C_GFSELECT:
		vp->gfeature_sel = (uint32_t)val;
		break;
	case C_GF:
		virtio_propose(vp->vd, vp->gfeature_sel, (uint32_t)val);
		break;
	case C_CONFIG_VECTOR:
		vp->config_vector = vector_checked(vp, val);
		break;
	case C_STATUS:
		virtio_set_status(vp->vd, (uint8_t)val);
		break;
	case C_Q_SELECT:
		vp->queue_sel = (uint16_t)val;
		break;
	default:
		queue_write(vp, off, size, val);
	}
}

/* Each register wants its own width; 64-bit ones may be taken in halves (4.1.3.1). */
static bool
common_width_ok(uint64_t off, unsigned size)
{
	switch (off) {
	case C_DFSELECT:
	case C_DF:
	case C_GFSELECT:
	case C_GF:
		return (size == 4);
	case C_STATUS:
	case C_GENERATION:
		return (size == 1);
	case C_Q_DESC:
	case C_Q_DRIVER:
	case C_Q_DEVICE:
		return (size == 4 || size == 8);
	case C_Q_DESC + 4:
	case C_Q_DRIVER + 4:
	case C_Q_DEVICE + 4:
		return (size == 4);
	default:
		return ((off < C_Q_DESC || off == C_Q_NOTIFY_DATA || off == C_Q_RESET) &&
		    off % 2 == 0 && size == 2);
	}
}

/*
 * Reading has no effect, so a driver that takes less than a register is given that: iPXE reads
 * features 16 bits at a time, the lower ones of each word, and finds what it looks for there.
 */
static bool
common_readable(uint64_t off, unsigned size)
{
	return (common_width_ok(off, size) ||
	    (size == 2 && (off == C_DFSELECT || off == C_DF || off == C_GFSELECT || off == C_GF)));
}

static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct virtio_pci *vp = of_pci(d);
	uint64_t in = off % REGION_SIZE, val = 0;

	switch (off - in) {
	case OFF_COMMON:
		return (common_readable(in, size) ? common_read(vp, in) : 0);
	case OFF_ISR:
		if (in != 0)
			return (0);
		val = vp->isr; /* reading acknowledges, 4.1.4.5 */
		vp->isr = 0;
		pci_intx_set(d, false);
		return (val);
	case OFF_DEVICE:
		if (range_ok(in, size, vp->vd->config_len))
			memcpy(&val, vp->vd->config + in, size);
		return (val);
	}
	return (0);
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct virtio_pci *vp = of_pci(d);
	uint64_t in = off % REGION_SIZE;

	switch (off - in) {
	case OFF_COMMON:
		if (common_width_ok(in, size))
			common_write(vp, in, size, val);
		break;
	case OFF_DEVICE:
		/* What is written while a reset waits would outlive it: the reset asks for it back. */
		if (range_ok(in, size, vp->vd->config_len) && !vp->vd->resetting &&
		    vp->vd->ops->config_write != NULL)
			vp->vd->ops->config_write(vp->vd, (uint32_t)in, &val, size);
		break;
	case OFF_NOTIFY:
		if (in % NOTIFY_MULT == 0)
			virtio_pci_notify_queue(vp, (unsigned)(in / NOTIFY_MULT));
		break;
	}
}

void
virtio_pci_notify_queue(struct virtio_pci *vp, unsigned queue)
{
	/* A function that may not master the bus does not read rings; see cfg_written. */
	if (pci_bus_master(&vp->pci))
		virtio_notify(vp->vd, queue);
}

uint64_t
virtio_pci_doorbell(const struct virtio_pci *vp, unsigned queue)
{
	assert(queue < vp->vd->nqueues);
	return (vp->gpa == 0 ? 0 : vp->gpa + OFF_NOTIFY + queue * NOTIFY_MULT);
}

bool
virtio_pci_queue_msi(const struct virtio_pci *vp, unsigned queue, uint64_t *addr, uint32_t *data)
{
	uint16_t vec = vp->queue_vector[queue];

	if (!pci_msix_deliverable(&vp->pci, vec))
		return (false);
	*addr = vp->pci.msix.table[vec].addr;
	*data = vp->pci.msix.table[vec].data;
	return (true);
}

/*
 * The window into the BAR for whoever cannot map it (4.1.4.9): does it name a place that is
 * there?
 */
static bool
window_at(const struct virtio_pci *vp, uint64_t *off, unsigned *size)
{
	const uint8_t *w = vp->pci.cfg + vp->window_cap;
	uint32_t len = le32_get(w + W_LENGTH);

	*off = le32_get(w + W_OFFSET);
	*size = len;
	return (w[W_BAR] == VIRTIO_PCI_BAR && (len == 1 || len == 2 || len == 4) &&
	    *off % len == 0 && range_ok(*off, len, OFF_MSIX));
}

static bool
cfg_read(struct pci_dev *d, unsigned off, unsigned size, uint32_t *val)
{
	struct virtio_pci *vp = of_pci(d);
	uint64_t at;
	unsigned len;

	if (vp->window_cap == 0 || off != vp->window_cap + W_DATA)
		return (false);
	if (!window_at(vp, &at, &len) || size < len)
		return (false);
	*val = (uint32_t)bar_read(d, VIRTIO_PCI_BAR, at, len);
	return (true);
}

static void
cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	struct virtio_pci *vp = of_pci(d);
	uint64_t at;
	unsigned len;
	uint32_t val;

	if (off <= PCI_COMMAND && off + size > PCI_COMMAND && pci_bus_master(d)) {
		/*
		 * Kicks may have come, and gone unheard, while the function could not master the
		 * bus.
		 */
		for (unsigned i = 0; i < vp->vd->nqueues; i++)
			virtio_notify(vp->vd, i);
	}
	if (vp->window_cap == 0 || off != vp->window_cap + W_DATA)
		return;
	if (!window_at(vp, &at, &len) || size < len)
		return;
	val = le32_get(d->cfg + off);
	if (len < 4)
		val &= (1u << (len * 8)) - 1;
	bar_write(d, VIRTIO_PCI_BAR, at, len, val);
}

static void
bar_moved(struct pci_dev *d, unsigned bar, uint64_t gpa)
{
	struct virtio_pci *vp = of_pci(d);

	if (bar != VIRTIO_PCI_BAR)
		return;
	vp->gpa = gpa;
	if (vp->hooks != NULL && vp->hooks->bar_moved != NULL)
		vp->hooks->bar_moved(vp->hooks_ctx, vp, gpa);
}

static void
msix_changed(struct pci_dev *d, unsigned vector)
{
	struct virtio_pci *vp = of_pci(d);

	for (unsigned i = 0; i < vp->vd->nqueues; i++)
		if (vp->queue_vector[i] == vector)
			irq_moved(vp, i);
}

static void
pci_was_reset(struct pci_dev *d)
{
	virtio_reset(of_pci(d)->vd);
}

static const struct pci_dev_ops pci_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.cfg_read = cfg_read,
	.cfg_written = cfg_written,
	.bar_moved = bar_moved,
	.msix_changed = msix_changed,
	.reset = pci_was_reset,
};

/*
 * struct virtio_pci_cap, 4.1.4, without the two bytes that every capability begins with; `extra`
 * is the word after it.
 */
static int
add_cap(
    struct virtio_pci *vp, uint8_t type, uint32_t off, uint32_t len, uint8_t total, uint32_t extra)
{
	uint8_t body[W_LEN - 2] = { 0 };

	body[0] = total;
	body[1] = type;
	body[2] = VIRTIO_PCI_BAR;
	le32_put(body + W_OFFSET - 2, off);
	le32_put(body + W_LENGTH - 2, len);
	le32_put(body + W_DATA - 2, extra);
	return (pci_add_cap(&vp->pci, PCI_CAP_VENDOR, body, total));
}

static int
add_caps(struct virtio_pci *vp)
{
	uint32_t notify_len = vp->vd->nqueues * NOTIFY_MULT;
	int rc;

	if ((rc = add_cap(vp, CAP_COMMON, OFF_COMMON, C_LEN, 16, 0)) < 0 ||
	    (rc = add_cap(vp, CAP_NOTIFY, OFF_NOTIFY, notify_len, 20, NOTIFY_MULT)) < 0 ||
	    (rc = add_cap(vp, CAP_ISR, OFF_ISR, 1, 16, 0)) < 0)
		return (rc);
	if (vp->vd->config_len != 0 &&
	    (rc = add_cap(vp, CAP_DEVICE, OFF_DEVICE, vp->vd->config_len, 16, 0)) < 0)
		return (rc);
	if ((rc = add_cap(vp, CAP_PCI_CFG, 0, 0, W_LEN, 0)) < 0)
		return (rc);
	vp->window_cap = (unsigned)rc;
	vp->pci.wmask[vp->window_cap + W_BAR] = 0xff;
	memset(vp->pci.wmask + vp->window_cap + W_OFFSET, 0xff, W_LEN - W_OFFSET);
	return (0);
}

static int
add_messages(struct virtio_pci *vp)
{
	if (vp->vd->no_msix)
		return (pci_add_msi(&vp->pci));
	return (pci_add_msix(&vp->pci, vp->vd->nqueues + 1, VIRTIO_PCI_BAR, OFF_MSIX, OFF_PBA));
}

int
virtio_pci_init(struct virtio_pci *vp, struct virtio_dev *vd)
{
	int rc;

	*vp = (struct virtio_pci){ .vd = vd };
	pci_dev_init(&vp->pci, vd->ops->name, &pci_ops, vp, VENDOR_VIRTIO,
	    (uint16_t)(DEVICE_BASE + vd->ops->type), vd->ops->pci_class, 1);
	pci_set_subsystem(&vp->pci, VENDOR_VIRTIO, (uint16_t)(DEVICE_BASE + vd->ops->type));
	vd->transport = &transport_ops;
	vd->transport_arg = vp;
	if ((rc = pci_add_bar(&vp->pci, VIRTIO_PCI_BAR, PCI_BAR_MEM64, VIRTIO_PCI_BAR_SIZE)) < 0 ||
	    (rc = add_messages(vp)) < 0 || (rc = add_caps(vp)) < 0)
		return (rc);
	vp->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		vp->queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
	return (0);
}

void
virtio_pci_destroy(struct virtio_pci *vp)
{
	pci_dev_fini(&vp->pci);
	vp->vd->transport = NULL;
}
