/* SPDX-License-Identifier: BSD-2-Clause */
/* nictagadm vms: the UUIDs of the zones with a nic on a tag. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/nictagadm/nictagadm.h"
#include "zone/link.h"
#include "zone/usage.h"

static void
print_uuid(const struct zconf *c, void *arg)
{
	(void)arg;
	(void)puts(c->uuid[0] != '\0' ? c->uuid : c->name);
}

int
nictagadm_vms(int argc, char **argv)
{
	struct nictag t;
	struct err e;
	size_t n;

	if (getopt(argc, argv, "+") != -1)
		return (usage("invalid option: -%c", optopt));
	if (argc - optind != 1)
		return (usage("vms takes one nic tag"));
	if (nictag_get(argv[optind], &t, &e) != 0 ||
	    usage_nictag(t.name, print_uuid, NULL, &n, &e) != 0)
		return (report(&e));
	return (CMD_OK);
}
