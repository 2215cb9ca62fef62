/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a system-call filter has killed for, as the kernel tells it: a record of type AUDIT_SECCOMP to the
 * audit subsystem's multicast group, whether or not anybody audits this host. It goes to the host's own
 * network namespace only; elsewhere nothing ever comes. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_REFUSAL_H
#define ZHYVE_ZONE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal {
	uint32_t uid;
	uint32_t pid;
	uint32_t call;   /* the system call's number */
	char thread[16]; /* its name, printable */
};

/* A socket of these records alone, non-blocking and close-on-exec; -errno where there can be none. */
int refusal_open(void);
/* The next of them that is a kill; false: there is none at the moment. */
bool refusal_next(int fd, struct refusal *out);
/* One record's text; false when it is no kill by a filter. */
bool refusal_parse(const char *text, struct refusal *out);

#endif
