/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Import of an image. The file is first copied into the store, and everything after (sha1, format,
 * unpacking, conversion) looks at that copy, so that nobody can change it between the check and the use. All
 * is built under hidden names and renamed when whole, the manifest last. Formats: diskformat.h; packed when
 * the manifest, or, where that says nothing, the name says so. Tools, root.
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "zone/diskformat.h"
#include "zone/image.h"
#include "zone/image_convert.h"
#include "zone/image_manifest.h"
#include "zone/image_store.h"
#include "zone/sha1.h"
#include "zone/sparse.h"

#define HASH_CHUNK    (1u * 1024u * 1024u)
#define BOOT_FILE_MAX (1024 * MIB) /* kernel, initrd */

/* Names in the store; hidden until the import is whole. */
enum part {
	PART_STAGE,    /* the file as given; gone in the end */
	PART_UNPACKED, /* what that was packed of; gone too */
	PART_RAW,
	PART_KERNEL,
	PART_INITRD,
	PART_JSON, /* last: it makes the image exist */
	PARTS
};
static const char *const part_suffix[PARTS] = { "stage", "unpacked", "raw", "kernel", "initrd",
	"json" };

struct import {
	int dir; /* the store, locked */
	struct image_manifest m;
	const char *file_path;
	const char *manifest_path;
	char *text; /* of the manifest */
	size_t text_len;
};

#define PART_NAME_MAX (UUID_TEXT_LEN + 24)

static void
hidden_name(const struct import *im, enum part p, char out[PART_NAME_MAX])
{
	(void)snprintf(out, PART_NAME_MAX, ".%s.%s.tmp", im->m.image.uuid, part_suffix[p]);
}

static int
make_part(const struct import *im, enum part p, int *fd, struct err *e)
{
	char name[PART_NAME_MAX];

	hidden_name(im, p, name);
	*fd = openat(im->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return (*fd >= 0 ? 0 : err_set(e, errno, "cannot make '%s' in the store of images", name));
}

/* Open an input: a regular file. */
static int
open_input(const char *path, int flags, int *fd, uint64_t *size, struct err *e)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
	if (*fd < 0 && errno == ELOOP)
		return (
		    err_say(e, ELOOP, "cannot read '%s': a symbolic link is not followed", path));
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return (err_set(e, errno, "cannot read '%s'", path));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return (err_say(e, EINVAL, "cannot read '%s': %s", path,
		    S_ISREG(st.st_mode) ? "it is empty" : "not a regular file"));
	*size = (uint64_t)st.st_size;
	return (0);
}

/* A disk of the manifest's size cannot be larger in any of the formats. */
static uint64_t
file_max(const struct import *im)
{
	return (im->m.image.size + im->m.image.size / 8 + 64 * MIB);
}

/* What comes from standard input, into the store. */
static int
stage_stream(const struct import *im, int *out, uint64_t *size, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int rc;

	if (isatty(STDIN_FILENO))
		return (err_say(e, EINVAL, "will not import from stdin when stdin is a tty"));
	if ((rc = make_part(im, PART_STAGE, &fd, e)) != 0)
		return (rc);
	progress_start("reading", im->m.file_size != 0 ? im->m.file_size : im->m.image.size);
	rc = image_stream(STDIN_FILENO, fd, file_max(im), size);
	progress_end();
	if (rc != 0)
		return (rc == -EFBIG
			? err_say(e, EINVAL,
			      "standard input is larger than a disk of %llu MiB can be",
			      (unsigned long long)(im->m.image.size / MIB))
			: err_set(e, -rc, "cannot copy standard input to the store"));
	if (*size == 0)
		return (err_say(e, EINVAL, "standard input is empty"));
	*out = fd_steal(&fd);
	return (0);
}

/*
 * Copy a file into the store. The descriptor of the copy is the caller's. Only the disk, which the
 * caller named, may be a symbolic link: what a manifest names could lead anywhere.
 */
static int
stage(const struct import *im, const char *path, enum part p, uint64_t max, int *out,
    uint64_t *size, struct err *e)
{
	CLEANUP_FD int in = -1, fd = -1;
	uint64_t used;
	int rc;

	if ((rc = open_input(path, p == PART_STAGE ? 0 : O_NOFOLLOW, &in, size, e)) != 0)
		return (rc);
	if (*size > max)
		return (err_say(e, EFBIG, "'%s' has %llu MiB, at most %llu are taken", path,
		    (unsigned long long)(*size / MIB), (unsigned long long)(max / MIB)));
	if ((rc = make_part(im, p, &fd, e)) != 0)
		return (rc);
	if (file_share(in, fd) != 0) {
		if ((rc = sparse_allocated(in, &used)) != 0)
			return (err_set(e, -rc, "cannot read '%s'", path));
		if ((rc = space_check(fd, used, path, "the store of images", e)) != 0)
			return (rc);
		progress_start("copying", *size);
		rc = sparse_copy(in, fd, *size);
		progress_end();
		if (rc != 0)
			return (err_set(e, -rc, "cannot copy '%s' to the store of images", path));
	}
	*out = fd_steal(&fd);
	return (0);
}

/* The file is the one that the manifest speaks of. */
static int
check_file(const struct import *im, int fd, uint64_t size, struct err *e)
{
	char sha1[SHA1_TEXT_LEN + 1];
	int rc;

	if (im->m.file_size != 0 && im->m.file_size != size)
		return (err_say(e, EINVAL, "'%s' has %llu bytes, its manifest says %llu",
		    im->file_path, (unsigned long long)size, (unsigned long long)im->m.file_size));
	if (im->m.sha1[0] == '\0')
		return (0);
	progress_start("checking", size);
	rc = sha1_of_file(fd, size, sha1);
	progress_end();
	if (rc != 0)
		return (err_set(e, -rc, "cannot take the sha1 of '%s'", im->file_path));
	if (strcmp(sha1, im->m.sha1) != 0)
		return (err_say(e, EINVAL,
		    "'%s' is not the file of its manifest: sha1 is %s, the manifest says %s",
		    im->file_path, sha1, im->m.sha1));
	return (0);
}

/* The disk's size is image_size; a raw file may end within its last MiB. */
static int
check_disk_size(const struct import *im, uint64_t bytes, struct err *e)
{
	uint64_t mib = bytes / MIB + (bytes % MIB != 0);

	if (mib != im->m.image.size / MIB)
		return (err_say(e, EINVAL,
		    "'%s' is a disk of %llu MiB, its manifest says image_size %llu", im->file_path,
		    (unsigned long long)mib, (unsigned long long)(im->m.image.size / MIB)));
	return (0);
}

/* By qemu-img; `disk` bytes come of it. */
static int
from_other(const struct import *im, int in, enum disk_format format, uint64_t disk, struct err *e)
{
	CLEANUP_FD int out = -1;
	int rc;

	if ((rc = check_disk_size(im, disk, e)) != 0 ||
	    (rc = make_part(im, PART_RAW, &out, e)) != 0 ||
	    (rc = image_convert(in, format, out, disk, e)) != 0)
		return (rc);
	if (ftruncate(out, (off_t)im->m.image.size) != 0 || fsync(out) != 0)
		return (err_set(e, errno, "cannot write image %s", im->m.image.uuid));
	return (0);
}

static int
from_raw(const struct import *im, int in, enum part p, uint64_t size, struct err *e)
{
	char from[PART_NAME_MAX], to[PART_NAME_MAX];
	int rc;

	if ((rc = check_disk_size(im, size, e)) != 0)
		return (rc);
	hidden_name(im, p, from);
	hidden_name(im, PART_RAW, to);
	if (ftruncate(in, (off_t)im->m.image.size) != 0 || fsync(in) != 0 ||
	    renameat(im->dir, from, im->dir, to) != 0)
		return (err_set(e, errno, "cannot write image %s", im->m.image.uuid));
	return (0);
}

/* Unpack *fd, which becomes what it was packed of. */
static int
unpack(const struct import *im, enum image_packed how, int *fd, uint64_t *size, struct err *e)
{
	char name[PART_NAME_MAX];
	int out = -1, rc;

	if ((rc = make_part(im, PART_UNPACKED, &out, e)) != 0)
		return (rc);
	progress_start("unpacking", im->m.image.size);
	rc = image_unpack(*fd, how, out, file_max(im), size, e);
	progress_end();
	if (rc == 0 && *size == 0)
		rc = err_say(e, EINVAL, "nothing is in it");
	fd_close(fd);
	*fd = out;
	hidden_name(im, PART_STAGE, name);
	(void)unlinkat(im->dir, name, 0); /* its room may be wanted */
	return (rc == 0 ? 0 : err_ctx(e, "'%s'", im->file_path));
}

static int
import_disk(const struct import *im, struct err *e)
{
	CLEANUP_FD int fd = -1;
	enum image_packed how;
	enum disk_format format;
	uint64_t size, disk;
	int rc;

	if ((rc = strcmp(im->file_path, "-") == 0
		    ? stage_stream(im, &fd, &size, e)
		    : stage(im, im->file_path, PART_STAGE, INT64_MAX, &fd, &size, e)) != 0 ||
	    (rc = check_file(im, fd, size, e)) != 0)
		return (rc);
	(void)image_packed_by_name(im->m.compression, &how); /* the manifest has been checked */
	if (im->m.compression[0] == '\0')
		how = image_packed_by_suffix(im->file_path);
	if (how != IMAGE_PLAIN && (rc = unpack(im, how, &fd, &size, e)) != 0)
		return (rc);
	if ((rc = disk_format_probe(fd, size, &format, &disk, e)) != 0)
		return (err_ctx(e, "'%s'", im->file_path));
	if (format != DISK_RAW)
		return (from_other(im, fd, format, disk, e));
	return (from_raw(im, fd, how != IMAGE_PLAIN ? PART_UNPACKED : PART_STAGE, size, e));
}

/* A kernel or initrd, `name` beside the manifest. */
static int
import_boot_file(const struct import *im, const char *name, enum part p, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char copy[PATH_MAX], path[PATH_MAX];
	uint64_t size;
	int rc;

	if (name[0] == '\0')
		return (0);
	(void)snprintf(copy, sizeof(copy), "%s", im->manifest_path);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dirname(copy), name) >= sizeof(path))
		return (err_set(e, ENAMETOOLONG, "cannot read '%s'", name));
	if ((rc = stage(im, path, p, BOOT_FILE_MAX, &fd, &size, e)) != 0)
		return (err_ctx(e, "tag org.zhyve:%s", part_suffix[p]));
	if (fsync(fd) != 0)
		return (err_set(e, errno, "cannot write image %s", im->m.image.uuid));
	return (0);
}

static int
import_manifest(const struct import *im, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int rc;

	if ((rc = make_part(im, PART_JSON, &fd, e)) != 0)
		return (rc);
	if ((rc = fd_write_full(fd, im->text, im->text_len)) != 0)
		return (err_set(e, -rc, "cannot write image %s", im->m.image.uuid));
	if (fchmod(fd, 0644) != 0 || fsync(fd) != 0)
		return (err_set(e, errno, "cannot write image %s", im->m.image.uuid));
	return (0);
}

/* Everything is there: give it its names. */
static int
publish(const struct import *im, struct err *e)
{
	char from[PART_NAME_MAX], to[PART_NAME_MAX];
	unsigned p;

	for (p = PART_RAW; p < PARTS; p++) {
		hidden_name(im, (enum part)p, from);
		(void)snprintf(to, sizeof(to), "%s.%s", im->m.image.uuid, part_suffix[p]);
		if (renameat(im->dir, from, im->dir, to) != 0 &&
		    (errno != ENOENT || p == PART_RAW || p == PART_JSON))
			return (err_set(e, errno, "cannot publish image %s", im->m.image.uuid));
	}
	if (fsync(im->dir) != 0)
		return (err_set(e, errno, "cannot make image %s durable", im->m.image.uuid));
	return (0);
}

/*
 * A hidden part, or a part without its manifest: left by an import or delete that was interrupted.
 */
static bool
is_leftover(int dir, const char *name)
{
	char json[UUID_TEXT_LEN + 8];
	uint8_t uuid[16];
	size_t len = strlen(name);

	if (name[0] == '.')
		return (len > 4 && strcmp(name + len - 4, ".tmp") == 0);
	if (len <= UUID_TEXT_LEN || name[UUID_TEXT_LEN] != '.')
		return (false);
	(void)snprintf(json, sizeof(json), "%.*s.json", UUID_TEXT_LEN, name);
	json[UUID_TEXT_LEN] = '\0';
	if (parse_uuid(json, uuid) != 0)
		return (false);
	json[UUID_TEXT_LEN] = '.';
	return (faccessat(dir, json, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT);
}

/* We hold the lock: nobody is at work on them. */
static void
clear_leftovers(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (d == NULL) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(d)) != NULL) {
		if (is_leftover(dir, de->d_name))
			(void)unlinkat(dir, de->d_name, 0);
	}
	(void)closedir(d);
}

static int
check_interrupt(const struct import *im, struct err *e)
{
	if (interrupt_pending() == 0)
		return (0);
	return (err_say(e, EINTR, "interrupted by signal %d: image %s is not imported",
	    interrupt_pending(), im->m.image.uuid));
}

static int
import(struct import *im, struct err *e)
{
	int rc;

	clear_leftovers(im->dir);
	if ((rc = import_disk(im, e)) == 0 &&
	    (rc = import_boot_file(im, im->m.image.kernel, PART_KERNEL, e)) == 0 &&
	    (rc = import_boot_file(im, im->m.image.initrd, PART_INITRD, e)) == 0 &&
	    (rc = import_manifest(im, e)) == 0 && (rc = check_interrupt(im, e)) == 0)
		rc = publish(im, e);
	if (rc != 0 && interrupt_pending() != 0)
		rc = check_interrupt(im, e);
	clear_leftovers(im->dir);
	return (rc);
}

int
image_import(const char *manifest_path, const char *file_path, struct image *out, struct err *e)
{
	struct import im = { .file_path = file_path, .manifest_path = manifest_path };
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FD int dir = -1;
	struct image there;
	struct err why;
	int rc;

	if ((rc = file_read(manifest_path, IMAGE_MANIFEST_MAX, &text, &im.text_len, e)) != 0)
		return (rc);
	im.text = text;
	if ((rc = image_manifest_parse(text, im.text_len, &im.m, e)) != 0)
		return (err_ctx(e, "'%s'", manifest_path));
	if ((rc = image_store_open(&dir, e)) != 0)
		return (rc);
	im.dir = dir;
	rc = image_get(im.m.image.uuid, &there, e);
	if (rc == 0) {
		rc = err_say(e, EEXIST, "image %s (%s@%s) is already installed", there.uuid,
		    there.name, there.version);
	} else if (rc == -ENOENT) {
		err_clear(e);
		if ((rc = import(&im, e)) == 0)
			rc = image_get(im.m.image.uuid, &there, e);
	} else {
		why = *e;
		(void)err_say(
		    e, rc, "%s; delete it first (imgadm delete %s)", why.text, im.m.image.uuid);
	}
	if (out != NULL && (rc == 0 || rc == -EEXIST))
		*out = there;
	return (rc);
}
