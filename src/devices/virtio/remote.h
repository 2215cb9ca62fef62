/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of which zhyve has only the registers: features, status, configuration. Its
 * queues are an outside driver's from DRIVER_OK to reset (virtio_extern.h), and with them all
 * that the device does. What may differ between types stands in a table: which features may be
 * offered at all, how long the configuration is and what of it a driver may write. Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_REMOTE_H
#define ZHYVE_DEVICES_VIRTIO_REMOTE_H

#include "devices/virtio/virtio_extern.h"

#define VIRTIO_REMOTE_CONFIG_MAX 256

struct virtio_remote_kind {
	const char *name;
	uint16_t type;
	uint32_t pci_class;
	uint64_t features;      /* of its type that may be offered */
	uint32_t config_len;    /* at most VIRTIO_REMOTE_CONFIG_MAX */
	uint32_t writable_off;  /* what drivers may write of it ... */
	uint32_t writable_len;  /* 0: nothing */
	uint64_t writable_with; /* ... and the feature that it takes */
	uint8_t writable_reset; /* its bytes after a reset */
	unsigned queues_min;    /* that every device of the type has */
	uint16_t queue_size;
};

extern const struct virtio_remote_kind virtio_remote_blk, virtio_remote_net, virtio_remote_fs;

struct virtio_remote {
	struct virtio_dev vd;
	struct virtio_dev_ops ops;
	const struct virtio_remote_kind *kind;
	struct virtio_extern *x;
	uint8_t config[VIRTIO_REMOTE_CONFIG_MAX];
	bool lent; /* the queues are outside */
	/* The driver wrote configuration; may be NULL. */
	void (*config_written)(void *ctx, uint32_t off, const void *buf, uint32_t len);
	void *ctx;
};

/*
 * A device of a kind with `nqueues` queues (at most VIRTIO_EXTERN_QUEUES_MAX), all of them for `x`,
 * which outlives it. The caller fills r->config. 0, -EINVAL, -ENOMEM.
 */
int virtio_remote_init(struct virtio_remote *r, const struct virtio_remote_kind *kind,
    const struct gmem *gm, struct virtio_extern *x, unsigned nqueues);
void virtio_remote_destroy(struct virtio_remote *r);

/*
 * virtio-blk: another configuration from outside, all but what the driver has set, and the number
 * of queues that there are.
 */
void virtio_remote_blk_config(struct virtio_remote *r, const uint8_t *config);
/* virtio-net: the address, the MTU (0: not told), and whether the link is up. */
void virtio_remote_net_config(struct virtio_remote *r, const uint8_t mac[6], uint16_t mtu);
void virtio_remote_net_link(struct virtio_remote *r, bool up);
/* virtio-fs: the tag that the guest mounts by, at most 36 bytes. */
void virtio_remote_fs_config(struct virtio_remote *r, const char *tag);

#endif
