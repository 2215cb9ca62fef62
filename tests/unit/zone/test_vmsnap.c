/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots of a VM's volumes that nobody runs on, below a root of its own: what is kept and comes back,
 * what an interrupted command leaves, clones of volumes. On a filesystem that shares blocks, too, where
 * the tests' folder is on one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "sandbox.h"
#include "zone/client.h"
#include "zone/paths.h"
#include "zone/vmconfig.h"
#include "zone/vmsnap.h"
#include "zone/volume.h"

#define SIZE (2u << 20)

static struct zconf *conf;
static char disk[2][PATH_MAX];

static int
setup(void **state)
{
	struct err e = { 0 };

	if (sandbox_make(state) != 0 || mkdir(sandbox_path("zones/z"), 0700) != 0 ||
	    mkdir(sandbox_path("zones/z/config"), 0700) != 0 || (conf = zconf_new("z")) == NULL)
		return (-1);
	for (unsigned i = 0; i < 2; i++) {
		struct volume_spec spec = { .zone = "z", .index = i, .size = SIZE };
		struct zdevice *d;

		if (volume_create(&spec, disk[i], &e) != 0 || (d = zconf_device_add(conf)) == NULL)
			return (-1);
		d->match = strdup(disk[i]);
	}
	return (0);
}

static int
teardown(void **state)
{
	zconf_free(conf);
	return (sandbox_remove(state));
}

static void
put(unsigned i, const char *text)
{
	int fd = open(disk[i], O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), SIZE / 2), (ssize_t)strlen(text));
	(void)close(fd);
}

static void
has_at(const char *path, const char *text)
{
	char have[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, have, strlen(text), SIZE / 2), (ssize_t)strlen(text));
	assert_string_equal(have, text);
	assert_int_equal(lseek(fd, 0, SEEK_END), SIZE);
	(void)close(fd);
}

static void
has(unsigned i, const char *text)
{
	has_at(disk[i], text);
}

static void
take(const char *name)
{
	struct err e = { 0 };
	int64_t us = -1;

	if (vmsnap_create(conf, name, false, &us, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(us, 0);
}

/* Names, newest first, with a blank behind each. */
static void
listed(const char *want)
{
	struct err e = { 0 };
	char have[256] = "";
	json_t *list, *one;
	size_t i;

	assert_int_equal(vmsnap_list("z", &list, &e), 0);
	json_array_foreach (list, i, one) {
		(void)strcat(strcat(have, json_string_value(json_object_get(one, "name"))), " ");
		assert_true(json_is_real(json_object_get(one, "size")));
		assert_int_equal(json_string_length(json_object_get(one, "created_at")), 24);
	}
	json_decref(list);
	assert_string_equal(have, want);
}

static unsigned
files(void)
{
	char path[PATH_MAX];
	unsigned n = 0;
	FILE *f;
	int c;

	(void)snprintf(path, sizeof(path), "ls -A %s", sandbox_path("zones/z/snapshots"));
	f = popen(path, "r");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	(void)pclose(f);
	return (n);
}

/* A record's state, as an interrupted command leaves it. */
static void
set_state(const char *name, const char *state)
{
	char path[PATH_MAX];
	json_t *record;

	record = json_load_file(path_zones(path, "z/snapshots/vmsnap-%s.json", name), 0, NULL);
	assert_non_null(record);
	assert_string_equal(json_string_value(json_object_get(record, "state")), "whole");
	assert_int_equal(json_object_set_new(record, "state", json_string(state)), 0);
	assert_int_equal(json_dump_file(record, path, 0), 0);
	json_decref(record);
}

static void
test_names(void **state)
{
	struct err e = { 0 };
	char longest[66], want[80];
	int64_t us;

	memset(longest, 'a', 65);
	longest[65] = '\0';
	assert_int_equal(vmsnap_name_check(longest, &e), -EINVAL);
	assert_string_equal(e.text, "Invalid snapshot name");
	assert_int_equal(vmsnap_name_check("", &e), -EINVAL);
	assert_int_equal(vmsnap_name_check("a/b", &e), -EINVAL);
	assert_int_equal(vmsnap_create(conf, "a b", false, &us, &e), -EINVAL);
	longest[64] = '\0';
	take(longest);
	take("..");
	take("%:_-.");
	assert_int_equal(vmsnap_delete(conf, "..", &e), 0);
	(void)snprintf(want, sizeof(want), "%%:_-. %s ", longest);
	listed(want);
}

static void
test_back(void **state)
{
	struct err e = { 0 };
	struct vmconfig vc;
	int64_t us;

	put(0, "one");
	put(1, "eins");
	assert_int_equal(vmconfig_set("z", "customer_metadata", "colour", "red", &e), 0);
	take("first");
	listed("first ");
	assert_int_equal(vmsnap_create(conf, "first", false, &us, &e), -EEXIST);
	assert_string_equal(e.text, "snapshot with name \"first\" already exists.");
	put(0, "two");
	put(1, "zwei");
	assert_int_equal(vmconfig_set("z", "customer_metadata", "colour", "blue", &e), 0);
	take("second");
	put(0, "3");
	listed("second first ");
	assert_int_equal(vmsnap_rollback(conf, "second", &e), 0);
	has(0, "two");
	listed("second first ");
	/* Newer ones go. */
	assert_int_equal(vmsnap_rollback(conf, "first", &e), 0);
	has(0, "one");
	has(1, "eins");
	listed("first ");
	assert_int_equal(vmconfig_load("z", &vc, &e), 0);
	assert_string_equal(
	    json_string_value(json_object_get(vc.customer_metadata, "colour")), "red");
	vmconfig_free(&vc);
	assert_int_equal(vmsnap_rollback(conf, "second", &e), -ENOENT);
	assert_int_equal(strncmp(e.text, "No snapshot named \"second\" for", 30), 0);
	assert_int_equal(vmsnap_delete(conf, "first", &e), 0);
	assert_int_equal(vmsnap_delete(conf, "first", &e), -ENOENT);
	assert_int_equal(files(), 0);
}

static void
test_in_use(void **state)
{
	struct err e = { 0 };
	uint64_t size;
	int64_t us;
	int fd, status;
	pid_t pid;

	take("kept");
	put(1, "new");
	/* Who runs on it is another process. */
	fd = volume_open(disk[1], 0, &size, &e);
	assert_true(fd >= 0);
	if ((pid = fork()) == 0) {
		(void)alarm(20);
		_exit(vmsnap_create(conf, "busy", false, &us, &e) == -EBUSY &&
			    vmsnap_rollback(conf, "kept", &e) == -EBUSY
			? 0
			: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	volume_close(&fd);
	has(1, "new");
	/* The first disk went back, the second not: it says so until that is done. */
	listed("kept ");
	assert_int_equal(vmsnap_check("z", &e), -EBUSY);
	assert_non_null(strstr(e.text, "a rollback to snapshot \"kept\" was interrupted"));
	assert_int_equal(vmsnap_delete(conf, "kept", &e), -EBUSY);
	assert_int_equal(vmsnap_create(conf, "more", false, &us, &e), -EBUSY);
	assert_int_equal(vmsnap_rollback(conf, "kept", &e), 0);
	assert_int_equal(vmsnap_check("z", &e), 0);
	assert_int_equal(vmsnap_delete(conf, "kept", &e), 0);
	assert_int_equal(files(), 0);
}

static void
test_leftovers(void **state)
{
	struct err e = { 0 };
	char path[PATH_MAX];

	take("a");
	take("b");
	take("c");
	set_state("a", "deleting");
	(void)path_zones(path, "z/snapshots/vmsnap-a.json");
	listed("c b ");
	take("d");
	listed("d c b ");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(files(), 3 * 3);
	/* A volume's end takes its snapshots along. */
	assert_int_equal(volume_destroy(disk[1], &e), 0);
	assert_int_equal(files(), 3 * 2);
	assert_int_equal(vmsnap_forget("z", disk[1], &e), 0);
	listed("d c b ");
	assert_int_equal(vmsnap_forget("z", disk[0], &e), 0);
	listed("");
	assert_int_equal(files(), 0);
}

static void
test_limit(void **state)
{
	struct err e = { 0 };
	int64_t us;

	assert_int_equal(zconf_attr_set(conf, "zfs-snapshot-limit", ZATTR_STRING, "1"), 0);
	take("a");
	assert_int_equal(vmsnap_create(conf, "b", false, &us, &e), -EDQUOT);
	assert_non_null(strstr(e.text, "zfs_snapshot_limit is 1"));
	listed("a ");
}

static void
test_clones(void **state)
{
	struct volume_spec spec = { .zone = "y", .from = disk[0], .from_snapshot = "vmsnap-s" };
	struct volume_pool pool;
	struct err e = { 0 };
	char path[PATH_MAX];
	uint64_t bytes;

	assert_int_equal(mkdir(sandbox_path("zones/y"), 0700), 0);
	put(0, "then");
	take("s");
	put(0, "now");
	assert_int_equal(volume_create(&spec, path, &e), 0);
	has_at(path, "then");
	assert_int_equal(volume_create(&spec, path, &e), -EEXIST);
	spec.from_snapshot = NULL;
	spec.replace = true;
	assert_int_equal(volume_create(&spec, path, &e), 0);
	has_at(path, "nown");
	spec.size = SIZE / 2;
	assert_int_equal(volume_create(&spec, path, &e), -EINVAL);
	spec.size = 0;
	spec.from_snapshot = "vmsnap-none";
	assert_int_equal(volume_create(&spec, path, &e), -ENOENT);
	assert_non_null(strstr(e.text, "has no snapshot"));
	assert_int_equal(volume_snapshot(disk[0], "../x", false, &e), -EINVAL);
	assert_int_equal(volume_snapshot("/dev/null", "x", false, &e), -EINVAL);
	assert_int_equal(volume_snapshot_usage(disk[0], "vmsnap-s", &bytes, &e), 0);
	assert_int_equal(volume_pool_get(&pool, &e), 0);
	assert_string_equal(pool.driver, "file");
	assert_true(pool.size >= pool.free && pool.size > 0);
	/* A pool that shares blocks takes one under somebody's feet; another says why not. */
	if (pool.instant) {
		assert_int_equal(volume_snapshot(disk[0], "live", true, &e), 0);
		assert_int_equal(volume_snapshot_usage(disk[0], "live", &bytes, &e), 0);
		assert_true(bytes < SIZE);
	} else {
		assert_int_equal(volume_snapshot(disk[0], "live", true, &e), -EOPNOTSUPP);
		assert_non_null(strstr(e.text, "cannot share blocks"));
		assert_non_null(strstr(e.text, "stop the VM first"));
	}
}

/* A zone that has been renamed keeps its snapshots: they are of the disks as they are called now. */
static void
test_renamed(void **state)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct err e = { 0 };

	put(0, "one");
	take("a");
	put(0, "two");
	take("b");
	set_state("b", "creating"); /* interrupted, then renamed */
	assert_int_equal(rename(path_zones(from, "z"), path_zones(to, "n")), 0);
	(void)strcpy(conf->name, "n");
	for (unsigned i = 0; i < 2; i++) {
		(void)path_zones(disk[i], "n/disk%u.raw", i);
		assert_non_null(strstr(conf->device[i].match, "/z/disk"));
		free(conf->device[i].match);
		conf->device[i].match = strdup(disk[i]);
	}
	if (vmsnap_rollback(conf, "a", &e) != 0)
		fail_msg("%s", e.text);
	has(0, "one");
	assert_int_equal(access(path_zones(to, "n/snapshots/disk0@vmsnap-b"), F_OK), -1);
	take("c");
	assert_int_equal(vmsnap_forget("n", disk[1], &e), 0);
	assert_int_equal(access(path_zones(to, "n/snapshots/disk1@vmsnap-a"), F_OK), -1);
	assert_int_equal(vmsnap_delete(conf, "a", &e), 0);
	assert_int_equal(vmsnap_delete(conf, "c", &e), 0);
	assert_int_equal(access(path_zones(to, "n/snapshots/disk0@vmsnap-a"), F_OK), -1);
	assert_int_equal(access(path_zones(from, "z"), F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clones, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
