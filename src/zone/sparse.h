/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of files that stay as sparse as they were, and the room for them. Tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_SPARSE_H
#define ZHYVE_ZONE_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Make of `out`, an empty file, a twin of `in` that shares its blocks. 0, or -errno where the
 * filesystem cannot.
 */
int file_share(int in, int out);

/*
 * Copy the first `size` bytes of the file `in` to `out`, an empty file. Holes stay holes, blocks
 * of zeroes that pass through our hands become holes; `in` shorter than `size` ends in a hole. 0
 * or -errno (-ENOSPC; -EINTR when interrupt_pending).
 */
int sparse_copy(int in, int out, uint64_t size);

/* Is it nothing but zeroes? */
bool sparse_zero(const uint8_t *p, size_t len);

/* The same to a device of at least that size, which reads as zeroes. */
int sparse_copy_into(int in, int out, uint64_t size);

/* Write to `out` at `off` what is not zero of `buf`, by blocks of 4 KiB. 0 or -errno. */
int sparse_write(int out, const uint8_t *buf, size_t len, uint64_t off);

/* Bytes that the file really occupies. */
int sparse_allocated(int fd, uint64_t *bytes);

/*
 * -ENOSPC, with "WHAT needs A MiB, but only B MiB are free on 'PATH'", when the filesystem of `fd`
 * has not so many free.
 */
int space_check(int fd, uint64_t need, const char *what, const char *path, struct err *e);

#endif
