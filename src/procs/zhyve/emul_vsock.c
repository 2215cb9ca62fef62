/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-vsock: sockets between programs of the guest and of the host, without a network. Runs in
 * zhyve while the machine is built.
 *
 * Options: cid=N (the guest's address, 3 when absent), path=PATH|fd:N (where clients of the host
 * connect), port.N=PATH|fd:M (where port N of the host leads to).
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/vsock_unix.h"
#include "base/parse.h"
#include "devices/virtio/vsock.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/virtio_glue.h"

struct vsock_emul {
	struct virtio_vsock vs;
	struct vsock_unix *host;
	struct virtio_glue glue;
};

static int
open_sockets(struct vsock_emul *v, struct config_node *cfg, struct err *e)
{
	struct config_node *ports = config_find(cfg, "port");
	const char *path = config_get(cfg, "path");
	uint32_t port;
	int rc;

	if (path != NULL && (rc = vsock_unix_listen(v->host, path, e)) != 0)
		return (rc);
	for (struct config_node *n = ports == NULL ? NULL : ports->child; n != NULL; n = n->next) {
		if (parse_u32(n->name, 0, UINT32_MAX - 1, &port) != 0)
			return (err_say(e, EINVAL, "port '%s' is not a number", n->name));
		rc = vsock_unix_port(v->host, port, config_text(ports, n->name, ""), e);
		if (rc != 0)
			return (rc);
	}
	return (0);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct vsock_emul *v = calloc(1, sizeof(*v));
	uint32_t cid;
	int rc;

	if (v == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	if ((rc = config_number(
		 cfg, "cid", VSOCK_CID_MIN, UINT32_MAX - 1, VSOCK_CID_MIN, &cid, e)) != 0)
		return (rc);
	virtio_glue_init(&v->glue, m);
	if ((v->host = vsock_unix_create(m->loop, &v->glue.lock)) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	rc = virtio_vsock_init(&v->vs, &m->gm, cid, vsock_unix_backend(v->host), &m->clock);
	if (rc != 0)
		return (err_set(e, -rc, "cannot make the device"));
	if ((rc = open_sockets(v, cfg, e)) != 0 ||
	    (rc = machine_timer(m, &v->vs.timer, &v->glue.lock, e)) != 0)
		return (rc);
	return (virtio_glue_attach(&v->glue, &v->vs.vd, bdf, e));
}

static const struct vmm_emul virtio_vsock = {
	.name = "virtio-vsock",
	.help = "[cid=N][,path=PATH|fd:N][,port.N=PATH|fd:M]",
	.init = init,
};
ZHYVE_EMUL(virtio_vsock);
