/* SPDX-License-Identifier: BSD-2-Clause */
/* imgadm export: an image of this host as files, which another imports. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/image_export.h"

static int
write_out(const struct image *img, const struct output *out, json_t *manifest)
{
	struct image_output o = {
		.size = img->size,
		.packed = out->packed,
		.manifest = manifest,
		.kernel = img->kernel,
		.initrd = img->initrd,
	};
	char prefix[PATH_MAX], file[PATH_MAX];
	CLEANUP_FD int fd = open(img->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct err e;

	if (fd < 0)
		return (fail("FileSystem", "cannot read '%s'", img->path));
	o.disk = fd;
	image_output_prefix(manifest, out->where, prefix);
	if (image_output(&o, prefix, file, &e) != 0)
		return (fail_with(&e));
	if (!out->quiet)
		(void)printf("Exported image %s (%s@%s) to %s and %s.json\n", img->uuid, img->name,
		    img->version, file, prefix);
	return (EXIT_OK);
}

int
imgadm_export(int argc, char **argv)
{
	struct output out = { .where = "." };
	char uuid[UUID_TEXT_LEN + 1];
	struct image img;
	json_t *manifest;
	struct err e;
	int c, rc;

	while ((c = getopt(argc, argv, "+c:o:q")) != -1)
		if ((rc = take_output(c, &out)) != 0)
			return (rc);
	if ((rc = take_uuid_operand(argc, argv, 0, uuid)) != 0 ||
	    (rc = load_manifest(uuid, &manifest)) != 0)
		return (rc);
	interrupt_watch(false);
	if (!out.quiet)
		progress_watch();
	rc = image_get(uuid, &img, &e) != 0 ? fail_with(&e) : write_out(&img, &out, manifest);
	json_decref(manifest);
	return (rc);
}
