/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots of VMs: see vmsnap.h. Commands that change them hold a lock on the folder; each first
 * clears away what an interrupted one left. Nothing here knows what a volume is made of. Tools, root.
 */
#include "zone/vmsnap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/brand.h"
#include "zone/client.h"
#include "zone/events.h"
#include "zone/paths.h"
#include "zone/vmconfig.h"
#include "zone/vmobj.h"
#include "zone/volume.h"

#define PREFIX     "vmsnap-"
#define SUFFIX     ".json"
#define RECORD_MAX (8u * 1024u * 1024u) /* three files of VMCONFIG_FILE_MAX, escaped */

/* What is being done with it. */
#define STATE_WHOLE    "whole"
#define STATE_CREATING "creating"
#define STATE_DELETING "deleting"
#define STATE_ROLLBACK "rollback"

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return (s != NULL ? s : "");
}

static bool
is_state(const json_t *record, const char *state)
{
	return (strcmp(text_of(record, "state"), state) == 0);
}

int
vmsnap_name_check(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n == 0 || n > VMSNAP_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:%") !=
		n)
		return (err_say(e, EINVAL, "Invalid snapshot name"));
	return (0);
}

/* ---- records ---- */

static char *
record_path(char path[PATH_MAX], const char *zone, const char *name)
{
	return (path_zones(path, "%s/snapshots/" PREFIX "%s" SUFFIX, zone, name));
}

/*
 * The zone may have had another name when the record was written (rename.h, attach): a disk that was in its zone
 * path then has moved with it. Disks of other zones are in no record.
 */
static int
follow_name(const char *zone, json_t *disks)
{
	char pool[PATH_MAX], now[PATH_MAX];
	size_t len = strlen(path_zones(pool, "%s", "")), i;
	const json_t *disk;

	json_array_foreach (disks, i, disk) {
		const char *was = json_string_value(disk), *rest;

		if (was == NULL || strncmp(was, pool, len) != 0 || was[len] != '/' ||
		    (rest = strchr(was + len + 1, '/')) == NULL ||
		    len + 1 + strlen(zone) + strlen(rest) >= sizeof(now))
			continue;
		if (json_array_set_new(
			disks, i, json_string(path_zones(now, "%s%s", zone, rest))) != 0)
			return (-ENOMEM);
	}
	return (0);
}

static int
record_load(const char *zone, const char *name, json_t **out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t len;
	int rc;

	if ((rc = file_read(record_path(path, zone, name), RECORD_MAX, &text, &len, e)) != 0)
		return (rc);
	*out = json_loadb(text, len, 0, NULL);
	if (strcmp(text_of(*out, "name"), name) == 0 &&
	    json_is_integer(json_object_get(*out, "seq")) &&
	    json_is_array(json_object_get(*out, "disks"))) {
		if ((rc = follow_name(zone, json_object_get(*out, "disks"))) == 0)
			return (0);
		(void)err_set(e, -rc, "cannot read '%s'", path);
	} else {
		rc = err_say(e, EINVAL, "'%s' is damaged", path);
	}
	json_decref(*out);
	*out = NULL;
	return (rc);
}

static int
record_store(const char *zone, const json_t *record, const char *state, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];

	(void)json_object_set_new((json_t *)(uintptr_t)record, "state", json_string(state));
	if ((text = json_dumps(record, JSON_INDENT(2) | JSON_PRESERVE_ORDER)) == NULL)
		return (err_set(e, ENOMEM, "cannot write a snapshot's record"));
	return (file_replace(
	    record_path(path, zone, text_of(record, "name")), text, strlen(text), 0600, e));
}

static int
newest_first(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "seq")),
		   y = json_integer_value(json_object_get(*(json_t *const *)b, "seq"));

	return (x < y ? 1 : x > y ? -1 : 0);
}

static json_t *
sorted(json_t *records)
{
	size_t n = json_array_size(records);
	CLEANUP_FREE json_t **list = calloc(n + 1, sizeof(json_t *));
	json_t *out = json_array();

	for (size_t i = 0; list != NULL && i < n; i++)
		list[i] = json_array_get(records, i);
	if (list != NULL)
		qsort(list, n, sizeof(*list), newest_first);
	for (size_t i = 0; list != NULL && i < n; i++)
		(void)json_array_append(out, list[i]);
	json_decref(records);
	return (out);
}

/* All records, of every state, newest first. One that is damaged is told of and left out. */
static int
records_load(const char *zone, json_t **out, struct err *e)
{
	json_t *all = json_array(), *one;
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct err why = { 0 };
	struct dirent *de;
	DIR *d;

	if ((d = opendir(path_zones(path, "%s/snapshots", zone))) == NULL && errno != ENOENT &&
	    errno != EACCES && errno != ENOTDIR) {
		json_decref(all);
		return (err_set(e, errno, "cannot read '%s'", path));
	}
	while (d != NULL && (de = readdir(d)) != NULL) {
		size_t n = strlen(de->d_name), fix = strlen(PREFIX SUFFIX);

		if (n <= fix || strncmp(de->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    strcmp(de->d_name + n - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		(void)snprintf(
		    name, sizeof(name), "%.*s", (int)(n - fix), de->d_name + strlen(PREFIX));
		if (vmsnap_name_check(name, NULL) != 0)
			continue;
		if (record_load(zone, name, &one, &why) == 0)
			(void)json_array_append_new(all, one);
		else
			log_warn("snapshot '%s': %s", name, why.text);
	}
	if (d != NULL)
		(void)closedir(d);
	*out = sorted(all);
	return (0);
}

static void
snap_name(const json_t *record, char out[VOLUME_SNAP_MAX])
{
	(void)snprintf(out, VOLUME_SNAP_MAX, PREFIX "%s", text_of(record, "name"));
}

/* Its disks; the list is the caller's (free), the paths are the record's. */
static int
disk_paths(const json_t *record, const char ***out, size_t *n, struct err *e)
{
	const json_t *disks = json_object_get(record, "disks"), *disk;
	const char **list = calloc(json_array_size(disks) + 1, sizeof(*list));
	size_t i;

	if (list == NULL)
		return (err_set(e, ENOMEM, "cannot look at a snapshot's disks"));
	*n = 0;
	json_array_foreach (disks, i, disk)
		if (json_is_string(disk))
			list[(*n)++] = json_string_value(disk);
	*out = list;
	return (0);
}

/* ---- boot variables: a small file of the zone's, copied ---- */

static int
copy_file(const char *from, const char *to, struct err *e)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;
	int rc = file_read(from, 64 * MIB, &data, &len, e);

	if (rc == -ENOENT) {
		err_clear(e);
		return (unlink(to) == 0 || errno == ENOENT
			? 0
			: err_set(e, errno, "cannot remove '%s'", to));
	}
	return (rc != 0 ? rc : file_replace(to, data, len, 0600, e));
}

static int
vars(const char *zone, const json_t *record, bool back, struct err *e)
{
	char live[PATH_MAX], kept[PATH_MAX], name[VOLUME_SNAP_MAX];

	snap_name(record, name);
	(void)path_zones(live, "%s/config/uefivars.fd", zone);
	(void)path_zones(kept, "%s/snapshots/uefivars@%s", zone, name);
	return (back ? copy_file(kept, live, e) : copy_file(live, kept, e));
}

/* ---- removing ---- */

/* What it consists of, and then its record. */
static int
erase(const char *zone, const json_t *record, struct err *e)
{
	CLEANUP_FREE const char **paths = NULL;
	char path[PATH_MAX], name[VOLUME_SNAP_MAX];
	size_t n;
	int rc;

	snap_name(record, name);
	if ((rc = disk_paths(record, &paths, &n, e)) != 0 ||
	    (rc = volume_snapshot_destroy_all(paths, n, name, e)) != 0)
		return (rc);
	if (unlink(path_zones(path, "%s/snapshots/uefivars@%s", zone, name)) != 0 &&
	    errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s'", path));
	if (unlink(record_path(path, zone, text_of(record, "name"))) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s'", path));
	return (0);
}

/* Records that were being written when their writer was killed (file_replace's own names). */
static void
sweep(const char *zone)
{
	size_t fix = strlen(SUFFIX);
	char path[PATH_MAX];
	struct dirent *de;
	DIR *d;

	if ((d = opendir(path_zones(path, "%s/snapshots", zone))) == NULL)
		return;
	while ((de = readdir(d)) != NULL) {
		const char *end = strrchr(de->d_name, '.');

		if (end != NULL && strlen(end) == 7 && (size_t)(end - de->d_name) > fix &&
		    strncmp(end - fix, SUFFIX, fix) == 0 &&
		    strncmp(de->d_name, PREFIX, strlen(PREFIX)) == 0)
			(void)unlinkat(dirfd(d), de->d_name, 0);
	}
	(void)closedir(d);
}

/* The folder, made when it is missing, locked until *fd is closed; and its records. */
static int
begin(const char *zone, int *fd, json_t **records, struct err *e)
{
	const json_t *one;
	char path[PATH_MAX];
	size_t i;
	int rc;

	if ((rc = dir_make(path_zones(path, "%s/snapshots", zone), 0700, e)) != 0)
		return (rc);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
		return (err_set(e, errno, "cannot lock '%s'", path));
	sweep(zone);
	if ((rc = records_load(zone, records, e)) != 0)
		return (rc);
	json_array_foreach (*records, i, one) {
		if (!is_state(one, STATE_CREATING) && !is_state(one, STATE_DELETING))
			continue;
		log_info("snapshot '%s' was interrupted: it goes", text_of(one, "name"));
		if ((rc = erase(zone, one, e)) != 0)
			break;
		(void)json_array_remove(*records, i--);
	}
	if (rc != 0) {
		json_decref(*records);
		*records = NULL;
	}
	return (rc);
}

static json_t *
find(const json_t *records, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach (records, i, one)
		if (strcmp(text_of(one, "name"), name) == 0)
			return (one);
	return (NULL);
}

static int
find_or_say(
    const struct zconf *c, const json_t *records, const char *name, json_t **out, struct err *e)
{
	*out = find(records, name);
	return (*out != NULL
		? 0
		: err_say(e, ENOENT, "No snapshot named \"%s\" for %s", name, c->uuid));
}

/* ---- taking ---- */

/* The volumes that are the zone's own, by path. */
static json_t *
own_disks(const struct zconf *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->ndevice; i++) {
		const struct zdevice *d = &c->device[i];
		const char *media = zprop_get(d->prop, d->nprop, "media");

		if (brand_is_passthru(d) || (media != NULL && strcmp(media, "cdrom") == 0))
			continue;
		if (d->match != NULL && volume_is_of(d->match, c->name))
			(void)json_array_append_new(list, json_string(d->match));
		else
			log_warn("disk '%s' is not the VM's own: snapshots do not have it",
			    d->match != NULL ? d->match : "");
	}
	return (list);
}

/* The disks of all records, each once; the list is the caller's (free), the paths are the records'. */
static const char **
all_disks(const json_t *records, size_t *n)
{
	const char **list = NULL, **more;
	const json_t *one, *disk;
	size_t i, k, j;

	*n = 0;
	json_array_foreach (records, i, one) {
		json_array_foreach (json_object_get(one, "disks"), k, disk) {
			const char *path = json_string_value(disk);

			for (j = 0; path != NULL && j < *n && strcmp(list[j], path) != 0; j++)
				;
			if (path == NULL || j < *n ||
			    (more = reallocarray(list, *n + 1, sizeof(*list))) == NULL)
				continue;
			list = more;
			list[(*n)++] = path;
		}
	}
	return (list);
}

/*
 * Bytes that nothing but each of the snapshots holds, as far as the pool tells, in the order of the records, all asked for
 * at once; the caller's (free).
 */
static int
sizes_of(const json_t *records, uint64_t **out, struct err *e)
{
	size_t m = json_array_size(records), n;
	CLEANUP_FREE char(*name)[VOLUME_SNAP_MAX] = calloc(m + 1, sizeof(*name));
	CLEANUP_FREE const char **names = calloc(m + 1, sizeof(*names)), **paths = NULL;
	uint64_t *bytes = calloc(m + 1, sizeof(*bytes));

	if (name == NULL || names == NULL || bytes == NULL) {
		free(bytes);
		return (err_set(e, ENOMEM, "cannot look at the snapshots"));
	}
	for (size_t i = 0; i < m; i++) {
		snap_name(json_array_get(records, i), name[i]);
		names[i] = name[i];
	}
	paths = all_disks(records, &n);
	volume_snapshots_usage(paths, n, names, m, bytes);
	*out = bytes;
	return (0);
}

/*
 * What snapshots may take of flexible_disk_size is what disks leave of it, as in SmartOS. Without it there is no limit, for nothing
 * is reserved for disks either.
 */
static int
check_space(const struct zconf *c, const json_t *records, const char *name, struct err *e)
{
	const char *limit = zconf_attr(c, "flexible-disk-size"), *text;
	CLEANUP_FREE uint64_t *bytes = NULL;
	double sum = 0;
	size_t i;
	int rc;

	if (limit == NULL)
		return (0);
	if ((rc = sizes_of(records, &bytes, e)) != 0)
		return (rc);
	for (i = 0; i < c->ndevice; i++) {
		const struct zdevice *d = &c->device[i];

		text = zprop_get(d->prop, d->nprop, "size");
		if (text == NULL)
			text = zprop_get(d->prop, d->nprop, "image-size");
		sum += text != NULL ? strtod(text, NULL) : 0;
	}
	for (i = 0; i < json_array_size(records); i++)
		sum += (double)bytes[i] / (double)MIB;
	if (sum < strtod(limit, NULL))
		return (0);
	return (err_say(e, ENOSPC,
	    "cannot create snapshot \"%s\": out of space: disks and snapshots have %.0f MiB, and "
	    "flexible_disk_size is %s",
	    name, sum, limit));
}

static int
new_record(
    const struct zconf *c, const json_t *records, const char *name, json_t **out, struct err *e)
{
	json_int_t seq = json_integer_value(json_object_get(json_array_get(records, 0), "seq")) + 1;
	const char *limit = zconf_attr(c, "zfs-snapshot-limit");
	char now[VMOBJ_TIME_LEN + 1];
	struct vmconfig vc;
	json_t *disks;
	int rc;

	if (find(records, name) != NULL)
		return (err_say(e, EEXIST, "snapshot with name \"%s\" already exists.", name));
	if (limit != NULL && json_array_size(records) >= strtoull(limit, NULL, 10))
		return (err_say(e, EDQUOT,
		    "cannot create snapshot \"%s\": the VM has %zu, and zfs_snapshot_limit is %s",
		    name, json_array_size(records), limit));
	if ((rc = check_space(c, records, name, e)) != 0 ||
	    (rc = vmconfig_load(c->name, &vc, e)) != 0)
		return (rc);
	disks = own_disks(c);
	vmobj_time(clock_real_ns() / 1000000, now);
	if (json_array_size(disks) == 0)
		rc = err_say(
		    e, ENOENT, "VM %s has no disk of its own: there is nothing to keep", c->uuid);
	else
		*out = json_pack("{s:s, s:s, s:I, s:O, s:{s:O, s:O, s:O, s:O}}", "name", name,
		    "created_at", now, "seq", seq, "disks", disks, "config", "customer_metadata",
		    vc.customer_metadata, "internal_metadata", vc.internal_metadata, "tags",
		    vc.tags, "routes", vc.routes);
	json_decref(disks);
	vmconfig_free(&vc);
	return (rc != 0 || *out != NULL ? rc : err_set(e, ENOMEM, "cannot take a snapshot"));
}

/* For all its disks, until one fails. */
static int
each_disk(const json_t *record, int (*fn)(const char *path, const char *name, struct err *e),
    struct err *e)
{
	char name[VOLUME_SNAP_MAX];
	const json_t *disk;
	size_t i;
	int rc = 0;

	snap_name(record, name);
	json_array_foreach (json_object_get(record, "disks"), i, disk)
		if (rc == 0)
			rc = fn(json_string_value(disk), name, e);
	return (rc);
}

static int
flush(const char *path, const char *name, struct err *e)
{
	(void)name;
	return (volume_flush(path, e));
}

static int
take_stopped(const struct zconf *c, const json_t *record, struct err *e)
{
	CLEANUP_FREE const char **paths = NULL;
	char name[VOLUME_SNAP_MAX];
	size_t n;
	int rc;

	snap_name(record, name);
	if ((rc = disk_paths(record, &paths, &n, e)) != 0 ||
	    (rc = volume_snapshot_all(paths, n, name, false, e)) != 0)
		return (rc);
	return (vars(c->name, record, false, e));
}

static int
take_running(const struct zconf *c, const json_t *record, int64_t *paused_us, struct err *e)
{
	CLEANUP_FREE const char **paths = NULL;
	char name[VOLUME_SNAP_MAX];
	struct err lost = { 0 };
	int fd, rc, end;
	size_t n;

	snap_name(record, name);
	if ((rc = disk_paths(record, &paths, &n, e)) != 0)
		return (rc);

	/* What is written now has not to be written while the guest waits. */
	if ((rc = each_disk(record, flush, e)) != 0 || (rc = zone_pause(c->name, &fd, e)) != 0)
		return (rc);
	rc = volume_snapshot_all(paths, n, name, true, e);
	if (rc == 0)
		rc = vars(c->name, record, false, e);
	end = zone_resume(&fd, paused_us, &lost);
	if (rc == 0 && end != 0)
		rc = err_say(e, lost.errnum,
		    "it took too long, and the guest could not be held any longer: %s", lost.text);
	return (rc);
}

int
vmsnap_create(
    const struct zconf *c, const char *name, bool running, int64_t *paused_us, struct err *e)
{
	json_t *records = NULL, *record = NULL;
	CLEANUP_FD int lock = -1;
	struct err undo = { 0 };
	int rc;

	*paused_us = 0;
	if ((rc = vmsnap_name_check(name, e)) != 0 ||
	    (rc = begin(c->name, &lock, &records, e)) != 0)
		return (rc);
	if ((rc = vmsnap_check(c->name, e)) == 0 &&
	    (rc = new_record(c, records, name, &record, e)) == 0 &&
	    (rc = record_store(c->name, record, STATE_CREATING, e)) == 0) {
		rc = running ? take_running(c, record, paused_us, e) : take_stopped(c, record, e);
		if (rc == 0 && (rc = each_disk(record, volume_settle, e)) == 0)
			rc = record_store(c->name, record, STATE_WHOLE, e);
		if (rc != 0 && erase(c->name, record, &undo) != 0)
			log_err("%s", undo.text);
	}
	json_decref(record);
	json_decref(records);
	return (rc);
}

/* ---- the others ---- */

static int
drop(const char *zone, const json_t *record, struct err *e)
{
	int rc = record_store(zone, record, STATE_DELETING, e);

	return (rc != 0 ? rc : erase(zone, record, e));
}

int
vmsnap_delete(const struct zconf *c, const char *name, struct err *e)
{
	json_t *records = NULL, *record;
	CLEANUP_FD int lock = -1;
	int rc;

	if ((rc = vmsnap_name_check(name, e)) != 0 ||
	    (rc = begin(c->name, &lock, &records, e)) != 0)
		return (rc);
	if ((rc = find_or_say(c, records, name, &record, e)) == 0) {
		if (is_state(record, STATE_ROLLBACK))
			rc = err_say(e, EBUSY,
			    "the VM is half rolled back to snapshot \"%s\": roll it back again "
			    "first",
			    name);
		else
			rc = drop(c->name, record, e);
	}
	json_decref(records);
	return (rc);
}

static int
restore_config(struct vmconfig *vc, void *ctx)
{
	const json_t *config = ctx;
	struct vmconfig was = {
		.customer_metadata = json_incref(json_object_get(config, "customer_metadata")),
		.internal_metadata = json_incref(json_object_get(config, "internal_metadata")),
		.tags = json_incref(json_object_get(config, "tags")),
		.routes = json_incref(json_object_get(config, "routes")),
	};

	vmconfig_free(vc);
	*vc = was;
	return (0);
}

/* All its disks; the snapshots that go when that is done, those after it, need not be kept until then. */
static int
roll_disks(const json_t *records, const json_t *record, struct err *e)
{
	CLEANUP_FREE char(*text)[VOLUME_SNAP_MAX] =
	    calloc(json_array_size(records) + 1, sizeof(*text));
	CLEANUP_FREE const char **going = calloc(json_array_size(records) + 1, sizeof(*going));
	json_int_t seq = json_integer_value(json_object_get(record, "seq"));
	char name[VOLUME_SNAP_MAX];
	size_t i, m = 0;
	const json_t *one;
	int rc = 0;

	if (text == NULL || going == NULL)
		return (err_set(e, ENOMEM, "cannot roll back"));
	json_array_foreach (records, i, one) {
		if (json_integer_value(json_object_get(one, "seq")) <= seq)
			continue;
		snap_name(one, text[m]);
		going[m] = text[m];
		m++;
	}
	snap_name(record, name);
	json_array_foreach (json_object_get(record, "disks"), i, one)
		if (rc == 0)
			rc = volume_rollback_past(json_string_value(one), name, going, m, e);
	return (rc);
}

static int
go_back(const struct zconf *c, const json_t *records, const json_t *record, struct err *e)
{
	json_int_t seq = json_integer_value(json_object_get(record, "seq"));
	const json_t *one;
	size_t i;
	int rc;

	json_array_foreach (records, i, one) {
		if (one != record && is_state(one, STATE_ROLLBACK))
			log_warn("the rollback to \"%s\" was interrupted: this one takes its place",
			    text_of(one, "name"));
	}
	if ((rc = record_store(c->name, record, STATE_ROLLBACK, e)) != 0 ||
	    (rc = roll_disks(records, record, e)) != 0 ||
	    (rc = vars(c->name, record, true, e)) != 0 ||
	    (rc = vmconfig_change(c->name, restore_config, json_object_get(record, "config"), e)) !=
		0)
		return (rc);
	json_array_foreach (records, i, one) {
		if (json_integer_value(json_object_get(one, "seq")) > seq &&
		    (rc = drop(c->name, one, e)) != 0)
			return (rc);
		if (one != record && is_state(one, STATE_ROLLBACK) &&
		    (rc = record_store(c->name, one, STATE_WHOLE, e)) != 0)
			return (rc);
	}
	return (record_store(c->name, record, STATE_WHOLE, e));
}

int
vmsnap_rollback(const struct zconf *c, const char *name, struct err *e)
{
	json_t *records = NULL, *record;
	CLEANUP_FD int lock = -1;
	int rc;

	if ((rc = vmsnap_name_check(name, e)) != 0 ||
	    (rc = begin(c->name, &lock, &records, e)) != 0)
		return (rc);
	if ((rc = find_or_say(c, records, name, &record, e)) == 0)
		rc = go_back(c, records, record, e);
	json_decref(records);
	return (rc);
}

int
vmsnap_check(const char *zone, struct err *e)
{
	const json_t *one;
	json_t *records;
	size_t i;
	int rc;

	if ((rc = records_load(zone, &records, e)) != 0)
		return (rc);
	json_array_foreach (records, i, one)
		if (rc == 0 && is_state(one, STATE_ROLLBACK))
			rc = err_say(e, EBUSY,
			    "a rollback to snapshot \"%s\" was interrupted, and the disks do not "
			    "belong together: roll back again (vmadm rollback-snapshot)",
			    text_of(one, "name"));
	json_decref(records);
	return (rc);
}

/* One record without the volume. */
static int
forget_in(const char *zone, json_t *record, const char *path, struct err *e)
{
	json_t *disks = json_object_get(record, "disks");
	char name[VOLUME_SNAP_MAX];
	size_t i, found = SIZE_MAX;
	const json_t *disk;
	int rc;

	json_array_foreach (disks, i, disk)
		if (json_is_string(disk) && strcmp(json_string_value(disk), path) == 0)
			found = i;
	if (found == SIZE_MAX)
		return (0);
	if (json_array_size(disks) == 1)
		return (drop(zone, record, e));
	snap_name(record, name);
	(void)json_array_remove(disks, found);
	if ((rc = record_store(zone, record, STATE_WHOLE, e)) != 0)
		return (rc);
	return (volume_snapshot_destroy(path, name, e));
}

int
vmsnap_forget(const char *zone, const char *path, struct err *e)
{
	CLEANUP_FD int lock = -1;
	json_t *records = NULL, *record;
	size_t i;
	int rc;

	if ((rc = begin(zone, &lock, &records, e)) != 0)
		return (rc);
	json_array_foreach (records, i, record)
		if (rc == 0)
			rc = forget_in(zone, record, path, e);
	json_decref(records);
	return (rc);
}

/* ---- looking ---- */

int
vmsnap_list(const char *zone, json_t **out, struct err *e)
{
	CLEANUP_FREE uint64_t *bytes = NULL;
	json_t *records, *list;
	const json_t *one;
	size_t i;
	int rc;

	if ((rc = records_load(zone, &records, e)) != 0)
		return (rc);
	if ((rc = sizes_of(records, &bytes, e)) != 0) {
		json_decref(records);
		return (rc);
	}
	list = json_array();
	json_array_foreach (records, i, one) {
		if (is_state(one, STATE_CREATING) || is_state(one, STATE_DELETING))
			continue;
		(void)json_array_append_new(list,
		    json_pack("{s:s, s:f, s:s}", "name", text_of(one, "name"), "size",
			(double)bytes[i] / (double)MIB, "created_at", text_of(one, "created_at")));
	}
	json_decref(records);
	*out = list;
	return (0);
}
