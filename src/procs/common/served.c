/* SPDX-License-Identifier: BSD-2-Clause */
/* What device processes have of their front end: see served.h. Runs in device processes. */
#include "procs/common/served.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

int
served_init(struct served *s, const struct front *front, struct err *e)
{
	int rc;

	/* zoneadmd reads what was said when we have ended: a guest's errors must not fill that up. */
	if (front->sock >= 0)
		(void)fd_set_nonblock(STDERR_FILENO);
	(void)pthread_mutex_init(&s->lock.mutex, NULL);
	gmem_empty(&s->gm);
	if ((rc = mevent_loop_create(&s->loop)) != 0)
		return (err_set(e, -rc, "cannot make the event loop"));
	return (0);
}

void
served_gone(void *ctx, int rc, const char *what)
{
	struct served *s = ctx;

	if (rc < 0)
		log_err("the front end broke the protocol with %s: %s", what, strerror(-rc));
	s->status = rc < 0;
	mevent_stop(s->loop);
}

int
served_run(struct served *s, struct err *e)
{
	int rc = mevent_dispatch(s->loop);

	return (rc != 0 ? err_set(e, -rc, "cannot wait for the front end") : 0);
}
