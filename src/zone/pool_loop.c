/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loop devices for pools in a file (loop(4)). Reads and writes go past the page cache of the file system below
 * where it can, so that a flush is one write to the disk and nothing is cached twice. Tools and zoneadmd, root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/pool.h"

#define TRIES 32 /* for a number that another takes meanwhile */

/* What stands behind a loop device; "": nothing. (A file of sysfs says 4,096 bytes of itself.) */
static void
backing_of(const char *loop, char out[PATH_MAX])
{
	char path[64 + NAME_MAX];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", loop);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, out, PATH_MAX - 1) : 0;
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

int
pool_loop_find(const char *file, char device[64])
{
	DIR *d = opendir("/sys/block");
	char have[PATH_MAX];
	struct dirent *de;
	int rc = -ENOENT;

	while (d != NULL && rc != 0 && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, "loop", 4) != 0)
			continue;
		backing_of(de->d_name, have);
		if (strcmp(have, file) == 0) {
			(void)snprintf(device, 64, "/dev/%.32s", de->d_name);
			rc = 0;
		}
	}
	if (d != NULL)
		(void)closedir(d);
	return (rc);
}

int
pool_loop_attach(const char *file, char device[64], struct err *e)
{
	CLEANUP_FD int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	CLEANUP_FD int backing = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct loop_config config = {
		.fd = (uint32_t)backing,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO },
	};
	int number, fd;

	if (control < 0)
		return (err_set(e, errno, "cannot open /dev/loop-control (modprobe loop)"));
	if (backing < 0)
		return (err_set(e, errno, "cannot open the pool's file '%s'", file));
	(void)snprintf(
	    (char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", file);
	for (int i = 0; i < TRIES; i++) {
		if ((number = ioctl(control, LOOP_CTL_GET_FREE)) < 0)
			break;
		(void)snprintf(device, 64, "/dev/loop%d", number);
		if ((fd = open(device, O_RDWR | O_CLOEXEC)) < 0)
			break;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return (fd);
		fd_close(&fd); /* keeps errno */
		if (errno != EBUSY)
			break;
	}
	return (err_set(e, errno, "cannot make a loop device of '%s'", file));
}
