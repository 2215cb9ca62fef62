/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root hub of the xHCI controller: its ports (4.19, 5.4.8). The devices stay plugged in for
 * good. Pure; runs in zhyve.
 */
#include <errno.h>
#include <stddef.h>

#include "devices/xhci_internal.h"

#define PORTSC      0
#define CCS         0x00000001u /* connected */
#define PED         0x00000002u /* enabled */
#define PR          0x00000010u /* reset */
#define PLS_SHIFT   5
#define PLS         0x000001e0u /* link state: */
#define PLS_U0      (0u << PLS_SHIFT)
#define PLS_U3      (3u << PLS_SHIFT)
#define PLS_DETECT  (5u << PLS_SHIFT)
#define PLS_POLLING (7u << PLS_SHIFT)
#define PLS_RESUME  (15u << PLS_SHIFT)
#define PP          0x00000200u /* power */
#define SPEED       0x00003c00u
#define SPEED_HIGH  (3u << 10)
#define INDICATOR   0x0000c000u
#define LWS         0x00010000u /* the link state is to be written */
#define CSC         0x00020000u /* changed: connection, */
#define PEC         0x00040000u /* enabling, */
#define PRC         0x00200000u /* reset done, */
#define PLC         0x00400000u /* link state */
#define CHANGES     0x00fe0000u
#define WAKE        0x0e000000u
#define DR          0x40000000u /* the device cannot be removed */
#define WPR         0x80000000u /* warm reset, USB 3 */

static void
tell(struct xhci *x, unsigned port)
{
	x->usbsts |= USBSTS_PCD;
	if (xhci_running(x))
		xhci_event(x, (uint64_t)port << 24, (uint32_t)CC_SUCCESS << 24,
		    TRB_TYPE_IS(TRB_PORT_EVENT));
}

/* Set change bits; the guest is told when they were not all set. */
static void
changed(struct xhci *x, unsigned port, uint32_t bits)
{
	struct xhci_port *p = &x->port[port];

	if ((p->portsc & bits) == bits)
		return;
	p->portsc |= bits;
	tell(x, port);
}

void
xhci_ports_reset(struct xhci *x)
{
	for (unsigned i = 1; i <= XHCI_PORTS; i++) {
		struct xhci_port *p = &x->port[i];

		p->portsc = PP | PLS_DETECT;
		if (p->dev == NULL)
			continue;
		p->portsc = PP | CCS | CSC | PLS_POLLING | SPEED_HIGH | DR;
		p->dev->ops->reset(p->dev);
	}
}

void
xhci_ports_tell(struct xhci *x)
{
	for (unsigned i = 1; i <= XHCI_PORTS; i++) {
		if ((x->port[i].portsc & CHANGES) != 0)
			tell(x, i);
	}
}

struct usb_dev *
xhci_port_device(struct xhci *x, unsigned port)
{
	if (port == 0 || port > XHCI_PORTS ||
	    (x->port[port].portsc & (PED | PLS)) != (PED | PLS_U0))
		return (NULL);
	return (x->port[port].dev);
}

/* The port's device may be able to hand over its reports. */
static void
pend(struct xhci *x, const struct usb_dev *dev)
{
	for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
		if (x->slot[i].enabled && x->slot[i].dev == dev)
			x->pending[i] |= 1u << DCI_REPORT;
	}
}

static void
reset_port(struct xhci *x, unsigned port)
{
	struct xhci_port *p = &x->port[port];

	if (p->dev == NULL)
		return;
	p->dev->ops->reset(p->dev);
	p->portsc = (p->portsc & ~PLS) | PED | PLS_U0;
	changed(x, port, PRC);
}

static void
write_link(struct xhci *x, unsigned port, uint32_t state)
{
	struct xhci_port *p = &x->port[port];

	if ((p->portsc & PED) == 0)
		return;
	if (state == PLS_U3 || state == PLS_RESUME) {
		p->portsc = (p->portsc & ~PLS) | state;
	} else if (state == PLS_U0 && (p->portsc & PLS) != PLS_U0) {
		p->portsc &= ~PLS;
		changed(x, port, PLC);
		pend(x, p->dev);
	}
}

static void
write_portsc(struct xhci *x, unsigned port, uint32_t val)
{
	struct xhci_port *p = &x->port[port];

	p->portsc &= ~(val & CHANGES);
	p->portsc = (p->portsc & ~(INDICATOR | WAKE)) | (val & (INDICATOR | WAKE));
	if ((val & PP) == 0) {
		p->portsc &= ~(PP | PED | PLS);
		p->portsc |= PLS_DETECT;
		return;
	}
	p->portsc |= PP;
	if ((val & (PR | WPR)) != 0)
		reset_port(x, port);
	else if ((val & PED) != 0)
		p->portsc &= ~PED;
	else if ((val & LWS) != 0)
		write_link(x, port, val & PLS);
}

uint32_t
xhci_port_read(const struct xhci *x, unsigned port, unsigned reg)
{
	return (reg == PORTSC ? x->port[port].portsc : 0);
}

void
xhci_port_write(struct xhci *x, unsigned port, unsigned reg, uint32_t val)
{
	if (reg == PORTSC)
		write_portsc(x, port, val);
}

/* A device has a report. One that is suspended asks to be resumed (4.15.2.3). */
static void
wakeup(void *hc, unsigned port)
{
	struct xhci *x = hc;
	struct xhci_port *p = &x->port[port];

	if ((p->portsc & PED) != 0 && (p->portsc & PLS) == PLS_U3) {
		p->portsc = (p->portsc & ~PLS) | PLS_RESUME;
		changed(x, port, PLC);
	}
	pend(x, p->dev);
	xhci_work(x);
}

int
xhci_plug(struct xhci *x, struct usb_dev *dev)
{
	for (unsigned i = 1; i <= XHCI_USB2; i++) {
		if (x->port[i].dev != NULL)
			continue;
		x->port[i].dev = dev;
		dev->wakeup = wakeup;
		dev->hc = x;
		dev->port = i;
		xhci_ports_reset(x);
		return (0);
	}
	return (-ENOSPC);
}
