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

#include "backend/vfio.h"

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
	struct vfio_container c;
	struct err e = { 0 };
	char where[16];

	assert_int_equal(vfio_container_open(&c, "/dev/null", &e), -EINVAL);
	assert_non_null(strstr(e.text, "not of the form fd:N"));
	(void)snprintf(where, sizeof(where), "fd:%d", dev.fd);
	assert_int_equal(vfio_container_open(&c, where, &e), -ENODEV);
	assert_non_null(strstr(e.text, "not VFIO's device"));
	c = (struct vfio_container){ .fd = dev.fd };
	(void)snprintf(dev.addr, sizeof(dev.addr), "0000:03:00.0");
	assert_true(vfio_device_open(&dev, &c, where, &(struct gmem){ 0 }, &e) < 0);
	assert_non_null(strstr(e.text, "not a group"));
	assert_int_equal(vfio_device_open(&dev, &c, "7", &(struct gmem){ 0 }, &e), -EINVAL);
	assert_true(setup(NULL) == 0);
	assert_int_equal(vfio_reset(&dev), -ENOTTY);
	assert_true(vfio_irqs(&dev, VFIO_MSIX, &dev.fd, 1) < 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_registers), T(test_outside), T(test_map),
		T(test_not_vfio) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
