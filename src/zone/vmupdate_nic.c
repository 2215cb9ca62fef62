/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * add_nics, update_nics and remove_nics of an update payload: out of the nics that a VM has, those
 * it will have, by the rules that hold for new ones too (vmnic.c). See vmvalidate.h, vmadm.md 5.
 * Pure; tools.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "zone/vmvalidate.h"

#define NONE SIZE_MAX

static bool
has(const json_t *o, const char *name)
{
	return (json_object_get(o, name) != NULL);
}

/* The nic with that MAC address, however it is written. */
static size_t
find_nic(const json_t *nics, const char *mac)
{
	uint8_t a[6], b[6];
	const json_t *nic;
	size_t i;

	if (mac == NULL || parse_mac(mac, a) != 0)
		return (NONE);
	json_array_foreach (nics, i, nic) {
		const char *text = json_string_value(json_object_get(nic, "mac"));

		if (text != NULL && parse_mac(text, b) == 0 && memcmp(a, b, sizeof(a)) == 0)
			return (i);
	}
	return (NONE);
}

static void
remove_nics(json_t *nics, const json_t *macs, void (*warn)(const char *property, const char *what))
{
	const json_t *mac;
	size_t i, at;

	json_array_foreach (macs, i, mac) {
		if ((at = find_nic(nics, json_string_value(mac))) == NONE)
			warn("remove_nics", "names a nic that the VM does not have: left out");
		else
			(void)json_array_remove(nics, at);
	}
}

/*
 * ips is also ip and netmask, gateways also gateway: the form that is given takes the place of the
 * other.
 */
static int
drop_other_form(json_t *nic, const json_t *change, struct err *e)
{
	static const char *const narrow[] = { "ip", "netmask" };

	if (has(change, "gateways") || has(change, "gateway")) {
		(void)json_object_del(nic, "gateways");
		(void)json_object_del(nic, "gateway");
	}
	if (has(change, "ips")) {
		for (size_t i = 0; i < NITEMS(narrow); i++)
			(void)json_object_del(nic, narrow[i]);
	} else if (has(change, "ip") || has(change, "netmask")) {
		if (json_array_size(json_object_get(nic, "ips")) > 1 ||
		    (!has(change, "ip") && !has(nic, "ip")))
			return (err_say(e, EINVAL,
			    "Need a single existing IPv4 address to update .ip or .netmask"));
		(void)json_object_del(nic, "ips");
	}
	return (0);
}

/* Of two nics one is primary: the one that was made so last. */
static void
clear_primary(json_t *nics)
{
	json_t *nic;
	size_t i;

	json_array_foreach (nics, i, nic)
		(void)json_object_del(nic, "primary");
}

static int
update_nic(json_t *nics, const json_t *change, struct err *e)
{
	static const struct vmupdate_key key = { "mac",
		"NIC object needs a .mac property to update",
		"There is no existing NIC with that mac address", find_nic };
	json_t *nic = NULL, *value;
	const char *name;
	int rc;

	if ((rc = vmupdate_target(nics, change, &key, &nic, e)) != 0)
		return (rc);
	if ((rc = drop_other_form(nic, change, e)) != 0)
		return (rc);
	if (vmprop_truth(json_object_get(change, "primary")))
		clear_primary(nics);
	json_object_foreach ((json_t *)(uintptr_t)change, name, value) {
		if (strcmp(name, "mac") == 0)
			continue;
		if (json_is_null(value) || json_is_false(value))
			(void)json_object_del(nic, name);
		else
			(void)json_object_set(nic, name, value);
	}
	return (0);
}

static int
change_nics(json_t *nics, const json_t *payload,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	const json_t *change;
	size_t i;
	int rc;

	remove_nics(nics, json_object_get(payload, "remove_nics"), warn);
	json_array_foreach (json_object_get(payload, "update_nics"), i, change)
		if ((rc = update_nic(nics, change, e)) != 0)
			return (rc);
	json_array_foreach (json_object_get(payload, "add_nics"), i, change) {
		json_t *nic = json_deep_copy(change);

		if (!json_is_object(nic)) {
			json_decref(nic);
			return (err_say(e, EINVAL, "add_nics: nic %zu is not an object", i));
		}
		if (vmprop_truth(json_object_get(nic, "primary")))
			clear_primary(nics);
		(void)json_array_append_new(nics, nic);
	}
	return (0);
}

/*
 * A nic that zonecfg has made may be of a model that vmadm would not give it, and a VRRP nic's
 * address is made of its id anew: neither is in the way of a change of something else.
 */
static void
hide(json_t *nics, json_t *models)
{
	json_t *nic, *model;
	size_t i;

	json_array_foreach (nics, i, nic) {
		model = json_object_get(nic, "model");
		(void)json_array_append(models, model != NULL ? model : json_null());
		if (json_object_get(nic, "vrrp_vrid") != NULL)
			(void)json_object_del(nic, "mac");
	}
}

static bool
model_is_given(const json_t *payload, const json_t *nic)
{
	const json_t *updates = json_object_get(payload, "update_nics");
	size_t at = find_nic(updates, json_string_value(json_object_get(nic, "mac")));

	return (at != NONE && has(json_array_get(updates, at), "model"));
}

int
vmupdate_nics(json_t *payload, const json_t *vm,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	json_t *nics, *models, *whole, *nic;
	size_t i, old;
	int rc;

	if (!has(payload, "add_nics") && !has(payload, "update_nics") &&
	    !has(payload, "remove_nics"))
		return (0);
	nics = has(vm, "nics") ? json_deep_copy(json_object_get(vm, "nics")) : json_array();
	models = json_array();
	rc = change_nics(nics, payload, warn, e);
	old = json_array_size(nics) - json_array_size(json_object_get(payload, "add_nics"));
	if (rc == 0) {
		hide(nics, models);
		for (i = 0; i < old; i++) {
			nic = json_array_get(nics, i);
			if (!model_is_given(payload, nic))
				(void)json_object_set_new(nic, "model", json_string("virtio"));
		}
		whole = json_pack("{s:O}", "nics", nics);
		if (has(payload, "nic_driver") || has(vm, "nic_driver"))
			(void)json_object_set(whole, "nic_driver",
			    json_object_get(
				has(payload, "nic_driver") ? payload : vm, "nic_driver"));
		rc = vmnic_prepare(whole, e);
		json_decref(whole);
	}
	for (i = 0; rc == 0 && i < old; i++) {
		nic = json_array_get(nics, i);
		if (model_is_given(payload, nic))
			continue;
		if (json_is_null(json_array_get(models, i)))
			(void)json_object_del(nic, "model");
		else
			(void)json_object_set(nic, "model", json_array_get(models, i));
	}
	json_decref(models);
	if (rc == 0)
		(void)json_object_set(payload, "nics", nics);
	json_decref(nics);
	return (rc);
}
