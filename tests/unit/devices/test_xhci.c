/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xHCI controller under a driver's hands, good and bad: rings, slots, endpoints, events that do
 * not fit, rings without end, memory that is none, a tablet's way from port to report.
 */
#include "devices/xhci.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/usb_hid.h"
#include "host_time.h"
#include "pci_host.h"
#include "saved.h"

#define RAM      (1u << 20)
#define BDF      PCI_BDF(0, 3, 0)
#define DCBAA    0x1000u
#define ERST     0x1100u
#define EVENTS   0x2000u
#define COMMANDS 0x4000u
#define EP0      0x5000u
#define EP1      0x6000u
#define DEVICE   0x7000u
#define INPUT    0x8000u
#define DATA     0x9000u

#define USBCMD   0x20u
#define USBSTS   0x24u
#define PORTSC   0x420u
#define IMAN     0x620u
#define ERDP     0x638u
#define BELL     0x800u

#define IOC      0x20u
#define CODE(e)  ((e).status >> 24)

static uint8_t *ram;
static struct gmem gm;
static struct pci_bus *pci;
static struct xhci x;
static struct usb_hid tablet;
static struct input_sink sink;
static struct dev_timer timer;
static unsigned n_commands, n_ep0, n_ep1; /* TRBs put so far */
static uint64_t event_at;                 /* where the next one is looked for */
static uint32_t event_cycle;

static void
w32(unsigned off, uint32_t val)
{
	pci_bar_ops[0].write(&x.pci, off, 4, val);
}

static uint32_t
r32(unsigned off)
{
	return ((uint32_t)pci_bar_ops[0].read(&x.pci, off, 4));
}

static void
trb(uint64_t at, uint64_t param, uint32_t status, uint32_t control)
{
	le64_put(ram + at, param);
	le32_put(ram + at + 8, status);
	le32_put(ram + at + 12, control);
}

static bool
event(struct xhci_trb *e)
{
	const uint8_t *p = ram + event_at;

	if ((le32_get(p + 12) & 1) != event_cycle)
		return (false);
	*e = (struct xhci_trb){ le64_get(p), le32_get(p + 8), le32_get(p + 12) };
	event_at += 16;
	return (true);
}

/* The next event must be of this type. */
static struct xhci_trb
expect(unsigned type)
{
	struct xhci_trb e = { 0 };

	assert_true(event(&e));
	assert_int_equal(e.control >> 10 & 63, type);
	return (e);
}

static void
nothing(void)
{
	struct xhci_trb e;

	assert_false(event(&e));
}

static unsigned
command(uint64_t param, uint32_t control)
{
	struct xhci_trb e;
	uint64_t at = COMMANDS + n_commands++ * 16;

	trb(at, param, 0, control | 1);
	w32(BELL, 0);
	e = expect(33);
	assert_int_equal(e.param, at);
	w32(ERDP, (uint32_t)event_at | 8);
	return (CODE(e));
}

static void
ep0_trb(uint64_t param, uint32_t status, uint32_t control)
{
	trb(EP0 + n_ep0++ * 16, param, status, control | 1);
}

static int
setup(void **state)
{
	const struct clock clock = { .now_ns = host_now };

	ram = aligned_alloc(4096, RAM);
	memset(ram, 0, RAM);
	gmem_wrap(&gm, ram, RAM);
	now = 1;
	armed = 0;
	n_commands = n_ep0 = n_ep1 = 0;
	timer = (struct dev_timer){ .arm = host_arm };
	pci = host_bus();
	assert_int_equal(xhci_init(&x, &gm, &clock, &timer), 0);
	usb_hid_init(&tablet, USB_HID_TABLET);
	usb_hid_sink(&tablet, &sink);
	assert_int_equal(xhci_plug(&x, &tablet.usb), 0);
	x.pci.bdf = BDF;
	assert_int_equal(pci_attach(pci, &x.pci, NULL), 0);
	pci_cfg_write(pci, BDF, 4, 2, 6);
	return (0);
}

static int
teardown(void **state)
{
	xhci_destroy(&x);
	pci_bus_destroy(pci);
	free(ram);
	return (0);
}

static void
run(unsigned segments, unsigned trbs)
{
	for (unsigned i = 0; i < segments; i++) {
		le64_put(ram + ERST + i * 16, EVENTS + i * 0x800);
		le32_put(ram + ERST + i * 16 + 8, trbs);
	}
	le64_put(ram + DCBAA + 8, DEVICE);
	w32(0x58, 8);
	w32(0x50, DCBAA);
	w32(0x38, COMMANDS | 1);
	w32(0x3c, 0);
	w32(0x628, segments);
	w32(0x630, ERST);
	w32(0x634, 0);
	w32(ERDP, EVENTS);
	w32(0x63c, 0);
	event_at = EVENTS;
	event_cycle = 1;
	pci_cfg_write(pci, BDF, 0x42, 2, 0x8000); /* MSI-X on, vector 0 open */
	w32(0x100c, 0);
	w32(IMAN, 2);
	w32(USBCMD, 5);
}

/* Until the tablet is configured; its events read. */
static void
bring_up(void)
{
	uint8_t *in = ram + INPUT;

	run(1, 128);
	(void)expect(34); /* something is plugged in */
	w32(PORTSC, 0x210);
	(void)expect(34); /* the reset is done */
	w32(PORTSC, 0x200 | 0xfe0000);
	w32(ERDP, (uint32_t)event_at | 8);
	assert_int_equal(r32(PORTSC) & 0x3fe3, 0xe03 & 0x3fe3);
	assert_int_equal(command(0, 9u << 10), 1);
	le32_put(in + 4, 3);
	le32_put(in + 36, 1u << 16);
	le64_put(in + 72, EP0 | 1);
	assert_int_equal(command(INPUT, 11u << 10 | 1u << 24), 1);
	ep0_trb(0x00010900, 8, 2u << 10 | 0x40);
	ep0_trb(0, 0, 4u << 10 | IOC | 1u << 16);
	w32(BELL + 4, 1);
	assert_int_equal(CODE(expect(32)), 1);
	le32_put(in + 4, 1 | 1u << 3);
	le64_put(in + 32 + 3 * 32 + 8, EP1 | 1);
	assert_int_equal(command(INPUT, 12u << 10 | 1u << 24), 1);
	assert_int_equal(le32_get(ram + DEVICE + 12), 3u << 27 | 1);
	assert_int_equal(tablet.configuration, 1);
}

static void
report_trb(uint32_t len, uint32_t flags)
{
	trb(EP1 + n_ep1 * 16, DATA + n_ep1 * 64, len, 1u << 10 | flags | 1);
	n_ep1++;
}

static void
point(uint16_t px, uint8_t buttons)
{
	const struct input_pointer p = { .x = px, .buttons = buttons };

	sink.pointer(sink.dev, &p);
}

static void
test_registers(void **state)
{
	assert_int_equal((uint8_t)pci_bar_ops[0].read(&x.pci, 0, 1), 0x20);
	assert_int_equal((uint16_t)pci_bar_ops[0].read(&x.pci, 2, 2), 0x110);
	assert_int_equal(pci_bar_ops[0].read(&x.pci, 0x10, 8) >> 32, 0x800);
	assert_int_equal(r32(USBSTS), 1);
	assert_int_equal(r32(0x28), 1);
	w32(BELL, 0); /* halted: nothing */
	w32(0x30, 0xffffffff);
	w32(0xfffc, 1);
	pci_bar_ops[0].write(&x.pci, USBCMD, 1, 1); /* registers have 32 bits */
	assert_int_equal(r32(USBCMD), 0);
	w32(USBCMD, 0x200); /* restore: there is nothing to restore */
	assert_int_equal(r32(USBSTS), 0x401);
	w32(USBSTS, 0x400);
	assert_int_equal(r32(USBSTS), 1);
	assert_int_equal(r32(PORTSC) & 1, 1);
	assert_int_equal(r32(PORTSC + 16) & 1, 0);
	assert_int_equal(r32(PORTSC + 16 * XHCI_PORTS), 0);
	/* Two protocols. */
	assert_int_equal(r32(0x500), 0x02000402);
	assert_int_equal(r32(0x504), 0x20425355);
	assert_int_equal(r32(0x510), 0x03000002);
}

static void
test_report(void **state)
{
	struct xhci_trb e;
	unsigned before;

	bring_up();
	before = messages;
	point(0x1234, INPUT_LEFT); /* before there is room for it */
	nothing();
	report_trb(8, IOC | 4);
	report_trb(6, IOC);
	w32(BELL + 4, 3);
	e = expect(32);
	assert_int_equal(CODE(e), 13); /* short by two */
	assert_int_equal(e.status & 0xffffff, 2);
	assert_int_equal(e.param, EP1);
	assert_int_equal(e.control >> 16, 1u << 8 | 3);
	assert_memory_equal(ram + DATA, "\x01\x34\x12\0\0\0\0", 7);
	assert_int_equal(messages, before + 1);
	nothing();
	point(0x0101, 0);
	assert_int_equal(CODE(expect(32)), 1);
	assert_int_equal(messages, before + 1); /* the driver is still busy with the first */
	assert_memory_equal(ram + DATA + 64, "\0\x01\x01", 3);
	w32(ERDP, (uint32_t)(event_at - 16) | 8); /* and now is again, with one left */
	assert_int_equal(messages, before + 2);
}

/* A report over three TRBs and an Event Data TRB, through a link. */
static void
test_chain(void **state)
{
	struct xhci_trb e;

	bring_up();
	report_trb(2, 0x10);
	report_trb(1, 0x10);
	trb(EP1 + 32, EP1 + 0x100, 0, 6u << 10 | 1);
	trb(EP1 + 0x100, DATA + 128, 8, 1u << 10 | 0x10 | 1);
	trb(EP1 + 0x110, 0xabcdef0123, 0, 7u << 10 | IOC | 1);
	w32(BELL + 4, 3);
	point(0x5678, 0);
	e = expect(32);
	assert_int_equal(e.param, 0xabcdef0123);
	assert_int_equal(e.status & 0xffffff, 6);
	assert_int_equal(e.control & 4, 4);
	nothing();
	assert_int_equal(ram[DATA + 1], 0x78);
	assert_int_equal(ram[DATA + 64], 0x56);
	/* Not a whole one: it waits. */
	trb(EP1 + 0x120, DATA, 8, 1u << 10 | 0x10 | 1);
	w32(BELL + 4, 3);
	point(1, 0);
	nothing();
	assert_true(tablet.count == 1);
}

static void
test_malformed_transfers(void **state)
{
	static const struct {
		uint32_t len, control;
		unsigned code;
		uint64_t param;
	} bad[] = {
		{ 8, 3u << 10 | IOC, 5, DATA },               /* a data stage */
		{ 8, 1u << 10 | IOC, 2, RAM - 4 },            /* beyond RAM */
		{ 8, 1u << 10 | IOC, 2, 0xfffffffffffffff8 }, /* wrapping */
	};

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		struct xhci_trb e;

		if (i > 0) {
			(void)teardown(NULL);
			(void)setup(NULL);
		}
		bring_up();
		trb(EP1, bad[i].param, bad[i].len, bad[i].control | 1);
		point(1, 0);
		w32(BELL + 4, 3);
		e = expect(32);
		assert_int_equal(CODE(e), bad[i].code);
		assert_int_equal(ram[DEVICE + 3 * 32] & 7, 2); /* halted */
		w32(BELL + 4, 3);
		nothing();
		assert_int_equal(command(0, 15u << 10 | 3u << 16 | 1u << 24), 19);
		assert_int_equal(command(0, 14u << 10 | 3u << 16 | 1u << 24), 1);
		assert_int_equal(command((EP1 + 0x200) | 1, 16u << 10 | 3u << 16 | 1u << 24), 1);
		assert_int_equal(le64_get(ram + DEVICE + 3 * 32 + 8), (EP1 + 0x200) | 1);
		trb(EP1 + 0x200, DATA, 8, 1u << 10 | IOC | 1);
		point(2, 0);
		w32(BELL + 4, 3);
		assert_int_equal(CODE(expect(32)), 13);
	}
}

/* A chain that never ends is refused, one of Data TRBs that goes round is left. */
static void
test_endless_rings(void **state)
{
	bring_up();
	for (unsigned i = 0; i < 64; i++)
		report_trb(1, 0x10);
	point(1, 0);
	w32(BELL + 4, 3);
	assert_int_equal(CODE(expect(32)), 5);
	/* Links in a circle, on the command ring. */
	trb(COMMANDS + n_commands * 16, COMMANDS + n_commands * 16, 0, 6u << 10 | 1);
	w32(BELL, 0);
	assert_int_equal(armed, now + 1000000);
	armed = 0;
	timer.fire(timer.dev);
	assert_int_not_equal(armed, 0);
	/* The driver can still stop it. */
	w32(0x38, 4);
	assert_int_equal(CODE(expect(33)), 24);
	assert_int_equal(r32(0x38), 0);
	w32(USBCMD, 2);
	assert_int_equal(armed, 0);
}

static void
test_bad_ids(void **state)
{
	bring_up();
	assert_int_equal(command(0, 10u << 10), 11);
	assert_int_equal(command(0, 10u << 10 | 9u << 24), 11);
	assert_int_equal(command(0, 10u << 10 | 255u << 24), 11);
	assert_int_equal(command(INPUT, 11u << 10 | 2u << 24), 11);
	for (unsigned dci = 0; dci < 32; dci++) {
		if (dci != 1 && dci != 3)
			assert_int_equal(
			    command(0, 15u << 10 | dci << 16 | 1u << 24), dci == 0 ? 19 : 12);
	}
	assert_int_equal(command(0, 50u << 10), 5);
	for (unsigned id = 0; id < 256; id++) {
		for (unsigned dci = 0; dci < 256; dci += 5)
			w32(BELL + id * 4, dci);
	}
	nothing();
	/* All slots, and one more. */
	for (unsigned i = 2; i <= XHCI_SLOTS; i++)
		assert_int_equal(command(0, 9u << 10), 1);
	assert_int_equal(command(0, 9u << 10), 9);
	/* The same port twice; a port that is empty, or does not exist; contexts that are no RAM. */
	le32_put(ram + INPUT + 4, 3);
	assert_int_equal(command(INPUT, 11u << 10 | 2u << 24), 17);
	le32_put(ram + INPUT + 36, 2u << 16);
	assert_int_equal(command(INPUT, 11u << 10 | 2u << 24), 4);
	le32_put(ram + INPUT + 36, 200u << 16);
	assert_int_equal(command(INPUT, 11u << 10 | 2u << 24), 4);
	assert_int_equal(command(RAM - 16, 11u << 10 | 2u << 24), 17);
	assert_int_equal(command(INPUT, 12u << 10 | 2u << 24), 19);
	le32_put(ram + INPUT + 4, 1 | 1u << 31);
	le64_put(ram + INPUT + 32 + 31 * 32 + 8, EP1 | 1);
	assert_int_equal(command(INPUT, 12u << 10 | 1u << 24), 1); /* nobody is behind it: */
	trb(EP1, DATA, 8, 1u << 10 | IOC | 1);
	w32(BELL + 4, 31);
	assert_int_equal(CODE(expect(32)), 4);
}

static void
test_stall(void **state)
{
	bring_up();
	ep0_trb(0x0000060006000680ull | 255ull << 48, 8, 2u << 10 | 0x40);
	le64_put(ram + EP0 + (n_ep0 - 1) * 16, 0x80 | 6u << 8 | 0x0600ull << 16 | 255ull << 48);
	ep0_trb(DATA, 255, 3u << 10 | 1u << 16);
	ep0_trb(0, 0, 4u << 10 | IOC);
	w32(BELL + 4, 1);
	assert_int_equal(CODE(expect(32)), 6);
	nothing();
	assert_int_equal(ram[DEVICE + 32] & 7, 2);
	assert_int_equal(command(0, 14u << 10 | 1u << 16 | 1u << 24), 1);
	assert_int_equal(command((EP0 + n_ep0 * 16) | 1, 16u << 10 | 1u << 16 | 1u << 24), 1);
	/* Stages out of order, a setup stage that is not immediate. */
	ep0_trb(DATA, 8, 3u << 10 | IOC);
	w32(BELL + 4, 1);
	assert_int_equal(CODE(expect(32)), 5);
	assert_int_equal(command(0, 14u << 10 | 1u << 16 | 1u << 24), 1);
	assert_int_equal(command((EP0 + n_ep0 * 16) | 1, 16u << 10 | 1u << 16 | 1u << 24), 1);
	ep0_trb(DATA, 8, 2u << 10 | IOC);
	w32(BELL + 4, 1);
	assert_int_equal(CODE(expect(32)), 5);
}

/* More bytes than a device gives, more than a setup stage announces, more than there is room for. */
static void
test_control_lengths(void **state)
{
	struct xhci_trb e;

	bring_up();
	ep0_trb(0x80 | 6u << 8 | 0x100ull << 16 | 0xffffull << 48, 8, 2u << 10 | 0x40);
	ep0_trb(DATA, 0x1ffff, 3u << 10 | 1u << 16 | 4);
	ep0_trb(0, 0, 4u << 10 | IOC);
	w32(BELL + 4, 1);
	e = expect(32);
	assert_int_equal(CODE(e), 13);
	assert_int_equal(e.status & 0xffffff, 0x1ffff - 18);
	assert_int_equal(CODE(expect(32)), 1);
	assert_int_equal(ram[DATA + 18], 0);
	ep0_trb(0x21 | 9u << 8 | 0x200ull << 16 | 2000ull << 48, 8, 2u << 10 | 0x40); /* out */
	ep0_trb(DATA, 2000, 3u << 10);
	w32(BELL + 4, 1);
	assert_int_equal(CODE(expect(32)), 6);
}

/* The guest's event ring is full: events wait, and no work is done that they would not fit behind. */
static void
test_event_ring_full(void **state)
{
	struct xhci_trb e;
	unsigned n = 0;

	run(2, 16);
	(void)expect(34);
	for (unsigned i = 0; i < 200; i++)
		trb(COMMANDS + i * 16, i, 0, 23u << 10 | 1);
	w32(BELL, 0);
	event_at = EVENTS + 16;
	for (unsigned i = 1; i < 31; i++) { /* 32 places, of which one stays free */
		if (i == 16)
			event_at = EVENTS + 0x800;
		assert_true(event(&e));
		assert_int_equal(e.param, COMMANDS + n++ * 16);
	}
	nothing();
	w32(ERDP, EVENTS | 8); /* still full */
	nothing();
	w32(ERDP, (EVENTS + 0x800) | 8); /* one segment is read: it is filled again */
	event_at = EVENTS + 0x800 + 15 * 16;
	assert_true(event(&e));
	assert_int_equal(e.param, COMMANDS + n++ * 16);
	event_at = EVENTS;
	event_cycle = 0;
	for (unsigned i = 0; i < 15; i++) {
		assert_true(event(&e));
		assert_int_equal(e.param, COMMANDS + n++ * 16);
	}
	nothing();
}

static void
test_no_memory(void **state)
{
	run(1, 16);
	w32(0x38, (RAM - 16) | 1);
	w32(0x3c, 1); /* 4 GiB and more */
	w32(BELL, 0);
	assert_int_equal(r32(USBSTS) & 0x5, 0x5); /* system error, halted */
	w32(USBCMD, 5);
	assert_int_equal(r32(USBSTS) & 1, 1); /* until it is reset */
	w32(USBCMD, 2);
	assert_int_equal(r32(USBSTS), 1);
	run(1, 8); /* a segment that is too small */
	assert_int_equal(r32(USBSTS) & 0x4, 0x4);
	w32(USBCMD, 2);
	run(0, 16); /* no event ring at all */
	w32(0x38, COMMANDS | 1);
	trb(COMMANDS, 0, 0, 23u << 10 | 1);
	w32(BELL, 0);
	assert_int_equal(x.event_count, 2);
}

static void
test_bus_master(void **state)
{
	bring_up();
	report_trb(8, IOC);
	w32(BELL + 4, 3);
	pci_cfg_write(pci, BDF, 4, 2, 2);
	point(1, 0);
	nothing();
	pci_cfg_write(pci, BDF, 4, 2, 6);
	point(2, 0);
	assert_int_equal(CODE(expect(32)), 13);
}

static void
test_stop_and_suspend(void **state)
{
	struct xhci_trb e;

	bring_up();
	report_trb(8, IOC);
	w32(BELL + 4, 3);
	trb(COMMANDS + n_commands++ * 16, 0, 0, 15u << 10 | 3u << 16 | 1u << 24 | 1);
	w32(BELL, 0);
	e = expect(32);
	assert_int_equal(CODE(e), 26);
	assert_int_equal(CODE(expect(33)), 1);
	point(1, 0);
	nothing();
	/* Suspended, the port says that its device wants to talk; once resumed it may. */
	w32(PORTSC, 0x200 | 1u << 16 | 3u << 5);
	w32(BELL + 4, 3);
	nothing();
	point(2, 0);
	e = expect(34);
	assert_int_equal(e.param, 1u << 24);
	assert_int_equal(r32(PORTSC) >> 5 & 15, 15);
	w32(PORTSC, 0x200 | 0xfe0000);
	w32(PORTSC, 0x200 | 1u << 16);
	(void)expect(34);
	assert_int_equal(CODE(expect(32)), 13);
	assert_int_equal(ram[DATA + 1], 2);
}

/* Slots and endpoints that go away take their work along. */
static void
test_disable(void **state)
{
	bring_up();
	report_trb(8, IOC);
	w32(BELL + 4, 3);
	assert_int_equal(command(0, 17u << 10 | 1u << 24), 1); /* reset the device */
	assert_int_equal(le32_get(ram + DEVICE + 12) >> 27, 1);
	point(1, 0);
	nothing();
	assert_int_equal(command(0, 10u << 10 | 1u << 24), 1);
	w32(BELL + 4, 3);
	w32(BELL + 4, 1);
	point(2, 0);
	nothing();
	assert_int_equal(command(0, 9u << 10), 1);
	w32(PORTSC, 2); /* power off, too */
	assert_int_equal(r32(PORTSC) & 2, 0);
	point(3, 0);
	pci_reset(pci);
	assert_int_equal(r32(USBSTS), 1);
	assert_false(sink.ready(sink.dev));
}

static int
controller_state(void *xhci, struct state *st)
{
	return (xhci_state(xhci, st));
}

/* Another controller with a tablet in its place, in a machine that has its memory. */
static void
replace(enum usb_hid_kind kind)
{
	const struct clock clock = { .now_ns = host_now };

	xhci_destroy(&x);
	pci_bus_destroy(pci);
	memset(&x, 0xa5, sizeof(x));
	memset(&tablet, 0xa5, sizeof(tablet));
	pci = host_bus();
	assert_int_equal(xhci_init(&x, &gm, &clock, &timer), 0);
	usb_hid_init(&tablet, kind);
	usb_hid_sink(&tablet, &sink);
	assert_int_equal(xhci_plug(&x, &tablet.usb), 0);
	x.pci.bdf = BDF;
	assert_int_equal(pci_attach(pci, &x.pci, NULL), 0);
}

/* A movement that waits for room is told by the other; the slot has its device again. */
static void
test_saved(void **state)
{
	bring_up();
	point(0x1234, INPUT_LEFT);
	assert_int_equal(saved_from(controller_state, &x), 0);
	replace(USB_HID_TABLET);
	saved_goes_into(controller_state, &x);
	xhci_resume(&x);
	nothing();
	report_trb(8, IOC);
	w32(BELL + 4, 3);
	assert_int_equal(CODE(expect(32)), 13);
	assert_memory_equal(ram + DATA, "\x01\x34\x12\0\0\0\0", 7);
	assert_int_equal(messages, 1);
	assert_int_equal(saved_from(controller_state, &x), 0);
	replace(USB_HID_KEYBOARD);
	assert_int_equal(saved_into(controller_state, &x), -EINVAL);
}

static void
refused(const char *words)
{
	assert_int_equal(saved_from(controller_state, &x), 0);
	replace(USB_HID_TABLET);
	assert_int_equal(saved_into(controller_state, &x), -EINVAL);
	if (strstr(saved_why.text, words) == NULL)
		fail_msg("refused as \"%s\"", saved_why.text);
	(void)teardown(NULL);
	(void)setup(NULL);
	bring_up();
}

static void
test_saved_impossible(void **state)
{
	bring_up();
	x.slot[1].control = true;
	x.slot[1].data_len = 4;
	x.slot[1].data_off = 5;
	refused("slot 1: a transfer beyond its data");
	x.slot[1].control = true;
	x.slot[1].data_len = USB_CONTROL_MAX + 1;
	refused("slot 1: a transfer beyond its data");
	x.slot[1].port = XHCI_PORTS;
	refused("slot 1: there is nothing in port 6");
	x.segment = x.segments;
	refused("its event ring cannot be");
	x.seg_left = 0;
	refused("its event ring cannot be");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_registers),
		T(test_report),
		T(test_chain),
		T(test_malformed_transfers),
		T(test_endless_rings),
		T(test_bad_ids),
		T(test_stall),
		T(test_control_lengths),
		T(test_event_ring_full),
		T(test_no_memory),
		T(test_bus_master),
		T(test_stop_and_suspend),
		T(test_disable),
		T(test_saved),
		T(test_saved_impossible),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
