/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net-viona: a nic on a tap, its data queues served here or, where asked for, by the
 * kernel (vhost-net). Runs in zhyve while the machine is built.
 *
 * Options: the tap first (a name or fd:N; also vnic=), then mac=, mtu=, vhost=off|on|PATH|fd:N
 * (off: see backend/vhost.h), feature_mask= (bits not to be offered). bhyve's options about
 * queues and speed are accepted and change nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/tap.h"
#include "backend/vhost.h"
#include "base/parse.h"
#include "devices/virtio/net.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/net_options.h"
#include "procs/zhyve/virtio_glue.h"

#define MTU_MIN 68 /* virtio 1.2, 5.1.4.1 */

struct net_emul {
	struct virtio_net net;
	struct net_backend *tap;
	struct virtio_extern *vhost;
	struct virtio_glue glue;
};

/* 0 with n->vhost NULL when it is off. */
static int
open_vhost(struct net_emul *n, struct config_node *cfg, struct err *e)
{
	const char *where = config_text(cfg, "vhost", "off");
	bool on;

	if (parse_bool(where, &on) == 0) {
		if (!on)
			return (0);
		where = "/dev/vhost-net";
	}
	return (vhost_net_open(&n->vhost, where, n->tap->vhost_tap_fd, e));
}

static int
make_device(struct net_emul *n, struct machine *m, uint64_t mask, unsigned bdf, struct err *e)
{
	int rc;

	if ((rc = virtio_net_init(&n->net, &m->gm, n->tap, n->vhost)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	n->net.vd.offered &= ~(mask & ~VIRTIO_FEAT_VERSION_1);
	if ((rc = virtio_glue_attach(&n->glue, &n->net.vd, bdf, e)) != 0 || n->vhost == NULL)
		return (rc);
	return (virtio_glue_lendable(&n->glue, VIRTIO_NET_RX, 2, e));
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *vnic = config_get(cfg, "vnic"), *mask_text = config_get(cfg, "feature_mask");
	uint64_t mask = 0;
	struct net_emul *n;
	uint32_t mtu;
	int rc;

	if (vnic == NULL)
		return (err_say(e, EINVAL, "no vnic is given, as in -s 4,virtio-net-viona,tap0"));
	if (mask_text != NULL && parse_u64(mask_text, &mask) != 0)
		return (err_say(e, EINVAL, "feature_mask: '%s' is not a number", mask_text));
	if ((rc = config_number(cfg, "mtu", MTU_MIN, 65535, 0, &mtu, e)) != 0)
		return (rc);
	if ((n = calloc(1, sizeof(*n))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	virtio_glue_init(&n->glue, m);
	if ((rc = tap_open(&n->tap, vnic, m->loop, &n->glue.lock, e)) != 0)
		return (rc);
	n->tap->mtu = (uint16_t)mtu;
	if ((rc = net_mac(m, cfg, bdf, n->tap->mac, e)) != 0 || (rc = open_vhost(n, cfg, e)) != 0 ||
	    (rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_NET, 0, e)) != 0)
		return (rc);
	return (make_device(n, m, mask, bdf, e));
}

static const struct vmm_emul virtio_net_viona = {
	.name = "virtio-net-viona",
	.first = "vnic",
	.help = "TAP|fd:N[,mac=M][,mtu=N][,vhost=off|on|PATH|fd:N][,feature_mask=N][,bootindex=N]",
	.init = init,
};
ZHYVE_EMUL(virtio_net_viona);
