/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: the only code that turns a guest-physical address into bytes.
 *
 * A guest's RAM is one sealed memfd, mapped once, cut into at most two ranges (below 3 GiB, and
 * from 4 GiB up). All access is bounds-checked against those ranges, so that device memory is never
 * reached by DMA: no device can be made to write another device's registers. Data that is
 * interpreted is copied out once (gmem_read) and looked at in the private copy; only bulk data that
 * nobody interprets is used in place (gmem_ptr). It never allocates after setup and never blocks.
 * Runs in zhyve and in device processes; tests make one from plain memory.
 */
#ifndef ZHYVE_GMEM_GMEM_H
#define ZHYVE_GMEM_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "base/err.h"

#define GMEM_LOW_MAX    0xC0000000ull  /* 3 GiB: RAM below ends here, the PCI hole begins */
#define GMEM_HIGH_BASE  0x100000000ull /* 4 GiB: the rest of RAM begins here */
#define GMEM_RANGES_MAX 8              /* our own guests have two; a front end's may have more */

struct gmem_range {
	uint64_t gpa;    /* guest-physical start, page aligned */
	uint64_t len;    /* bytes, page aligned */
	uint64_t offset; /* where it begins in the memfd */
	uint8_t *hva;    /* where it is mapped here */
};

struct gmem {
	struct gmem_range range[GMEM_RANGES_MAX];
	unsigned nranges;
	bool pieces; /* each range is a mapping of its own */
	int fd;      /* the memfd, -1 for memory that is not ours */
	uint64_t size;
};

/*
 * Make RAM of `size` bytes (page aligned, > 0) and map it. 0 or -errno. The gmem owns memfd and
 * mapping.
 */
int gmem_create(struct gmem *gm, uint64_t size, struct err *e);
/*
 * The same of huge pages of `page` bytes (0: as the kernel likes), all of which are reserved now.
 * -EINVAL when `size` is no multiple of it, -ENOMEM when the host has not so many.
 */
int gmem_create_huge(struct gmem *gm, uint64_t size, uint64_t page, struct err *e);
/*
 * In a device process: no RAM yet; then piece by piece as another describes it. gmem_map_piece maps
 * `len` bytes of `fd` from `offset` on (all page aligned) as RAM at `gpa`: 0, -EINVAL (unaligned, overlaps,
 * beyond the file's end), -ENOSPC, -errno. The descriptor stays the caller's. gmem_destroy unmaps.
 */
void gmem_empty(struct gmem *gm);
int gmem_map_piece(struct gmem *gm, uint64_t gpa, uint64_t len, int fd, uint64_t offset);
/* Use caller's memory as RAM at guest-physical 0 (tests, fuzzers). */
void gmem_wrap(struct gmem *gm, void *mem, uint64_t len);
void gmem_destroy(struct gmem *gm);

/*
 * Host pointer to [gpa, gpa + len), which must lie in one range; NULL when it does not (or len is
 * 0). The guest may change the bytes at any time: never interpret them in place.
 */
void *gmem_ptr(const struct gmem *gm, uint64_t gpa, uint64_t len);

/* True when [gpa, gpa + len) is RAM. */
bool gmem_is_ram(const struct gmem *gm, uint64_t gpa, uint64_t len);

/*
 * Copy between guest and private memory: 0, or -EFAULT when any byte is not RAM (then nothing is
 * copied).
 */
int gmem_read(const struct gmem *gm, uint64_t gpa, void *buf, size_t len);
int gmem_write(const struct gmem *gm, uint64_t gpa, const void *buf, size_t len);

/*
 * Take a private copy of bytes that the guest may be changing meanwhile. The compiler may not go
 * back to the guest's for a second look, which it may after a plain memcpy into a local: then a
 * check and the use of what was checked could see two values.
 */
static inline void
gmem_snapshot(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
	__asm__ volatile("" : : "r"(dst) : "memory");
}

/*
 * Single aligned little-endian accesses of shared rings, atomic as the virtio rings need. -EFAULT /
 * -EINVAL (unaligned).
 */
int gmem_load16(const struct gmem *gm, uint64_t gpa, uint16_t *v); /* load-acquire */
int gmem_store16(const struct gmem *gm, uint64_t gpa, uint16_t v); /* store-release */

/*
 * Copy between a private buffer and host iovecs that point into guest memory; returns the number of
 * bytes copied (the smaller).
 */
size_t gmem_iov_to_buf(const struct iovec *iov, unsigned niov, size_t skip, void *buf, size_t len);
size_t gmem_buf_to_iov(
    const void *buf, size_t len, const struct iovec *iov, unsigned niov, size_t skip);

#endif
