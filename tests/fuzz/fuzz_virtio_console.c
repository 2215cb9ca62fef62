/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio console: two ports whose peers come, go, speak and stop listening as the input says. */
#include <assert.h>

#include "base/checked.h"
#include "devices/virtio/console.h"
#include "fuzz_host.h"

#define PORTS 2

struct peer {
	struct chardev c;
	size_t room, space;
};

static size_t
peer_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct peer *p = c->softc;
	size_t n = MIN(len, p->space);
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum ^= buf[i];
	(void)sum;
	p->space -= n;
	return (n);
}

static void
peer_room(struct chardev *c, size_t n)
{
	((struct peer *)c->softc)->room = n;
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct peer *p = (struct peer *)ctx + fuzz_u8(in) % PORTS;
	uint8_t what = fuzz_u8(in), bytes[256];
	size_t n;

	switch (what % 3) {
	case 0:
		n = fuzz_bytes(in, bytes, MIN(p->room, what));
		p->room -= n;
		if (n > 0)
			p->c.rx(p->c.dev, bytes, n);
		break;
	case 1:
		p->space += what;
		p->c.writable(p->c.dev);
		break;
	default:
		p->c.has_peer = !p->c.has_peer;
		p->c.peer(p->c.dev, p->c.has_peer);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct chardev_ops ops = { peer_write, peer_room };
	struct peer peer[PORTS] = { 0 };
	struct fuzz in = { data, size };
	static struct virtio_console con;
	struct virtio_pci vp;
	struct fuzz_host h;
	int rc;

	fuzz_host_init(&h);
	rc = virtio_console_init(&con, &h.gm, PORTS, true, 80, 25);
	assert(rc == 0);
	for (unsigned i = 0; i < PORTS; i++) {
		peer[i].c = (struct chardev){ .ops = &ops, .softc = &peer[i] };
		rc = virtio_console_port(&con, i, i == 0 ? "first" : "second", &peer[i].c);
		assert(rc == 0);
	}
	rc = virtio_pci_init(&vp, &con.vd);
	assert(rc == 0);
	fuzz_host_attach(&h, &vp.pci);
	h.own = own;
	h.ctx = peer;
	if ((fuzz_u8(&in) & 1) != 0)
		fuzz_virtio_start(&vp);
	fuzz_host_run(&h, &vp.pci, &in);
	fuzz_host_fini(&h);
	virtio_pci_destroy(&vp);
	virtio_console_destroy(&con);
	return (0);
}
