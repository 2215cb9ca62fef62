/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that all disks share: see disk_options.h. Runs in zhyve while the machine is built. */
#include "procs/zhyve/disk_options.h"

#include <errno.h>
#include <sys/prctl.h>

#include "procs/zhyve/seccomp.h"

/*
 * A disk's own threads, where there is no io_uring: they start before the main thread is
 * confined, so they do so themselves.
 */
static int
confine_thread(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (-errno);
	return (seccomp_enter(SECCOMP_DISK));
}

int
disk_options(struct machine *m, struct config_node *cfg, struct block_opts *o, struct err *e)
{
	bool confined;
	int rc;

	if ((rc = disk_config(cfg, o, e)) != 0 ||
	    (rc = config_bool(m->config, "seccomp", true, &confined, e)) != 0)
		return (rc);
	if (confined)
		o->confine = confine_thread;
	o->failed = control_disk_error;
	o->failed_arg = m;
	return (0);
}
