/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of payloads: images, in place of image_get (two of 2,048 MiB, the second of which wants
 * UEFI, and one that is no disk), and the properties that are warned of. Header only.
 */
#ifndef ZHYVE_TESTS_VM_FIXTURE_H
#define ZHYVE_TESTS_VM_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "zone/image.h"

#define IMAGE       "11111111-1111-4111-8111-111111111111"
#define IMAGE_OTHER "22222222-2222-4222-8222-222222222222"
#define IMAGE_UEFI  "44444444-4444-4444-8444-444444444444"
#define IMAGE_NONE  "33333333-3333-4333-8333-333333333333"

static inline int
fake_image(const char *uuid, struct image *out, struct err *e)
{
	bool uefi = strcmp(uuid, IMAGE_UEFI) == 0;

	if (strcmp(uuid, IMAGE) != 0 && strcmp(uuid, IMAGE_OTHER) != 0 && !uefi)
		return (err_say(e, ENOENT, "image %s does not exist", uuid));
	*out = (struct image){ .size = UINT64_C(2048) << 20 };
	(void)snprintf(out->type, sizeof(out->type), "%s",
	    strcmp(uuid, IMAGE_OTHER) != 0 ? "zvol" : "zone-dataset");
	if (uefi)
		(void)snprintf(out->bootrom, sizeof(out->bootrom), "uefi");
	return (0);
}

/* The properties that were warned of so far, each followed by a semicolon. */
static char warnings[512] __attribute__((unused));

static inline void
warn(const char *property, const char *what)
{
	size_t n = strlen(warnings);

	(void)what;
	(void)snprintf(warnings + n, sizeof(warnings) - n, "%s;", property);
}

#endif
