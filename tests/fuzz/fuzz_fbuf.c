/* SPDX-License-Identifier: BSD-2-Clause */
/* The display's registers: whatever is written, the mode it tells lies within the framebuffer. */
#include "devices/fbuf.h"

#include <assert.h>
#include <stdlib.h>

#include "fuzz_host.h"

#define ROM_LEN 4096

static void
on_mode(void *ctx, const struct fbuf_mode *m)
{
	const uint8_t *vram = *(uint8_t **)ctx;

	if (m->width == 0)
		return;
	assert(m->width <= FBUF_MAX_WIDTH && m->height <= FBUF_MAX_HEIGHT);
	assert(m->stride >= 4 * m->width && (m->offset & 3) == 0);
	assert(
	    m->offset + (uint64_t)m->stride * (m->height - 1) + 4ull * m->width <= FBUF_VRAM_MIN);
	/* For the sanitizer: first and last pixel. */
	assert(vram[m->offset] <= 0xff);
	assert(vram[m->offset + m->stride * (m->height - 1) + 4 * m->width - 1] <= 0xff);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *vram;
	static const uint8_t rom[ROM_LEN] = { 0x55, 0xaa, 1 };
	struct fuzz in = { data, size };
	struct fuzz_host h;
	struct fbuf f;
	int rc;

	if (vram == NULL)
		vram = calloc(1, FBUF_VRAM_MIN); /* kept: the pages touched are few */
	fuzz_host_init(&h);
	rc = fbuf_init(&f, vram, FBUF_VRAM_MIN, 1024, 768, on_mode, &vram);
	assert(rc == 0);
	rc = pci_add_rom(&f.pci, rom, ROM_LEN);
	assert(rc == 0);
	(void)rc;
	fuzz_host_attach(&h, &f.pci);
	fuzz_host_run(&h, (fuzz_u8(&in) & 1) != 0 ? NULL : &f.pci, &in);
	fuzz_host_fini(&h);
	pci_dev_fini(&f.pci);
	return (0);
}
