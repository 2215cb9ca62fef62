/* SPDX-License-Identifier: BSD-2-Clause */
/* The sending end: see vmcarry.h. Blocks of zeroes are left out. Tools, root. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "zone/client.h"
#include "zone/paths.h"
#include "zone/sparse.h"
#include "zone/vmcarry.h"
#include "zone/volume.h"

#define BLOCK      4096u /* what is zero is left out by these */
#define FILE_MAX   (VMSTREAM_PAYLOAD_MAX - VMSTREAM_NAME_MAX)
#define STATE_TEXT 2048

struct sending {
	const struct zconf *c;
	struct vmstream s;
	int out;
	struct vmstream_head head;
	int disk[VMSTREAM_DISKS_MAX];
	uint8_t *buf;
};

static int
write_out(void *arg, const void *buf, size_t len)
{
	struct sending *sd = arg;

	return (interrupt_pending() != 0 ? -EINTR : fd_write_full(sd->out, buf, len));
}

static int
record(struct sending *sd, const struct vmstream_record *r, const void *payload, struct err *e)
{
	int rc = vmstream_write(&sd->s, r, payload);

	return (rc == 0 ? 0 : err_set(e, -rc, "cannot write the stream"));
}

/* ---- what is sent ---- */

/* The configuration without what was only lent to the zone. */
static int
take_zone(struct sending *sd, vmcarry_owns_fn *owns, struct err *e)
{
	struct zconf *c = zconf_dup(sd->c);

	if (c == NULL)
		return (err_set(e, ENOMEM, "cannot send"));
	sd->head.zone = c;
	for (size_t i = c->ndevice; i-- > 0;) {
		const char *match = c->device[i].match;

		if (match != NULL && owns(c, &c->device[i]))
			continue;
		log_warn("device '%s' was only lent to the VM: it is not sent",
		    match != NULL ? match : "");
		zconf_device_remove(c, i);
	}
	if (c->ndevice > VMSTREAM_DISKS_MAX)
		return (
		    err_say(e, EINVAL, "more than %d disks cannot be sent", VMSTREAM_DISKS_MAX));
	return (0);
}

/* Open its disks, which keeps it from being started. */
static int
open_disks(struct sending *sd, struct err *e)
{
	for (size_t i = 0; i < sd->head.zone->ndevice; i++) {
		sd->disk[i] = volume_open(sd->head.zone->device[i].match, 1, &sd->head.size[i], e);
		if (sd->disk[i] < 0)
			return (sd->disk[i]);
	}
	return (0);
}

/* What differs when the disks may: when the zone ran last, when files were written last. */
static int
describe_state(const struct sending *sd, char out[STATE_TEXT], struct err *e)
{
	struct zone_status status;
	struct stat st;
	size_t n;
	int rc;

	if ((rc = zone_status_get(sd->c->name, &status, e)) != 0)
		return (rc);
	if (status.state != ZONE_STATE_INSTALLED)
		return (
		    err_say(e, EBUSY, "it is %s, and only a stopped VM can be sent (vmadm stop)",
			zone_state_name(status.state)));
	n = (size_t)snprintf(out, STATE_TEXT, "exit %lld", (long long)status.last_exit_time_ms);
	for (size_t i = 0; i < sd->head.zone->ndevice; i++)
		if (fstat(sd->disk[i], &st) == 0 && S_ISREG(st.st_mode))
			n += (size_t)snprintf(out + n, STATE_TEXT - n, ", disk %zu %lld.%09ld", i,
			    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return (0);
}

static int
send_head(struct sending *sd, const char *token, struct vmstream_point *from, struct err *e)
{
	struct vmstream_record r = { .type = VMSTREAM_HEAD };
	CLEANUP_FREE char *text = NULL;
	uint8_t digest[VMSTREAM_DIGEST_LEN];
	char state[STATE_TEXT];
	size_t len;
	int rc;

	if (token != NULL && vmstream_token_parse(token, from) != 0)
		return (err_say(e, EINVAL, "\"%s\" is not a token of vmadm receive", token));
	if ((rc = describe_state(sd, state, e)) != 0 ||
	    (rc = vmstream_head_format(&sd->head, state, &text, &len, e)) != 0)
		return (rc);
	vmstream_digest(text, len, digest);
	if (token != NULL && memcmp(digest, from->head, sizeof(digest)) != 0)
		return (err_say(e, ESTALE,
		    "the token is another VM's, or the VM has changed since: delete what was "
		    "received, and send it from the begin"));
	r.disk = from->disk;
	r.offset = from->offset;
	r.len = (uint32_t)len;
	return (record(sd, &r, text, e));
}

/* A file of the zone's config folder: metadata, tags, routes, the firmware's variables. */
static int
send_file(struct sending *sd, const char *name, struct err *e)
{
	struct vmstream_record r = { .type = VMSTREAM_FILE };
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t n = strlen(name) + 1, len;
	struct stat st;
	int rc;

	if (n > VMSTREAM_NAME_MAX ||
	    lstat(path_zones(path, "%s/config/%s", sd->c->name, name), &st) != 0 ||
	    !S_ISREG(st.st_mode))
		return (0);
	if ((rc = file_read(path, FILE_MAX, &text, &len, e)) != 0)
		return (rc);
	memcpy(sd->buf, name, n);
	memcpy(sd->buf + n, text, len);
	r.len = (uint32_t)(n + len);
	return (record(sd, &r, sd->buf, e));
}

static int
send_files(struct sending *sd, struct err *e)
{
	struct dirent *de;
	char path[PATH_MAX];
	DIR *d = opendir(path_zones(path, "%s/config", sd->c->name));
	int rc = 0;

	if (d == NULL)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot read '%s'", path));
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.')
			rc = send_file(sd, de->d_name, e);
	(void)closedir(d);
	return (rc);
}

/* One chunk, without the zeroes at both its ends. */
static int
send_chunk(struct sending *sd, uint32_t disk, uint64_t off, size_t len, struct err *e)
{
	struct vmstream_record r = { .type = VMSTREAM_DATA, .disk = disk };
	size_t from = 0, to = len;
	int rc;

	if ((rc = fd_pread_full(sd->disk[disk], sd->buf, len, (off_t)off)) != 0)
		return (err_set(e, -rc, "cannot read disk %u", disk));
	while (from < to && sparse_zero(sd->buf + from, MIN((size_t)BLOCK, to - from)))
		from += MIN((size_t)BLOCK, to - from);
	while (to > from &&
	    sparse_zero(sd->buf + ROUND_DOWN(to - 1, (size_t)BLOCK),
		to - ROUND_DOWN(to - 1, (size_t)BLOCK)))
		to = ROUND_DOWN(to - 1, (size_t)BLOCK);
	if (to <= from)
		return (0);
	r.offset = off + from;
	r.len = (uint32_t)(to - from);
	return (record(sd, &r, sd->buf + from, e));
}

static int
send_disk(struct sending *sd, uint32_t disk, uint64_t off, struct err *e)
{
	uint64_t size = sd->head.size[disk], before = vmstream_bytes_before(&sd->head, disk);
	off_t data;
	size_t n;
	int rc;

	while (off < size) {
		data = lseek(sd->disk[disk], (off_t)off, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* a hole up to the end */
		if (data > 0)  /* else it cannot tell */
			off = MAX(off, ROUND_DOWN((uint64_t)data, (uint64_t)BLOCK));
		if (off >= size)
			break;
		n = (size_t)MIN(size - off, (uint64_t)VMSTREAM_CHUNK);
		if ((rc = send_chunk(sd, disk, off, n, e)) != 0)
			return (rc);
		off += n;
		progress_at(before + off);
	}
	return (0);
}

static int
send_all(struct sending *sd, const char *token, struct err *e)
{
	struct vmstream_record end = { .type = VMSTREAM_END };
	struct vmstream_point from = { .disk = 0 };
	int rc;

	if ((rc = send_head(sd, token, &from, e)) != 0 || (rc = send_files(sd, e)) != 0)
		return (rc);
	progress_start("sending", vmstream_bytes_before(&sd->head, sd->head.zone->ndevice));
	for (uint32_t i = from.disk; rc == 0 && i < sd->head.zone->ndevice; i++)
		rc = send_disk(sd, i, i == from.disk ? from.offset : 0, e);
	progress_end();
	return (rc == 0 ? record(sd, &end, "", e) : rc);
}

int
vmcarry_send(const struct zconf *c, vmcarry_owns_fn *owns, const char *token, int fd, struct err *e)
{
	struct sending *sd = calloc(1, sizeof(*sd));
	int rc;

	if (sd == NULL || (sd->buf = malloc(VMSTREAM_PAYLOAD_MAX)) == NULL) {
		free(sd);
		return (err_set(e, ENOMEM, "cannot send"));
	}
	sd->c = c;
	sd->out = fd;
	sd->s = (struct vmstream){ .write = write_out, .arg = sd };
	for (size_t i = 0; i < VMSTREAM_DISKS_MAX; i++)
		sd->disk[i] = -1;
	if ((rc = take_zone(sd, owns, e)) == 0 && (rc = open_disks(sd, e)) == 0)
		rc = send_all(sd, token, e);
	for (size_t i = 0; i < VMSTREAM_DISKS_MAX; i++)
		volume_close(&sd->disk[i]);
	zconf_free(sd->head.zone);
	free(sd->buf);
	free(sd);
	return (rc);
}
