/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zoneadm verify: can the configuration work on this host? Every fault is named, not only the
 * first; nothing is changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/zoneadm/zoneadm.h"
#include "zone/brand.h"
#include "zone/image.h"
#include "zone/link.h"
#include "zone/paths.h"
#include "zone/volume.h"
#include "zone/zstate.h"

struct faults {
	const char *zone;
	size_t n;
};

static void
tell(void *arg, const char *text)
{
	struct faults *f = arg;

	(void)fprintf(stderr, "zoneadm: zone '%s': %s\n", f->zone, text);
	f->n++;
}

/* The zone path, when it is there: a missing one is for install to make. */
static void
verify_path(struct faults *f)
{
	char path[PATH_MAX], text[PATH_MAX + 64];
	struct stat st;
	const char *says;

	if (lstat(path_zones(path, "%s", f->zone), &st) != 0) {
		(void)fprintf(stderr,
		    "zoneadm: WARNING: %s does not exist, so it could not be verified.\n"
		    "When 'zoneadm install' is run, 'install' will try to create\n%s.\n",
		    path, path);
		return;
	}
	if (!S_ISDIR(st.st_mode))
		says = "is not a directory";
	else if (st.st_uid != 0)
		says = "is not owned by root";
	else if ((st.st_mode & 07777) != 0700)
		says = "must have mode 0700";
	else
		return;
	(void)snprintf(text, sizeof(text), "%s %s.", path, says);
	tell(f, text);
}

static void
verify_things(struct faults *f, const struct zconf *c)
{
	struct nictag tag;
	uint64_t size;

	for (size_t i = 0; i < c->nnet; i++) {
		struct err e = { 0 };

		if (c->net[i].global_nic != NULL && nictag_get(c->net[i].global_nic, &tag, &e) != 0)
			tell(f, e.text);
	}
	for (size_t i = 0; i < c->ndevice; i++) {
		struct err e = { 0 };

		/* Whether a device of the host is there, and free, shows at boot. */
		if (c->device[i].match != NULL && !brand_is_passthru(&c->device[i]) &&
		    volume_stat(c->device[i].match, &size, &e) != 0) /* a zone may run on it */
			tell(f, e.text);
	}
}

/* The same plan as boot would make; its first fault. */
static void
verify_machine(struct faults *f, const struct zconf *c)
{
	const char *uuid = brand_boot_image(c);
	struct image *image = NULL;
	struct err e = { 0 };
	struct brand_plan *plan;
	int rc = 0;

	if (uuid != NULL && zconf_attr(c, "kernel") == NULL) {
		if ((image = calloc(1, sizeof(*image))) == NULL)
			rc = err_set(&e, ENOMEM, "cannot read image %s", uuid);
		else
			rc = image_get(uuid, image, &e);
	}
	if (rc == 0 && (rc = brand_plan_make(c, image, 3, &plan, &e)) == 0)
		brand_plan_free(plan);
	free(image);
	if (rc != 0)
		tell(f, e.text);
}

int
cmd_verify(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct faults f = { .zone = zone };
	struct err e = { 0 };
	struct zconf *c;

	if (argc != 1)
		return (usage_of(sc));
	if (zconf_load(zone, &c, &e) != 0)
		return (zone_fails(zone, &e));
	if (zone_state_check(ZCMD_VERIFY, c->state, &e) != 0) {
		tell(&f, e.text);
	} else {
		(void)zconf_verify_all(c, tell, &f);
		verify_path(&f);
		verify_things(&f, c);
		if (f.n == 0) /* a plan is made of what is right so far */
			verify_machine(&f, c);
	}
	zconf_free(c);
	return (f.n == 0 ? EXIT_DONE : EXIT_FAILED);
}
