/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xHCI controller's registers: see xhci.h. Capabilities (5.3, 7), operational (5.4) and runtime
 * registers (5.5), doorbells (5.6). Pure; runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/xhci_internal.h"

#define VENDOR    0x8086
#define DEVICE    0x1e31
#define CLASS     0x0c0330 /* serial bus, USB, xHCI */
#define CFG_SBRN  0x60     /* serial bus release number ... */
#define SBRN      0x30     /* ... 3.0 */
#define CFG_FLADJ 0x61

/* The layout of BAR 0. */
#define OPER       0x20u
#define PORTS_AT   (OPER + 0x400u)
#define XECP       0x500u
#define RUNTIME    0x600u
#define INTR       (RUNTIME + 0x20u)
#define DOORBELL   0x800u
#define MSIX_TABLE 0x1000u
#define MSIX_PBA   0x1800u

#define HCSPARAMS1 (XHCI_SLOTS | 1u << 8 | XHCI_PORTS << 24)
#define HCSPARAMS2 (ERST_MAX << 4)
#define HCCPARAMS1 ((XECP / 4) << 16 | 1u) /* 64-bit addresses, contexts of 32 bytes */

/* Operational registers, from OPER. */
#define USBCMD      0x00
#define USBSTS      0x04
#define PAGESIZE    0x08
#define DNCTRL      0x14
#define CRCR        0x18
#define DCBAAP      0x30
#define CONFIG      0x38
#define USBCMD_KEPT (USBCMD_RUN | USBCMD_INTE | 0x8u | 0x400u)
#define USBSTS_W1C  (USBSTS_HSE | USBSTS_EINT | USBSTS_PCD | USBSTS_SRE)
#define CRCR_RCS    0x1u
#define CRCR_CS     0x2u
#define CRCR_CA     0x4u
#define CRCR_CRR    0x8u

/* Of the interrupter, from INTR. */
#define IMAN          0x00
#define IMOD          0x04
#define ERSTSZ        0x08
#define ERSTBA        0x10
#define ERDP          0x18

#define MICROFRAME_NS 125000u
#define AGAIN_NS      1000000u

void
xhci_system_error(struct xhci *x)
{
	x->usbsts |= USBSTS_HSE | USBSTS_HALTED;
	x->usbcmd &= ~USBCMD_RUN;
	x->command_running = false;
}

/* --- work --- */

static void
do_pending(struct xhci *x)
{
	if (x->pending[0] != 0 && xhci_commands(x))
		x->pending[0] = 0;
	for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
		struct xhci_slot *s = xhci_slot_of(x, i);

		if (s == NULL)
			x->pending[i] = 0;
		for (unsigned dci = 1; x->pending[i] >> dci != 0; dci++) {
			if ((x->pending[i] >> dci & 1) != 0 && xhci_transfers(x, s, dci))
				x->pending[i] &= ~(1u << dci);
			if (dci == XHCI_ENDPOINTS)
				break;
		}
	}
}

void
xhci_work(struct xhci *x)
{
	bool more = false;

	if (xhci_running(x))
		do_pending(x);
	xhci_event_flush(x);
	for (unsigned i = 0; i <= XHCI_SLOTS; i++)
		more |= x->pending[i] != 0;
	/* Cut off by a budget: later. For want of room: when the guest makes some (ERDP). */
	if (more && xhci_running(x) && xhci_event_room(x))
		dev_timer_arm(x->timer, x->clock.now_ns(x->clock.ctx) + AGAIN_NS);
}

static void
timer_fired(void *dev)
{
	xhci_work(dev);
}

static void
doorbell(struct xhci *x, unsigned id, uint32_t val)
{
	struct xhci_slot *s;
	struct xhci_ep *ep;
	unsigned dci = val & 0xff;

	if (!xhci_running(x))
		return;
	if (id == 0) {
		if (dci != 0)
			return;
		x->command_running = true;
		x->pending[0] = 1;
		return;
	}
	if ((s = xhci_slot_of(x, id)) == NULL || (ep = xhci_ep_of(s, dci)) == NULL)
		return;
	if (ep->state == EP_STOPPED) /* 4.8.3 */
		xhci_ep_set_state(x, s, dci, EP_RUNNING);
	x->pending[id] |= 1u << dci;
}

/* --- operational registers --- */

static void
controller_reset(struct xhci *x)
{
	x->usbcmd = 0;
	x->usbsts = USBSTS_HALTED;
	x->dnctrl = x->config = 0;
	x->crcr = x->dcbaap = 0;
	x->command_running = false;
	x->command = (struct xhci_ring){ 0 };
	x->iman = 0;
	x->imod = 4000;
	x->erstsz = 0;
	x->erstba = x->erdp = 0;
	x->segments = x->segment = 0;
	x->enqueue = 0;
	x->event_first = x->event_count = 0;
	for (unsigned i = 0; i <= XHCI_SLOTS; i++) {
		xhci_slot_disable(&x->slot[i]);
		x->pending[i] = 0;
	}
	xhci_ports_reset(x);
	dev_timer_arm(x->timer, 0);
}

static void
write_usbcmd(struct xhci *x, uint32_t val)
{
	bool was = (x->usbcmd & USBCMD_RUN) != 0, is = (val & USBCMD_RUN) != 0;

	if ((val & USBCMD_RESET) != 0) {
		controller_reset(x);
		return;
	}
	if ((x->usbsts & USBSTS_HSE) != 0)
		is = false;
	x->usbcmd = (val & USBCMD_KEPT & ~USBCMD_RUN) | (is ? USBCMD_RUN : 0);
	if ((val & USBCMD_RESTORE) != 0)
		x->usbsts |= USBSTS_SRE; /* nothing was saved: the driver begins anew (4.23.2) */
	if (is && !was) {
		x->usbsts &= ~USBSTS_HALTED;
		xhci_ports_tell(x);
	} else if (!is && was) {
		x->usbsts |= USBSTS_HALTED;
		x->command_running = false;
	}
}

/* 5.4.5: the pointer can be set while the ring stands still only. */
static void
write_crcr(struct xhci *x, unsigned half, uint32_t val)
{
	if (half != 0) {
		if (!x->command_running) {
			x->crcr = (x->crcr & 0xffffffffu) | (uint64_t)val << 32;
			x->command.deq = x->crcr & ~0x3full;
		}
		return;
	}
	if (x->command_running) {
		if ((val & (CRCR_CS | CRCR_CA)) == 0)
			return;
		x->command_running = false;
		xhci_event(x, x->command.deq, (uint32_t)CC_RING_STOPPED << 24,
		    TRB_TYPE_IS(TRB_COMMAND_EVENT));
		return;
	}
	x->crcr = (x->crcr & ~0xffffffffull) | (val & ~0x3fu);
	x->command = (struct xhci_ring){ x->crcr, (val & CRCR_RCS) != 0 };
}

static uint32_t
oper_read(const struct xhci *x, unsigned reg)
{
	switch (reg) {
	case USBCMD:
		return (x->usbcmd);
	case USBSTS:
		return (x->usbsts);
	case PAGESIZE:
		return (1); /* 4 KiB */
	case DNCTRL:
		return (x->dnctrl);
	case CRCR:
		return (x->command_running ? CRCR_CRR : 0); /* the rest reads as zero */
	case DCBAAP:
		return ((uint32_t)x->dcbaap);
	case DCBAAP + 4:
		return ((uint32_t)(x->dcbaap >> 32));
	case CONFIG:
		return (x->config);
	default:
		return (0);
	}
}

static void
half_put(uint64_t *v, unsigned half, uint32_t val)
{
	*v = half != 0 ? (*v & 0xffffffffu) | (uint64_t)val << 32 : (*v & ~0xffffffffull) | val;
}

static void
oper_write(struct xhci *x, unsigned reg, uint32_t val)
{
	switch (reg) {
	case USBCMD:
		write_usbcmd(x, val);
		break;
	case USBSTS:
		x->usbsts &= ~(val & USBSTS_W1C);
		break;
	case DNCTRL:
		x->dnctrl = val & 0xffff;
		break;
	case CRCR:
	case CRCR + 4:
		write_crcr(x, reg - CRCR, val);
		break;
	case DCBAAP:
	case DCBAAP + 4:
		half_put(&x->dcbaap, reg - DCBAAP, reg == DCBAAP ? val & ~0x3fu : val);
		break;
	case CONFIG:
		x->config = val & 0xff;
		break;
	}
}

/* --- runtime registers --- */

static uint32_t
runtime_read(const struct xhci *x, unsigned reg)
{
	switch (reg) {
	case 0: /* MFINDEX */
		return ((uint32_t)(x->clock.now_ns(x->clock.ctx) / MICROFRAME_NS) & 0x3fff);
	case INTR - RUNTIME + IMAN:
		return (x->iman);
	case INTR - RUNTIME + IMOD:
		return (x->imod);
	case INTR - RUNTIME + ERSTSZ:
		return (x->erstsz);
	case INTR - RUNTIME + ERSTBA:
		return ((uint32_t)x->erstba);
	case INTR - RUNTIME + ERSTBA + 4:
		return ((uint32_t)(x->erstba >> 32));
	case INTR - RUNTIME + ERDP:
		return ((uint32_t)x->erdp);
	case INTR - RUNTIME + ERDP + 4:
		return ((uint32_t)(x->erdp >> 32));
	default:
		return (0);
	}
}

static void
runtime_write(struct xhci *x, unsigned reg, uint32_t val)
{
	switch (reg) {
	case INTR - RUNTIME + IMAN:
		x->iman = (x->iman & ~(val & 1u) & 1u) | (val & 2u);
		break;
	case INTR - RUNTIME + IMOD:
		x->imod = val;
		break;
	case INTR - RUNTIME + ERSTSZ:
		x->erstsz = MIN(val & 0xffff, 1u << ERST_MAX);
		break;
	case INTR - RUNTIME + ERSTBA:
		half_put(&x->erstba, 0, val & ~0x3fu);
		break;
	case INTR - RUNTIME + ERSTBA + 4: /* drivers write the lower half first */
		half_put(&x->erstba, 1, val);
		xhci_event_ring_reset(x);
		break;
	case INTR - RUNTIME + ERDP: /* the busy bit is cleared by writing it */
		val = (val & ~8u) | ((uint32_t)x->erdp & ~val & 8u);
		half_put(&x->erdp, 0, val);
		break;
	case INTR - RUNTIME + ERDP + 4:
		half_put(&x->erdp, 1, val);
		break;
	}
}

/* --- capabilities --- */

static uint32_t
cap_read(unsigned reg)
{
	/* 7.2: which ports speak which protocol. */
	static const uint32_t extended[] = { 2 | 4 << 8 | 0x02000000, 0x20425355,
		1 | XHCI_USB2 << 8, 0, 2 | 0 << 8 | 0x03000000, 0x20425355,
		(XHCI_USB2 + 1) | (XHCI_PORTS - XHCI_USB2) << 8, 0 };
	static const uint32_t caps[] = { OPER | 0x0110u << 16, HCSPARAMS1, HCSPARAMS2, 0,
		HCCPARAMS1, DOORBELL, RUNTIME, 0 };

	if (reg < OPER)
		return (caps[reg / 4]);
	if (reg >= XECP && reg < XECP + sizeof(extended))
		return (extended[(reg - XECP) / 4]);
	return (0);
}

/* --- BAR 0 --- */

static bool
port_of(unsigned reg, unsigned *port)
{
	*port = (reg - PORTS_AT) / 16 + 1;
	return (reg >= PORTS_AT && *port <= XHCI_PORTS);
}

static uint32_t
reg_read(const struct xhci *x, unsigned reg)
{
	unsigned port;

	if (port_of(reg, &port))
		return (xhci_port_read(x, port, (reg - PORTS_AT) % 16));
	if (reg >= OPER && reg < PORTS_AT)
		return (oper_read(x, reg - OPER));
	if (reg >= RUNTIME && reg < DOORBELL)
		return (runtime_read(x, reg - RUNTIME));
	return (cap_read(reg));
}

static void
reg_write(struct xhci *x, unsigned reg, uint32_t val)
{
	unsigned port;

	if (port_of(reg, &port))
		xhci_port_write(x, port, (reg - PORTS_AT) % 16, val);
	else if (reg >= OPER && reg < PORTS_AT)
		oper_write(x, reg - OPER, val);
	else if (reg >= RUNTIME && reg < DOORBELL)
		runtime_write(x, reg - RUNTIME, val);
	else if (reg >= DOORBELL && reg < DOORBELL + 4 * (XHCI_SLOTS + 1))
		doorbell(x, (reg - DOORBELL) / 4, val);
}

/* Registers are of 32 bits; smaller reads give a part of one, larger ones two. */
static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	const struct xhci *x = d->softc;
	unsigned reg = (unsigned)off & ~3u;
	uint64_t v = reg_read(x, reg);

	(void)bar;
	if ((off & 3) + size > 4)
		v |= (uint64_t)reg_read(x, reg + 4) << 32;
	return (v >> (off & 3) * 8);
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct xhci *x = d->softc;

	(void)bar;
	if ((off & 3) != 0 || size < 4)
		return;
	reg_write(x, (unsigned)off, (uint32_t)val);
	if (size == 8)
		reg_write(x, (unsigned)off + 4, (uint32_t)(val >> 32));
	xhci_work(x);
}

static void
dev_reset(struct pci_dev *d)
{
	controller_reset(d->softc);
}

int
xhci_init(struct xhci *x, const struct gmem *gm, const struct clock *clock, struct dev_timer *timer)
{
	static const struct pci_dev_ops ops = {
		.bar_read = bar_read,
		.bar_write = bar_write,
		.reset = dev_reset,
	};

	*x = (struct xhci){ .gm = gm, .clock = *clock, .timer = timer };
	pci_dev_init(&x->pci, "xhci", &ops, x, VENDOR, DEVICE, CLASS, 0);
	x->pci.cfg[CFG_SBRN] = SBRN;
	x->pci.cfg[CFG_FLADJ] = 0x20;
	timer->fire = timer_fired;
	timer->dev = x;
	controller_reset(x);
	(void)pci_add_bar(&x->pci, 0, PCI_BAR_MEM64, XHCI_BAR_SIZE);
	return (pci_add_msix(&x->pci, 1, 0, MSIX_TABLE, MSIX_PBA));
}

void
xhci_destroy(struct xhci *x)
{
	pci_dev_fini(&x->pci);
}
