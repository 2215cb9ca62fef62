/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user-blk, vhost-user-net, vhost-user-fs: devices whose queues another process serves
 * (backend/vhost_user.h). Runs in zhyve while the machine is built.
 *
 * Options: the socket first (a path or fd:N, also path=), server (make the path and listen);
 * queues=N, for a disk and a file system; mac=, mtu= of a nic; tag= of a file system.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/vhost_user.h"
#include "devices/virtio/remote.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/net_options.h"
#include "procs/zhyve/nics.h"
#include "procs/zhyve/virtio_glue.h"

#define QUEUES_MAX 16
#define MTU_MIN    68 /* virtio 1.2, 5.1.4.1 */
#define TAG_MAX    36

struct vhost_user_emul {
	struct virtio_remote remote;
	struct vhost_user *vu;
	struct virtio_glue glue;
	struct nic nic;
	bool away, unplugged; /* a nic's process; its link */
};

static void
failed(struct vhost_user_emul *d)
{
	virtio_failed(&d->remote.vd, "the process that serves it is gone");
}

/* A nic has a link while somebody serves it and zoneadmd has not taken it away. */
static void
tell_link(struct vhost_user_emul *d)
{
	if (d->remote.kind == &virtio_remote_net)
		virtio_remote_net_link(&d->remote, !d->away && !d->unplugged);
}

static void
set_link(void *dev, bool up)
{
	struct vhost_user_emul *d = dev;

	d->unplugged = !up;
	tell_link(d);
}

static void
gone(void *ctx, bool waits)
{
	struct vhost_user_emul *d = ctx;

	d->away = true;
	tell_link(d);
	if (!waits && d->remote.lent)
		failed(d);
}

static void
back(void *ctx)
{
	struct vhost_user_emul *d = ctx;

	d->away = false;
	tell_link(d);
}

static void
config(void *ctx, const uint8_t *bytes)
{
	struct vhost_user_emul *d = ctx;

	virtio_remote_blk_config(&d->remote, bytes);
	virtio_config_changed(&d->remote.vd);
}

static void
broken(void *ctx)
{
	struct vhost_user_emul *d = ctx;

	virtio_needs_reset(&d->remote.vd, "so says the process that serves it");
}

static void
config_written(void *ctx, uint32_t off, const void *buf, uint32_t len)
{
	struct vhost_user_emul *d = ctx;

	vhost_user_set_config(d->vu, off, buf, len);
}

/* Connect, and make the device of what can be had there. */
static int
create(struct machine *m, struct config_node *cfg, const struct virtio_remote_kind *kind,
    struct vhost_user_want *want, unsigned queues, struct vhost_user_emul **out, struct err *e)
{
	struct vhost_user_emul *d = calloc(1, sizeof(*d));
	const struct vhost_user_events ev = { gone, back,
		kind == &virtio_remote_blk ? config : NULL, broken, d };
	int rc;

	if (d == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	want->where = config_get(cfg, "path");
	if (want->where == NULL)
		return (err_say(e, EINVAL, "no socket is given, as in -s 4,%s,PATH", kind->name));
	if ((rc = config_bool(cfg, "server", false, &want->server, e)) != 0)
		return (rc);
	virtio_glue_init(&d->glue, m);
	d->glue.cfg = cfg;
	if ((rc = vhost_user_open(&d->vu, want, &m->gm, m->loop, &d->glue.lock, e)) != 0)
		return (rc);
	rc = virtio_remote_init(&d->remote, kind, &m->gm, vhost_user_extern(d->vu), queues);
	if (rc != 0)
		return (err_set(e, -rc, "cannot make the device"));
	d->remote.config_written = config_written;
	d->remote.ctx = d;
	vhost_user_device(d->vu, d->remote.vd.offered, queues, kind->queue_size);
	vhost_user_listen(d->vu, &ev);
	*out = d;
	return (0);
}

static int
attach(struct vhost_user_emul *d, unsigned bdf, struct err *e)
{
	int rc = virtio_glue_attach(&d->glue, &d->remote.vd, bdf, e);

	return (rc != 0 ? rc : virtio_glue_lendable(&d->glue, 0, d->remote.vd.nqueues, e));
}

static int
init_blk(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct vhost_user_want want = { .config_len = virtio_remote_blk.config_len };
	struct vhost_user_emul *d;
	uint32_t queues;
	int rc;

	if ((rc = config_number(cfg, "queues", 1, QUEUES_MAX, 1, &queues, e)) != 0)
		return (rc);
	want.queues = queues;
	if ((rc = create(m, cfg, &virtio_remote_blk, &want, queues, &d, e)) != 0)
		return (rc);
	virtio_remote_blk_config(&d->remote, vhost_user_config(d->vu));
	if ((rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_VIRTIO_BLK, 0, e)) != 0)
		return (rc);
	return (attach(d, bdf, e));
}

static int
init_net(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct vhost_user_want want = { .in_order = true };
	struct vhost_user_emul *d;
	uint8_t mac[6];
	uint32_t mtu;
	int rc;

	if ((rc = config_number(cfg, "mtu", MTU_MIN, 65535, 0, &mtu, e)) != 0 ||
	    (rc = net_mac(m, cfg, bdf, mac, e)) != 0 ||
	    (rc = create(m, cfg, &virtio_remote_net, &want, 2, &d, e)) != 0)
		return (rc);
	virtio_remote_net_config(&d->remote, mac, (uint16_t)mtu);
	d->nic = (struct nic){ .lock = &d->glue.lock, .link = set_link, .dev = d };
	memcpy(d->nic.mac, mac, sizeof(d->nic.mac));
	nics_add(m, &d->nic);
	d->glue.prepare = net_rom;
	if ((rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_NET, 0, e)) != 0)
		return (rc);
	return (attach(d, bdf, e));
}

static int
init_fs(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct vhost_user_want want = { .stateful = true };
	const char *tag = config_get(cfg, "tag");
	struct vhost_user_emul *d;
	uint32_t queues;
	int rc;

	if (tag == NULL || tag[0] == '\0' || strlen(tag) > TAG_MAX)
		return (err_say(e, EINVAL,
		    "tag=: the name that the guest mounts by is missing or longer than %d bytes",
		    TAG_MAX));
	if ((rc = config_number(cfg, "queues", 1, QUEUES_MAX, 1, &queues, e)) != 0 ||
	    (rc = create(m, cfg, &virtio_remote_fs, &want, queues + 1, &d, e)) != 0)
		return (rc);
	virtio_remote_fs_config(&d->remote, tag);
	return (attach(d, bdf, e));
}

static const struct vmm_emul vhost_user_blk = {
	.name = "vhost-user-blk",
	.first = "path",
	.help = "SOCKET|fd:N[,server][,queues=N][,bootindex=N]",
	.init = init_blk,
};
ZHYVE_EMUL(vhost_user_blk);

static const struct vmm_emul vhost_user_net = {
	.name = "vhost-user-net",
	.first = "path",
	.help = "SOCKET|fd:N[,server][,mac=M][,mtu=N][,bootindex=N][,rom=FILE]",
	.init = init_net,
};
ZHYVE_EMUL(vhost_user_net);

static const struct vmm_emul vhost_user_fs = {
	.name = "vhost-user-fs",
	.first = "path",
	.help = "SOCKET|fd:N,tag=NAME[,server][,queues=N]",
	.init = init_fs,
};
ZHYVE_EMUL(vhost_user_fs);
