/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of the USB input devices, and which key is which usage. Private to usb_hid*.c. */
#ifndef ZHYVE_DEVICES_USB_HID_TABLES_H
#define ZHYVE_DEVICES_USB_HID_TABLES_H

#include <stddef.h>
#include <stdint.h>

#define USB_HID_STRINGS 3
#define USB_HID_DESC_AT 18 /* the HID descriptor within the configuration */

struct usb_hid_tables {
	const uint8_t *device;
	const uint8_t *config; /* with interface, HID and endpoint descriptors */
	const uint8_t *report;
	uint8_t report_len;
	const char *string[USB_HID_STRINGS]; /* manufacturer, product, serial number */
};

/* By enum usb_hid_kind. */
extern const struct usb_hid_tables usb_hid_tables[2];
extern const uint8_t usb_hid_languages[4];

/* The usage (page 7) of a key as input.h numbers it; 0: none. */
uint8_t usb_hid_usage(unsigned key);

#endif
