/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions of the host: see hostpci.h. The files are those of the kernel's
 * Documentation/ABI/testing/sysfs-bus-pci, sysfs-kernel-iommu_groups and sysfs-devices-vfio-dev.
 */
#include "base/hostpci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"

#define GROUP_NAMES 512 /* bytes of names in a message */

static const char *root = "/sys";

void
hostpci_set_root(const char *path)
{
	root = path != NULL ? path : "/sys";
}

/* ---- addresses ---- */

/* One number of 1 to `digits` digits to the base, up to `max`; then `end`. Moves *s behind that. */
static bool
number(const char **s, unsigned base, unsigned digits, unsigned max, char end, unsigned *out)
{
	unsigned n = 0, count = 0;
	int d;

	for (; (d = parse_hex_digit(**s)) >= 0 && (unsigned)d < base; (*s)++, count++)
		n = n * base + (unsigned)d;
	if (count == 0 || count > digits || n > max || **s != end)
		return (false);
	if (end != '\0')
		(*s)++;
	*out = n;
	return (true);
}

int
hostpci_parse(const char *text, char out[HOSTPCI_TEXT])
{
	static const char folder[] = "/sys/bus/pci/devices/";
	unsigned dom = 0, bus, dev, fn;
	const char *s;

	if (strncmp(text, folder, sizeof(folder) - 1) == 0)
		text += sizeof(folder) - 1;
	s = text;
	if (strchr(text, '/') != NULL) {
		if (!number(&s, 10, 3, 255, '/', &bus) || !number(&s, 10, 2, 31, '/', &dev) ||
		    !number(&s, 10, 1, 7, '\0', &fn))
			return (-EINVAL);
	} else {
		if (strchr(text, ':') != strrchr(text, ':') &&
		    !number(&s, 16, 4, 0xffff, ':', &dom))
			return (-EINVAL);
		if (!number(&s, 16, 2, 255, ':', &bus) || !number(&s, 16, 2, 31, '.', &dev) ||
		    !number(&s, 16, 1, 7, '\0', &fn))
			return (-EINVAL);
	}
	(void)snprintf(
	    out, HOSTPCI_TEXT, "%04x:%02x:%02x.%x", dom & 0xffff, bus & 0xff, dev & 0x1f, fn & 7);
	return (0);
}

/* ---- what /sys says ---- */

static const char *
path_of(char buf[PATH_MAX], const char *addr, const char *file)
{
	if (addr == NULL)
		(void)snprintf(buf, PATH_MAX, "%s/bus/pci/%s", root, file);
	else
		(void)snprintf(buf, PATH_MAX, "%s/bus/pci/devices/%s/%s", root, addr, file);
	return (buf);
}

const char *
hostpci_folder(const char *addr, char buf[PATH_MAX])
{
	return (path_of(buf, addr, ""));
}

bool
hostpci_driver_loaded(const char *driver)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", root, driver);
	return (access(path, F_OK) == 0);
}

int
hostpci_exists(const char *addr, struct err *e)
{
	char path[PATH_MAX];

	if (access(path_of(path, addr, ""), F_OK) != 0)
		return (err_say(e, ENODEV, "the host has no PCI device %s", addr));
	return (0);
}

/* The last component of what a link says; "" where there is no link. */
static int
link_name(const char *path, char *out, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *base;

	out[0] = '\0';
	if (n < 0)
		return (errno == ENOENT ? 0 : -errno);
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base != NULL ? base + 1 : target;
	return ((size_t)snprintf(out, size, "%s", base) < size ? 0 : -ENAMETOOLONG);
}

int
hostpci_driver(const char *addr, char out[HOSTPCI_DRIVER], struct err *e)
{
	char path[PATH_MAX];
	int rc = link_name(path_of(path, addr, "driver"), out, HOSTPCI_DRIVER);

	return (rc == 0 ? 0 : err_set(e, -rc, "cannot read '%s'", path));
}

int
hostpci_vfio(const char *addr, char out[HOSTPCI_VFIO], struct err *e)
{
	char path[PATH_MAX];
	struct dirent *de;
	int rc = 0;
	DIR *d;

	out[0] = '\0';
	if ((d = opendir(path_of(path, addr, "vfio-dev"))) == NULL)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot read '%s'", path));
	while (out[0] == '\0' && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, "vfio", 4) == 0 &&
		    (size_t)snprintf(out, HOSTPCI_VFIO, "%s", de->d_name) >= HOSTPCI_VFIO)
			rc = err_set(e, ENAMETOOLONG, "cannot read '%s'", path);
	}
	(void)closedir(d);
	return (rc);
}

int
hostpci_group(const char *addr, unsigned *group, struct err *e)
{
	char path[PATH_MAX], name[32];
	uint32_t n;
	int rc;

	if ((rc = hostpci_exists(addr, e)) != 0)
		return (rc);
	rc = link_name(path_of(path, addr, "iommu_group"), name, sizeof(name));
	if (rc != 0)
		return (err_set(e, -rc, "cannot read '%s'", path));
	if (name[0] == '\0' || parse_u32(name, 0, UINT32_MAX, &n) != 0)
		return (err_say(e, ENODEV,
		    "PCI device %s is not behind an IOMMU, so its DMA could reach all of the host: "
		    "switch VT-d or AMD-Vi on in the firmware, and boot with intel_iommu=on",
		    addr));
	*group = n;
	return (0);
}

static bool
is_bridge(const char *addr)
{
	char path[PATH_MAX], text[8] = "";
	CLEANUP_FD int fd = open(path_of(path, addr, "class"), O_RDONLY | O_CLOEXEC);

	/* 0x06: its driver (pcieport) keeps it, and no DMA of its own comes from it. */
	return (fd >= 0 && read(fd, text, sizeof(text) - 1) > 4 && strncmp(text, "0x06", 4) == 0);
}

int
hostpci_group_viable(unsigned group, struct err *e)
{
	char path[PATH_MAX], driver[HOSTPCI_DRIVER], names[GROUP_NAMES] = "";
	struct dirent *de;
	size_t n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%u/devices", root, group);
	if ((d = opendir(path)) == NULL)
		return (err_set(e, errno, "cannot read '%s'", path));
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || hostpci_driver(de->d_name, driver, NULL) != 0 ||
		    driver[0] == '\0' || strcmp(driver, "vfio-pci") == 0 || is_bridge(de->d_name))
			continue;
		if (n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s (%s)",
			    n > 0 ? ", " : "", de->d_name, driver);
	}
	(void)closedir(d);
	if (n > 0)
		return (err_say(e, EBUSY,
		    "IOMMU group %u is not the guest's alone: the host uses %s, which the IOMMU "
		    "cannot "
		    "keep apart from it; unbind those too, or pass them through as well",
		    group, names));
	return (0);
}

int
hostpci_write(const char *addr, const char *file, const char *text, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char path[PATH_MAX];

	if ((fd = open(path_of(path, addr, file), O_WRONLY | O_CLOEXEC)) < 0 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return (err_set(
		    e, errno, "cannot write '%.*s' to '%s'", (int)strcspn(text, "\n"), text, path));
	return (0);
}
