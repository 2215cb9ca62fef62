/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop device for tests of block devices. It takes root and the loop driver: where it cannot be
 * had, the test is skipped. Header only.
 */
#ifndef ZHYVE_TESTS_LOOP_H
#define ZHYVE_TESTS_LOOP_H

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * A device with sectors of `block_size` on the file; its name in path. Returns a descriptor: the
 * device is gone with its last one. -1 where there is none to be had.
 */
static inline int
loop_make(const char *file, unsigned block_size, char path[32])
{
	struct loop_config c = { .block_size = block_size,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd = -1, n = -1;
	int back = open(file, O_RDWR | O_CLOEXEC);

	/* Another may take the free one first. */
	for (unsigned tries = 0; control >= 0 && back >= 0 && fd < 0 && tries < 8; tries++) {
		if ((n = ioctl(control, LOOP_CTL_GET_FREE)) < 0)
			break;
		(void)snprintf(path, 32, "/dev/loop%d", n);
		c.fd = (unsigned)back;
		if ((fd = open(path, O_RDWR | O_CLOEXEC)) >= 0 &&
		    ioctl(fd, LOOP_CONFIGURE, &c) != 0) {
			(void)close(fd);
			fd = -1;
		}
	}
	if (control >= 0)
		(void)close(control);
	if (back >= 0)
		(void)close(back);
	return (fd);
}

#endif
