/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images: manifest and raw content below /zones/images. Import converts qcow2 with qemu-img (in its own process, without privilege), refuses backing files, and
 * checks size and sha1 of the manifest. A manifest is SmartOS's (imgadm): v 2, uuid, name, version, type zvol, os, image_size (MiB),
 * requirements, files, tags. For direct kernel boot the tags org.zhyve:kernel, org.zhyve:initrd (files beside the manifest at import) and
 * org.zhyve:cmdline are ours. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_H
#define ZHYVE_ZONE_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/parse.h"

struct image {
	char uuid[UUID_TEXT_LEN + 1];
	char name[128], version[64], os[32], type[32];
	uint64_t size;         /* bytes of the raw content */
	char path[PATH_MAX];   /* raw content */
	char kernel[PATH_MAX]; /* "" : none */
	char initrd[PATH_MAX];
	char cmdline[1024];
};

/* -ENOENT with a message that names the image. */
int image_get(const char *uuid, struct image *out, struct err *e);
int image_list(struct image **out, size_t *n, struct err *e); /* array is the caller's */
int image_import(const char *manifest_path, const char *file_path, struct err *e);
int image_delete(const char *uuid, struct err *e);

#endif
