/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the USB input devices say of themselves (USB 2.0, 9.6; HID 1.11, 6.2), and the keyboard's
 * usages (HID Usage Tables 1.3, 10). Constants; runs in zhyve.
 */
#include "devices/usb_hid_tables.h"

#include "devices/usb_hid.h"

#define VENDOR     0x0627 /* whose tablet and keyboard every system knows how to treat */
#define PRODUCT    0x0001
#define INTERVAL   4 /* 2^3 microframes: a millisecond */
#define LE16(x)    ((x)&0xff), ((x) >> 8)
#define CONFIG_LEN 34

#define DEVICE                                                                                     \
	{                                                                                          \
		18, 1, LE16(0x0200), 0, 0, 0, 64, LE16(VENDOR), LE16(PRODUCT), LE16(0x0100), 1, 2, \
		    3, 1                                                                           \
	}
/*
 * One configuration (bus powered, 100 mA, may wake the host up), one interface of class HID, its
 * report descriptor's length, one interrupt endpoint.
 */
#define CONFIG(subclass, protocol, report, packet)                                               \
	{                                                                                        \
		9, 2, LE16(CONFIG_LEN), 1, 1, 0, 0xa0, 50, 9, 4, 0, 0, 1, 3, subclass, protocol, \
		    0, 9, 0x21, LE16(0x0111), 0, 1, 0x22, LE16(sizeof(report)), 7, 5, 0x81, 3,   \
		    LE16(packet), INTERVAL                                                       \
	}

static const uint8_t tablet_report[] = {
	0x05, 0x01,       /* usage page: generic desktop */
	0x09, 0x02,       /* usage: mouse */
	0xa1, 0x01,       /* collection: application */
	0x09, 0x01,       /*  usage: pointer */
	0xa1, 0x00,       /*  collection: physical */
	0x05, 0x09,       /*   usage page: buttons */
	0x19, 0x01,       /*   from 1 */
	0x29, 0x03,       /*   to 3 */
	0x15, 0x00,       /*   logical minimum 0 */
	0x25, 0x01,       /*   logical maximum 1 */
	0x95, 0x03,       /*   three of them, */
	0x75, 0x01,       /*   a bit each */
	0x81, 0x02,       /*   input: data, variable, absolute */
	0x95, 0x01,       /*   one */
	0x75, 0x05,       /*   of five bits */
	0x81, 0x01,       /*   input: constant */
	0x05, 0x01,       /*   usage page: generic desktop */
	0x09, 0x30,       /*   usage: X */
	0x09, 0x31,       /*   usage: Y */
	0x15, 0x00,       /*   logical minimum 0 */
	0x26, 0xff, 0x7f, /*   logical maximum 32767 */
	0x35, 0x00,       /*   physical minimum 0 */
	0x46, 0xff, 0x7f, /*   physical maximum 32767 */
	0x75, 0x10,       /*   16 bits each, */
	0x95, 0x02,       /*   two of them */
	0x81, 0x02,       /*   input: data, variable, absolute */
	0x09, 0x38,       /*   usage: wheel */
	0x15, 0x81,       /*   logical minimum -127 */
	0x25, 0x7f,       /*   logical maximum 127 */
	0x35, 0x00,       /*   physical minimum and maximum as the logical ones */
	0x45, 0x00,       /*   */
	0x75, 0x08,       /*   8 bits, */
	0x95, 0x01,       /*   once */
	0x81, 0x06,       /*   input: data, variable, relative */
	0xc0,             /*  end */
	0xc0,             /* end */
};

static const uint8_t keyboard_report[] = {
	0x05, 0x01,       /* usage page: generic desktop */
	0x09, 0x06,       /* usage: keyboard */
	0xa1, 0x01,       /* collection: application */
	0x05, 0x07,       /*  usage page: keys */
	0x19, 0xe0,       /*  from left control */
	0x29, 0xe7,       /*  to right GUI */
	0x15, 0x00,       /*  logical minimum 0 */
	0x25, 0x01,       /*  logical maximum 1 */
	0x75, 0x01,       /*  a bit each, */
	0x95, 0x08,       /*  eight of them */
	0x81, 0x02,       /*  input: data, variable, absolute */
	0x95, 0x01,       /*  one */
	0x75, 0x08,       /*  byte */
	0x81, 0x01,       /*  input: constant */
	0x95, 0x05,       /*  five */
	0x75, 0x01,       /*  bits */
	0x05, 0x08,       /*  usage page: lights */
	0x19, 0x01,       /*  from number lock */
	0x29, 0x05,       /*  to kana */
	0x91, 0x02,       /*  output: data, variable, absolute */
	0x95, 0x01,       /*  one */
	0x75, 0x03,       /*  of three bits */
	0x91, 0x01,       /*  output: constant */
	0x95, 0x06,       /*  six */
	0x75, 0x08,       /*  bytes */
	0x15, 0x00,       /*  logical minimum 0 */
	0x26, 0xff, 0x00, /*  logical maximum 255 */
	0x05, 0x07,       /*  usage page: keys */
	0x19, 0x00,       /*  from none */
	0x2a, 0xff, 0x00, /*  to the last */
	0x81, 0x00,       /*  input: data, array */
	0xc0,             /* end */
};

static const uint8_t device[18] = DEVICE;
static const uint8_t tablet_config[CONFIG_LEN] = CONFIG(0, 0, tablet_report, 8);
static const uint8_t keyboard_config[CONFIG_LEN] = CONFIG(1, 1, keyboard_report, 8);

const uint8_t usb_hid_languages[4] = { 4, 3, LE16(0x0409) };

const struct usb_hid_tables usb_hid_tables[2] = {
	[USB_HID_TABLET] = { device, tablet_config, tablet_report, sizeof(tablet_report),
	    { "zhyve", "USB tablet", "1" } },
	[USB_HID_KEYBOARD] = { device, keyboard_config, keyboard_report, sizeof(keyboard_report),
	    { "zhyve", "USB keyboard", "2" } },
};

/* clang-format off */
static const uint8_t usages[128] = { /* by the numbers of Linux */
	0x00, 0x29, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27,
	0x2d, 0x2e, 0x2a, 0x2b, 0x14, 0x1a, 0x08, 0x15, 0x17, 0x1c, 0x18, 0x0c,
	0x12, 0x13, 0x2f, 0x30, 0x28, 0xe0, 0x04, 0x16, 0x07, 0x09, 0x0a, 0x0b,
	0x0d, 0x0e, 0x0f, 0x33, 0x34, 0x35, 0xe1, 0x31, 0x1d, 0x1b, 0x06, 0x19,
	0x05, 0x11, 0x10, 0x36, 0x37, 0x38, 0xe5, 0x55, 0xe2, 0x2c, 0x39, 0x3a,
	0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x53, 0x47, 0x5f,
	0x60, 0x61, 0x56, 0x5c, 0x5d, 0x5e, 0x57, 0x59, 0x5a, 0x5b, 0x62, 0x63,
	0x00, 0x94, 0x64, 0x44, 0x45, 0x87, 0x92, 0x93, 0x8a, 0x88, 0x8b, 0x8c,
	0x58, 0xe4, 0x54, 0x46, 0xe6, 0x00, 0x4a, 0x52, 0x4b, 0x50, 0x4f, 0x4d,
	0x51, 0x4e, 0x49, 0x4c, 0x00, 0x7f, 0x81, 0x80, 0x66, 0x67, 0x00, 0x48,
	0x00, 0x85, 0x90, 0x91, 0x89, 0xe3, 0xe7, 0x65,
};
/* clang-format on */

uint8_t
usb_hid_usage(unsigned key)
{
	return (key < sizeof(usages) ? usages[key] : 0);
}
