/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network device asks of its link. Frames carry a struct virtio_net_hdr (12 bytes, virtio
 * 1.2, 5.1.6) in front in both directions, as a tap with IFF_VNET_HDR and a header size of 12
 * does. Implemented by backend/tap.c, and by memory in tests.
 */
#ifndef ZHYVE_DEVICES_NET_H
#define ZHYVE_DEVICES_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define NET_HDR_LEN 12

struct net_backend;

struct net_ops {
	/*
	 * Send one frame, header first. Bytes taken, or -EAGAIN (try again after writable()), or
	 * -errno (the frame is lost). Never blocks.
	 */
	ssize_t (*send)(struct net_backend *b, const struct iovec *iov, unsigned niov);
	/*
	 * Receive one frame into iov. Its length, -EAGAIN: none there, -EMSGSIZE: cut off,
	 * -errno.
	 */
	ssize_t (*recv)(struct net_backend *b, const struct iovec *iov, unsigned niov);
	/*
	 * Ask to be told (net_backend.readable / .writable) or not: a device without receive
	 * buffers switches reading off.
	 */
	void (*want_read)(struct net_backend *b, bool on);
	void (*want_write)(struct net_backend *b, bool on);
	/* Tell the link which offloads the guest takes (VIRTIO_NET_F_GUEST_* bits). 0 or -errno. */
	int (*set_offload)(struct net_backend *b, uint64_t guest_features);
	/*
	 * One of several queues of a link: frames are, or are not, to come by this one. 0 or
	 * -errno. May be NULL: it is the only one.
	 */
	int (*set_active)(struct net_backend *b, bool on);
};

struct net_backend {
	const struct net_ops *ops;
	void *softc;
	uint8_t mac[6];
	uint16_t mtu;
	uint64_t offload_features; /* VIRTIO_NET_F_* bits the link can do */
	int vhost_tap_fd;          /* a tap that vhost-net can take over, -1: none */
	/* Set by the device; called with the device's lock held. */
	void (*readable)(void *dev);
	void (*writable)(void *dev);
	void *dev;
};

#endif
