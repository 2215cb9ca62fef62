/* SPDX-License-Identifier: BSD-2-Clause */
/* nictagadm add: a tag on an interface, an etherstub (-l), a private network (-N); update: another port or MTU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/nictagadm/nictagadm.h"
#include "zone/link.h"
#include "zone/netlink.h"

#define MTU_MIN 1500
#define MTU_MAX 9000

/* As typed. */
struct add {
	bool local, force, nat;
	const char *name;
	const char *port; /* MAC address or interface */
	const char *mtu;
	const char *ip; /* with -N: of the network */
};

/* One "key=value" of -p. 0 or an exit status, told. */
static int
take_property(struct add *a, char *text)
{
	char *value = strchr(text, '=');

	if (value == NULL || value[1] == '\0')
		return (usage("invalid property: %s", text));
	*value++ = '\0';
	if (strcmp(text, "mac") == 0) {
		if (a->port != NULL)
			return (complain("mac address specified twice"));
		a->port = value;
	} else if (strcmp(text, "mtu") == 0) {
		a->mtu = value;
	} else if (strcmp(text, "ip") == 0) {
		a->ip = value;
	} else {
		return (usage("invalid property: %s", text));
	}
	return (0);
}

static int
take_properties(struct add *a, char *list)
{
	char *p, *save = NULL;
	int rc;

	for (p = strtok_r(list, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
		if ((rc = take_property(a, p)) != 0)
			return (rc);
	}
	return (0);
}

static int
take_arguments(struct add *a, int argc, char **argv)
{
	int c, rc;

	while ((c = getopt(argc, argv, "+flNp:")) != -1) {
		switch (c) {
		case 'f':
			a->force = true;
			break;
		case 'l':
			a->local = true;
			break;
		case 'N':
			a->nat = a->local = true;
			break;
		case 'p':
			if ((rc = take_properties(a, optarg)) != 0)
				return (rc);
			break;
		default:
			return (usage("invalid option: -%c", optopt));
		}
	}
	if (optind == argc)
		return (usage("missing name of the nic tag"));
	a->name = argv[optind++];
	if (optind < argc && a->port != NULL)
		return (complain("mac address specified twice"));
	if (optind < argc && a->nat && a->ip != NULL)
		return (usage("the network of -N is given twice"));
	if (optind < argc && a->nat)
		a->ip = argv[optind++];
	else if (optind < argc)
		a->port = argv[optind++];
	return (optind == argc ? 0 : usage("too many arguments"));
}

static int
check_mtu(const struct add *a, struct nictag *t)
{
	if (a->mtu == NULL)
		return (0);
	if (parse_u32(a->mtu, 0, UINT32_MAX, &t->mtu) != 0)
		return (complain("invalid mtu: %s", a->mtu));
	if (t->mtu < MTU_MIN || t->mtu > MTU_MAX)
		return (complain("mtu must be between %d-%d", MTU_MIN, MTU_MAX));
	return (0);
}

static int
check(const struct add *a, struct nictag *t)
{
	struct err e;
	int rc;

	if (a->nat && a->ip == NULL)
		return (usage("-N takes a name and a network, as in 10.88.0.0/24"));
	if (a->local && a->port != NULL)
		return (complain("create local tag, but mac address specified"));
	if (!a->local && a->port == NULL)
		return (complain("create non-local tag, but no mac address specified"));
	if (a->local && a->mtu != NULL)
		return (complain("Cannot specify MTU for local nic tag"));
	if (nictag_name_check(a->name, a->local, &e) != 0)
		return (report(&e));
	if ((rc = check_mtu(a, t)) != 0)
		return (rc);
	if (a->ip != NULL && strlen(a->ip) >= sizeof(t->address))
		return (complain("invalid ip: %s", a->ip));
	return (0);
}

/* The port's name: a MAC address is that of a physical interface, all else is a name. */
static int
resolve_port(const char *port, char out[16])
{
	CLEANUP_NL struct nl *nl = NULL;
	struct nl_link link;
	uint8_t mac[6];
	struct err e;
	int rc;

	if (strchr(port, ':') != NULL && parse_mac(port, mac) != 0)
		return (complain("MAC address '%s' is invalid", port));
	if ((rc = nl_open(&nl, &e)) != 0)
		return (report(&e));
	if (strchr(port, ':') != NULL)
		rc = nl_link_get_by_mac(nl, mac, &link, &e);
	else
		rc = nl_link_get(nl, port, &link, &e);
	if (rc != 0)
		return (report(&e));
	(void)snprintf(out, 16, "%s", link.name);
	return (0);
}

int
nictagadm_add(int argc, char **argv)
{
	struct add a = { .name = NULL };
	struct nictag t = { .mtu = 0 };
	struct err e;
	int rc;

	if ((rc = take_arguments(&a, argc, argv)) != 0 || (rc = check(&a, &t)) != 0)
		return (rc);
	if (a.port != NULL && (rc = resolve_port(a.port, t.link)) != 0)
		return (rc);
	(void)snprintf(t.name, sizeof(t.name), "%s", a.name);
	(void)snprintf(t.address, sizeof(t.address), "%s", a.ip != NULL ? a.ip : "");
	t.nat = a.nat;
	if (t.nat && nat_address(a.ip, t.address, sizeof(t.address), &e) != 0)
		return (report(&e));
	t.force = a.force;
	return (nictag_add(&t, &e) == 0 ? CMD_OK : report(&e));
}

int
nictagadm_update(int argc, char **argv)
{
	struct add a = { .name = NULL };
	struct nictag t;
	struct err e;
	int rc;

	if ((rc = take_arguments(&a, argc, argv)) != 0)
		return (rc);
	if (a.local || a.ip != NULL)
		return (usage("update: only mac and mtu can be changed"));
	if (a.port == NULL && a.mtu == NULL)
		return (complain("nothing to update"));
	if (nictag_get(a.name, &t, &e) != 0)
		return (report(&e));
	if (t.link[0] == '\0')
		return (complain("cannot update local nic tag '%s'", a.name));
	if ((rc = check_mtu(&a, &t)) != 0 ||
	    (a.port != NULL && (rc = resolve_port(a.port, t.link)) != 0))
		return (rc);
	t.force = t.force || a.force;
	return (nictag_update(&t, &e) == 0 ? CMD_OK : report(&e));
}
