/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of images, /zones/images: <uuid>.json, the manifest, beside <uuid>.raw, .kernel,
 * .initrd. The manifest makes an image exist: it comes last and goes first. Looking and deleting
 * are here, import is in image_import.c. Tools and zoneadmd, root.
 */
#include "zone/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "zone/image_manifest.h"
#include "zone/image_store.h"
#include "zone/paths.h"
#include "zone/pool.h"
#include "zone/volume.h"

static int
canonical(const char *uuid, char out[UUID_TEXT_LEN + 1], struct err *e)
{
	uint8_t bytes[16];

	if (parse_uuid(uuid, bytes) != 0)
		return (err_say(e, EINVAL, "invalid uuid: \"%s\"", uuid));
	format_uuid(bytes, out);
	return (0);
}

int
image_manifest_text(const char *uuid, char **out, struct err *e)
{
	char id[UUID_TEXT_LEN + 1], path[PATH_MAX];
	int rc;

	if ((rc = canonical(uuid, id, e)) != 0 || (rc = pool_ready(e)) != 0)
		return (rc);
	rc = file_read(path_zones(path, "images/%s.json", id), IMAGE_MANIFEST_MAX, out, NULL, e);
	if (rc == -ENOENT)
		return (err_say(e, ENOENT, "image \"%s\" was not found", id));
	return (rc);
}

/* Put the paths of what is stored in, and check that it is there. */
static int
complete(struct image *img, struct err *e)
{
	struct stat st;

	if (img->kernel[0] != '\0')
		(void)path_zones(img->kernel, "images/%s.kernel", img->uuid);
	if (img->initrd[0] != '\0')
		(void)path_zones(img->initrd, "images/%s.initrd", img->uuid);
	if (lstat(path_zones(img->path, "images/%s.raw", img->uuid), &st) != 0)
		return (err_set(e, errno, "image %s is damaged: '%s'", img->uuid, img->path));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != img->size)
		return (err_say(e, EINVAL,
		    "image %s is damaged: '%s' is not a file of %llu bytes, as its manifest says",
		    img->uuid, img->path, (unsigned long long)img->size));
	return (0);
}

int
image_get(const char *uuid, struct image *out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	struct image_manifest m;
	int rc;

	if ((rc = image_manifest_text(uuid, &text, e)) != 0)
		return (rc);
	if ((rc = image_manifest_parse(text, strlen(text), &m, e)) != 0)
		return (err_ctx(e, "image \"%s\" is damaged", uuid));
	*out = m.image;
	return (complete(out, e));
}

static int
by_publication(const void *a, const void *b)
{
	const struct image *x = a, *y = b;
	int c = strcmp(x->published, y->published);

	if (c == 0)
		c = strcmp(x->name, y->name);
	return (c != 0 ? c : strcmp(x->uuid, y->uuid));
}

/* "<uuid>.json": the uuid. */
static bool
is_manifest_name(const char *name, char uuid[UUID_TEXT_LEN + 1])
{
	uint8_t bytes[16];

	if (strlen(name) != UUID_TEXT_LEN + 5 || strcmp(name + UUID_TEXT_LEN, ".json") != 0)
		return (false);
	memcpy(uuid, name, UUID_TEXT_LEN);
	uuid[UUID_TEXT_LEN] = '\0';
	return (parse_uuid(uuid, bytes) == 0);
}

static int
append(struct image **list, size_t *n, const char *uuid, struct err *e)
{
	struct image *grown;
	int rc;

	if ((grown = reallocarray(*list, *n + 1, sizeof(**list))) == NULL)
		return (err_set(e, ENOMEM, "cannot list images"));
	*list = grown;
	if ((rc = image_get(uuid, &grown[*n], e)) == 0)
		(*n)++;
	return (rc);
}

int
image_list(struct image **out, size_t *n, struct err *e)
{
	CLEANUP_FREE struct image *list = NULL;
	char path[PATH_MAX], uuid[UUID_TEXT_LEN + 1];
	struct dirent *de;
	struct err one;
	DIR *d;
	int rc;

	*n = 0;
	if ((rc = pool_ready(e)) != 0)
		return (rc);
	if ((d = opendir(path_zones(path, "images"))) == NULL && errno != ENOENT)
		return (err_set(e, errno, "cannot read '%s'", path));
	while (d != NULL && rc == 0 && (de = readdir(d)) != NULL) {
		if (!is_manifest_name(de->d_name, uuid))
			continue;
		rc = append(&list, n, uuid, &one);
		if (rc == -ENOMEM)
			break;
		if (rc != 0 && rc != -ENOENT)
			log_warn("%s", one.text);
		rc = 0;
	}
	if (d != NULL)
		(void)closedir(d);
	if (rc == 0 && list == NULL && (list = calloc(1, sizeof(*list))) == NULL)
		rc = -ENOMEM;
	if (rc != 0)
		return (err_set(e, -rc, "cannot list images"));
	qsort(list, *n, sizeof(*list), by_publication);
	*out = list;
	list = NULL;
	return (0);
}

int
image_store_open(int *dir, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char path[PATH_MAX];
	int rc;

	if ((rc = pool_ready(e)) != 0 || (rc = dir_make(path_zones(path, "images"), 0755, e)) != 0)
		return (rc);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || flock(fd, LOCK_EX) != 0)
		return (err_set(e, errno, "cannot lock '%s'", path));
	*dir = fd_steal(&fd);
	return (0);
}

int
image_delete(const char *uuid, struct err *e)
{
	static const char *const suffix[] = { "json", "raw", "kernel", "initrd" };
	char id[UUID_TEXT_LEN + 1], name[UUID_TEXT_LEN + 16];
	CLEANUP_FD int dir = -1;
	size_t i;
	int rc;

	if ((rc = canonical(uuid, id, e)) != 0 || (rc = image_store_open(&dir, e)) != 0)
		return (rc);
	for (i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s.%s", id, suffix[i]);
		if (unlinkat(dir, name, 0) == 0)
			continue;
		if (errno == ENOENT && i == 0)
			return (err_say(e, ENOENT, "image \"%s\" was not found", id));
		if (errno != ENOENT)
			return (err_set(e, errno, "cannot delete '%s' of image %s", name, id));
	}
	/* Once it is said to be gone no power cut brings it back. */
	if (fsync(dir) != 0)
		return (err_set(e, errno, "cannot make it durable that image %s is deleted", id));
	return (volume_image_forget(id, e));
}
