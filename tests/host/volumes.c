/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every volume driver has to do, in steps that are the same for all: on the pool that this host has
 * (tests/host/scenarios/volumes.sh sets one up after the other). Prints a TAP line for each step, which ends
 * at its first broken expectation. Root; makes zones' folders and an image, and removes them.
 *
 * usage: volumes DRIVER [instant]     (instant: the pool takes snapshots while somebody runs on a volume)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/image.h"
#include "zone/install.h"
#include "zone/paths.h"
#include "zone/quota.h"
#include "zone/volume.h"

#define UUID "0d5c1b1e-7f0e-4c8e-9c55-5a1f6b7c0001"
#define SIZE (8 * MIB)

static bool instant;
static struct err e;
static char path[PATH_MAX], other[PATH_MAX];

/* In a step: ends it. */
#define WANT(what)                                                                       \
	do {                                                                             \
		if (!(what)) {                                                           \
			(void)printf("#   line %d: %s (%s)\n", __LINE__, #what, e.text); \
			return (false);                                                  \
		}                                                                        \
	} while (0)

/* ---- content: each MiB begins and ends with a letter ---- */

static bool
put(const char *volume, uint64_t mib, char letter)
{
	CLEANUP_FD int fd = open(volume, O_RDWR | O_CLOEXEC);

	return (fd >= 0 && pwrite(fd, &letter, 1, (off_t)(mib * MIB)) == 1 &&
	    pwrite(fd, &letter, 1, (off_t)((mib + 1) * MIB - 1)) == 1);
}

static bool
has(const char *volume, uint64_t mib, char letter)
{
	CLEANUP_FD int fd = open(volume, O_RDONLY | O_CLOEXEC);
	char a = '?', b = '?';

	return (fd >= 0 && pread(fd, &a, 1, (off_t)(mib * MIB)) == 1 &&
	    pread(fd, &b, 1, (off_t)((mib + 1) * MIB - 1)) == 1 && a == letter && b == letter);
}

static uint64_t
size_of(const char *volume)
{
	uint64_t size = 0;

	return (volume_stat(volume, &size, &e) == 0 ? size : 0);
}

static int
make(const char *zone, unsigned index, uint64_t size, char *out)
{
	const struct volume_spec spec = { .zone = zone, .index = index, .size = size };

	return (volume_create(&spec, out, &e));
}

static int
make_clone(const char *from, const char *snapshot, uint64_t size)
{
	const struct volume_spec spec = {
		.zone = "b", .index = 0, .size = size, .from = from, .from_snapshot = snapshot
	};

	return (volume_create(&spec, other, &e));
}

/* ---- steps ---- */

static bool
is_made(void)
{
	char expected[PATH_MAX];
	unsigned n = 99;

	WANT(make("a", 0, SIZE, path) == 0);
	WANT(volume_path(expected, "a", 0, &e) == 0 && strcmp(expected, path) == 0);
	WANT(volume_is_of(path, "a") && !volume_is_of(path, "b"));
	WANT(volume_number(path, &n) && n == 0);
	WANT(size_of(path) == SIZE);
	WANT(has(path, 0, '\0') && has(path, 7, '\0'));
	WANT(make("a", 0, SIZE, other) == -EEXIST);
	WANT(put(path, 0, 'x') && put(path, 7, 'y'));
	return (true);
}

static bool
is_claimed(void)
{
	uint64_t size = 0;
	int fd = volume_open(path, 0, &size, &e);

	WANT(fd >= 0 && size == SIZE);
	WANT(volume_open(path, 0, &size, &e) == -EBUSY);
	WANT(volume_destroy(path, &e) == -EBUSY);
	WANT(volume_rollback(path, "none", &e) == -EBUSY);
	WANT(volume_resize(path, SIZE / 2, &e) == -EBUSY);
	WANT(make_clone(path, NULL, 0) == -EBUSY);
	WANT(size_of(path) == SIZE);
	volume_close(&fd);
	WANT((fd = volume_open(path, 0, &size, &e)) >= 0);
	volume_close(&fd);
	return (true);
}

static bool
is_resized(void)
{
	uint64_t size;
	int fd = volume_open(path, 0, &size, &e);

	WANT(fd >= 0);
	WANT(volume_resize(path, 2 * SIZE, &e) == 0); /* while somebody runs on it */
	WANT(size_of(path) == 2 * SIZE);
	volume_close(&fd);
	WANT(has(path, 7, 'y') && has(path, 8, '\0') && has(path, 15, '\0'));
	WANT(volume_resize(path, 513, &e) == -EINVAL);
	WANT(volume_resize(path, 1ull << 50, &e) == -ENOSPC);
	WANT(size_of(path) == 2 * SIZE);
	WANT(volume_resize(path, SIZE, &e) == 0);
	WANT(size_of(path) == SIZE && has(path, 0, 'x') && has(path, 7, 'y'));
	return (true);
}

static bool
has_snapshots(void)
{
	uint64_t bytes, all[2];
	int rc;

	WANT(volume_flush(path, &e) == 0);
	WANT(volume_snapshot(path, "vmsnap-one", false, &e) == 0);
	WANT(volume_settle(path, "vmsnap-one", &e) == 0);
	WANT(volume_settle(path, "vmsnap-two", &e) == -ENOENT);
	WANT(put(path, 0, 'z') && put(path, 1, 'n'));
	WANT(volume_snapshot(path, "vmsnap-a:b%c_d.e-f", false, &e) == 0);
	rc = volume_snapshot_usage(path, "vmsnap-one", &bytes, &e);
	WANT(rc == 0 || rc == -EOPNOTSUPP);
	volume_snapshots_usage(
	    &(const char *){ path }, 1, (const char *[]){ "vmsnap-none", "vmsnap-one" }, 2, all);
	WANT(all[0] == 0 && all[1] == (rc == 0 ? bytes : 0));
	WANT(volume_rollback(path, "vmsnap-two", &e) == -ENOENT && has(path, 0, 'z'));
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0);
	WANT(has(path, 0, 'x') && has(path, 1, '\0') && has(path, 7, 'y'));
	WANT(put(path, 0, 'q'));
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0 && has(path, 0, 'x')); /* it stays */
	WANT(volume_rollback(path, "vmsnap-a:b%c_d.e-f", &e) == 0 && has(path, 0, 'z'));
	WANT(volume_snapshot(path, "vmsnap-one", false, &e) == 0); /* in the place of that one */
	WANT(volume_settle(path, "vmsnap-one", &e) == 0);          /* wherever that was */
	WANT(put(path, 0, 'q') && volume_rollback(path, "vmsnap-one", &e) == 0);
	WANT(has(path, 0, 'z'));
	WANT(volume_snapshot_destroy(path, "vmsnap-a:b%c_d.e-f", &e) == 0);
	WANT(volume_snapshot_destroy(path, "vmsnap-a:b%c_d.e-f", &e) == 0);
	WANT(volume_rollback(path, "vmsnap-a:b%c_d.e-f", &e) == -ENOENT);
	WANT(volume_snapshot(path, "a/b", false, &e) == -EINVAL);
	return (true);
}

/* Later snapshots that are about to go may be gone; others, and what was made of any, stay. */
static bool
rolls_back_past_what_goes(void)
{
	const char *const going[] = { "vmsnap-p2", "vmsnap-p3" };

	WANT(put(path, 0, '1') && volume_snapshot(path, "vmsnap-p1", false, &e) == 0);
	WANT(put(path, 0, '2') && volume_snapshot(path, "vmsnap-p2", false, &e) == 0);
	WANT(put(path, 0, '3') && volume_snapshot(path, "vmsnap-p3", false, &e) == 0);
	WANT(put(path, 0, '4'));
	WANT(volume_rollback_past(path, "vmsnap-p1", going, 2, &e) == 0 && has(path, 0, '1'));
	WANT(volume_snapshot_destroy(path, "vmsnap-p2", &e) == 0);
	WANT(volume_snapshot_destroy(path, "vmsnap-p3", &e) == 0);
	WANT(volume_rollback(path, "vmsnap-p1", &e) == 0 && has(path, 0, '1'));
	/* One of the later ones is not to go. */
	WANT(put(path, 0, '2') && volume_snapshot(path, "vmsnap-p2", false, &e) == 0);
	WANT(put(path, 0, '5') && volume_snapshot(path, "vmsnap-stays", false, &e) == 0);
	WANT(volume_rollback_past(path, "vmsnap-p1", going, 2, &e) == 0 && has(path, 0, '1'));
	WANT(volume_snapshot_destroy(path, "vmsnap-p2", &e) == 0);
	WANT(volume_rollback(path, "vmsnap-stays", &e) == 0 && has(path, 0, '5'));
	WANT(volume_snapshot_destroy(path, "vmsnap-stays", &e) == 0);
	WANT(volume_snapshot_destroy(path, "vmsnap-p1", &e) == 0);
	return (true);
}

/* Before a rollback the size was another: it is the snapshot's again. */
static bool
rolls_the_size_back(void)
{
	WANT(volume_resize(path, 2 * SIZE, &e) == 0 && put(path, 12, 'g'));
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0);
	WANT(size_of(path) == SIZE && has(path, 0, 'z'));
	return (true);
}

static bool
is_kept_under_a_guest(void)
{
	uint64_t size;
	int fd = volume_open(path, 0, &size, &e), rc;
	char letter = 'l';

	WANT(fd >= 0 && pwrite(fd, &letter, 1, 0) == 1);
	WANT(pwrite(fd, &letter, 1, (off_t)MIB - 1) == 1);
	rc = volume_snapshot(path, "vmsnap-live", true, &e);
	WANT(rc == (instant ? 0 : -EOPNOTSUPP));
	letter = 'm';
	WANT(pwrite(fd, &letter, 1, 0) == 1 && pwrite(fd, &letter, 1, (off_t)MIB - 1) == 1);
	volume_close(&fd);
	WANT(has(path, 0, 'm'));
	WANT(!instant || (volume_rollback(path, "vmsnap-live", &e) == 0 && has(path, 0, 'l')));
	return (true);
}

/* Snapshots of two volumes as of one: taken, in the place of others, and removed, in use or not. */
static bool
are_kept_together(void)
{
	static const char name[] = "vmsnap-both";
	char second[PATH_MAX];
	const char *both[] = { path, second }, *bad[] = { path, "/dev/null" };

	WANT(make("a", 1, SIZE, second) == 0);
	WANT(volume_snapshot_all(bad, 2, name, false, &e) == -EINVAL);
	WANT(volume_rollback(path, name, &e) == -ENOENT);
	WANT(put(path, 0, '1') && put(second, 0, '2'));
	WANT(volume_snapshot_all(both, 2, name, false, &e) == 0);
	WANT(put(path, 0, '3') && volume_rollback(second, name, &e) == 0);
	WANT(volume_snapshot_all(both, 2, name, false, &e) == 0); /* in their place */
	WANT(volume_settle(path, name, &e) == 0 && volume_settle(second, name, &e) == 0);
	WANT(put(path, 0, '4') && put(second, 0, '5'));
	WANT(volume_rollback(path, name, &e) == 0 && has(path, 0, '3'));
	WANT(volume_rollback(second, name, &e) == 0 && has(second, 0, '2'));
	WANT(volume_snapshot_destroy_all(both, 2, name, &e) == 0);
	WANT(volume_rollback(path, name, &e) == -ENOENT);
	WANT(volume_rollback(second, name, &e) == -ENOENT);
	WANT(volume_snapshot_destroy_all(both, 2, name, &e) == 0);
	/* One is in use, then one is there alone. */
	WANT(volume_snapshot_all(both, 2, name, false, &e) == 0);
	WANT(make_clone(second, name, 0) == 0 && has(other, 0, '2'));
	WANT(volume_snapshot_destroy_all(both, 2, name, &e) == 0 && has(other, 0, '2'));
	WANT(volume_rollback(second, name, &e) == -ENOENT && volume_destroy(other, &e) == 0);
	WANT(volume_snapshot(path, name, false, &e) == 0);
	WANT(volume_snapshot_all(both, 2, name, false, &e) == 0);
	WANT(volume_snapshot_destroy(path, name, &e) == 0);
	WANT(volume_snapshot_destroy_all(both, 2, name, &e) == 0);
	WANT(volume_rollback(second, name, &e) == -ENOENT);
	return (volume_destroy(second, &e) == 0);
}

static bool
is_cloned(void)
{
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0 && put(path, 0, 'c'));
	WANT(make_clone(path, "vmsnap-none", 0) == -ENOENT);
	WANT(make_clone(path, "vmsnap-one", SIZE / 2) == -EINVAL);
	WANT(make_clone(path, "vmsnap-one", 0) == 0);
	WANT(size_of(other) == SIZE && has(other, 0, 'z') && has(other, 7, 'y'));
	WANT(put(other, 0, 'o') && has(path, 0, 'c'));
	WANT(volume_destroy(other, &e) == 0 && size_of(other) == 0);
	WANT(make_clone(path, NULL, 2 * SIZE) == 0);
	WANT(size_of(other) == 2 * SIZE && has(other, 0, 'c') && has(other, 15, '\0'));
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0 && has(other, 0, 'c'));
	WANT(volume_destroy(other, &e) == 0);
	return (true);
}

/* The image's disk: a mark at each end of its first and its last MiB. */
static bool
import(void)
{
	static const char manifest[] =
	    "{\"v\":2,\"uuid\":\"" UUID "\",\"name\":\"suite\",\"version\":\"1\",\"os\":\"linux\","
	    "\"type\":\"zvol\",\"image_size\":8}";
	char file[] = "/tmp/volumes.XXXXXX", text[] = "/tmp/volumes.XXXXXX";
	CLEANUP_FD int fd = mkstemp(file), m = mkstemp(text);
	bool ok = fd >= 0 && m >= 0 && ftruncate(fd, SIZE) == 0 && put(file, 0, 'i') &&
	    put(file, 7, 'j') && fd_write_full(m, manifest, sizeof(manifest) - 1) == 0 &&
	    image_import(text, file, NULL, &e) == 0;

	(void)unlink(file);
	(void)unlink(text);
	return (ok);
}

static bool
is_made_of_an_image(void)
{
	struct volume_spec spec = { .zone = "b", .index = 1, .image_uuid = UUID };

	WANT(volume_create(&spec, other, &e) == -ENOENT);
	WANT(import());
	WANT(volume_create(&spec, other, &e) == 0);
	WANT(size_of(other) == SIZE && has(other, 0, 'i') && has(other, 7, 'j') &&
	    has(other, 3, '\0'));
	WANT(put(other, 0, 'k'));
	WANT(volume_create(&spec, other, &e) == -EEXIST);
	spec.replace = true;
	spec.size = 2 * SIZE;
	WANT(volume_create(&spec, other, &e) == 0);
	WANT(size_of(other) == 2 * SIZE && has(other, 0, 'i') && has(other, 15, '\0'));
	spec.index = 2;
	spec.size = SIZE / 2;
	WANT(volume_create(&spec, other, &e) == -EINVAL);
	WANT(volume_path(other, "b", 1, &e) == 0 && volume_destroy(other, &e) == 0);
	WANT(image_delete(UUID, &e) == 0);
	spec.size = 0;
	WANT(volume_create(&spec, other, &e) == -ENOENT);
	return (true);
}

static bool
has_odd_names(void)
{
	WANT(make("Zone_1.disk0-x", 17, MIB, other) == 0);
	WANT(volume_is_of(other, "Zone_1.disk0-x") && !volume_is_of(other, "Zone_1"));
	WANT(put(other, 0, 'w') && volume_snapshot(other, "s_t", false, &e) == 0);
	WANT(put(other, 0, 'v') && volume_rollback(other, "s_t", &e) == 0 && has(other, 0, 'w'));
	WANT(volume_destroy(other, &e) == 0 && size_of(other) == 0);
	return (true);
}

/* All of it or nothing. */
static bool
is_tuned(void)
{
	const struct volume_spec spec = { .zone = "b",
		.index = 3,
		.size = SIZE,
		.block_size = 16384,
		.compression = "off",
		.refreservation = 2 * MIB };
	uint64_t reserved = 4 * MIB;
	struct volume_tuning t;

	WANT(volume_create(&spec, other, &e) == 0);
	if (!volume_pool_tunes()) {
		WANT(volume_tuning_get(other, &t, &e) == -EOPNOTSUPP);
		WANT(volume_tune(other, "on", NULL, &e) == -EOPNOTSUPP);
		WANT(volume_tune_zone("b", "on", &e) == -EOPNOTSUPP);
		return (volume_destroy(other, &e) == 0);
	}
	WANT(volume_tuning_get(other, &t, &e) == 0 && t.block_size == 16384);
	WANT(strcmp(t.compression, "off") == 0 && t.refreservation == 2 * MIB);
	WANT(strstr(t.dataset, "/b/disk3") != NULL);
	WANT(volume_tune_zone("b", "gzip-3", &e) == 0);
	WANT(volume_tuning_get(other, &t, &e) == 0 && strcmp(t.compression, "off") == 0);
	WANT(volume_tune(other, "", &reserved, &e) == 0);
	WANT(volume_tuning_get(other, &t, &e) == 0 && strcmp(t.compression, "gzip-3") == 0);
	WANT(t.refreservation == 4 * MIB);
	/* What is rolled back past snapshots goes on with it. */
	WANT(volume_tune(other, "lz4", NULL, &e) == 0);
	WANT(volume_snapshot(other, "one", false, &e) == 0);
	WANT(volume_snapshot(other, "two", false, &e) == 0 &&
	    volume_rollback(other, "one", &e) == 0);
	WANT(volume_tuning_get(other, &t, &e) == 0 && strcmp(t.compression, "lz4") == 0);
	WANT(t.refreservation == 4 * MIB);
	reserved = 1ull << 50;
	WANT(volume_tune(other, NULL, &reserved, &e) != 0);
	reserved = 0;
	WANT(volume_tune(other, NULL, &reserved, &e) == 0);
	WANT(volume_tuning_get(other, &t, &e) == 0 && t.refreservation == 0);
	return (volume_destroy(other, &e) == 0);
}

static bool
says_no(void)
{
	struct volume_pool pool;

	WANT(make("a", 1, 1ull << 50, other) == -ENOSPC);
	WANT(make("a", 1, 1000, other) == -EINVAL);
	WANT(make("..", 1, MIB, other) == -EINVAL && make("a/b", 1, MIB, other) == -EINVAL);
	WANT(volume_destroy("/dev/null", &e) == -EINVAL);
	WANT(volume_path(other, "a", 1, &e) == 0 && size_of(other) == 0);
	WANT(volume_pool_get(&pool, &e) == 0);
	WANT(pool.size > SIZE && pool.free > 0 && pool.free <= pool.size && !pool.readonly);
	WANT(pool.instant == instant && pool.problem[0] == '\0');
	return (true);
}

static bool
is_gone(void)
{
	WANT(volume_destroy(path, &e) == 0);
	WANT(size_of(path) == 0);
	WANT(volume_destroy(path, &e) == 0); /* again */
	WANT(make("a", 0, SIZE, path) == 0 && has(path, 0, '\0') && has(path, 7, '\0'));
	WANT(volume_rollback(path, "vmsnap-one", &e) == -ENOENT); /* it had gone along */
	WANT(volume_destroy(path, &e) == 0);
	return (true);
}

/* Writes so much to a file of the zone's logs. */
static bool
keeps(size_t bytes)
{
	char name[PATH_MAX], block[4096] = { 'l' };
	int fd = open(path_zones(name, "a/logs/x"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0;

	for (size_t done = 0; ok && done < bytes; done += sizeof(block))
		ok = write(fd, block, sizeof(block)) == (ssize_t)sizeof(block);
	ok = fd >= 0 && fsync(fd) == 0 && ok;
	fd_close(&fd);
	return (unlink(name) == 0 && ok);
}

/* What a zone keeps beside its disks, where the file system has quotas; its disks are no part of it. */
static bool
limits_what_is_kept(void)
{
	char name[PATH_MAX];
	int rc;

	WANT(dir_make(path_zones(name, "a/logs"), 0700, &e) == 0);
	WANT(dir_make(path_zones(name, "a/config"), 0700, &e) == 0);
	WANT(dir_make(path_zones(name, "a/root"), 0700, &e) == 0);
	rc = quota_set("a", 4711, MIB, &e);
	WANT(rc == 0 || rc == -EOPNOTSUPP);
	printf("# quotas: %s\n", rc == 0 ? "yes" : "no");
	WANT(keeps(MIB / 2) && (rc != 0 || !keeps(2 * MIB)));
	WANT(make("a", 3, SIZE, other) == 0);
	for (int i = 0; i < 4; i++)
		WANT(put(other, i, 'q'));
	WANT(volume_destroy(other, &e) == 0);
	WANT(rc != 0 || (quota_set("a", 4711, 0, &e) == 0 && keeps(2 * MIB)));
	return (true);
}

/* What a volume was made of goes before it does. */
static bool
outlives_its_origin(void)
{
	const struct volume_spec spec = { .zone = "b", .index = 1, .image_uuid = UUID };
	char third[PATH_MAX];

	WANT(make("a", 0, SIZE, path) == 0 && put(path, 0, 'x'));
	WANT(volume_snapshot(path, "vmsnap-one", false, &e) == 0 && put(path, 0, 'y'));
	WANT(make_clone(path, "vmsnap-one", 0) == 0 && put(path, 1, 'p'));
	WANT(volume_snapshot(path, "vmsnap-two", false, &e) == 0 && put(other, 1, 'o'));
	WANT(volume_snapshot(other, "vmsnap-two", false, &e) == 0);
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0 && has(path, 0, 'x'));
	WANT(volume_snapshot_destroy(path, "vmsnap-one", &e) == 0);
	WANT(volume_rollback(path, "vmsnap-one", &e) == -ENOENT && has(other, 0, 'x'));
	WANT(put(path, 0, 'z') && volume_snapshot(path, "vmsnap-one", false, &e) == 0);
	WANT(volume_rollback(path, "vmsnap-two", &e) == 0 && has(path, 0, 'y'));
	WANT(volume_rollback(path, "vmsnap-one", &e) == 0 && has(path, 0, 'z'));
	WANT(volume_destroy(path, &e) == 0 && size_of(path) == 0);
	WANT(has(other, 0, 'x') && has(other, 1, 'o') && put(other, 1, 'q'));
	WANT(volume_rollback(other, "vmsnap-one", &e) == -ENOENT);
	WANT(volume_rollback(other, "vmsnap-two", &e) == 0 && has(other, 1, 'o'));
	WANT(import() && volume_create(&spec, third, &e) == 0);
	WANT(image_delete(UUID, &e) == 0 && has(third, 0, 'i') && has(third, 7, 'j'));
	WANT(volume_destroy(third, &e) == 0 && volume_destroy(other, &e) == 0);
	return (true);
}

int
main(int argc, char **argv)
{
	static const struct {
		bool (*step)(void);
		const char *text;
	} steps[] = {
		{ is_made, "a volume is made, of zeroes, once" },
		{ is_claimed, "who runs on it has it alone" },
		{ is_resized, "it grows under a guest, and shrinks without one" },
		{ has_snapshots, "snapshots are taken, come back, and go" },
		{ rolls_back_past_what_goes,
		    "later snapshots that go may go with a rollback, others stay" },
		{ rolls_the_size_back, "a snapshot has the size of its time" },
		{ is_kept_under_a_guest,
		    "a snapshot under a guest is of what it wrote, or refused" },
		{ are_kept_together, "snapshots of two are taken and go as one" },
		{ limits_what_is_kept, "what a zone keeps beside its disks is limited" },
		{ is_cloned, "clones have what they are made of, and a life of their own" },
		{ is_made_of_an_image, "volumes are made of an image" },
		{ has_odd_names, "any zone's and snapshot's name will do" },
		{ is_tuned, "compression and a reservation are changed, where the pool has them" },
		{ says_no, "what cannot be is refused, and leaves nothing" },
		{ is_gone, "what is destroyed is gone with its snapshots" },
		{ outlives_its_origin, "what a volume is made of may go before it" },
	};
	static const char *const zones[] = { "a", "b", "Zone_1.disk0-x" };
	char folder[PATH_MAX];
	int failed = 0;

	if (argc < 2)
		return (2);
	instant = argc > 2;
	for (size_t i = 0; i < NITEMS(zones); i++)
		if (zone_path_make(path_zones(folder, "%s", zones[i]), &e) != 0)
			failed = 1;
	for (size_t i = 0; i < NITEMS(steps); i++) {
		bool ok = steps[i].step();

		(void)printf("%s - %s: %s\n", ok ? "ok" : "not ok", argv[1], steps[i].text);
		(void)fflush(stdout);
		failed |= !ok;
	}
	return (failed);
}
