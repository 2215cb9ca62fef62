/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds what in a pool of zfs's. A snapshot cannot go while something is made of it, nor a volume while it
 * has snapshots; and rolling back to a snapshot takes those after it away. None of that is as those who use
 * volumes have it, so:
 *
 *   - a snapshot that is in use is given a hidden name, and goes with the last thing made of it (zfs destroy -d);
 *   - a volume whose snapshots are in use hands them over to what is made of the last of them (zfs promote), and
 *     then goes;
 *   - a volume that is rolled back past snapshots becomes VOLUME:wasN, which keeps these, and a new one is made
 *     in its place.
 *
 * Each step can be done again when it was interrupted. Tools and zoneadmd, root.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/volume_zfs.h"

#define BUSY_TRIES \
	50 /* times 100 ms: udev looks at new devices, and zfs says then that they are busy */
#define WAS_MAX 1000

static int
too_long(const struct zfs_name *of, struct err *e)
{
	return (err_say(e, ENAMETOOLONG,
	    "the names of '%s' and its snapshots are too long for zfs, which has 255 characters "
	    "for both",
	    of->text));
}

static struct zfs_name
zone_of(const struct zfs_name *volume)
{
	struct zfs_name zone = *volume;

	*strrchr(zone.text, '/') = '\0';
	return (zone);
}

/* All that there is of a volume: it, those that were it, and their snapshots. None: *n is 0. */
static int
list_volume(const struct zfs_name *volume, struct zfs_row **out, size_t *n, struct err *e)
{
	struct zfs_name zone = zone_of(volume);
	size_t all, k = 0;
	int rc;

	rc = zfs_list(&zone, out, &all, e);
	*n = 0;
	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc);
	for (size_t i = 0; i < all; i++) {
		if (zfs_is_part((*out)[i].name.text, volume))
			(*out)[k++] = (*out)[i];
	}
	*n = k;
	return (0);
}

static bool
is_snapshot_of(const struct zfs_row *r, const struct zfs_name *dataset)
{
	size_t len = strlen(dataset->text);

	return (strncmp(r->name.text, dataset->text, len) == 0 && r->name.text[len] == '@');
}

/* "VOLUME:wasN" itself? */
static bool
is_retired(const struct zfs_row *r, const struct zfs_name *volume)
{
	size_t len = strlen(volume->text);

	return (strncmp(r->name.text, volume->text, len) == 0 &&
	    strncmp(r->name.text + len, ":was", 4) == 0 && strchr(r->name.text, '@') == NULL);
}

/* The last snapshot of a dataset; NULL: it has none. */
static const struct zfs_row *
latest_of(const struct zfs_row *list, size_t n, const struct zfs_name *dataset)
{
	const struct zfs_row *latest = NULL;

	for (size_t i = 0; i < n; i++) {
		if (is_snapshot_of(&list[i], dataset) &&
		    (latest == NULL || list[i].txg > latest->txg))
			latest = &list[i];
	}
	return (latest);
}

/* ---- removing ---- */

int
zfs_remove(const struct zfs_name *name, const char *how, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };
	struct err own = { 0 };
	int rc = 0;

	for (int i = 0; i < BUSY_TRIES; i++) {
		rc = how != NULL ? zfs_run(&own, "destroy", how, name->text, NULL)
				 : zfs_run(&own, "destroy", name->text, NULL);
		if (rc == 0 || zfs_find(name, NULL, NULL) == -ENOENT)
			return (0);
		if (strstr(own.text, "busy") == NULL)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (e != NULL)
		*e = own;
	return (rc);
}

/* A snapshot goes, or, in use, goes with those who use it; under another name until then. */
static int
drop_snapshot(const struct zfs_row *r, struct err *e)
{
	struct zfs_name dataset = zfs_dataset_of(r->name.text), hidden = r->name;
	int rc;

	if (r->clone.text[0] == '\0')
		return (zfs_remove(&r->name, NULL, e));
	if (!zfs_is_hidden(r->name.text)) {
		if (!zfs_name_hidden(&hidden, &dataset))
			return (too_long(&dataset, e));
		if ((rc = zfs_run(e, "rename", r->name.text, hidden.text, NULL)) != 0)
			return (rc);
	}
	return (zfs_run(e, "destroy", "-d", hidden.text, NULL));
}

/* Those without a use go; those in use stay for as long, under names that are in nobody's way. */
static int
drop_snapshots(const struct zfs_name *dataset, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	size_t n;
	int rc = zfs_list(dataset, &list, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (is_snapshot_of(&list[i], dataset))
			rc = drop_snapshot(&list[i], e);
	return (rc);
}

/* What snapshots it still has, all in use, become those of what is made of the last one. */
static int
hand_over(const struct zfs_name *dataset, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	const struct zfs_row *latest;
	size_t n;
	int rc = zfs_list(dataset, &list, &n, e);

	if (rc != 0 || (latest = latest_of(list, n, dataset)) == NULL)
		return (rc);
	return (zfs_run(e, "promote", latest->clone.text, NULL));
}

int
zfs_dataset_remove(const struct zfs_name *dataset, struct err *e)
{
	int rc = zfs_find(dataset, NULL, e);

	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc);
	if ((rc = drop_snapshots(dataset, e)) != 0 || (rc = hand_over(dataset, e)) != 0 ||
	    (rc = zfs_remove(dataset, NULL, e)) != 0)
		return (rc);
	zfs_device_forget(dataset);
	return (0);
}

int
zfs_volume_remove(const struct zfs_name *volume, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	size_t n;
	int rc = list_volume(volume, &list, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (strchr(list[i].name.text, '@') == NULL)
			rc = zfs_dataset_remove(&list[i].name, e);
	return (rc);
}

/* ---- those that were the volume ---- */

/* Has it a snapshot that anybody asks for? */
static bool
is_wanted(const struct zfs_row *list, size_t n, const struct zfs_name *was)
{
	for (size_t i = 0; i < n; i++)
		if (is_snapshot_of(&list[i], was) && !zfs_is_hidden(list[i].name.text))
			return (true);
	return (false);
}

/* Only its snapshots count: what was written after the last of them goes, and its device. */
static int
tidy_one(const struct zfs_row *list, size_t n, const struct zfs_name *was, struct err *e)
{
	const struct zfs_row *latest = latest_of(list, n, was);
	int rc;

	if ((rc = zfs_run(e, "set", "volmode=none", "refreservation=none", was->text, NULL)) != 0)
		return (rc);
	return (zfs_run(e, "rollback", latest->name.text, NULL));
}

/* Those without a snapshot that is wanted go. *gone: there were such. */
static int
drop_unwanted(
    const struct zfs_row *list, size_t n, const struct zfs_name *volume, bool *gone, struct err *e)
{
	int rc = 0;

	*gone = false;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (!is_retired(&list[i], volume) || is_wanted(list, n, &list[i].name))
			continue;
		*gone = true;
		rc = zfs_dataset_remove(&list[i].name, e);
	}
	return (rc);
}

int
zfs_retired_tidy(const struct zfs_name *volume, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	bool gone = true;
	size_t n;
	int rc;

	/* With one that goes, snapshots of others may, which it was made of. */
	do {
		free(list);
		list = NULL;
		if ((rc = list_volume(volume, &list, &n, e)) == 0)
			rc = drop_unwanted(list, n, volume, &gone, e);
	} while (rc == 0 && gone);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (is_retired(&list[i], volume))
			rc = tidy_one(list, n, &list[i].name, e);
	return (rc);
}

/* After snapshots have gone: those of these volumes that have none that is wanted. They have been tidied when they were retired. */
static int
sweep_retired(const struct zfs_name *zone, const struct zfs_name *volumes, size_t n, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	size_t rows;
	int rc = zfs_list(zone, &list, &rows, e);

	for (size_t i = 0; rc == 0 && i < rows; i++)
		for (size_t k = 0; rc == 0 && k < n; k++)
			if (is_retired(&list[i], &volumes[k]) &&
			    !is_wanted(list, rows, &list[i].name))
				rc = zfs_dataset_remove(&list[i].name, e);
	return (rc == -ENOENT ? 0 : rc);
}

int
zfs_volume_retire(const struct zfs_name *volume, struct err *e)
{
	struct zfs_name was;
	char suffix[16];
	int rc = zfs_find(volume, NULL, e);

	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc);
	for (int i = 1; i < WAS_MAX; i++) {
		(void)snprintf(suffix, sizeof(suffix), ":was%d", i);
		if (!zfs_name_join(&was, volume, suffix))
			return (too_long(volume, e));
		rc = zfs_find(&was, NULL, e);
		if (rc == -ENOENT)
			return (zfs_run(e, "rename", volume->text, was.text, NULL));
		if (rc != 0)
			return (rc);
	}
	return (err_say(e, EMLINK, "volume '%s' has been rolled back too often: delete snapshots",
	    volume->text));
}

/* ---- snapshots by name ---- */

/* Is the row a snapshot that is called so by its owner? */
static bool
is_called(const struct zfs_row *r, const char *name)
{
	struct zfs_name dataset = zfs_dataset_of(r->name.text), one;

	return (zfs_name_snapshot(&one, &dataset, name) && strcmp(one.text, r->name.text) == 0);
}

/* Is it called by one of these names, and is nothing made of it? */
static bool
may_go(const struct zfs_row *r, const char *const going[], size_t m)
{
	for (size_t i = 0; r->clone.text[0] == '\0' && i < m; i++)
		if (is_called(r, going[i]))
			return (true);
	return (false);
}

/* Is there no snapshot of the dataset after this one, but for such as may go? */
static bool
is_last(const struct zfs_row *list, size_t n, const struct zfs_row *of,
    const struct zfs_name *dataset, const char *const going[], size_t m)
{
	for (size_t i = 0; i < n; i++)
		if (is_snapshot_of(&list[i], dataset) && list[i].txg > of->txg &&
		    !may_go(&list[i], going, m))
			return (false);
	return (is_snapshot_of(of, dataset));
}

int
zfs_snapshot_find_past(const struct zfs_name *volume, const char *name, const char *const going[],
    size_t m, struct zfs_row *out, bool *last, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	const struct zfs_row *found = NULL;
	struct zfs_name own;
	size_t n;
	int rc;

	if (!zfs_name_snapshot(&own, volume, name))
		return (too_long(volume, e));
	if ((rc = list_volume(volume, &list, &n, e)) != 0)
		return (rc);
	for (size_t i = 0; i < n; i++) {
		if (is_called(&list[i], name) &&
		    (found == NULL || is_snapshot_of(&list[i], volume)))
			found = &list[i];
	}
	if (found == NULL)
		return (-ENOENT);
	*out = *found;
	*last = is_last(list, n, found, volume, going, m);
	return (0);
}

int
zfs_snapshot_find(
    const struct zfs_name *volume, const char *name, struct zfs_row *out, struct err *e)
{
	bool last;

	return (zfs_snapshot_find_past(volume, name, NULL, 0, out, &last, e));
}

int
zfs_snapshots_used(const struct zfs_name *zone, const struct zfs_name *volumes, size_t n,
    const char *const names[], size_t m, uint64_t bytes[], struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	size_t rows;
	int rc = zfs_list(zone, &list, &rows, e);

	for (size_t i = 0; rc == 0 && i < rows; i++)
		for (size_t k = 0; k < n; k++)
			for (size_t j = 0; zfs_is_part(list[i].name.text, &volumes[k]) && j < m;
			     j++)
				if (is_called(&list[i], names[j]))
					bytes[j] += list[i].used;
	return (rc);
}

/* Is the snapshot one of these volumes', and is nothing made of it? */
static bool
is_free_of(const struct zfs_row *r, const struct zfs_name *volumes, size_t n)
{
	for (size_t i = 0; r->clone.text[0] == '\0' && i < n; i++)
		if (zfs_is_part(r->name.text, &volumes[i]))
			return (true);
	return (false);
}

int
zfs_snapshots_remove(const struct zfs_name *zone, const struct zfs_name *volumes, size_t n,
    const char *name, bool *done, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	struct zfs_name all;
	size_t rows, found = 0;
	bool retired = false;
	int rc = zfs_list(zone, &list, &rows, e);

	*done = false;
	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc);
	for (size_t i = 0; i < rows; i++) {
		if (!is_called(&list[i], name))
			continue;
		found++;
		retired = retired || strstr(list[i].name.text, ":was") != NULL;
		if (!is_free_of(&list[i], volumes, n))
			return (0);
	}
	*done = true;
	if (found == 0)
		return (0);
	if (!zfs_name_snapshot(&all, zone, name))
		return (too_long(zone, e));
	rc = zfs_run(e, "destroy", "-r", all.text, NULL);
	/* One may have become busy, or been used, since: one after the other, then. */
	if (rc == -EIO) {
		err_clear(e);
		*done = false;
		return (0);
	}
	return (rc == 0 && retired ? sweep_retired(zone, volumes, n, e) : rc);
}

int
zfs_snapshot_remove(const struct zfs_name *volume, const char *name, bool own, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	struct zfs_name zone;
	bool elsewhere = false;
	size_t n;
	int rc = list_volume(volume, &list, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool of_volume = is_snapshot_of(&list[i], volume);

		if (!is_called(&list[i], name) || (of_volume && !own))
			continue;
		elsewhere = elsewhere || !of_volume;
		rc = drop_snapshot(&list[i], e);
	}
	if (rc != 0 || !elsewhere)
		return (rc);
	zone = zone_of(volume);
	return (sweep_retired(&zone, volume, 1, e));
}
