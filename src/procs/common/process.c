/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning of a device process: see process.h. Runs in device processes. */
#include "procs/common/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "procs/common/nowhere.h"

void
process_begin(const char *name)
{
	fd_std_hold();
	log_open(name, STDERR_FILENO, LOG_LVL_WARN);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
}

int
process_limit(int what, uint64_t value, struct err *e)
{
	const struct rlimit rl = { value, value };

	return (setrlimit((__rlimit_resource_t)what, &rl) == 0
		? 0
		: err_set(e, errno, "cannot limit the process"));
}

int
process_confine(unsigned files, struct err *e)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return (err_set(e, errno, "cannot give up gaining privileges"));
	if ((rc = process_limit(RLIMIT_CORE, 0, e)) != 0 ||
	    (rc = process_limit(RLIMIT_NOFILE, files, e)) != 0)
		return (rc);
	nowhere_enter();
	return (0);
}
