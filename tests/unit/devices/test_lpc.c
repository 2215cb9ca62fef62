/* SPDX-License-Identifier: BSD-2-Clause */
/* Host bridge and ISA bridge: ids, PIRQ registers, the ways to reset a PC by its minor ports. */
#include "devices/lpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "devices/hostbridge.h"
#include "devices/pci_regs.h"
#include "devices/piix4.h"

static struct lpc lpc;
static struct bus ports;
static struct pci_bus *pci;
static unsigned resets;

static void
on_event(void *ctx, enum machine_event ev, const char *why)
{
	assert_int_equal(ev, MACHINE_RESET);
	assert_non_null(why);
	resets++;
}

static int
add_port(void *ctx, const struct bus_region *r)
{
	return (bus_add(ctx, r));
}

static int
setup(void **state)
{
	const struct machine_ctl ctl = { .event = on_event };
	const struct pci_host_ops host = { 0 };

	resets = 0;
	ports.nregions = 0;
	pci = pci_bus_create(&host, 0xC0000000, 0xE0000000, 0x800000000, 0x900000000);
	lpc_init(&lpc, 0x8086, 0x7000, &ctl);
	lpc.pci.bdf = PCI_BDF(0, 31, 0);
	assert_int_equal(pci_attach(pci, &lpc.pci, NULL), 0);
	assert_int_equal(lpc_add_ports(&lpc, NULL, add_port, &ports), 0);
	return (0);
}

static int
teardown(void **state)
{
	pci_bus_destroy(pci);
	return (0);
}

static uint8_t
in(uint16_t port)
{
	const struct bus_region *r = bus_find(&ports, port, 1);

	assert_non_null(r);
	return ((uint8_t)r->ops->read(r->dev, port - r->base, 1));
}

static void
outb(uint16_t port, uint8_t val)
{
	const struct bus_region *r = bus_find(&ports, port, 1);

	assert_non_null(r);
	r->ops->write(r->dev, port - r->base, 1, val);
}

static void
test_ids(void **state)
{
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, PCIR_VENDOR, 4), 0x70008086);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, PCIR_REVISION, 4), 0x06010000);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, PCIR_INTPIN, 1), 0);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, PCIR_CAP, 1), 0);
}

static void
test_hostbridge(void **state)
{
	struct hostbridge hb;
	uint16_t vendor, device;

	assert_true(hostbridge_model(NULL, &vendor, &device));
	assert_int_equal(vendor, 0x1275);
	assert_true(hostbridge_model("q35", &vendor, &device));
	assert_int_equal(device, 0x29b0);
	assert_true(hostbridge_model("amd", &vendor, &device));
	assert_int_equal(vendor, 0x1022);
	assert_false(hostbridge_model("440", &vendor, &device));
	assert_true(hostbridge_model("i440fx", &vendor, &device));
	hostbridge_init(&hb, vendor, device);
	hb.pci.bdf = PCI_BDF(0, 0, 0);
	assert_int_equal(pci_attach(pci, &hb.pci, NULL), 0);
	assert_int_equal(pci_cfg_read(pci, 0, PCIR_VENDOR, 4), 0x12378086);
	assert_int_equal(pci_cfg_read(pci, 0, PCIR_REVISION, 4), 0x06000000);
}

static void
test_pirq(void **state)
{
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, 0x60, 4), 0x80808080);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, 0x68, 4), 0x80808080);
	pci_cfg_write(pci, lpc.pci.bdf, 0x61, 1, 0x7b);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, 0x60, 4), 0x80800b80);
	pci_cfg_write(pci, lpc.pci.bdf, 0x64, 4, 0xffffffff);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, 0x64, 4), 0);
	pci_reset(pci);
	assert_int_equal(pci_cfg_read(pci, lpc.pci.bdf, 0x60, 4), 0x80808080);
}

static void
test_keyboard_controller(void **state)
{
	assert_int_equal(in(0x64) & 0x03, 0); /* nothing to read, ready to write */
	outb(0x64, 0xaa);
	assert_int_equal(in(0x64) & 0x03, 1);
	assert_int_equal(in(0x60), 0x55);
	assert_int_equal(in(0x64) & 0x03, 0);
	outb(0x64, 0xab);
	assert_int_not_equal(in(0x60), 0);
	outb(0x64, 0x20);
	assert_int_equal(in(0x60), 0x30);
	for (unsigned cmd = 0; cmd < 0xf0; cmd++)
		outb(0x64, (uint8_t)cmd);
	outb(0x64, 0xff); /* pulses no line */
	outb(0x64, 0xd1);
	outb(0x60, 0x03);
	outb(0x60, 0x00); /* no command waits for it */
	assert_int_equal(resets, 0);
	outb(0x64, 0xfe);
	assert_int_equal(resets, 1);
	outb(0x64, 0xd1);
	outb(0x60, 0x02);
	assert_int_equal(resets, 2);
}

static void
test_port_92(void **state)
{
	assert_int_equal(in(0x92), 2);
	outb(0x92, 0);
	assert_int_equal(in(0x92), 2); /* A20 is always open */
	assert_int_equal(resets, 0);
	outb(0x92, 3);
	assert_int_equal(resets, 1);
	outb(0x92, 3);
	assert_int_equal(resets, 1);
}

static void
test_post_code(void **state)
{
	outb(0x84, 0x5a);
	assert_int_equal(in(0x84), 0x5a);
	assert_int_equal(lpc.post, 0x5a);
}

static void
test_coms(void **state)
{
	static const uint16_t port[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

	for (unsigned i = 0; i < LPC_COMS; i++) {
		assert_int_equal(lpc_com[i].port, port[i]);
		assert_int_equal(lpc_com[i].irq, i % 2 == 0 ? 4 : 3);
	}
}

/* What boot ROMs insist on: SeaBIOS' subsystem and PAM, and where PIIX4 says the PM block is. */
static void
test_for_boot_roms(void **state)
{
	struct hostbridge h;
	struct piix4_pm pm;

	hostbridge_init(&h, 0x8086, 0x1237);
	h.pci.bdf = 0;
	assert_int_equal(pci_attach(pci, &h.pci, NULL), 0);
	assert_int_equal(pci_cfg_read(pci, 0, PCIR_SUBVENDOR, 4), 0x11001af4);
	assert_int_equal(pci_cfg_read(pci, 0, 0x59, 1), 0);
	pci_cfg_write(pci, 0, 0x58, 4, 0x33333000);
	pci_cfg_write(pci, 0, 0x5C, 4, 0x33333333);
	assert_int_equal(pci_cfg_read(pci, 0, 0x58, 4), 0x33333000);
	assert_int_equal(pci_cfg_read(pci, 0, 0x5C, 4), 0x33333333);

	piix4_pm_init(&pm, 0x600);
	assert_int_equal(pci_attach(pci, &pm.pci, NULL), 0);
	assert_int_equal(pci_cfg_read(pci, PIIX4_PM_BDF, PCIR_VENDOR, 4), 0x71138086);
	pci_cfg_write(pci, PIIX4_PM_BDF, 0x40, 4, 0xB001);
	assert_int_equal(pci_cfg_read(pci, PIIX4_PM_BDF, 0x40, 4), 0x601);
	assert_int_equal(pci_cfg_read(pci, PIIX4_PM_BDF, 0x58, 4), 1u << 25);
	assert_int_equal(pci_cfg_read(pci, PIIX4_PM_BDF, 0x80, 1), 1);
	hostbridge_init(&h, 0x8086, 0x29b0);
	assert_int_equal(h.pci.cfg[PCIR_SUBVENDOR], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ids),
		T(test_hostbridge),
		T(test_pirq),
		T(test_keyboard_controller),
		T(test_port_92),
		T(test_post_code),
		T(test_coms),
		T(test_for_boot_roms),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
