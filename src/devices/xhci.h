/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A USB host controller (xHCI 1.1; bhyve's, 8086:1e31) for input devices: control transfers,
 * interrupt IN transfers, one interrupter. Section numbers in xhci*.c are of the xHCI
 * specification 1.1.
 *
 * The guest's rings are hostile. A TRB and a context are read once, into private copies; a slot
 * and an endpoint are found through one function each (xhci_internal.h), which knows no others
 * than exist; a ring that has no end is left after a budget, and gone on with when the timer
 * fires; events wait in a queue of ours until the guest's event ring has room, and nothing is
 * executed whose events would not fit there. A guest that gives us no memory where it should gets
 * a Host System Error and has to reset the controller.
 *
 * Left out, and not announced: streams, isochronous and bulk transfers, hubs, scratchpads, saving
 * state. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_XHCI_H
#define ZHYVE_DEVICES_XHCI_H

#include "devices/pci.h"
#include "devices/usb.h"
#include "gmem/gmem.h"

#define XHCI_SLOTS     8 /* numbered from 1 */
#define XHCI_ENDPOINTS 31
#define XHCI_USB2      4               /* ports 1 to 4, for devices */
#define XHCI_PORTS     (XHCI_USB2 + 2) /* two more for USB 3, always empty */
#define XHCI_EVENTS    256             /* that wait for the guest's ring */
#define XHCI_BAR_SIZE  0x10000

struct xhci_trb {
	uint64_t param;
	uint32_t status, control;
};

struct xhci_ring {
	uint64_t deq; /* guest-physical, 16-byte aligned */
	bool ccs;     /* the cycle bit of TRBs that are ours */
};

struct xhci_ep {
	uint8_t state; /* enum of 6.2.3: 0 is disabled */
	struct xhci_ring ring;
	uint32_t edtla; /* bytes moved since the last Event Data TRB */
};

struct xhci_slot {
	bool enabled;
	uint8_t state;       /* 6.2.2: 0 enabled, 1 default, 2 addressed, 3 configured */
	uint64_t ctx;        /* device context, guest-physical */
	struct usb_dev *dev; /* NULL before it has been addressed */
	unsigned port;
	struct xhci_ep ep[XHCI_ENDPOINTS + 1]; /* by device context index */
	/* The control transfer under way: between its setup and its status stage. */
	bool control;
	struct usb_setup setup;
	int data_len;      /* bytes in data, -1: the device stalled */
	unsigned data_off; /* moved so far */
	uint8_t data[USB_CONTROL_MAX];
};

struct xhci_port {
	struct usb_dev *dev;
	uint32_t portsc;
};

struct xhci {
	struct pci_dev pci; /* the caller sets bdf and lock and attaches it */
	const struct gmem *gm;
	struct clock clock;
	struct dev_timer *timer; /* goes on with what a budget cut off */

	uint32_t usbcmd, usbsts, dnctrl, config;
	uint64_t crcr, dcbaap;
	bool command_running;
	struct xhci_ring command;

	/* The interrupter. */
	uint32_t iman, imod, erstsz;
	uint64_t erstba, erdp;
	unsigned segments, segment; /* of the event ring; the one that is being filled */
	uint64_t enqueue;           /* where the next event goes; 0: there is no ring */
	uint32_t seg_left;          /* TRBs to the segment's end */
	bool pcs;                   /* producer's cycle bit */

	struct xhci_trb event[XHCI_EVENTS]; /* a ring */
	unsigned event_first, event_count;

	struct xhci_slot slot[XHCI_SLOTS + 1]; /* 0 is not used */
	struct xhci_port port[XHCI_PORTS + 1]; /* 0 is not used */
	uint32_t pending[XHCI_SLOTS + 1]; /* endpoints with work, by bit; bit 0 of 0: commands */
};

/* The timer's owner fills its arm before; fire and dev are set here. 0 or -errno. */
int xhci_init(
    struct xhci *x, const struct gmem *gm, const struct clock *clock, struct dev_timer *timer);
void xhci_destroy(struct xhci *x);
/* Plug a device into the next free USB 2 port, for good; before the guest runs. 0 or -ENOSPC. */
int xhci_plug(struct xhci *x, struct usb_dev *dev);

struct state;
/*
 * Save or load the controller, its devices and its PCI function (state.h). Loading wants one that is
 * attached and fresh, with the same devices plugged in, and then xhci_resume. (xhci_state.c)
 */
int xhci_state(struct xhci *x, struct state *st);
/* Go on with what was begun. */
void xhci_resume(struct xhci *x);

#endif
