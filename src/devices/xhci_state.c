/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of the xHCI controller (state.h): registers, rings, events that wait for the guest's ring,
 * slots with their control transfers, ports and what is plugged into them. Refuses what would reach
 * beyond a table. Pure; runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/state.h"
#include "devices/xhci_internal.h"

#define SEGMENTS_MAX (1u << ERST_MAX)

#define TRB_STATE(F, T)                \
	F(T, param, SAVED, STATE_ANY)  \
	F(T, status, SAVED, STATE_ANY) \
	F(T, control, SAVED, STATE_ANY)
STATE_TYPE(trb_type, struct xhci_trb, TRB_STATE, "xhci-trb", 1);

#define RING_STATE(F, T)            \
	F(T, deq, SAVED, STATE_ANY) \
	F(T, ccs, SAVED, 1)
STATE_TYPE(ring_type, struct xhci_ring, RING_STATE, "xhci-ring", 1);

#define EP_STATE(F, T)               \
	F(T, state, SAVED, EP_ERROR) \
	F(T, ring, PART, ring_type)  \
	F(T, edtla, SAVED, STATE_ANY)
STATE_TYPE(ep_type, struct xhci_ep, EP_STATE, "xhci-ep", 1);

#define SETUP_STATE(F, T)               \
	F(T, type, SAVED, STATE_ANY)    \
	F(T, request, SAVED, STATE_ANY) \
	F(T, value, SAVED, STATE_ANY)   \
	F(T, index, SAVED, STATE_ANY)   \
	F(T, length, SAVED, STATE_ANY)
STATE_TYPE(setup_type, struct usb_setup, SETUP_STATE, "usb-setup", 1);

/* Whose device it is follows from the port. */
#define SLOT_STATE(F, T)                       \
	F(T, enabled, SAVED, 1)                \
	F(T, state, SAVED, SLOT_CONFIGURED)    \
	F(T, ctx, SAVED, STATE_ANY)            \
	F(T, dev, OWN, 0)                      \
	F(T, port, SAVED, XHCI_PORTS)          \
	F(T, ep, PARTS, ep_type)               \
	F(T, control, SAVED, 1)                \
	F(T, setup, PART, setup_type)          \
	F(T, data_len, SAVED, STATE_ANY)       \
	F(T, data_off, SAVED, USB_CONTROL_MAX) \
	F(T, data, BYTES, 0)
STATE_TYPE(slot_type, struct xhci_slot, SLOT_STATE, "xhci-slot", 1);

#define PORT_STATE(F, T)  \
	F(T, dev, OWN, 0) \
	F(T, portsc, SAVED, STATE_ANY)
STATE_TYPE(port_type, struct xhci_port, PORT_STATE, "xhci-port", 1);

#define XHCI_STATE(F, T)                          \
	F(T, pci, OWNS, 0)                        \
	F(T, gm, OWN, 0)                          \
	F(T, clock, OWNS, 0)                      \
	F(T, timer, OWN, 0)                       \
	F(T, usbcmd, SAVED, STATE_ANY)            \
	F(T, usbsts, SAVED, STATE_ANY)            \
	F(T, dnctrl, SAVED, STATE_ANY)            \
	F(T, config, SAVED, STATE_ANY)            \
	F(T, crcr, SAVED, STATE_ANY)              \
	F(T, dcbaap, SAVED, STATE_ANY)            \
	F(T, command_running, SAVED, 1)           \
	F(T, command, PART, ring_type)            \
	F(T, iman, SAVED, 3)                      \
	F(T, imod, SAVED, STATE_ANY)              \
	F(T, erstsz, SAVED, SEGMENTS_MAX)         \
	F(T, erstba, SAVED, STATE_ANY)            \
	F(T, erdp, SAVED, STATE_ANY)              \
	F(T, segments, SAVED, SEGMENTS_MAX)       \
	F(T, segment, SAVED, SEGMENTS_MAX)        \
	F(T, enqueue, SAVED, STATE_ANY)           \
	F(T, seg_left, SAVED, STATE_ANY)          \
	F(T, pcs, SAVED, 1)                       \
	F(T, event, PARTS, trb_type)              \
	F(T, event_first, SAVED, XHCI_EVENTS - 1) \
	F(T, event_count, SAVED, XHCI_EVENTS)     \
	F(T, slot, PARTS, slot_type)              \
	F(T, port, PARTS, port_type)              \
	F(T, pending, ARRAY, STATE_ANY)
STATE_TYPE(xhci_type, struct xhci, XHCI_STATE, "xhci", 1);

/* A control transfer moves within its buffer; -1 is a stall. */
static bool
slot_ok(const struct xhci_slot *s)
{
	if (!s->control || s->data_len == -1)
		return (true);
	return (s->data_len >= 0 && s->data_len <= USB_CONTROL_MAX &&
	    s->data_off <= (unsigned)s->data_len && s->setup.length <= USB_CONTROL_MAX);
}

static int
check(struct xhci *x, struct state *st)
{
	if (x->enqueue != 0 && (x->segments == 0 || x->segment >= x->segments || x->seg_left == 0))
		return (state_refuse(st, EINVAL, "its event ring cannot be"));
	for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
		struct xhci_slot *s = &x->slot[i];

		if (!slot_ok(s))
			return (state_refuse(st, EINVAL, "slot %u: a transfer beyond its data", i));
		s->dev = s->port == 0 ? NULL : x->port[s->port].dev;
		if (s->port != 0 && s->dev == NULL)
			return (state_refuse(
			    st, EINVAL, "slot %u: there is nothing in port %u", i, s->port));
	}
	return (0);
}

int
xhci_state(struct xhci *x, struct state *st)
{
	pci_dev_state(&x->pci, st);
	state_struct(st, &xhci_type, x);
	for (unsigned i = 1; i <= XHCI_PORTS; i++) {
		struct usb_dev *d = x->port[i].dev;

		if (d == NULL)
			continue;
		st->unit = (uint8_t)i;
		(void)d->ops->state(d, st);
	}
	st->unit = 0;
	return (st->rc == 0 && st->loading ? check(x, st) : st->rc);
}

void
xhci_resume(struct xhci *x)
{
	xhci_work(x);
}
