/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-input: configuration, and events while the driver does as it likes. */
#include <assert.h>

#include "devices/virtio/input.h"
#include "fuzz_host.h"

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	const struct input_sink *s = ctx;
	struct input_pointer p = { .buttons = fuzz_u8(in) & 7 };

	if (s->key != NULL)
		s->key(s->dev, fuzz_u8(in), (p.buttons & 1) != 0);
	else
		s->pointer(s->dev, &p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct virtio_input dev;
	struct input_sink sink;
	struct virtio_pci vp;
	struct fuzz_host h;
	uint8_t first;
	int rc;

	fuzz_host_init(&h);
	first = fuzz_u8(&in);
	rc = virtio_input_init(&dev, &h.gm, (enum virtio_input_kind)(first >> 1 & 1));
	assert(rc == 0);
	virtio_input_sink(&dev, &sink);
	h.own = own;
	h.ctx = &sink;
	rc = virtio_pci_init(&vp, &dev.vd);
	assert(rc == 0);
	fuzz_host_attach(&h, &vp.pci);
	if ((first & 1) != 0)
		fuzz_virtio_start(&vp);
	fuzz_host_run(&h, &vp.pci, &in);
	fuzz_host_fini(&h);
	virtio_pci_destroy(&vp);
	virtio_input_destroy(&dev);
	return (0);
}
