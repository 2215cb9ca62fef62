/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image as files that can be carried to another host: PREFIX.json, the manifest, and PREFIX.raw, perhaps
 * packed, as image_import takes them. Tools, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_EXPORT_H
#define ZHYVE_ZONE_IMAGE_EXPORT_H

#include <jansson.h>
#include <limits.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/image_convert.h"

struct image_output {
	int disk; /* for reading, `size` bytes, a multiple of 1 MiB or padded to one with zeroes */
	uint64_t size;
	enum image_packed packed;
	json_t *manifest; /* its image_size and files are set by image_output */
	/* Files to go beside the manifest under the names in its tags; NULL or "": none. */
	const char *kernel, *initrd;
};

/*
 * Where they go: "PREFIX" is `where`, or, when that is a folder, NAME-VERSION of the manifest in it, with a
 * '-' for what is no good in a file's name.
 */
void image_output_prefix(const json_t *manifest, const char *where, char out[PATH_MAX]);

/*
 * Write them; the manifest comes last. Nothing is left of what fails. `file` (PATH_MAX): the path of the
 * disk. -EEXIST: one of them is there; -EINVAL: a manifest that no import would take.
 */
int image_output(const struct image_output *o, const char *prefix, char *file, struct err *e);

#endif
