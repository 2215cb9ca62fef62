/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving what a process by hand has around it, as far as the kernel lets it. In a zone's jail
 * (zone/jail.c) it is gone already. Runs in device processes.
 */
#ifndef ZHYVE_PROCS_COMMON_NOWHERE_H
#define ZHYVE_PROCS_COMMON_NOWHERE_H

/*
 * Mount, network, IPC and host name namespaces of its own (as root in the namespaces of root; as
 * anybody else in a user namespace, if there are), and an empty folder for a root. What cannot be
 * done is left undone: the system-call filter lets no path and no socket be named anyway.
 */
void nowhere_enter(void);

#endif
