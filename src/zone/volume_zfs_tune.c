/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What zvols have that other pools' volumes have not: a block size for life, compression, and space of their own.
 * Tools and zoneadmd, root.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/volume_zfs.h"

int
zfs_set_number(const struct zfs_name *name, const char *property, uint64_t value, struct err *e)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s=%" PRIu64, property, value);
	return (zfs_run(e, "set", text, name->text, NULL));
}

int
zfs_set_compression(const struct zfs_name *name, const char *kind, struct err *e)
{
	char text[64];

	if (kind[0] == '\0')
		return (zfs_run(e, "inherit", "compression", name->text, NULL));
	(void)snprintf(text, sizeof(text), "compression=%.32s", kind);
	return (zfs_run(e, "set", text, name->text, NULL));
}

int
zfs_tune(const struct zfs_name *name, const char *compression, const uint64_t *refreservation,
    struct err *e)
{
	int rc = compression != NULL ? zfs_set_compression(name, compression, e) : 0;

	if (rc == 0 && refreservation != NULL)
		rc = zfs_set_number(name, "refreservation", *refreservation, e);
	return (rc);
}

int
zfs_keep_tuning(const struct zfs_name *from, const struct zfs_name *to, struct err *e)
{
	char value[64];
	struct zfs_row r;
	uint64_t bytes;
	bool local;
	int rc = zfs_get(from, "compression", value, &local, e);

	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc);
	if (local && (rc = zfs_set_compression(to, value, e)) != 0)
		return (rc);
	if ((rc = zfs_get(from, "refreservation", value, &local, e)) != 0 ||
	    (rc = zfs_find(to, &r, e)) != 0)
		return (rc);
	if (parse_u64(value, &bytes) != 0 || bytes == 0)
		return (0);
	return (zfs_set_number(to, "refreservation", MIN(bytes, r.size), e));
}

int
zfs_tuning(const struct zfs_name *name, struct volume_tuning *out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char reserved[32];
	int end = 0, rc;

	*out = (struct volume_tuning){ 0 };
	rc = zfs_ask(&text, e, "get", "-H", "-p", "-o", "property,value",
	    "volblocksize,compression,refreservation", name->text, NULL);
	if (rc != 0)
		return (
		    rc == -ENOENT ? err_say(e, ENOENT, "there is no zvol '%s'", name->text) : rc);
	if (sscanf(text,
		"volblocksize\t%" SCNu32 "\ncompression\t%15[a-z0-9-]\nrefreservation\t%31s\n%n",
		&out->block_size, out->compression, reserved, &end) != 3 ||
	    end == 0 || text[end] != '\0')
		return (
		    err_say(e, EPROTO, "zfs get does not tell how zvol '%s' is tuned", name->text));
	if (parse_u64(reserved, &out->refreservation) != 0) /* none */
		out->refreservation = 0;
	(void)snprintf(out->dataset, sizeof(out->dataset), "%s", name->text);
	return (0);
}
