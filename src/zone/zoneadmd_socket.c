/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of the plan (attrs virtio-ports, vsock-cid, vsock-ports): UNIX sockets below
 * /run/zones/<name>, for root, which listen from ready to halt. zhyve is handed the listening
 * descriptors and takes the clients itself; those that wait when the guest resets are served by its
 * next life. Runs in zoneadmd.
 */
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/paths.h"
#include "zone/zoneadmd.h"

int
zone_sockets_open(struct zoneadmd *z, struct err *e)
{
	const struct brand_plan *p = z->res.plan;
	char path[PATH_MAX];
	int rc;

	for (size_t i = 0; i < p->nsocket; i++) {
		(void)path_run(path, "%s/%s", z->name, p->socket[i].file);
		if ((rc = ledger_add(z->ledger, "file", path, e)) != 0)
			return (rc);
		if ((z->res.socket_fd[i] = unix_listen(path, 0600, e)) < 0)
			return (z->res.socket_fd[i]);
	}
	return (0);
}

void
zone_sockets_close(struct zoneadmd *z)
{
	const struct brand_plan *p = z->res.plan;
	char path[PATH_MAX];

	for (size_t i = 0; p != NULL && i < p->nsocket; i++) {
		if (z->res.socket_fd[i] < 0)
			continue;
		(void)unlink(path_run(path, "%s/%s", z->name, p->socket[i].file));
		(void)ledger_gone(z->ledger, "file", path, NULL);
		fd_close(&z->res.socket_fd[i]);
	}
}
