/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiving end: see vmcarry.h. The zone is stored as incomplete from the first volume on, with each volume
 * as soon as it is there, so that vmadm delete clears up what a receive that was killed left. Nothing that a
 * stream says is used before its checksum was right. Tools, root.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "zone/client.h"
#include "zone/disktune.h"
#include "zone/install.h"
#include "zone/paths.h"
#include "zone/vmbundle.h"
#include "zone/vmcarry.h"
#include "zone/volume.h"

#define TRANSITION "receiving:stopped:86400" /* SmartOS's, vmadm.md 1 */
#define FILES_MAX  64
#define OBJECT_MAX VMSTREAM_PAYLOAD_MAX /* bytes of the object in SmartOS's stream */

struct receiving {
	struct vmcarry_receive *v;
	int in;
	struct vmstream s;
	struct vmstream_head head;
	struct vmstream_point at; /* all before it is on the volumes */
	struct zconf *c;          /* head.zone, as it is to be here */
	int disk[VMSTREAM_DISKS_MAX];
	bool made[VMSTREAM_DISKS_MAX]; /* the volume is there, and ours to remove */
	size_t nfiles;
	bool stored;
	struct vmbundle bundle; /* when it is SmartOS's stream */
};

static int
read_in(void *arg, void *buf, size_t len)
{
	struct receiving *rv = arg;
	int rc = fd_read_full(rv->in, buf, len);

	if (interrupt_pending() != 0)
		return (-EINTR);
	return (rc == -EIO ? -EPIPE : rc); /* it ends before */
}

/* ---- the zone ---- */

/* Store it with the volumes that are there. */
static int
store(struct receiving *rv, enum zone_state state, struct err *e)
{
	struct zconf *c = zconf_dup(rv->c);
	int rc;

	if (c == NULL)
		return (err_set(e, ENOMEM, "cannot store zone '%s'", rv->c->name));
	for (size_t i = c->ndevice; i-- > 0;)
		if (!rv->made[i])
			zconf_device_remove(c, i);
	c->state = state;
	if ((rc = zconf_attr_set(c, "transition", ZATTR_STRING,
		 state == ZONE_STATE_INSTALLED ? NULL : TRANSITION)) != 0)
		rc = err_set(e, -rc, "cannot store zone '%s'", c->name);
	else if ((rc = zconf_verify(c, e)) == 0 && (rc = zconf_store(c, e)) == 0)
		rv->c->did = c->did;
	zconf_free(c);
	return (rc);
}

static int
set_match(struct zdevice *d, const char *path, struct err *e)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return (err_set(e, ENOMEM, "cannot name disk '%s'", path));
	free(d->match);
	d->match = copy;
	return (0);
}

/* Nothing of it is here yet: the configuration, the folder. */
static int
begin(struct receiving *rv, struct err *e)
{
	char path[PATH_MAX];
	struct zconf *there = NULL;
	int rc;

	if ((rc = zconf_lock(e)) != 0)
		return (rc);
	if (zconf_load_uuid(rv->c->uuid, &there, NULL) == 0)
		rc = err_say(e, EEXIST, "VM with UUID %s already exists", rv->c->uuid);
	else if (zconf_load(rv->c->name, &there, NULL) == 0)
		rc = err_say(e, EEXIST, "zone %s already exists", rv->c->name);
	else if (access(path_zones(path, "%s", rv->c->name), F_OK) == 0)
		rc = err_say(e, EEXIST, "there is '%s', which no zone has", path);
	else if ((rc = rv->v->admit(rv->c, e)) == 0)
		rc = store(rv, ZONE_STATE_INCOMPLETE, e);
	rv->stored = rc == 0;
	zconf_free(there);
	zconf_unlock();
	return (rc != 0 ? rc : zone_path_make(path_zones(path, "%s", rv->c->name), e));
}

static int
make_volumes(struct receiving *rv, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	for (size_t i = 0; i < rv->head.zone->ndevice; i++) {
		struct volume_spec spec = {
			.zone = rv->c->name,
			.index = (unsigned)i,
			.size = rv->head.size[i],
		};

		disktune_get(&rv->c->device[i], &spec);
		if ((rc = volume_create(&spec, path, e)) != 0)
			return (rc);
		if ((rc = set_match(&rv->c->device[i], path, e)) != 0) {
			(void)volume_destroy(path, NULL);
			return (rc);
		}
		rv->made[i] = true;
		if ((rc = store(rv, ZONE_STATE_INCOMPLETE, e)) != 0)
			return (rc);
	}
	return (0);
}

/* ---- going on ---- */

static char *
token_path(const struct receiving *rv, char path[PATH_MAX])
{
	return (path_zones(path, "%s/receiving", rv->c->name));
}

/* The zone that a torn stream left, as far as the sender says it has come. */
static int
resume(struct receiving *rv, struct err *e)
{
	char path[PATH_MAX], want[VMSTREAM_TOKEN_MAX];
	CLEANUP_FREE char *token = NULL;
	struct zconf *there;
	size_t len;
	int rc;

	vmstream_token_format(&rv->at, want);
	if (file_read(token_path(rv, path), VMSTREAM_TOKEN_MAX, &token, &len, NULL) != 0 ||
	    strcmp(token, want) != 0)
		return (err_say(e, ENOENT,
		    "this is the rest of a VM of which there is not the begin here: send it "
		    "without "
		    "a token"));
	if ((rc = zconf_load(rv->c->name, &there, e)) != 0)
		return (rc);
	if (strcmp(there->uuid, rv->c->uuid) != 0 || there->state != ZONE_STATE_INCOMPLETE ||
	    there->ndevice != rv->c->ndevice) {
		zconf_free(there);
		return (err_say(e, EINVAL, "zone %s is not what was received", rv->c->name));
	}
	zconf_free(rv->c);
	rv->c = there;
	return (0);
}

static int
open_volumes(struct receiving *rv, struct err *e)
{
	uint64_t size;

	for (size_t i = 0; i < rv->head.zone->ndevice; i++) {
		const char *path = rv->c->device[i].match;

		if ((rv->disk[i] = volume_open(path, 0, &size, e)) < 0)
			return (rv->disk[i]);
		if (size < rv->head.size[i])
			return (err_say(e, EINVAL, "disk '%s' is smaller than the one sent", path));
	}
	/* Now what there was of it is ours: nobody else is at it. */
	rv->stored = true;
	for (size_t i = 0; i < rv->c->ndevice; i++)
		rv->made[i] = true;
	return (0);
}

/* The sender's zone as it is to be here. */
static int
adopt(struct receiving *rv, struct err *e)
{
	char path[PATH_MAX];

	if ((rv->c = zconf_dup(rv->head.zone)) == NULL)
		return (err_set(e, ENOMEM, "cannot receive"));
	free(rv->c->zonepath);
	rv->c->zonepath = strdup(path_zones(path, "%s", rv->c->name));
	rv->c->did = 0;
	(void)strcpy(rv->v->uuid, rv->c->uuid);
	return (rv->c->zonepath != NULL ? 0 : err_set(e, ENOMEM, "cannot receive"));
}

/* ---- SmartOS's stream ---- */

/* What it begins with, of which the first bytes have been read: the VM. */
static int
take_object(struct receiving *rv, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char block[VMBUNDLE_BLOCK] = VMBUNDLE_MAGIC;
	struct vmbundle_header h;
	int rc;

	if ((rc = vmbundle_read_header(read_in, rv, block, VMSTREAM_MAGIC_LEN, &h, e)) != 0)
		return (rc);
	if (strcmp(h.name, "JSON") != 0 || h.padded > OBJECT_MAX)
		return (err_say(e, EINVAL,
		    "SmartOS's stream does not begin with a description of a VM, of at most %u MiB",
		    OBJECT_MAX >> 20));
	if ((text = malloc(h.padded + 1)) == NULL)
		return (err_set(e, ENOMEM, "cannot receive"));
	if ((rc = read_in(rv, text, h.padded)) != 0)
		return (vmstream_torn(rc, e));
	if ((rc = vmbundle_describe(text, h.size, rv->v->warn, &rv->bundle, e)) != 0)
		return (rc);
	if ((rv->head.zone = zconf_dup(rv->bundle.zone)) == NULL)
		return (err_set(e, ENOMEM, "cannot receive"));
	memcpy(rv->head.size, rv->bundle.size, sizeof(rv->head.size));
	return (0);
}

/* Where its disks will be, where nothing may be yet; they are the zone's from now on. */
static int
expect_volumes(struct receiving *rv, struct err *e)
{
	char path[PATH_MAX];
	uint64_t size;
	int rc;

	for (size_t i = 0; i < rv->c->ndevice; i++) {
		if ((rc = volume_path(path, rv->c->name, (unsigned)i, e)) != 0)
			return (rc);
		if (volume_stat(path, &size, NULL) == 0)
			return (err_say(e, EEXIST, "there is '%s', which no zone has", path));
		if ((rc = set_match(&rv->c->device[i], path, e)) != 0)
			return (rc);
	}
	for (size_t i = 0; i < rv->c->ndevice; i++)
		rv->made[i] = true;
	return (store(rv, ZONE_STATE_INCOMPLETE, e));
}

/* Its datasets, one after the other, to the end. */
static int
take_datasets(struct receiving *rv, struct err *e)
{
	struct volume_arrival want[VMSTREAM_DISKS_MAX] = { 0 };
	char block[VMBUNDLE_BLOCK];
	struct vmbundle_header h;
	size_t n = rv->c->ndevice;
	int rc;

	for (size_t i = 0; i < n; i++) {
		want[i].dataset = rv->bundle.dataset[i];
		want[i].spec.zone = rv->c->name;
		want[i].spec.index = (unsigned)i;
		want[i].spec.size = rv->head.size[i];
		disktune_get(&rv->c->device[i], &want[i].spec);
	}
	while ((rc = vmbundle_read_header(read_in, rv, block, 0, &h, e)) == 0)
		if ((rc = volume_receive(want, n, h.name, rv->in, e)) != 0)
			return (err_ctx(e, "dataset '%s'", h.name));
	for (size_t i = 0; rc == -ENODATA && i < n; i++)
		if (!want[i].here)
			return (err_say(e, EPIPE,
			    "the stream is torn: it ends without '%s', which is disk %zu of the VM",
			    want[i].dataset, i));
	return (rc == -ENODATA ? 0 : rc);
}

static int
take_bundle(struct receiving *rv, struct err *e)
{
	int rc;

	if (!volume_pool_receives())
		return (err_say(e, EOPNOTSUPP,
		    "this is what SmartOS's vmadm send writes: its disks are streams of zfs send, "
		    "which only a pool of zfs takes (imgadm pool create -d zfs); receive it on a "
		    "host "
		    "that has one, and send it from there: that stream goes to any pool"));
	if ((rc = take_object(rv, e)) != 0 || (rc = adopt(rv, e)) != 0 ||
	    (rc = begin(rv, e)) != 0 || (rc = expect_volumes(rv, e)) != 0 ||
	    (rc = take_datasets(rv, e)) != 0)
		return (rc);
	return (vmconfig_store(rv->c->name, &rv->bundle.config, e));
}

/* ---- content ---- */

static int
take_head(struct receiving *rv, struct err *e)
{
	struct vmstream_record r;
	int rc;

	if ((rc = vmstream_read(&rv->s, &r, e)) != 0 ||
	    (rc = vmstream_head_parse((char *)rv->s.payload, r.len, &rv->head, e)) != 0)
		return (rc);
	rv->s.head = &rv->head;
	vmstream_digest(rv->s.payload, r.len, rv->at.head);
	rv->at.disk = r.disk;
	rv->at.offset = r.offset;
	if ((rc = adopt(rv, e)) != 0)
		return (rc);
	if (r.disk != 0 || r.offset != 0)
		return (resume(rv, e));
	if ((rc = begin(rv, e)) != 0)
		return (rc);
	return (make_volumes(rv, e));
}

static int
take_file(struct receiving *rv, size_t len, struct err *e)
{
	const char *name = (char *)rv->s.payload;
	size_t n = strlen(name) + 1; /* its end has been seen */
	char path[PATH_MAX];

	if (++rv->nfiles > FILES_MAX)
		return (
		    err_say(e, EINVAL, "the stream is not right: more than %d files", FILES_MAX));
	return (file_replace(path_zones(path, "%s/config/%s", rv->c->name, name), rv->s.payload + n,
	    len - n, 0600, e));
}

static int
take_data(struct receiving *rv, const struct vmstream_record *r, struct err *e)
{
	int rc = fd_pwrite_full(rv->disk[r->disk], rv->s.payload, r->len, (off_t)r->offset);

	if (rc != 0)
		return (err_set(e, -rc, "cannot write disk %u", r->disk));
	rv->at.disk = r->disk;
	rv->at.offset = r->offset + r->len;
	progress_at(vmstream_bytes_before(&rv->head, r->disk) + rv->at.offset);
	return (0);
}

static int
take_content(struct receiving *rv, struct err *e)
{
	struct vmstream_record r = { .type = VMSTREAM_HEAD };
	int rc = 0;

	progress_start("receiving", vmstream_bytes_before(&rv->head, rv->head.zone->ndevice));
	while (rc == 0 && r.type != VMSTREAM_END) {
		if ((rc = vmstream_read(&rv->s, &r, e)) != 0)
			break;
		if (r.type == VMSTREAM_FILE)
			rc = take_file(rv, r.len, e);
		else if (r.type == VMSTREAM_DATA)
			rc = take_data(rv, &r, e);
	}
	progress_end();
	return (rc);
}

static int
sync_volumes(struct receiving *rv, struct err *e)
{
	for (size_t i = 0; i < rv->head.zone->ndevice; i++)
		if (fsync(rv->disk[i]) != 0)
			return (err_set(e, errno, "cannot write disk %zu", i));
	return (0);
}

/* ---- the end ---- */

static int
finish(struct receiving *rv, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = sync_volumes(rv, e)) != 0)
		return (rc);
	(void)unlink(token_path(rv, path));
	return (store(rv, ZONE_STATE_INSTALLED, e));
}

/* Keep what has come. */
static int
keep(struct receiving *rv)
{
	char path[PATH_MAX], *token = rv->v->token;
	struct err e;
	int rc;

	vmstream_token_format(&rv->at, token);
	if ((rc = sync_volumes(rv, &e)) == 0)
		rc = file_replace(token_path(rv, path), token, strlen(token), 0600, &e);
	if (rc != 0) {
		log_warn("%s", e.text);
		token[0] = '\0';
	}
	return (rc);
}

static void
undo(struct receiving *rv)
{
	struct err e;

	for (size_t i = 0; rv->c != NULL && i < rv->c->ndevice; i++)
		if (rv->made[i] && volume_destroy(rv->c->device[i].match, &e) != 0)
			log_warn("%s", e.text);
	if (rv->stored &&
	    (zone_uninstall(rv->c->name, &e) != 0 || zconf_delete(rv->c->name, &e) != 0))
		log_warn("%s", e.text);
}

int
vmcarry_receive(struct vmcarry_receive *v, int fd, struct err *e)
{
	struct receiving *rv = calloc(1, sizeof(*rv));
	bool kept = false, smartos = false;
	int rc;

	v->token[0] = v->uuid[0] = '\0';
	if (rv == NULL)
		return (err_set(e, ENOMEM, "cannot receive"));
	rv->v = v;
	rv->in = fd;
	rv->s = (struct vmstream){ .read = read_in, .arg = rv };
	for (size_t i = 0; i < VMSTREAM_DISKS_MAX; i++)
		rv->disk[i] = -1;
	if ((rc = vmstream_begin(&rv->s, &smartos, e)) == 0 &&
	    (rc = smartos ? take_bundle(rv, e) : take_head(rv, e)) == 0 &&
	    (rc = open_volumes(rv, e)) == 0 && (rc = smartos ? 0 : take_content(rv, e)) == 0)
		rc = finish(rv, e);
	else if (v->keep && rv->stored && (rv->at.disk != 0 || rv->at.offset != 0) &&
	    (rc == -EPIPE || rc == -EBADMSG || rc == -EINTR))
		kept = keep(rv) == 0;
	for (size_t i = 0; i < VMSTREAM_DISKS_MAX; i++)
		volume_close(&rv->disk[i]);
	if (rc != 0 && !kept)
		undo(rv);
	vmstream_free(&rv->s);
	vmbundle_free(&rv->bundle);
	zconf_free(rv->head.zone);
	zconf_free(rv->c);
	free(rv);
	return (rc);
}
