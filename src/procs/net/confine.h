/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls that are left to zhyve-net when it reads a front end's first byte. */
#ifndef ZHYVE_PROCS_NET_CONFINE_H
#define ZHYVE_PROCS_NET_CONFINE_H

/* The process, which has one thread, under its system-call filter, for good. 0 or -errno. */
int net_confine(void);

#endif
