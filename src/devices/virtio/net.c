/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio network device: features, configuration, control queue: see net.h. The data queues are
 * in net_queue.c. Runs in zhyve and zhyve-net.
 */
#include "devices/virtio/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"
#include "base/log.h"

#define STATUS_LINK_UP 1u
#define C_STATUS       6 /* of the configuration: le16 */

/* Control commands, 5.1.6.5 */
#define CTRL_CLASS_RX  0
#define CTRL_RX_MODES  2 /* PROMISC, ALLMULTI */
#define CTRL_CLASS_MAC 1
#define CTRL_MAC_TABLE 0
#define CTRL_CLASS_MQ  4
#define CTRL_MQ_PAIRS  0
#define CTRL_OK        0
#define CTRL_ERR       1

/* What a feature needs beside it, 5.1.3.1. */
static const struct {
	uint64_t feature, needs;
} needs[] = {
	{ VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_UFO,
	    VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_UFO,
	    VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 },
	{ VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 },
	{ VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ },
};

static int
net_negotiate(struct virtio_dev *vd, uint64_t f)
{
	for (unsigned i = 0; i < NITEMS(needs); i++)
		if ((f & needs[i].feature) != 0 && (f & needs[i].needs) == 0)
			return (-EINVAL);
	return (0);
}

/* The guest uses so many pairs: tell the link. */
static void
tell_active(struct virtio_net *net, unsigned n)
{
	net->active = n;
	for (unsigned i = 0; i < net->npairs; i++) {
		struct net_backend *b = net->pair[i].backend;
		int rc = 0;

		if (b->ops->set_active != NULL)
			rc = b->ops->set_active(b, i < n);
		if (rc < 0)
			log_warn("virtio-net: the link refuses queue %u: %s", i, strerror(-rc));
	}
}

/* So many pairs from now on; the others get no frames (5.1.6.5.6). */
static void
set_active(struct virtio_net *net, unsigned n)
{
	tell_active(net, n);
	for (unsigned i = 0; i < net->npairs; i++)
		virtio_net_rx_run(&net->pair[i]);
}

static void
lend_pair(struct virtio_net_pair *p)
{
	struct virtio_dev *vd = &p->net->vd;
	int rc;

	/* A driver need not enable the queues of pairs that it does not use. */
	if (p->extern_drv == NULL || !vd->queue[p->index * 2].enabled ||
	    !vd->queue[p->index * 2 + 1].enabled)
		return;
	rc = virtio_extern_start(p->extern_drv, vd, p->index * 2, 2);
	if (rc < 0)
		log_warn("virtio-net: the outside driver cannot take the queues (%s); they are "
			 "served here",
		    strerror(-rc));
	p->lent = rc == 0;
}

static void
net_start(struct virtio_dev *vd)
{
	struct virtio_net *net = vd->softc;

	for (unsigned i = 0; i < net->npairs; i++) {
		struct net_backend *b = net->pair[i].backend;
		int rc = b->ops->set_offload(b, vd->features & VIRTIO_NET_OFFLOADS);

		if (rc < 0)
			log_warn("virtio-net: the link refuses the offloads: %s", strerror(-rc));
		lend_pair(&net->pair[i]);
	}
}

static void
net_take_back(struct virtio_dev *vd)
{
	struct virtio_net *net = vd->softc;

	for (unsigned i = 0; i < net->npairs; i++) {
		struct virtio_net_pair *p = &net->pair[i];

		if (p->lent)
			virtio_extern_stop(p->extern_drv, vd, i * 2, 2);
		p->lent = false;
	}
}

static bool
net_stop(struct virtio_dev *vd)
{
	struct virtio_net *net = vd->softc;

	net_take_back(vd);
	for (unsigned i = 0; i < net->npairs; i++) {
		struct net_backend *b = net->pair[i].backend;

		virtio_net_rx_stop(&net->pair[i]);
		virtio_net_tx_stop(&net->pair[i]);
		(void)b->ops->set_offload(b, 0);
	}
	set_active(net, 1);
	return (true);
}

/* Which queue is the control queue, 5.1.2. */
static unsigned
ctrl_queue(const struct virtio_net *net)
{
	return (virtio_has(&net->vd, VIRTIO_NET_F_MQ) ? net->npairs * 2 : VIRTIO_NET_CTRL);
}

/* Receive modes and the MAC table are taken note of by saying yes: see net.h. */
static uint8_t
command(struct virtio_net *net, const uint8_t *cmd, size_t len)
{
	unsigned pairs;

	if (cmd[0] == CTRL_CLASS_MQ && virtio_has(&net->vd, VIRTIO_NET_F_MQ)) {
		if (cmd[1] != CTRL_MQ_PAIRS || len < 4)
			return (CTRL_ERR);
		pairs = le16_get(cmd + 2);
		if (pairs < 1 || pairs > net->npairs)
			return (CTRL_ERR);
		set_active(net, pairs);
		return (CTRL_OK);
	}
	if (!virtio_has(&net->vd, VIRTIO_NET_F_CTRL_RX))
		return (CTRL_ERR);
	if ((cmd[0] == CTRL_CLASS_RX && cmd[1] < CTRL_RX_MODES) ||
	    (cmd[0] == CTRL_CLASS_MAC && cmd[1] == CTRL_MAC_TABLE))
		return (CTRL_OK);
	return (CTRL_ERR);
}

static void
ctrl_one(struct virtio_net *net)
{
	struct vq_chain *c = &net->ctrl;
	uint8_t cmd[4] = { 0 }, ack;
	size_t len;

	if (c->read_len < 2 || c->write_len < 1) {
		virtio_needs_reset(&net->vd, "network control command without command or answer");
		return;
	}
	len = gmem_iov_to_buf(c->iov, c->nread, 0, cmd, sizeof(cmd));
	ack = command(net, cmd, len);
	(void)gmem_buf_to_iov(&ack, 1, c->iov + c->nread, c->nwrite, 0);
	virtq_push(&net->vd.queue[ctrl_queue(net)], c->head, 1);
}

static void
ctrl_run(struct virtio_net *net, unsigned queue)
{
	struct virtq *q = &net->vd.queue[queue];
	unsigned round = 0;

	do {
		virtq_kick_off(q);
		for (unsigned n = 0; n < q->size && virtio_pop(&net->vd, queue, &net->ctrl); n++)
			ctrl_one(net);
		virtio_publish(&net->vd, queue);
	} while (virtio_another_round(&net->vd, queue, round++));
}

static void
net_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_net *net = vd->softc;
	struct virtio_net_pair *p = &net->pair[queue / 2];

	if (queue == ctrl_queue(net))
		ctrl_run(net, queue);
	else if (queue >= net->npairs * 2)
		return; /* where the control queue would be */
	else if (p->lent)
		/* The kick came by a way that the outside driver does not hear. */
		(void)vd->transport->again(vd, queue);
	else if (queue % 2 == VIRTIO_NET_RX)
		virtio_net_rx_run(p);
	else
		virtio_net_tx_run(p);
}

static void
net_queue_reset(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_net *net = vd->softc;

	if (queue >= net->npairs * 2 || queue == ctrl_queue(net))
		return; /* nothing is ever under way in it */
	if (queue % 2 == VIRTIO_NET_RX)
		virtio_net_rx_stop(&net->pair[queue / 2]);
	else
		virtio_net_tx_stop(&net->pair[queue / 2]);
}

static void
link_readable(void *dev)
{
	virtio_net_rx_run(dev);
}

static void
link_writable(void *dev)
{
	virtio_net_tx_writable(dev);
}

void
virtio_net_link(struct virtio_net *net, bool up)
{
	const uint16_t status = up ? STATUS_LINK_UP : 0;

	if (le16_get(net->config + C_STATUS) == status)
		return;
	le16_put(net->config + C_STATUS, status);
	virtio_config_changed(&net->vd);
}

/*
 * Nothing: buffers that wait for a frame, and frames that wait for the link, come again; of a frame
 * that waits for more buffers the rest is lost.
 */
#define PAIR_STATE(F, T)         \
	F(T, net, OWN, 0)        \
	F(T, index, OWN, 0)      \
	F(T, backend, OWN, 0)    \
	F(T, extern_drv, OWN, 0) \
	F(T, lent, OWN, 0)       \
	F(T, rx, OWNS, 0)        \
	F(T, more, OWNS, 0)      \
	F(T, rx_iov, OWN, 0)     \
	F(T, bounce, OWN, 0)     \
	F(T, rest_off, OWN, 0)   \
	F(T, rest_len, OWN, 0)   \
	F(T, nbuffers, OWN, 0)   \
	F(T, reading, OWN, 0)    \
	F(T, tx, OWNS, 0)        \
	F(T, tx_iov, OWN, 0)     \
	F(T, tx_hdr, OWNS, 0)    \
	F(T, tx_niov, OWN, 0)    \
	F(T, tx_held, OWN, 0)
STATE_TYPE(pair_type, struct virtio_net_pair, PAIR_STATE, "net-pair", 1);

#define NET_STATE(F, T)                           \
	F(T, vd, OWNS, 0)                         \
	F(T, npairs, SAME, STATE_ANY)             \
	F(T, active, SAVED, VIRTIO_NET_PAIRS_MAX) \
	F(T, pair, PARTS, pair_type)              \
	F(T, config, BYTES, 0)                    \
	F(T, ctrl, OWNS, 0)
STATE_TYPE(net_type, struct virtio_net, NET_STATE, "net", 1);

static int
net_state(struct virtio_dev *vd, struct state *st)
{
	struct virtio_net *net = vd->softc;
	uint8_t config[VIRTIO_NET_CONFIG_LEN];
	uint16_t status;

	for (unsigned i = 0; i < net->npairs; i++)
		if (net->pair[i].lent)
			return (state_refuse(st, ENOTSUP, "another driver has its queues"));
	memcpy(config, net->config, sizeof(config));
	state_struct(st, &net_type, net);
	if (st->rc != 0 || !st->loading)
		return (st->rc);
	/* Whether there is a link its owner says again (virtio_net_link). */
	status = le16_get(net->config + C_STATUS);
	le16_put(config + C_STATUS, status);
	if (status > STATUS_LINK_UP || memcmp(config, net->config, sizeof(config)) != 0)
		return (state_refuse(st, EINVAL, "it is the state of a nic of another kind"));
	if (net->active < 1 || net->active > net->npairs ||
	    (net->active > 1 && !virtio_has(vd, VIRTIO_NET_F_MQ)))
		return (state_refuse(st, EINVAL, "it uses %u pairs of queues", net->active));
	tell_active(net, net->active);
	return (0);
}

static const struct virtio_dev_ops net_ops = {
	.name = "virtio-net",
	.type = VIRTIO_TYPE_NET,
	.pci_class = 0x020000, /* Ethernet controller */
	.negotiate = net_negotiate,
	.start = net_start,
	.notify = net_notify,
	.stop = net_stop,
	.broken = net_take_back,
	.queue_reset = net_queue_reset,
	.state = net_state,
};

/* struct virtio_net_config, 5.1.4 */
static void
fill_config(struct virtio_net *net, const struct virtio_net_setup *setup)
{
	memcpy(net->config, setup->backend[0]->mac, 6);
	le16_put(net->config + C_STATUS, STATUS_LINK_UP);
	le16_put(net->config + 8, (uint16_t)net->npairs); /* max_virtqueue_pairs */
	le16_put(net->config + 10, setup->backend[0]->mtu);
	le32_put(net->config + 12, setup->speed);
	net->config[16] = 1; /* full duplex */
	net->vd.config = net->config;
	net->vd.config_len = VIRTIO_NET_CONFIG_LEN;
}

/* An outside driver limits what concerns the rings; offloads are the link's. */
static int
offer_features(struct virtio_net *net, const struct virtio_net_setup *setup)
{
	const uint64_t rings = VIRTIO_NET_F_MRG_RXBUF | VIRTIO_FEAT_INDIRECT_DESC |
	    VIRTIO_FEAT_EVENT_IDX | VIRTIO_FEAT_VERSION_1;
	const struct net_backend *b = setup->backend[0];

	net->vd.offered |= b->offload_features & VIRTIO_NET_OFFLOADS;
	if (setup->queues_only) {
		net->vd.offered |= VIRTIO_NET_F_MRG_RXBUF;
		return (0);
	}
	net->vd.offered |= VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
	    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX;
	if (b->mtu != 0)
		net->vd.offered |= VIRTIO_NET_F_MTU;
	if (net->npairs > 1)
		net->vd.offered |= VIRTIO_NET_F_MQ;
	if (setup->speed != 0)
		net->vd.offered |= VIRTIO_NET_F_SPEED;
	if (setup->extern_drv[0] == NULL)
		/* The outside driver has rings that it gives back together only. */
		net->vd.offered |= VIRTIO_FEAT_RING_RESET;
	else
		net->vd.offered &= ~(rings & ~setup->extern_drv[0]->features);
	return ((net->vd.offered & VIRTIO_FEAT_VERSION_1) != 0 ? 0 : -EINVAL);
}

static int
make_pair(struct virtio_net *net, unsigned i, const struct virtio_net_setup *setup)
{
	struct virtio_net_pair *p = &net->pair[i];
	struct virtq *rx = &net->vd.queue[i * 2], *tx = rx + 1;

	*p = (struct virtio_net_pair){ .net = net,
		.index = i,
		.backend = setup->backend[i],
		.extern_drv = setup->extern_drv[i] };
	p->rx_iov = calloc(rx->size_max + 1u, sizeof(struct iovec));
	p->tx_iov = calloc(tx->size_max + 1u, sizeof(struct iovec));
	p->bounce = calloc(1, VIRTIO_NET_FRAME_MAX);
	if (p->rx_iov == NULL || p->tx_iov == NULL || p->bounce == NULL ||
	    vq_chain_init(&p->rx, rx) < 0 || vq_chain_init(&p->more, rx) < 0 ||
	    vq_chain_init(&p->tx, tx) < 0)
		return (-ENOMEM);
	p->backend->readable = link_readable;
	p->backend->writable = link_writable;
	p->backend->dev = p;
	return (0);
}

/* Sizes of the queues; then of the largest chain of commands, wherever their queue is. */
static int
make_queues(struct virtio_net *net, const struct virtio_net_setup *setup)
{
	const uint16_t tx = setup->tx_size != 0 ? setup->tx_size : VIRTIO_NET_TX_SIZE;
	unsigned last = net->npairs * 2;
	int rc;

	for (unsigned i = 0; i < net->npairs; i++)
		if ((rc = virtio_queue_resize(&net->vd, i * 2 + 1, tx)) < 0)
			return (rc);
	if (setup->queues_only)
		return (0);
	if ((rc = virtio_queue_resize(&net->vd, last, VIRTIO_NET_CTRL_SIZE)) < 0)
		return (rc);
	return (vq_chain_init(&net->ctrl,
	    &net->vd.queue[net->vd.queue[0].size_max > VIRTIO_NET_CTRL_SIZE ? 0 : last]));
}

int
virtio_net_init_pairs(
    struct virtio_net *net, const struct gmem *gm, const struct virtio_net_setup *setup)
{
	const uint16_t rx = setup->rx_size != 0 ? setup->rx_size : VIRTIO_NET_RX_SIZE;
	int rc;

	*net = (struct virtio_net){ .active = 1 };
	if (setup->npairs == 0 || setup->npairs > (setup->queues_only ? 1 : VIRTIO_NET_PAIRS_MAX))
		return (-EINVAL);
	rc = virtio_init(&net->vd, &net_ops, net, gm, setup->npairs * 2 + !setup->queues_only, rx);
	if (rc < 0)
		return (rc);
	net->npairs = setup->npairs;
	rc = make_queues(net, setup);
	for (unsigned i = 0; i < net->npairs && rc == 0; i++)
		rc = make_pair(net, i, setup);
	if (rc < 0 || (rc = offer_features(net, setup)) < 0) {
		virtio_net_destroy(net);
		return (rc);
	}
	if (!setup->queues_only)
		fill_config(net, setup);
	set_active(net, 1);
	return (0);
}

int
virtio_net_init(struct virtio_net *net, const struct gmem *gm, struct net_backend *backend,
    struct virtio_extern *x)
{
	const struct virtio_net_setup setup = {
		.npairs = 1, .backend = { backend }, .extern_drv = { x }
	};

	return (virtio_net_init_pairs(net, gm, &setup));
}

void
virtio_net_let_go(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->npairs; i++) {
		virtio_net_rx_give_up(&net->pair[i]);
		virtio_net_tx_give_up(&net->pair[i]);
	}
}

void
virtio_net_destroy(struct virtio_net *net)
{
	net_take_back(&net->vd);
	for (unsigned i = 0; i < net->npairs; i++) {
		struct virtio_net_pair *p = &net->pair[i];

		vq_chain_destroy(&p->rx);
		vq_chain_destroy(&p->more);
		vq_chain_destroy(&p->tx);
		free(p->rx_iov);
		free(p->tx_iov);
		free(p->bounce);
	}
	vq_chain_destroy(&net->ctrl);
	virtio_destroy(&net->vd);
}
