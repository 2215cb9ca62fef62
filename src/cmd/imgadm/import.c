/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm import -m MANIFEST -f FILE, or UUID of one in a folder. An image that is there already is no error, as
 * on SmartOS.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/progress.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/image_folder.h"
#include "zone/paths.h"

/* The image that the operand names, in the folder. 0 or an exit status, told. */
static int
find_available(int argc, char **argv, const char *folder, struct image_available **out)
{
	char uuid[UUID_TEXT_LEN + 1], path[PATH_MAX];
	struct err e;
	int rc;

	if ((rc = take_uuid_operand(argc, argv, 0, uuid)) != 0)
		return (rc);
	if ((*out = calloc(1, sizeof(**out))) == NULL)
		return (fail("InternalError", "out of memory"));
	if (folder == NULL)
		folder = path_zones(path, "%s", IMAGE_FOLDER);
	if (image_folder_find(folder, uuid, *out, &e) == 0)
		return (0);
	free(*out);
	return (fail("ActiveImageNotFound", "%s", e.text));
}

int
imgadm_import(int argc, char **argv)
{
	const char *manifest = NULL, *file = NULL, *folder = NULL;
	struct image_available *found = NULL;
	struct image img;
	bool quiet = false;
	struct err e;
	int c, rc;

	while ((c = getopt(argc, argv, "+P:d:f:m:q")) != -1) {
		switch (c) {
		case 'P':
			if ((rc = take_pool(optarg)) != 0)
				return (rc);
			break;
		case 'd':
			folder = optarg;
			break;
		case 'f':
			file = optarg;
			break;
		case 'm':
			manifest = optarg;
			break;
		case 'q':
			quiet = true;
			break;
		default:
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
		}
	}
	if (manifest == NULL && file == NULL) {
		if ((rc = find_available(argc, argv, folder, &found)) != 0)
			return (rc);
		manifest = found->manifest;
		file = found->image.path;
	} else if (optind != argc) {
		return (fail("Usage", "unexpected args: %s", argv[optind]));
	}
	if (manifest == NULL || file == NULL)
		return (fail("Usage", "both -m MANIFEST and -f FILE are wanted"));
	interrupt_watch(false);
	if (!quiet)
		progress_watch();
	rc = image_import(manifest, file, &img, &e);
	free(found);
	if (rc != 0 && rc != -EEXIST)
		return (fail_with(&e));
	if (quiet)
		return (EXIT_OK);
	if (rc == 0)
		(void)printf("Imported image %s (%s@%s)\n", img.uuid, img.name, img.version);
	else
		(void)printf("Image %s (%s@%s) is already installed, skipping\n", img.uuid,
		    img.name, img.version);
	return (EXIT_OK);
}
