/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be a boot ROM and a variable store, and where they go. Files in memfds; no KVM. */
#include "vmm/boot_rom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"

static struct boot_file
make_file(const char *name, uint64_t size)
{
	struct boot_file f = { .name = name, .size = size, .fd = memfd_create(name, MFD_CLOEXEC) };

	assert_true(f.fd >= 0);
	assert_int_equal(ftruncate(f.fd, (off_t)size), 0);
	return (f);
}

/* Bytes at the end of a ROM, an edk2 header of `said` bytes at the beginning of a store. */
static void
mark(const struct boot_file *f, uint64_t said)
{
	uint8_t h[44] = { 0 };

	le64_put(h + 32, said);
	memcpy(h + 40, "_FVH", 4);
	assert_int_equal(pwrite(f->fd, h, sizeof(h), 0), sizeof(h));
}

static int
load(uint64_t rom_size, uint64_t vars_size, uint64_t said, struct boot_rom *r, struct err *e)
{
	struct boot_file rom = make_file("rom", rom_size), vars = { .fd = -1 };
	int rc;

	assert_int_equal(pwrite(rom.fd, "end", 3, (off_t)rom_size - 3), 3);
	if (vars_size != 0) {
		vars = make_file("vars", vars_size);
		if (said != 0)
			mark(&vars, said);
	}
	err_clear(e);
	rc = boot_rom_load(r, &rom, &vars, e);
	(void)close(rom.fd);
	if (vars.fd >= 0)
		(void)close(vars.fd);
	return (rc);
}

static void
test_load(void **state)
{
	struct boot_rom r;
	struct err e;

	assert_int_equal(load(256 * KIB, 0, 0, &r, &e), 0);
	assert_int_equal(r.rom_base, 0xFFFC0000);
	assert_memory_equal(r.rom + 256 * KIB - 3, "end", 3);
	assert_null(r.vars);
	/* OVMF's sizes: the store lies right below the ROM. */
	assert_int_equal(load(3653632, 540672, 540672, &r, &e), 0);
	assert_int_equal(r.rom_base, 0xFFC84000);
	assert_int_equal(r.vars_base, 0xFFC00000);
	assert_int_equal(le64_get(r.vars + 32), 540672);
	assert_int_equal(load(16 * MIB, 0, 0, &r, &e), 0);
	/* A store that is not edk2's may have any size. */
	assert_int_equal(load(64 * KIB, 12 * KIB, 0, &r, &e), 0);
}

static void
test_refused(void **state)
{
	struct boot_rom r;
	struct err e;

	assert_int_equal(load(4097, 0, 0, &r, &e), -EINVAL);
	assert_int_equal(load(16 * MIB + 4096, 0, 0, &r, &e), -EINVAL);
	assert_int_equal(load(16 * MIB, 4096, 0, &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "16 MiB"));
	assert_int_equal(load(64 * KIB, 4000, 0, &r, &e), -EINVAL);
	/* Cut short, and another ROM's. */
	assert_int_equal(load(3653632, 540672 - 4096, 540672, &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "is damaged"));
	assert_int_equal(load(1966080, 540672, 540672, &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "was not made for"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
