/* SPDX-License-Identifier: BSD-2-Clause */
/* imgadm as a user has it: arguments, output, messages, exit codes; below a root of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>

#include "../zone/sandbox.h"
#include "tool.h"
#include "zone/zconf.h"

#define UUID "8f1e1f5a-0b7e-4d8e-9a52-1c0c6a1f0001"

static void
write_inputs(void)
{
	FILE *f = fopen(sandbox_path("m.json"), "we");

	assert_non_null(f);
	(void)fprintf(f,
	    "{\"v\":2,\"uuid\":\"%s\",\"name\":\"debian-12\",\"version\":\"20261122\","
	    "\"os\":\"linux\",\"type\":\"zvol\",\"image_size\":1,"
	    "\"published_at\":\"2026-11-22T10:00:00Z\"}",
	    UUID);
	assert_int_equal(fclose(f), 0);
	assert_non_null(f = fopen(sandbox_path("disk"), "we"));
	(void)fprintf(f, "content");
	assert_int_equal(fclose(f), 0);
}

static void
arguments(void **state)
{
	assert_int_equal(RUN(), 0);
	assert_non_null(strstr(tool_out, "usage: imgadm"));
	assert_int_equal(RUN("frobnicate"), 1);
	assert_string_equal(
	    tool_err, "imgadm: error (UnknownCommand): unknown command: \"frobnicate\"\n");
	assert_int_equal(RUN("-x"), 1);
	assert_int_equal(RUN("list", "-x"), 1);
	assert_string_equal(
	    tool_err, "imgadm list: error (UnknownOption): unknown option: \"-x\"\n");
	assert_int_equal(RUN("list", "-o", "uuid,colour"), 1);
	assert_string_equal(tool_err, "imgadm list: error (Usage): invalid field: \"colour\"\n");
	assert_int_equal(RUN("get"), 1);
	assert_int_equal(RUN("get", "xyz"), 1);
	assert_string_equal(tool_err, "imgadm get: error (InvalidUUID): invalid uuid: \"xyz\"\n");
	assert_int_equal(RUN("get", "-P", "tank", UUID), 1);
	assert_int_equal(RUN("import", "-f", "x"), 1);
	assert_int_equal(RUN("import", UUID), 1);
}

static void
absent(void **state)
{
	assert_int_equal(RUN("list"), 0);
	assert_string_equal(tool_out, "UUID  NAME  VERSION  OS  TYPE  PUB\n");
	assert_int_equal(RUN("list", "-j"), 0);
	assert_string_equal(tool_out, "[]\n");
	assert_int_equal(RUN("get", UUID), 3);
	assert_string_equal(tool_err,
	    "imgadm get: error (ImageNotInstalled): image \"" UUID
	    "\" was not found on zpool \"zones\"\n");
	assert_int_equal(RUN("delete", UUID), 3);
	assert_int_equal(RUN("show", UUID), 3);
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("nosuch"), "-f", sandbox_path("nosuch")), 1);
	assert_non_null(strstr(tool_err, "imgadm import: error (FileSystem): cannot read '"));
}

static void
pool(void **state)
{
	assert_int_equal(RUN("pool"), 1);
	assert_int_equal(RUN("pool", "make"), 1);
	assert_int_equal(RUN("pool", "list", "-x"), 1);
	assert_int_equal(RUN("pool", "list", "more"), 1);
	assert_int_equal(RUN("pool", "list"), 0);
	assert_int_equal(strncmp(tool_out, "NAME        DRIVER ", 19), 0);
	assert_int_equal(RUN("pool", "list", "-p"), 0);
	assert_int_equal(strncmp(tool_out, "zones:file:", 11), 0);
	assert_non_null(strstr(tool_out, ":ok\n"));
}

static void
life(void **state)
{
	write_inputs();
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 0);
	assert_string_equal(tool_out, "Imported image " UUID " (debian-12@20261122)\n");
	assert_int_equal(
	    RUN("install", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 0);
	assert_string_equal(
	    tool_out, "Image " UUID " (debian-12@20261122) is already installed, skipping\n");
	assert_int_equal(RUN("list"), 0);
	assert_string_equal(tool_out,
	    "UUID                                  NAME       VERSION   OS     TYPE  PUB\n" UUID
	    "  debian-12  20261122  linux  zvol  2026-11-22\n");
	assert_int_equal(RUN("list", "-H", "-o", "name,image_size"), 0);
	assert_string_equal(tool_out, "debian-12  1\n");
	assert_int_equal(RUN("list", "-p"), 0);
	assert_string_equal(tool_out, UUID ":debian-12:20261122:linux:zvol:2026-11-22\n");
	assert_int_equal(RUN("list", "-j"), 0);
	assert_non_null(strstr(tool_out, "\"zpool\": \"zones\""));
	assert_int_equal(RUN("show", UUID), 0);
	assert_non_null(strstr(tool_out, "\"name\": \"debian-12\""));
	assert_int_equal(RUN("get", UUID), 0);
	assert_non_null(strstr(tool_out, "\"clones\": 0"));
	assert_int_equal(RUN("delete", UUID), 0);
	assert_string_equal(tool_out, "Deleted image " UUID "\n");
	assert_int_equal(RUN("list", "-H"), 0);
	assert_string_equal(tool_out, "");
}

static void
in_use(void **state)
{
	struct zconf *c = zconf_new("z1");
	struct zdevice *d;
	struct err e;

	assert_non_null(c);
	write_inputs();
	assert_int_equal(
	    RUN("import", "-q", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 0);
	assert_string_equal(tool_out, "");
	assert_int_equal(
	    RUN("import", "-q", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 0);
	assert_string_equal(tool_out, ""); /* nor that it was there */
	c->brand = strdup("bhyve");
	c->zonepath = strdup("/zones/z1");
	assert_non_null(d = zconf_device_add(c));
	d->match = strdup("/zones/z1/disk0.raw");
	assert_int_equal(zprop_set(&d->prop, &d->nprop, "image-uuid", UUID), 0);
	assert_int_equal(zconf_store(c, &e), 0);
	zconf_free(c);
	assert_int_equal(RUN("delete", UUID), 1);
	assert_string_equal(tool_err,
	    "imgadm delete: error (ImageHasDependentClones): image \"" UUID
	    "\" has dependent clones: z1\n");
	assert_int_equal(zconf_delete("z1", &e), 0);
	assert_int_equal(RUN("delete", UUID), 0);
}

/* Files beside the manifest: what its author could make root read is refused. */
static void
hostile(void **state)
{
	FILE *f;

	write_inputs();
	assert_int_equal(mkfifo(sandbox_path("fifo"), 0600), 0);
	assert_int_equal(RUN("import", "-m", sandbox_path("fifo"), "-f", sandbox_path("disk")), 1);
	assert_non_null(strstr(tool_err, "not a regular file"));
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("m.json"), "-f", sandbox_path("fifo")), 1);

	assert_int_equal(symlink("/etc/passwd", sandbox_path("kernel")), 0);
	assert_non_null(f = fopen(sandbox_path("m.json"), "we"));
	(void)fputs("{\"v\":2,\"uuid\":\"" UUID
		    "\",\"name\":\"x\",\"version\":\"1\",\"os\":\"linux\","
		    "\"type\":\"zvol\",\"image_size\":1,"
		    "\"tags\":{\"org.zhyve:kernel\":\"kernel\"}}",
	    f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 1);
	assert_non_null(strstr(tool_err, "a symbolic link is not followed"));
	assert_int_equal(RUN("list", "-H"), 0);
	assert_string_equal(tool_out, "");

	/* A damaged image is named with its remedy, and that works. */
	assert_non_null(f = fopen(sandbox_path("zones/images/" UUID ".json"), "we"));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(RUN("get", UUID), 1);
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 1);
	assert_non_null(strstr(tool_err, "imgadm delete " UUID));
	assert_int_equal(RUN("delete", UUID), 0);
	assert_int_equal(RUN("delete", UUID), 3);
}

/* An image goes to files and comes back, in each packing. */
static void
carried(void **state)
{
	static const char *const packing[] = { "none", "gzip", "xz", "zst" };
	char folder[PATH_MAX / 2], file[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%s", sandbox_path("zones/avail"));
	(void)snprintf(
	    file, sizeof(file), "%s", sandbox_path("zones/avail/debian-12-20261122.json"));
	assert_int_equal(RUN("avail"), 1);
	assert_non_null(strstr(tool_err, "cannot read the folder '"));
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(RUN("avail", "-H"), 0);
	assert_string_equal(tool_out, "");
	write_inputs();
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(RUN("export", "-c", packing[i], "-o", folder, UUID), 0);
		assert_non_null(
		    strstr(tool_out, "Exported image " UUID " (debian-12@20261122) to "));
		assert_string_equal(tool_err, ""); /* no terminal, no progress */
		assert_int_equal(RUN("export", "-c", packing[i], "-o", folder, UUID), 1);
		assert_non_null(strstr(tool_err, "is there already"));
		assert_int_equal(RUN("delete", UUID), 0);
		assert_int_equal(RUN("avail", "-p"), 0);
		assert_string_equal(tool_out, UUID ":debian-12:20261122:linux:zvol:2026-11-22\n");
		assert_int_equal(RUN("avail", "-j", "-d", folder), 0);
		assert_non_null(strstr(tool_out, "\"sha1\": \""));
		if (RUN("import", UUID) != 0)
			fail_msg("%s: %s", packing[i], tool_err);
		assert_int_equal(unlink(file), 0);
		assert_int_equal(RUN("import", UUID), 1); /* there is no manifest of it any more */
		(void)snprintf(file, sizeof(file), "%s/debian-12-20261122.raw%s", folder,
		    i == 0       ? ""
			: i == 1 ? ".gz"
			: i == 2 ? ".xz"
				 : ".zst");
		assert_int_equal(unlink(file), 0);
		(void)snprintf(file, sizeof(file), "%s/debian-12-20261122.json", folder);
	}
	assert_int_equal(rmdir(folder), 0); /* nothing hidden is left */
	assert_int_equal(RUN("export", "-c", "rar", UUID), 1);
	assert_int_equal(RUN("export", "-o", sandbox_path("nosuch/x"), UUID), 1);
	assert_int_equal(RUN("delete", UUID), 0);
	assert_int_equal(RUN("export", UUID), 3);
}

/* A VM whose disk is of the image UUID, with something written to it. */
static void
make_vm(const char *vm)
{
	struct zconf *c = zconf_new("z1");
	struct zdevice *d;
	struct err e;
	FILE *f;

	assert_non_null(c);
	c->brand = strdup("bhyve");
	c->zonepath = strdup(sandbox_path("zones/z1"));
	(void)snprintf(c->uuid, sizeof(c->uuid), "%s", vm);
	c->state = ZONE_STATE_INSTALLED;
	assert_non_null(d = zconf_device_add(c));
	d->match = strdup(sandbox_path("zones/z1/disk0.raw"));
	assert_int_equal(zprop_set(&d->prop, &d->nprop, "image-uuid", UUID), 0);
	assert_int_equal(zprop_set(&d->prop, &d->nprop, "boot", "true"), 0);
	assert_int_equal(zconf_attr_set(c, "bootrom", ZATTR_STRING, "uefi"), 0);
	assert_int_equal(zconf_store(c, &e), 0);
	zconf_free(c);
	assert_int_equal(mkdir(sandbox_path("zones/z1"), 0700), 0);
	assert_non_null(f = fopen(sandbox_path("zones/z1/disk0.raw"), "we"));
	(void)fputs("of the guest", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(truncate(sandbox_path("zones/z1/disk0.raw"), 3 * 1048576 + 512), 0);
}

#define VM "8f1e1f5a-0b7e-4d8e-9a52-1c0c6a1f00aa"

static void
created(void **state)
{
	char prefix[PATH_MAX], json[PATH_MAX + 8], raw[PATH_MAX + 8];
	struct err e;

	(void)snprintf(prefix, sizeof(prefix), "%s", sandbox_path("mine"));
	(void)snprintf(json, sizeof(json), "%s.json", prefix);
	(void)snprintf(raw, sizeof(raw), "%s.raw", prefix);
	assert_int_equal(RUN("create", VM), 1);
	assert_non_null(strstr(tool_err, "error (VmNotFound): vm not found: \"" VM "\""));
	write_inputs();
	assert_int_equal(
	    RUN("import", "-m", sandbox_path("m.json"), "-f", sandbox_path("disk")), 0);
	make_vm(VM);
	assert_int_equal(RUN("create", "-o", prefix, VM), 1);
	assert_non_null(strstr(tool_err,
	    "error (ManifestValidation): invalid manifest: name (missing), version (missing)"));
	assert_int_equal(access(raw, F_OK), -1);
	assert_int_equal(RUN("create", "-o", prefix, VM, "name"), 1);
	assert_non_null(strstr(tool_err, "not FIELD=VALUE"));
	assert_int_equal(RUN("create", "-q", "-o", prefix, VM, "name=mine", "version=7",
			     "requirements.min_ram=512", "tags.role=web"),
	    0);
	assert_string_equal(tool_out, "");
	assert_string_equal(tool_err, "");
	assert_int_equal(RUN("import", "-m", json, "-f", raw), 0);
	assert_non_null(strstr(tool_out, "(mine@7)"));
	assert_int_equal(RUN("list", "-H", "-o", "name,version,os,image_size"), 0);
	assert_non_null(strstr(tool_out, "mine       7         linux  4\n"));
	assert_int_equal(RUN("list", "-j"), 0);
	assert_non_null(strstr(tool_out, "\"bootrom\": \"uefi\""));
	assert_non_null(strstr(tool_out, "\"min_ram\": 512"));
	assert_non_null(strstr(tool_out, "\"role\": \"web\""));
	assert_non_null(strstr(tool_out, "\"version\": \"7\""));
	assert_int_equal(RUN("create", "-o", prefix, VM, "name=mine", "version=7"), 1);
	assert_non_null(strstr(tool_err, "is there already"));
	assert_int_equal(unlink(sandbox_path("zones/z1/disk0.raw")), 0);
	assert_int_equal(rmdir(sandbox_path("zones/z1")), 0);
	assert_int_equal(zconf_delete("z1", &e), 0);
}

/* A program in mkimage's place: what it leaves is imported, and its failure is one. */
static void
built(void **state)
{
	char program[PATH_MAX];
	FILE *f;

	write_inputs();
	(void)snprintf(program, sizeof(program), "%s", sandbox_path("mkimage"));
	assert_non_null(f = fopen(program, "we"));
	(void)fprintf(f,
	    "#!/bin/sh\n[ -z \"$FAIL\" ] || exit 1\necho making it\n"
	    "cp '%s' \"$ZHYVE_CACHE/debian-12.json\" && cp '%s' \"$ZHYVE_CACHE/debian-12.raw\"\n",
	    sandbox_path("m.json"), sandbox_path("disk"));
	assert_int_equal(fchmod(fileno(f), 0755), 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("ZHYVE_MKIMAGE", program, 1), 0);
	assert_int_equal(RUN("build"), 1);
	assert_int_equal(RUN("build", "debian-3"), 1);
	assert_non_null(strstr(tool_err, "one system is wanted, of: debian-12"));
	assert_int_equal(RUN("build", "-d", "avail", "debian-12"), 1);
	assert_int_equal(RUN("build", "-n", "debian-12"), 0);
	assert_int_equal(RUN("list", "-H"), 0);
	assert_string_equal(tool_out, "");
	assert_int_equal(RUN("build", "debian-12"), 0);
	assert_string_equal(tool_out, "Imported image " UUID " (debian-12@20261122)\n");
	assert_string_equal(tool_err, "making it\n");
	assert_int_equal(RUN("build", "debian-12"), 0);
	assert_string_equal(tool_out, "There is already image " UUID " (debian-12@20261122)\n");
	assert_int_equal(RUN("delete", UUID), 0);
	assert_int_equal(setenv("FAIL", "1", 1), 0);
	assert_int_equal(RUN("build", "debian-12"), 1);
	assert_non_null(strstr(tool_err, "error (BuildError): "));
	assert_int_equal(unsetenv("FAIL"), 0);
	assert_int_equal(setenv("ZHYVE_MKIMAGE", "/nonexistent", 1), 0);
	assert_int_equal(RUN("build", "debian-12"), 1);
	assert_non_null(strstr(tool_err, "cannot run /nonexistent"));
	assert_int_equal(unlink(sandbox_path("zones/avail/debian-12.json")), 0);
	assert_int_equal(unlink(sandbox_path("zones/avail/debian-12.raw")), 0);
	assert_int_equal(rmdir(sandbox_path("zones/avail")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments), cmocka_unit_test(absent), cmocka_unit_test(pool),
		cmocka_unit_test(life), cmocka_unit_test(in_use), cmocka_unit_test(hostile),
		cmocka_unit_test(carried), cmocka_unit_test(built),
		cmocka_unit_test(created), /* leaves an image */
	};

	return (cmocka_run_group_tests(tests, sandbox_make, sandbox_remove));
}
