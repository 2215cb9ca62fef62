/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI: configuration access, BARs, MSI-X, INTx, reset, and what a hostile guest may try. */
#include "devices/pci.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/checked.h"
#include "devices/pci_regs.h"

#define MEM32_BASE 0xC0000000ull
#define MEM32_END  0xE0000000ull
#define MEM64_BASE 0x800000000ull
#define MEM64_END  0x900000000ull
#define NVEC       3
#define DEV_BDF    PCI_BDF(0, 4, 0)
#define MSIX_BAR   2
#define TABLE_OFF  0x2000
#define PBA_OFF    0x3000

/* The machine: remembers what the bus asked of it. */
static struct bus mem_bus, io_bus;
static unsigned msi_count, intx_calls;
static uint64_t msi_addr;
static uint32_t msi_data;
static bool intx_level[24];

static struct pci_bus *pci;
static struct pci_dev dev, dev2;
static unsigned bar_reads, bar_writes, changed_calls, resets, cfg_calls;
static uint64_t moved_to[PCI_BARS];

static int
host_map(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct bus_region r = { .base = addr, .len = len, .ops = &pci_bar_ops[bar], .dev = d };

	return (bus_add(io ? &io_bus : &mem_bus, &r));
}

static void
host_unmap(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	assert_int_equal(bus_remove(io ? &io_bus : &mem_bus, addr), 0);
}

static void
host_msi(void *ctx, uint64_t addr, uint32_t data)
{
	msi_count++;
	msi_addr = addr;
	msi_data = data;
}

static void
host_intx(void *ctx, unsigned gsi, bool level)
{
	intx_calls++;
	intx_level[gsi] = level;
}

static uint64_t
dev_bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	bar_reads++;
	return (0x1122334455667788);
}

static void
dev_bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	bar_writes++;
}

static void
dev_moved(struct pci_dev *d, unsigned bar, uint64_t gpa)
{
	if (d == &dev)
		moved_to[bar] = gpa;
}

static void
dev_msix_changed(struct pci_dev *d, unsigned vector)
{
	changed_calls++;
}

static void
dev_reset(struct pci_dev *d)
{
	resets++;
}

static void
dev_cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	cfg_calls++;
}

static const struct pci_dev_ops dev_ops = {
	.bar_read = dev_bar_read,
	.bar_write = dev_bar_write,
	.cfg_written = dev_cfg_written,
	.bar_moved = dev_moved,
	.msix_changed = dev_msix_changed,
	.reset = dev_reset,
};

static const struct pci_host_ops host = {
	.map = host_map,
	.unmap = host_unmap,
	.msi = host_msi,
	.intx = host_intx,
};

static int
setup(void **state)
{
	mem_bus.nregions = io_bus.nregions = 0;
	msi_count = intx_calls = bar_reads = bar_writes = changed_calls = resets = cfg_calls = 0;
	memset(intx_level, 0, sizeof(intx_level));
	memset(moved_to, 0, sizeof(moved_to));
	pci = pci_bus_create(&host, MEM32_BASE, MEM32_END, MEM64_BASE, MEM64_END);
	assert_non_null(pci);
	pci_dev_init(&dev, "test", &dev_ops, NULL, 0x1af4, 0x1042, 0x010000, 1);
	pci_set_subsystem(&dev, 0x1af4, 0x1100);
	dev.bdf = DEV_BDF;
	assert_int_equal(pci_add_bar(&dev, 0, PCI_BAR_IO, 0x40), 0);
	assert_int_equal(pci_add_bar(&dev, 1, PCI_BAR_MEM32, 0x1000), 0);
	assert_int_equal(pci_add_bar(&dev, MSIX_BAR, PCI_BAR_MEM64, 0x4000), 0);
	assert_int_equal(pci_add_msix(&dev, NVEC, MSIX_BAR, TABLE_OFF, PBA_OFF), 0);
	assert_int_equal(pci_attach(pci, &dev, NULL), 0);
	return (0);
}

static int
teardown(void **state)
{
	pci_dev_fini(&dev);
	pci_dev_fini(&dev2);
	pci_bus_destroy(pci);
	return (0);
}

static uint32_t
cfg(unsigned off, unsigned size)
{
	return (pci_cfg_read(pci, DEV_BDF, off, size));
}

static void
cfg_set(unsigned off, unsigned size, uint32_t val)
{
	pci_cfg_write(pci, DEV_BDF, off, size, val);
}

static void
outl(uint16_t port, uint32_t val)
{
	pci_port_ops.write(pci, port - PCI_PORT_BASE, 4, val);
}

static uint64_t
mem_read(uint64_t gpa, unsigned size)
{
	const struct bus_region *r = bus_find(&mem_bus, gpa, size);

	return (r == NULL ? UINT64_MAX : r->ops->read(r->dev, gpa - r->base, size));
}

static void
mem_write(uint64_t gpa, unsigned size, uint64_t val)
{
	const struct bus_region *r = bus_find(&mem_bus, gpa, size);

	if (r != NULL)
		r->ops->write(r->dev, gpa - r->base, size, val);
}

static void
test_identity(void **state)
{
	assert_int_equal(cfg(PCIR_VENDOR, 4), 0x10421af4);
	assert_int_equal(cfg(PCIR_REVISION, 4), 0x01000001);
	assert_int_equal(cfg(PCIR_SUBVENDOR, 4), 0x11001af4);
	assert_int_equal(cfg(PCIR_HEADER, 1), 0);
	assert_int_equal(cfg(PCIR_INTPIN, 1), 1);
	assert_int_equal(cfg(PCIR_INTLINE, 1), 16 + 4);
	cfg_set(PCIR_VENDOR, 4, 0);
	assert_int_equal(cfg(PCIR_VENDOR, 4), 0x10421af4);
	/* Absent functions, other buses, the extended space. */
	assert_int_equal(pci_cfg_read(pci, PCI_BDF(0, 5, 0), 0, 4), 0xffffffff);
	assert_int_equal(pci_cfg_read(pci, PCI_BDF(0, 4, 1), 0, 2), 0xffff);
	assert_int_equal(pci_cfg_read(pci, PCI_BDF(255, 4, 0), 0, 4), 0xffffffff);
	assert_int_equal(cfg(0x100, 4), 0);
	cfg_set(0xffc, 4, 0xffffffff);
}

static void
test_crooked_accesses(void **state)
{
	assert_int_equal(cfg(1, 2), 0xffff);
	assert_int_equal(cfg(2, 4), 0xffffffff);
	assert_int_equal(cfg(0, 3), 0xffffff);
	cfg_set(PCIR_COMMAND + 1, 2, 0xffff);
	cfg_set(PCIR_COMMAND, 8, 0);
	assert_int_equal(cfg(PCIR_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_MEM);
}

static void
test_mechanism_one(void **state)
{
	outl(0xcf8, 0x80000000 | DEV_BDF << 8 | PCIR_VENDOR);
	assert_int_equal(pci_port_ops.read(pci, 0, 4), 0x80000000 | DEV_BDF << 8);
	assert_int_equal(pci_port_ops.read(pci, 4, 4), 0x10421af4);
	assert_int_equal(pci_port_ops.read(pci, 6, 2), 0x1042);
	assert_int_equal(pci_port_ops.read(pci, 7, 1), 0x10);
	assert_int_equal(pci_port_ops.read(pci, 7, 2), 0xffff);
	assert_int_equal(pci_port_ops.read(pci, 7, 4), 0xffffffff);
	/* Smaller writes leave the address alone; without the enable bit nothing answers. */
	pci_port_ops.write(pci, 0, 2, 0);
	pci_port_ops.write(pci, 3, 1, 0);
	pci_port_ops.write(pci, 1, 4, 0);
	assert_int_equal(pci_port_ops.read(pci, 4, 2), 0x1af4);
	outl(0xcf8, DEV_BDF << 8);
	assert_int_equal(pci_port_ops.read(pci, 4, 4), 0xffffffff);
	outl(0xcf8, 0xffffffff);
	assert_int_equal(pci_port_ops.read(pci, 0, 4), 0x80fffffc);
	assert_int_equal(pci_port_ops.read(pci, 4, 4), 0xffffffff);
}

static uint64_t
reset_read(void *d, uint64_t off, unsigned size)
{
	return (*(uint8_t *)d);
}

static void
reset_write(void *d, uint64_t off, unsigned size, uint64_t val)
{
	*(uint8_t *)d = (uint8_t)val;
}

static void
test_reset_port_inside(void **state)
{
	static const struct bus_ops ops = { reset_read, reset_write };
	uint8_t latch = 2;

	assert_int_equal(pci_port_ops.read(pci, 1, 1), 0xff);
	pci_bus_set_reset_port(pci, &ops, &latch);
	assert_int_equal(pci_port_ops.read(pci, 1, 1), 2);
	pci_port_ops.write(pci, 1, 1, 6);
	assert_int_equal(latch, 6);
	pci_port_ops.write(pci, 0, 4, 0);
	pci_port_ops.write(pci, 1, 2, 0);
	assert_int_equal(latch, 6);
}

static void
test_ecam(void **state)
{
	uint64_t base = (uint64_t)DEV_BDF << 12;

	assert_int_equal(pci_ecam_ops.read(pci, base, 4), 0x10421af4);
	assert_int_equal(pci_ecam_ops.read(pci, base + 2, 2), 0x1042);
	assert_int_equal(pci_ecam_ops.read(pci, base + 0xffc, 4), 0);
	assert_true(pci_ecam_ops.read(pci, base, 8) == 0x0010000310421af4);
	assert_true(pci_ecam_ops.read(pci, base + 4, 8) == UINT64_MAX);
	assert_int_equal(pci_ecam_ops.read(pci, PCI_ECAM_SIZE - 4, 4), 0xffffffff);
	pci_ecam_ops.write(pci, base + PCIR_INTLINE, 1, 11);
	assert_int_equal(cfg(PCIR_INTLINE, 1), 11);
	pci_ecam_ops.write(pci, PCI_ECAM_SIZE - 8, 8, UINT64_MAX);
}

static void
test_bar_sizing(void **state)
{
	uint32_t before = cfg(PCIR_BAR(1), 4);

	cfg_set(PCIR_COMMAND, 2, 0);
	for (unsigned i = 0; i < PCI_BARS; i++)
		cfg_set(PCIR_BAR(i), 4, 0xffffffff);
	assert_int_equal(cfg(PCIR_BAR(0), 4), 0xffffffc1);
	assert_int_equal(cfg(PCIR_BAR(1), 4), 0xfffff000);
	assert_int_equal(cfg(PCIR_BAR(2), 4), 0xffffc004);
	assert_int_equal(cfg(PCIR_BAR(3), 4), 0xffffffff);
	assert_int_equal(cfg(PCIR_BAR(4), 4), 0);
	assert_int_equal(cfg(PCIR_BAR(5), 4), 0);
	cfg_set(PCIR_BAR(1), 4, before);
	assert_int_equal(cfg(PCIR_BAR(1), 4), before);
}

static void
test_bar_declarations(void **state)
{
	struct pci_dev d;

	pci_dev_init(&d, "t", &dev_ops, NULL, 1, 2, 3, 4);
	assert_int_equal(pci_add_bar(&d, 5, PCI_BAR_MEM64, 0x1000), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 6, PCI_BAR_IO, 0x10), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 0, PCI_BAR_MEM32, 8), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 0, PCI_BAR_MEM32, 0x1800), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 0, PCI_BAR_IO, 2), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 0, PCI_BAR_IO, 0), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 0, PCI_BAR_NONE, 16), -EINVAL);
	assert_int_equal(pci_add_bar(&d, 2, PCI_BAR_MEM64, 0x1000), 0);
	assert_int_equal(pci_add_bar(&d, 3, PCI_BAR_MEM32, 0x1000), -EEXIST);
	assert_int_equal(pci_add_bar(&d, 1, PCI_BAR_MEM64, 0x1000), -EEXIST);
	assert_int_equal(pci_add_msix(&d, 0, 2, 0, 0x800), -EINVAL);
	assert_int_equal(pci_add_msix(&d, 2049, 2, 0, 0x800), -EINVAL);
	assert_int_equal(pci_add_msix(&d, 64, 2, 0, 0x3f8), -EINVAL);
	assert_int_equal(pci_add_msix(&d, 64, 2, 0, 0x1000), -EINVAL);
	assert_int_equal(pci_add_msix(&d, 64, 3, 0, 0x400), -EINVAL);
	assert_int_equal(pci_add_msix(&d, 64, 2, 0, 0x404), -EINVAL);
	assert_int_equal(pci_add_msix(&d, 64, 2, 0, 0x400), 0);
	pci_dev_fini(&d);
}

static void
test_memory_bar_and_rom(void **state)
{
	static uint8_t mem[0x1000];
	static const uint8_t rom[0x1000] = { 0x55, 0xaa, 2 };
	uint32_t at, rom_at;

	pci_dev_init(&dev2, "test2", &dev_ops, NULL, 1, 2, 0x030000, 0);
	dev2.bdf = PCI_BDF(0, 6, 0);
	assert_int_equal(pci_add_mem_bar(&dev2, 0, PCI_BAR_IO, mem, sizeof(mem)), -EINVAL);
	assert_int_equal(pci_add_mem_bar(&dev2, 0, PCI_BAR_MEM32, mem, sizeof(mem)), 0);
	assert_int_equal(pci_add_bar(&dev2, 1, PCI_BAR_ROM, 0x1000), -EINVAL);
	assert_int_equal(pci_add_rom(&dev2, rom, 0x1800), -EINVAL);
	assert_int_equal(pci_add_rom(&dev2, rom, 0x400), -EINVAL);
	assert_int_equal(pci_add_rom(&dev2, rom, 32 * MIB), -EINVAL);
	assert_int_equal(pci_add_rom(&dev2, rom, sizeof(rom)), 0);
	assert_int_equal(pci_add_rom(&dev2, rom, sizeof(rom)), -EEXIST);
	assert_int_equal(pci_attach(pci, &dev2, NULL), 0);
	at = pci_cfg_read(pci, dev2.bdf, PCIR_BAR(0), 4);
	assert_int_equal(at & 0xf, PCI_BAR_BIT_PREF);
	at &= ~0xfu;
	mem_write(at + 0xffc, 4, 0x12345678);
	assert_int_equal(le32_get(&mem[0xffc]), 0x12345678);
	assert_int_equal(mem_read(at + 0xffe, 2), 0x1234);
	assert_true(mem_read(at + 0xffd, 4) == UINT64_MAX);

	/* The ROM is decoded once it is enabled; it is sized as a BAR is, and cannot be written. */
	rom_at = pci_cfg_read(pci, dev2.bdf, PCIR_ROM, 4);
	assert_int_equal(rom_at & PCI_ROM_ENABLE, 0);
	assert_true(mem_read(rom_at, 4) == UINT64_MAX);
	pci_cfg_write(pci, dev2.bdf, PCIR_ROM, 4, 0xfffffffe);
	assert_int_equal(pci_cfg_read(pci, dev2.bdf, PCIR_ROM, 4), 0xfffff000);
	pci_cfg_write(pci, dev2.bdf, PCIR_ROM, 4, rom_at | PCI_ROM_ENABLE);
	assert_int_equal(mem_read(rom_at, 4), 0x0002aa55);
	mem_write(rom_at, 4, 0);
	assert_int_equal(mem_read(rom_at, 2), 0xaa55);
	pci_cfg_write(pci, dev2.bdf, PCIR_ROM, 4, at | PCI_ROM_ENABLE); /* over the BAR: refused */
	assert_int_equal(mem_read(at + 0xffc, 4), 0x12345678);
	pci_reset(pci);
	assert_true(mem_read(rom_at, 4) == UINT64_MAX);
	assert_int_equal(mem_read(at + 0xffc, 4), 0x12345678);
}

static void
test_bars_move(void **state)
{
	assert_int_equal(dev.bar[0].addr, PCI_IO_BASE);
	assert_int_equal(moved_to[1], MEM32_BASE);
	assert_true(moved_to[2] == MEM64_BASE);
	assert_true(mem_read(MEM32_BASE, 8) == 0x1122334455667788);
	cfg_set(PCIR_BAR(1), 4, MEM32_BASE + 0x10000);
	assert_int_equal(moved_to[1], MEM32_BASE + 0x10000);
	assert_true(mem_read(MEM32_BASE, 4) == UINT64_MAX);
	assert_true(mem_read(MEM32_BASE + 0x10000, 4) != UINT64_MAX);
	/* A 64-bit BAR may sit in the 32-bit window. */
	cfg_set(PCIR_BAR(3), 4, 0);
	assert_int_equal(moved_to[2], 0);
	cfg_set(PCIR_BAR(2), 4, MEM32_BASE + 0x20000);
	assert_int_equal(moved_to[2], MEM32_BASE + 0x20000);
	cfg_set(PCIR_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(mem_bus.nregions, 0);
	assert_int_equal(io_bus.nregions, 1);
	cfg_set(PCIR_COMMAND, 2, 0);
	assert_int_equal(io_bus.nregions, 0);
}

static void
test_bars_outside_windows(void **state)
{
	static const uint32_t bad[] = { 0, 0x1000, MEM32_BASE - 0x1000, 0xE0000000, 0xFEE00000,
		0xFFFFF000 };

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		cfg_set(PCIR_BAR(1), 4, bad[i]);
		assert_int_equal(moved_to[1], 0);
		assert_false(dev.bar[1].mapped);
	}
	cfg_set(PCIR_BAR(0), 4, 0xc0);
	assert_false(dev.bar[0].mapped);
	cfg_set(PCIR_BAR(0), 4, 0xffffffc0);
	assert_false(dev.bar[0].mapped);
	cfg_set(PCIR_BAR(0), 4, 0xffc0);
	assert_true(dev.bar[0].mapped);
	cfg_set(PCIR_BAR(3), 4, 0xffffffff);
	assert_false(dev.bar[2].mapped);
	assert_int_equal(mem_bus.nregions, 0);
}

static void
attach_second(unsigned bdf)
{
	pci_dev_init(&dev2, "second", &dev_ops, NULL, 1, 2, 0x020000, 0);
	dev2.bdf = bdf;
	assert_int_equal(pci_add_bar(&dev2, 0, PCI_BAR_MEM32, 0x1000), 0);
	assert_int_equal(pci_attach(pci, &dev2, NULL), 0);
}

static void
test_bars_collide_and_come_back(void **state)
{
	uint64_t b2;

	attach_second(PCI_BDF(0, 5, 0));
	b2 = dev2.bar[0].addr;
	assert_true(dev2.bar[0].mapped);
	cfg_set(PCIR_BAR(1), 4, (uint32_t)b2);
	assert_false(dev.bar[1].mapped);
	assert_true(dev2.bar[0].mapped);
	/* The second one leaves: the first is decoded without being written again. */
	pci_cfg_write(pci, dev2.bdf, PCIR_COMMAND, 2, 0);
	assert_true(dev.bar[1].mapped);
	assert_int_equal(moved_to[1], b2);
}

static void
test_attach_errors(void **state)
{
	struct pci_dev d;
	struct err e = { 0 };

	pci_dev_init(&d, "late", &dev_ops, NULL, 1, 2, 3, 4);
	d.bdf = DEV_BDF;
	assert_int_equal(pci_attach(pci, &d, &e), -EEXIST);
	assert_non_null(strstr(e.text, "4:0"));
	d.bdf = PCI_BDF(1, 0, 0);
	assert_int_equal(pci_attach(pci, &d, &e), -EINVAL);
	d.bdf = PCI_BDF(0, 9, 0);
	assert_int_equal(pci_add_bar(&d, 0, PCI_BAR_MEM32, 1u << 31), 0);
	assert_int_equal(pci_attach(pci, &d, &e), -ENOSPC);
	assert_ptr_equal(pci_nth(pci, 0), &dev);
	assert_null(pci_nth(pci, 1));
}

static void
test_multifunction(void **state)
{
	assert_int_equal(cfg(PCIR_HEADER, 1), 0);
	attach_second(PCI_BDF(0, 4, 3));
	assert_int_equal(cfg(PCIR_HEADER, 1), PCI_HEADER_MULTI);
	assert_ptr_equal(pci_find(pci, PCI_BDF(0, 4, 3)), &dev2);
}

static void
test_capability_list(void **state)
{
	unsigned off = cfg(PCIR_CAP, 1);

	assert_true((cfg(PCIR_STATUS, 2) & PCI_STATUS_CAPS) != 0);
	assert_int_equal(off, PCI_CAPS_START);
	assert_int_equal(cfg(off, 2), PCI_CAP_MSIX);
	assert_int_equal(cfg(off + 2, 2), NVEC - 1);
	assert_int_equal(cfg(off + 4, 4), TABLE_OFF | MSIX_BAR);
	assert_int_equal(cfg(off + 8, 4), PBA_OFF | MSIX_BAR);
	assert_int_equal(pci_add_cap(&dev, PCI_CAP_VENDOR, NULL, 17), off + 12);
	assert_int_equal(cfg(off + 1, 1), off + 12);
	assert_int_equal(pci_add_cap(&dev, PCI_CAP_VENDOR, NULL, 200), -ENOSPC);
	assert_int_equal(pci_add_cap(&dev, PCI_CAP_VENDOR, NULL, 1), -ENOSPC);
}

static void
msix_ctrl(uint16_t val)
{
	cfg_set(PCI_CAPS_START + PCIR_MSIX_CTRL, 2, val);
}

static void
program_vector(unsigned vec, uint64_t addr, uint32_t data, uint32_t ctrl)
{
	uint64_t e = MEM64_BASE + TABLE_OFF + 16 * vec;

	mem_write(e, 4, addr);
	mem_write(e + 4, 4, addr >> 32);
	mem_write(e + 8, 8, data | (uint64_t)ctrl << 32);
}

static void
test_msix_delivers(void **state)
{
	uint64_t e1 = MEM64_BASE + TABLE_OFF + 16;

	assert_int_equal(mem_read(e1 + 12, 4), 1); /* masked at start */
	assert_false(pci_msix_notify(&dev, 1));
	program_vector(1, 0x1fee00003ull, 0x4041, 0);
	assert_true(mem_read(e1, 8) == 0x1fee00000ull);
	assert_int_equal(mem_read(e1 + 8, 4), 0x4041);
	msix_ctrl(PCI_MSIX_ENABLE);
	assert_true(pci_msix_enabled(&dev));
	assert_true(pci_msix_deliverable(&dev, 1));
	assert_false(pci_msix_deliverable(&dev, 0));
	assert_true(pci_msix_notify(&dev, 1));
	assert_int_equal(msi_count, 1);
	assert_true(msi_addr == 0x1fee00000ull);
	assert_int_equal(msi_data, 0x4041);
	/* The device never saw any of it, and unknown vectors are dropped. */
	assert_int_equal(bar_reads + bar_writes, 0);
	assert_true(pci_msix_notify(&dev, NVEC));
	assert_true(pci_msix_notify(&dev, 0xffff));
	assert_int_equal(msi_count, 1);
}

static void
test_msix_pending(void **state)
{
	uint64_t pba = MEM64_BASE + PBA_OFF;

	msix_ctrl(PCI_MSIX_ENABLE);
	program_vector(0, 0xfee00000, 0x30, 1);
	program_vector(2, 0xfee00000, 0x32, 0);
	pci_msix_notify(&dev, 0);
	pci_msix_notify(&dev, 0);
	assert_int_equal(msi_count, 0);
	assert_int_equal(mem_read(pba, 8), 1);
	mem_write(pba, 8, 0); /* read-only */
	assert_int_equal(mem_read(pba, 4), 1);
	mem_write(MEM64_BASE + TABLE_OFF + 12, 4, 0xfffffffe);
	assert_int_equal(msi_count, 1);
	assert_int_equal(msi_data, 0x30);
	assert_int_equal(mem_read(pba, 8), 0);
	/* The same by the function's mask. */
	msix_ctrl(PCI_MSIX_ENABLE | PCI_MSIX_MASKALL);
	pci_msix_notify(&dev, 2);
	pci_msix_notify(&dev, 0);
	assert_int_equal(msi_count, 1);
	assert_int_equal(mem_read(pba, 4), 5);
	assert_int_equal(mem_read(pba + 4, 4), 0);
	msix_ctrl(PCI_MSIX_ENABLE);
	assert_int_equal(msi_count, 3);
	assert_int_equal(mem_read(pba, 8), 0);
}

static void
test_msix_crooked(void **state)
{
	uint64_t t = MEM64_BASE + TABLE_OFF;

	program_vector(0, 0xfee01000, 7, 1);
	mem_write(t, 1, 0xff);
	mem_write(t + 2, 2, 0xff);
	mem_write(t + 2, 4, 0xff);
	mem_write(t + 4, 8, UINT64_MAX);
	mem_write(t - 4, 8, UINT64_MAX); /* reaches into the table from below */
	assert_true(mem_read(t, 8) == 0xfee01000);
	assert_int_equal(mem_read(t + 8, 4), 7);
	assert_int_equal(mem_read(t + 1, 1), 0);
	assert_int_equal(mem_read(t + NVEC * 16 - 4, 8), 0);
	assert_int_equal(bar_reads, 0);
	assert_true(mem_read(t + NVEC * 16, 4) == 0x1122334455667788);
	assert_int_equal(bar_reads, 1);
}

static void
test_intx(void **state)
{
	pci_intx_set(&dev, true);
	assert_true(intx_level[20]);
	assert_true((cfg(PCIR_STATUS, 2) & PCI_STATUS_INTX) != 0);
	assert_true((cfg(PCIR_COMMAND, 4) >> 16 & PCI_STATUS_INTX) != 0);
	assert_true((cfg(PCIR_STATUS, 1) & PCI_STATUS_INTX) != 0);
	assert_int_equal(cfg(PCIR_STATUS + 1, 1), 0);
	cfg_set(PCIR_COMMAND, 2, PCI_COMMAND_NOINTX);
	assert_false(intx_level[20]);
	cfg_set(PCIR_COMMAND, 2, 0);
	assert_true(intx_level[20]);
	msix_ctrl(PCI_MSIX_ENABLE);
	assert_false(intx_level[20]);
	msix_ctrl(0);
	assert_true(intx_level[20]);
	pci_intx_set(&dev, false);
	assert_false(intx_level[20]);
	intx_calls = 0;
	pci_intx_set(&dev, false);
	assert_int_equal(intx_calls, 0);
}

static void
test_intx_shared(void **state)
{
	attach_second(PCI_BDF(0, 12, 0)); /* the same input as slot 4 */
	pci_intx_set(&dev, true);
	pci_intx_set(&dev2, true);
	pci_intx_set(&dev, false);
	assert_true(intx_level[20]);
	pci_intx_set(&dev2, false);
	assert_false(intx_level[20]);
}

static void
test_reset(void **state)
{
	uint64_t bar1 = dev.bar[1].addr;

	program_vector(1, 0xfee00000, 1, 0);
	msix_ctrl(PCI_MSIX_ENABLE);
	cfg_set(PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	cfg_set(PCIR_BAR(1), 4, MEM32_BASE + 0x100000);
	assert_true(pci_bus_master(&dev));
	pci_intx_set(&dev, true);
	outl(0xcf8, 0x80000000);
	pci_reset(pci);
	assert_int_equal(resets, 1);
	assert_false(pci_bus_master(&dev));
	assert_false(pci_msix_enabled(&dev));
	assert_false(intx_level[20]);
	assert_int_equal(moved_to[1], bar1);
	assert_int_equal(mem_bus.nregions, 2);
	assert_int_equal(io_bus.nregions, 1);
	assert_int_equal(mem_read(MEM64_BASE + TABLE_OFF + 16 + 12, 4), 1);
	assert_int_equal(pci_port_ops.read(pci, 0, 4), 0);
}

static void
test_bars_disabled_at_start(void **state)
{
	pci_bus_set_enable_bars(pci, false);
	attach_second(PCI_BDF(0, 7, 0));
	assert_false(dev2.bar[0].mapped);
	pci_cfg_write(pci, dev2.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM);
	assert_true(dev2.bar[0].mapped);
}

/*
 * Any write of any size anywhere, from a fixed seed: nothing breaks, the two maps stay
 * consistent.
 */
static void
test_random_writes(void **state)
{
	unsigned seed = 1;

	attach_second(PCI_BDF(0, 5, 0));
	for (unsigned i = 0; i < 200000; i++) {
		unsigned size = 1u << (rand_r(&seed) % 4), off = (unsigned)rand_r(&seed) % 0x80;
		unsigned slot = 4 + (unsigned)rand_r(&seed) % 2;
		uint64_t val = (uint64_t)(unsigned)rand_r(&seed) << 12;

		if (rand_r(&seed) % 2 == 0)
			val = MEM32_BASE + (val & 0x3000);
		pci_ecam_ops.write(pci, (uint64_t)slot << 15 | off, size, val);
		(void)pci_ecam_ops.read(pci, (uint64_t)slot << 15 | off, size);
		mem_write(MEM32_BASE + (val & 0x3fff), size, val);
		if (i % 64 == 0)
			pci_msix_notify(&dev, (unsigned)rand_r(&seed) % (NVEC + 1));
	}
	for (unsigned i = 0, n = 0; i < PCI_BARS; i++) {
		n += dev.bar[i].mapped + dev2.bar[i].mapped;
		if (i == PCI_BARS - 1)
			assert_int_equal(n, mem_bus.nregions + io_bus.nregions);
	}
	assert_int_equal(cfg(PCIR_VENDOR, 4), 0x10421af4);
	pci_reset(pci);
	assert_int_equal(mem_bus.nregions, 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_crooked_accesses),
		T(test_mechanism_one),
		T(test_reset_port_inside),
		T(test_ecam),
		T(test_bar_sizing),
		T(test_bar_declarations),
		T(test_memory_bar_and_rom),
		T(test_bars_move),
		T(test_bars_outside_windows),
		T(test_bars_collide_and_come_back),
		T(test_attach_errors),
		T(test_multifunction),
		T(test_capability_list),
		T(test_msix_delivers),
		T(test_msix_pending),
		T(test_msix_crooked),
		T(test_intx),
		T(test_intx_shared),
		T(test_reset),
		T(test_bars_disabled_at_start),
		T(test_random_writes),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
