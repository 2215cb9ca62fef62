/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image's manifest, read and checked. Pure. Tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_IMAGE_MANIFEST_H
#define ZHYVE_ZONE_IMAGE_MANIFEST_H

#include "zone/image.h"
#include "zone/sha1.h"

#define IMAGE_MANIFEST_MAX (256u * 1024u) /* bytes of one that is taken */

struct image_manifest {
	struct image image;           /* path empty; kernel, initrd: the names in the tags */
	uint64_t file_size;           /* files[0].size, 0: not said */
	char sha1[SHA1_TEXT_LEN + 1]; /* files[0].sha1, lower case, "": not said */
	char compression[16];         /* files[0].compression: gzip, xz, zstd, none, or "" */
};

/*
 * 0, or -EINVAL with "invalid manifest: " and every fault found, as imgadm names them: member and
 * what is wrong with it.
 */
int image_manifest_parse(const char *text, size_t len, struct image_manifest *out, struct err *e);

#endif
