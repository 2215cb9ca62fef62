/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm show, the manifest as it is stored; imgadm get, that and what this host knows about the
 * image.
 */
#include "cmd/imgadm/imgadm.h"
#include "zone/usage.h"

int
imgadm_show(int argc, char **argv)
{
	char uuid[UUID_TEXT_LEN + 1];
	json_t *manifest;
	int rc;

	if ((rc = take_uuid(argc, argv, uuid)) != 0 || (rc = load_manifest(uuid, &manifest)) != 0)
		return (rc);
	print_json(manifest);
	json_decref(manifest);
	return (EXIT_OK);
}

int
imgadm_get(int argc, char **argv)
{
	char uuid[UUID_TEXT_LEN + 1];
	json_t *manifest, *all;
	struct image img;
	struct err e;
	size_t users;
	int rc;

	if ((rc = take_uuid(argc, argv, uuid)) != 0 || (rc = load_manifest(uuid, &manifest)) != 0)
		return (rc);
	if (image_get(uuid, &img, &e) != 0 || usage_image(uuid, NULL, NULL, &users, &e) != 0) {
		json_decref(manifest);
		return (fail_with(&e));
	}
	all = json_pack("{s:o,s:s,s:s,s:I}", "manifest", manifest, "zpool", POOL, "path", img.path,
	    "clones", (json_int_t)users);
	print_json(all);
	json_decref(all);
	return (EXIT_OK);
}
