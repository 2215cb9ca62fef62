/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of VFIO can be tried without it (backend/vfio.h): registers, with a file in the device's place;
 * what is no VFIO at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/vfio_way.h"

#define AT 0x10000u /* of the region, in the file */

static struct vfio_device dev;

static int
setup(void **state)
{
	dev = (struct vfio_device){ .group = -1 };
	dev.bar[1] = (struct vfio_region){ .at = AT, .size = 0x2000, .writable = true };
	dev.bar[2] = (struct vfio_region){ .at = 0, .size = 0x1000 };
	dev.fd = memfd_create("device", MFD_CLOEXEC);
	return (dev.fd < 0 || ftruncate(dev.fd, AT + 0x1800) != 0);
}

static int
teardown(void **state)
{
	return (close(dev.fd));
}

static void
test_registers(void **state)
{
	const struct vfio_region *r = &dev.bar[1];
	uint64_t seen;

	vfio_write(&dev, r, 0x10, 4, 0x12345678);
	assert_int_equal(pread(dev.fd, &seen, 8, AT + 0x10), 8);
	assert_int_equal(seen, 0x12345678);
	assert_int_equal(vfio_read(&dev, r, 0x10, 4), 0x12345678);
	assert_int_equal(vfio_read(&dev, r, 0x11, 1), 0x56);
	vfio_write(&dev, r, 0x18, 8, 0x1122334455667788);
	assert_int_equal(vfio_read(&dev, r, 0x18, 8), 0x1122334455667788);
}

static void
test_outside(void **state)
{
	const struct vfio_region *r = &dev.bar[1];
	char last = 0;

	/* Beyond the region, around its end, and where it wraps. */
	assert_int_equal(vfio_read(&dev, r, 0x2000, 4), UINT64_MAX);
	assert_int_equal(vfio_read(&dev, r, 0x1ffe, 4), UINT64_MAX);
	assert_int_equal(vfio_read(&dev, r, UINT64_MAX - 1, 4), UINT64_MAX);
	/* The device gives less than was asked for. */
	assert_int_equal(vfio_read(&dev, r, 0x17fe, 4), UINT64_MAX);
	assert_int_equal(vfio_read(&dev, &dev.bar[0], 0, 1), UINT64_MAX);
	vfio_write(&dev, r, 0x2000, 4, ~0ull);
	assert_int_equal(pread(dev.fd, &last, 1, AT + 0x2000), 0); /* nothing there */
	vfio_write(&dev, &dev.bar[2], 0, 1, 0xff);                 /* not writable */
	assert_int_equal(vfio_read(&dev, &dev.bar[2], 0, 1), 0);
}

static void
test_map(void **state)
{
	const struct pci_pass_area a = { 0x1000, 0x800 };
	uint8_t *p = vfio_map(&dev, 1, &a);

	assert_non_null(p);
	vfio_write(&dev, &dev.bar[1], 0x1004, 1, 0x5a);
	assert_int_equal(p[4], 0x5a);
	assert_int_equal(munmap(p, 0x800), 0);
}

static void
test_not_vfio(void **state)
{
	static const struct gmem none;
	char fd[16];

	(void)snprintf(fd, sizeof(fd), "fd:%d", dev.fd);
	const struct {
		struct vfio_where where;
		int rc; /* 1: any */
		const char *want;
	} t[] = {
		{ { .group = fd, .container = "/dev/null" }, -EINVAL,
		    "container: '/dev/null' is not of the form" },
		{ { .group = fd, .container = fd }, -ENODEV, "not VFIO's device" },
		{ { .way = "cdev", .container = fd, .group = fd }, -ENODEV, "not VFIO's device" },
		{ { .cdev = fd, .iommufd = "/dev/iommu" }, -EINVAL,
		    "iommufd: '/dev/iommu' is not" },
		{ { .cdev = fd, .iommufd = fd }, 1, "cannot make an address space" },
		{ { .cdev = fd }, -EINVAL, "belongs together" },
		{ { .iommufd = fd }, -EINVAL, "belongs together" },
		{ { .cdev = fd, .iommufd = fd, .group = fd }, -EINVAL, "belongs together" },
		{ { .way = "both" }, -EINVAL, "'both' is neither group nor cdev" },
	};

	(void)snprintf(dev.addr, sizeof(dev.addr), "0000:03:00.0");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vfio_container c = { 0 };
		struct err e = { 0 };
		struct vfio_device d = dev;
		int rc = vfio_device_open(&d, &c, &t[i].where, &none, &e);

		assert_true(t[i].rc == 1 ? rc < 0 : rc == t[i].rc);
		assert_non_null(strstr(e.text, t[i].want));
	}
}

/* With a container that was opened; `where` is the device's. */
static void
refused(const struct vfio_way *way, const struct vfio_where *where, const char *want)
{
	struct vfio_container c = { .way = way, .fd = dev.fd };
	static const struct gmem none;
	struct vfio_device d = dev;
	struct err e = { 0 };

	assert_true(vfio_device_open(&d, &c, where, &none, &e) < 0);
	assert_non_null(strstr(e.text, want));
}

static void
test_not_device(void **state)
{
	const struct vfio_where bad_group = { .group = "7" },
				bad_device = { .cdev = "7", .iommufd = "fd:0" };
	struct vfio_where group = { 0 }, device = { .iommufd = "fd:0" };
	char fd[16];

	(void)snprintf(dev.addr, sizeof(dev.addr), "0000:03:00.0");
	(void)snprintf(fd, sizeof(fd), "fd:%d", dev.fd);
	group.group = device.cdev = fd;
	refused(&vfio_by_group, &bad_group, "group: '7' is not of the form fd:N");
	refused(&vfio_by_group, &group, "not a group");
	refused(&vfio_by_cdev, &bad_device, "cdev: '7' is not of the form fd:N");
	refused(&vfio_by_cdev, &device, "cannot put PCI device 0000:03:00.0 behind the IOMMU");
	/* The second device of a machine comes the first one's way. */
	refused(&vfio_by_group, &device, "all its devices by their groups, or all");
	refused(&vfio_by_cdev, &group, "all its devices by their groups, or all");
}

static void
test_no_device(void **state)
{
	assert_int_equal(vfio_reset(&dev), -ENOTTY);
	assert_true(vfio_irqs(&dev, VFIO_MSIX, &dev.fd, 1) < 0);
}

static void
test_seal(void **state)
{
	struct vfio_container c = { .way = &vfio_by_group, .fd = dup(dev.fd) };
	int fd = c.fd;

	vfio_container_seal(&c);
	assert_int_equal(c.fd, fd);
	c.way = &vfio_by_cdev;
	vfio_container_seal(&c);
	assert_int_equal(c.fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_registers), T(test_outside), T(test_map),
		T(test_not_vfio), T(test_not_device), T(test_no_device), T(test_seal) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
