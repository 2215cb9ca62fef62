/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xHCI's commands (4.6): slots, addresses, endpoints and their contexts (6.2). Contexts are of
 * 32 bytes. Pure; runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/xhci_internal.h"

#define CTX          32u /* bytes of a context */
#define IN_SLOT      CTX /* in an input context, behind its control context */
#define ADDRESS_MASK (~0x3full)

#define COMMAND_BSR  0x200u /* Address Device: without SET_ADDRESS */
#define COMMAND_DC   0x200u /* Configure Endpoint: deconfigure */

/* An input context's two words of flags, by device context index. */
struct input {
	uint64_t at;
	uint32_t drop, add;
};

static bool
read_input(struct xhci *x, const struct xhci_trb *t, struct input *in)
{
	uint8_t raw[8];

	in->at = t->param & ~0xfull;
	if (gmem_read(x->gm, in->at, raw, sizeof(raw)) != 0)
		return (false);
	in->drop = le32_get(raw);
	in->add = le32_get(raw + 4);
	return (true);
}

static bool
read_ctx(struct xhci *x, uint64_t at, uint8_t ctx[CTX])
{
	return (gmem_read(x->gm, at, ctx, CTX) == 0);
}

static bool
write_ctx(struct xhci *x, const struct xhci_slot *s, unsigned dci, const uint8_t ctx[CTX])
{
	return (gmem_write(x->gm, s->ctx + (uint64_t)dci * CTX, ctx, CTX) == 0);
}

/* 6.2.2: the state is the upper five bits of the last word in use. */
static bool
put_slot_state(struct xhci *x, struct xhci_slot *s, unsigned state)
{
	uint8_t ctx[CTX];

	s->state = (uint8_t)state;
	if (!read_ctx(x, s->ctx, ctx))
		return (false);
	le32_put(
	    ctx + 12, (uint32_t)state << 27 | (state >= SLOT_ADDRESSED ? xhci_slot_id(x, s) : 0));
	return (write_ctx(x, s, 0, ctx));
}

/* 6.2.3: state, and the dequeue pointer as far as we got. */
void
xhci_ep_set_state(struct xhci *x, struct xhci_slot *s, unsigned dci, unsigned state)
{
	struct xhci_ep *ep = &s->ep[dci];
	uint8_t ctx[CTX];

	ep->state = (uint8_t)state;
	if (!read_ctx(x, s->ctx + (uint64_t)dci * CTX, ctx)) {
		xhci_system_error(x);
		return;
	}
	ctx[0] = (uint8_t)((ctx[0] & ~7u) | state);
	le64_put(ctx + 8, ep->ring.deq | ep->ring.ccs);
	if (!write_ctx(x, s, dci, ctx))
		xhci_system_error(x);
}

/* An endpoint's context out of an input context becomes the endpoint. */
static bool
start_ep(struct xhci *x, struct xhci_slot *s, unsigned dci, uint64_t from)
{
	struct xhci_ep *ep = &s->ep[dci];
	uint8_t ctx[CTX];
	uint64_t deq;

	if (!read_ctx(x, from, ctx))
		return (false);
	deq = le64_get(ctx + 8);
	*ep = (struct xhci_ep){ .state = EP_RUNNING, .ring = { deq & ~0xfull, (deq & 1) != 0 } };
	ctx[0] = (uint8_t)((ctx[0] & ~7u) | EP_RUNNING);
	return (write_ctx(x, s, dci, ctx));
}

void
xhci_slot_disable(struct xhci_slot *s)
{
	memset(s, 0, sizeof(*s));
}

static enum xhci_code
enable_slot(struct xhci *x, unsigned *id)
{
	unsigned max = MIN(x->config & 0xff, XHCI_SLOTS);

	for (unsigned i = 1; i <= max; i++) {
		if (x->slot[i].enabled)
			continue;
		xhci_slot_disable(&x->slot[i]);
		x->slot[i].enabled = true;
		*id = i;
		return (CC_SUCCESS);
	}
	return (CC_NO_SLOTS);
}

/* Is the device of this port some other slot's? */
static bool
port_taken(const struct xhci *x, const struct xhci_slot *s, const struct usb_dev *dev)
{
	for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
		if (&x->slot[i] != s && x->slot[i].enabled && x->slot[i].dev == dev)
			return (true);
	}
	return (false);
}

/* 4.6.5 */
static enum xhci_code
address_device(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	bool bsr = (t->control & COMMAND_BSR) != 0;
	uint8_t ctx[CTX], raw[8];
	struct usb_dev *dev;
	struct input in;
	unsigned port;

	if (s->state > (bsr ? SLOT_ENABLED : SLOT_DEFAULT))
		return (CC_CONTEXT_STATE);
	if (!read_input(x, t, &in) || !read_ctx(x, in.at + IN_SLOT, ctx) ||
	    gmem_read(x->gm, (x->dcbaap & ADDRESS_MASK) + xhci_slot_id(x, s) * 8ull, raw, 8) != 0)
		return (CC_PARAMETER);
	if ((in.add & 3) != 3)
		return (CC_PARAMETER);
	port = ctx[6];
	if ((le32_get(ctx) & 0xfffff) != 0 || (dev = xhci_port_device(x, port)) == NULL)
		return (CC_TRANSACTION); /* behind a hub, or nobody answers */
	if (port_taken(x, s, dev))
		return (CC_PARAMETER);
	s->ctx = le64_get(raw) & ADDRESS_MASK;
	if (!write_ctx(x, s, 0, ctx) ||
	    !put_slot_state(x, s, bsr ? SLOT_DEFAULT : SLOT_ADDRESSED) ||
	    !start_ep(x, s, DCI_CONTROL, in.at + IN_SLOT + CTX * DCI_CONTROL)) {
		s->state = SLOT_ENABLED;
		s->ep[DCI_CONTROL].state = EP_DISABLED;
		return (CC_PARAMETER);
	}
	s->port = port;
	s->dev = dev;
	return (CC_SUCCESS);
}

static void
stop_all(struct xhci_slot *s)
{
	for (unsigned dci = DCI_CONTROL + 1; dci <= XHCI_ENDPOINTS; dci++)
		s->ep[dci].state = EP_DISABLED;
}

/* 4.6.6 */
static enum xhci_code
configure_endpoint(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	struct input in;

	if (s->state < SLOT_ADDRESSED)
		return (CC_CONTEXT_STATE);
	if ((t->control & COMMAND_DC) != 0) {
		stop_all(s);
		return (put_slot_state(x, s, SLOT_ADDRESSED) ? CC_SUCCESS : CC_PARAMETER);
	}
	if (!read_input(x, t, &in) || (in.add & 1) == 0 || (in.drop & 3) != 0 || (in.add & 2) != 0)
		return (CC_PARAMETER);
	for (unsigned dci = DCI_CONTROL + 1; dci <= XHCI_ENDPOINTS; dci++) {
		if ((in.drop >> dci & 1) != 0 && s->ep[dci].state != EP_DISABLED)
			xhci_ep_set_state(x, s, dci, EP_DISABLED);
		if ((in.add >> dci & 1) != 0 &&
		    !start_ep(x, s, dci, in.at + IN_SLOT + (uint64_t)dci * CTX))
			return (CC_PARAMETER);
	}
	return (put_slot_state(x, s, SLOT_CONFIGURED) ? CC_SUCCESS : CC_PARAMETER);
}

/* 4.6.7: the packet size of endpoint 0 and the slot's latency, which mean nothing here. */
static enum xhci_code
evaluate_context(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	uint8_t from[CTX], to[CTX];
	struct input in;

	if (s->state < SLOT_DEFAULT)
		return (CC_CONTEXT_STATE);
	if (!read_input(x, t, &in) || (in.add & ~3u) != 0)
		return (CC_PARAMETER);
	for (unsigned i = 0; i < 2; i++) {
		if ((in.add >> i & 1) == 0)
			continue;
		if (!read_ctx(x, in.at + IN_SLOT + i * CTX, from) ||
		    !read_ctx(x, s->ctx + i * CTX, to))
			return (CC_PARAMETER);
		memcpy(to + 4 + 2 * i, from + 4 + 2 * i, 2);
		if (!write_ctx(x, s, i, to))
			return (CC_PARAMETER);
	}
	return (CC_SUCCESS);
}

/* 4.6.8 */
static enum xhci_code
reset_endpoint(struct xhci *x, struct xhci_slot *s, unsigned dci)
{
	if (s->ep[dci].state != EP_HALTED)
		return (CC_CONTEXT_STATE);
	s->control = s->control && dci != DCI_CONTROL;
	xhci_ep_set_state(x, s, dci, EP_STOPPED);
	return (CC_SUCCESS);
}

/* 4.6.9: a transfer that waits for a report is told to have stopped. */
static enum xhci_code
stop_endpoint(struct xhci *x, struct xhci_slot *s, unsigned dci)
{
	struct xhci_ep *ep = &s->ep[dci];
	unsigned budget = TRB_BUDGET;
	struct xhci_trb t;

	if (ep->state != EP_RUNNING)
		return (CC_CONTEXT_STATE);
	if (dci != DCI_CONTROL && xhci_ring_peek(x, &ep->ring, &t, &budget) == 1)
		xhci_transfer_event(x, s, dci, ep->ring.deq, TRB_LEN(t.status), CC_STOPPED, false);
	s->control = s->control && dci != DCI_CONTROL;
	xhci_ep_set_state(x, s, dci, EP_STOPPED);
	return (CC_SUCCESS);
}

/* 4.6.10 */
static enum xhci_code
set_tr_dequeue(struct xhci *x, struct xhci_slot *s, unsigned dci, const struct xhci_trb *t)
{
	struct xhci_ep *ep = &s->ep[dci];

	if (ep->state != EP_STOPPED && ep->state != EP_ERROR)
		return (CC_CONTEXT_STATE);
	ep->ring = (struct xhci_ring){ t->param & ~0xfull, (t->param & 1) != 0 };
	ep->edtla = 0;
	xhci_ep_set_state(x, s, dci, EP_STOPPED);
	return (CC_SUCCESS);
}

/* 4.6.11 */
static enum xhci_code
reset_device(struct xhci *x, struct xhci_slot *s)
{
	if (s->state < SLOT_ADDRESSED)
		return (CC_CONTEXT_STATE);
	stop_all(s);
	s->control = false;
	return (put_slot_state(x, s, SLOT_DEFAULT) ? CC_SUCCESS : CC_PARAMETER);
}

static enum xhci_code
endpoint_command(struct xhci *x, struct xhci_slot *s, const struct xhci_trb *t)
{
	unsigned dci = TRB_EP(t->control);

	if (xhci_ep_of(s, dci) == NULL)
		return (
		    s->state == SLOT_ENABLED || dci == 0 ? CC_CONTEXT_STATE : CC_EP_NOT_ENABLED);
	switch (TRB_TYPE(t->control)) {
	case TRB_RESET_ENDPOINT:
		return (reset_endpoint(x, s, dci));
	case TRB_STOP_ENDPOINT:
		return (stop_endpoint(x, s, dci));
	default:
		return (set_tr_dequeue(x, s, dci, t));
	}
}

static enum xhci_code
slot_command(struct xhci *x, const struct xhci_trb *t)
{
	struct xhci_slot *s = xhci_slot_of(x, TRB_SLOT(t->control));

	if (s == NULL)
		return (CC_SLOT_NOT_ENABLED);
	switch (TRB_TYPE(t->control)) {
	case TRB_DISABLE_SLOT:
		x->pending[TRB_SLOT(t->control)] = 0;
		xhci_slot_disable(s);
		return (CC_SUCCESS);
	case TRB_ADDRESS_DEVICE:
		return (address_device(x, s, t));
	case TRB_CONFIGURE_ENDPOINT:
		return (configure_endpoint(x, s, t));
	case TRB_EVALUATE_CONTEXT:
		return (evaluate_context(x, s, t));
	case TRB_RESET_DEVICE:
		return (reset_device(x, s));
	default:
		return (endpoint_command(x, s, t));
	}
}

static void
execute(struct xhci *x, const struct xhci_trb *t)
{
	unsigned type = TRB_TYPE(t->control), id = TRB_SLOT(t->control);
	enum xhci_code code;

	if (type == TRB_ENABLE_SLOT) {
		id = 0;
		code = enable_slot(x, &id);
	} else if (type == TRB_NOOP_COMMAND)
		code = CC_SUCCESS;
	else if (type >= TRB_DISABLE_SLOT && type <= TRB_RESET_DEVICE)
		code = slot_command(x, t);
	else
		code = CC_TRB;
	xhci_event(x, x->command.deq, (uint32_t)code << 24,
	    TRB_TYPE_IS(TRB_COMMAND_EVENT) | (uint32_t)id << 24);
}

bool
xhci_commands(struct xhci *x)
{
	unsigned budget = TRB_BUDGET;
	struct xhci_trb t;
	int rc;

	while (x->command_running && xhci_running(x) && xhci_event_room(x)) {
		if ((rc = xhci_ring_peek(x, &x->command, &t, &budget)) == 0)
			return (true);
		if (rc == -EAGAIN)
			return (false);
		if (rc < 0) {
			xhci_system_error(x);
			return (true);
		}
		execute(x, &t);
		xhci_ring_next(&x->command);
	}
	return (!x->command_running || !xhci_running(x));
}
