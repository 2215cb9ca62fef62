/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes of a zone beside zhyve: see helper.h. Runs in zoneadmd. */
#include "zone/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

#define END_TIMEOUT_MS 10000 /* as for all that a zone's cgroup has (cgroup.c) */

void
helper_init(struct helper *h)
{
	*h = (struct helper){ .pidfd = -1, .said.fd = -1 };
}

static void
forget(struct helper *h)
{
	mevent_delete(h->ev);
	fd_close(&h->pidfd);
	output_close(&h->said);
	helper_init(h);
}

static void
on_end(int fd, enum mevent_type type, void *arg)
{
	struct helper *h = arg, last = *h;
	char words[HELPER_WORDS_MAX];
	int status = 0;

	(void)fd;
	(void)type;
	if (waitpid(h->pid, &status, WNOHANG) != h->pid)
		return;
	output_drain(&h->said);
	output_last(&h->said, words);
	forget(h);
	last.ended(last.arg, status, words);
}

int
helper_start(struct helper *h, struct mevent_loop *loop, struct jail_spec *spec,
    struct logfile *log, helper_ended_fn *ended, void *arg, struct err *e)
{
	CLEANUP_FD int null = -1, out = -1;
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot make its pipe"));
	out = fds[1];
	if ((rc = fd_set_nonblock(fds[0])) != 0) {
		(void)close(fds[0]);
		return (err_set(e, -rc, "cannot make its channels"));
	}
	if ((rc = output_follow(&h->said, loop, fds[0], log)) != 0)
		return (err_set(e, -rc, "cannot make its channels"));
	if ((null = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) {
		rc = err_set(e, errno, "cannot make its channels");
		forget(h);
		return (rc);
	}
	spec->in_fd = null;
	spec->out_fd = out;
	if ((rc = jail_start(spec, &h->pid, &h->pidfd, e)) != 0) {
		forget(h);
		return (rc);
	}
	h->ended = ended;
	h->arg = arg;
	if ((h->ev = mevent_add(loop, h->pidfd, EVF_READ, on_end, h)) == NULL) {
		rc = err_set(e, errno, "cannot look after it");
		helper_stop(h);
	}
	return (rc);
}

/* False: it is still there when time is up. */
static bool
wait_end(const struct helper *h)
{
	struct pollfd end = { .fd = h->pidfd, .events = POLLIN };
	int n;

	while ((n = poll(&end, 1, END_TIMEOUT_MS)) < 0 && errno == EINTR)
		continue;
	return (n != 0);
}

void
helper_stop(struct helper *h)
{
	if (h->pid == 0)
		return;
	/* It is the init of its pid namespace: the kernel takes every other process there along. */
	(void)kill(h->pid, SIGKILL);
	if (!wait_end(h))
		log_err("process %d does not end although killed: what it writes to or reads from "
			"does not answer",
		    (int)h->pid);
	else
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	forget(h);
}
