/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm delete: not while a zone has a disk made from the image, or boots its kernel. An image
 * that is damaged can be deleted: that is the remedy.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/imgadm/imgadm.h"
#include "zone/usage.h"

static void
keep_first(const struct zconf *c, void *arg)
{
	char *first = arg;

	if (first[0] == '\0')
		(void)snprintf(first, ZONENAME_MAX, "%s", c->name);
}

int
imgadm_delete(int argc, char **argv)
{
	char uuid[UUID_TEXT_LEN + 1], first[ZONENAME_MAX] = "", others[48] = "";
	char *manifest = NULL;
	struct err e;
	size_t users;
	int rc;

	if ((rc = take_uuid(argc, argv, uuid)) != 0 || (rc = load_text(uuid, &manifest)) != 0)
		return (rc);
	free(manifest);
	if (usage_image(uuid, keep_first, first, &users, &e) != 0)
		return (fail_with(&e));
	if (users > 1)
		(void)snprintf(others, sizeof(others), " and %zu others...", users - 1);
	if (users > 0)
		return (fail("ImageHasDependentClones", "image \"%s\" has dependent clones: %s%s",
		    uuid, first, others));
	if (image_delete(uuid, &e) != 0)
		return (fail_with(&e));
	(void)printf("Deleted image %s\n", uuid);
	return (EXIT_OK);
}
