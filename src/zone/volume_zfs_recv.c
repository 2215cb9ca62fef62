/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes out of a stream of zfs send -R: zfs(8) receives all of it, filesystems and zvols, below GROUP/ZONE/disk0:coming;
 * the zvols that are wanted move from there to their names, and what is left goes, never having been mounted. What a
 * stream says of itself is its sender's: properties that are promises of this host's to its guests (sync), or would
 * give it work or devices (volmode), are left out of it. Tools, root.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/program.h"
#include "zone/volume_zfs.h"

#define NO_ORIGIN "local origin for clone"

int
zfs_coming_remove(const struct zfs_name *zone, struct err *e)
{
	struct zfs_name coming;
	int rc;

	if (!zfs_name_join(&coming, zone, "/disk0" ZFS_COMING))
		return (0); /* too long to be there */
	if ((rc = zfs_find(&coming, NULL, e)) != 0)
		return (rc == -ENOENT ? 0 : rc);
	/* What was made of its snapshots came with it, and is nobody's yet. */
	return (zfs_remove(&coming, "-R", e));
}

static int
receive(const struct zfs_name *to, int fd, struct err *e)
{
	const char *const words[] = { "/usr/sbin/zfs", "receive", "-u", "-x", "volmode", "-x",
		"snapdev", "-x", "readonly", "-x", "sync", "-x", "copies", "-x", "dedup", "-x",
		"compression", "-x", "reservation", "-x", "refreservation", "-x", "quota", "-x",
		"refquota", to->text, NULL };
	struct err own = { 0 };
	int rc = program_feed(words, fd, &own);

	if (rc == -EIO && strstr(own.text, NO_ORIGIN) != NULL)
		return (err_say(e, ENOENT,
		    "one of its disks is sent as a clone of an image that this pool has not: send "
		    "the "
		    "image's snapshot (zfs get origin tells it) there by zfs send, receive it here "
		    "by "
		    "zfs receive %.*s/ANYNAME, and send the VM again",
		    (int)strcspn(to->text, "/"), to->text));
	if (rc != 0 && e != NULL)
		*e = own;
	return (rc);
}

/* Where a dataset is that is called `dataset` in a stream of `sent`; false: it is not of that stream. */
static bool
arrived_as(
    const struct zfs_name *coming, const char *sent, const char *dataset, struct zfs_name *out)
{
	size_t len = strlen(sent);

	return (strncmp(dataset, sent, len) == 0 && (dataset[len] == '\0' || dataset[len] == '/') &&
	    zfs_name_join(out, coming, dataset + len));
}

/* To its name, without the snapshots that came with it, and as it is to be here. */
static int
take_volume(const struct zfs_name *from, const struct zfs_name *volume,
    const struct volume_arrival *a, struct err *e)
{
	const uint64_t *reserved = a->spec.refreservation != 0 ? &a->spec.refreservation : NULL;
	struct zfs_name snapshots;
	struct zfs_row r;
	int rc = zfs_find(from, &r, e);

	if (rc == -ENOENT || (rc == 0 && r.size == 0))
		return (err_say(e, EINVAL, "the stream has no volume '%s'", a->dataset));
	if (rc == 0 && r.size < a->spec.size)
		return (err_say(e, EINVAL,
		    "volume '%s' has %llu MiB, and the VM's description says %llu", a->dataset,
		    (unsigned long long)(r.size / MIB), (unsigned long long)(a->spec.size / MIB)));
	if (!zfs_name_join(&snapshots, volume, "@%"))
		return (err_say(e, ENAMETOOLONG, "the name '%s' is too long", volume->text));
	if (rc != 0 || (rc = zfs_run(e, "rename", from->text, volume->text, NULL)) != 0)
		return (rc);
	zfs_device_forget(from);
	if ((rc = zfs_run(e, "destroy", snapshots.text, NULL)) != 0 ||
	    (rc = zfs_tune(volume, a->spec.compression, reserved, e)) != 0)
		return (rc);
	return (zfs_device_ready(volume, e));
}

static int
take_volumes(const struct zfs_name *coming, const struct zfs_name *volumes,
    struct volume_arrival *want, size_t n, const char *sent, struct err *e)
{
	struct zfs_name from;
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (want[i].here || !arrived_as(coming, sent, want[i].dataset, &from))
			continue;
		if ((rc = take_volume(&from, &volumes[i], &want[i], e)) != 0)
			return (rc);
		want[i].here = true;
	}
	return (0);
}

/* What is left of it; not with -R: what a volume that was taken is made of has to stay. */
static int
drop_rest(const struct zfs_name *coming, struct err *e)
{
	int rc = zfs_find(coming, NULL, e);

	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc); /* it was a volume itself, and taken */
	if ((rc = zfs_remove(coming, "-r", e)) != 0)
		return (err_ctx(e, "what came beside the disks cannot go, as they are made of it"));
	return (0);
}

int
zfs_stream_receive(const struct zfs_name *zone, const struct zfs_name *volumes,
    struct volume_arrival *want, size_t n, const char *sent, int fd, struct err *e)
{
	struct zfs_name coming;
	int rc;

	if (!zfs_name_join(&coming, zone, "/disk0" ZFS_COMING))
		return (err_say(e, ENAMETOOLONG, "the name '%s' is too long", zone->text));
	if ((rc = zfs_coming_remove(zone, e)) != 0)
		return (rc);
	if ((rc = receive(&coming, fd, e)) == 0 &&
	    (rc = take_volumes(&coming, volumes, want, n, sent, e)) == 0)
		rc = drop_rest(&coming, e);
	if (rc != 0)
		(void)zfs_coming_remove(zone, NULL);
	return (rc);
}
