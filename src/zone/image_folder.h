/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder of images as files, which stands for a server of images: NAME.json, and beside it NAME.raw (or
 * .qcow2, .vmdk, .vhdx, .vdi; perhaps with .gz, .xz or .zst). Tools, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_FOLDER_H
#define ZHYVE_ZONE_IMAGE_FOLDER_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"
#include "zone/image.h"

#define IMAGE_FOLDER "avail" /* below /zones: where one looks when none is named */

struct image_available {
	struct image image;      /* `path`: the disk's file, "" when there is none */
	char manifest[PATH_MAX]; /* path */
};

/*
 * All in the folder (the caller's, free), in no order; a manifest that is not right is left out, with a line in
 * the log. -ENOENT.
 */
int image_folder_list(const char *folder, struct image_available **out, size_t *n, struct err *e);
/* The one of that UUID, with its file. -ENOENT. */
int image_folder_find(
    const char *folder, const char *uuid, struct image_available *out, struct err *e);

#endif
