/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net-viona: a nic on a tap, its data queues served here or, where asked for, by the
 * kernel (vhost-net). Runs in zhyve while the machine is built.
 *
 * Options: the tap first (a name or fd:N; also vnic=), then mac=, mtu=, vhost=off|on|PATH|fd:N
 * (off: see backend/vhost.h), feature_mask= (bits not to be offered), qpair= (pairs of queues; 1),
 * vqsize=, rxvqsize=, txvqsize= (entries), speed= (Mbit/s, told to the guest), poll_us= (how long the
 * kernel looks at an idle queue before it sleeps). Descriptors for more than one pair are joined by
 * '+'.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/tap.h"
#include "backend/vhost.h"
#include "base/checked.h"
#include "base/parse.h"
#include "devices/virtio/net.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/net_options.h"
#include "procs/zhyve/nics.h"
#include "procs/zhyve/virtio_glue.h"

#define MTU_MIN 68 /* virtio 1.2, 5.1.4.1 */

struct net_emul {
	struct virtio_net net;
	struct virtio_net_setup setup;
	struct virtio_glue glue;
	struct nic nic;
};

/*
 * The n-th (from 0) of texts joined by '+'; the only one there is serves all, unless it is a
 * descriptor, which serves one. False: there is none.
 */
static bool
nth(const char *list, unsigned n, char *out, size_t size)
{
	if (strchr(list, '+') == NULL)
		return ((n == 0 || strncmp(list, "fd:", 3) != 0) &&
		    snprintf(out, size, "%s", list) < (int)size);
	for (; n > 0; n--) {
		list = strchr(list, '+');
		if (list == NULL)
			return (false);
		list++;
	}
	return (snprintf(out, size, "%.*s", (int)strcspn(list, "+"), list) < (int)size);
}

static int
open_vhost(struct net_emul *n, struct config_node *cfg, unsigned pair, struct err *e)
{
	const char *where = config_text(cfg, "vhost", "off");
	uint32_t poll_us;
	char one[128];
	bool on;
	int rc;

	if ((rc = config_number(cfg, "poll_us", 0, VHOST_POLL_US_MAX, 0, &poll_us, e)) != 0)
		return (rc);
	if (parse_bool(where, &on) == 0) {
		if (!on)
			return (poll_us == 0
				? 0
				: err_say(e, EINVAL,
				      "poll_us: only the kernel polls queues, and serves none "
				      "here: it needs vhost="));
		where = "/dev/vhost-net";
	}
	if (!nth(where, pair, one, sizeof(one)))
		return (
		    err_say(e, EINVAL, "vhost: '%s' names none for queue pair %u", where, pair));
	return (vhost_net_open(
	    &n->setup.extern_drv[pair], one, n->setup.backend[pair]->vhost_tap_fd, poll_us, e));
}

static int
open_links(struct net_emul *n, struct machine *m, struct config_node *cfg, struct err *e)
{
	const char *vnic = config_get(cfg, "vnic");
	char one[128];
	int rc;

	if (vnic == NULL)
		return (err_say(e, EINVAL, "no vnic is given, as in -s 4,virtio-net-viona,tap0"));
	for (unsigned i = 0; i < n->setup.npairs; i++) {
		if (!nth(vnic, i, one, sizeof(one)))
			return (err_say(e, EINVAL,
			    "vnic '%s' names none for queue pair %u, as in fd:4+fd:5", vnic, i));
		rc = n->setup.npairs > 1
		    ? tap_open_queue(&n->setup.backend[i], one, m->loop, &n->glue.lock, e)
		    : tap_open(&n->setup.backend[i], one, m->loop, &n->glue.lock, e);
		if (rc != 0 || (rc = open_vhost(n, cfg, i, e)) != 0)
			return (rc);
	}
	return (0);
}

static int
queue_size(struct config_node *cfg, const char *name, uint32_t def, uint32_t *out, struct err *e)
{
	int rc = config_number(cfg, name, 2, VIRTQ_SIZE_MAX, def, out, e);

	if (rc == 0 && *out != 0 && !IS_POW2(*out))
		return (
		    err_say(e, EINVAL, "viona: %s '%u' must be power of 2", name, (unsigned)*out));
	return (rc);
}

static int
read_options(struct virtio_net_setup *s, struct config_node *cfg, uint64_t *mask, struct err *e)
{
	const char *mask_text = config_get(cfg, "feature_mask");
	uint32_t both, rx, tx, pairs, speed;
	int rc;

	if (mask_text != NULL && parse_u64(mask_text, mask) != 0)
		return (err_say(e, EINVAL, "feature_mask: '%s' is not a number", mask_text));
	if ((rc = queue_size(cfg, "vqsize", 0, &both, e)) != 0 ||
	    (rc = queue_size(cfg, "rxvqsize", both, &rx, e)) != 0 ||
	    (rc = queue_size(cfg, "txvqsize", both, &tx, e)) != 0 ||
	    (rc = config_number(cfg, "qpair", 1, VIRTIO_NET_PAIRS_MAX, 1, &pairs, e)) != 0 ||
	    (rc = config_number(cfg, "speed", 1, INT32_MAX, 0, &speed, e)) != 0)
		return (rc);
	s->npairs = pairs;
	s->rx_size = (uint16_t)rx;
	s->tx_size = (uint16_t)tx;
	s->speed = speed;
	return (0);
}

static void
set_link(void *dev, bool up)
{
	virtio_net_link(dev, up);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct net_emul *n = calloc(1, sizeof(*n));
	struct net_backend *first;
	uint64_t mask = 0;
	uint32_t mtu;
	int rc;

	if (n == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	virtio_glue_init(&n->glue, m);
	n->glue.prepare = net_rom;
	n->glue.cfg = cfg;
	if ((rc = read_options(&n->setup, cfg, &mask, e)) != 0 ||
	    (rc = config_number(cfg, "mtu", MTU_MIN, 65535, 0, &mtu, e)) != 0 ||
	    (rc = open_links(n, m, cfg, e)) != 0)
		return (rc);
	first = n->setup.backend[0];
	first->mtu = (uint16_t)mtu;
	if ((rc = net_mac(m, cfg, bdf, first->mac, e)) != 0 ||
	    (rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_NET, 0, e)) != 0)
		return (rc);
	if ((rc = virtio_net_init_pairs(&n->net, &m->gm, &n->setup)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	n->net.vd.offered &= ~(mask & ~VIRTIO_FEAT_VERSION_1);
	n->nic = (struct nic){ .lock = &n->glue.lock, .link = set_link, .dev = &n->net };
	memcpy(n->nic.mac, first->mac, sizeof(n->nic.mac));
	nics_add(m, &n->nic);
	if ((rc = virtio_glue_attach(&n->glue, &n->net.vd, bdf, e)) != 0 ||
	    n->setup.extern_drv[0] == NULL)
		return (rc);
	return (virtio_glue_lendable(&n->glue, 0, n->setup.npairs * 2, e));
}

static const struct vmm_emul virtio_net_viona = {
	.name = "virtio-net-viona",
	.first = "vnic",
	.help = "TAP|fd:N[,mac=M][,mtu=N][,vhost=off|on|PATH|fd:N][,feature_mask=N][,qpair=N][,"
		"vqsize=N]"
		"[,rxvqsize=N][,txvqsize=N][,speed=MBIT][,poll_us=N][,bootindex=N][,rom=FILE]",
	.init = init,
};
ZHYVE_EMUL(virtio_net_viona);
