/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's boot ROM and its variable store: <zonepath>/config/uefivars.fd, a copy of the ROM's
 * template, made at the first boot that needs it, written by zhyve for the guest, gone with the
 * zone. What is in it is the guest's: nothing here reads it. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/paths.h"
#include "zone/zoneadmd.h"

#define VARS_MAX (16 * MIB) /* with the ROM below 4 GiB (bhyve.md 7) */

static char *
vars_path(const struct zoneadmd *z, char path[PATH_MAX])
{
	return (path_zones(path, "%s/config/uefivars.fd", z->name));
}

/* The message names the package that a missing file is of. */
static int
name_package(int rc, const struct bootrom *rom, struct err *e)
{
	char said[ERR_TEXT_MAX];

	if (rc != -ENOENT || rom->package == NULL)
		return (rc);
	(void)snprintf(said, sizeof(said), "%s", e->text);
	return (err_say(e, ENOENT,
	    "%s; it is in Debian's package %s (apt-get install %s), or choose another by "
	    "attr bootrom",
	    said, rom->package, rom->package));
}

static int
make_vars(const struct bootrom *rom, const char *path, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	int rc;

	if ((rc = file_read(rom->vars, VARS_MAX, &text, &len, e)) != 0)
		return (name_package(rc, rom, e));
	return (file_replace(path, text, len, 0600, e));
}

/* One that was made for another ROM does not fit this one, and the ROM would not say so. */
static int
check_size(int fd, const struct bootrom *rom, const char *path, struct err *e)
{
	struct stat ours, template;

	if (fstat(fd, &ours) != 0)
		return (err_set(e, errno, "cannot look at '%s'", path));
	if (!S_ISREG(ours.st_mode))
		return (err_say(e, EINVAL, "'%s' is not a regular file", path));
	if (stat(rom->vars, &template) == 0 && template.st_size != ours.st_size)
		return (err_say(e, EINVAL,
		    "'%s' has %lld bytes, the variables of boot ROM '%s' take %lld: forget those "
		    "of another ROM by vmadm start UUID efivars=reset",
		    path, (long long)ours.st_size, rom->rom, (long long)template.st_size));
	return (0);
}

static int
open_vars(struct zoneadmd *z, const struct bootrom *rom, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	(void)vars_path(z, path);
	if (z->start.reset_vars && unlink(path) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s'", path));
	z->res.vars_fd = path_open(path, O_RDWR, 0);
	if (z->res.vars_fd == -ENOENT) {
		if ((rc = make_vars(rom, path, e)) != 0)
			return (rc);
		log_info("made the zone's UEFI variables from '%s'", rom->vars);
		z->res.vars_fd = path_open(path, O_RDWR, 0);
	}
	if (z->res.vars_fd < 0)
		return (err_set(e, -z->res.vars_fd, "cannot open '%s'", path));
	return (check_size(z->res.vars_fd, rom, path, e));
}

int
zone_rom_open(struct zoneadmd *z, struct err *e)
{
	const struct bootrom *rom = &z->res.plan->rom;
	int rc = zone_open_regular(rom->rom, "boot ROM", &z->res.rom_fd, e);

	if (rc != 0)
		return (name_package(rc, rom, e));
	if (z->res.plan->nic_rom != NULL &&
	    (rc = zone_open_regular(z->res.plan->nic_rom,
		 "ROM to boot from the network (package " BOOTROM_NIC_PACKAGE ")",
		 &z->res.nic_rom_fd, e)) != 0)
		return (rc);
	return (rom->vars[0] != '\0' ? open_vars(z, rom, e) : 0);
}
