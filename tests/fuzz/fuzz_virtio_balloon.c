/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio balloon: memory that is discarded is zeroed here, and lies in RAM. */
#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "devices/virtio/balloon.h"
#include "fuzz_host.h"

static int
discard(void *ctx, void *p, size_t len)
{
	const struct gmem *gm = ctx;
	uint64_t at = (uint64_t)((uint8_t *)p - gm->range[0].hva);

	assert(len > 0 && len % 4096 == 0 && range_ok(at, len, FUZZ_RAM));
	memset(p, 0, len);
	return (0);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct virtio_balloon *b = ctx;

	virtio_balloon_set_target(b, fuzz_u32(in));
	virtio_balloon_ask_stats(b);
	assert(virtio_balloon_memory(b) <= FUZZ_RAM);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct virtio_balloon b;
	struct virtio_pci vp;
	struct fuzz_host h;
	uint8_t *page;
	int rc;

	fuzz_host_init(&h);
	/* Discarding works on pages of the host. */
	free(h.gm.range[0].hva);
	page = aligned_alloc(4096, FUZZ_RAM);
	assert(page != NULL);
	memset(page, 0, FUZZ_RAM);
	gmem_wrap(&h.gm, page, FUZZ_RAM);
	rc = virtio_balloon_init(&b, &h.gm, discard, &h.gm);
	assert(rc == 0);
	rc = virtio_pci_init(&vp, &b.vd);
	assert(rc == 0);
	fuzz_host_attach(&h, &vp.pci);
	h.own = own;
	h.ctx = &b;
	if ((fuzz_u8(&in) & 1) != 0)
		fuzz_virtio_start(&vp);
	fuzz_host_run(&h, &vp.pci, &in);
	fuzz_host_fini(&h);
	virtio_pci_destroy(&vp);
	virtio_balloon_destroy(&b);
	return (0);
}
