/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of devices/ioapic.c: registers, edges, levels and their ends, destinations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/ioapic.h"

static struct {
	struct ioapic io;
	unsigned sent;
	uint64_t addr;
	uint32_t data, watched[IOAPIC_PINS];
} w;

static void
msi(void *ctx, uint64_t addr, uint32_t data)
{
	assert_ptr_equal(ctx, &w);
	w.sent++;
	w.addr = addr;
	w.data = data;
}

static void
watch(void *ctx, unsigned pin, uint64_t addr, uint32_t data)
{
	(void)ctx;
	(void)addr;
	assert_true(pin < IOAPIC_PINS);
	w.watched[pin] = data;
}

static int
setup(void **state)
{
	const struct ioapic_ops ops = { .msi = msi, .watch = watch, .ctx = &w };

	(void)state;
	memset(&w, 0, sizeof(w));
	ioapic_init(&w.io, &ops);
	return (0);
}

static void
reg_write(unsigned index, uint32_t v)
{
	ioapic_ops.write(&w.io, 0, 4, index);
	ioapic_ops.write(&w.io, 0x10, 4, v);
}

static uint32_t
reg_read(unsigned index)
{
	ioapic_ops.write(&w.io, 0, 4, index);
	return ((uint32_t)ioapic_ops.read(&w.io, 0x10, 4));
}

static void
entry(unsigned pin, uint64_t v)
{
	reg_write(0x11 + 2 * pin, (uint32_t)(v >> 32));
	reg_write(0x10 + 2 * pin, (uint32_t)v);
}

static void
test_registers(void **state)
{
	(void)state;
	assert_int_equal(reg_read(1), 0x170020);
	assert_int_equal(reg_read(0x10), 0x10000); /* masked */
	reg_write(0, 0xff000000);
	assert_int_equal(reg_read(0), 0x0f000000);
	reg_write(0x10, ~0u);
	reg_write(0x11, ~0u);
	assert_int_equal(reg_read(0x10), 0x1afff); /* status and remote IRR are not to be written */
	assert_int_equal(reg_read(0x11), 0xfffe0000);
	assert_int_equal(reg_read(0x10 + 2 * IOAPIC_PINS), ~0u);
	for (unsigned off = 0; off < IOAPIC_LEN - 8; off++) { /* nothing else reacts or breaks */
		for (unsigned size = 1; size <= 8; size *= 2) {
			(void)ioapic_ops.read(&w.io, off, size);
			if (off >= 0x41)
				ioapic_ops.write(&w.io, off, size, ~0ull);
		}
	}
	ioapic_reset(&w.io);
	assert_int_equal(reg_read(0x11), 0);
	assert_int_equal(w.sent, 0);
}

static void
test_edge(void **state)
{
	(void)state;
	ioapic_set(&w.io, 4, true); /* masked: lost */
	ioapic_set(&w.io, 4, false);
	entry(4, 0x30);
	assert_int_equal(w.sent, 0);
	ioapic_set(&w.io, 4, true);
	ioapic_set(&w.io, 4, true);
	assert_int_equal(w.sent, 1);
	assert_int_equal(w.data, 0x4030);
	assert_int_equal(w.addr, 0xfee00000);
	assert_int_equal(w.watched[4], 0);
	ioapic_set(&w.io, 4, false);
	ioapic_set(&w.io, 4, true);
	assert_int_equal(w.sent, 2);
	entry(5, 0x731); /* ExtINT: there is no 8259 */
	ioapic_set(&w.io, 5, true);
	ioapic_set(&w.io, IOAPIC_PINS, true);
	ioapic_set(&w.io, 4000000, true);
	assert_int_equal(w.sent, 2);
}

static void
test_level(void **state)
{
	(void)state;
	entry(16, 0x8040);
	assert_int_equal(w.watched[16], 0xc040);
	ioapic_set(&w.io, 16, true);
	assert_int_equal(w.sent, 1);
	assert_true((reg_read(0x10 + 32) & 1u << 14) != 0); /* remote IRR */
	ioapic_eoi(&w.io, 0x41);
	assert_int_equal(w.sent, 1);
	ioapic_eoi(&w.io, 0x40); /* the line is still up */
	assert_int_equal(w.sent, 2);
	ioapic_set(&w.io, 16, false);
	ioapic_ops.write(&w.io, 0x40, 4, 0x40); /* EOI register */
	assert_int_equal(w.sent, 2);
	assert_int_equal(reg_read(0x10 + 32), 0x8040);
	ioapic_set(&w.io, 16, true);
	assert_int_equal(w.sent, 3);
	/* Masked before its end, its end is told; a line that is up fires when unmasked. */
	reg_write(0x10 + 32, 0x18040);
	assert_int_equal(w.watched[16], 0xc040);
	ioapic_eoi(&w.io, 0x40);
	assert_int_equal(w.sent, 3);
	reg_write(0x10 + 32, 0x8040);
	assert_int_equal(w.sent, 4);
	/* Through edge and back, as drivers do where there is no EOI register. */
	reg_write(0x10 + 32, 0x10040);
	assert_int_equal(w.watched[16], 0);
	reg_write(0x10 + 32, 0x8040);
	assert_int_equal(w.sent, 5);
}

static void
test_destinations(void **state)
{
	(void)state;
	entry(3, 0x0200000000000033ull | 1ull << 57 | 1ull << 11);
	ioapic_set(&w.io, 3, true);
	assert_int_equal(w.addr, 0xfee02004);
	entry(7, (uint64_t)(1023 & 0xff) << 56 | (uint64_t)(1023 >> 8) << 49 | 0x34);
	ioapic_set(&w.io, 7, true);
	assert_true(w.addr == (0xfee00000ull | 0xffull << 12 | 3ull << 40));
	assert_int_equal(w.data, 0x4034);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_edge, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_destinations, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
