/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clone: a configured zone is installed with copies of another's disks, made by the volume driver, and
 * of what stands in its config folder. Logs, and the state of a TPM, which is one machine's alone, are
 * not copied. Runs in the tools, as root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/brand.h"
#include "zone/client.h"
#include "zone/disktune.h"
#include "zone/install.h"
#include "zone/paths.h"
#include "zone/volume.h"
#include "zone/zconf_field.h"
#include "zone/zstate.h"

#define CONFIG_FILE_MAX (16 * MIB)

/* The source's disk that this device is to be a copy of; NULL: it is none. */
static const char *
source_of(const struct zconf *c, size_t i, const struct zconf *src)
{
	const char *match = c->device[i].match;
	char theirs[PATH_MAX];
	unsigned n;

	/* A disk of its own that is not there yet: the one of that number in the source. */
	if (volume_is_of(match, c->name) && volume_number(match, &n) &&
	    volume_path(theirs, src->name, n, NULL) == 0)
		match = theirs;
	for (size_t k = 0; k < src->ndevice; k++) {
		if (strcmp(src->device[k].match, match) == 0)
			return (src->device[k].match);
	}
	return (NULL);
}

static int
clone_disks(struct zconf *c, const struct zconf *src, const char *snapshot, struct err *e)
{
	const struct zfield *match = zfield_find(zdevice_fields, "match");
	char path[PATH_MAX];
	const char *from;
	unsigned n;
	int rc;

	for (size_t i = 0; i < c->ndevice; i++) {
		if (brand_is_passthru(&c->device[i]) || (from = source_of(c, i, src)) == NULL)
			continue;
		struct volume_spec spec = {
			.zone = c->name,
			.index = volume_number(from, &n) ? n : (unsigned)i,
			.from = from,
			.from_snapshot = snapshot,
		};

		disktune_get(&c->device[i], &spec);
		if ((rc = volume_create(&spec, path, e)) != 0)
			return (rc);
		if (zfield_set(match, &c->device[i], path) != 0)
			return (err_set(e, ENOMEM, "cannot name disk '%s'", path));
	}
	return (0);
}

static int
copy_file(const char *from, const char *to, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	size_t len;
	int rc;

	if (lstat(from, &st) != 0)
		return (err_set(e, errno, "cannot copy '%s'", from));
	if (!S_ISREG(st.st_mode))
		return (0);
	if ((rc = file_read(from, CONFIG_FILE_MAX, &text, &len, e)) != 0)
		return (rc);
	return (file_replace(to, text, len, st.st_mode & 0777, e));
}

/* Metadata, tags, routes, UEFI's variables. */
static int
clone_config(const char *name, const char *source, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	DIR *d = opendir(path_zones(from, "%s/config", source));
	struct dirent *de;
	int rc = 0;

	if (d == NULL)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot read '%s'", from));
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		rc = copy_file(path_zones(from, "%s/config/%s", source, de->d_name),
		    path_zones(to, "%s/config/%s", name, de->d_name), e);
	}
	(void)closedir(d);
	return (rc);
}

/* From configured to installed. */
static int
make_clone(struct zconf *c, const struct zconf *src, const char *snapshot, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = zconf_verify(c, e)) != 0 || (rc = zone_path_check(c, e)) != 0)
		return (rc);
	if (zone_is_detached(c->name))
		return (err_say(e, EEXIST, "zonepath '%s' is that of a detached zone",
		    path_zones(path, "%s", c->name)));
	if ((rc = zconf_set_state(c->name, ZONE_STATE_INCOMPLETE, e)) != 0 ||
	    (rc = zone_path_make(path_zones(path, "%s", c->name), e)) != 0 ||
	    (rc = clone_disks(c, src, snapshot, e)) != 0 ||
	    (rc = clone_config(c->name, src->name, e)) != 0)
		return (rc);
	c->state = ZONE_STATE_INSTALLED;
	return (zconf_store(c, e));
}

int
zone_clone(const char *name, const char *source, const char *snapshot, struct err *e)
{
	struct zconf *c = NULL, *src = NULL;
	struct zone_status st;
	int rc;

	if (strcmp(name, source) == 0)
		return (err_say(e, EINVAL, "a zone cannot be cloned from itself"));
	if ((rc = zone_status_get(name, &st, e)) != 0 ||
	    (rc = zone_state_check(ZCMD_CLONE, st.state, e)) != 0)
		return (rc);
	if ((rc = zone_status_get(source, &st, e)) != 0 ||
	    (rc = zone_state_check(ZCMD_CLONE_FROM, st.state, e)) != 0)
		return (err_ctx(e, "source zone '%s'", source));
	if ((rc = zconf_load(name, &c, e)) == 0 && (rc = zconf_load(source, &src, e)) == 0)
		rc = make_clone(c, src, snapshot, e);
	zconf_free(c);
	zconf_free(src);
	return (rc);
}
