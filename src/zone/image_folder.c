/* SPDX-License-Identifier: BSD-2-Clause */
/* Images in a folder: see image_folder.h. Only regular files count, and no link is followed. Tools, root. */
#include "zone/image_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/image_manifest.h"

#define JSON       ".json"
#define FOLDER_MAX 4096 /* manifests that are looked at */

static bool
is_file(const char *path)
{
	struct stat st;

	return (lstat(path, &st) == 0 && S_ISREG(st.st_mode));
}

/* The disk beside the manifest "BASE.json". */
static void
find_disk(const char *manifest, char out[PATH_MAX])
{
	static const char *const format[] = { "raw", "qcow2", "vmdk", "vhdx", "vdi" },
				 *const packed[] = { "", ".gz", ".xz", ".zst" };
	int base = (int)(strlen(manifest) - strlen(JSON));

	for (size_t i = 0; i < NITEMS(format); i++) {
		for (size_t k = 0; k < NITEMS(packed); k++) {
			if (snprintf(out, PATH_MAX, "%.*s.%s%s", base, manifest, format[i],
				packed[k]) < PATH_MAX &&
			    is_file(out))
				return;
		}
	}
	out[0] = '\0';
}

static int
load(const char *folder, const char *name, struct image_available *out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	struct image_manifest m;
	size_t len;
	int rc;

	if ((size_t)snprintf(out->manifest, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		return (err_set(e, ENAMETOOLONG, "cannot read '%s'", name));
	if (!is_file(out->manifest))
		return (err_say(e, EINVAL, "'%s' is not a regular file", out->manifest));
	if ((rc = file_read(out->manifest, IMAGE_MANIFEST_MAX, &text, &len, e)) != 0)
		return (rc);
	if ((rc = image_manifest_parse(text, len, &m, e)) != 0)
		return (err_ctx(e, "'%s'", out->manifest));
	out->image = m.image;
	find_disk(out->manifest, out->image.path);
	return (0);
}

int
image_folder_list(const char *folder, struct image_available **out, size_t *n, struct err *e)
{
	struct image_available *list = NULL, *grown;
	DIR *d = opendir(folder);
	struct dirent *de;
	struct err why;
	int rc = 0;

	*n = 0;
	if (d == NULL)
		return (err_set(e, errno, "cannot read the folder '%s'", folder));
	while (rc == 0 && *n < FOLDER_MAX && (de = readdir(d)) != NULL) {
		size_t len = strlen(de->d_name);

		if (de->d_name[0] == '.' || len <= strlen(JSON) ||
		    strcmp(de->d_name + len - strlen(JSON), JSON) != 0)
			continue;
		if ((grown = reallocarray(list, *n + 1, sizeof(*list))) == NULL) {
			rc = err_set(e, ENOMEM, "cannot list '%s'", folder);
			break;
		}
		list = grown;
		if (load(folder, de->d_name, &list[*n], &why) == 0)
			(*n)++;
		else
			log_warn("%s", why.text);
	}
	(void)closedir(d);
	if (rc == 0 && list == NULL && (list = calloc(1, sizeof(*list))) == NULL)
		rc = err_set(e, ENOMEM, "cannot list '%s'", folder);
	if (rc != 0)
		free(list);
	else
		*out = list;
	return (rc);
}

int
image_folder_find(const char *folder, const char *uuid, struct image_available *out, struct err *e)
{
	CLEANUP_FREE struct image_available *list = NULL;
	size_t n;
	int rc;

	if ((rc = image_folder_list(folder, &list, &n, e)) != 0)
		return (rc);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].image.uuid, uuid) != 0)
			continue;
		*out = list[i];
		if (out->image.path[0] != '\0')
			return (0);
		return (
		    err_say(e, ENOENT, "there is no disk beside the manifest '%s'", out->manifest));
	}
	return (err_say(e, ENOENT, "image %s is not in the folder '%s'", uuid, folder));
}
