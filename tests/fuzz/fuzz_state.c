/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of devices (devices/state.h): one is driven, saved, the stream changed, and what then
 * loads is driven on. What was loaded can be saved again at once.
 *
 * An input: the kind of device; how many changes; for each where and what (16 bits each); how many bytes
 * of the rest drive the first device; what is left drives the second.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "devices/ahci.h"
#include "devices/e1000.h"
#include "devices/nvme.h"
#include "devices/state.h"
#include "devices/usb_hid.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/input.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/xhci.h"
#include "fuzz_host.h"

#define ROOM (256u << 10)

/* A machine with one device. */
struct box {
	struct fuzz_host host;
	struct fuzz_disk disk;
	struct net_backend link;
	struct chardev chr;
	struct dev_timer timer;
	struct usb_hid hid;
	struct virtio_pci vp;
	struct pci_dev *pci;
	union {
		struct virtio_rng rng;
		struct virtio_blk blk;
		struct virtio_balloon balloon;
		struct virtio_input input;
		struct virtio_net net;
		struct nvme nvme;
		struct ahci ahci;
		struct e1000 e1000;
		struct virtio_console console;
		struct xhci xhci;
	} u;
};

/* --- backends --- */

static long
fill(void *ctx, void *buf, size_t len)
{
	memset(buf, 1, len);
	return ((long)len);
}

static int
discard(void *ctx, void *p, size_t len)
{
	return (0);
}

static ssize_t
link_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	size_t sum = 0;

	for (unsigned i = 0; i < niov; i++)
		sum += iov[i].iov_len;
	assert(sum > NET_HDR_LEN);
	return (sum % 3 == 0 ? -EAGAIN : (ssize_t)sum);
}

static ssize_t
link_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	return (-EAGAIN);
}

static void
link_want(struct net_backend *b, bool on)
{
}

static int
link_offload(struct net_backend *b, uint64_t f)
{
	return (0);
}

static const struct net_ops link_ops = { link_send, link_recv, link_want, link_want, link_offload };

static size_t
chr_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	return (len / 2);
}

static void
chr_room(struct chardev *c, size_t n)
{
}

static const struct chardev_ops chr_ops = { chr_write, chr_room };

/* --- kinds of devices --- */

struct kind {
	int (*init)(struct box *b);
	void (*destroy)(struct box *b);
	int (*state)(struct box *b, struct state *st);
	void (*resume)(struct box *b);
};

static int
virtio_state_of(struct box *b, struct state *st)
{
	return (virtio_pci_state(&b->vp, st));
}

static void
virtio_resume_of(struct box *b)
{
	virtio_pci_resume(&b->vp);
}

static int
virtio_made(struct box *b, struct virtio_dev *vd, int rc)
{
	b->pci = &b->vp.pci;
	return (rc < 0 ? rc : virtio_pci_init(&b->vp, vd));
}

#define VIRTIO_KIND(name, member, ...)                                 \
	static int name##_init(struct box *b)                          \
	{                                                              \
		return (virtio_made(b, &b->u.member.vd, __VA_ARGS__)); \
	}                                                              \
	static void name##_destroy(struct box *b)                      \
	{                                                              \
		virtio_pci_destroy(&b->vp);                            \
		virtio_##name##_destroy(&b->u.member);                 \
	}

VIRTIO_KIND(rng, rng, virtio_rng_init(&b->u.rng, &b->host.gm, fill, NULL))
VIRTIO_KIND(blk, blk, virtio_blk_init(&b->u.blk, &b->host.gm, &b->disk.be, "FUZZ", 2))
VIRTIO_KIND(balloon, balloon, virtio_balloon_init(&b->u.balloon, &b->host.gm, discard, NULL))
VIRTIO_KIND(input, input, virtio_input_init(&b->u.input, &b->host.gm, VIRTIO_INPUT_KEYBOARD))
VIRTIO_KIND(net, net, virtio_net_init(&b->u.net, &b->host.gm, &b->link, NULL))

static int
console_init(struct box *b)
{
	int rc = virtio_console_init(&b->u.console, &b->host.gm, 1, true, 80, 25);

	assert(rc == 0);
	rc = virtio_console_port(&b->u.console, 0, "fuzz", &b->chr);
	return (virtio_made(b, &b->u.console.vd, rc));
}

static void
console_destroy(struct box *b)
{
	virtio_pci_destroy(&b->vp);
	virtio_console_destroy(&b->u.console);
}

static int
xhci_make(struct box *b)
{
	int rc;

	b->timer = (struct dev_timer){ 0 };
	fuzz_host_timer(&b->host, &b->timer);
	rc = xhci_init(&b->u.xhci, &b->host.gm, &b->host.clock, &b->timer);
	assert(rc == 0);
	usb_hid_init(&b->hid, USB_HID_KEYBOARD);
	b->pci = &b->u.xhci.pci;
	return (xhci_plug(&b->u.xhci, &b->hid.usb));
}

static void
xhci_unmake(struct box *b)
{
	xhci_destroy(&b->u.xhci);
}

static int
xhci_state_of(struct box *b, struct state *st)
{
	return (xhci_state(&b->u.xhci, st));
}

static void
xhci_resume_of(struct box *b)
{
	xhci_resume(&b->u.xhci);
}

static int
nvme_make(struct box *b)
{
	const struct nvme_options opt = { .serial = "FUZZ", .queues = 3, .entries = 64 };

	b->pci = &b->u.nvme.pci;
	return (nvme_init(&b->u.nvme, &b->host.gm, &b->disk.be, &opt));
}

static void
nvme_unmake(struct box *b)
{
	nvme_destroy(&b->u.nvme);
}

static int
nvme_state_of(struct box *b, struct state *st)
{
	return (nvme_state(&b->u.nvme, st));
}

static void
nvme_resume_of(struct box *b)
{
	nvme_resume(&b->u.nvme);
}

static int
ahci_make(struct box *b)
{
	const struct ahci_drive drive[2] = { { .kind = AHCI_HD, .backend = &b->disk.be },
		{ .kind = AHCI_CD } };

	b->pci = &b->u.ahci.pci;
	return (ahci_init(&b->u.ahci, &b->host.gm, drive, 2));
}

static void
ahci_unmake(struct box *b)
{
	ahci_destroy(&b->u.ahci);
}

static int
ahci_state_of(struct box *b, struct state *st)
{
	return (ahci_state(&b->u.ahci, st));
}

static void
ahci_resume_of(struct box *b)
{
	ahci_resume(&b->u.ahci);
}

static int
e1000_make(struct box *b)
{
	b->pci = &b->u.e1000.pci;
	return (e1000_init(&b->u.e1000, &b->host.gm, &b->link));
}

static void
e1000_unmake(struct box *b)
{
	e1000_destroy(&b->u.e1000);
}

static int
e1000_state_of(struct box *b, struct state *st)
{
	return (e1000_state(&b->u.e1000, st));
}

static void
e1000_resume_of(struct box *b)
{
	e1000_resume(&b->u.e1000);
}

static const struct kind kinds[] = {
	{ rng_init, rng_destroy, virtio_state_of, virtio_resume_of },
	{ blk_init, blk_destroy, virtio_state_of, virtio_resume_of },
	{ balloon_init, balloon_destroy, virtio_state_of, virtio_resume_of },
	{ input_init, input_destroy, virtio_state_of, virtio_resume_of },
	{ net_init, net_destroy, virtio_state_of, virtio_resume_of },
	{ nvme_make, nvme_unmake, nvme_state_of, nvme_resume_of },
	{ ahci_make, ahci_unmake, ahci_state_of, ahci_resume_of },
	{ e1000_make, e1000_unmake, e1000_state_of, e1000_resume_of },
	{ console_init, console_destroy, virtio_state_of, virtio_resume_of },
	{ xhci_make, xhci_unmake, xhci_state_of, xhci_resume_of },
};

/* --- boxes --- */

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct box *b = ctx;

	fuzz_disk_step(&b->disk, in);
}

static void
box_up(struct box *b, const struct kind *k)
{
	int rc;

	fuzz_host_init(&b->host);
	b->host.own = own;
	b->host.ctx = b;
	fuzz_disk_init(&b->disk);
	b->chr = (struct chardev){ .ops = &chr_ops, .has_peer = true };
	b->link = (struct net_backend){ .ops = &link_ops, .mtu = 1500, .vhost_tap_fd = -1 };
	rc = k->init(b);
	assert(rc == 0);
	(void)rc;
	fuzz_host_attach(&b->host, b->pci);
}

static void
box_down(struct box *b, const struct kind *k)
{
	fuzz_disk_drain(&b->disk);
	k->destroy(b);
	fuzz_disk_fini(&b->disk);
	fuzz_host_fini(&b->host);
}

static int
save(struct box *b, const struct kind *k, uint8_t *stream, size_t *len)
{
	struct state st;

	state_save(&st, "fuzz", stream, ROOM, NULL);
	(void)k->state(b, &st);
	return (state_end(&st, len));
}

static int
load(struct box *b, const struct kind *k, const uint8_t *stream, size_t len)
{
	struct err e = { 0 };
	struct state st;
	size_t n;

	if (state_load(&st, "fuzz", stream, len, &e) == 0)
		(void)k->state(b, &st);
	if (state_end(&st, &n) == 0)
		return (0);
	assert(e.text[0] != '\0');
	return (-1);
}

static void
change(struct fuzz *in, uint8_t *stream, size_t len)
{
	for (unsigned n = fuzz_u8(in) % 16; n > 0; n--) {
		size_t at = fuzz_u16(in);
		uint16_t v = fuzz_u16(in);

		stream[at % len] = (uint8_t)v;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct box one, two;
	static uint8_t stream[ROOM];
	struct fuzz in = { data, size }, changes, first;
	uint8_t how = fuzz_u8(&in);
	const struct kind *k = &kinds[how % NITEMS(kinds)];
	size_t len;

	changes = in;
	for (unsigned n = fuzz_u8(&in) % 16; n > 0; n--)
		(void)fuzz_u32(&in);
	len = fuzz_u8(&in);
	first = (struct fuzz){ in.p, MIN(len, in.left) };
	in.p += first.left;
	in.left -= first.left;
	box_up(&one, k);
	if (one.pci == &one.vp.pci && (how & 0x80) == 0)
		fuzz_virtio_start(&one.vp);
	fuzz_host_run(&one.host, one.pci, &first);
	fuzz_disk_drain(&one.disk);
	if (save(&one, k, stream, &len) == 0) {
		change(&changes, stream, len);
		box_up(&two, k);
		if (load(&two, k, stream, len) == 0) {
			int rc = save(&two, k, stream, &len);

			assert(rc == 0);
			(void)rc;
			k->resume(&two);
			fuzz_host_run(&two.host, two.pci, &in);
		}
		box_down(&two, k);
	}
	box_down(&one, k);
	return (0);
}
