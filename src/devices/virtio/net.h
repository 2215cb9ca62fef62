/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio network device (virtio 1.2, 5.1) on a struct net_backend for each pair of queues, and a
 * control queue; mergeable receive buffers, checksum and segmentation offloads as far as the link
 * does them. A guest begins with one pair and says how many it uses (5.1.6.5.6). With an outside
 * driver (virtio_extern.h: vhost-net) a pair is its business while the guest's driver runs. bhyve
 * calls it virtio-net-viona. Where another has the registers (vhost-user) it is one pair and nothing
 * else.
 *
 * The guest may ask for receive modes and MAC filters: it is told yes and gets what the link lets
 * through, for what a nic may see is decided by the zone's protection and not by the guest. Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_NET_H
#define ZHYVE_DEVICES_VIRTIO_NET_H

#include "devices/net.h"
#include "devices/virtio/virtio.h"
#include "devices/virtio/virtio_extern.h"

#define VIRTIO_NET_RX_SIZE    1024 /* bhyve's rxvqsize and txvqsize */
#define VIRTIO_NET_TX_SIZE    256
#define VIRTIO_NET_CTRL_SIZE  64
#define VIRTIO_NET_CONFIG_LEN 17
#define VIRTIO_NET_PAIRS_MAX  16
/* Header, Ethernet header with two tags, 64 KiB of a segmented packet. */
#define VIRTIO_NET_FRAME_MAX (NET_HDR_LEN + 22 + 65536)

/* Feature bits, 5.1.3 */
#define VIRTIO_NET_F_CSUM       (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_MTU        (1ull << 3)
#define VIRTIO_NET_F_MAC        (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN  (1ull << 9)
#define VIRTIO_NET_F_GUEST_UFO  (1ull << 10)
#define VIRTIO_NET_F_HOST_TSO4  (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6  (1ull << 12)
#define VIRTIO_NET_F_HOST_ECN   (1ull << 13)
#define VIRTIO_NET_F_HOST_UFO   (1ull << 14)
#define VIRTIO_NET_F_MRG_RXBUF  (1ull << 15)
#define VIRTIO_NET_F_STATUS     (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ    (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX    (1ull << 18)
#define VIRTIO_NET_F_MQ         (1ull << 22)
#define VIRTIO_NET_F_SPEED      (1ull << 63)

/* What the link, and not the ring, has to do with. */
#define VIRTIO_NET_OFFLOADS                                                             \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |        \
	    VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_GUEST_UFO | \
	    VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN |   \
	    VIRTIO_NET_F_HOST_UFO)

enum {
	VIRTIO_NET_RX,
	VIRTIO_NET_TX,
	VIRTIO_NET_CTRL /* behind the last pair with VIRTIO_NET_F_MQ, else behind the first */
};

struct virtio_net;

struct virtio_net_pair {
	struct virtio_net *net;
	unsigned index;
	struct net_backend *backend;
	struct virtio_extern *extern_drv; /* NULL: we serve the queues */
	bool lent;                        /* the outside driver has them now */
	/*
	 * Receiving. A frame too long for the first chain goes on in `bounce` and from there into
	 * further chains.
	 */
	struct vq_chain rx, more;
	struct iovec *rx_iov;
	uint8_t *bounce;
	size_t rest_off, rest_len; /* what of the frame is still in bounce */
	uint16_t nbuffers;         /* chains used for it so far; 0: no frame is under way */
	bool reading;

	/* Sending. The header is the guest's, copied once and checked. */
	struct vq_chain tx;
	struct iovec *tx_iov;
	uint8_t tx_hdr[NET_HDR_LEN];
	unsigned tx_niov;
	bool tx_held; /* the chain in tx waits until the link takes it */
};

struct virtio_net {
	struct virtio_dev vd;
	unsigned npairs, active; /* active: those that the guest uses */
	struct virtio_net_pair pair[VIRTIO_NET_PAIRS_MAX];
	uint8_t config[VIRTIO_NET_CONFIG_LEN];
	struct vq_chain ctrl;
};

struct virtio_net_setup {
	unsigned npairs;
	struct net_backend *backend[VIRTIO_NET_PAIRS_MAX];
	struct virtio_extern *extern_drv[VIRTIO_NET_PAIRS_MAX]; /* all or none; NULL: none */
	uint16_t rx_size, tx_size;                              /* powers of two; 0: as bhyve's */
	uint32_t speed; /* Mbit/s; 0: the guest is not told */
	/*
	 * Registers and configuration are another's: one pair, no control queue, and of the features
	 * those that concern frames and rings.
	 */
	bool queues_only;
};

/*
 * A nic on `backend`, which outlives it and serves it alone; `x` may be NULL. 0, -ENOMEM, -EINVAL
 * (x cannot do VERSION_1).
 */
int virtio_net_init(struct virtio_net *net, const struct gmem *gm, struct net_backend *backend,
    struct virtio_extern *x);
/*
 * The same with more than one pair: MAC, MTU and offloads are those of the first backend. 0,
 * -ENOMEM, -EINVAL.
 */
int virtio_net_init_pairs(
    struct virtio_net *net, const struct gmem *gm, const struct virtio_net_setup *setup);
void virtio_net_destroy(struct virtio_net *net);
/*
 * The link is there, or gone: the driver is told if it wants to know (VIRTIO_NET_F_STATUS). Frames go
 * on as far as the backend lets them.
 */
void virtio_net_link(struct virtio_net *net, bool up);
/*
 * Let go of the guest's memory: frames under way are given up, and their chains come again. For a
 * transport that has stopped the queues, and is to be without that memory or to say where they
 * stand.
 */
void virtio_net_let_go(struct virtio_net *net);

/* net_queue.c, private to the device: the data queues. */
void virtio_net_rx_run(struct virtio_net_pair *p);
void virtio_net_tx_run(struct virtio_net_pair *p);
/* The link takes frames again. */
void virtio_net_tx_writable(struct virtio_net_pair *p);
/* Forget what is under way in the pair's queues. */
void virtio_net_rx_stop(struct virtio_net_pair *p);
void virtio_net_tx_stop(struct virtio_net_pair *p);
/* The same, with the chains given back as if they had not been taken. */
void virtio_net_rx_give_up(struct virtio_net_pair *p);
void virtio_net_tx_give_up(struct virtio_net_pair *p);

#endif
