/* SPDX-License-Identifier: BSD-2-Clause */
/* The USB tablet and keyboard: descriptors that fit together, reports, what waits and is merged. */
#include "devices/usb_hid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"

#define KEY_A         30
#define KEY_LEFTSHIFT 42
#define KEY_F1        59

static struct usb_hid hid;
static struct input_sink sink;
static uint8_t data[USB_CONTROL_MAX];
static unsigned woken;

static void
wakeup(void *hc, unsigned port)
{
	woken++;
}

static int
control(uint8_t type, uint8_t request, uint16_t value, uint16_t length)
{
	const struct usb_setup s = { type, request, value, 0, length };

	memset(data, 0xee, sizeof(data));
	return (hid.usb.ops->control(&hid.usb, &s, data));
}

static void
make(enum usb_hid_kind kind)
{
	woken = 0;
	usb_hid_init(&hid, kind);
	usb_hid_sink(&hid, &sink);
	hid.usb.wakeup = wakeup;
}

static void
configure(enum usb_hid_kind kind)
{
	make(kind);
	assert_false(sink.ready(sink.dev));
	assert_int_equal(control(0, 9, 1, 0), 0);
	assert_true(sink.ready(sink.dev));
}

static size_t
report(uint8_t buf[8])
{
	memset(buf, 0, 8);
	return (hid.usb.ops->has_report(&hid.usb) ? hid.usb.ops->report(&hid.usb, buf, 8) : 0);
}

static void
test_descriptors(void **state)
{
	for (enum usb_hid_kind k = USB_HID_TABLET; k <= USB_HID_KEYBOARD; k++) {
		unsigned at = 0, total, report_len = 0, endpoints = 0;

		make(k);
		assert_int_equal(control(0x80, 6, 0x100, 64), 18);
		assert_int_equal(data[0], 18);
		assert_int_equal(control(0x80, 6, 0x100, 8), 8); /* the front part */
		assert_int_equal(data[8], 0xee);
		total = (unsigned)control(0x80, 6, 0x200, 255);
		assert_int_equal(total, le16_get(data + 2));
		while (at < total) { /* one after the other to the end */
			assert_true(data[at] >= 2);
			if (data[at + 1] == 0x21)
				report_len = le16_get(data + at + 7);
			if (data[at + 1] == 5)
				endpoints++;
			at += data[at];
		}
		assert_int_equal(at, total);
		assert_int_equal(endpoints, 1);
		assert_int_equal(control(0x81, 6, 0x2200, 255), report_len);
		assert_int_equal(data[report_len - 1], 0xc0);
		assert_int_equal(control(0x81, 6, 0x2100, 255), 9);
		for (unsigned i = 0; i < 4; i++) {
			assert_true(control(0x80, 6, (uint16_t)(0x300 + i), 255) >= 4);
			assert_int_equal(data[1], 3);
		}
		assert_int_equal(control(0x80, 6, 0x304, 255), -1);
		assert_int_equal(control(0x80, 6, 0x600, 255), -1); /* no other speed */
		assert_int_equal(control(0xc0, 6, 0x100, 255), -1); /* vendor */
		assert_int_equal(control(0, 9, 2, 0), -1);
	}
}

static void
test_tablet(void **state)
{
	const struct input_pointer p = { .x = 0x1234, .y = 0x7fff, .buttons = INPUT_LEFT };
	const struct input_pointer wheel = { .x = 1, .y = 2, .buttons = INPUT_MIDDLE, .wheel = -1 };
	uint8_t buf[8];

	configure(USB_HID_TABLET);
	assert_null(sink.key);
	assert_int_equal(report(buf), 0);
	sink.pointer(sink.dev, &p);
	sink.pointer(sink.dev, &wheel);
	assert_int_equal(woken, 2);
	assert_int_equal(report(buf), 6);
	assert_memory_equal(buf, "\x01\x34\x12\xff\x7f\x00", 6);
	assert_int_equal(report(buf), 6);
	assert_memory_equal(buf, "\x04\x01\x00\x02\x00\xff", 6);
	assert_int_equal(report(buf), 0);
	/* The state as a control transfer shows it: the wheel is told once. */
	assert_int_equal(control(0xa1, 1, 0x100, 64), 6);
	assert_memory_equal(data, "\x04\x01\x00\x02\x00\x00", 6);
}

static void
test_merging(void **state)
{
	struct input_pointer p = { 0 };
	uint8_t buf[8];
	unsigned n = 0;

	configure(USB_HID_TABLET);
	for (p.x = 1; p.x < 100; p.x++)
		sink.pointer(sink.dev, &p);
	p.buttons = INPUT_LEFT;
	sink.pointer(sink.dev, &p);
	p.buttons = 0;
	sink.pointer(sink.dev, &p);
	assert_int_equal(report(buf), 6);
	assert_int_equal(buf[1], 99);
	assert_int_equal(report(buf), 6);
	assert_int_equal(buf[0], 1);
	assert_int_equal(report(buf), 6);
	assert_int_equal(buf[0], 0);
	assert_int_equal(report(buf), 0);
	/* More clicks than there is room for: the last one counts. */
	for (unsigned i = 0; i < 3 * USB_HID_QUEUE + 1; i++) {
		p.buttons = i & 1;
		sink.pointer(sink.dev, &p);
	}
	while (report(buf) != 0)
		n++;
	assert_int_equal(n, USB_HID_QUEUE);
	assert_int_equal(buf[0], 0);
}

static void
test_keyboard(void **state)
{
	uint8_t buf[8];

	configure(USB_HID_KEYBOARD);
	assert_null(sink.pointer);
	sink.key(sink.dev, KEY_LEFTSHIFT, true);
	sink.key(sink.dev, KEY_A, true);
	sink.key(sink.dev, KEY_A, true); /* repeated */
	sink.key(sink.dev, 0xff, true);  /* no such key */
	sink.key(sink.dev, KEY_A, false);
	sink.key(sink.dev, KEY_LEFTSHIFT, false);
	assert_int_equal(report(buf), 8);
	assert_memory_equal(buf, "\x02\0\0\0\0\0\0\0", 8);
	assert_int_equal(report(buf), 8);
	assert_memory_equal(buf, "\x02\0\x04\0\0\0\0\0", 8);
	assert_int_equal(report(buf), 8);
	assert_int_equal(report(buf), 8);
	assert_memory_equal(buf, "\x02\0\0\0\0\0\0\0", 8);
	assert_int_equal(report(buf), 8);
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(report(buf), 0);
	assert_int_equal(control(0x21, 9, 0x200, 1), 0); /* lights */
}

/* Seven keys at once: the seventh is not shown; the others go up in any order. */
static void
test_many_keys(void **state)
{
	uint8_t buf[8];

	configure(USB_HID_KEYBOARD);
	for (unsigned k = 0; k < 7; k++)
		sink.key(sink.dev, KEY_F1 + k, true);
	while (report(buf) != 0)
		assert_true(buf[2] == 0x3a);
	assert_memory_equal(hid.pressed, "\x3a\x3b\x3c\x3d\x3e\x3f", 6);
	sink.key(sink.dev, KEY_F1 + 2, false);
	assert_int_equal(report(buf), 8);
	assert_memory_equal(buf + 2, "\x3a\x3b\x3d\x3e\x3f\0", 6);
	hid.usb.ops->reset(&hid.usb);
	assert_false(sink.ready(sink.dev));
	assert_int_equal(hid.pressed[0], 0);
}

static void
test_short_reads(void **state)
{
	const struct input_pointer p = { .x = 7 };
	uint8_t buf[8] = { 0xee, 0xee, 0xee };

	configure(USB_HID_TABLET);
	sink.pointer(sink.dev, &p);
	assert_int_equal(hid.usb.ops->report(&hid.usb, buf, 2), 2);
	assert_int_equal(buf[2], 0xee);
	assert_int_equal(hid.usb.ops->report(&hid.usb, buf, 8), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_tablet),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_keyboard),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_short_reads),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
