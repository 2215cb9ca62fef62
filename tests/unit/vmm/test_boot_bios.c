/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel that a BIOS starts: which can be, and where the initrd goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "vmm/boot.h"

static uint8_t setup[1024];
static struct boot_bios b;

static int
make(void **state)
{
	memset(setup, 0, sizeof(setup));
	memcpy(setup + 0x202, "HdrS", 4);
	le16_put(setup + 0x206, 0x20f);
	setup[0x211] = 1;
	le32_put(setup + 0x22c, 0x7fffffff);
	le32_put(setup + 0x260, 0x2000000);
	b = (struct boot_bios){ setup, sizeof(setup), 0x800000, 100, 0x10001, 0x20000000 };
	return (0);
}

static uint32_t
placed(void)
{
	uint32_t addr = 1;

	assert_true(boot_bios_place(&b, &addr));
	return (addr);
}

static bool
can(void)
{
	uint32_t addr;

	return (boot_bios_place(&b, &addr));
}

static void
initrd(void **state)
{
	/* Below what the BIOS keeps, on a page. */
	assert_int_equal(placed(), 0x20000000 - 0x100000 - 0x11000);
	b.initrd_len = 0;
	assert_int_equal(placed(), 0);
	/* Not above what the kernel can reach, by its own word or an old one's rule. */
	b.initrd_len = 4096;
	b.lowmem = 0xc0000000;
	assert_int_equal(placed(), 0x7ffff000);
	le16_put(setup + 0x206, 0x202);
	assert_int_equal(placed(), 0x37fff000);
}

static void
room(void **state)
{
	/* The kernel unpacks itself to init_size bytes. */
	b.lowmem = 0x100000 + 0x2000000 + 0x11000 + 0x100000;
	assert_int_equal(placed(), 0x2100000);
	b.lowmem -= 0x1000;
	assert_false(can());
	le32_put(setup + 0x260, 0);
	assert_true(can());
	b.kernel_len = UINT32_MAX;
	assert_false(can());
	b.kernel_len = 0x800000;
	b.initrd_len = UINT32_MAX;
	assert_false(can());
	b.initrd_len = 0;
	b.lowmem = 0x80000;
	assert_false(can());
}

static void
kernels(void **state)
{
	b.cmdline_len = 0x10001;
	assert_false(can());
	b.cmdline_len = 0x10000;
	assert_true(can());
	b.setup_len = 0x8001;
	assert_false(can());
	b.setup_len = 0x200;
	assert_false(can());
	b.setup_len = sizeof(setup);
	setup[0x211] = 0; /* a zImage */
	assert_false(can());
	setup[0x211] = 1;
	le16_put(setup + 0x206, 0x201);
	assert_false(can());
	le16_put(setup + 0x206, 0x20f);
	setup[0x202] = 'h';
	assert_false(can());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(initrd, make),
		cmocka_unit_test_setup(room, make),
		cmocka_unit_test_setup(kernels, make),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
