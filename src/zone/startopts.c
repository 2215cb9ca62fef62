/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of one start: see startopts.h. Pure; tools and zoneadmd. */
#include "zone/startopts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

static const struct {
	const char *word;
	char letter;
} classes[BOOT_NCLASSES] = {
	[BOOT_DISK] = { "disk", 'c' },
	[BOOT_CDROM] = { "cdrom", 'd' },
	[BOOT_NET] = { "net", 'n' },
};

/* ---- order ---- */

static int
order_add(struct boot_order *o, enum boot_class class, struct err *e)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->class[i] == class)
			return (err_say(e, EINVAL, "boot order: %s twice", classes[class].word));
	o->class[o->n++] = class;
	return (0);
}

/* A whole word, or letters. */
static int
order_word(struct boot_order *o, const char *word, size_t len, struct err *e)
{
	size_t class;
	int rc;

	for (class = 0; class < BOOT_NCLASSES; class ++)
		if (strlen(classes[class].word) == len &&
		    strncmp(word, classes[class].word, len) == 0)
			return (order_add(o, (enum boot_class) class, e));
	for (size_t i = 0; i < len; i++) {
		for (class = 0; class < BOOT_NCLASSES; class ++)
			if (classes[class].letter == word[i])
				break;
		if (class == BOOT_NCLASSES)
			break;
		if ((rc = order_add(o, (enum boot_class) class, e)) < 0)
			return (rc);
		if (i + 1 == len)
			return (0);
	}
	return (err_say(e, EINVAL,
	    "boot order: '%.*s' is none of disk, cdrom and net (or letters of c, d and n)",
	    (int)MIN(len, (size_t)32), word));
}

int
boot_order_parse(const char *text, struct boot_order *order, struct boot_order *once, struct err *e)
{
	struct boot_order *into = order;
	int rc;

	*order = *once = (struct boot_order){ .n = 0 };
	for (;;) {
		size_t len = strcspn(text, ",");

		if (len >= 5 && strncmp(text, "once=", 5) == 0) {
			if (into == once)
				return (err_say(e, EINVAL, "boot order: once= twice"));
			into = once;
			text += 5;
			len -= 5;
		}
		if ((rc = order_word(into, text, len, e)) < 0)
			return (rc);
		if (text[len] == '\0')
			return (0);
		text += len + 1;
	}
}

/* ---- drives ---- */

/* The models by their names here and, for SmartOS's other brands, at qemu. */
static const char *
drive_model(const char *name, bool cdrom)
{
	if (strcmp(name, "ide") == 0 || strcmp(name, "ahci") == 0)
		return ("ahci");
	if (strcmp(name, "virtio") == 0)
		return ("virtio");
	return (strcmp(name, "nvme") == 0 && !cdrom ? "nvme" : NULL);
}

static int
drive_add(struct start_options *o, const char *key, const char *value, struct err *e)
{
	const char *comma = strrchr(value, ','), *model;
	struct start_drive *d = &o->drive[o->ndrive];
	bool cdrom = strcmp(key, "cdrom") == 0;
	size_t len = comma != NULL ? (size_t)(comma - value) : 0;

	if (len == 0 || comma[1] == '\0')
		return (err_say(e, EINVAL, "Parameter to %s must be: path,model", key));
	if ((model = drive_model(comma + 1, cdrom)) == NULL)
		return (err_say(e, EINVAL, "%s: unknown model '%s' (there are: %s)", key, comma + 1,
		    cdrom ? "ahci, virtio" : "virtio, ahci, nvme"));
	if (o->ndrive == START_DRIVES_MAX)
		return (err_say(e, EINVAL, "more than %d drives for one start", START_DRIVES_MAX));
	if (value[0] != '/' || len >= sizeof(d->path))
		return (err_say(
		    e, EINVAL, "%s: '%.*s' is no absolute path", key, (int)MIN(len, 256u), value));
	(void)snprintf(d->path, sizeof(d->path), "%.*s", (int)len, value);
	(void)snprintf(d->model, sizeof(d->model), "%s", model);
	d->cdrom = cdrom;
	o->ndrive++;
	return (0);
}

/* ---- words ---- */

int
start_options_add(struct start_options *o, const char *word, struct err *e)
{
	const char *eq = strchr(word, '=');
	size_t len = eq != NULL ? (size_t)(eq - word) : strlen(word);

	if (eq != NULL && len == 5 && strncmp(word, "order", len) == 0) {
		if (o->order.n != 0 || o->once.n != 0)
			return (err_say(e, EINVAL, "Only one order may be given"));
		return (boot_order_parse(eq + 1, &o->order, &o->once, e));
	}
	if (eq != NULL && len == 5 && strncmp(word, "cdrom", len) == 0)
		return (drive_add(o, "cdrom", eq + 1, e));
	if (eq != NULL && len == 4 && strncmp(word, "disk", len) == 0)
		return (drive_add(o, "disk", eq + 1, e));
	if (strcmp(word, "efivars=reset") == 0) {
		o->reset_vars = true;
		return (0);
	}
	return (
	    err_say(e, EINVAL, "Invalid argument to start: %.*s", (int)MIN(len, (size_t)64), word));
}

bool
start_options_any(const struct start_options *o)
{
	return (o->order.n != 0 || o->once.n != 0 || o->ndrive != 0 || o->reset_vars);
}
