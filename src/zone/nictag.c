/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nic tags: the store /etc/zones/nictags.json and the bridges it tells of. A change holds a lock
 * on the folder, reads the store, replaces it atomically. The entry is written before its bridge
 * is made and removed after it is gone: whoever is killed in between leaves an entry, never a
 * bridge that nothing knows of. It refuses a port that the host itself uses: what becomes the port
 * of a bridge stops to receive for its own addresses. Tools and zoneadmd, root.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "base/fd.h"
#include "zone/link.h"
#include "zone/netlink.h"
#include "zone/nictag_nat.h"
#include "zone/paths.h"

#define NICTAGS_MAX      1024u
#define NICTAGS_FILE_MAX (1024u * 1024u)

int
nictag_name_check(const char *name, bool etherstub, struct err *e)
{
	size_t i, len = strlen(name);

	if (len == 0 || len >= NICTAG_NAME_MAX)
		return (
		    err_say(e, EINVAL, "nic tag name is invalid: '%s' has not 1 to %d characters",
			name, NICTAG_NAME_MAX - 1));
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return (err_say(e, EINVAL,
			    "nic tag name is invalid: '%s' may have letters, digits and '_' only",
			    name));
	}
	if (etherstub && !isdigit((unsigned char)name[len - 1]))
		return (err_say(e, EINVAL,
		    "nic tag name is invalid: the name of an etherstub ends in a digit, '%s' does "
		    "not",
		    name));
	return (0);
}

void
nictag_bridge_name(const char *name, char out[16])
{
	uint32_t hash = 2166136261u; /* FNV-1a: stable across hosts and versions */
	const char *p;

	if (strlen(name) <= IFNAMSIZ - 1 - strlen("zbr-")) {
		(void)snprintf(out, 16, "zbr-%.11s", name);
		return;
	}
	for (p = name; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	(void)snprintf(out, 16, "zbr-%.4s-%06x", name, hash & 0xffffff);
}

/* The store */

static int
copy_member(const json_t *o, const char *key, char *out, size_t size)
{
	const char *v = json_string_value(json_object_get(o, key));

	if (v == NULL)
		v = "";
	if (strlen(v) >= size)
		return (-EINVAL);
	(void)snprintf(out, size, "%s", v);
	return (0);
}

static int
decode(const json_t *o, struct nictag *t)
{
	json_int_t mtu = json_integer_value(json_object_get(o, "mtu"));

	*t = (struct nictag){ .force = json_is_true(json_object_get(o, "force")),
		.nat = json_is_true(json_object_get(o, "nat")) };
	if (mtu < 0 || mtu > 65535 || copy_member(o, "name", t->name, sizeof(t->name)) != 0 ||
	    copy_member(o, "link", t->link, sizeof(t->link)) != 0 ||
	    copy_member(o, "bridge", t->bridge, sizeof(t->bridge)) != 0 ||
	    copy_member(o, "address", t->address, sizeof(t->address)) != 0)
		return (-EINVAL);
	t->mtu = (uint32_t)mtu;
	if (t->bridge[0] == '\0' || nictag_name_check(t->name, false, NULL) != 0)
		return (-EINVAL);
	return (0);
}

static json_t *
encode(const struct nictag *t)
{
	return (json_pack("{s:s,s:s,s:s,s:i,s:s,s:b,s:b}", "name", t->name, "link", t->link,
	    "bridge", t->bridge, "mtu", (int)t->mtu, "address", t->address, "force", t->force,
	    "nat", t->nat));
}

static int
by_name(const void *a, const void *b)
{
	return (strcmp(((const struct nictag *)a)->name, ((const struct nictag *)b)->name));
}

static int
decode_all(const json_t *root, const char *path, struct nictag **out, size_t *n, struct err *e)
{
	const json_t *tags = json_object_get(root, "tags");
	struct nictag *list;
	size_t i, count = json_array_size(tags);

	if (!json_is_array(tags) || count > NICTAGS_MAX)
		return (err_say(e, EINVAL,
		    "'%s' is damaged (correct it, or remove it and add the tags anew): \"tags\" is "
		    "not a list of at most %u",
		    path, NICTAGS_MAX));
	if ((list = calloc(count + 1, sizeof(*list))) == NULL)
		return (err_set(e, ENOMEM, "cannot read '%s'", path));
	for (i = 0; i < count; i++) {
		if (decode(json_array_get(tags, i), &list[i]) != 0) {
			free(list);
			return (err_say(e, EINVAL,
			    "'%s' is damaged (correct it, or remove it and add the tags anew): nic "
			    "tag %zu",
			    path, i));
		}
	}
	qsort(list, count, sizeof(*list), by_name);
	*out = list;
	*n = count;
	return (0);
}

int
nictag_list(struct nictag **out, size_t *n, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	json_error_t je;
	json_t *root;
	size_t len;
	int rc;

	rc = file_read(path_etc(path, "nictags.json"), NICTAGS_FILE_MAX, &text, &len, e);
	if (rc == -ENOENT) {
		err_clear(e);
		*n = 0;
		*out = calloc(1, sizeof(**out));
		return (*out != NULL ? 0 : err_set(e, ENOMEM, "cannot list nic tags"));
	}
	if (rc != 0)
		return (rc);
	if ((root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je)) == NULL)
		return (err_say(e, EINVAL,
		    "'%s' is damaged (correct it, or remove it and add the tags anew): line %d: %s",
		    path, je.line, je.text));
	rc = decode_all(root, path, out, n, e);
	json_decref(root);
	return (rc);
}

int
nictag_get(const char *name, struct nictag *out, struct err *e)
{
	CLEANUP_FREE struct nictag *list = NULL;
	size_t i, n;
	int rc;

	if ((rc = nictag_list(&list, &n, e)) != 0)
		return (rc);
	for (i = 0; i < n; i++) {
		if (strcmp(list[i].name, name) == 0) {
			*out = list[i];
			return (0);
		}
	}
	return (err_say(e, ENOENT, "nic tag '%s' does not exist", name));
}

static int
store(const struct nictag *list, size_t n, struct err *e)
{
	json_t *tags = json_array(), *root;
	char path[PATH_MAX];
	char *text;
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(tags, encode(&list[i]));
	root = json_pack("{s:i,s:o}", "v", 1, "tags", tags);
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	if (text == NULL)
		return (err_set(e, ENOMEM, "cannot store nic tags"));
	rc = file_replace(path_etc(path, "nictags.json"), text, strlen(text), 0644, e);
	free(text);
	return (rc);
}

/* The lock on the folder: held until the descriptor is closed. */
static int
lock_store(int *fd, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = dir_make(path_etc(path, "%s", ""), 0755, e)) != 0)
		return (rc);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
		return (err_set(e, errno, "cannot lock '%s'", path));
	return (0);
}

/* Put an entry in (t) or take the one of that name out (t NULL), under the lock. */
static int
change(const char *name, const struct nictag *t, struct err *e)
{
	CLEANUP_FREE struct nictag *list = NULL, *grown = NULL;
	size_t i, n;
	int rc;

	if ((rc = nictag_list(&list, &n, e)) != 0)
		return (rc);
	for (i = 0; i < n && strcmp(list[i].name, name) != 0; i++) {
		if (t != NULL && strcmp(list[i].bridge, t->bridge) == 0)
			return (err_say(e, EEXIST,
			    "nic tag '%s' would have the bridge '%s', as nic tag '%s' has: choose "
			    "another name",
			    name, t->bridge, list[i].name));
	}
	if (t == NULL) {
		if (i == n)
			return (err_say(e, ENOENT, "nic tag '%s' does not exist", name));
		list[i] = list[n - 1];
		return (store(list, n - 1, e));
	}
	if (i < n)
		return (err_say(e, EEXIST, "nic tag '%s' already exists", name));
	if (n == NICTAGS_MAX)
		return (err_say(e, ENOSPC, "there are %zu nic tags, and may not be more", n));
	if ((grown = calloc(n + 1, sizeof(*grown))) == NULL)
		return (err_set(e, ENOMEM, "cannot store nic tags"));
	memcpy(grown, list, n * sizeof(*list));
	grown[n] = *t;
	return (store(grown, n + 1, e));
}

/* The bridges */

static uint32_t
bridge_mtu(const struct nictag *t)
{
	return (t->mtu != 0 ? t->mtu : LINK_MTU_DEFAULT);
}

static int
attach_port(struct nl *nl, const struct nictag *t, const struct nl_link *bridge, struct err *e)
{
	struct nl_link port;
	const char *why;
	int rc;

	if ((rc = nl_link_get(nl, t->link, &port, e)) != 0)
		return (rc);
	if (port.mtu < bridge_mtu(t) && (rc = nl_link_set_mtu(nl, t->link, bridge_mtu(t), e)) != 0)
		return (rc);
	if (port.master == bridge->index)
		return (nl_link_set_up(nl, t->link, true, e));
	if (!port.ether || strcmp(port.kind, "bridge") == 0)
		return (
		    err_say(e, EINVAL, "interface '%s' cannot be the port of a bridge: it is %s",
			t->link, port.ether ? "a bridge itself" : "not Ethernet"));
	if (port.master != 0)
		return (
		    err_say(e, EBUSY, "interface '%s' belongs to another bridge or bond", t->link));
	if ((rc = nl_link_in_use(nl, &port, &why, e)) != 0)
		return (rc);
	if (why != NULL && !t->force)
		return (err_say(e, EBUSY,
		    "interface '%s' carries %s: as the port of a bridge it would no longer answer "
		    "for them, and "
		    "this host could become unreachable. Take an interface without addresses, or "
		    "use -f",
		    t->link, why));
	if ((rc = nl_link_set_master(nl, t->link, bridge->index, e)) != 0)
		return (rc);
	return (nl_link_set_up(nl, t->link, true, e));
}

/* The bridge itself; *made: it was not there before. */
static int
ensure_bridge(
    struct nl *nl, const struct nictag *t, struct nl_link *bridge, bool *made, struct err *e)
{
	uint8_t mac[6];
	int rc;

	*made = false;
	rc = nl_link_get(nl, t->bridge, bridge, e);
	if (rc == -ENODEV) {
		if (getrandom(mac, sizeof(mac), 0) != (ssize_t)sizeof(mac))
			return (err_set(e, errno, "cannot make a MAC address"));
		mac[0] = (mac[0] & 0xfc) | 0x02; /* locally administered, unicast */
		rc = nl_bridge_create(nl, t->bridge, mac, e);
		*made = rc == 0;
		if (rc == 0 || rc == -EEXIST) { /* another process was faster */
			err_clear(e);
			rc = nl_link_get(nl, t->bridge, bridge, e);
		}
	}
	if (rc != 0)
		return (rc);
	if (strcmp(bridge->kind, "bridge") != 0)
		return (
		    err_say(e, EEXIST, "interface '%s' is in the way: it is no bridge", t->bridge));
	return (0);
}

int
nictag_ensure(const struct nictag *t, struct err *e)
{
	CLEANUP_NL struct nl *nl = NULL;
	struct nl_link bridge;
	bool made = false;
	int rc;

	if ((rc = nl_open(&nl, e)) != 0)
		return (rc);
	rc = ensure_bridge(nl, t, &bridge, &made, e);
	if (rc == 0 && t->link[0] != '\0')
		rc = attach_port(nl, t, &bridge, e);
	/*
	 * A bridge whose MTU nobody set takes that of its smallest port, and setting the one it
	 * has does not count: so it is set to another first.
	 */
	if (rc == 0 && made)
		rc = nl_link_set_mtu(nl, t->bridge, bridge_mtu(t) + 1, e);
	if (rc == 0 && (made || bridge.mtu != bridge_mtu(t)))
		rc = nl_link_set_mtu(nl, t->bridge, bridge_mtu(t), e);
	if (rc == 0 && t->address[0] == '\0' && made)
		rc = nl_link_set_silent(nl, t->bridge, e); /* the host has no part in it */
	if (rc == 0)
		rc = nl_link_set_up(nl, t->bridge, true, e);
	if (rc == 0 && t->address[0] != '\0')
		rc = nl_addr_add(nl, t->bridge, t->address, e);
	if (rc == 0 && t->nat)
		rc = nat_ensure(t, e);
	if (rc == 0)
		return (0);
	if (made && t->nat)
		(void)nat_remove(t, NULL);
	if (made)
		(void)nl_link_delete(nl, t->bridge, NULL);
	return (err_ctx(e, "nic tag '%s'", t->name));
}

int
nictag_add(const struct nictag *t, struct err *e)
{
	CLEANUP_FD int lock = -1;
	struct nictag tag = *t;
	uint8_t bytes[16], prefix;
	int family, rc;

	if ((rc = nictag_name_check(tag.name, tag.link[0] == '\0', e)) != 0)
		return (rc);
	if (tag.address[0] != '\0' && nl_parse_address(tag.address, &family, bytes, &prefix) != 0)
		return (err_say(e, EINVAL,
		    "nic tag '%s': '%s' is not an address with a prefix length, as in 10.0.0.1/24",
		    tag.name, tag.address));
	if (tag.bridge[0] == '\0')
		nictag_bridge_name(tag.name, tag.bridge);
	if (tag.nat && (rc = nat_check(&tag, e)) != 0)
		return (err_ctx(e, "nic tag '%s'", tag.name));
	if ((rc = lock_store(&lock, e)) != 0 || (rc = change(tag.name, &tag, e)) != 0)
		return (rc);
	if ((rc = nictag_ensure(&tag, e)) != 0)
		(void)change(tag.name, NULL, NULL);
	return (rc);
}

/* Put `t` in the place of the entry of its name, which is given back. Under the lock. */
static int
replace(const struct nictag *t, struct nictag *old, struct err *e)
{
	CLEANUP_FREE struct nictag *list = NULL;
	size_t i, n;
	int rc;

	if ((rc = nictag_list(&list, &n, e)) != 0)
		return (rc);
	for (i = 0; i < n && strcmp(list[i].name, t->name) != 0; i++)
		;
	if (i == n)
		return (err_say(e, ENOENT, "nic tag '%s' does not exist", t->name));
	*old = list[i];
	list[i] = *t;
	return (store(list, n, e));
}

int
nictag_update(const struct nictag *t, struct err *e)
{
	CLEANUP_NL struct nl *nl = NULL;
	CLEANUP_FD int lock = -1;
	struct nictag old, tmp;
	bool moved;
	int rc;

	if ((rc = lock_store(&lock, e)) != 0 || (rc = nl_open(&nl, e)) != 0 ||
	    (rc = replace(t, &old, e)) != 0)
		return (rc);
	moved = strcmp(old.link, t->link) != 0;
	if (moved && old.link[0] != '\0' && link_exists(old.link))
		rc = nl_link_set_master(nl, old.link, 0, e);
	if (rc == 0)
		rc = nictag_ensure(t, e);
	if (rc == 0)
		return (0);
	(void)replace(&old, &tmp, NULL);
	(void)nictag_ensure(&old, NULL);
	return (rc);
}

int
nictag_delete(const char *name, struct err *e)
{
	CLEANUP_NL struct nl *nl = NULL;
	CLEANUP_FD int lock = -1;
	struct nl_link bridge;
	struct nictag t;
	int rc;

	if ((rc = lock_store(&lock, e)) != 0 || (rc = nictag_get(name, &t, e)) != 0 ||
	    (rc = nl_open(&nl, e)) != 0)
		return (rc);
	if (t.nat && (rc = nat_remove(&t, e)) != 0)
		return (err_ctx(e, "nic tag '%s'", name));
	rc = nl_link_get(nl, t.bridge, &bridge, e);
	if (rc == 0 && strcmp(bridge.kind, "bridge") == 0)
		rc = nl_link_delete(nl, t.bridge, e);
	if (rc != 0 && rc != -ENODEV)
		return (err_ctx(e, "nic tag '%s'", name));
	err_clear(e);
	return (change(name, NULL, e));
}
