/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot ROMs by name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "zone/bootrom.h"

static void
names(void **state)
{
	struct bootrom a, b;

	assert_int_equal(bootrom_get("uefi", &a, NULL), 0);
	assert_string_equal(a.rom, "/usr/share/OVMF/OVMF_CODE_4M.fd");
	assert_string_equal(a.vars, "/usr/share/OVMF/OVMF_VARS_4M.fd");
	assert_string_equal(a.package, "ovmf");
	/* A configuration of SmartOS names the same by a path. */
	assert_int_equal(bootrom_get("/usr/share/bhyve/uefi-rom.bin", &b, NULL), 0);
	assert_string_equal(b.rom, a.rom);
	assert_int_equal(bootrom_get("bios", &a, NULL), 0);
	assert_string_equal(a.rom, "/usr/share/seabios/bios-256k.bin");
	assert_string_equal(a.vars, "");
	assert_string_equal(a.package, "seabios");
	assert_int_equal(bootrom_get("/usr/share/bhyve/uefi-csm-rom.bin", &b, NULL), 0);
	assert_string_equal(b.rom, a.rom);
	assert_int_equal(bootrom_get(BOOTROM_DEFAULT, &a, NULL), 0);
}

static void
paths(void **state)
{
	struct bootrom r;

	assert_int_equal(bootrom_get("/opt/a.fd", &r, NULL), 0);
	assert_string_equal(r.rom, "/opt/a.fd");
	assert_string_equal(r.vars, "");
	assert_null(r.package);
	assert_int_equal(bootrom_get("/opt/a.fd,/opt/vars.fd", &r, NULL), 0);
	assert_string_equal(r.rom, "/opt/a.fd");
	assert_string_equal(r.vars, "/opt/vars.fd");
}

static void
faults(void **state)
{
	static const char *const bad[] = { "", "UEFI", "uefi,/v", "rom.fd", "/a,", "/a,b",
		"/a,/b,/c", ",/b" };
	char longer[PATH_MAX + 2] = "/";
	struct bootrom r;
	struct err e;

	for (size_t i = 0; i < NITEMS(bad); i++) {
		e = (struct err){ 0 };
		assert_int_equal(bootrom_get(bad[i], &r, &e), -EINVAL);
		assert_non_null(strstr(e.text, "neither uefi nor bios nor an absolute path"));
	}
	memset(longer + 1, 'x', PATH_MAX);
	assert_int_equal(bootrom_get(longer, &r, NULL), -ENAMETOOLONG);
}

static void
nics(void **state)
{
	struct bootrom bios, uefi;

	assert_int_equal(bootrom_get("bios", &bios, NULL), 0);
	assert_int_equal(bootrom_get("uefi", &uefi, NULL), 0);
	assert_string_equal(
	    bootrom_nic(&bios, "virtio-net-viona"), "/usr/lib/ipxe/qemu/pxe-virtio.rom");
	assert_null(bootrom_nic(&uefi, "virtio-net-viona"));
	assert_string_equal(bootrom_nic(&bios, "e1000"), "/usr/lib/ipxe/qemu/pxe-e1000.rom");
	assert_string_equal(bootrom_nic(&uefi, "e1000"), "/usr/lib/ipxe/qemu/efi-e1000.rom");
	assert_null(bootrom_nic(&bios, "ne2000"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(paths),
		cmocka_unit_test(nics),
		cmocka_unit_test(faults),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
