/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI functions of the host, in a /sys of our own (base/hostpci.h). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hostpci.h"

static char dir[64];

static void
shell(const char *fmt, const char *a, const char *b)
{
	char cmd[1024], text[512];

	(void)snprintf(text, sizeof(text), fmt, a, b);
	(void)snprintf(cmd, sizeof(cmd), "cd '%s' && %s", dir, text);
	assert_int_equal(system(cmd), 0);
}

/* A function of group 7 with a driver ("" for none). */
static void
function(const char *addr, const char *driver, const char *class)
{
	shell("mkdir -p bus/pci/devices/%s kernel/iommu_groups/7/devices && "
	      "ln -s ../../../../kernel/iommu_groups/7 bus/pci/devices/%1$s/iommu_group",
	    addr, "");
	shell("ln -s x kernel/iommu_groups/7/devices/%s", addr, "");
	shell("echo %2$s >bus/pci/devices/%1$s/class", addr, class);
	if (driver[0] != '\0')
		shell("ln -s ../../drivers/%2$s bus/pci/devices/%1$s/driver", addr, driver);
}

static int
setup(void **state)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test_hostpci.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return (-1);
	hostpci_set_root(dir);
	function("0000:03:00.0", "nvme", "0x010802");
	return (0);
}

static int
teardown(void **state)
{
	char cmd[128];

	hostpci_set_root(NULL);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd) != 0);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: none */
	} t[] = {
		{ "0000:03:00.0", "0000:03:00.0" },
		{ "03:1f.7", "0000:03:1f.7" },
		{ "10:0:3.1", "0010:00:03.1" },
		{ "3/0/0", "0000:03:00.0" },
		{ "12/31/7", "0000:0c:1f.7" },
		{ "/sys/bus/pci/devices/0000:AB:00.0", "0000:ab:00.0" },
		{ "", NULL },
		{ "3", NULL },
		{ "03:20.0", NULL },
		{ "03:00.8", NULL },
		{ "03:00.0x", NULL },
		{ "10000:03:00.0", NULL },
		{ "0000:03:00.0/../x", NULL },
		{ "256/0/0", NULL },
		{ "a/0/0", NULL },
		{ "0:0:0:0.0", NULL },
		{ "/dev/ppt0", NULL },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char out[HOSTPCI_TEXT] = "";

		assert_int_equal(hostpci_parse(t[i].text, out), t[i].want != NULL ? 0 : -EINVAL);
		assert_string_equal(out, t[i].want != NULL ? t[i].want : "");
	}
}

static void
test_facts(void **state)
{
	char driver[HOSTPCI_DRIVER];
	struct err e = { 0 };
	unsigned group;

	assert_int_equal(hostpci_driver("0000:03:00.0", driver, &e), 0);
	assert_string_equal(driver, "nvme");
	assert_int_equal(hostpci_group("0000:03:00.0", &group, &e), 0);
	assert_int_equal(group, 7);
	assert_int_equal(hostpci_group("0000:04:00.0", &group, &e), -ENODEV);
	assert_non_null(strstr(e.text, "no PCI device 0000:04:00.0"));
	shell("rm bus/pci/devices/0000:03:00.0/iommu_group bus/pci/devices/0000:03:00.0/driver", "",
	    "");
	assert_int_equal(hostpci_group("0000:03:00.0", &group, &e), -ENODEV);
	assert_non_null(strstr(e.text, "not behind an IOMMU"));
	assert_int_equal(hostpci_driver("0000:03:00.0", driver, &e), 0);
	assert_string_equal(driver, "");
}

static void
test_vfio(void **state)
{
	char name[HOSTPCI_VFIO];
	struct err e = { 0 };

	assert_int_equal(hostpci_vfio("0000:03:00.0", name, &e), 0);
	assert_string_equal(name, "");
	shell("mkdir -p bus/pci/devices/0000:03:00.0/vfio-dev/vfio12", "", "");
	assert_int_equal(hostpci_vfio("0000:03:00.0", name, &e), 0);
	assert_string_equal(name, "vfio12");
	shell("mv bus/pci/devices/0000:03:00.0/vfio-dev/vfio12 "
	      "bus/pci/devices/0000:03:00.0/vfio-dev/vfio12345678901234567890123456789",
	    "", "");
	assert_int_equal(hostpci_vfio("0000:03:00.0", name, &e), -ENAMETOOLONG);
}

static void
test_viable(void **state)
{
	struct err e = { 0 };

	assert_int_equal(hostpci_group_viable(7, &e), -EBUSY);
	assert_non_null(strstr(e.text, "0000:03:00.0 (nvme)"));
	shell("rm bus/pci/devices/0000:03:00.0/driver", "", "");
	function("0000:03:00.1", "vfio-pci", "0x020000");
	function("0000:00:01.0", "pcieport", "0x060400");
	assert_int_equal(hostpci_group_viable(7, &e), 0);
	function("0000:03:00.2", "igb", "0x020000");
	assert_int_equal(hostpci_group_viable(7, &e), -EBUSY);
	assert_non_null(strstr(e.text, "the host uses 0000:03:00.2 (igb),"));
	assert_int_equal(hostpci_group_viable(8, &e), -ENOENT);
}

static void
test_write(void **state)
{
	struct err e = { 0 };

	shell("touch bus/pci/devices/0000:03:00.0/driver_override bus/pci/drivers_probe", "", "");
	assert_int_equal(hostpci_write("0000:03:00.0", "driver_override", "vfio-pci\n", &e), 0);
	assert_int_equal(hostpci_write(NULL, "drivers_probe", "0000:03:00.0\n", &e), 0);
	shell("grep -qx vfio-pci bus/pci/devices/0000:03:00.0/driver_override && "
	      "grep -qx 0000:03:00.0 bus/pci/drivers_probe",
	    "", "");
	assert_int_equal(hostpci_write("0000:03:00.0", "none", "x", &e), -ENOENT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_addresses), T(test_facts), T(test_vfio),
		T(test_viable), T(test_write) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
