/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flash chip: what OVMF's driver does and what CFI says, when the array is stored, sequences
 * that go wrong, a file that cannot be written.
 */
#include "devices/pflash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"

#define LEN (3 * PFLASH_BLOCK)

static uint8_t mem[LEN], stored[LEN];
static struct pflash f;
static unsigned stores, mode_changes;
static bool array;
static int store_result;

static void
on_mode(void *ctx, bool on)
{
	assert_true(on != array);
	array = on;
	mode_changes++;
}

static int
on_store(void *ctx, uint32_t off, uint32_t len)
{
	stores++;
	assert_true(len != 0 && range_ok(off, len, LEN));
	/* Never more than a block waits. */
	assert_int_equal(off / PFLASH_BLOCK, (off + len - 1) / PFLASH_BLOCK);
	if (store_result == 0)
		memcpy(stored + off, mem + off, len);
	return (store_result);
}

static int
setup(void **state)
{
	const struct pflash_ops ops = { on_mode, on_store, NULL };

	memset(mem, 'm', LEN);
	memset(stored, 'm', LEN);
	stores = mode_changes = 0;
	array = true;
	store_result = 0;
	pflash_init(&f, mem, LEN, &ops);
	return (0);
}

static void
put(uint32_t off, uint8_t v)
{
	pflash_bus_ops.write(&f, off, 1, v);
}

static uint8_t
get(uint32_t off)
{
	return ((uint8_t)pflash_bus_ops.read(&f, off, 1));
}

static void
test_detection(void **state)
{
	assert_int_equal(get(5), 'm');
	put(5, 0x50);
	assert_int_equal(get(5), 'm');
	put(5, 0x70);
	assert_int_equal(get(5), 0);
	assert_false(array);
	put(5, 0xff);
	assert_true(array);
	assert_int_equal(get(5), 'm');
	assert_int_equal(pflash_bus_ops.read(&f, 8, 8), 0x6d6d6d6d6d6d6d6d);
	assert_int_equal(stores, 0);
}

static void
test_program(void **state)
{
	for (uint32_t i = 0; i < 4; i++) {
		put(PFLASH_BLOCK - 2 + i, 0x10);
		put(PFLASH_BLOCK - 2 + i, (uint8_t)i);
		assert_int_equal(get(0), 0x80);
	}
	assert_int_equal(stores, 1); /* the first block, when the second was begun */
	put(0, 0xff);
	assert_int_equal(stores, 2);
	assert_int_equal(mode_changes, 2);
	assert_memory_equal(mem, stored, LEN);
	assert_memory_equal(mem + PFLASH_BLOCK - 3, "m\0\1\2\3m", 6);
	/* Several bytes at once, across the border. */
	put(0, 0x40);
	pflash_bus_ops.write(&f, 2 * PFLASH_BLOCK - 2, 4, 0x44434241);
	put(0, 0xff);
	assert_memory_equal(stored + 2 * PFLASH_BLOCK - 2, "ABCD", 4);
	assert_memory_equal(mem, stored, LEN);
}

static void
test_erase(void **state)
{
	put(PFLASH_BLOCK + 77, 0x20);
	put(PFLASH_BLOCK + 77, 0xd0);
	assert_int_equal(get(0), 0x80);
	assert_int_equal(stores, 1); /* at once */
	assert_int_equal(stored[PFLASH_BLOCK - 1], 'm');
	assert_int_equal(stored[PFLASH_BLOCK], 0xff);
	assert_int_equal(stored[2 * PFLASH_BLOCK - 1], 0xff);
	assert_int_equal(stored[2 * PFLASH_BLOCK], 'm');
	/* Not confirmed: nothing happens but two error bits. */
	put(0, 0x20);
	put(0, 0x10);
	assert_int_equal(get(0), 0xb0);
	assert_int_equal(mem[0], 'm');
	put(0, 0x50);
	put(0, 0x70);
	assert_int_equal(get(0), 0);
}

static void
test_buffer(void **state)
{
	put(0, 0xe8);
	assert_int_equal(get(0) & 0x80, 0x80);
	put(0, 3); /* four bytes */
	put(100, 'a');
	put(101, 'b');
	pflash_bus_ops.write(&f, 102, 2, 0x6463);
	assert_int_equal(mem[100], 'm');
	put(100, 0xd0);
	assert_memory_equal(mem + 100, "abcdm", 5);
	put(0, 0xff);
	assert_memory_equal(stored, mem, LEN);
	/* A gap, one byte too many, no confirmation. */
	put(0, 0xe8);
	put(0, 3);
	put(200, 'a');
	put(202, 'b');
	assert_int_equal(get(0), 0xb0);
	put(0, 0xe8);
	put(0, 0);
	pflash_bus_ops.write(&f, 200, 2, 0);
	assert_int_equal(get(0), 0xb0);
	put(0, 0xe8);
	put(0, 0);
	put(200, 'a');
	put(200, 0xff);
	assert_int_equal(get(0), 0xb0);
	/* The whole buffer at the chip's end. */
	put(0, 0xe8);
	put(0, 255);
	for (uint32_t i = 0; i < PFLASH_BUFFER; i++)
		put(LEN - PFLASH_BUFFER + i, (uint8_t)i);
	put(0, 0xd0);
	put(0, 0xff);
	assert_int_equal(mem[200], 'm');
	assert_int_equal(stored[LEN - 1], 255);
	assert_memory_equal(stored, mem, LEN);
}

static void
test_identity(void **state)
{
	put(0, 0x90);
	assert_int_equal(get(0), 0x89);
	assert_int_equal(get(1), 0x18);
	put(0, 0x98);
	assert_int_equal(get(0x10), 'Q');
	assert_int_equal(get(0x11), 'R');
	assert_int_equal(get(0x12), 'Y');
	assert_int_equal(get(0x13), 1);
	assert_int_equal(get(0x27), 14); /* 12 KiB lie within 16 KiB */
	assert_int_equal(get(0x2d) | get(0x2e) << 8, 2);
	assert_int_equal((get(0x2f) | get(0x30) << 8) * 256, PFLASH_BLOCK);
	assert_int_equal(get(LEN - 1), 0);
	put(0, 0x60);
	put(0, 0xd0);
	assert_int_equal(get(0), 0x80);
	put(0, 0x60);
	put(0, 0x33);
	assert_int_equal(get(0), 0xb0);
	put(0, 0x33); /* unknown: back to the array */
	assert_int_equal(get(0), 'm');
	assert_true(array);
}

static void
test_disk_full(void **state)
{
	store_result = -ENOSPC;
	put(0, 0x10);
	put(0, 1);
	put(0, 0xff);
	put(0, 0x70);
	assert_int_equal(get(0), 0x90);
	put(0, 0x20);
	put(0, 0xd0);
	assert_int_equal(get(0), 0xb0);
	put(0, 0x50);
	put(0, 0x70);
	assert_int_equal(get(0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_detection, setup),
		cmocka_unit_test_setup(test_program, setup),
		cmocka_unit_test_setup(test_erase, setup),
		cmocka_unit_test_setup(test_buffer, setup),
		cmocka_unit_test_setup(test_identity, setup),
		cmocka_unit_test_setup(test_disk_full, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
