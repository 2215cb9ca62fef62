/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rnd behind virtio over PCI: the smallest virtio device, so mostly transport and queue. */
#include <assert.h>

#include "devices/virtio/rng.h"
#include "fuzz_host.h"

static long
fill(void *ctx, void *buf, size_t len)
{
	memset(buf, 0x5a, len);
	return ((long)len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct virtio_rng rng;
	struct virtio_pci vp;
	struct fuzz_host h;
	int rc;

	fuzz_host_init(&h);
	rc = virtio_rng_init(&rng, &h.gm, fill, NULL);
	assert(rc == 0);
	rc = virtio_pci_init(&vp, &rng.vd);
	assert(rc == 0);
	fuzz_host_attach(&h, &vp.pci);
	if ((fuzz_u8(&in) & 1) != 0)
		fuzz_virtio_start(&vp);
	fuzz_host_run(&h, &vp.pci, &in);
	fuzz_host_fini(&h);
	virtio_pci_destroy(&vp);
	virtio_rng_destroy(&rng);
	return (0);
}
