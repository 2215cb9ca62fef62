/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Archives of deleted VMs: see vmarchive.h. Files stay where they are, and are linked into the archive: the zone's
 * folder, which is deleted next, is on the same file system. Tools, root.
 */
#include "zone/vmarchive.h"

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
#include "base/parse.h"
#include "zone/paths.h"
#include "zone/tree.h"

#define VM_MAX   (32u * 1024u * 1024u) /* of vm.json, which has the metadata */
#define CONF_MAX (4u * 1024u * 1024u)

static const char *const folders[] = { "config", "logs", "cores" };

/* Its regular files; others, which are none of ours, stay behind. */
static int
link_files(const char *from, const char *to, struct err *e)
{
	DIR *d = opendir(from);
	CLEANUP_FD int out = -1;
	struct dirent *de;
	struct stat st;
	int rc;

	if (d == NULL)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot read '%s'", from));
	if ((rc = dir_make(to, 0700, e)) == 0 &&
	    (out = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		rc = err_set(e, errno, "cannot open '%s'", to);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (linkat(dirfd(d), de->d_name, out, de->d_name, 0) != 0 && errno != EEXIST)
			rc = err_set(e, errno, "cannot keep '%s/%s'", from, de->d_name);
	}
	if (rc == 0 && fsync(out) != 0)
		rc = err_set(e, errno, "cannot write '%s'", to);
	(void)closedir(d);
	return (rc);
}

/* `name` is that of an archive's folder, below /zones/archive, here and in what follows. */
static int
write_vm(const char *name, const json_t *vm, struct err *e)
{
	CLEANUP_FREE char *text = json_dumps(vm, JSON_INDENT(2));
	char path[PATH_MAX];

	if (text == NULL)
		return (err_set(e, ENOMEM, "cannot archive the VM"));
	return (file_replace(
	    path_zones(path, "archive/%s/vm.json", name), text, strlen(text), 0600, e));
}

static int
copy_conf(const char *name, const char *zone, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t len;
	int rc;

	if ((rc = file_read(path_etc(path, "%s.json", zone), CONF_MAX, &text, &len, e)) != 0)
		return (rc);
	return (file_replace(path_zones(path, "archive/%s/zone.json", name), text, len, 0600, e));
}

static int
fill(const char *name, const struct zconf *c, const json_t *vm, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	if ((rc = write_vm(name, vm, e)) != 0 || (rc = copy_conf(name, c->name, e)) != 0)
		return (rc);
	for (size_t i = 0; rc == 0 && i < NITEMS(folders); i++)
		rc = link_files(path_zones(from, "%s/%s", c->name, folders[i]),
		    path_zones(to, "archive/%s/%s", name, folders[i]), e);
	return (rc);
}

/* Is the archive that is there this VM's? It is, when it was created at the same time. */
static int
check_there(const char *name, const json_t *vm, struct err *e)
{
	const char *mine = json_string_value(json_object_get(vm, "create_timestamp")), *its;
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	json_t *there;
	size_t len;
	bool same;
	int rc;

	rc = file_read(path_zones(path, "archive/%s/vm.json", name), VM_MAX, &text, &len, e);
	if (rc != 0)
		return (err_ctx(e, "there is an archive already"));
	there = json_loadb(text, len, 0, NULL);
	its = json_string_value(json_object_get(there, "create_timestamp"));
	/* A zone that zonecfg made has none; nor has it a UUID that another ever had. */
	same = there != NULL &&
	    (mine == its || (mine != NULL && its != NULL && strcmp(mine, its) == 0));
	json_decref(there);
	return (same ? 0
		     : err_say(e, EEXIST,
			   "'%s' is the archive of another VM that had this UUID: move it away",
			   path_zones(path, "archive/%s", name)));
}

/* Under its name when it is whole. */
static int
publish(const char *new, const char *name, struct err *e)
{
	char above[PATH_MAX];
	CLEANUP_FD int at = -1, fd = -1;

	at = open(path_zones(above, "archive"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fd = openat(at, new, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 || fd < 0 || fsync(fd) != 0 || renameat(at, new, at, name) != 0 ||
	    fsync(at) != 0)
		return (err_set(e, errno, "cannot make '%s/%s'", above, name));
	return (0);
}

int
vmarchive_make(const struct zconf *c, const json_t *vm, struct err *e)
{
	char path[PATH_MAX], half[PATH_MAX], new[UUID_TEXT_LEN + 8];
	int rc;

	(void)snprintf(new, sizeof(new), ".%s.new", c->uuid);
	if (access(path_zones(path, "archive/%s", c->uuid), F_OK) == 0)
		return (check_there(c->uuid, vm, e));
	/* One that was not finished has nothing that is not elsewhere as well. */
	tree_remove(path_zones(half, "archive/%s", new));
	if ((rc = dir_make(path_zones(path, "archive"), 0700, e)) == 0 &&
	    (rc = dir_make(path_zones(path, "archive/%s", new), 0700, e)) == 0 &&
	    (rc = fill(new, c, vm, e)) == 0)
		rc = publish(new, c->uuid, e);
	if (rc != 0)
		tree_remove(half);
	return (rc);
}
