/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's PCI functions of the host: bound to vfio-pci at ready, with their driver before in the
 * ledger; their groups are held open until halt, so that nobody else comes in between two lives of
 * zhyve. Each zhyve is given a container of its own, in which its memory is wired. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/passthru.h"
#include "zone/zoneadmd.h"

#define LOCKED_SPARE (64 * MIB) /* beside the guest's memory: what zhyve itself may lock */

/* zone.max-locked-memory, or what it takes. */
static int
locked_memory(const struct zoneadmd *z, uint64_t *out, struct err *e)
{
	const struct zone_resources *r = &z->res;

	*out = r->plan->ram + LOCKED_SPARE;
	if (zconf_rctl_get(r->conf, "zone.max-locked-memory", out) == 0 && *out < r->plan->ram)
		return (err_say(e, EINVAL,
		    "zone.max-locked-memory of %llu MiB is less than the guest's %llu MiB, all of "
		    "which a "
		    "device of the host needs locked",
		    (unsigned long long)(*out / MIB), (unsigned long long)(r->plan->ram / MIB)));
	return (0);
}

static int
bind_one(struct zoneadmd *z, const char *addr, struct err *e)
{
	char arg[PASSTHRU_ARG];
	bool needed;
	int rc;

	if ((rc = passthru_look(addr, &needed, arg, e)) != 0 || !needed)
		return (rc);
	if ((rc = ledger_add(z->ledger, "vfio", arg, e)) != 0)
		return (rc);
	return (passthru_take(addr, e));
}

/* A group is opened once, whatever number of its functions the zone has. */
static int
open_groups(struct zone_resources *r, struct err *e)
{
	unsigned number[BRAND_PASS_MAX] = { 0 };
	int rc;

	for (size_t i = 0; i < r->plan->npass; i++) {
		const char *addr = r->plan->pass[i].addr;

		if ((rc = hostpci_group(addr, &number[i], e)) != 0)
			return (rc);
		for (size_t k = 0; k < i && r->group_fd[i] < 0; k++) {
			if (number[k] != number[i])
				continue;
			r->group_fd[i] = fcntl(r->group_fd[k], F_DUPFD_CLOEXEC, 0);
			if (r->group_fd[i] < 0)
				return (err_set(e, errno, "PCI device %s", addr));
		}
		if (r->group_fd[i] < 0 &&
		    (rc = passthru_open_group(addr, &number[i], &r->group_fd[i], e)) != 0)
			return (rc);
	}
	return (0);
}

int
zone_passthru_make(struct zoneadmd *z, struct err *e)
{
	struct zone_resources *r = &z->res;
	int rc;

	if (r->plan->npass == 0)
		return (0);
	if ((rc = locked_memory(z, &r->locked, e)) != 0)
		return (rc);
	for (size_t i = 0; i < r->plan->npass; i++) {
		if ((rc = bind_one(z, r->plan->pass[i].addr, e)) != 0)
			return (rc);
	}
	return (open_groups(r, e));
}

int
zone_passthru_container(const struct zone_resources *r, int *fd, struct err *e)
{
	/* What the last zhyve put them into: its memory is let go with it. */
	for (size_t i = 0; i < r->plan->npass; i++)
		(void)ioctl(r->group_fd[i], VFIO_GROUP_UNSET_CONTAINER);
	if ((*fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)) < 0)
		return (err_set(
		    e, errno, "cannot open '/dev/vfio/vfio' (modprobe vfio-pci vfio_iommu_type1)"));
	return (0);
}
