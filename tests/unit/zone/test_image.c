/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Manifests, the store of images, imports of raw and qcow2 (the latter where qemu-img is there),
 * and volumes made of images.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "sandbox.h"
#include "base/checked.h"
#include "base/fd.h"
#include "zone/image.h"
#include "zone/image_manifest.h"
#include "zone/volume.h"

#define UUID1 "8f1e1f5a-0b7e-4d8e-9a52-1c0c6a1f0001"
#define UUID2 "8f1e1f5a-0b7e-4d8e-9a52-1c0c6a1f0002"
#define BASIC                                                                                      \
	"\"v\":2,\"name\":\"deb\",\"version\":\"1.0\",\"os\":\"linux\",\"type\":\"zvol\",\"image_" \
	"size\":2"

static struct err e;

static void
write_file(const char *name, const char *text)
{
	assert_int_equal(file_replace(sandbox_path(name), text, strlen(text), 0644, &e), 0);
}

/* A disk of `mib` MiB: a mark at the begin, one at the end, a hole between. */
static void
write_disk(const char *name, unsigned mib)
{
	CLEANUP_FD int fd = open(sandbox_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(mib * MIB)), 0);
	assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
	assert_int_equal(pwrite(fd, "end", 3, (off_t)(mib * MIB - 3)), 3);
}

static void
check_disk(const char *path, uint64_t size, uint64_t content)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[8] = "";
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_uid, geteuid());
	assert_true((uint64_t)st.st_blocks * 512 < size);
	assert_int_equal(pread(fd, buf, 5, 0), 5);
	assert_memory_equal(buf, "begin", 5);
	assert_int_equal(pread(fd, buf, 3, (off_t)content - 3), 3);
	assert_memory_equal(buf, "end", 3);
}

static unsigned
count_files(const char *folder)
{
	DIR *d = opendir(sandbox_path(folder));
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return (n - 2);
}

static int
parse(const char *text, struct image_manifest *m)
{
	return (image_manifest_parse(text, strlen(text), m, &e));
}

static void
manifest_good(void **state)
{
	struct image_manifest m;

	assert_int_equal(
	    parse("{\"uuid\":\"8F1E1F5A-0B7E-4D8E-9A52-1C0C6A1F0001\"," BASIC
		  ",\"unknown\":{},\"published_at\":\"2026-11-22T10:00:00Z\","
		  "\"files\":[{\"sha1\":\"0123456789ABCDEF0123456789abcdef01234567\","
		  "\"size\":4096,\"compression\":\"none\"}],"
		  "\"tags\":{\"org.zhyve:kernel\":\"vmlinuz\",\"org.zhyve:initrd\":\"i\","
		  "\"org.zhyve:cmdline\":\"root=/dev/vda1\",\"role\":\"os\"},"
		  "\"requirements\":{\"bootrom\":\"uefi\",\"brand\":\"bhyve\",\"min_ram\":512,"
		  "\"ssh_key\":true,\"networks\":[{\"name\":\"net0\"}],\"min_platform\":{}}}",
		&m),
	    0);
	assert_string_equal(m.image.uuid, UUID1);
	assert_int_equal(m.image.size, 2 * MIB);
	assert_int_equal(m.file_size, 4096);
	assert_string_equal(m.sha1, "0123456789abcdef0123456789abcdef01234567");
	assert_string_equal(m.image.kernel, "vmlinuz");
	assert_string_equal(m.image.cmdline, "root=/dev/vda1");
	assert_string_equal(m.image.published, "2026-11-22T10:00:00Z");
	assert_string_equal(m.image.bootrom, "uefi");
	assert_string_equal(m.image.brand, "bhyve");
	assert_int_equal(m.image.min_ram, 512);
	assert_int_equal(m.image.max_ram, 0);
	assert_int_equal(m.image.networks, 1);
	assert_true(m.image.ssh_key);
}

static void
manifest_faults(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{", "not JSON: line 1" },
		{ "[]", "not an object" },
		{ "{\"uuid\":1,\"uuid\":2}", "duplicate" },
		{ "{\"uuid\":\"x\"," BASIC "}", "uuid (\"x\" is no UUID)" },
		{ "{" BASIC "}", "uuid (missing)" },
		{ "{\"uuid\":\"" UUID1 "\",\"name\":\"n\",\"version\":\"1\",\"os\":\"linux\","
		  "\"type\":\"zone-dataset\",\"image_size\":1}",
		    "type (\"zone-dataset\"" },
		{ "{\"uuid\":\"" UUID1 "\",\"name\":\"\",\"version\":\"1\",\"os\":\"linux\","
		  "\"type\":\"zvol\",\"image_size\":0}",
		    "name (not a string of at least one character), image_size (not a number of "
		    "MiB)" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"v\":3}", "duplicate" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"requirements\":{\"bootrom\":\"csm\"}}",
		    "requirements.bootrom (\"csm\" is neither uefi nor bios)" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"requirements\":{\"min_ram\":\"much\"}}",
		    "requirements.min_ram (not a number of MiB)" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"files\":[]}",
		    "files (not a list of one file)" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"files\":[{\"sha1\":\"12\"}]}",
		    "files.0.sha1" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"files\":[{\"compression\":\"bzip2\"}]}",
		    "files.0.compression (\"bzip2\"" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC
		  ",\"tags\":{\"org.zhyve:kernel\":\"../../etc/shadow\"}}",
		    "tags.org.zhyve:kernel" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"tags\":{\"org.zhyve:kernel\":\"..\"}}",
		    "tags.org.zhyve:kernel" },
		{ "{\"uuid\":\"" UUID1 "\"," BASIC ",\"tags\":{\"org.zhyve:initrd\":\"i\"}}",
		    "without org.zhyve:kernel" },
		{ "{\"uuid\":\"" UUID1 "\",\"name\":\"a\\nb\",\"version\":\"1\",\"os\":\"linux\","
		  "\"type\":\"zvol\",\"image_size\":1}",
		    "control characters" },
	};
	struct image_manifest m;
	size_t i;

	for (i = 0; i < NITEMS(bad); i++) {
		assert_int_equal(parse(bad[i].text, &m), -EINVAL);
		if (strstr(e.text, bad[i].says) == NULL)
			fail_msg("%zu: '%s' does not say '%s'", i, e.text, bad[i].says);
	}
}

static void
import_raw(void **state)
{
	CLEANUP_FREE struct image *list = NULL;
	CLEANUP_FREE char *text = NULL;
	struct image img;
	size_t n;

	write_disk("disk", 2);
	write_file("k.bin", "kernel");
	write_file("i.bin", "initrd");
	write_file("m.json",
	    "{\"uuid\":\"" UUID1 "\"," BASIC ",\"owner\":\"me\","
	    "\"tags\":{\"org.zhyve:kernel\":\"k.bin\",\"org.zhyve:initrd\":\"i.bin\"}}");
	assert_int_equal(image_import(sandbox_path("m.json"), sandbox_path("disk"), &img, &e), 0);
	check_disk(img.path, 2 * MIB, 2 * MIB);
	assert_int_equal(access(img.kernel, R_OK), 0);
	assert_int_equal(access(img.initrd, R_OK), 0);
	assert_int_equal(count_files("zones/images"), 4);
	assert_int_equal(image_list(&list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].uuid, UUID1);
	assert_int_equal(image_manifest_text(UUID1, &text, &e), 0);
	assert_non_null(strstr(text, "\"owner\":\"me\"")); /* kept */
	assert_int_equal(
	    image_import(sandbox_path("m.json"), sandbox_path("disk"), &img, &e), -EEXIST);
	assert_string_equal(e.text, "image " UUID1 " (deb@1.0) is already installed");
	assert_int_equal(image_delete(UUID1, &e), 0);
	assert_int_equal(image_delete(UUID1, &e), -ENOENT);
	assert_int_equal(image_get(UUID1, &img, &e), -ENOENT);
	assert_string_equal(e.text, "image \"" UUID1 "\" was not found");
	assert_int_equal(count_files("zones/images"), 0);
}

/* Each failure says why and leaves an empty store. */
static void
import_faults(void **state)
{
	static const struct {
		const char *more, *says;
		int rc;
	} bad[] = {
		{ ",\"files\":[{\"size\":5}]", "its manifest says 5", -EINVAL },
		{ ",\"files\":[{\"sha1\":\"0123456789abcdef0123456789abcdef01234567\"}]",
		    "sha1 is ", -EINVAL },
		{ ",\"tags\":{\"org.zhyve:kernel\":\"nosuch\"}", "org.zhyve:kernel", -ENOENT },
	};
	char text[512];
	size_t i;

	write_disk("disk", 2);
	for (i = 0; i < NITEMS(bad); i++) {
		(void)snprintf(
		    text, sizeof(text), "{\"uuid\":\"" UUID2 "\"," BASIC "%s}", bad[i].more);
		write_file("m.json", text);
		assert_int_equal(
		    image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e),
		    bad[i].rc);
		assert_non_null(strstr(e.text, bad[i].says));
		assert_int_equal(count_files("zones/images"), 0);
	}
	write_file("m.json", "{\"uuid\":\"" UUID2 "\"," BASIC "}");
	write_disk("disk", 3);
	assert_int_equal(
	    image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "a disk of 3 MiB, its manifest says image_size 2"));
	write_file("disk", "\0\0\0\0\0\0\0\0");
	assert_int_equal(
	    image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e), -EINVAL);
	assert_int_equal(
	    image_import(sandbox_path("m.json"), sandbox_path("nosuch"), NULL, &e), -ENOENT);
	assert_int_equal(image_import(sandbox_path("m.json"), "/dev/null", NULL, &e), -EINVAL);
	assert_int_equal(count_files("zones/images"), 0);
}

/* Run a program over "disk" in the sandbox; false when the system has none. */
static bool
pack(const char *program, const char *options)
{
	char cmd[256];

	(void)snprintf(cmd, sizeof(cmd), "/usr/bin/%s", program);
	if (access(cmd, X_OK) != 0)
		return (false);
	(void)snprintf(
	    cmd, sizeof(cmd), "/usr/bin/%s %s %s", program, options, sandbox_path("disk"));
	return (system(cmd) == 0);
}

static void
imported(const char *file, bool is)
{
	const char *path = strcmp(file, "-") == 0 ? "-" : sandbox_path(file);
	struct image img;
	struct stat st;

	if (!is) {
		assert_int_equal(image_import(sandbox_path("m.json"), path, NULL, &e), -EINVAL);
		assert_int_equal(count_files("zones/images"), 0);
		return;
	}
	if (image_import(sandbox_path("m.json"), path, &img, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(img.size, 2 * MIB);
	assert_int_equal(stat(img.path, &st), 0);
	assert_int_equal(st.st_size, 2 * MIB);
	assert_true((uint64_t)st.st_blocks * 512 < MIB); /* the zeroes are holes */
	assert_int_equal(count_files("zones/images"), 2);
	assert_int_equal(image_delete(UUID2, &e), 0);
}

/* Packed files, by their names and by what the manifest says; and what is none, or too much. */
static void
import_packed(void **state)
{
	write_disk("disk", 2);
	write_file("m.json", "{\"uuid\":\"" UUID2 "\"," BASIC "}");
	assert_true(pack("gzip", "-kf"));
	imported("disk.gz", true);
	if (pack("xz", "-kf0"))
		imported("disk.xz", true);
	if (pack("zstd", "-qkf"))
		imported("disk.zst", true);
	write_file(
	    "m.json", "{\"uuid\":\"" UUID2 "\"," BASIC ",\"files\":[{\"compression\":\"gzip\"}]}");
	imported("disk", false);
	assert_non_null(strstr(e.text, "cannot unpack: "));
	assert_int_equal(rename(sandbox_path("disk.gz"), sandbox_path("other")), 0);
	imported("other", true);
	write_file(
	    "m.json", "{\"uuid\":\"" UUID2 "\"," BASIC ",\"files\":[{\"compression\":\"none\"}]}");
	imported("other", false);
	write_file("m.json", "{\"uuid\":\"" UUID2 "\"," BASIC "}");
	assert_int_equal(truncate(sandbox_path("disk"), 80 * MIB), 0);
	assert_true(pack("gzip", "-f1"));
	imported("disk.gz", false);
	assert_non_null(strstr(e.text, "it unpacks to more than the"));
}

static void
import_stdin(void **state)
{
	int was = dup(STDIN_FILENO), fd;

	write_disk("disk", 2);
	write_file("m.json", "{\"uuid\":\"" UUID2 "\"," BASIC "}");
	fd = open(sandbox_path("disk"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	imported("-", true);
	imported("-", false); /* at its end */
	assert_non_null(strstr(e.text, "standard input is empty"));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(truncate(sandbox_path("disk"), 80 * MIB), 0);
	imported("-", false);
	assert_non_null(strstr(e.text, "standard input is larger than"));
	(void)close(fd);
	if (was >= 0) {
		(void)dup2(was, STDIN_FILENO);
		(void)close(was);
	}
}

static void
sha1_checked(void **state)
{
	struct image img;

	write_file("disk", "abc"); /* FIPS 180's example; below 1 MiB, so it grows */
	write_file("m.json",
	    "{\"uuid\":\"" UUID2
	    "\",\"name\":\"abc\",\"version\":\"1\",\"os\":\"other\",\"type\":\"zvol\","
	    "\"image_size\":1,\"files\":[{\"sha1\":\"a9993e364706816aba3e25717850c26c9cd0d89d\","
	    "\"size\":3}]}");
	assert_int_equal(image_import(sandbox_path("m.json"), sandbox_path("disk"), &img, &e), 0);
	assert_int_equal(img.size, MIB);
	assert_int_equal(image_delete(UUID2, &e), 0);
}

/* Over holes: "begin", zeroes, "end", 2 MiB in all. */
static void
sha1_of_sparse(void **state)
{
	write_disk("disk", 2);
	write_file("m.json",
	    "{\"uuid\":\"" UUID2 "\"," BASIC
	    ",\"files\":[{\"sha1\":\"e1995c07132951b4251548e97677ba7ec7c577d1\",\"size\":2097152}]"
	    "}");
	if (image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(image_delete(UUID2, &e), 0);
}

/* What a killed import left is not an image, and is gone after the next. */
static void
interrupted_import(void **state)
{
	CLEANUP_FREE struct image *list = NULL;
	size_t n;

	write_disk("disk", 2);
	write_file("m.json", "{\"uuid\":\"" UUID1 "\"," BASIC "}");
	write_file("zones/images/." UUID1 ".raw.tmp", "half");
	write_file("zones/images/" UUID2 ".raw", "without its manifest");
	write_file("zones/images/README", "not ours");
	assert_int_equal(image_list(&list, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e), 0);
	assert_int_equal(count_files("zones/images"), 3);
	assert_int_equal(unlink(sandbox_path("zones/images/README")), 0);
	assert_int_equal(image_delete(UUID1, &e), 0);
}

/* Run qemu-img over files of the sandbox, named by %s twice. */
static void
qemu_img(const char *fmt, const char *a, const char *b)
{
	char cmd[512], from[256], to[256];

	(void)snprintf(from, sizeof(from), "%s", sandbox_path(a));
	(void)snprintf(to, sizeof(to), "%s", sandbox_path(b));
	(void)snprintf(cmd, sizeof(cmd), fmt, from, to);
	assert_int_equal(system(cmd), 0); /* NOLINT: fixed commands */
}

/* Every format qemu-img writes that we take, each as another tool would have left it. */
static void
import_converted(void **state)
{
	static const char *const convert[] = { "qcow2", "vmdk", "vhdx", "vdi", "qcow2 -c",
		"vmdk -o subformat=streamOptimized", "vhdx -o subformat=fixed" };
	char fmt[128];
	struct image img;

	if (access("/usr/bin/qemu-img", X_OK) != 0)
		skip();
	write_disk("disk", 2);
	write_file("m.json", "{\"uuid\":\"" UUID1 "\"," BASIC "}");
	for (size_t i = 0; i < NITEMS(convert); i++) {
		(void)snprintf(
		    fmt, sizeof(fmt), "/usr/bin/qemu-img convert -f raw -O %s %%s %%s", convert[i]);
		qemu_img(fmt, "disk", "converted");
		if (image_import(sandbox_path("m.json"), sandbox_path("converted"), &img, &e) != 0)
			fail_msg("%s: %s", convert[i], e.text);
		check_disk(img.path, 2 * MIB, 2 * MIB);
		assert_int_equal(count_files("zones/images"), 2);
		assert_int_equal(image_delete(UUID1, &e), 0);
	}
}

/* Files that lead to another one. */
static void
import_other_files(void **state)
{
	static const struct {
		const char *command, *says;
	} bad[] = {
		{ "create -q -f qcow2 -b %s -F raw %s", "backing file" },
		{ "create -q -f qcow2 -o data_file=%s.data,data_file_raw=on %s 2M",
		    "external data file" },
		{ "create -q -f vmdk -b %s.vmdk -F vmdk %s", "parent file" },
		{ "convert -f raw -O vmdk -o subformat=monolithicFlat %s %s", "names other files" },
		{ "convert -f raw -O vpc %s %s", "it is a VHD" },
	};
	char fmt[128];

	if (access("/usr/bin/qemu-img", X_OK) != 0)
		skip();
	write_disk("disk", 2);
	write_file("m.json", "{\"uuid\":\"" UUID1 "\"," BASIC "}");
	qemu_img("/usr/bin/qemu-img convert -f raw -O vmdk %s %s", "disk", "disk.vmdk");
	for (size_t i = 0; i < NITEMS(bad); i++) {
		(void)unlink(sandbox_path("bad"));
		(void)snprintf(fmt, sizeof(fmt), "/usr/bin/qemu-img %s", bad[i].command);
		qemu_img(fmt, "disk", "bad");
		assert_int_equal(
		    image_import(sandbox_path("m.json"), sandbox_path("bad"), NULL, &e), -EINVAL);
		if (strstr(e.text, bad[i].says) == NULL)
			fail_msg("%s does not say '%s'", e.text, bad[i].says);
		assert_int_equal(count_files("zones/images"), 0);
	}
}

static void
volumes(void **state)
{
	struct volume_spec spec = { .zone = "z1", .size = 4 * MIB };
	char path[PATH_MAX];
	uint64_t size;
	int fd, other, copy;

	assert_int_equal(volume_create(&spec, path, &e), -ENOENT); /* no zone path */
	assert_int_equal(mkdir(sandbox_path("zones/z1"), 0700), 0);
	assert_int_equal(volume_create(&spec, path, &e), 0);
	assert_string_equal(path, sandbox_path("zones/z1/disk0.raw"));
	assert_int_equal(volume_create(&spec, path, &e), -EEXIST);
	fd = volume_open(path, 0, &size, &e);
	assert_true(fd >= 0);
	assert_int_equal(size, 4 * MIB);
	assert_int_equal(volume_open(path, 0, &size, &e), -EBUSY);
	assert_non_null(strstr(e.text, "is in use by process "));
	assert_int_equal(volume_destroy(path, &e), -EBUSY);
	size = 0;
	assert_int_equal(volume_stat(path, &size, &e), 0); /* looking is allowed */
	assert_int_equal(size, 4 * MIB);
	/* A copy, such as a dead zhyve's io_uring still holds for a moment, keeps nobody out. */
	copy = dup(fd);
	assert_true(copy >= 0);
	volume_close(&fd);
	assert_int_equal(fd, -1);
	volume_close(&fd); /* again is no error */
	fd = volume_open(path, 1, &size, &e);
	other = volume_open(path, 1, &size, &e); /* readers share */
	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(other), 0);
	assert_int_equal(close(copy), 0);
	assert_int_equal(volume_destroy(path, &e), 0);
	assert_int_equal(volume_destroy(path, &e), 0);
	/* A link in its place goes, and nothing else with it. */
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(volume_destroy(path, &e), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	assert_int_equal(volume_destroy("/etc/passwd", &e), -EINVAL);
	assert_int_equal(rmdir(sandbox_path("zones/z1")), 0); /* nothing hidden is left */
}

static void
volume_refusals(void **state)
{
	struct volume_spec spec = { .zone = "../etc", .size = 4 * MIB };
	char path[PATH_MAX];
	uint64_t size;

	assert_int_equal(volume_create(&spec, path, &e), -EINVAL);
	assert_int_equal(mkdir(sandbox_path("zones/z1"), 0700), 0);
	spec.zone = "z1";
	spec.size = 513;
	assert_int_equal(volume_create(&spec, path, &e), -EINVAL);
	spec.size = 1ull << 58;
	assert_int_equal(volume_create(&spec, path, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "MiB are free on"));
	spec.image_uuid = UUID1;
	assert_int_equal(volume_create(&spec, path, &e), -ENOENT);
	assert_int_equal(count_files("zones/z1"), 0);

	write_file("secret", "x");
	assert_int_equal(symlink("../../secret", sandbox_path("zones/z1/disk0.raw")), 0);
	assert_true(volume_open(sandbox_path("zones/z1/disk0.raw"), 0, &size, &e) < 0);
	assert_int_equal(unlink(sandbox_path("zones/z1/disk0.raw")), 0);
	assert_int_equal(symlink("secret", sandbox_path("link")), 0);
	assert_int_equal(volume_open(sandbox_path("link"), 0, &size, &e), -ELOOP);
	assert_int_equal(mkfifo(sandbox_path("zones/z1/fifo"), 0600), 0);
	assert_int_equal(volume_open(sandbox_path("zones/z1/fifo"), 0, &size, &e), -EINVAL);
	assert_int_equal(volume_open("/dev/null", 0, &size, &e), -EINVAL);
	assert_int_equal(unlink(sandbox_path("zones/z1/fifo")), 0);
	assert_int_equal(rmdir(sandbox_path("zones/z1")), 0);
}

static void
volume_of_image(void **state)
{
	struct volume_spec spec = { .zone = "z1", .index = 3, .image_uuid = UUID1 };
	char path[PATH_MAX];

	write_disk("disk", 2);
	write_file("m.json", "{\"uuid\":\"" UUID1 "\"," BASIC "}");
	assert_int_equal(image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e), 0);
	assert_int_equal(mkdir(sandbox_path("zones/z1"), 0700), 0);
	assert_int_equal(volume_create(&spec, path, &e), 0);
	check_disk(path, 2 * MIB, 2 * MIB);
	assert_int_equal(volume_destroy(path, &e), 0);
	spec.size = 5 * MIB;
	assert_int_equal(volume_create(&spec, path, &e), 0);
	check_disk(path, 5 * MIB, 2 * MIB);
	assert_int_equal(volume_destroy(path, &e), 0);
	spec.size = MIB;
	assert_int_equal(volume_create(&spec, path, &e), -EINVAL);
	assert_non_null(strstr(e.text, "less than the 2 MiB of image"));
	assert_int_equal(image_delete(UUID1, &e), 0);
	assert_int_equal(rmdir(sandbox_path("zones/z1")), 0);
}

/* A pool of 1 MiB, where this process may mount one. */
static void
full_pool(void **state)
{
	struct volume_spec spec = { .zone = "z1", .image_uuid = UUID1 };
	CLEANUP_FREE uint8_t *noise = malloc(2 * MIB);
	char path[PATH_MAX];
	size_t i;

	assert_non_null(noise);
	for (i = 0; i < 2 * MIB; i++)
		noise[i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(file_replace(sandbox_path("disk"), noise, 2 * MIB, 0600, &e), 0);
	write_file("m.json", "{\"uuid\":\"" UUID1 "\"," BASIC "}");
	assert_int_equal(mkdir(sandbox_path("zones/z1"), 0700), 0);
	if (mount("tmpfs", sandbox_path("zones/z1"), "tmpfs", 0, "size=1m") != 0) {
		assert_int_equal(rmdir(sandbox_path("zones/z1")), 0);
		skip();
	}
	assert_int_equal(image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e), 0);
	assert_int_equal(volume_create(&spec, path, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "disk0 of zone 'z1' needs 2 MiB, but only "));
	assert_int_equal(count_files("zones/z1"), 0);
	spec = (struct volume_spec){ .zone = "z1", .size = 2 * MIB };
	assert_int_equal(volume_create(&spec, path, &e), -ENOSPC);
	assert_int_equal(count_files("zones/z1"), 0);
	assert_int_equal(umount(sandbox_path("zones/z1")), 0);
	assert_int_equal(image_delete(UUID1, &e), 0);

	/* The store itself on the full filesystem. */
	assert_int_equal(mount("tmpfs", sandbox_path("zones/images"), "tmpfs", 0, "size=1m"), 0);
	assert_int_equal(
	    image_import(sandbox_path("m.json"), sandbox_path("disk"), NULL, &e), -ENOSPC);
	assert_int_equal(count_files("zones/images"), 0);
	assert_int_equal(umount(sandbox_path("zones/images")), 0);
	assert_int_equal(rmdir(sandbox_path("zones/z1")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_good),
		cmocka_unit_test(manifest_faults),
		cmocka_unit_test(import_raw),
		cmocka_unit_test(import_faults),
		cmocka_unit_test(import_packed),
		cmocka_unit_test(import_stdin),
		cmocka_unit_test(sha1_checked),
		cmocka_unit_test(sha1_of_sparse),
		cmocka_unit_test(interrupted_import),
		cmocka_unit_test(import_converted),
		cmocka_unit_test(import_other_files),
		cmocka_unit_test(volumes),
		cmocka_unit_test(volume_refusals),
		cmocka_unit_test(volume_of_image),
		cmocka_unit_test(full_pool),
	};

	return (cmocka_run_group_tests(tests, sandbox_make, sandbox_remove));
}
