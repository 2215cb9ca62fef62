/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs as the subcommands see them: configuration, status, object. See vmadm.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/link.h"
#include "zone/paths.h"
#include "zone/volume.h"
#include "zone/vmobj.h"
#include "zone/vmprop.h"

int
vm_load(const char *uuid, struct vm *vm, struct err *e)
{
	uint8_t bytes[16];
	int rc;

	*vm = (struct vm){ 0 };
	if (parse_uuid(uuid, bytes) < 0)
		return (err_say(e, ENOENT, "zoneadm: %s: No such zone configured", uuid));
	if ((rc = zconf_load_uuid(uuid, &vm->c, e)) < 0)
		return (rc == -ENOENT ? err_ctx(e, "zoneadm") : rc);
	if ((rc = zone_status_get(vm->c->name, &vm->st, e)) < 0)
		vm_free(vm);
	return (rc);
}

void
vm_free(struct vm *vm)
{
	zconf_free(vm->c);
	vm->c = NULL;
}

int
vm_act(const char *uuid, int (*fn)(struct vm *vm, void *arg, struct err *e), void *arg,
    const char *verb, const char *done)
{
	struct err e = { 0 };
	struct vm vm;
	int rc;

	if ((rc = vm_load(uuid, &vm, &e)) == 0)
		rc = fn(&vm, arg, &e);
	vm_free(&vm);
	if (rc == 0)
		return (success("Successfully %s VM %s", done, uuid));
	(void)err_ctx(&e, "Failed to %s VM %s", verb, uuid);
	return (fail(&e));
}

const char *
vm_state(const struct vm *vm)
{
	return (vmobj_state(vm->c, vm->st.state));
}

int
vm_object(const struct vm *vm, json_t **out, struct err *e)
{
	struct vmconfig vc;
	int rc;

	if ((rc = vmconfig_load(vm->c->name, &vc, e)) < 0)
		return (rc);
	rc = vmobj_build(vm->c, &vc, &vm->st, out, e);
	vmconfig_free(&vc);
	return (rc);
}

/*
 * The object of the zone of that name, with the member `type` of lookup and list. What is on the pool (metadata, tags, routes)
 * may not be there to be read when the pool is broken: that is told, and the VM is there without it.
 */
static int
load_named(const char *name, json_t **out, struct err *e)
{
	const struct vmconfig none = { 0 };
	struct vm vm = { 0 };
	int rc;

	if ((rc = zconf_load(name, &vm.c, e)) < 0)
		return (rc);
	if ((rc = zone_status_get(name, &vm.st, e)) == 0 && (rc = vm_object(&vm, out, e)) == -EIO) {
		(void)fprintf(stderr, "%s\n", e->text);
		err_clear(e);
		rc = vmobj_build(vm.c, &none, &vm.st, out, e);
	}
	if (rc == 0)
		(void)json_object_set_new(*out, "type", json_string("BHYV"));
	vm_free(&vm);
	return (rc);
}

int
vm_objects(json_t **out, struct err *e)
{
	json_t *vms = json_array(), *vm;
	struct err why = { 0 };
	char **names;
	size_t n;
	int rc;

	if ((rc = zconf_list(&names, &n, e)) < 0) {
		json_decref(vms);
		return (rc);
	}
	for (size_t i = 0; i < n; i++) {
		if ((rc = load_named(names[i], &vm, &why)) == 0)
			(void)json_array_append_new(vms, vm);
		else if (rc != -ENOENT) /* deleted meanwhile: as if it had never been */
			(void)fprintf(stderr, "%s\n", why.text);
	}
	zconf_list_free(names, n);
	*out = vms;
	return (0);
}

int
vm_check_running(const struct vm *vm, const char *what, struct err *e)
{
	if (vm->st.state == ZONE_STATE_RUNNING)
		return (0);
	return (err_say(e, EINVAL,
	    "Unable to %s vm from state \"%s\", must be \"running\" or \"stopping\".", what,
	    vm_state(vm)));
}

int
vm_set_autoboot(const char *name, bool on, struct err *e)
{
	struct zconf *c = NULL;
	int rc;

	if ((rc = zconf_lock(e)) < 0)
		return (rc);
	if ((rc = zconf_load(name, &c, e)) == 0 && c->autoboot != on) {
		c->autoboot = on;
		rc = zconf_store(c, e);
	}
	zconf_free(c);
	zconf_unlock();
	return (rc);
}

int
vm_check_nic_tags(const json_t *nics, struct err *e)
{
	char text[ERR_TEXT_MAX] = "";
	const json_t *nic;
	size_t i, n = 0;
	int rc = 0;

	json_array_foreach (nics, i, nic) {
		const char *tag = json_string_value(json_object_get(nic, "nic_tag"));
		struct nictag t = { 0 };
		struct err why = { 0 };
		int64_t mtu;

		if (tag == NULL)
			continue;
		if (nictag_get(tag, &t, &why) == -ENOENT) {
			rc = -ENOENT;
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%sInvalid nic tag \"%s\"", n > 0 ? "\n" : "", tag);
			if (n >= sizeof(text))
				break;
		} else if (why.errnum != 0) {
			return (err_say(e, why.errnum, "%s", why.text));
		} else if (t.link[0] != '\0' &&
		    vmprop_integer(json_object_get(nic, "mtu"), &mtu) == 0 && mtu < 1500) {
			return (err_say(e, EINVAL,
			    "nic %zu (%s): MTU is below the supported MTU (1500) of nic tag \"%s\"",
			    i, json_string_value(json_object_get(nic, "mac")), tag));
		}
	}
	return (rc < 0 ? err_say(e, -rc, "%s", text) : 0);
}

bool
vm_owns_disk(const struct zconf *c, const struct zdevice *d)
{
	return (d->match != NULL && volume_is_of(d->match, c->name));
}

int
print_json(const json_t *v)
{
	CLEANUP_FREE char *text = json_dumps(v, JSON_INDENT(2));

	if (text == NULL) {
		(void)fprintf(stderr, "out of memory\n");
		return (EXIT_FAILED);
	}
	(void)puts(text);
	return (EXIT_DONE);
}
