/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI functions of the host for zones: see passthru.h. Runs in zoneadmd and, to reconcile, in tools. */
#include "zone/passthru.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define DRIVER    "vfio-pci"
#define DEPTH_MAX 6 /* folders below a PCI function in which its disks and interfaces are */

/* ---- does the host use it? ---- */

/* A disk of the function, claimed by a file system, a volume manager, a zone or a partition of it. */
static int
disk_idle(const char *name)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_EXCL | O_NONBLOCK);
	return (fd < 0 && errno == EBUSY ? -EBUSY : 0);
}

static bool
is_block(const char *folder)
{
	char path[PATH_MAX + 16], target[PATH_MAX];
	const char *base;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/subsystem", folder);
	if ((n = readlink(path, target, sizeof(target) - 1)) < 0)
		return (false);
	target[n] = '\0';
	base = strrchr(target, '/');
	return (base != NULL && strcmp(base, "/block") == 0);
}

/* flags of an interface, as text. */
static bool
is_up(const char *folder)
{
	char path[PATH_MAX + 16], text[32] = "";
	CLEANUP_FD int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/flags", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	    (strtoul(text, NULL, 0) & IFF_UP) != 0);
}

/* Look through the folders of a function (no links): its block devices and interfaces. */
static int
look_below(const char *addr, const char *folder, const char *parent, unsigned depth, struct err *e)
{
	struct dirent *de;
	int rc = 0;
	DIR *d;

	if (depth == 0 || (d = opendir(folder)) == NULL)
		return (0);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		char path[PATH_MAX];

		if (de->d_type != DT_DIR || de->d_name[0] == '.' ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", folder, de->d_name) >=
			sizeof(path))
			continue;
		if (is_block(path) && disk_idle(de->d_name) != 0)
			rc = err_say(e, EBUSY,
			    "PCI device %s cannot be taken from the host: its disk %s is in use",
			    addr, de->d_name);
		else if (strcmp(parent, "net") == 0 && is_up(path))
			rc = err_say(e, EBUSY,
			    "PCI device %s cannot be taken from the host: its interface %s is up "
			    "(ip link set %s down)",
			    addr, de->d_name, de->d_name);
		else
			rc = look_below(addr, path, de->d_name, depth - 1, e);
	}
	(void)closedir(d);
	return (rc);
}

/* ---- taking and giving back ---- */

int
passthru_look(const char *addr, bool *needed, char arg[PASSTHRU_ARG], struct err *e)
{
	char driver[HOSTPCI_DRIVER], path[PATH_MAX];
	unsigned group;
	int rc;

	*needed = false;
	if ((rc = hostpci_group(addr, &group, e)) != 0 ||
	    (rc = hostpci_driver(addr, driver, e)) != 0)
		return (rc);
	if (strcmp(driver, DRIVER) == 0)
		return (0);
	if (!hostpci_driver_loaded(DRIVER))
		return (err_say(e, ENODEV,
		    "PCI device %s cannot be passed through: the host's kernel has no " DRIVER
		    " (modprobe vfio-pci vfio_iommu_type1)",
		    addr));
	if (driver[0] != '\0' &&
	    (rc = look_below(addr, hostpci_folder(addr, path), "", DEPTH_MAX, e)) != 0)
		return (rc);
	(void)snprintf(arg, PASSTHRU_ARG, "%s %s", addr, driver);
	*needed = true;
	return (0);
}

/* "0000:03:00.0\n" */
static int
write_addr(const char *driver, const char *file, const char *addr, struct err *e)
{
	char where[HOSTPCI_DRIVER + 32];

	if (driver != NULL)
		(void)snprintf(where, sizeof(where), "drivers/%s/%s", driver, file);
	else
		(void)snprintf(where, sizeof(where), "%s", file);
	return (hostpci_write(NULL, where, addr, e));
}

int
passthru_take(const char *addr, struct err *e)
{
	char driver[HOSTPCI_DRIVER];
	int rc;

	if ((rc = hostpci_driver(addr, driver, e)) != 0 ||
	    (rc = hostpci_write(addr, "driver_override", DRIVER "\n", e)) != 0 ||
	    (driver[0] != '\0' && (rc = write_addr(driver, "unbind", addr, e)) != 0) ||
	    (rc = write_addr(NULL, "drivers_probe", addr, e)) != 0 ||
	    (rc = hostpci_driver(addr, driver, e)) != 0)
		return (rc);
	if (strcmp(driver, DRIVER) != 0)
		return (err_say(e, EIO,
		    "PCI device %s was not taken by " DRIVER "; the kernel's log may say why",
		    addr));
	return (0);
}

int
passthru_give_back(const char *arg, struct err *e)
{
	const char *space = strchr(arg, ' '), *former = space != NULL ? space + 1 : "";
	char addr[HOSTPCI_TEXT], driver[HOSTPCI_DRIVER];
	int rc;

	(void)snprintf(addr, sizeof(addr), "%.*s", (int)(HOSTPCI_TEXT - 1), arg);
	if (hostpci_exists(addr, NULL) != 0)
		return (0); /* pulled out */
	if ((rc = hostpci_write(addr, "driver_override", "\n", e)) != 0 ||
	    (rc = hostpci_driver(addr, driver, e)) != 0 ||
	    (strcmp(driver, DRIVER) == 0 && (rc = write_addr(DRIVER, "unbind", addr, e)) != 0))
		return (rc);
	if (former[0] == '\0' || (driver[0] != '\0' && strcmp(driver, DRIVER) != 0))
		return (0);
	/* By its name; a driver that was unloaded meanwhile is replaced by whichever fits. */
	if (write_addr(former, "bind", addr, NULL) != 0)
		(void)write_addr(NULL, "drivers_probe", addr, NULL);
	return (0);
}

int
passthru_open_group(const char *addr, unsigned *number, int *fd, struct err *e)
{
	char path[64];
	int rc;

	if ((rc = hostpci_group(addr, number, e)) != 0 ||
	    (rc = hostpci_group_viable(*number, e)) != 0)
		return (rc);
	(void)snprintf(path, sizeof(path), "/dev/vfio/%u", *number);
	if ((*fd = open(path, O_RDWR | O_CLOEXEC)) >= 0)
		return (0);
	if (errno == EBUSY)
		return (
		    err_say(e, EBUSY, "PCI device %s is in use by another zone or program", addr));
	return (err_set(e, errno, "cannot open '%s'", path));
}
