/* SPDX-License-Identifier: BSD-2-Clause */
/* -G: a debugger at the guest. See gdb.c. Runs in zhyve's main thread. */
#ifndef ZHYVE_PROCS_ZHYVE_GDB_H
#define ZHYVE_PROCS_ZHYVE_GDB_H

#include "procs/zhyve/machine.h"

/* Whether what is asked for goes together. 0 or -errno. */
int gdb_configure(struct machine *m, struct err *e);
/* Open the socket and wait for a client, where asked for. After the vCPUs are made. 0 or -errno. */
int gdb_create(struct machine *m, struct err *e);
/* The machine has ended with this status: a client is told. */
void gdb_close(int status);

#endif
