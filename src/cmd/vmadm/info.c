/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * info: what is known of a running VM besides its configuration, as JSON, by types. A type is a
 * function and a line in the table at the end. See vmadm.h, vmadm.md 11.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "cmd/common/cmd.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/volume.h"

#define VNC_PORT 5900 /* of display 0 */

/* What a type is made from; an object or array in *out, the caller's. 0 or -errno. */
struct source {
	const struct vm *vm;
	json_t *object;  /* the VM object */
	json_t *devices; /* GetDevices of org.zhyve.Zone */
};
typedef int info_fn(const struct source *s, json_t **out, struct err *e);

/* As SmartOS prints it: {host, port, display, password}; {} without a display. */
static int
vnc(const struct source *s, json_t **out, struct err *e)
{
	json_t *display = NULL, *o, *password = json_object_get(s->object, "vnc_password");
	int rc, port;

	if ((rc = zone_display_get(s->vm->c->name, &display, e)) != 0)
		return (rc);
	*out = o = json_object();
	if (json_is_string(json_object_get(display, "path"))) {
		port = (int)json_integer_value(json_object_get(display, "port"));
		(void)json_object_set(o, "host", json_object_get(display, "host"));
		(void)json_object_set_new(o, "port", json_integer(port));
		if (port >= VNC_PORT)
			(void)json_object_set_new(o, "display", json_integer(port - VNC_PORT));
		if (password != NULL)
			(void)json_object_set(o, "password", password);
		(void)json_object_set(o, "socket", json_object_get(display, "path"));
	}
	json_decref(display);
	return (0);
}

/* Each disk, and its size as it is on the host, in bytes. */
static int
block(const struct source *s, json_t **out, struct err *e)
{
	static const char *const members[] = { "path", "model", "media", "boot", "pci_slot" };
	json_t *disk, *o;
	uint64_t size;
	size_t i;

	*out = json_array();
	json_array_foreach (json_object_get(s->object, "disks"), i, disk) {
		const char *path = json_string_value(json_object_get(disk, "path"));

		o = json_object();
		for (size_t k = 0; k < NITEMS(members); k++)
			if (json_object_get(disk, members[k]) != NULL)
				(void)json_object_set(
				    o, members[k], json_object_get(disk, members[k]));
		if (path != NULL && volume_stat(path, &size, NULL) == 0)
			(void)json_object_set_new(o, "size", json_integer((json_int_t)size));
		(void)json_array_append_new(*out, o);
	}
	return (0);
}

/* {actual, target, guest}; {} without a balloon. */
static int
balloon(const struct source *s, json_t **out, struct err *e)
{
	json_t *memory = NULL, *target = json_object_get(s->object, "balloon_target");
	int rc;

	*out = json_object();
	if (!json_is_true(json_object_get(s->devices, "balloon")))
		return (0);
	if ((rc = zone_memory_get(s->vm->c->name, &memory, e)) != 0)
		return (rc);
	(void)json_object_set(*out, "actual", json_object_get(memory, "memory"));
	if (target != NULL)
		(void)json_object_set_new(
		    *out, "target", json_integer(json_integer_value(target) * (json_int_t)MIB));
	(void)json_object_set(*out, "guest", json_object_get(memory, "text"));
	json_decref(memory);
	return (0);
}

/* The sockets whose file begins with `prefix`, by what follows it. */
static json_t *
sockets(const struct source *s, const char *prefix)
{
	json_t *o = json_object(), *path;
	size_t i;

	json_array_foreach (json_object_get(s->devices, "sockets"), i, path) {
		const char *file = strrchr(json_string_value(path), '/') + 1;

		if (strncmp(file, prefix, strlen(prefix)) == 0)
			(void)json_object_set(o, file + strlen(prefix), path);
	}
	return (o);
}

static int
chardev(const struct source *s, json_t **out, struct err *e)
{
	*out = sockets(s, "port.");
	return (0);
}

/* {cid, socket, ports}; {} without one. */
static int
vsock(const struct source *s, json_t **out, struct err *e)
{
	json_t *all = sockets(s, "vsock"), *own = json_object_get(all, "");

	*out = json_object();
	if (own != NULL) {
		(void)json_object_set(*out, "cid", json_object_get(s->object, "vsock_cid"));
		(void)json_object_set(*out, "socket", own);
		(void)json_object_set_new(*out, "ports", sockets(s, "vsock."));
	}
	json_decref(all);
	return (0);
}

/* {version, pid}, without pid when it was lost; {} without a TPM. */
static int
tpm(const struct source *s, json_t **out, struct err *e)
{
	json_t *pid = json_object_get(s->devices, "tpm_pid");

	*out = json_object();
	if (!json_is_true(json_object_get(s->devices, "tpm")))
		return (0);
	(void)json_object_set_new(*out, "version", json_string("2.0"));
	if (json_integer_value(pid) > 0)
		(void)json_object_set(*out, "pid", pid);
	return (0);
}

/* What the filters of the links have passed and dropped. */
static int
nics(const struct source *s, json_t **out, struct err *e)
{
	json_t *reply = NULL;
	int rc = zone_links_get(s->vm->c->name, &reply, e);

	if (rc == 0)
		*out = json_incref(json_object_get(reply, "links"));
	json_decref(reply);
	return (rc);
}

/* What each vCPU does at this moment: [{id, state, rip, ...}]. */
static int
vcpus(const struct source *s, json_t **out, struct err *e)
{
	return (zone_vcpus_get(s->vm->c->name, out, e));
}

/* In the order in which they are printed. */
static const struct {
	const char *name;
	info_fn *fn;
} types[] = {
	{ "balloon", balloon },
	{ "block", block },
	{ "chardev", chardev },
	{ "nics", nics },
	{ "tpm", tpm },
	{ "vcpus", vcpus },
	{ "vnc", vnc },
	{ "vsock", vsock },
};

/* Is the type in the list with commas, or does it say all? */
static bool
listed(const char *list, const char *type)
{
	size_t len;

	for (const char *p = list; *p != '\0'; p += len + (p[len] == ',')) {
		len = strcspn(p, ",");
		if ((len == strlen(type) && strncmp(p, type, len) == 0) ||
		    (len == 3 && strncmp(p, "all", 3) == 0))
			return (true);
	}
	return (false);
}

static int
check_types(const char *list, struct err *e)
{
	size_t len, i;

	for (const char *p = list; *p != '\0'; p += len + (p[len] == ',')) {
		len = strcspn(p, ",");
		for (i = 0; i < NITEMS(types); i++)
			if (len == strlen(types[i].name) && strncmp(p, types[i].name, len) == 0)
				break;
		if (i == NITEMS(types) && (len != 3 || strncmp(p, "all", 3) != 0))
			return (err_say(e, EINVAL, "unknown info type %.*s", (int)len, p));
	}
	return (0);
}

static int
print_info(const struct vm *vm, const char *list, struct err *e)
{
	struct source s = { .vm = vm };
	json_t *all = json_object(), *one;
	int rc;

	if ((rc = vm_check_running(vm, "get info for", e)) == 0 &&
	    (rc = vm_object(vm, &s.object, e)) == 0)
		rc = zone_devices_get(vm->c->name, &s.devices, e);
	for (size_t i = 0; i < NITEMS(types) && rc == 0; i++) {
		one = NULL;
		if (!listed(list, types[i].name))
			continue;
		rc = types[i].fn(&s, &one, e);
		(void)json_object_set_new(all, types[i].name, one);
	}
	if (rc == 0)
		rc = print_json(all);
	json_decref(all);
	json_decref(s.object);
	json_decref(s.devices);
	return (rc);
}

static int
info_run(int argc, char **argv)
{
	const char *uuid, *list;
	struct err e = { 0 };
	struct vm vm;
	int rc;

	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for info: -%c", optopt));
	if ((uuid = uuid_operand(argc, argv, 1)) == NULL)
		return (EXIT_USAGE);
	list = argc - optind == 2 ? argv[optind + 1] : "all";
	if ((rc = check_types(list, &e)) == 0) {
		if (vm_load(uuid, &vm, &e) < 0)
			return (fail(&e));
		rc = print_info(&vm, list, &e);
		vm_free(&vm);
	}
	if (rc == 0)
		return (EXIT_DONE);
	(void)err_ctx(&e, "Unable to get info for VM %s", uuid);
	return (fail(&e));
}

const struct subcommand info_commands[] = {
	{ "info", NULL, "<uuid> [type,...]", info_run },
	{ NULL },
};
