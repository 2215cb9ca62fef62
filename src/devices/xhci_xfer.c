/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xHCI's transfers (4.11): control transfers stage by stage, and reports. Pure; runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/xhci_internal.h"

void
xhci_transfer_event(struct xhci *x, struct xhci_slot *s, unsigned dci, uint64_t param,
    uint32_t left, enum xhci_code code, bool event_data)
{
	xhci_event(x, param, (left & 0xffffff) | (uint32_t)code << 24,
	    TRB_TYPE_IS(TRB_TRANSFER_EVENT) | (event_data ? TRB_ED : 0) | dci << 16 |
		xhci_slot_id(x, s) << 24);
}

/* The transfer has failed: the endpoint stands still until the driver resets it (4.10.2). */
static void
halt(struct xhci *x, struct xhci_slot *s, unsigned dci, uint64_t at, uint32_t left,
    enum xhci_code code)
{
	xhci_transfer_event(x, s, dci, at, left, code, false);
	if (dci == DCI_CONTROL)
		s->control = false;
	xhci_ep_set_state(x, s, dci, EP_HALTED);
}

/* 4.11.5.2: the bytes that were moved since the last of these. */
static void
event_data(struct xhci *x, struct xhci_slot *s, unsigned dci, const struct xhci_trb *t,
    enum xhci_code code)
{
	struct xhci_ep *ep = &s->ep[dci];

	if ((t->control & TRB_IOC) != 0)
		xhci_transfer_event(x, s, dci, t->param, ep->edtla, code, true);
	ep->edtla = 0;
}

/* --- endpoint 0 --- */

/* A device with data for us is asked at once; one that gets some, at the status stage. */
static void
setup_stage(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	struct xhci_ep *ep = &s->ep[DCI_CONTROL];
	struct usb_setup *u = &s->setup;

	if ((t->control & TRB_IDT) == 0 || TRB_LEN(t->status) != 8) {
		halt(x, s, DCI_CONTROL, ep->ring.deq, 0, CC_TRB);
		return;
	}
	u->type = (uint8_t)t->param;
	u->request = (uint8_t)(t->param >> 8);
	u->value = (uint16_t)(t->param >> 16);
	u->index = (uint16_t)(t->param >> 32);
	u->length = (uint16_t)(t->param >> 48);
	s->control = true;
	s->data_off = 0;
	s->data_len = 0;
	ep->edtla = 0;
	memset(s->data, 0, sizeof(s->data));
	if ((u->type & USB_DIR_IN) != 0) {
		u->length = MIN(u->length, USB_CONTROL_MAX);
		s->data_len = s->dev->ops->control(s->dev, u, s->data);
	} else if (u->length > USB_CONTROL_MAX)
		s->data_len = -1;
	else
		s->data_len = u->length;
	if ((t->control & TRB_IOC) != 0)
		xhci_transfer_event(x, s, DCI_CONTROL, ep->ring.deq, 0, CC_SUCCESS, false);
}

/* One TRB of the data stage. */
static void
data_stage(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	struct xhci_ep *ep = &s->ep[DCI_CONTROL];
	bool in = (s->setup.type & USB_DIR_IN) != 0;
	uint32_t len = TRB_LEN(t->status), n;
	int rc = 0;

	if (s->data_len < 0) {
		halt(x, s, DCI_CONTROL, ep->ring.deq, len, CC_STALL);
		return;
	}
	n = MIN(len, (uint32_t)s->data_len - s->data_off);
	if ((t->control & TRB_IDT) != 0) { /* up to 8 bytes, out only */
		if (in || n > sizeof(t->param))
			rc = -EINVAL;
		else
			memcpy(s->data + s->data_off, &t->param, n);
	} else if (n > 0 && in)
		rc = gmem_write(x->gm, t->param, s->data + s->data_off, n);
	else if (n > 0)
		rc = gmem_read(x->gm, t->param, s->data + s->data_off, n);
	if (rc != 0) {
		halt(x, s, DCI_CONTROL, ep->ring.deq, len, rc == -EINVAL ? CC_TRB : CC_DATA_BUFFER);
		return;
	}
	s->data_off += n;
	ep->edtla += n;
	if ((t->control & TRB_IOC) != 0 || (n < len && (t->control & TRB_ISP) != 0))
		xhci_transfer_event(x, s, DCI_CONTROL, ep->ring.deq, len - n,
		    n < len ? CC_SHORT_PACKET : CC_SUCCESS, false);
}

static void
status_stage(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	struct xhci_ep *ep = &s->ep[DCI_CONTROL];

	if (s->data_len >= 0 && (s->setup.type & USB_DIR_IN) == 0)
		s->data_len = s->dev->ops->control(s->dev, &s->setup, s->data);
	s->control = false;
	if (s->data_len < 0)
		halt(x, s, DCI_CONTROL, ep->ring.deq, 0, CC_STALL);
	else if ((t->control & TRB_IOC) != 0)
		xhci_transfer_event(x, s, DCI_CONTROL, ep->ring.deq, 0, CC_SUCCESS, false);
}

static void
control_trb(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	struct xhci_ep *ep = &s->ep[DCI_CONTROL];
	unsigned type = TRB_TYPE(t->control);

	if (type == TRB_SETUP)
		setup_stage(x, s, t);
	else if (type == TRB_EVENT_DATA)
		event_data(x, s, DCI_CONTROL, t, CC_SUCCESS);
	else if (type == TRB_NOOP) {
		if ((t->control & TRB_IOC) != 0)
			xhci_transfer_event(x, s, DCI_CONTROL, ep->ring.deq, 0, CC_SUCCESS, false);
	} else if (!s->control || (type != TRB_DATA && type != TRB_NORMAL && type != TRB_STATUS))
		halt(x, s, DCI_CONTROL, ep->ring.deq, 0, CC_TRB);
	else if (type == TRB_STATUS)
		status_stage(x, s, t);
	else
		data_stage(x, s, t);
}

static bool
control_transfers(struct xhci *x, struct xhci_slot *s)
{
	struct xhci_ep *ep = &s->ep[DCI_CONTROL];
	unsigned budget = TRB_BUDGET;
	struct xhci_trb t;
	int rc;

	while (xhci_running(x) && ep->state == EP_RUNNING) {
		if (!xhci_event_room(x))
			return (false);
		if ((rc = xhci_ring_peek(x, &ep->ring, &t, &budget)) == 0)
			return (true);
		if (rc == -EAGAIN)
			return (false);
		if (rc < 0) {
			xhci_system_error(x);
			return (true);
		}
		control_trb(x, s, &t);
		if (ep->state == EP_RUNNING)
			xhci_ring_next(&ep->ring);
	}
	return (true);
}

/* --- reports --- */

/* A transfer descriptor: TRBs chained to each other, with where each stands. */
struct td {
	struct xhci_trb trb[TD_MAX];
	uint64_t at[TD_MAX];
	unsigned n;
	uint32_t len;
	struct xhci_ring after; /* the ring behind it */
};

/* 1: a whole one is there; 0: not yet; -EAGAIN, -EFAULT as xhci_ring_peek; -EINVAL: malformed. */
static int
td_read(struct xhci *x, const struct xhci_ep *ep, struct td *td, unsigned *budget)
{
	int rc;

	td->after = ep->ring;
	td->len = 0;
	for (td->n = 0; td->n < TD_MAX; td->n++) {
		struct xhci_trb *t = &td->trb[td->n];

		if ((rc = xhci_ring_peek(x, &td->after, t, budget)) != 1)
			return (rc);
		td->at[td->n] = td->after.deq;
		xhci_ring_next(&td->after);
		if (TRB_TYPE(t->control) == TRB_NORMAL)
			td->len += TRB_LEN(t->status);
		else if (TRB_TYPE(t->control) != TRB_EVENT_DATA && TRB_TYPE(t->control) != TRB_NOOP)
			return (-EINVAL);
		if ((t->control & TRB_CHAIN) == 0) {
			td->n++;
			return (1);
		}
	}
	return (-EINVAL);
}

/* Spread a report of `n` bytes over a transfer, with the events that were asked for. */
static void
td_fill(struct xhci *x, struct xhci_slot *s, const struct td *td, const uint8_t *buf, uint32_t n)
{
	struct xhci_ep *ep = &s->ep[DCI_REPORT];
	enum xhci_code code = n < td->len ? CC_SHORT_PACKET : CC_SUCCESS;
	bool told = false;
	uint32_t done = 0;

	for (unsigned i = 0; i < td->n; i++) {
		const struct xhci_trb *t = &td->trb[i];
		uint32_t len = TRB_LEN(t->status), part = MIN(len, n - done);
		bool is_short = part < len;

		if (TRB_TYPE(t->control) == TRB_EVENT_DATA) {
			event_data(x, s, DCI_REPORT, t, code);
			continue;
		}
		if (TRB_TYPE(t->control) == TRB_NOOP)
			part = len = 0;
		if (part > 0 && gmem_write(x->gm, t->param, buf + done, part) != 0) {
			halt(x, s, DCI_REPORT, td->at[i], len, CC_DATA_BUFFER);
			return;
		}
		done += part;
		ep->edtla += part;
		/* The report's end is told once (4.10.1.1). */
		if ((t->control & TRB_IOC) != 0 ||
		    (is_short && !told && (t->control & TRB_ISP) != 0)) {
			xhci_transfer_event(x, s, DCI_REPORT, td->at[i], len - part,
			    is_short ? CC_SHORT_PACKET : CC_SUCCESS, false);
			told = true;
		}
	}
	ep->ring = td->after;
}

static bool
reports(struct xhci *x, struct xhci_slot *s)
{
	struct xhci_ep *ep = &s->ep[DCI_REPORT];
	unsigned budget = TRB_BUDGET;
	uint8_t buf[USB_REPORT_MAX];
	struct td td;
	int rc;

	while (xhci_running(x) && ep->state == EP_RUNNING && s->dev->ops->has_report(s->dev)) {
		if (!xhci_event_room(x))
			return (false);
		if ((rc = td_read(x, ep, &td, &budget)) == 0)
			return (true);
		if (rc == -EAGAIN)
			return (false);
		if (rc == -EFAULT) {
			xhci_system_error(x);
			return (true);
		}
		if (rc < 0) {
			halt(x, s, DCI_REPORT, ep->ring.deq, 0, CC_TRB);
			return (true);
		}
		td_fill(x, s, &td, buf,
		    td.len > 0
			? (uint32_t)s->dev->ops->report(s->dev, buf, MIN(td.len, sizeof(buf)))
			: 0);
	}
	return (true);
}

bool
xhci_transfers(struct xhci *x, struct xhci_slot *s, unsigned dci)
{
	struct xhci_ep *ep = xhci_ep_of(s, dci);
	unsigned budget = TRB_BUDGET;
	struct xhci_trb t;

	/* The device must still be there, and in a state to talk. */
	if (ep == NULL || s->dev == NULL || xhci_port_device(x, s->port) != s->dev)
		return (true);
	if (dci == DCI_CONTROL)
		return (control_transfers(x, s));
	if (dci == DCI_REPORT)
		return (reports(x, s));
	/* No device of ours has such an endpoint: nobody answers. */
	if (ep->state == EP_RUNNING && xhci_event_room(x) &&
	    xhci_ring_peek(x, &ep->ring, &t, &budget) == 1)
		halt(x, s, dci, ep->ring.deq, TRB_LEN(t.status), CC_TRANSACTION);
	return (true);
}
