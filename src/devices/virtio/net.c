/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio network device: features, configuration, control queue: see net.h. The data queues are
 * in net_queue.c. Runs in zhyve.
 */
#include "devices/virtio/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

#define STATUS_LINK_UP 1u

/* Control commands, 5.1.6.5 */
#define CTRL_CLASS_RX  0
#define CTRL_RX_MODES  2 /* PROMISC, ALLMULTI */
#define CTRL_CLASS_MAC 1
#define CTRL_MAC_TABLE 0
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
};

static int
net_negotiate(struct virtio_dev *vd, uint64_t f)
{
	for (unsigned i = 0; i < NITEMS(needs); i++)
		if ((f & needs[i].feature) != 0 && (f & needs[i].needs) == 0)
			return (-EINVAL);
	return (0);
}

static void
net_start(struct virtio_dev *vd)
{
	struct virtio_net *net = vd->softc;
	struct net_backend *b = net->backend;
	int rc;

	rc = b->ops->set_offload(b, vd->features & VIRTIO_NET_OFFLOADS);
	if (rc < 0)
		log_warn("virtio-net: the link refuses the offloads: %s", strerror(-rc));
	if (net->extern_drv == NULL)
		return;
	rc = virtio_extern_start(net->extern_drv, vd, VIRTIO_NET_RX, 2);
	if (rc < 0)
		log_warn("virtio-net: the outside driver cannot take the queues (%s); they are "
			 "served here",
		    strerror(-rc));
	net->lent = rc == 0;
}

static void
net_take_back(struct virtio_dev *vd)
{
	struct virtio_net *net = vd->softc;

	if (net->lent)
		virtio_extern_stop(net->extern_drv, vd, VIRTIO_NET_RX, 2);
	net->lent = false;
}

static bool
net_stop(struct virtio_dev *vd)
{
	struct virtio_net *net = vd->softc;
	struct net_backend *b = net->backend;

	net_take_back(vd);
	b->ops->want_read(b, false);
	b->ops->want_write(b, false);
	(void)b->ops->set_offload(b, 0);
	net->reading = false;
	net->nbuffers = 0;
	net->rest_len = 0;
	net->tx_held = false;
	return (true);
}

/* Receive modes and the MAC table are taken note of by saying yes: see net.h. */
static uint8_t
command(const struct virtio_net *net, uint8_t class, uint8_t cmd)
{
	if (!virtio_has(&net->vd, VIRTIO_NET_F_CTRL_RX))
		return (CTRL_ERR);
	if ((class == CTRL_CLASS_RX && cmd < CTRL_RX_MODES) ||
	    (class == CTRL_CLASS_MAC && cmd == CTRL_MAC_TABLE))
		return (CTRL_OK);
	return (CTRL_ERR);
}

static void
ctrl_one(struct virtio_net *net)
{
	struct vq_chain *c = &net->ctrl;
	uint8_t cmd[2], ack;

	if (c->read_len < sizeof(cmd) || c->write_len < 1) {
		virtio_needs_reset(&net->vd, "network control command without command or answer");
		return;
	}
	(void)gmem_iov_to_buf(c->iov, c->nread, 0, cmd, sizeof(cmd));
	ack = command(net, cmd[0], cmd[1]);
	(void)gmem_buf_to_iov(&ack, 1, c->iov + c->nread, c->nwrite, 0);
	virtq_push(&net->vd.queue[VIRTIO_NET_CTRL], c->head, 1);
}

static void
ctrl_run(struct virtio_net *net)
{
	struct virtq *q = &net->vd.queue[VIRTIO_NET_CTRL];
	unsigned round = 0;

	do {
		virtq_kick_off(q);
		for (unsigned n = 0;
		     n < q->size && virtio_pop(&net->vd, VIRTIO_NET_CTRL, &net->ctrl); n++)
			ctrl_one(net);
		virtio_publish(&net->vd, VIRTIO_NET_CTRL);
	} while (virtio_another_round(&net->vd, VIRTIO_NET_CTRL, round++));
}

static void
net_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_net *net = vd->softc;

	if (queue == VIRTIO_NET_CTRL)
		ctrl_run(net);
	else if (net->lent)
		/* The kick came by a way that the outside driver does not hear. */
		(void)vd->transport->again(vd, queue);
	else if (queue == VIRTIO_NET_RX)
		virtio_net_rx_run(net);
	else
		virtio_net_tx_run(net);
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

static const struct virtio_dev_ops net_ops = {
	.name = "virtio-net",
	.type = VIRTIO_TYPE_NET,
	.pci_class = 0x020000, /* Ethernet controller */
	.negotiate = net_negotiate,
	.start = net_start,
	.notify = net_notify,
	.stop = net_stop,
	.broken = net_take_back,
};

/* struct virtio_net_config, 5.1.4 */
static void
fill_config(struct virtio_net *net)
{
	memcpy(net->config, net->backend->mac, 6);
	le16_put(net->config + 6, STATUS_LINK_UP);
	le16_put(net->config + 8, 1); /* max_virtqueue_pairs */
	le16_put(net->config + 10, net->backend->mtu);
	net->vd.config = net->config;
	net->vd.config_len = VIRTIO_NET_CONFIG_LEN;
}

/* An outside driver limits what concerns the rings; offloads are the link's. */
static int
offer_features(struct virtio_net *net)
{
	const uint64_t rings = VIRTIO_NET_F_MRG_RXBUF | VIRTIO_FEAT_INDIRECT_DESC |
	    VIRTIO_FEAT_EVENT_IDX | VIRTIO_FEAT_VERSION_1;

	net->vd.offered |= VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
	    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX;
	if (net->backend->mtu != 0)
		net->vd.offered |= VIRTIO_NET_F_MTU;
	net->vd.offered |= net->backend->offload_features & VIRTIO_NET_OFFLOADS;
	if (net->extern_drv != NULL)
		net->vd.offered &= ~(rings & ~net->extern_drv->features);
	return ((net->vd.offered & VIRTIO_FEAT_VERSION_1) != 0 ? 0 : -EINVAL);
}

static int
make_buffers(struct virtio_net *net)
{
	struct virtq *q = net->vd.queue;

	net->rx_iov = calloc(VIRTIO_NET_RX_SIZE + 1, sizeof(struct iovec));
	net->tx_iov = calloc(VIRTIO_NET_TX_SIZE + 1, sizeof(struct iovec));
	net->bounce = calloc(1, VIRTIO_NET_FRAME_MAX);
	if (net->rx_iov == NULL || net->tx_iov == NULL || net->bounce == NULL ||
	    vq_chain_init(&net->rx, &q[VIRTIO_NET_RX]) < 0 ||
	    vq_chain_init(&net->more, &q[VIRTIO_NET_RX]) < 0 ||
	    vq_chain_init(&net->tx, &q[VIRTIO_NET_TX]) < 0 ||
	    vq_chain_init(&net->ctrl, &q[VIRTIO_NET_CTRL]) < 0)
		return (-ENOMEM);
	return (0);
}

int
virtio_net_init(struct virtio_net *net, const struct gmem *gm, struct net_backend *backend,
    struct virtio_extern *x)
{
	int rc;

	*net = (struct virtio_net){ .backend = backend, .extern_drv = x };
	rc = virtio_init(&net->vd, &net_ops, net, gm, VIRTIO_NET_QUEUES, VIRTIO_NET_RX_SIZE);
	if (rc < 0)
		return (rc);
	if ((rc = virtio_queue_resize(&net->vd, VIRTIO_NET_TX, VIRTIO_NET_TX_SIZE)) < 0 ||
	    (rc = virtio_queue_resize(&net->vd, VIRTIO_NET_CTRL, VIRTIO_NET_CTRL_SIZE)) < 0 ||
	    (rc = make_buffers(net)) < 0 || (rc = offer_features(net)) < 0) {
		virtio_net_destroy(net);
		return (rc);
	}
	fill_config(net);
	backend->readable = link_readable;
	backend->writable = link_writable;
	backend->dev = net;
	return (0);
}

void
virtio_net_destroy(struct virtio_net *net)
{
	if (net->lent)
		(void)net_stop(&net->vd);
	vq_chain_destroy(&net->rx);
	vq_chain_destroy(&net->more);
	vq_chain_destroy(&net->tx);
	vq_chain_destroy(&net->ctrl);
	free(net->rx_iov);
	free(net->tx_iov);
	free(net->bounce);
	virtio_destroy(&net->vd);
}
