/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk with its disk: requests of every kind, several queues, completions in any order and
 * with errors, resets and other sizes while requests are in flight.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/virtio/blk.h"
#include "fuzz_host.h"

struct target {
	struct virtio_blk blk;
	struct virtio_pci vp;
	struct fuzz_disk disk;
	struct fuzz_host host;
	uint16_t avail;
};

/*
 * A request in queue 0 as fuzz_virtio_start laid it out: header, data and status in descriptors
 * that the input may have changed since.
 */
static void
request(struct target *t, struct fuzz *in)
{
	const uint64_t desc = 4096, avail = desc + 256, at = 0x8000;
	uint8_t type = fuzz_u8(in), raw[16] = { 0 };
	bool to_guest = (type & 1) == 0;

	le32_put(raw, type & 15);
	le64_put(raw + 8, fuzz_u16(in));
	(void)gmem_write(&t->host.gm, at, raw, 16);
	for (unsigned i = 0; i < 3; i++) {
		le64_put(raw, i == 0 ? at : i == 1 ? at + 0x1000 : at + 0x800);
		le32_put(raw + 8, i == 1 ? fuzz_u16(in) : i == 0 ? 16 : 1);
		le16_put(raw + 12, i == 0 ? 1 : i == 1 ? (to_guest ? 3 : 1) : 2);
		le16_put(raw + 14, (uint16_t)(i + 1));
		(void)gmem_write(&t->host.gm, desc + i * 16, raw, 16);
	}
	(void)gmem_store16(&t->host.gm, avail + 4 + 2 * (t->avail % 16), 0);
	(void)gmem_store16(&t->host.gm, avail + 2, ++t->avail);
	virtio_pci_notify_queue(&t->vp, 0);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct target *t = ctx;

	uint8_t what = fuzz_u8(in);

	switch (what % 4) {
	case 0:
	case 1:
		fuzz_disk_step(&t->disk, in);
		break;
	case 2:
		request(t, in);
		break;
	default:
		if (what >= 0xf0) {
			pci_reset(h->pci);
			break;
		}
		fuzz_disk_resize(&t->disk, in);
		virtio_blk_resized(&t->blk);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct target t;
	struct fuzz in = { data, size };
	uint8_t how = fuzz_u8(&in);
	int rc;

	fuzz_host_init(&t.host);
	t.host.own = own;
	t.host.ctx = &t;
	t.avail = 0;
	fuzz_disk_init(&t.disk);
	fuzz_disk_kind(&t.disk, how);
	rc = virtio_blk_init(&t.blk, &t.host.gm, &t.disk.be, "FUZZ", 1 + (how >> 4) % 3);
	assert(rc == 0);
	rc = virtio_pci_init(&t.vp, &t.blk.vd);
	assert(rc == 0);
	fuzz_host_attach(&t.host, &t.vp.pci);
	if ((how & 1) != 0)
		fuzz_virtio_start(&t.vp);
	fuzz_host_run(&t.host, &t.vp.pci, &in);
	fuzz_disk_drain(&t.disk);
	virtio_pci_destroy(&t.vp);
	virtio_blk_destroy(&t.blk); /* asserts that nothing is in flight */
	fuzz_disk_fini(&t.disk);
	fuzz_host_fini(&t.host);
	return (0);
}
