/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI: the capability as a guest programs it, messages, and INTx beside it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/pci.h"
#include "devices/pci_regs.h"
#include "pci_host.h"

#define BDF PCI_BDF(0, 3, 0)

static struct pci_bus *pci;
static struct pci_dev dev;
static unsigned written;

static void
dev_cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	written++;
}

static const struct pci_dev_ops dev_ops = { .cfg_written = dev_cfg_written };
static int
setup(void **state)
{
	written = 0;
	pci = host_bus();
	assert_non_null(pci);
	pci_dev_init(&dev, "test", &dev_ops, NULL, 0x8086, 0x2821, 0x010601, 2);
	dev.bdf = BDF;
	assert_int_equal(pci_add_bar(&dev, 5, PCI_BAR_MEM32, 0x2000), 0);
	assert_int_equal(pci_add_msi(&dev), 0);
	assert_int_equal(pci_attach(pci, &dev, NULL), 0);
	return (0);
}

static int
teardown(void **state)
{
	pci_bus_destroy(pci);
	return (0);
}

/* Find the capability as a driver does. */
static unsigned
cap(void)
{
	unsigned off = pci_cfg_read(pci, BDF, PCIR_CAP, 1);

	while (off != 0 && pci_cfg_read(pci, BDF, off, 1) != PCI_CAP_MSI)
		off = pci_cfg_read(pci, BDF, off + 1, 1);
	assert_int_not_equal(off, 0);
	return (off);
}

static void
program(uint64_t addr, uint16_t data)
{
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_ADDR, 4, (uint32_t)addr);
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_UPPER, 4, (uint32_t)(addr >> 32));
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_DATA, 2, data);
}

static void
test_capability(void **state)
{
	unsigned off = cap();

	assert_int_equal(pci_cfg_read(pci, BDF, off + PCIR_MSI_CTRL, 2), PCI_MSI_64BIT);
	/* One message, 64-bit, no masking: nothing else can be switched on. */
	pci_cfg_write(pci, BDF, off + PCIR_MSI_CTRL, 2, 0xffff);
	assert_int_equal(
	    pci_cfg_read(pci, BDF, off + PCIR_MSI_CTRL, 2), PCI_MSI_64BIT | PCI_MSI_ENABLE);
	assert_true(written > 0);
	pci_cfg_write(pci, BDF, off + PCIR_MSI_ADDR, 4, 0xffffffff);
	assert_int_equal(pci_cfg_read(pci, BDF, off + PCIR_MSI_ADDR, 4), 0xfffffffc);
	assert_int_equal(pci_add_msi(&dev), -EEXIST);
}

static void
test_message(void **state)
{
	program(0x1fee00000, 0x41);
	assert_false(pci_msi_notify(&dev));
	assert_int_equal(messages, 0);
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_CTRL, 2, PCI_MSI_ENABLE);
	assert_true(pci_msi_notify(&dev));
	assert_int_equal(messages, 1);
	assert_true(last_addr == 0x1fee00000);
	assert_int_equal(last_data, 0x41);
}

static void
test_line(void **state)
{
	pci_intx_set(&dev, true);
	assert_true(line);
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_CTRL, 2, PCI_MSI_ENABLE);
	assert_false(line);
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_CTRL, 2, 0);
	assert_true(line);
}

static void
test_reset(void **state)
{
	program(0xfee00000, 0x41);
	pci_cfg_write(pci, BDF, cap() + PCIR_MSI_CTRL, 2, PCI_MSI_ENABLE);
	pci_reset(pci);
	assert_false(pci_msi_enabled(&dev));
	assert_int_equal(pci_cfg_read(pci, BDF, cap() + PCIR_MSI_ADDR, 4), 0);
}

static void
test_without(void **state)
{
	struct pci_dev bare;

	pci_dev_init(&bare, "bare", &dev_ops, NULL, 1, 2, 0, 0);
	assert_false(pci_msi_enabled(&bare));
	assert_false(pci_msi_notify(&bare));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_capability),
		T(test_message),
		T(test_line),
		T(test_reset),
		T(test_without),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
