/* SPDX-License-Identifier: BSD-2-Clause */
/* The display's registers, and the bounds of what a guest can make of them. */
#include "devices/fbuf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/pci_regs.h"

#define VRAM FBUF_VRAM_MIN

static uint8_t *vram;
static struct fbuf fb;
static struct fbuf_mode seen;
static unsigned changes;

static void
on_mode(void *ctx, const struct fbuf_mode *mode)
{
	(void)ctx;
	seen = *mode;
	changes++;
}

static int
setup(void **state)
{
	(void)state;
	changes = 0;
	memset(&seen, 0, sizeof(seen));
	if (vram == NULL)
		vram = calloc(1, VRAM);
	assert_non_null(vram);
	return (fbuf_init(&fb, vram, VRAM, 1024, 768, on_mode, NULL));
}

static int
teardown_all(void **state)
{
	(void)state;
	free(vram);
	return (0);
}

static uint64_t
rd(uint64_t off, unsigned size)
{
	return (fb.pci.ops->bar_read(&fb.pci, FBUF_REGS_BAR, off, size));
}

static void
wr(enum fbuf_dispi reg, uint16_t val)
{
	fb.pci.ops->bar_write(&fb.pci, FBUF_REGS_BAR, FBUF_REG_DISPI + 2 * reg, 2, val);
}

static uint16_t
dispi(enum fbuf_dispi reg)
{
	return ((uint16_t)rd(FBUF_REG_DISPI + 2 * reg, 2));
}

static void
set_mode(uint16_t w, uint16_t h)
{
	wr(DISPI_ENABLE, 0);
	wr(DISPI_XRES, w);
	wr(DISPI_YRES, h);
	wr(DISPI_BPP, 32);
	wr(DISPI_VIRT_WIDTH, w);
	wr(DISPI_X_OFFSET, 0);
	wr(DISPI_Y_OFFSET, 0);
	wr(DISPI_ENABLE, DISPI_ENABLED | 0x40);
}

static void
test_identity(void **state)
{
	(void)state;
	assert_int_equal(dispi(DISPI_ID), DISPI_ID5);
	wr(DISPI_ID, 0xb0c0);
	assert_int_equal(dispi(DISPI_ID), DISPI_ID5);
	assert_int_equal(dispi(DISPI_MEMORY_64K), VRAM >> 16);
	wr(DISPI_MEMORY_64K, 0xffff);
	assert_int_equal(dispi(DISPI_MEMORY_64K), VRAM >> 16);
	wr(DISPI_ENABLE, DISPI_GETCAPS);
	assert_int_equal(dispi(DISPI_XRES), FBUF_MAX_WIDTH);
	assert_int_equal(dispi(DISPI_YRES), FBUF_MAX_HEIGHT);
	assert_int_equal(dispi(DISPI_BPP), 32);
	assert_int_equal(rd(FBUF_REG_EXT, 4), 8);
	assert_int_equal(rd(FBUF_REG_EXT + 4, 4), 0x1e1e1e1e);
	assert_int_equal(fb.pci.cfg[PCIR_CLASS + 2], 3);
}

static void
test_mode(void **state)
{
	(void)state;
	set_mode(800, 600);
	assert_int_equal(seen.width, 800);
	assert_int_equal(seen.height, 600);
	assert_int_equal(seen.stride, 3200);
	assert_int_equal(changes, 1);
	wr(DISPI_XRES, 800);
	assert_int_equal(changes, 1);
	/* A second page below the first. */
	wr(DISPI_Y_OFFSET, 600);
	assert_int_equal(seen.offset, 600 * 3200);
	wr(DISPI_VIRT_WIDTH, 1024);
	assert_int_equal(seen.stride, 4096);
	assert_int_equal(dispi(DISPI_VIRT_HEIGHT), VRAM / 4096);
	wr(DISPI_ENABLE, 0);
	assert_int_equal(seen.width, 0);
	/* A reset takes the picture away. */
	wr(DISPI_ENABLE, 1);
	assert_int_equal(seen.width, 800);
	fb.pci.ops->reset(&fb.pci);
	assert_int_equal(seen.width, 0);
	assert_int_equal(dispi(DISPI_XRES), 0);
}

static void
test_modes_that_do_not_fit(void **state)
{
	(void)state;
	set_mode(3840, 2160); /* 32 MiB */
	assert_int_equal(seen.width, 0);
	set_mode(63, 600);
	assert_int_equal(seen.width, 0);
	set_mode(0xffff, 0xffff);
	assert_int_equal(seen.width, 0);
	set_mode(1024, 768);
	assert_int_equal(seen.width, 1024);
	wr(DISPI_BPP, 8);
	assert_int_equal(seen.width, 0);
	wr(DISPI_BPP, 32);
	wr(DISPI_Y_OFFSET, VRAM / 4096 - 768);
	assert_int_equal(seen.width, 1024);
	wr(DISPI_X_OFFSET, 1);
	assert_int_equal(seen.width, 0);
	wr(DISPI_X_OFFSET, 0xffff);
	wr(DISPI_Y_OFFSET, 0xffff);
	wr(DISPI_VIRT_WIDTH, 0xffff);
	assert_int_equal(seen.width, 0);
}

static void
test_crooked_accesses(void **state)
{
	(void)state;
	set_mode(640, 480);
	assert_int_equal(rd(FBUF_REG_DISPI + 2, 4), 640 | 480 << 16);
	assert_int_equal(rd(FBUF_REG_DISPI + 3, 1), 640 >> 8);
	assert_int_equal(rd(FBUF_REG_DISPI, 8), 0);
	assert_int_equal(rd(FBUF_REG_EXT - 1, 4), 0);
	assert_int_equal(rd(0x3fc, 8), 0);
	assert_int_equal(rd(EDID_LEN - 1, 4), 0);
	for (uint64_t off = 0; off < FBUF_REGS_LEN; off++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			(void)rd(off, size);
			fb.pci.ops->bar_write(&fb.pci, FBUF_REGS_BAR, off, size, UINT64_MAX);
		}
	}
	assert_int_equal(seen.width, 0);
	assert_true(fb.pci.ops->bar_read(&fb.pci, 0, 0, 4) == UINT64_MAX);
}

static void
test_sizes(void **state)
{
	(void)state;
	assert_int_equal(fbuf_vram_size(1024, 768), 16 << 20);
	assert_int_equal(fbuf_vram_size(3840, 2160), 32 << 20);
	assert_int_equal(fbuf_init(&fb, vram, VRAM, 3840, 2160, NULL, NULL), -EINVAL);
	assert_int_equal(fbuf_init(&fb, vram, VRAM, 639, 480, NULL, NULL), -EINVAL);
	assert_int_equal(fbuf_init(&fb, vram, VRAM, 640, 2161, NULL, NULL), -EINVAL);
}

static void
test_edid(void **state)
{
	static const uint8_t head[] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	uint8_t sum = 0;

	(void)state;
	assert_int_equal(rd(0, 8), 0x00ffffffffffff00);
	assert_memory_equal(fb.edid, head, sizeof(head));
	for (unsigned i = 0; i < EDID_LEN; i++)
		sum = (uint8_t)(sum + fb.edid[i]);
	assert_int_equal(sum, 0);
	assert_int_equal(fb.edid[56] | (fb.edid[58] & 0xf0) << 4, 1024);
	assert_int_equal(fb.edid[59] | (fb.edid[61] & 0xf0) << 4, 768);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_identity, setup),
		cmocka_unit_test_setup(test_mode, setup),
		cmocka_unit_test_setup(test_modes_that_do_not_fit, setup),
		cmocka_unit_test_setup(test_crooked_accesses, setup),
		cmocka_unit_test_setup(test_sizes, setup),
		cmocka_unit_test_setup(test_edid, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, teardown_all));
}
