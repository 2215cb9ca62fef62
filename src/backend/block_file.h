/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks as raw files and block devices, behind devices/block.h: opening, checking, and two
 * engines that do the I/O. io_uring (block_uring.c) is the first choice; where the kernel refuses
 * it (kernel.io_uring_disabled, an old kernel) a few threads do the same with system calls
 * (block_sync_thread.c).
 *
 * Only raw images: no format is ever recognised from what is on the disk, so a guest cannot turn
 * its disk into another kind of image. Errors of the medium go to the guest, they never end the
 * machine. zhyve and zhyve-blk.
 */
#ifndef ZHYVE_BACKEND_BLOCK_FILE_H
#define ZHYVE_BACKEND_BLOCK_FILE_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/block.h"

struct block_opts {
	bool nocache;  /* O_DIRECT */
	bool sync;     /* every write reaches stable storage before it is done */
	bool readonly; /* also when the file cannot be opened for writing */
	bool nodelete; /* do not offer discard */
	bool no_uring; /* the thread engine, whatever the kernel can do */
	/*
	 * Called first thing in the thread engine's threads, to give up what it does not need (may
	 * be NULL). When it fails (not 0), no I/O is done.
	 */
	int (*confine)(void);
	/*
	 * Told, in a line for people, of requests that failed, each and with the lock held (may be
	 * NULL).
	 */
	void (*failed)(void *arg, const char *text);
	void *failed_arg;
	uint32_t logical,
	    physical; /* sector sizes; 0: 512 for files, the device's own for devices */
};

/*
 * Open `path` (or fd:N, which the disk then owns). Completions are called from `loop` with `lock`
 * held; submit and kick are called with it held. 0 or -errno with a message that names the disk.
 */
int block_open(struct block_backend **out, const char *path, const struct block_opts *opts,
    struct mevent_loop *loop, struct lock *lock, struct err *e);
/*
 * Ask for the size again; it is cut to whole sectors. True: it is another one, and info.size says
 * so. The lock is held.
 */
bool block_refresh(struct block_backend *b);
/* Wait until nothing is in flight; `done` is called for what was. The lock is not held. */
void block_drain(struct block_backend *b);
/* Closes and frees; drains first. */
void block_close(struct block_backend *b);
/* "io_uring" or "thread", for the log. */
const char *block_engine_name(const struct block_backend *b);

#endif
