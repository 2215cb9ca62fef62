/* SPDX-License-Identifier: BSD-2-Clause */
/* nictagadm delete: the tag and its bridge; not while a zone has a nic on it. */
#include <unistd.h>

#include "cmd/nictagadm/nictagadm.h"
#include "zone/link.h"
#include "zone/usage.h"

int
nictagadm_delete(int argc, char **argv)
{
	bool force = false;
	struct nictag t;
	struct err e;
	size_t users;
	int c;

	while ((c = getopt(argc, argv, "+f")) != -1) {
		if (c != 'f')
			return (usage("invalid option: -%c", optopt));
		force = true;
	}
	if (argc - optind != 1)
		return (usage("delete takes one nic tag"));
	if (nictag_get(argv[optind], &t, &e) != 0)
		return (report(&e));
	if (!force) {
		if (usage_nictag(t.name, NULL, NULL, &users, &e) != 0)
			return (report(&e));
		if (users > 0)
			return (complain("nic tag '%s' is in use", t.name));
	}
	return (nictag_delete(t.name, &e) == 0 ? CMD_OK : report(&e));
}
