/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xHCI's rings: TRBs taken from the guest, events given to it, the interrupter (4.9, 4.17).
 * Pure; runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/xhci_internal.h"

#define TRB_BYTES    sizeof(struct xhci_trb)
#define SEGMENT_MIN  16u /* TRBs of an event ring segment, 6.5 */
#define SEGMENT_MAX  4096u

#define IMAN_IP      0x1u
#define IMAN_IE      0x2u
#define ERDP_BUSY    0x8u
#define ERDP_POINTER (~0xfull)

int
xhci_ring_peek(struct xhci *x, struct xhci_ring *r, struct xhci_trb *trb, unsigned *budget)
{
	for (; *budget > 0; --*budget) {
		uint8_t raw[TRB_BYTES];

		if (gmem_read(x->gm, r->deq, raw, sizeof(raw)) != 0)
			return (-EFAULT);
		trb->param = le64_get(raw);
		trb->status = le32_get(raw + 8);
		trb->control = le32_get(raw + 12);
		if (((trb->control & TRB_CYCLE) != 0) != r->ccs)
			return (0);
		if (TRB_TYPE(trb->control) != TRB_LINK) {
			--*budget;
			return (1);
		}
		r->deq = trb->param & ~0xfull;
		if ((trb->control & TRB_TOGGLE) != 0)
			r->ccs = !r->ccs;
	}
	return (-EAGAIN);
}

/* --- events --- */

bool
xhci_event_room(const struct xhci *x)
{
	return (XHCI_EVENTS - x->event_count >= TD_EVENTS);
}

void
xhci_event(struct xhci *x, uint64_t param, uint32_t status, uint32_t control)
{
	/*
	 * Whoever works has asked for room before; ports, which cannot, tell less than half of
	 * TD_EVENTS at a time.
	 */
	if (x->event_count == XHCI_EVENTS)
		return;
	x->event[(x->event_first + x->event_count++) % XHCI_EVENTS] =
	    (struct xhci_trb){ param, status, control };
}

/* Go into the segment of this number: its entry of the table is read here, once. */
static bool
enter_segment(struct xhci *x, unsigned n)
{
	uint8_t entry[16];
	uint64_t base;
	uint32_t size;

	x->enqueue = 0;
	if (gmem_read(x->gm, x->erstba + (uint64_t)n * sizeof(entry), entry, sizeof(entry)) != 0)
		return (false);
	base = le64_get(entry) & ~0x3full;
	size = le32_get(entry + 8) & 0xffff;
	if (size < SEGMENT_MIN || size > SEGMENT_MAX || !gmem_is_ram(x->gm, base, size * TRB_BYTES))
		return (false);
	x->segment = n;
	x->enqueue = base;
	x->seg_left = size;
	return (true);
}

void
xhci_event_ring_reset(struct xhci *x)
{
	x->pcs = true;
	x->enqueue = 0;
	x->segments = x->erstsz;
	if (x->segments != 0 && !enter_segment(x, 0))
		xhci_system_error(x);
}

/* Where the event after the next one would go; 0: not known. */
static uint64_t
after_next(struct xhci *x)
{
	uint8_t entry[8];
	unsigned n;

	if (x->seg_left > 1)
		return (x->enqueue + TRB_BYTES);
	n = (x->segment + 1) % x->segments;
	if (gmem_read(x->gm, x->erstba + (uint64_t)n * 16, entry, sizeof(entry)) != 0)
		return (0);
	return (le64_get(entry) & ~0x3full);
}

static bool
put_event(struct xhci *x, const struct xhci_trb *e)
{
	uint32_t control = e->control | (x->pcs ? TRB_CYCLE : 0);
	uint8_t raw[TRB_BYTES];

	le64_put(raw, e->param);
	le32_put(raw + 8, e->status);
	le32_put(raw + 12, control);
	/* The word with the cycle bit comes last: it makes the event the guest's. */
	if (gmem_write(x->gm, x->enqueue, raw, 12) != 0)
		return (false);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (gmem_write(x->gm, x->enqueue + 12, raw + 12, 4) != 0)
		return (false);
	x->enqueue += TRB_BYTES;
	if (--x->seg_left > 0)
		return (true);
	if (x->segment + 1 == x->segments)
		x->pcs = !x->pcs;
	return (enter_segment(x, (x->segment + 1) % x->segments));
}

void
xhci_event_flush(struct xhci *x)
{
	while (x->event_count > 0 && xhci_running(x) && x->enqueue != 0) {
		uint64_t next = after_next(x);

		/* 4.9.4: full when the one after would meet the guest's pointer. */
		if (next == (x->erdp & ERDP_POINTER))
			break;
		if (next == 0 || !put_event(x, &x->event[x->event_first])) {
			xhci_system_error(x);
			return;
		}
		x->event_first = (x->event_first + 1) % XHCI_EVENTS;
		x->event_count--;
	}
	xhci_interrupt_update(x);
}

/* 4.17.2 to 4.17.5; the moderation interval is kept, and taken to be zero. */
void
xhci_interrupt_update(struct xhci *x)
{
	bool on;

	if (xhci_running(x) && x->enqueue != 0 && x->enqueue != (x->erdp & ERDP_POINTER) &&
	    (x->erdp & ERDP_BUSY) == 0) {
		x->erdp |= ERDP_BUSY;
		x->iman |= IMAN_IP;
		x->usbsts |= USBSTS_EINT;
	}
	on = (x->iman & IMAN_IP) != 0 && (x->iman & IMAN_IE) != 0 && (x->usbcmd & USBCMD_INTE) != 0;
	if (on && pci_msix_notify(&x->pci, 0)) {
		x->iman &= ~IMAN_IP; /* 5.5.2.1: a message takes it back */
		on = false;
	}
	pci_intx_set(&x->pci, on);
}
