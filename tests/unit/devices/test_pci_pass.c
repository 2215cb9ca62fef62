/* SPDX-License-Identifier: BSD-2-Clause */
/* A function of the host as a guest sees it (devices/pci_pass.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/pci_pass.h"
#include "devices/pci_regs.h"
#include "pci_host.h"

#define BDF PCI_BDF(0, 3, 0)

/* The device: what reaches it is counted. */
static struct {
	uint8_t cfg[PCI_CFG_SIZE];
	unsigned reads, writes, last_off, last_size;
	uint32_t last_val;
	bool master;
	enum pci_pass_irq irq;
	unsigned irq_changes, vector_changes;
	uint64_t at[PCI_BARS];
} dev;
static struct pci_pass pass;
static struct pci_pass_host host;
static struct pci_bus *bus;

static uint32_t
dev_cfg_read(struct pci_pass *p, unsigned off, unsigned size)
{
	uint32_t v = 0;

	dev.reads++;
	assert_true(size <= 4 && off % size == 0 && off + size <= PCI_CFG_SIZE);
	memcpy(&v, &dev.cfg[off], size);
	return (v);
}

static void
dev_cfg_write(struct pci_pass *p, unsigned off, unsigned size, uint32_t val)
{
	dev.writes++;
	dev.last_off = off;
	dev.last_size = size;
	dev.last_val = val;
	memcpy(&dev.cfg[off], &val, size);
}

static uint64_t
dev_bar_read(struct pci_pass *p, unsigned bar, uint64_t off, unsigned size)
{
	return (bar * 0x1000000ull + off);
}

static void
dev_bar_write(struct pci_pass *p, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	dev.writes++;
	dev.last_off = (unsigned)off;
	dev.last_size = size;
	dev.last_val = (uint32_t)val;
}

static void
dev_bar_moved(struct pci_pass *p, unsigned bar, uint64_t gpa)
{
	dev.at[bar] = gpa;
}

static void
dev_master(struct pci_pass *p, bool on)
{
	dev.master = on;
}

static void
dev_irq_changed(struct pci_pass *p)
{
	dev.irq = p->irq;
	dev.irq_changes++;
}

static void
dev_vector_changed(struct pci_pass *p, unsigned vector)
{
	dev.vector_changes++;
}

static const struct pci_pass_ops ops = {
	.cfg_read = dev_cfg_read,
	.cfg_write = dev_cfg_write,
	.bar_read = dev_bar_read,
	.bar_write = dev_bar_write,
	.bar_moved = dev_bar_moved,
	.master = dev_master,
	.irq_changed = dev_irq_changed,
	.vector_changed = dev_vector_changed,
};

/* Put a capability in front of those there are. */
static void
cap(unsigned off, uint8_t id, const void *body, size_t len)
{
	host.cfg[off] = id;
	host.cfg[off + 1] = host.cfg[PCIR_CAP];
	memcpy(&host.cfg[off + 2], body, len);
	host.cfg[PCIR_CAP] = (uint8_t)off;
	host.cfg[PCIR_STATUS] |= PCI_STATUS_CAPS;
}

/*
 * A nic with all that there is: 64-bit BAR 0, I/O BAR 2, MSI-X in BAR 3; power management, MSI,
 * MSI-X, Express, vendor-specific; vital product data, which is not for guests.
 */
static void
describe(void)
{
	static const uint8_t pm[] = { 0x23, 0xfe, 0x03, 0x21, 0, 0 };
	static const uint8_t msi[] = { 0x8b, 0x01, 0x10, 0x32, 0, 0, 0x55 };
	static const uint8_t msix[] = { 0x04, 0x80, 3, 0, 0, 0, 3, 0x20, 0, 0 };
	uint8_t express[58] = { 0x02, 0x00, 0x01, 0x00, 0x00, 0x10, 0x10, 0x28 };
	static const uint8_t vpd[] = { 0x11, 0x80, 1, 2, 3, 4 };
	static const uint8_t vendor[] = { 8, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

	memset(&host, 0, sizeof(host));
	memset(&dev, 0, sizeof(dev));
	le32_put(&host.cfg[0], 0x10d38086);
	le32_put(&host.cfg[PCIR_REVISION], 0x02000007);
	le16_put(&host.cfg[PCIR_COMMAND], 0x0506);
	le32_put(&host.cfg[PCIR_BAR(0)], 0xfebc000c);
	le32_put(&host.cfg[PCIR_BAR(2)], 0xc121);
	le32_put(&host.cfg[PCIR_BAR(3)], 0xfebd0000);
	le32_put(&host.cfg[PCIR_SUBVENDOR], 0x00018086);
	le32_put(&host.cfg[PCIR_ROM], 0xfeb00001);
	host.cfg[PCIR_INTPIN] = 2;
	express[10] = 0x11; /* link capabilities */
	cap(0x40, 0x01, pm, sizeof(pm));
	cap(0x48, 0x05, msi, sizeof(msi));
	cap(0x60, 0x11, msix, sizeof(msix));
	cap(0x70, 0x03, vpd, sizeof(vpd));
	cap(0x80, 0x10, express, sizeof(express));
	cap(0xc0, 0x09, vendor, sizeof(vendor));
	host.cfg[0xd0] = 0x77; /* a register outside all of them */
	host.bar_size[0] = 128 << 10;
	host.bar_size[2] = 32;
	host.bar_size[3] = 16 << 10;
	host.intx = host.msi = true;
	host.vectors = 5;
	memcpy(dev.cfg, host.cfg, sizeof(dev.cfg));
}

static void
attach(void)
{
	struct err e = { 0 };

	bus = host_bus();
	assert_int_equal(pci_pass_init(&pass, &host, &ops, NULL, &e), 0);
	pass.pci.bdf = BDF;
	assert_int_equal(pci_attach(bus, &pass.pci, &e), 0);
	pci_pass_start(&pass);
}

static int
setup(void **state)
{
	describe();
	attach();
	return (0);
}

static int
teardown(void **state)
{
	pci_bus_destroy(bus);
	pci_dev_fini(&pass.pci);
	return (0);
}

static uint32_t
rd(unsigned off, unsigned size)
{
	return (pci_cfg_read(bus, BDF, off, size));
}

static void
wr(unsigned off, unsigned size, uint32_t v)
{
	pci_cfg_write(bus, BDF, off, size, v);
}

static void
test_identity(void **state)
{
	assert_int_equal(rd(0, 4), 0x10d38086);
	assert_int_equal(rd(8, 4), 0x02000007);
	assert_int_equal(rd(PCIR_SUBVENDOR, 4), 0x00018086);
	assert_int_equal(rd(PCIR_HEADER, 1), 0);
	assert_int_equal(rd(PCIR_ROM, 4), 0);    /* the host's ROM is not shown */
	assert_int_equal(rd(PCIR_INTPIN, 1), 1); /* a function of its own */
	wr(0, 4, 0);
	assert_int_equal(rd(0, 4), 0x10d38086);
	assert_int_equal(dev.writes, 0);
}

static void
test_outside_capabilities(void **state)
{
	assert_int_equal(rd(0xd0, 4), 0);
	wr(0xd0, 4, ~0u);
	assert_int_equal(rd(0xd0, 4), 0);
	assert_int_equal(dev.writes, 0);
}

static void
test_bars(void **state)
{
	/* Kinds and flags are the device's, addresses the guest's. */
	assert_int_equal(rd(PCIR_BAR(0), 4) & 0xf, 0xc);
	assert_int_equal(rd(PCIR_BAR(2), 4) & 0x3, 0x1);
	wr(PCIR_BAR(0), 4, ~0u);
	assert_int_equal(rd(PCIR_BAR(0), 4), 0xfffe000c);
	wr(PCIR_BAR(0), 4, 0xd0000000);
	wr(PCIR_BAR(1), 4, 0);
	assert_int_equal(dev.at[0], 0xd0000000);
	wr(PCIR_COMMAND, 2, 0);
	assert_int_equal(dev.at[0], 0);
	assert_int_equal(pci_bar_ops[2].read(&pass.pci, 4, 4), 0x2000004);
	pci_bar_ops[0].write(&pass.pci, 0x18, 4, 77);
	assert_int_equal(dev.last_off, 0x18);
	assert_int_equal(dev.last_val, 77);
	assert_int_equal(dev.writes, 1);
}

static void
test_command(void **state)
{
	assert_false(dev.master);
	wr(PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	assert_true(dev.master);
	wr(PCIR_COMMAND, 1, PCI_COMMAND_MEM);
	assert_false(dev.master);
	assert_int_equal(dev.writes, 0); /* it is told by the hook alone */
	/* The interrupt status is live, the other status bits are not. */
	assert_int_equal(rd(PCIR_STATUS, 2), PCI_STATUS_CAPS);
	dev.cfg[PCIR_STATUS] = 0xff;
	dev.cfg[PCIR_STATUS + 1] = 0xff;
	assert_int_equal(rd(PCIR_STATUS, 2), PCI_STATUS_CAPS | PCI_STATUS_INTX);
	assert_int_equal(rd(PCIR_COMMAND, 4),
	    (uint32_t)(PCI_STATUS_CAPS | PCI_STATUS_INTX) << 16 | PCI_COMMAND_MEM);
}

static void
test_list(void **state)
{
	static const uint8_t want[] = { 0x09, 0x10, 0x11, 0x05, 0x01 };
	unsigned off = rd(PCIR_CAP, 1);

	for (size_t i = 0; i < NITEMS(want); i++) {
		assert_int_equal(rd(off, 1), want[i]);
		off = rd(off + 1, 1);
	}
	assert_int_equal(off, 0);
	assert_int_equal(rd(0x70, 4), 0); /* vital product data */
	wr(0x70, 4, ~0u);
	assert_int_equal(rd(0x70, 4), 0);
}

static void
test_power(void **state)
{
	assert_int_equal(rd(0x42, 2), 3); /* version 1.2, nothing besides */
	assert_int_equal(rd(0x44, 2), 8);
	wr(0x44, 2, 0xffff);
	assert_int_equal(rd(0x44, 2), 0xb);
	assert_int_equal(dev.writes, 0);
}

static void
test_express(void **state)
{
	assert_int_equal(rd(0x82, 2), 0x92);       /* integrated into the root complex */
	assert_int_equal(rd(0x84, 4), 0x00000001); /* no function level reset */
	assert_int_equal(rd(0x8c, 4), 0);          /* no link */
	wr(0x88, 2, 0xffff);
	assert_int_equal(rd(0x88, 2), 0x7fff);
	assert_int_equal(dev.writes, 0);
}

static void
test_vendor(void **state)
{
	assert_int_equal(rd(0xc2, 2), 0xaa08);
	dev.cfg[0xc4] = 0x12;
	assert_int_equal(rd(0xc4, 4), 0xeeddcc12 & 0xffffffff);
	wr(0xc4, 4, 0x01020304);
	assert_int_equal(dev.last_off, 0xc4);
	assert_int_equal(dev.last_size, 4);
	assert_int_equal(dev.writes, 1);
	/* Its header is not written; what is beside it is. */
	wr(0xc0, 4, 0x55000000);
	assert_int_equal(dev.last_off, 0xc3);
	assert_int_equal(dev.last_size, 1);
	assert_int_equal(dev.last_val, 0x55);
	assert_int_equal(rd(0xc0, 1), 0x09);
	/* Nothing after its eight bytes. */
	wr(0xc8, 4, 7);
	assert_int_equal(dev.writes, 2);
	assert_int_equal(rd(0xc8, 4), 0);
}

static void
test_intx(void **state)
{
	assert_int_equal(dev.irq, PCI_PASS_INTX);
	assert_int_equal(dev.irq_changes, 1);
	wr(PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_NOINTX);
	assert_int_equal(dev.irq, PCI_PASS_NONE);
	wr(PCIR_COMMAND, 2, PCI_COMMAND_MEM);
	assert_int_equal(dev.irq, PCI_PASS_INTX);
	assert_int_equal(dev.irq_changes, 3);
}

static void
test_no_intx(void **state)
{
	describe();
	host.intx = false;
	(void)teardown(NULL);
	attach();
	assert_int_equal(rd(PCIR_INTPIN, 1), 0);
	assert_int_equal(dev.irq, PCI_PASS_NONE);
	assert_int_equal(dev.irq_changes, 0);
	dev.cfg[PCIR_STATUS] = 0xff;
	assert_int_equal(rd(PCIR_STATUS, 2), PCI_STATUS_CAPS);
}

static void
test_msi(void **state)
{
	uint64_t addr;
	uint32_t data;

	assert_int_equal(rd(0x4a, 2), PCI_MSI_64BIT); /* one message, no masks */
	wr(0x4c, 4, 0xfee01003);
	wr(0x54, 4, 0x4041);
	assert_int_equal(dev.irq_changes, 1); /* not on yet */
	wr(0x4a, 2, 0xffff);
	assert_int_equal(dev.irq, PCI_PASS_MSI);
	pci_msi_message(&pass.pci, &addr, &data);
	assert_int_equal(addr, 0xfee01000);
	assert_int_equal(data, 0x4041);
	wr(0x54, 2, 0x4042); /* another message */
	assert_int_equal(dev.irq_changes, 3);
	wr(0x4a, 2, 0);
	assert_int_equal(dev.irq, PCI_PASS_INTX);
	assert_int_equal(dev.writes, 0);
}

static void
test_msi_32bit(void **state)
{
	uint64_t addr;
	uint32_t data;

	describe();
	host.cfg[0x4a] = 0;
	(void)teardown(NULL);
	attach();
	wr(0x4c, 4, 0xfee02000);
	wr(0x50, 4, 0x51);
	wr(0x54, 4, ~0u); /* nothing there */
	wr(0x4a, 2, 1);
	pci_msi_message(&pass.pci, &addr, &data);
	assert_int_equal(addr, 0xfee02000);
	assert_int_equal(data, 0x51);
	assert_int_equal(rd(0x54, 4), 0);
}

static void
test_msix(void **state)
{
	assert_int_equal(rd(0x62, 2), 4); /* five, off: the host's own state is not seen */
	wr(0x62, 2, PCI_MSIX_ENABLE);
	assert_int_equal(dev.irq, PCI_PASS_MSIX);
	dev.vector_changes = 0;
	pci_bar_ops[3].write(&pass.pci, 16 + 12, 4, 0);
	assert_int_equal(dev.vector_changes, 1);
	assert_true(pci_msix_deliverable(&pass.pci, 1));
	assert_int_equal(dev.writes, 0); /* the device's table is the host's */
	assert_int_equal(pci_bar_ops[3].read(&pass.pci, 0x2000, 8), 0);
	assert_int_equal(pci_bar_ops[3].read(&pass.pci, 0x1000, 4), 0x3001000);
}

static void
test_fewer_vectors(void **state)
{
	describe();
	le16_put(&host.cfg[0x62], 700);
	host.vectors = 701;
	(void)teardown(NULL);
	attach();
	assert_int_equal(rd(0x62, 2), PCI_PASS_VECTORS - 1);
	assert_int_equal(pass.device_vectors, 701);
}

static void
test_areas(void **state)
{
	const struct pci_pass_area all3 = { 0, 16 << 10 }, all0 = { 0, 128 << 10 };
	const struct pci_pass_area odd[] = { { 100, 8192 }, { 0x10000, 0x800 },
		{ 0x1f000, 0x1001 } };
	struct pci_pass_area out[PCI_PASS_AREAS];

	/* BAR 3: table in the first page, pending bits in the third. */
	assert_int_equal(pci_pass_areas(&pass, 3, &all3, 1, out), 2);
	assert_int_equal(out[0].off, 0x1000);
	assert_int_equal(out[0].len, 0x1000);
	assert_int_equal(out[1].off, 0x3000);
	assert_int_equal(out[1].len, 0x1000);
	assert_int_equal(pci_pass_areas(&pass, 0, &all0, 1, out), 1);
	assert_int_equal(out[0].len, 128 << 10);
	/* Whole pages within the BAR only; an I/O BAR not at all. */
	assert_int_equal(pci_pass_areas(&pass, 0, odd, 3, out), 1);
	assert_int_equal(out[0].off, 4096);
	assert_int_equal(out[0].len, 4096);
	assert_int_equal(pci_pass_areas(&pass, 2, &all3, 1, out), 0);
	/* The device's whole table is kept back, not just what the guest sees of it. */
	pass.device_vectors = 700;
	assert_int_equal(pci_pass_areas(&pass, 3, &all3, 1, out), 1);
	assert_int_equal(out[0].off, 0x3000);
}

/* Lists that go in circles, or nowhere. */
static void
test_malformed(void **state)
{
	describe();
	host.cfg[0x41] = 0xc0; /* the last one leads to the first */
	host.cfg[0x81] = 0x63; /* bits that are reserved */
	(void)teardown(NULL);
	attach();
	test_list(state);
	describe();
	host.cfg[0xc1] = 0x3c; /* into the header */
	(void)teardown(NULL);
	attach();
	assert_int_equal(rd(rd(PCIR_CAP, 1) + 1, 1), 0);
	describe();
	host.cfg[0xc1] = 0xfc; /* too short for what it is */
	host.cfg[0xfc] = 0x11;
	host.cfg[0xfd] = 0x60;
	(void)teardown(NULL);
	attach();
	assert_int_equal(rd(0xc1, 1), 0x60);
	describe();
	host.cfg[0x60 + PCIR_MSIX_TABLE] = 7; /* no such BAR */
	(void)teardown(NULL);
	attach();
	assert_int_equal(rd(0x60, 4), 0);
	assert_int_equal(pass.pci.msix.nvec, 0);
}

static void
test_refused(void **state)
{
	struct pci_pass p;
	struct err e = { 0 };

	host.cfg[PCIR_HEADER] = 1;
	assert_int_equal(pci_pass_init(&p, &host, &ops, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "bridge"));
	describe();
	le16_put(&host.cfg[0], 0xffff);
	assert_int_equal(pci_pass_init(&p, &host, &ops, NULL, &e), -EINVAL);
	describe();
	host.bar_size[0] = 3 << 10;
	assert_int_equal(pci_pass_init(&p, &host, &ops, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "BAR 0 of 3072 bytes"));
}

static void
test_reset(void **state)
{
	wr(PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	wr(0x62, 2, PCI_MSIX_ENABLE);
	pci_reset(bus);
	assert_false(dev.master);
	assert_int_equal(dev.irq, PCI_PASS_INTX);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_outside_capabilities),
		T(test_bars),
		T(test_command),
		T(test_list),
		T(test_power),
		T(test_express),
		T(test_vendor),
		T(test_intx),
		T(test_no_intx),
		T(test_msi),
		T(test_msi_32bit),
		T(test_msix),
		T(test_fewer_vectors),
		T(test_areas),
		T(test_malformed),
		T(test_refused),
		T(test_reset),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
