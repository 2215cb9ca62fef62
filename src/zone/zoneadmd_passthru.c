/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's PCI functions of the host: bound to vfio-pci at ready, with their driver before in the
 * ledger. Each zhyve is given them, and what its memory is wired in, anew. Runs in zoneadmd.
 *
 * Where the kernel has VFIO's character devices, a zhyve is given those, bound to an iommufd of its own,
 * and nobody keeps a copy: with zhyve's end they are reset and its memory is let go. That nobody else of
 * ours comes in between two lives is done by a lock, which is held until halt. Else it is given their
 * groups, which are held open until halt, and a container of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/hostvfio.h"
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

static void
pass_init(struct zone_pass *pass)
{
	pass->shared = -1;
	for (size_t i = 0; i < NITEMS(pass->own); i++)
		pass->own[i] = -1;
}

void
zone_passthru_close(struct zone_pass *pass)
{
	for (size_t i = 0; i < NITEMS(pass->own); i++)
		fd_close(&pass->own[i]);
	fd_close(&pass->shared);
}

void
zone_passthru_init(struct zone_resources *r)
{
	pass_init(&r->pass);
	for (size_t i = 0; i < BRAND_PASS_MAX; i++)
		r->group_fd[i] = r->claim_fd[i] = -1;
}

void
zone_passthru_undo(struct zone_resources *r)
{
	zone_passthru_close(&r->pass);
	for (size_t i = 0; i < BRAND_PASS_MAX; i++) {
		fd_close(&r->group_fd[i]);
		fd_close(&r->claim_fd[i]);
	}
}

/* All of them by their character devices, or none. */
static bool
have_cdevs(const struct brand_plan *p)
{
	for (size_t i = 0; i < p->npass; i++) {
		if (!hostvfio_has(p->pass[i].addr))
			return (false);
	}
	return (true);
}

/* A new iommufd for a new life: what the last one did with its own has no consequence. */
static int
bind_devices(struct zone_resources *r, struct err *e)
{
	int rc = hostvfio_iommufd(&r->pass.shared, e);

	for (size_t i = 0; i < r->plan->npass && rc == 0; i++) {
		const char *addr = r->plan->pass[i].addr;

		if ((rc = hostvfio_open(addr, &r->pass.own[i], e)) == 0)
			rc = hostvfio_bind(r->pass.own[i], r->pass.shared, addr, e);
	}
	if (rc != 0)
		zone_passthru_close(&r->pass);
	return (rc);
}

static int
claim_devices(struct zone_resources *r, struct err *e)
{
	unsigned group;
	int rc;

	for (size_t i = 0; i < r->plan->npass; i++) {
		const char *addr = r->plan->pass[i].addr;

		if ((rc = hostpci_group(addr, &group, e)) != 0 ||
		    (rc = hostpci_group_viable(group, e)) != 0 ||
		    (rc = hostvfio_open(addr, &r->claim_fd[i], e)) != 0 ||
		    (rc = hostvfio_lock(r->claim_fd[i], addr, e)) != 0)
			return (rc);
	}
	if ((rc = bind_devices(r, e)) != 0 || (rc = brand_plan_cdev(r->plan, e)) != 0)
		return (rc);
	return (r->again != NULL ? brand_plan_cdev(r->again, e) : 0);
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
	return (have_cdevs(r->plan) ? claim_devices(r, e) : open_groups(r, e));
}

static int
open_container(const struct zone_resources *r, int *fd, struct err *e)
{
	/* What the last zhyve put them into: its memory is let go with it. */
	for (size_t i = 0; i < r->plan->npass; i++)
		(void)ioctl(r->group_fd[i], VFIO_GROUP_UNSET_CONTAINER);
	if ((*fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)) < 0)
		return (err_set(
		    e, errno, "cannot open '/dev/vfio/vfio' (modprobe vfio-pci vfio_iommu_type1)"));
	return (0);
}

int
zone_passthru_start(struct zone_resources *r, struct zone_pass *out, struct err *e)
{
	int rc;

	pass_init(out);
	if (r->plan->npass == 0)
		return (0);
	if (r->claim_fd[0] < 0)
		return (open_container(r, &out->shared, e));
	if (r->pass.shared < 0 && (rc = bind_devices(r, e)) != 0)
		return (rc);
	*out = r->pass;
	pass_init(&r->pass);
	return (0);
}
