/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net with two pairs of queues, on links that give and take frames as the input says. */
#include <assert.h>
#include <errno.h>

#include "base/checked.h"
#include "devices/virtio/net.h"
#include "fuzz_host.h"

#define PAIRS 2

struct nic {
	struct net_backend be;
	bool want_read, want_write, full;
	uint16_t frame; /* length of the next one; 0: none */
};

static ssize_t
l_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct nic *n = b->softc;
	uint8_t hdr[NET_HDR_LEN];
	size_t sum = 0;

	assert(niov > 0 && niov <= 1024);
	assert(gmem_iov_to_buf(iov, niov, 0, hdr, sizeof(hdr)) == sizeof(hdr));
	for (unsigned i = 0; i < niov; i++)
		sum += iov[i].iov_len;
	assert(sum > NET_HDR_LEN && sum <= VIRTIO_NET_FRAME_MAX);
	return (n->full ? -EAGAIN : (ssize_t)sum);
}

static ssize_t
l_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct nic *n = b->softc;
	size_t len = n->frame, left = len;

	if (len == 0)
		return (-EAGAIN);
	n->frame = 0;
	for (unsigned i = 0; i < niov && left > 0; i++) {
		size_t run = MIN(iov[i].iov_len, left);

		memset(iov[i].iov_base, 0, run);
		left -= run;
	}
	return ((ssize_t)(len - left));
}

static void
l_want_read(struct net_backend *b, bool on)
{
	((struct nic *)b->softc)->want_read = on;
}

static void
l_want_write(struct net_backend *b, bool on)
{
	((struct nic *)b->softc)->want_write = on;
}

static int
l_set_offload(struct net_backend *b, uint64_t f)
{
	return (0);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct nic *n = (struct nic *)ctx + fuzz_u8(in) % PAIRS;
	uint8_t what = fuzz_u8(in);

	n->frame = fuzz_u16(in);
	n->full = (what & 4) != 0;
	/* A wake-up may come once more than is wanted. */
	if ((what & 1) != 0)
		n->be.readable(n->be.dev);
	if ((what & 2) != 0)
		n->be.writable(n->be.dev);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct net_ops ops = { l_send, l_recv, l_want_read, l_want_write,
		l_set_offload, NULL };
	struct virtio_net_setup s = { .npairs = PAIRS, .rx_size = 64, .tx_size = 32 };
	struct nic nic[PAIRS] = { 0 };
	struct fuzz in = { data, size };
	static struct virtio_net net;
	struct virtio_pci vp;
	struct fuzz_host h;
	int rc;

	fuzz_host_init(&h);
	for (unsigned i = 0; i < PAIRS; i++) {
		nic[i].be = (struct net_backend){ .ops = &ops,
			.softc = &nic[i],
			.mtu = 1500,
			.offload_features = VIRTIO_NET_OFFLOADS,
			.vhost_tap_fd = -1 };
		s.backend[i] = &nic[i].be;
	}
	rc = virtio_net_init_pairs(&net, &h.gm, &s);
	assert(rc == 0);
	rc = virtio_pci_init(&vp, &net.vd);
	assert(rc == 0);
	fuzz_host_attach(&h, &vp.pci);
	h.own = own;
	h.ctx = nic;
	if ((fuzz_u8(&in) & 1) != 0)
		fuzz_virtio_start(&vp);
	fuzz_host_run(&h, &vp.pci, &in);
	fuzz_host_fini(&h);
	virtio_pci_destroy(&vp);
	virtio_net_destroy(&net);
	return (0);
}
