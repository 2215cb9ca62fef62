/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file behind a flash chip (devices/pflash.h): some hundred KiB of UEFI's variables, written
 * a few bytes at a time and seldom. Writes are synchronous, on the thread of the vCPU that
 * programs the chip, because the guest takes a variable for stored when it has been written. Runs
 * in zhyve.
 */
#ifndef ZHYVE_BACKEND_FLASH_FILE_H
#define ZHYVE_BACKEND_FLASH_FILE_H

#include <stdint.h>

#include "base/err.h"

/*
 * Before the guest runs: have all blocks of the file on its disk, so that no later write finds it
 * full. 0 or -errno.
 */
int flash_file_prepare(int fd, uint64_t len, const char *name, struct err *e);
/* Write to stable storage. 0 or -errno. */
int flash_file_store(int fd, uint64_t off, const void *buf, uint32_t len);

#endif
