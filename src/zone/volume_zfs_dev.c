/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of zvols. The kernel calls them /dev/zdN, and tells of each whose it is; under the volume's name,
 * /dev/zvol/DATASET, it is udev's or, where none runs, ours to have them. Both happen a little after zfs(8) has come
 * back, and a name may for as long be another's: so what is opened is asked. Tools and zoneadmd, root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/volume_zfs.h"

#define TRIES 1000 /* times 10 ms */
/* OpenZFS, include/sys/fs/zfs.h: the name of a zvol's dataset, of 256 bytes. */
#define ZVOL_NAME _IOR(0x12, 125, char[256])

bool
zfs_device_at(const char *path, const struct zfs_name *volume)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char name[256] = "";

	if (fd < 0 || ioctl(fd, ZVOL_NAME, name) != 0)
		return (false);
	name[sizeof(name) - 1] = '\0';
	return (strcmp(name, volume->text) == 0);
}

static bool
has_udev(void)
{
	return (access("/run/udev/control", F_OK) == 0);
}

/* The kernel's name of the volume's device. */
static bool
find_device(const struct zfs_name *volume, char device[64])
{
	DIR *d = opendir("/sys/block");
	const struct dirent *de;
	bool found = false;

	while (d != NULL && !found && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, "zd", 2) != 0)
			continue;
		(void)snprintf(device, 64, "/dev/%.32s", de->d_name);
		found = zfs_device_at(device, volume);
	}
	if (d != NULL)
		(void)closedir(d);
	return (found);
}

/* Point the volume's name at its device, and nowhere else. */
static int
link_device(const char *path, const struct zfs_name *volume, struct err *e)
{
	char folder[PATH_MAX], device[64];
	int rc;

	if (!find_device(volume, device))
		return (0); /* not yet */
	(void)snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	if ((rc = dir_make(folder, 0755, e)) != 0)
		return (rc);
	if ((unlink(path) != 0 && errno != ENOENT) ||
	    (symlink(device, path) != 0 && errno != EEXIST))
		return (err_set(e, errno, "cannot make the link '%s' to '%s'", path, device));
	return (0);
}

int
zfs_device_ready(const struct zfs_name *volume, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };
	char path[PATH_MAX];
	int rc;

	(void)snprintf(path, sizeof(path), ZFS_DEVICES "%s", volume->text);
	for (int i = 0; i < TRIES; i++) {
		if (zfs_device_at(path, volume))
			return (0);
		if (!has_udev() && (rc = link_device(path, volume, e)) != 0)
			return (rc);
		if (zfs_device_at(path, volume))
			return (0);
		(void)nanosleep(&pause, NULL);
	}
	return (err_say(e, ETIMEDOUT,
	    "the device '%s' of volume '%s' does not appear: see zfs get volmode, and udev's rule "
	    "60-zvol",
	    path, volume->text));
}

void
zfs_device_forget(const struct zfs_name *volume)
{
	char path[PATH_MAX];

	if (has_udev())
		return;
	(void)snprintf(path, sizeof(path), ZFS_DEVICES "%s", volume->text);
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path); /* with its last one */
}
