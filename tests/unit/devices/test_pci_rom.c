/* SPDX-License-Identifier: BSD-2-Clause */
/* Expansion ROMs get another device's ids, and nothing is read or written outside them. */
#include "devices/pci_rom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"

#define LEN 1024u

static uint8_t rom[LEN];

static int
setup(void **state)
{
	memset(rom, 0x11, LEN);
	rom[0] = 0x55;
	rom[1] = 0xAA;
	rom[2] = 2;
	le16_put(rom + 0x18, 0x40);
	memcpy(rom + 0x40, "PCIR", 4);
	rom[0x40 + 0x14] = 0;
	return (0);
}

static uint8_t
sum(size_t len)
{
	uint8_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += rom[i];
	return (s);
}

static void
test_adopt(void **state)
{
	assert_int_equal(pci_rom_adopt(rom, LEN, 0x1af4, 0x1041), 0);
	assert_int_equal(le16_get(rom + 0x44), 0x1af4);
	assert_int_equal(le16_get(rom + 0x46), 0x1041);
	assert_int_equal(sum(LEN), 0);
	/* Again: nothing more to do. */
	assert_int_equal(pci_rom_adopt(rom, LEN, 0x1af4, 0x1041), 0);
	assert_int_equal(sum(LEN), 0);
	/* UEFI's. */
	rom[0x40 + 0x14] = 3;
	rom[2] = 200;
	assert_int_equal(pci_rom_adopt(rom, LEN, 0x8086, 0x100f), 0);
	assert_int_equal(le16_get(rom + 0x46), 0x100f);
}

static void
test_refused(void **state)
{
	assert_int_equal(pci_rom_adopt(rom, 25, 1, 2), -EINVAL);
	rom[2] = 3; /* longer than the file */
	assert_int_equal(pci_rom_adopt(rom, LEN, 1, 2), -EINVAL);
	rom[2] = 2;
	le16_put(rom + 0x18, LEN - 0x17);
	assert_int_equal(pci_rom_adopt(rom, LEN, 1, 2), -EINVAL);
	le16_put(rom + 0x18, 0x41);
	assert_int_equal(pci_rom_adopt(rom, LEN, 1, 2), -EINVAL);
	rom[0] = 0;
	assert_int_equal(pci_rom_adopt(rom, LEN, 1, 2), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_adopt, setup),
		cmocka_unit_test_setup(test_refused, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
