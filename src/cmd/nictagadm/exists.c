/* SPDX-License-Identifier: BSD-2-Clause */
/* nictagadm exists: are all of these there? Each missing one is told; -l gives the names alone. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/nictagadm/nictagadm.h"
#include "zone/link.h"

int
nictagadm_exists(int argc, char **argv)
{
	const char *prefix = "invalid tag: ";
	int c, i, rc, status = CMD_OK;
	struct nictag t;
	struct err e;

	while ((c = getopt(argc, argv, "+l")) != -1) {
		if (c != 'l')
			return (usage("invalid option: -%c", optopt));
		prefix = "";
	}
	if (optind == argc)
		return (usage("exists takes at least one nic tag"));
	for (i = optind; i < argc; i++) {
		rc = nictag_get(argv[i], &t, &e);
		if (rc == 0)
			continue;
		if (rc != -ENOENT)
			return (report(&e));
		(void)fprintf(stderr, "%s%s\n", prefix, argv[i]);
		status = CMD_ERROR;
	}
	return (status);
}
