/* SPDX-License-Identifier: BSD-2-Clause */
/* Cleaning up after a killed zoneadmd: see reconcile.h. */
#include "zone/reconcile.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "zone/cgroup.h"
#include "zone/client.h"
#include "zone/cpus.h"
#include "zone/ledger.h"
#include "zone/link.h"
#include "zone/passthru.h"
#include "zone/paths.h"
#include "zone/rename.h"

/* Helpers may be in it without a "vm"; they are ending by themselves. */
static int
remove_cgroup(const char *path, struct err *e)
{
	if (cgroup_kill(path, e) != 0)
		return (-EBUSY);
	cpus_give_back(path);
	return (cgroup_remove(path, e));
}

int
zone_ledger_undo(const char *kind, const char *arg, void *ctx, struct err *e)
{
	if (strcmp(kind, "vm") == 0)
		return (cgroup_kill(arg, e));
	if (strcmp(kind, "cgroup") == 0)
		return (remove_cgroup(arg, e));
	if (strcmp(kind, "vnic") == 0)
		return (vnic_destroy(arg, e));
	if (strcmp(kind, "vfio") == 0)
		return (passthru_give_back(arg, e));
	if (strcmp(kind, "file") == 0)
		return (unlink(arg) == 0 || errno == ENOENT
			? 0
			: err_set(e, errno, "cannot remove '%s'", arg));
	return (err_say(e, EINVAL,
	    "the ledger has a resource of unknown kind '%s' ('%s'): it was written by another "
	    "version",
	    kind, arg));
}

int
zone_reconcile(const char *name, bool *killed, struct err *e)
{
	char path[PATH_MAX];
	struct ledger *l;
	int rc;

	if (killed != NULL)
		*killed = false;
	zone_rename_recover();
	rc = ledger_open(path_run(path, "%s/ledger.jsonl", name), false, &l, e);
	if (rc == -ENOENT || rc == -ENOTDIR) {
		(void)rmdir(
		    path_run(path, "%s", name)); /* killed before its ledger, or nothing at all */
		return (0);
	}
	if (rc == -EBUSY)
		return (rc);
	if (rc != 0)
		return (err_ctx(e, "zone '%s'", name));
	if (killed != NULL)
		*killed = ledger_count(l) > 0;
	if (ledger_count(l) > 0)
		log_info("zone '%s': its zoneadmd was killed; cleaning up %zu resources", name,
		    ledger_count(l));
	rc = ledger_undo_all(l, zone_ledger_undo, NULL, e);
	ledger_close(l);
	if (rc != 0)
		return (err_ctx(e, "zone '%s': cannot clean up after a killed zoneadmd", name));
	(void)rmdir(path_run(path, "%s", name));
	return (0);
}

int
zone_reconcile_all(struct err *e)
{
	char path[PATH_MAX];
	struct err one = { 0 };
	struct dirent *de;
	int first = 0, rc;
	DIR *d;

	zone_rename_recover();
	zconf_sweep();
	if ((d = opendir(path_run(path, "%s", ""))) == NULL)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot read '%s'", path));
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || zconf_name_check(de->d_name, NULL) != 0)
			continue;
		rc = zone_reconcile(de->d_name, NULL, &one);
		if (rc != 0 && rc != -EBUSY && first == 0) {
			first = rc;
			if (e != NULL)
				*e = one;
		}
	}
	(void)closedir(d);
	cgroup_tidy(); /* of a daemon killed after its ledger was gone, too */
	return (first);
}
