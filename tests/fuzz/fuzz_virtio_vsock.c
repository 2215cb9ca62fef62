/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio sockets: a host whose connections come, go, give and take as the input says. */
#include <assert.h>
#include <errno.h>

#include "base/checked.h"
#include "devices/virtio/vsock.h"
#include "fuzz_host.h"

static struct {
	bool open[VSOCK_CONNS]; /* asked for or given, and not closed */
	uint16_t have, space;
	bool ended, gone;
} host;

static void
h_connect(struct vsock_backend *b, unsigned conn, uint32_t port)
{
	assert(conn < VSOCK_CONNS && !host.open[conn]);
	host.open[conn] = true;
}

static void
h_accepted(struct vsock_backend *b, unsigned conn, uint32_t port)
{
	assert(host.open[conn]);
}

static ssize_t
h_send(struct vsock_backend *b, unsigned conn, const void *buf, size_t len)
{
	size_t n = MIN(len, (size_t)host.space);
	volatile uint8_t sum = 0;

	assert(host.open[conn]);
	for (size_t i = 0; i < n; i++)
		sum ^= ((const uint8_t *)buf)[i];
	(void)sum;
	host.space -= (uint16_t)n;
	return (host.gone ? -EPIPE : (ssize_t)n);
}

static ssize_t
h_recv(struct vsock_backend *b, unsigned conn, const struct iovec *iov, unsigned niov)
{
	ssize_t n = 0;

	assert(host.open[conn] && niov > 0);
	for (unsigned i = 0; i < niov && host.have > 0; i++) {
		size_t run = MIN(iov[i].iov_len, (size_t)host.have);

		memset(iov[i].iov_base, 0x77, run);
		host.have -= (uint16_t)run;
		n += (ssize_t)run;
	}
	return (host.gone ? -ECONNRESET : n > 0 ? n : host.ended ? 0 : -EAGAIN);
}

static void
h_want(struct vsock_backend *b, unsigned conn, bool rd, bool wr)
{
	assert(conn < VSOCK_CONNS);
}

static void
h_shut(struct vsock_backend *b, unsigned conn)
{
	assert(host.open[conn]);
}

static void
h_close(struct vsock_backend *b, unsigned conn)
{
	assert(host.open[conn]);
	host.open[conn] = false;
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct virtio_vsock *vs = ctx;
	uint8_t what = fuzz_u8(in);
	unsigned conn = fuzz_u8(in) % VSOCK_CONNS;
	int rc;

	host.ended = (what & 16) != 0;
	host.gone = (what & 32) != 0;
	host.have = fuzz_u16(in);
	host.space = fuzz_u16(in);
	switch (what % 4) {
	case 0:
		rc = virtio_vsock_incoming(vs, conn);
		if (rc >= 0) {
			host.open[rc] = true;
			virtio_vsock_adopted(vs, (unsigned)rc, (what & 64) != 0 ? -ENOMEM : 0);
		}
		break;
	case 1:
		virtio_vsock_connected(vs, conn, (what & 64) != 0 ? -ECONNREFUSED : 0);
		break;
	default:
		virtio_vsock_ready(vs, conn, (what & 1) != 0, (what & 64) != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vsock_backend_ops ops = { h_connect, h_accepted, h_send, h_recv, h_want,
		h_shut, h_close };
	struct vsock_backend be = { .ops = &ops };
	static struct virtio_vsock vs;
	struct fuzz in = { data, size };
	struct virtio_pci vp;
	struct fuzz_host h;
	int rc;

	memset(&host, 0, sizeof(host));
	fuzz_host_init(&h);
	rc = virtio_vsock_init(&vs, &h.gm, 3, &be, &h.clock);
	assert(rc == 0);
	rc = virtio_pci_init(&vp, &vs.vd);
	assert(rc == 0);
	fuzz_host_timer(&h, &vs.timer);
	fuzz_host_attach(&h, &vp.pci);
	h.own = own;
	h.ctx = &vs;
	if ((fuzz_u8(&in) & 1) != 0)
		fuzz_virtio_start(&vp);
	fuzz_host_run(&h, &vp.pci, &in);
	fuzz_host_fini(&h);
	virtio_pci_destroy(&vp);
	virtio_vsock_destroy(&vs);
	return (0);
}
