/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices served from outside: see remote.h. Configurations by virtio 1.2, 5.2.4 (blk), 5.1.4
 * (net), 5.11.4 (fs). Refuses features that zhyve does not know the meaning of. Runs in zhyve.
 */
#include "devices/virtio/remote.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"

/* Not offered for any: what would change the rings or who translates addresses. */
#define RING_FEATURES (VIRTIO_FEAT_INDIRECT_DESC | VIRTIO_FEAT_EVENT_IDX | VIRTIO_FEAT_VERSION_1)

#define BIT(n)        (1ull << (n))

/* virtio-blk, 5.2.3 and 5.2.4 */
#define BLK_F_SIZE_MAX     BIT(1)
#define BLK_F_SEG_MAX      BIT(2)
#define BLK_F_RO           BIT(5)
#define BLK_F_BLK_SIZE     BIT(6)
#define BLK_F_FLUSH        BIT(9)
#define BLK_F_TOPOLOGY     BIT(10)
#define BLK_F_CONFIG_WCE   BIT(11)
#define BLK_F_MQ           BIT(12)
#define BLK_F_DISCARD      BIT(13)
#define BLK_F_WRITE_ZEROES BIT(14)
#define BLK_C_WRITEBACK    32u
#define BLK_C_QUEUES       34u
#define BLK_C_LEN          60u

/* virtio-net, 5.1.3 and 5.1.4; offloads and merged buffers, no control queue */
#define NET_F_CSUM_TO_HOST  BIT(0)
#define NET_F_CSUM_TO_GUEST BIT(1)
#define NET_F_MTU           BIT(3)
#define NET_F_MAC           BIT(5)
#define NET_F_TSO           (BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14))
#define NET_F_MRG_RXBUF     BIT(15)
#define NET_F_STATUS        BIT(16)
#define NET_C_STATUS        6u
#define NET_C_MTU           10u
#define NET_C_LEN           12u

/* virtio-fs, 5.11.4 */
#define FS_C_QUEUES 36u
#define FS_C_LEN    40u
#define FS_TAG_LEN  36u

const struct virtio_remote_kind virtio_remote_blk = {
	.name = "vhost-user-blk",
	.type = VIRTIO_TYPE_BLOCK,
	.pci_class = 0x010000,
	.features = BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE | BLK_F_FLUSH |
	    BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE | BLK_F_MQ | BLK_F_DISCARD | BLK_F_WRITE_ZEROES,
	.config_len = BLK_C_LEN,
	.writable_off = BLK_C_WRITEBACK,
	.writable_len = 1,
	.writable_with = BLK_F_CONFIG_WCE,
	.writable_reset = 1,
	.queues_min = 1,
	.queue_size = 256,
};

const struct virtio_remote_kind virtio_remote_net = {
	.name = "vhost-user-net",
	.type = VIRTIO_TYPE_NET,
	.pci_class = 0x020000,
	.features = NET_F_CSUM_TO_HOST | NET_F_CSUM_TO_GUEST | NET_F_MTU | NET_F_MAC | NET_F_TSO |
	    NET_F_MRG_RXBUF | NET_F_STATUS,
	.config_len = NET_C_LEN,
	.queues_min = 2,
	.queue_size = 256,
};

const struct virtio_remote_kind virtio_remote_fs = {
	.name = "vhost-user-fs",
	.type = VIRTIO_TYPE_FS,
	.pci_class = 0x018000,
	.config_len = FS_C_LEN,
	.queues_min = 2, /* urgent requests, and others */
	.queue_size = 128,
};

static struct virtio_remote *
of(struct virtio_dev *vd)
{
	return (vd->softc);
}

static void
take_back(struct virtio_dev *vd)
{
	struct virtio_remote *r = of(vd);

	if (r->lent)
		virtio_extern_stop(r->x, vd, 0, vd->nqueues);
	r->lent = false;
}

static void
remote_start(struct virtio_dev *vd)
{
	struct virtio_remote *r = of(vd);

	if (virtio_extern_start(r->x, vd, 0, vd->nqueues) == 0)
		r->lent = true;
	else
		virtio_failed(vd, "the process that serves it cannot, or is gone");
}

static bool
remote_stop(struct virtio_dev *vd)
{
	const struct virtio_remote_kind *k = of(vd)->kind;

	take_back(vd);
	memset(of(vd)->config + k->writable_off, k->writable_reset, k->writable_len);
	return (true);
}

/* A kick that came another way than by the doorbell: it is passed on. */
static void
remote_notify(struct virtio_dev *vd, unsigned queue)
{
	if (of(vd)->lent)
		(void)vd->transport->again(vd, queue);
}

static void
remote_config_write(struct virtio_dev *vd, uint32_t off, const void *buf, uint32_t len)
{
	struct virtio_remote *r = of(vd);
	const struct virtio_remote_kind *k = r->kind;

	if (off != k->writable_off || len != k->writable_len || !virtio_has(vd, k->writable_with))
		return;
	memcpy(r->config + off, buf, len);
	if (r->config_written != NULL)
		r->config_written(r->ctx, off, buf, len);
}

int
virtio_remote_init(struct virtio_remote *r, const struct virtio_remote_kind *kind,
    const struct gmem *gm, struct virtio_extern *x, unsigned nqueues)
{
	int rc;

	if (nqueues < kind->queues_min || nqueues > VIRTIO_EXTERN_QUEUES_MAX)
		return (-EINVAL);
	*r = (struct virtio_remote){ .kind = kind, .x = x };
	r->ops = (struct virtio_dev_ops){
		.name = kind->name,
		.type = kind->type,
		.pci_class = kind->pci_class,
		.start = remote_start,
		.stop = remote_stop,
		.broken = take_back,
		.notify = remote_notify,
		.config_write = remote_config_write,
	};
	rc = virtio_init(&r->vd, &r->ops, r, gm, nqueues, kind->queue_size);
	if (rc < 0)
		return (rc);
	r->vd.offered = x->features & (kind->features | RING_FEATURES);
	r->vd.config = r->config;
	r->vd.config_len = kind->config_len;
	x->some = true;
	return (0);
}

void
virtio_remote_destroy(struct virtio_remote *r)
{
	if (r->vd.transport != NULL)
		take_back(&r->vd);
	virtio_destroy(&r->vd);
}

void
virtio_remote_blk_config(struct virtio_remote *r, const uint8_t *config)
{
	uint8_t writeback = r->config[BLK_C_WRITEBACK];
	uint16_t queues = (uint16_t)r->vd.nqueues;

	memcpy(r->config, config, BLK_C_LEN);
	if (r->vd.started)
		r->config[BLK_C_WRITEBACK] = writeback;
	le16_put(r->config + BLK_C_QUEUES, queues);
	if (queues == 1)
		r->vd.offered &= ~BLK_F_MQ;
}

void
virtio_remote_net_config(struct virtio_remote *r, const uint8_t mac[6], uint16_t mtu)
{
	memcpy(r->config, mac, 6);
	le16_put(r->config + NET_C_MTU, mtu);
	r->config[NET_C_STATUS] = 1;
	r->vd.offered |= NET_F_MAC | NET_F_STATUS;
	if (mtu != 0)
		r->vd.offered |= NET_F_MTU;
	else
		r->vd.offered &= ~NET_F_MTU;
}

void
virtio_remote_net_link(struct virtio_remote *r, bool up)
{
	if (r->config[NET_C_STATUS] == up)
		return;
	r->config[NET_C_STATUS] = up;
	virtio_config_changed(&r->vd);
}

void
virtio_remote_fs_config(struct virtio_remote *r, const char *tag)
{
	memset(r->config, 0, FS_TAG_LEN);
	memcpy(r->config, tag, strnlen(tag, FS_TAG_LEN));
	le32_put(r->config + FS_C_QUEUES, r->vd.nqueues - 1);
}
