/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices of the host, taken and given back, in a /sys of our own (zone/passthru.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/passthru.h"

#define ADDR "0000:03:00.0"

static char dir[64];

/* In the folder of PCI. */
static int
shell(const char *text)
{
	char cmd[1024];

	(void)snprintf(cmd, sizeof(cmd), "cd '%s/bus/pci' && %s", dir, text);
	return (system(cmd));
}

static int
setup(void **state)
{
	char cmd[128];

	(void)snprintf(dir, sizeof(dir), "/tmp/test_passthru.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return (-1);
	hostpci_set_root(dir);
	(void)snprintf(cmd, sizeof(cmd), "mkdir -p '%s/bus/pci'", dir);
	if (system(cmd) != 0)
		return (-1);
	return (shell(
	    "mkdir -p drivers/nvme drivers/vfio-pci devices/" ADDR "/net/eth0 && "
	    "touch drivers/nvme/bind drivers/nvme/unbind drivers/vfio-pci/unbind drivers_probe "
	    "devices/" ADDR "/driver_override && ln -s ../../drivers/nvme devices/" ADDR
	    "/driver && ln -s ../../kernel/iommu_groups/7 devices/" ADDR
	    "/iommu_group && echo 0x1002 >devices/" ADDR "/net/eth0/flags"));
}

static int
teardown(void **state)
{
	char cmd[128];

	hostpci_set_root(NULL);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

static void
test_look(void **state)
{
	char arg[PASSTHRU_ARG] = "";
	struct err e = { 0 };
	bool needed;

	assert_int_equal(passthru_look(ADDR, &needed, arg, &e), 0);
	assert_true(needed);
	assert_string_equal(arg, ADDR " nvme");
	assert_int_equal(shell("echo 0x1003 >devices/" ADDR "/net/eth0/flags"), 0);
	assert_int_equal(passthru_look(ADDR, &needed, arg, &e), -EBUSY);
	assert_non_null(strstr(e.text, "its interface eth0 is up"));
	/* vfio-pci has it already: somebody else's doing, and to undo. */
	assert_int_equal(shell("ln -sfn ../../drivers/vfio-pci devices/" ADDR "/driver"), 0);
	assert_int_equal(passthru_look(ADDR, &needed, arg, &e), 0);
	assert_false(needed);
	assert_int_equal(
	    shell("rm devices/" ADDR "/driver && rmdir drivers/vfio-pci/ 2>/dev/null || "
		  "rm -r drivers/vfio-pci"),
	    0);
	assert_int_equal(passthru_look(ADDR, &needed, arg, &e), -ENODEV);
	assert_non_null(strstr(e.text, "modprobe vfio-pci"));
	assert_int_equal(shell("rm devices/" ADDR "/iommu_group"), 0);
	assert_int_equal(passthru_look(ADDR, &needed, arg, &e), -ENODEV);
	assert_non_null(strstr(e.text, "IOMMU"));
}

static void
test_take(void **state)
{
	struct err e = { 0 };

	/* This /sys does not act: that it was not taken is noticed. */
	assert_int_equal(passthru_take(ADDR, &e), -EIO);
	assert_int_equal(shell("grep -qx vfio-pci devices/" ADDR "/driver_override && grep -q " ADDR
			       " drivers/nvme/unbind && grep -q " ADDR " drivers_probe"),
	    0);
}

static void
test_give_back(void **state)
{
	struct err e = { 0 };

	assert_int_equal(shell("ln -sfn ../../drivers/vfio-pci devices/" ADDR "/driver"), 0);
	assert_int_equal(passthru_give_back(ADDR " nvme", &e), 0);
	assert_int_equal(shell("grep -q " ADDR " drivers/vfio-pci/unbind && grep -q " ADDR
			       " drivers/nvme/bind && [ ! -s drivers_probe ]"),
	    0);
	/* Its driver is gone: whichever fits. */
	assert_int_equal(passthru_give_back(ADDR " gone", &e), 0);
	assert_int_equal(shell("grep -q " ADDR " drivers_probe"), 0);
	/* It had none. */
	assert_int_equal(shell(": >drivers_probe; : >drivers/nvme/bind"), 0);
	assert_int_equal(passthru_give_back(ADDR " ", &e), 0);
	assert_int_equal(shell("[ ! -s drivers_probe ] && [ ! -s drivers/nvme/bind ]"), 0);
	/* It was pulled out. */
	assert_int_equal(passthru_give_back("0000:09:00.0 nvme", &e), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_look), T(test_take), T(test_give_back) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
