/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resources of a live zone, made in the order of DESIGN 5: cgroup, vnics, then descriptors of
 * what exists already. Each that stands outside this process is in the ledger first. Descriptors
 * are ours to close, so they need no entry. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/cgroup.h"
#include "zone/coresched.h"
#include "zone/cpus.h"
#include "zone/image.h"
#include "zone/jail.h"
#include "zone/reconcile.h"
#include "zone/vmsnap.h"
#include "zone/volume.h"
#include "zone/zoneadmd.h"

void
zone_resources_init(struct zone_resources *r)
{
	*r = (struct zone_resources){
		.cgroup_fd = -1,
		.zhyve_fd = -1,
		.kernel_fd = -1,
		.initrd_fd = -1,
		.rom_fd = -1,
		.vars_fd = -1,
		.nic_rom_fd = -1,
	};
	for (size_t i = 0; i < NITEMS(r->disk_fd); i++)
		r->disk_fd[i] = -1;
	for (size_t i = 0; i < NITEMS(r->link); i++)
		r->link[i].tap_fd = -1;
	for (size_t i = 0; i < NITEMS(r->socket_fd); i++)
		r->socket_fd[i] = -1;
	zone_passthru_init(r);
}

/* The plan: configuration, image of the boot disk, brand. */
static int
make_plan(struct zoneadmd *z, struct err *e)
{
	struct zone_resources *r = &z->res;
	struct image *image = NULL;
	const char *uuid;
	int rc;

	if ((rc = zconf_load(z->name, &r->conf, e)) != 0)
		return (rc);
	if (r->conf->state != ZONE_STATE_INSTALLED)
		return (err_say(e, EINVAL, "must be installed before boot."));
	if ((rc = vmsnap_check(z->name, e)) != 0)
		return (rc);
	uuid = brand_boot_image(r->conf);
	if (uuid != NULL && zconf_attr(r->conf, "kernel") == NULL) {
		if ((image = calloc(1, sizeof(*image))) == NULL)
			return (err_set(e, ENOMEM, "cannot read image %s", uuid));
		rc = image_get(uuid, image, e);
	}
	if (rc == 0)
		rc = brand_plan_start(r->conf, image, &z->start, false, JAIL_FD_BASE, &r->plan, e);
	if (rc == 0 && r->plan->once)
		rc = brand_plan_start(r->conf, image, &z->start, true, JAIL_FD_BASE, &r->again, e);
	free(image);
	return (rc);
}

void
zone_resources_again(struct zone_resources *r)
{
	if (r->again == NULL)
		return;
	brand_plan_free(r->plan);
	r->plan = r->again;
	r->again = NULL;
}

/* dedicated-cpu: CPUs of its own, one for each vCPU where there are so many. */
static int
take_cpus(struct zone_resources *r, struct err *e)
{
	unsigned min, max;
	struct cpus own;
	int rc;

	if ((rc = zconf_dedicated_get(r->conf, &min, &max, e)) != 0 ||
	    (rc = cpus_take(r->cgroup, min, max, &own, e)) != 0 || max == 0)
		return (rc);
	if ((rc = brand_plan_pin(r->plan, &own, e)) == 0 && r->again != NULL)
		rc = brand_plan_pin(r->again, &own, e);
	return (rc);
}

static int
make_cgroup(struct zoneadmd *z, struct err *e)
{
	struct zone_resources *r = &z->res;
	struct cgroup_limits lim;
	int rc;

	if ((rc = cgroup_limits_get(r->conf, r->plan->ram, &lim, e)) != 0 ||
	    (rc = cgroup_path(z->name, r->cgroup, e)) != 0 ||
	    (rc = ledger_add(z->ledger, "cgroup", r->cgroup, e)) != 0)
		return (rc);
	if ((rc = cgroup_create(r->cgroup, &lim, &r->cgroup_fd, e)) != 0 ||
	    (rc = zone_limits_io(z, r->conf, e)) != 0 || (rc = take_cpus(r, e)) != 0)
		return (rc);
	zone_limits_watch(z);
	return (0);
}

int
zone_open_regular(const char *path, const char *what, int *fd, struct err *e)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return (err_set(e, errno, "cannot open %s '%s'", what, path));
	if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))
		return (err_say(e, EINVAL, "%s '%s' is not a regular file", what, path));
	return (0);
}

static int
open_all(struct zoneadmd *z, struct err *e)
{
	const char *zhyve = secure_getenv("ZHYVE_BIN");
	struct zone_resources *r = &z->res;
	uint64_t size;
	int rc;

	for (size_t i = 0; i < r->plan->ndisk; i++) {
		r->disk_fd[i] =
		    volume_open(r->plan->disk[i].path, r->plan->disk[i].readonly, &size, e);
		if (r->disk_fd[i] < 0)
			return (r->disk_fd[i]);
	}
	if ((rc = zone_devices_open(z, e)) != 0 || (rc = zone_display_open(z, e)) != 0 ||
	    (rc = zone_sockets_open(z, e)) != 0)
		return (rc);
	if ((rc = zone_open_regular(zhyve != NULL ? zhyve : ZHYVE_BIN, "zhyve", &r->zhyve_fd, e)) !=
	    0)
		return (rc);
	if (r->plan->rom.rom[0] != '\0')
		return (zone_rom_open(z, e));
	rc = zone_open_regular(r->plan->kernel, "kernel", &r->kernel_fd, e);
	if (rc == 0 && r->plan->initrd[0] != '\0')
		rc = zone_open_regular(r->plan->initrd, "initrd", &r->initrd_fd, e);
	return (rc);
}

/* Before anything of the zone's is started. */
static int
share_no_core(struct zoneadmd *z, struct err *e)
{
	bool held;
	int rc = coresched_set(z->res.plan->core_sched, &held, e);

	if (rc == 0 && held)
		log_info("on a core where the zone runs nothing else does (core scheduling)");
	return (rc);
}

int
zone_resources_make(struct zoneadmd *z, struct err *e)
{
	struct err undo = { 0 };
	int rc;

	zone_resources_init(&z->res);
	zone_limits_init(&z->limits);
	zone_display_init(&z->display);
	helper_init(&z->tpm);
	zone_devices_init(&z->devices);
	if ((rc = make_plan(z, e)) == 0 && (rc = share_no_core(z, e)) == 0 &&
	    (rc = make_cgroup(z, e)) == 0 && (rc = zone_links_make(z, e)) == 0 &&
	    (rc = zone_passthru_make(z, e)) == 0 && (rc = open_all(z, e)) == 0)
		return (0);
	if (zone_resources_undo(z, &undo) != 0)
		log_err("after a failed start: %s", undo.text);
	return (rc);
}

/* All entries of one kind, newest first. */
static int
undo_kind(struct zoneadmd *z, const char *kind, struct err *e)
{
	const char *k, *a;
	char arg[LEDGER_ARG_MAX];
	int first = 0, rc;

	for (size_t i = ledger_count(z->ledger); i-- > 0;) {
		ledger_entry(z->ledger, i, &k, &a);
		if (strcmp(k, kind) != 0)
			continue;
		(void)snprintf(arg, sizeof(arg), "%s", a);
		if ((rc = zone_ledger_undo(kind, arg, NULL, e)) == 0)
			rc = ledger_gone(z->ledger, kind, arg, e);
		if (rc != 0 && first == 0)
			first = rc;
	}
	return (first);
}

/* The daemon's own entries (its sockets, kind "file") stay until it ends. */
int
zone_resources_undo(struct zoneadmd *z, struct err *e)
{
	static const char *const order[] = { "vm", "vfio", "vnic", "cgroup" };
	struct zone_resources *r = &z->res;
	struct err one = { 0 };
	int first = 0, rc;

	zone_pause_end(z);
	zone_limits_close(z);
	zone_devices_close(z); /* while their volumes are there */
	for (size_t i = 0; i < NITEMS(r->disk_fd); i++)
		volume_close(&r->disk_fd[i]);
	zone_passthru_undo(r);
	zone_links_close(r);
	zone_display_close(z);
	zone_sockets_close(z);
	helper_stop(&z->tpm);
	fd_close(&r->kernel_fd);
	fd_close(&r->initrd_fd);
	fd_close(&r->rom_fd);
	fd_close(&r->vars_fd);
	fd_close(&r->nic_rom_fd);
	fd_close(&r->zhyve_fd);
	fd_close(&r->cgroup_fd);
	for (size_t i = 0; i < NITEMS(order); i++) {
		rc = undo_kind(z, order[i], &one);
		if (rc != 0 && first == 0) {
			first = rc;
			if (e != NULL)
				*e = one;
		}
	}
	brand_plan_free(r->plan);
	brand_plan_free(r->again);
	zconf_free(r->conf);
	r->plan = r->again = NULL;
	r->conf = NULL;
	return (first);
}
