/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * USB human interface devices (HID 1.11) that show input.h's events: a tablet with three buttons
 * and a wheel, and a keyboard that also speaks the boot protocol. High speed. Events that the guest
 * does not fetch wait in a short queue; then the oldest movements are merged, and more keys are
 * lost, as on a real keyboard whose buffer is full. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_USB_HID_H
#define ZHYVE_DEVICES_USB_HID_H

#include "devices/input.h"
#include "devices/usb.h"

enum usb_hid_kind {
	USB_HID_TABLET,
	USB_HID_KEYBOARD
};

#define USB_HID_QUEUE   32
#define USB_HID_PRESSED 6 /* keys that a report can show at once, modifiers aside */

struct usb_hid {
	struct usb_dev usb;
	enum usb_hid_kind kind;
	uint8_t configuration, idle, protocol;
	/* Events that have not been fetched; a ring. */
	union usb_hid_event {
		struct input_pointer pointer;
		struct {
			uint8_t usage; /* HID Usage Tables 1.3, 10 */
			bool down;
		} key;
	} event[USB_HID_QUEUE];
	unsigned first, count;
	/* What the last report said. */
	struct input_pointer pointer;
	uint8_t modifiers, pressed[USB_HID_PRESSED];
};

void usb_hid_init(struct usb_hid *h, enum usb_hid_kind kind);
/*
 * What a sink for the router needs but for its lock, which is the controller's: key or pointer,
 * ready, dev, name, priority.
 */
void usb_hid_sink(struct usb_hid *h, struct input_sink *s);

#endif
