/* SPDX-License-Identifier: BSD-2-Clause */
/* Metadata, tags and routes of a VM: see vmconfig.h. Tools and zoneadmd. */
#include "zone/vmconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/paths.h"

static const char *const file_names[] = { "metadata", "tags", "routes" };
#define NFILES (sizeof(file_names) / sizeof(file_names[0]))

static char *
file_path(char buf[PATH_MAX], const char *zone, const char *file)
{
	return (path_zones(buf, "%s/config/%s.json", zone, file));
}

/* One file as an object; {} when it is not there. */
static int
load_file(const char *zone, const char *file, json_t **out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	json_error_t je;
	size_t len;
	int rc;

	rc = file_read(file_path(path, zone, file), VMCONFIG_FILE_MAX, &text, &len, e);
	if (rc == -ENOENT) {
		err_clear(e);
		*out = json_object();
		return (*out != NULL ? 0 : err_set(e, ENOMEM, "cannot read '%s'", path));
	}
	if (rc < 0)
		return (rc);
	if ((*out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je)) == NULL)
		return (err_say(e, EINVAL,
		    "'%s' is broken (correct it, or remove it): line %d, column %d: %s", path,
		    je.line, je.column, je.text));
	if (!json_is_object(*out)) {
		json_decref(*out);
		return (err_say(e, EINVAL,
		    "'%s' is broken (correct it, or remove it): not a JSON object", path));
	}
	return (0);
}

static int
store_file(const char *zone, const char *file, const json_t *v, struct err *e)
{
	CLEANUP_FREE char *text = json_dumps(v, JSON_INDENT(2));
	char path[PATH_MAX];
	size_t len;

	(void)file_path(path, zone, file);
	if (text == NULL)
		return (err_set(e, ENOMEM, "cannot write '%s'", path));
	if ((len = strlen(text)) > VMCONFIG_FILE_MAX)
		return (err_say(
		    e, EFBIG, "%s may not be larger than %u bytes", file, VMCONFIG_FILE_MAX));
	return (file_replace(path, text, len, 0600, e));
}

/*
 * Take (and own) a member of metadata.json; an empty object when it is missing or of another
 * type.
 */
static json_t *
member(const json_t *file, const char *name)
{
	json_t *v = json_object_get(file, name);

	return (json_is_object(v) ? json_incref(v) : json_object());
}

int
vmconfig_load(const char *zone, struct vmconfig *out, struct err *e)
{
	json_t *metadata = NULL;
	int rc;

	*out = (struct vmconfig){ 0 };
	if ((rc = load_file(zone, "metadata", &metadata, e)) < 0)
		return (rc);
	out->customer_metadata = member(metadata, "customer_metadata");
	out->internal_metadata = member(metadata, "internal_metadata");
	json_decref(metadata);
	if ((rc = load_file(zone, "tags", &out->tags, e)) < 0 ||
	    (rc = load_file(zone, "routes", &out->routes, e)) < 0)
		vmconfig_free(out);
	return (rc);
}

void
vmconfig_free(struct vmconfig *c)
{
	json_decref(c->customer_metadata);
	json_decref(c->internal_metadata);
	json_decref(c->tags);
	json_decref(c->routes);
	*c = (struct vmconfig){ 0 };
}

/* An own reference to v, or an empty object. */
static json_t *
or_empty(json_t *v)
{
	return (v != NULL ? json_incref(v) : json_object());
}

static int
store_object(const char *zone, const char *file, json_t *v, struct err *e)
{
	json_t *o = or_empty(v);
	int rc = store_file(zone, file, o, e);

	json_decref(o);
	return (rc);
}

static int
store_metadata(const char *zone, json_t *customer, json_t *internal, struct err *e)
{
	json_t *o = json_pack("{s:o, s:o}", "customer_metadata", or_empty(customer),
	    "internal_metadata", or_empty(internal));
	int rc = o != NULL ? store_file(zone, "metadata", o, e)
			   : err_set(e, ENOMEM, "cannot store the metadata of %s", zone);

	json_decref(o);
	return (rc);
}

int
vmconfig_store(const char *zone, const struct vmconfig *c, struct err *e)
{
	char dir[PATH_MAX];
	int rc;

	if ((rc = dir_make(path_zones(dir, "%s/config", zone), 0755, e)) < 0 ||
	    (rc = store_metadata(zone, c->customer_metadata, c->internal_metadata, e)) < 0 ||
	    (rc = store_object(zone, "tags", c->tags, e)) < 0)
		return (rc);
	return (store_object(zone, "routes", c->routes, e));
}

/* The folder itself is the lock: it outlives the files in it, which are replaced. */
static int
lock_folder(const char *zone, struct err *e)
{
	char dir[PATH_MAX];
	int fd;

	(void)path_zones(dir, "%s/config", zone);
	if ((fd = path_open(dir, O_RDONLY | O_DIRECTORY, 0)) < 0)
		return (err_set(e, -fd, "cannot open '%s'", dir));
	if (flock(fd, LOCK_EX) < 0) {
		int rc = err_set(e, errno, "cannot lock '%s'", dir);

		fd_close(&fd);
		return (rc);
	}
	return (fd);
}

int
vmconfig_set(
    const char *zone, const char *object, const char *key, const char *value, struct err *e)
{
	CLEANUP_FD int lock = lock_folder(zone, e);
	struct vmconfig c;
	json_t *o;
	int rc;

	if (lock < 0)
		return (lock);
	if ((rc = vmconfig_load(zone, &c, e)) < 0)
		return (rc);
	o = strcmp(object, "internal_metadata") == 0 ? c.internal_metadata : c.customer_metadata;
	if (value == NULL)
		(void)json_object_del(o, key);
	else if (json_object_set_new(o, key, json_string(value)) < 0)
		rc = err_say(e, EILSEQ, "key and value must be UTF-8 text");
	if (rc == 0)
		rc = store_metadata(zone, c.customer_metadata, c.internal_metadata, e);
	vmconfig_free(&c);
	return (rc);
}

int
vmconfig_change(const char *zone, vmconfig_change_fn *change, void *ctx, struct err *e)
{
	CLEANUP_FD int lock = -1;
	struct vmconfig c;
	char dir[PATH_MAX];
	int rc;

	if ((rc = dir_make(path_zones(dir, "%s/config", zone), 0755, e)) < 0)
		return (rc);
	if ((lock = lock_folder(zone, e)) < 0)
		return (lock);
	if ((rc = vmconfig_load(zone, &c, e)) < 0)
		return (rc);
	if ((rc = change(&c, ctx)) < 0)
		rc = err_set(e, -rc, "cannot change the metadata of %s", zone);
	else
		rc = vmconfig_store(zone, &c, e);
	vmconfig_free(&c);
	return (rc);
}

int64_t
vmconfig_mtime(const char *zone)
{
	char path[PATH_MAX];
	int64_t newest = 0;
	struct stat st;

	for (size_t i = 0; i < NFILES; i++)
		if (stat(file_path(path, zone, file_names[i]), &st) == 0 && st.st_mtime > newest)
			newest = st.st_mtime;
	return (newest);
}
