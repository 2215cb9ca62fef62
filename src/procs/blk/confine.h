/* SPDX-License-Identifier: BSD-2-Clause */
/* How zhyve-blk gives up what it does not need, before it reads a front end's first byte. */
#ifndef ZHYVE_PROCS_BLK_CONFINE_H
#define ZHYVE_PROCS_BLK_CONFINE_H

enum blk_class {
	BLK_MAIN, /* the event loop */
	BLK_DISK, /* a disk's own threads, where there is no io_uring */
};

/* The calling thread under its class's system-call filter, for good. 0 or -errno. */
int blk_confine(enum blk_class class);

#endif
