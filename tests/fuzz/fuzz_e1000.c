/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000 with rings laid out and running. Instruction 6 lets a frame of the input arrive, says how
 * many frames the link takes, or writes a descriptor and moves the tail.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"
#include "fuzz_host.h"

#define TX_RING 0x1000u
#define RX_RING 0x2000u
#define RING    32u
#define DATA    0x8000u

struct target {
	struct fuzz_host h;
	struct e1000 nic;
	struct net_backend be;
	unsigned room;
	struct fuzz *in;
	size_t arriving;
};

static ssize_t
net_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct target *t = b->softc;
	uint8_t buf[64];
	size_t len = 0;

	if (t->room == 0)
		return (-11); /* EAGAIN */
	t->room--;
	for (unsigned i = 0; i < niov; i++) {
		/* Every byte must be there to be read. */
		for (size_t k = 0; k < iov[i].iov_len; k += sizeof(buf))
			(void)gmem_iov_to_buf(&iov[i], 1, k, buf, sizeof(buf));
		len += iov[i].iov_len;
	}
	assert(len >= NET_HDR_LEN + 14 && len <= NET_HDR_LEN + E1000_FRAME_MAX + 4);
	return ((ssize_t)len);
}

static ssize_t
net_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct target *t = b->softc;
	size_t n = t->arriving;

	if (n == 0)
		return (-11);
	t->arriving = 0;
	memset(iov[0].iov_base, 0, n);
	(void)fuzz_bytes(t->in, iov[0].iov_base, n < 200 ? n : 200);
	return ((ssize_t)n);
}

static void
net_want(struct net_backend *b, bool on)
{
}

static int
net_offload(struct net_backend *b, uint64_t f)
{
	return (f == 0 ? 0 : -22);
}

static const struct net_ops ops = { net_send, net_recv, net_want, net_want, net_offload };

static void
reg(struct target *t, unsigned off, uint32_t val)
{
	pci_bar_ops[0].write(&t->nic.pci, off, 4, val);
}

static void
start(struct target *t)
{
	uint8_t d[16] = { 0 };

	for (unsigned i = 0; i < RING; i++) {
		le64_put(d, DATA + i * 0x800);
		(void)gmem_write(&t->h.gm, RX_RING + i * 16, d, sizeof(d));
	}
	reg(t, E1000_TDBAL, TX_RING);
	reg(t, E1000_TDLEN, RING * 16);
	reg(t, E1000_RDBAL, RX_RING);
	reg(t, E1000_RDLEN, RING * 16);
	reg(t, E1000_RDT, RING - 1);
	reg(t, E1000_IMS, ~0u);
	reg(t, E1000_TCTL, TCTL_EN | TCTL_PSP);
	reg(t, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_UPE | RCTL_MPE | RCTL_LPE);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct target *t = ctx;
	uint32_t *r = t->nic.reg, tail = r[E1000_TDT / 4];
	uint8_t what = fuzz_u8(in) % 3, d[16];

	t->in = in;
	if (what == 0) {
		t->arriving = fuzz_u16(in) + 1u;
		if (t->be.readable != NULL)
			t->be.readable(t->be.dev);
	} else if (what == 1) {
		t->room = fuzz_u8(in);
		if (t->be.writable != NULL)
			t->be.writable(t->be.dev);
	} else {
		(void)fuzz_bytes(in, d, sizeof(d));
		le32_put(d + 4, le32_get(d + 4) & ((d[11] & 0x20) != 0 ? ~0u : 0));
		(void)gmem_write(&h->gm, TX_RING + (uint64_t)(tail % RING) * 16, d, sizeof(d));
		reg(t, E1000_TDT, (tail + 1) % RING);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	static struct target t;
	int rc;

	fuzz_host_init(&t.h);
	t.be = (struct net_backend){ .ops = &ops, .softc = &t, .mac = { 2, 1, 2, 3, 4, 5 } };
	t.room = 255;
	t.arriving = 0;
	t.in = &in;
	rc = e1000_init(&t.nic, &t.h.gm, &t.be);
	assert(rc == 0);
	fuzz_host_attach(&t.h, &t.nic.pci);
	start(&t);
	t.h.own = own;
	t.h.ctx = &t;
	fuzz_host_run(&t.h, &t.nic.pci, &in);
	e1000_destroy(&t.nic);
	fuzz_host_fini(&t.h);
	return (0);
}
