/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot ROM's guest reaches: fw_cfg by port and DMA, the flash chip of the variable store.
 * A store may fail; the chip must never change what was not programmed or erased, nor be out of
 * step with the file when it is in array mode and nothing failed.
 */
#include <assert.h>
#include <errno.h>

#include "devices/fwcfg.h"
#include "devices/pflash.h"
#include "fuzz_host.h"

#define VARS (2 * PFLASH_BLOCK)

struct store {
	uint8_t mem[VARS], file[VARS];
	bool array, fail, failed;
};

static void
array_mode(void *ctx, bool on)
{
	struct store *s = ctx;

	assert(s->array != on);
	s->array = on;
	assert(!on || s->failed || memcmp(s->mem, s->file, VARS) == 0);
}

static int
store(void *ctx, uint32_t off, uint32_t len)
{
	struct store *s = ctx;

	assert(len != 0 && off < VARS && len <= VARS - off);
	if (s->fail) {
		s->failed = true;
		return (-ENOSPC);
	}
	memcpy(s->file + off, s->mem + off, len);
	return (0);
}

static void
step(struct fuzz *in, struct fwcfg *fw, struct pflash *flash, struct store *s, struct gmem *gm)
{
	unsigned op = fuzz_u8(in), bytes = 1u << (op >> 4) % 4;
	uint32_t off;
	uint8_t buf[32];

	switch (op % 8) {
	case 0:
	case 1:
		off = fuzz_u8(in) % FWCFG_PORT_LEN;
		bytes = bytes == 8 || off + bytes > FWCFG_PORT_LEN ? 1 : bytes;
		if ((op & 1) != 0)
			fwcfg_ops.write(fw, off, bytes, fuzz_value(in, bytes));
		else
			(void)fwcfg_ops.read(fw, off, bytes);
		break;
	case 2: /* a request, and the word that starts it */
		(void)fuzz_bytes(in, buf, sizeof(buf));
		(void)gmem_write(gm, fuzz_u16(in), buf, sizeof(buf));
		fwcfg_ops.write(fw, 8, 4, fuzz_u32(in));
		break;
	case 3:
		s->fail = (op & 0x80) != 0;
		break;
	default:
		off = fuzz_u16(in) % VARS;
		bytes = off + bytes > VARS ? 1 : bytes;
		if ((op & 1) != 0)
			pflash_bus_ops.write(flash, off, bytes, fuzz_value(in, bytes));
		else
			(void)pflash_bus_ops.read(flash, off, bytes);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store s;
	const struct pflash_ops ops = { array_mode, store, &s };
	struct fuzz in = { data, size };
	struct fuzz_host h;
	struct pflash flash;
	struct fwcfg fw;

	fuzz_host_init(&h);
	s = (struct store){ .array = true };
	pflash_init(&flash, s.mem, VARS, &ops);
	fwcfg_init(&fw, &h.gm);
	(void)fwcfg_add_number(&fw, FWCFG_NB_CPUS, 2, 2);
	(void)fwcfg_add_file(&fw, "opt/one", "some bytes", 10);
	(void)fwcfg_add_file(&fw, "opt/empty", "", 0);
	while (in.left > 0)
		step(&in, &fw, &flash, &s, &h.gm);
	fuzz_host_fini(&h);
	return (0);
}
