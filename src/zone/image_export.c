/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images as files: see image_export.h. Packing is done by gzip, xz or zstd in a process without privilege, as
 * unpacking is. Files appear under their names when they are whole. Tools, root.
 */
#include "zone/image_export.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
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
#include "zone/image_manifest.h"
#include "zone/sha1.h"
#include "zone/sparse.h"

/* What is being written: hidden names beside the final ones. */
struct output {
	char tmp[PATH_MAX], path[PATH_MAX];
	int fd;
	bool made;
};

static int
open_output(struct output *out, struct err *e)
{
	char copy[PATH_MAX], base[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", out->path);
	(void)snprintf(base, sizeof(base), "%s", out->path);
	if ((size_t)snprintf(out->tmp, sizeof(out->tmp), "%s/.%s.new", dirname(copy),
		basename(base)) >= sizeof(out->tmp))
		return (err_set(e, ENAMETOOLONG, "cannot write '%s'", out->path));
	if (access(out->path, F_OK) == 0)
		return (err_say(e, EEXIST, "'%s' is there already", out->path));
	(void)unlink(out->tmp);
	out->fd = open(out->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (out->fd < 0)
		return (err_set(e, errno, "cannot write '%s'", out->path));
	return (0);
}

/* It is whole: give it its name. */
static int
finish_output(struct output *out, struct err *e)
{
	if (fsync(out->fd) != 0 ||
	    renameat2(AT_FDCWD, out->tmp, AT_FDCWD, out->path, RENAME_NOREPLACE) != 0)
		return (err_set(e, errno, "cannot write '%s'", out->path));
	out->made = true;
	return (0);
}

/* Of one that was opened; what has its name already goes with `undo`. */
static void
close_output(struct output *out, bool undo)
{
	if (out->fd < 0)
		return;
	fd_close(&out->fd);
	(void)unlink(out->tmp);
	if (undo && out->made)
		(void)unlink(out->path);
}

static int
write_disk(const struct image_output *o, struct output *out, struct err *e)
{
	uint64_t whole = ROUND_UP(o->size, MIB), len;
	int rc;

	progress_start(o->packed == IMAGE_PLAIN ? "copying" : "packing", o->size);
	if (o->packed != IMAGE_PLAIN)
		rc = image_pack(o->disk, o->packed, out->fd, o->size, &len, e);
	else if ((rc = sparse_copy(o->disk, out->fd, o->size)) != 0)
		(void)err_set(e, -rc, "cannot write '%s'", out->path);
	else if (ftruncate(out->fd, (off_t)whole) != 0)
		rc = err_set(e, errno, "cannot write '%s'", out->path);
	progress_end();
	return (rc);
}

/* The manifest's account of the file. */
static int
describe(const struct image_output *o, int fd, struct err *e)
{
	char sha1[SHA1_TEXT_LEN + 1];
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot read back what was written"));
	progress_start("checking", (uint64_t)st.st_size);
	rc = sha1_of_file(fd, (uint64_t)st.st_size, sha1);
	progress_end();
	if (rc != 0)
		return (err_set(e, -rc, "cannot read back what was written"));
	(void)json_object_set_new(
	    o->manifest, "image_size", json_integer((json_int_t)(ROUND_UP(o->size, MIB) / MIB)));
	(void)json_object_set_new(o->manifest, "files",
	    json_pack("[{s:s, s:I, s:s}]", "sha1", sha1, "size", (json_int_t)st.st_size,
		"compression", image_packed_name(o->packed)));
	return (0);
}

static int
write_manifest(const struct image_output *o, struct output *out, struct err *e)
{
	CLEANUP_FREE char *text = json_dumps(o->manifest, JSON_INDENT(2));
	struct image_manifest m;
	int rc;

	if (text == NULL)
		return (err_set(e, ENOMEM, "cannot write '%s'", out->path));
	if ((rc = image_manifest_parse(text, strlen(text), &m, e)) != 0)
		return (rc);
	if ((rc = fd_write_full(out->fd, text, strlen(text))) != 0 ||
	    (rc = fd_write_full(out->fd, "\n", 1)) != 0)
		return (err_set(e, -rc, "cannot write '%s'", out->path));
	return (0);
}

/* A kernel or initrd, to the name it has in the tag. */
static int
copy_boot_file(const struct image_output *o, const char *from, const char *tag, struct output *out,
    struct err *e)
{
	const char *name =
	    json_string_value(json_object_get(json_object_get(o->manifest, "tags"), tag));
	CLEANUP_FD int fd = -1;
	char copy[PATH_MAX];
	struct stat st;
	int rc;

	if (from == NULL || from[0] == '\0' || name == NULL)
		return (0);
	(void)snprintf(copy, sizeof(copy), "%s", out->path); /* of the disk: for its folder */
	if ((size_t)snprintf(out->path, sizeof(out->path), "%s/%s", dirname(copy), name) >=
	    sizeof(out->path))
		return (err_set(e, ENAMETOOLONG, "cannot write '%s'", name));
	fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot read '%s'", from));
	if ((rc = open_output(out, e)) != 0)
		return (rc);
	if ((rc = sparse_copy(fd, out->fd, (uint64_t)st.st_size)) != 0)
		return (err_set(e, -rc, "cannot write '%s'", out->path));
	return (0);
}

void
image_output_prefix(const json_t *manifest, const char *where, char out[PATH_MAX])
{
	const char *name = json_string_value(json_object_get(manifest, "name"));
	const char *version = json_string_value(json_object_get(manifest, "version"));
	char base[256];
	struct stat st;

	if (stat(where, &st) != 0 || !S_ISDIR(st.st_mode)) {
		(void)snprintf(out, PATH_MAX, "%s", where);
		return;
	}
	(void)snprintf(base, sizeof(base), "%s-%s", name != NULL ? name : "image",
	    version != NULL ? version : "0");
	for (char *p = base; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			*p = '-';
	if (base[0] == '.')
		base[0] = '-';
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s", where, base) >= PATH_MAX)
		out[0] = '\0';
}

int
image_output(const struct image_output *o, const char *prefix, char *file, struct err *e)
{
	enum {
		DISK,
		KERNEL,
		INITRD,
		MANIFEST,
		OUTPUTS
	};
	struct output *out = calloc(OUTPUTS, sizeof(*out));
	int rc = 0;

	if (out == NULL || strlen(prefix) + 16 > PATH_MAX)
		rc = err_set(e, out == NULL ? ENOMEM : ENAMETOOLONG, "cannot write the image");
	for (size_t i = 0; out != NULL && i < OUTPUTS; i++) {
		out[i].fd = -1;
		(void)snprintf(out[i].path, PATH_MAX, "%s%s%s", prefix,
		    i == MANIFEST ? ".json" : ".raw",
		    i == MANIFEST ? "" : image_packed_suffix(o->packed));
	}
	if (rc == 0 && (rc = open_output(&out[DISK], e)) == 0 &&
	    (rc = open_output(&out[MANIFEST], e)) == 0 &&
	    (rc = copy_boot_file(o, o->kernel, "org.zhyve:kernel", &out[KERNEL], e)) == 0 &&
	    (rc = copy_boot_file(o, o->initrd, "org.zhyve:initrd", &out[INITRD], e)) == 0 &&
	    (rc = write_disk(o, &out[DISK], e)) == 0 && (rc = describe(o, out[DISK].fd, e)) == 0)
		rc = write_manifest(o, &out[MANIFEST], e);
	for (size_t i = 0; rc == 0 && i < OUTPUTS; i++)
		rc = out[i].fd >= 0 ? finish_output(&out[i], e) : 0;
	if (rc != 0 && interrupt_pending() != 0)
		rc = err_say(
		    e, EINTR, "interrupted by signal %d: nothing was written", interrupt_pending());
	if (rc == 0)
		(void)snprintf(file, PATH_MAX, "%s", out[DISK].path);
	for (size_t i = 0; out != NULL && i < OUTPUTS; i++)
		close_output(&out[i], rc != 0);
	free(out);
	return (rc);
}
