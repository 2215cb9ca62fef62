/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the xHCI controller share. Private to devices/xhci*.c. */
#ifndef ZHYVE_DEVICES_XHCI_INTERNAL_H
#define ZHYVE_DEVICES_XHCI_INTERNAL_H

#include "devices/xhci.h"

/* TRB types, 6.4.6 */
enum xhci_trb_type {
	TRB_NORMAL = 1,
	TRB_SETUP = 2,
	TRB_DATA = 3,
	TRB_STATUS = 4,
	TRB_LINK = 6,
	TRB_EVENT_DATA = 7,
	TRB_NOOP = 8,
	TRB_ENABLE_SLOT = 9,
	TRB_DISABLE_SLOT = 10,
	TRB_ADDRESS_DEVICE = 11,
	TRB_CONFIGURE_ENDPOINT = 12,
	TRB_EVALUATE_CONTEXT = 13,
	TRB_RESET_ENDPOINT = 14,
	TRB_STOP_ENDPOINT = 15,
	TRB_SET_TR_DEQUEUE = 16,
	TRB_RESET_DEVICE = 17,
	TRB_NOOP_COMMAND = 23,
	TRB_TRANSFER_EVENT = 32,
	TRB_COMMAND_EVENT = 33,
	TRB_PORT_EVENT = 34,
};

/* Completion codes, 6.4.5 */
enum xhci_code {
	CC_SUCCESS = 1,
	CC_DATA_BUFFER = 2,
	CC_TRANSACTION = 4,
	CC_TRB = 5,
	CC_STALL = 6,
	CC_NO_SLOTS = 9,
	CC_SLOT_NOT_ENABLED = 11,
	CC_EP_NOT_ENABLED = 12,
	CC_SHORT_PACKET = 13,
	CC_PARAMETER = 17,
	CC_CONTEXT_STATE = 19,
	CC_RING_STOPPED = 24,
	CC_STOPPED = 26,
};

/* Slot and endpoint states, 6.2.2 and 6.2.3 */
enum {
	SLOT_ENABLED = 0,
	SLOT_DEFAULT = 1,
	SLOT_ADDRESSED = 2,
	SLOT_CONFIGURED = 3
};
enum {
	EP_DISABLED = 0,
	EP_RUNNING = 1,
	EP_HALTED = 2,
	EP_STOPPED = 3,
	EP_ERROR = 4
};

#define ERST_MAX    4u /* 2^4 segments of the event ring */

#define DCI_CONTROL 1
#define DCI_REPORT  (2 * USB_REPORT_EP + 1)

/* Of a TRB's control word. */
#define TRB_CYCLE      0x01u
#define TRB_TOGGLE     0x02u /* of a link */
#define TRB_ISP        0x04u /* event when short */
#define TRB_CHAIN      0x10u
#define TRB_IOC        0x20u /* event when done */
#define TRB_IDT        0x40u /* the data are in the TRB */
#define TRB_ED         0x04u /* transfer event: of an Event Data TRB */
#define TRB_TYPE(c)    ((c) >> 10 & 0x3f)
#define TRB_TYPE_IS(t) ((uint32_t)(t) << 10)
#define TRB_LEN(s)     ((s)&0x1ffffu) /* of a transfer TRB's status word */
#define TRB_EP(c)      ((c) >> 16 & 0x1f)
#define TRB_SLOT(c)    ((c) >> 24)

#define USBCMD_RUN     0x0001u
#define USBCMD_RESET   0x0002u
#define USBCMD_INTE    0x0004u
#define USBCMD_SAVE    0x0100u
#define USBCMD_RESTORE 0x0200u
#define USBSTS_HALTED  0x0001u
#define USBSTS_HSE     0x0004u
#define USBSTS_EINT    0x0008u
#define USBSTS_PCD     0x0010u
#define USBSTS_SRE     0x0400u

#define TRB_BUDGET     256          /* TRBs and links looked at in one go */
#define TD_MAX         16           /* TRBs of an interrupt transfer */
#define TD_EVENTS      (2 * TD_MAX) /* events that one piece of work may cause, at most */

/* --- xhci.c --- */

/* Is the controller to do anything? */
static inline bool
xhci_running(const struct xhci *x)
{
	return ((x->usbcmd & USBCMD_RUN) != 0 && (x->usbsts & (USBSTS_HALTED | USBSTS_HSE)) == 0 &&
	    pci_bus_master(&x->pci));
}

/* The guest's memory is not where it should be: stop (4.10.2.6). */
void xhci_system_error(struct xhci *x);
/* Something became possible: do what is pending, tell the guest. */
void xhci_work(struct xhci *x);

/* An enabled slot; NULL: there is none of this number. */
static inline struct xhci_slot *
xhci_slot_of(struct xhci *x, unsigned id)
{
	if (id == 0 || id > XHCI_SLOTS || !x->slot[id].enabled)
		return (NULL);
	return (&x->slot[id]);
}

/* An endpoint of it that is not disabled; NULL: there is none of this index. */
static inline struct xhci_ep *
xhci_ep_of(struct xhci_slot *s, unsigned dci)
{
	if (dci == 0 || dci > XHCI_ENDPOINTS || s->ep[dci].state == EP_DISABLED)
		return (NULL);
	return (&s->ep[dci]);
}

static inline unsigned
xhci_slot_id(const struct xhci *x, const struct xhci_slot *s)
{
	return ((unsigned)(s - x->slot));
}

/* --- xhci_ring.c --- */

/*
 * The TRB at the ring's dequeue pointer, links followed; 1, or 0: it is not ours yet. -EAGAIN:
 * *budget is used up; -EFAULT: no memory there. Does not move beyond it: xhci_ring_next does.
 */
int xhci_ring_peek(struct xhci *x, struct xhci_ring *r, struct xhci_trb *trb, unsigned *budget);
static inline void
xhci_ring_next(struct xhci_ring *r)
{
	r->deq += sizeof(struct xhci_trb);
}

/* Is there room for the events of one more piece of work? */
bool xhci_event_room(const struct xhci *x);
void xhci_event(struct xhci *x, uint64_t param, uint32_t status, uint32_t control);
/* ERSTBA was written: begin at the start of the event ring. */
void xhci_event_ring_reset(struct xhci *x);
/* Move events into the guest's ring as far as it has room, and interrupt. */
void xhci_event_flush(struct xhci *x);
void xhci_interrupt_update(struct xhci *x);

/* --- xhci_cmd.c --- */

/* Execute commands; false: cut off, there is more. */
bool xhci_commands(struct xhci *x);
void xhci_slot_disable(struct xhci_slot *s);
/* Set an endpoint's state, here and in the guest's context. */
void xhci_ep_set_state(struct xhci *x, struct xhci_slot *s, unsigned dci, unsigned state);

/* --- xhci_xfer.c --- */

/* Do an endpoint's transfers; false: cut off, there is more. */
bool xhci_transfers(struct xhci *x, struct xhci_slot *s, unsigned dci);
void xhci_transfer_event(struct xhci *x, struct xhci_slot *s, unsigned dci, uint64_t param,
    uint32_t left, enum xhci_code code, bool event_data);

/* --- xhci_port.c --- */

uint32_t xhci_port_read(const struct xhci *x, unsigned port, unsigned reg);
void xhci_port_write(struct xhci *x, unsigned port, unsigned reg, uint32_t val);
/* The controller was reset: power on, devices plugged in. */
void xhci_ports_reset(struct xhci *x);
/* The controller runs: tell what has changed. */
void xhci_ports_tell(struct xhci *x);
/* The device of a root port that is enabled and not suspended; NULL: none. */
struct usb_dev *xhci_port_device(struct xhci *x, unsigned port);

#endif
