/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a USB device model is to its host controller (xhci.h): control transfers on endpoint 0, and
 * reports on interrupt endpoint 1 IN. Packets and tokens do not exist here: a controller moves
 * whole transfers. USB 2.0, chapter 9. Pure (device.h), entered with the controller's lock. Runs in
 * zhyve.
 */
#ifndef ZHYVE_DEVICES_USB_H
#define ZHYVE_DEVICES_USB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USB_CONTROL_MAX 1024 /* bytes of a control transfer's data */
#define USB_REPORT_MAX  64   /* bytes of an interrupt transfer's */
#define USB_REPORT_EP   1    /* the one endpoint besides 0; IN */

/* The eight bytes of the setup stage (9.3), which the controller has in this order. */
struct usb_setup {
	uint8_t type, request;
	uint16_t value, index, length;
};

#define USB_DIR_IN            0x80 /* of usb_setup.type */
#define USB_SET_ADDRESS       5
#define USB_GET_DESCRIPTOR    6
#define USB_SET_CONFIGURATION 9

struct state;
struct usb_dev;

struct usb_dev_ops {
	/*
	 * One control transfer. IN: fill `data`, at most setup->length and USB_CONTROL_MAX bytes,
	 * and return how many; OUT: `data` has setup->length bytes, return 0. -1: stall.
	 */
	int (*control)(struct usb_dev *d, const struct usb_setup *setup, uint8_t *data);
	/* Is there a report to fetch? */
	bool (*has_report)(struct usb_dev *d);
	/* The next report: what fits into `len` bytes of it is written. Returns how many. */
	size_t (*report)(struct usb_dev *d, uint8_t *buf, size_t len);
	/* Bus reset: not configured, nothing to report. */
	void (*reset)(struct usb_dev *d);
	/* Save or load the device (state.h). 0 or -errno. */
	int (*state)(struct usb_dev *d, struct state *st);
};

struct usb_dev {
	const struct usb_dev_ops *ops;
	/* Set by the controller: there is a report. NULL while the device is not plugged in. */
	void (*wakeup)(void *hc, unsigned port);
	void *hc;
	unsigned port;
};

static inline void
usb_wakeup(struct usb_dev *d)
{
	if (d->wakeup != NULL)
		d->wakeup(d->hc, d->port);
}

#endif
