/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zfs(8) and zpool(8) for the volume driver `zfs`: names, commands, and what they report. Everything is passed
 * as one argument each, and read with -H -p: one line each, tabs between, numbers in bytes; a line that has one
 * field more or less, or a number that is none, is an error. Tools and zoneadmd, root.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/program.h"
#include "zone/volume_zfs.h"

#define ZFS      "/usr/sbin/zfs"
#define ZPOOL    "/usr/sbin/zpool"
#define ARGS_MAX 32
#define PLAIN    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
#define HIDDEN   "@:x" /* no byte is escaped so */
#define MISSING  "dataset does not exist"

/* ---- names ---- */

bool
zfs_name_join(struct zfs_name *out, const struct zfs_name *base, const char *suffix)
{
	size_t len = strlen(base->text), more = strlen(suffix);

	if (len + more >= ZFS_NAME_MAX)
		return (false);
	memmove(out->text, base->text, len);
	memcpy(out->text + len, suffix, more + 1);
	return (true);
}

bool
zfs_name_snapshot(struct zfs_name *out, const struct zfs_name *dataset, const char *name)
{
	if (!zfs_name_join(out, dataset, "@"))
		return (false);
	for (; *name != '\0'; name++) {
		char one[4] = { *name, '\0' };

		if (strchr(PLAIN, *name) == NULL)
			(void)snprintf(one, sizeof(one), ":%02x", (unsigned char)*name);
		if (!zfs_name_join(out, out, one))
			return (false);
	}
	return (true);
}

bool
zfs_name_hidden(struct zfs_name *out, const struct zfs_name *dataset)
{
	struct timespec now;
	char text[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(text, sizeof(text), HIDDEN "%llx%08lx", (unsigned long long)now.tv_sec,
	    (unsigned long)now.tv_nsec);
	return (zfs_name_join(out, dataset, text));
}

bool
zfs_is_hidden(const char *snapshot)
{
	return (strstr(snapshot, HIDDEN) != NULL);
}

bool
zfs_is_part(const char *row, const struct zfs_name *dataset)
{
	size_t len = strlen(dataset->text);

	return (strncmp(row, dataset->text, len) == 0 &&
	    (row[len] == '\0' || row[len] == '@' || row[len] == ':'));
}

struct zfs_name
zfs_dataset_of(const char *snapshot)
{
	struct zfs_name out;

	(void)snprintf(out.text, sizeof(out.text), "%s", snapshot);
	out.text[strcspn(out.text, "@")] = '\0';
	return (out);
}

bool
zfs_name_valid(const char *name)
{
	return (name[0] != '\0' && strlen(name) < ZFS_NAME_MAX && strchr("-./", name[0]) == NULL &&
	    name[strspn(name, PLAIN "/")] == '\0' && strstr(name, "//") == NULL &&
	    strstr(name, "/.") == NULL && name[strlen(name) - 1] != '/');
}

/* ---- reports ---- */

/* The next field of a line, cut off; NULL when there is none. */
static char *
next_field(char **line)
{
	return (*line == NULL ? NULL : strsep(line, "\t"));
}

static bool
take_number(char **line, uint64_t *out)
{
	const char *s = next_field(line);

	*out = 0;
	if (s == NULL)
		return (false);
	if (strcmp(s, "-") == 0) /* it has none */
		return (true);
	return (s[0] != '\0' && s[strspn(s, "0123456789")] == '\0' && parse_u64(s, out) == 0);
}

/* Of a list, which zfs cuts off when there are many, the first. */
static bool
take_clone(char **line, struct zfs_name *out)
{
	char *s = next_field(line);

	*out = (struct zfs_name){ 0 };
	if (s == NULL)
		return (false);
	if (strcmp(s, "-") == 0)
		return (true);
	s[strcspn(s, ",")] = '\0';
	if (strlen(s) >= sizeof(out->text))
		return (false);
	(void)strcpy(out->text, s);
	return (true);
}

static bool
parse_row(char *line, struct zfs_row *r)
{
	const char *name = next_field(&line);

	if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof(r->name.text))
		return (false);
	(void)strcpy(r->name.text, name);
	return (take_number(&line, &r->size) && take_number(&line, &r->used) &&
	    take_number(&line, &r->available) && take_number(&line, &r->txg) &&
	    take_clone(&line, &r->clone) && line == NULL && r->size <= INT64_MAX);
}

static size_t
count_lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return (n);
}

int
zfs_parse(const char *text, struct zfs_row **out, size_t *n, struct err *e)
{
	CLEANUP_FREE char *copy = strdup(text);
	char *rest = copy, *line;
	size_t lines = count_lines(text);
	bool ok = true;

	*n = 0;
	*out = calloc(lines + 1, sizeof(**out));
	if (copy == NULL || *out == NULL) {
		free(*out);
		*out = NULL;
		return (err_set(e, ENOMEM, "cannot read what zfs list says"));
	}
	while (ok && *n < lines && (line = strsep(&rest, "\n")) != NULL)
		ok = parse_row(line, &(*out)[(*n)++]);
	if (ok && (rest == NULL || *rest == '\0'))
		return (0);
	free(*out);
	*out = NULL;
	return (err_say(e, EPROTO,
	    "zfs list says what is not understood here (OpenZFS 2.1 is): see zfs list -H -p "
	    "-o " ZFS_COLUMNS));
}

/* ---- commands ---- */

static int
run(const char *const words[], char **output, struct err *e)
{
	int rc = program_run(words, "", output, e);

	if (rc == -ENOENT)
		return (err_say(e, EPROTONOSUPPORT,
		    "there is no %s: install zfsutils-linux and zfs-dkms (Debian's contrib)",
		    words[0]));
	return (rc);
}

/* The command and what comes with it; -EIO has the command's name before its complaint. */
static int
run_list(const char *program, const char *command, va_list ap, char **output, struct err *e)
{
	const char *words[ARGS_MAX] = { program, command };
	size_t n = 2;
	int rc;

	while (n + 1 < ARGS_MAX && (words[n] = va_arg(ap, const char *)) != NULL)
		n++;
	words[n] = NULL;
	rc = run(words, output, e);
	return (rc == -EIO ? err_ctx(e, "%s", command) : rc);
}

/* Only its words tell this from other failures. */
static int
is_missing(int rc, struct err *e)
{
	if (rc != -EIO || strstr(e->text, MISSING) == NULL)
		return (rc);
	err_clear(e);
	return (-ENOENT);
}

int
zfs_run(struct err *e, const char *command, ...)
{
	va_list ap;
	int rc;

	va_start(ap, command);
	rc = run_list(ZFS, command, ap, NULL, e);
	va_end(ap);
	return (rc);
}

int
zfs_run_on(struct err *e, const char *command, const struct zfs_name *names, size_t n)
{
	CLEANUP_FREE const char **words = calloc(n + 3, sizeof(*words));
	int rc;

	if (words == NULL)
		return (err_set(e, ENOMEM, "cannot run zfs %s", command));
	words[0] = ZFS;
	words[1] = command;
	for (size_t i = 0; i < n; i++)
		words[i + 2] = names[i].text;
	rc = run(words, NULL, e);
	return (rc == -EIO ? err_ctx(e, "%s", command) : rc);
}

int
zpool_run(struct err *e, const char *command, ...)
{
	va_list ap;
	int rc;

	va_start(ap, command);
	rc = run_list(ZPOOL, command, ap, NULL, e);
	va_end(ap);
	return (rc);
}

int
zfs_ask(char **out, struct err *e, const char *command, ...)
{
	struct err own = { 0 };
	va_list ap;
	int rc;

	va_start(ap, command);
	rc = run_list(ZFS, command, ap, out, &own);
	va_end(ap);
	rc = is_missing(rc, &own);
	if (rc != 0 && rc != -ENOENT && e != NULL)
		*e = own;
	return (rc);
}

int
zpool_ask(char **out, struct err *e, const char *command, ...)
{
	va_list ap;
	int rc;

	va_start(ap, command);
	rc = run_list(ZPOOL, command, ap, out, e);
	va_end(ap);
	return (rc);
}

int
zfs_list(const struct zfs_name *top, struct zfs_row **out, size_t *n, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	int rc = zfs_ask(&text, e, "list", "-H", "-p", "-r", "-t", "filesystem,volume,snapshot",
	    "-o", ZFS_COLUMNS, top->text, NULL);

	*out = NULL;
	*n = 0;
	return (rc != 0 ? rc : zfs_parse(text, out, n, e));
}

int
zfs_find(const struct zfs_name *name, struct zfs_row *out, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	CLEANUP_FREE char *text = NULL;
	size_t n;
	int rc =
	    zfs_ask(&text, e, "list", "-H", "-p", "-t", "all", "-o", ZFS_COLUMNS, name->text, NULL);

	if (rc != 0 || (rc = zfs_parse(text, &list, &n, e)) != 0)
		return (rc);
	if (n != 1 || strcmp(list[0].name.text, name->text) != 0)
		return (err_say(e, EPROTO, "zfs list finds another than '%s'", name->text));
	if (out != NULL)
		*out = list[0];
	return (0);
}

int
zfs_get(
    const struct zfs_name *name, const char *property, char value[64], bool *local, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char *source;
	size_t len;
	int rc =
	    zfs_ask(&text, e, "get", "-H", "-p", "-o", "value,source", property, name->text, NULL);

	if (rc != 0)
		return (rc);
	len = strcspn(text, "\t");
	source = text + len;
	if (len == 0 || len >= 64 || *source != '\t' || count_lines(text) != 1)
		return (
		    err_say(e, EPROTO, "zfs get does not tell %s of '%s'", property, name->text));
	(void)snprintf(value, 64, "%.*s", (int)len, text);
	*local = strcmp(source, "\tlocal\n") == 0;
	return (0);
}
