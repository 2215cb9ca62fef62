/* SPDX-License-Identifier: BSD-2-Clause */
/* VFIO's character devices and iommufd: see hostvfio.h. */
#include "base/hostvfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/hostpci.h"
#include "base/iommufd_abi.h"

#define NODE     "/dev/iommu"
#define NODE_MAX 64

/* "" when the function has none. */
static int
node_of(const char *addr, char out[NODE_MAX], struct err *e)
{
	char name[HOSTPCI_VFIO];
	int rc = hostpci_vfio(addr, name, e);

	out[0] = '\0';
	if (rc == 0 && name[0] != '\0')
		(void)snprintf(out, NODE_MAX, "/dev/vfio/devices/%s", name);
	return (rc);
}

bool
hostvfio_has(const char *addr)
{
	char path[NODE_MAX];

	return (node_of(addr, path, NULL) == 0 && path[0] != '\0' && access(path, F_OK) == 0 &&
	    access(NODE, F_OK) == 0);
}

int
hostvfio_open(const char *addr, int *fd, struct err *e)
{
	char path[NODE_MAX];
	int rc;

	if ((rc = node_of(addr, path, e)) != 0)
		return (rc);
	if (path[0] == '\0')
		return (err_say(e, ENODEV, "PCI device %s is not bound to vfio-pci", addr));
	if ((*fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot open '%s' of PCI device %s%s", path, addr,
		    errno == ENOENT ? " (it takes Linux 6.6, with VFIO_DEVICE_CDEV)" : ""));
	return (0);
}

static int
in_use(const char *addr, struct err *e)
{
	return (err_say(e, EBUSY, "PCI device %s is in use by another guest or program", addr));
}

int
hostvfio_lock(int fd, const char *addr, struct err *e)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return (0);
	return (errno == EWOULDBLOCK ? in_use(addr, e)
				     : err_set(e, errno, "cannot lock PCI device %s", addr));
}

int
hostvfio_iommufd(int *fd, struct err *e)
{
	struct iommu_abi_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_ABI_RLIMIT_MODE,
		.op = IOMMU_ABI_OPTION_OP_SET,
		.val64 = 1,
	};

	if ((*fd = open(NODE, O_RDWR | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot open '" NODE "' (modprobe iommufd)"));
	if (ioctl(*fd, IOMMU_ABI_OPTION, &option) != 0 && errno != EPERM)
		return (
		    err_set(e, errno, "'" NODE "': locked memory cannot be counted per process"));
	return (0);
}

int
hostvfio_bind(int fd, int iommufd, const char *addr, struct err *e)
{
	struct vfio_abi_bind bind = { .argsz = sizeof(bind), .iommufd = iommufd };

	if (ioctl(fd, VFIO_ABI_BIND_IOMMUFD, &bind) == 0)
		return (0);
	switch (errno) {
	case EBUSY:  /* by its group, or another of its group */
	case EINVAL: /* by this device, opened elsewhere */
		return (in_use(addr, e));
	case EPERM:
		return (err_say(e, EPERM,
		    "cannot use the IOMMU for PCI device %s: without interrupt remapping the host "
		    "is not safe from it (the kernel's log says more)",
		    addr));
	default:
		return (err_set(e, errno, "cannot put PCI device %s behind the IOMMU", addr));
	}
}
