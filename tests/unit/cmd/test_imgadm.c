/* SPDX-License-Identifier: BSD-2-Clause */
/* imgadm as a user has it: arguments, output, messages, exit codes; below a root of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(absent),
		cmocka_unit_test(pool),
		cmocka_unit_test(life),
		cmocka_unit_test(in_use),
		cmocka_unit_test(hostile),
	};

	return (cmocka_run_group_tests(tests, sandbox_make, sandbox_remove));
}
