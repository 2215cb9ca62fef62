/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lvm(8) for the volume driver `lvm`: names, commands, and what it reports. Everything is passed as one
 * argument each, and read as JSON, every member of which has to be there and whole. Tools and zoneadmd, root.
 */
#include "zone/volume_lvm.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/program.h"

#define LVM      "/usr/sbin/lvm"
#define ARGS_MAX 24
#define PLAIN    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

/* ---- names ---- */

/* As device-mapper counts: hyphens are doubled (lvm's dm name is GROUP-VOLUME). */
static size_t
dm_length(const char *s)
{
	size_t n = strlen(s);

	for (; *s != '\0'; s++)
		n += *s == '-';
	return (n);
}

bool
lvm_name_join(char name[LVM_NAME_MAX], const char *group, const char *text)
{
	size_t len = strlen(name);

	if (len + strlen(text) >= LVM_NAME_MAX ||
	    dm_length(group) + 1 + dm_length(name) + dm_length(text) >= LVM_NAME_MAX)
		return (false);
	memcpy(name + len, text, strlen(text) + 1);
	return (true);
}

bool
lvm_name_append(char name[LVM_NAME_MAX], const char *group, const char *text)
{
	for (; *text != '\0'; text++) {
		char one[4] = { *text, '\0' };

		if (strchr(PLAIN, *text) == NULL)
			(void)snprintf(one, sizeof(one), "+%02x", (unsigned char)*text);
		if (!lvm_name_join(name, group, one))
			return (false);
	}
	return (true);
}

bool
lvm_name_valid(const char *name)
{
	return (name[0] != '\0' && name[0] != '-' && name[strspn(name, PLAIN "+")] == '\0');
}

/* ---- reports ---- */

static bool
get_text(const json_t *o, const char *name, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(o, name));

	if (s == NULL || strlen(s) >= size)
		return (false);
	memcpy(out, s, strlen(s) + 1);
	return (true);
}

/* "12.34"; "" for what is no pool. */
static bool
get_percent(const json_t *o, const char *name, double *out)
{
	char s[32], *end;

	*out = 0;
	if (!get_text(o, name, s, sizeof(s)))
		return (false);
	if (s[0] == '\0')
		return (true);
	if (s[strspn(s, "0123456789.")] != '\0')
		return (false);
	*out = strtod(s, &end);
	return (*end == '\0' && *out <= 100);
}

static bool
parse_volume(const json_t *o, struct lvm_volume *v)
{
	char size[32], permissions[32];

	if (!get_text(o, "lv_name", v->name, sizeof(v->name)) || v->name[0] == '\0' ||
	    !get_text(o, "lv_size", size, sizeof(size)) || parse_u64(size, &v->size) != 0 ||
	    v->size > INT64_MAX || !get_percent(o, "data_percent", &v->data) ||
	    !get_percent(o, "metadata_percent", &v->metadata) ||
	    !get_text(o, "lv_health_status", v->health, sizeof(v->health)) ||
	    !get_text(o, "lv_permissions", permissions, sizeof(permissions)))
		return (false);
	v->readonly = strstr(permissions, "read-only") != NULL;
	return (true);
}

/* {"report": [{"lv": [...]}]} */
static const json_t *
volumes_of(const json_t *top)
{
	const json_t *report = json_object_get(top, "report");

	if (json_array_size(report) != 1)
		return (NULL);
	return (json_object_get(json_array_get(report, 0), "lv"));
}

int
lvm_parse(const char *text, struct lvm_volume **out, size_t *n, struct err *e)
{
	json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = volumes_of(top), *one;
	bool ok = json_is_array(list);
	size_t i;

	*n = json_array_size(list);
	if ((*out = calloc(*n + 1, sizeof(**out))) == NULL) {
		json_decref(top);
		return (err_set(e, ENOMEM, "cannot read what lvs says"));
	}
	json_array_foreach (list, i, one)
		ok = ok && parse_volume(one, &(*out)[i]);
	json_decref(top);
	if (ok)
		return (0);
	free(*out);
	*out = NULL;
	return (err_say(e, EPROTO,
	    "lvs says what is not understood here (lvm 2.03 is): see lvs --reportformat json"));
}

/* ---- commands ---- */

static int
run(const char *const words[], char **output, struct err *e)
{
	int rc = program_run(words, "", output, e);

	if (rc == -ENOENT)
		return (err_say(
		    e, ENOENT, "there is no " LVM ": install lvm2 and thin-provisioning-tools"));
	return (rc);
}

int
lvm_run(struct err *e, const char *command, ...)
{
	/* Watching pools (dmeventd) is the host's own affair, as its services have it. */
	const char *words[ARGS_MAX] = { LVM, command, "-qq", "--yes", "--config",
		"activation { monitoring = 0 }" };
	size_t n = 6;
	va_list ap;
	int rc;

	va_start(ap, command);
	while (n + 1 < ARGS_MAX && (words[n] = va_arg(ap, const char *)) != NULL)
		n++;
	va_end(ap);
	words[n] = NULL;
	rc = run(words, NULL, e);
	return (rc == -EIO ? err_ctx(e, "%s", command) : rc);
}

static int
report(const char *group, const char *select, struct lvm_volume **out, size_t *n, struct err *e)
{
	const char *const words[] = { LVM, "lvs", "-q", "--reportformat", "json", "--units", "b",
		"--nosuffix", "-o",
		"lv_name,lv_size,data_percent,metadata_percent,lv_health_status,lv_permissions",
		"--select", select, group, NULL };
	CLEANUP_FREE char *text = NULL;
	int rc = run(words, &text, e);

	return (rc != 0 ? rc : lvm_parse(text, out, n, e));
}

int
lvm_list(const char *group, struct lvm_volume **out, size_t *n, struct err *e)
{
	return (report(group, "lv_size>0", out, n, e));
}

int
lvm_find(const char *group, const char *name, struct lvm_volume *out, struct err *e)
{
	CLEANUP_FREE struct lvm_volume *list = NULL;
	char select[LVM_NAME_MAX + 16];
	size_t n;
	int rc;

	(void)snprintf(select, sizeof(select), "lv_name=\"%s\"", name);
	if ((rc = report(group, select, &list, &n, e)) != 0)
		return (rc);
	if (n == 0)
		return (-ENOENT);
	if (n != 1 || strcmp(list[0].name, name) != 0)
		return (err_say(e, EPROTO, "lvs finds another volume than %s/%s", group, name));
	if (out != NULL)
		*out = list[0];
	return (0);
}
