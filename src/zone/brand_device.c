/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of a zone that attributes ask for, one each: a TPM, lines and sockets between guest and
 * host, a balloon. See brand_internal.h. Where they reach the host they do so by sockets below
 * /run/zones/<name>, which zoneadmd makes. Pure; runs in zoneadmd.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "zone/brand_internal.h"

#define SLOT          7 /* beside the entropy device and the guards */
#define CONSOLE_FUNC  3
#define BALLOON_FUNC  4
#define VSOCK_FUNC    5
#define VSOCK_CID_MIN 3
#define LIST_TEXT_MAX 4096

bool
brand_port_name_ok(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && strchr("-._", s[i]) == NULL)
			return (false);
	}
	return (len > 0 && len <= BRAND_PORT_NAME_MAX && s[0] != '.');
}

bool
brand_vsock_port_ok(const char *s)
{
	uint32_t port;

	/* In decimal, and in one way only: its socket is named so. */
	return (strspn(s, "0123456789") == strlen(s) && (s[0] != '0' || s[1] == '\0') &&
	    parse_u32(s, 0, UINT32_MAX - 1, &port) == 0);
}

/* Take the next element of a list with commas off `*list`; NULL at its end. */
static char *
next_element(char **list)
{
	char *s;

	do
		s = strsep(list, ",");
	while (s != NULL && *s == '\0');
	return (s);
}

static bool
copy_list(struct maker *m, const char *name, char text[LIST_TEXT_MAX])
{
	const char *value = zconf_attr(m->c, name);

	if (value == NULL)
		return (false);
	if (strlen(value) >= LIST_TEXT_MAX) {
		brand_fail(m, EINVAL, "attr %s is too long", name);
		return (false);
	}
	(void)snprintf(text, LIST_TEXT_MAX, "%s", value);
	return (value[0] != '\0');
}

/* A socket of the plan, as "fd:N" of the argument. The limits of the lists keep it in its bounds. */
static int
want_socket(struct maker *m, const char *fmt, const char *name)
{
	struct brand_plan *p = m->p;

	if (p->nsocket == NITEMS(p->socket)) {
		brand_fail(m, E2BIG, "too many sockets");
		return (-1);
	}
	(void)snprintf(p->socket[p->nsocket].file, sizeof(p->socket[0].file), fmt, name);
	return (brand_want_fd(m, BRAND_FD_SOCKET, p->nsocket++));
}

static void
add_tpm(struct maker *m)
{
	if (!brand_attr_true(m, "tpm", false))
		return;
	m->p->tpm = true;
	brand_arg(m, "-l");
	brand_arg(m, "tpm,swtpm,fd:%d", brand_want_fd(m, BRAND_FD_TPM, 0));
}

/* attr virtio-ports: their names, in the order of the ports. */
static void
add_ports(struct maker *m, uint8_t used[32])
{
	char text[LIST_TEXT_MAX], options[LIST_TEXT_MAX] = "", *list = text, *name;
	const char *seen[BRAND_PORTS_MAX];
	size_t n = 0, len = 0;

	if (!copy_list(m, "virtio-ports", text))
		return;
	while (m->rc == 0 && (name = next_element(&list)) != NULL) {
		if (!brand_port_name_ok(name))
			brand_fail(m, EINVAL,
			    "attr virtio-ports: '%s' is not a name of letters, digits, '-', '_' "
			    "and '.' of up to %d characters",
			    name, BRAND_PORT_NAME_MAX);
		else if (n == BRAND_PORTS_MAX)
			brand_fail(
			    m, EINVAL, "attr virtio-ports: more than %d ports", BRAND_PORTS_MAX);
		for (size_t i = 0; i < n && m->rc == 0; i++) {
			if (strcmp(seen[i], name) == 0)
				brand_fail(
				    m, EINVAL, "attr virtio-ports: '%s' is there twice", name);
		}
		if (m->rc != 0)
			return;
		len += (size_t)snprintf(options + len, sizeof(options) - len,
		    ",port.%zu.name=%s,port.%zu.path=fd:%d", n, name, n,
		    want_socket(m, "port.%s", name));
		seen[n++] = name;
	}
	if (n == 0)
		return;
	brand_slot_take(m, used, "virtio-ports", 0, SLOT, CONSOLE_FUNC);
	brand_arg(m, "-s");
	brand_arg(m, "%d:%d,virtio-console%s", SLOT, CONSOLE_FUNC, options);
}

/* attr balloon; balloon-target: what the guest is to make do with from the start, in MiB. */
static void
add_balloon(struct maker *m, uint8_t used[32])
{
	const char *text = zconf_attr(m->c, "balloon-target");
	bool wanted = brand_attr_true(m, "balloon", false);
	uint64_t mib = 0;

	if (text != NULL && !wanted)
		brand_fail(m, EINVAL,
		    "attr balloon-target: there is no balloon; set attr balloon to true, or clear "
		    "this one");
	else if (text != NULL && (parse_u64(text, &mib) != 0 || mib == 0 || mib > m->p->ram / MIB))
		brand_fail(m, EINVAL,
		    "attr balloon-target: '%s' is not a number of MiB between 1 and the guest's "
		    "ram (%llu)",
		    text, (unsigned long long)(m->p->ram / MIB));
	if (!wanted)
		return;
	m->p->balloon = true;
	brand_slot_take(m, used, "the balloon", 0, SLOT, BALLOON_FUNC);
	brand_arg(m, "-s");
	if (text == NULL)
		brand_arg(m, "%d:%d,virtio-balloon", SLOT, BALLOON_FUNC);
	else
		brand_arg(m, "%d:%d,virtio-balloon,target=%lluM", SLOT, BALLOON_FUNC,
		    (unsigned long long)mib);
}

/* attr vsock-cid: the guest's address; vsock-ports: what it reaches of the host's. */
static void
add_vsock(struct maker *m, uint8_t used[32])
{
	const char *cid = zconf_attr(m->c, "vsock-cid");
	char text[LIST_TEXT_MAX], options[LIST_TEXT_MAX] = "", *list = text, *port;
	bool ports = copy_list(m, "vsock-ports", text);
	uint32_t number, seen[BRAND_PORTS_MAX];
	size_t n = 0, len;

	if (cid == NULL && ports)
		brand_fail(m, EINVAL,
		    "attr vsock-ports: there is no vsock; set attr vsock-cid (the guest's "
		    "address, 3 for instance), or clear this one");
	if (cid == NULL)
		return;
	if (parse_u32(cid, VSOCK_CID_MIN, UINT32_MAX - 1, &number) != 0)
		brand_fail(m, EINVAL, "attr vsock-cid: '%s' is not a number between %d and %u", cid,
		    VSOCK_CID_MIN, UINT32_MAX - 1);
	len = (size_t)snprintf(
	    options, sizeof(options), ",cid=%s,path=fd:%d", cid, want_socket(m, "%s", "vsock"));
	while (ports && m->rc == 0 && (port = next_element(&list)) != NULL) {
		if (!brand_vsock_port_ok(port) || parse_u32(port, 0, UINT32_MAX - 1, &number) != 0)
			brand_fail(m, EINVAL,
			    "attr vsock-ports: '%s' is not a number between 0 and %u", port,
			    UINT32_MAX - 1);
		else if (n == BRAND_PORTS_MAX)
			brand_fail(
			    m, EINVAL, "attr vsock-ports: more than %d ports", BRAND_PORTS_MAX);
		for (size_t i = 0; i < n && m->rc == 0; i++) {
			if (seen[i] == number)
				brand_fail(m, EINVAL, "attr vsock-ports: %s is there twice", port);
		}
		if (m->rc != 0)
			return;
		seen[n++] = number;
		len += (size_t)snprintf(options + len, sizeof(options) - len, ",port.%u=fd:%d",
		    number, want_socket(m, "vsock.%s", port));
	}
	brand_slot_take(m, used, "vsock", 0, SLOT, VSOCK_FUNC);
	brand_arg(m, "-s");
	brand_arg(m, "%d:%d,virtio-vsock%s", SLOT, VSOCK_FUNC, options);
}

const char *
brand_usb_devices(struct maker *m)
{
	return (brand_attr_true(m, "usb-keyboard", false) ? "tablet,keyboard" : "tablet");
}

void
brand_add_devices(struct maker *m, uint8_t used[32])
{
	add_tpm(m);
	add_ports(m, used);
	add_balloon(m, used);
	add_vsock(m, used);
}
