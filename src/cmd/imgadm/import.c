/* SPDX-License-Identifier: BSD-2-Clause */
/* imgadm import -m MANIFEST -f FILE. An image that is there already is no error, as on SmartOS. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "cmd/imgadm/imgadm.h"

int
imgadm_import(int argc, char **argv)
{
	const char *manifest = NULL, *file = NULL;
	struct image img;
	bool quiet = false;
	struct err e;
	int c, rc;

	while ((c = getopt(argc, argv, "+P:f:m:q")) != -1) {
		switch (c) {
		case 'P':
			if ((rc = take_pool(optarg)) != 0)
				return (rc);
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
	if (optind != argc)
		return (fail("Usage",
		    "unexpected args: %s (there is no image server to import from: give -m and -f)",
		    argv[optind]));
	if (manifest == NULL || file == NULL)
		return (fail("Usage", "both -m MANIFEST and -f FILE are wanted"));
	interrupt_watch(false);
	rc = image_import(manifest, file, &img, &e);
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
