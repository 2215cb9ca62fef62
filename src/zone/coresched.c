/* SPDX-License-Identifier: BSD-2-Clause */
/* One core scheduling cookie for a zone: see coresched.h. Runs in zoneadmd, as root. */
#include "zone/coresched.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/log.h"

#define SMT_ACTIVE "/sys/devices/system/cpu/smt/active"
#define INIT_PID   1

static bool own; /* a cookie that we took; one that we were started with is somebody else's */

static int
call(unsigned long what, pid_t pid, uint64_t *cookie)
{
	return (
	    prctl(PR_SCHED_CORE, what, pid, PR_SCHED_CORE_SCOPE_THREAD, cookie) == 0 ? 0 : -errno);
}

enum coresched_step
coresched_decide(bool on, bool has_own, int kernel)
{
	if (kernel != 0 || on == has_own)
		return (CORESCHED_NOTHING);
	return (on ? CORESCHED_TAKE : CORESCHED_LEAVE);
}

static bool
has_smt(void)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;

	return (file_read(SMT_ACTIVE, 16, &text, &len, NULL) == 0 && text[0] == '1');
}

int
coresched_set(bool on, bool *held, struct err *e)
{
	uint64_t cookie;
	int kernel = call(PR_SCHED_CORE_GET, 0, &cookie), rc;
	enum coresched_step step;

	*held = own;
	if (kernel == -EINVAL && on && has_smt())
		log_warn("the kernel has no core scheduling (CONFIG_SCHED_CORE): what runs beside "
			 "the zone on a core's other threads is not only the zone's own");
	step = coresched_decide(on, own, kernel);
	if (step == CORESCHED_NOTHING)
		return (0);
	rc = step == CORESCHED_TAKE ? call(PR_SCHED_CORE_CREATE, 0, NULL)
				    : call(PR_SCHED_CORE_SHARE_FROM, INIT_PID, NULL);
	if (rc != 0)
		return (err_set(e, -rc, "cannot %s core scheduling (attr core-scheduling)",
		    on ? "switch on" : "switch off"));
	*held = own = on;
	return (0);
}
