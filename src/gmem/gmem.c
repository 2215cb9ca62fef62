/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory, the only door to it: see gmem.h. Runs in zhyve and in device processes. */
#include "gmem/gmem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

#define PAGE 4096u

static void
add_range(struct gmem *gm, uint64_t gpa, uint64_t len, uint64_t offset, uint8_t *base)
{
	assert(gm->nranges < GMEM_RANGES_MAX);
	gm->range[gm->nranges++] =
	    (struct gmem_range){ .gpa = gpa, .len = len, .offset = offset, .hva = base + offset };
}

static int
no_memory(int errnum, uint64_t size, uint64_t page, struct err *e)
{
	if (page == 0)
		return (err_set(e, errnum, "Unable to set up memory of %llu MiB",
		    (unsigned long long)(size / MIB)));
	return (err_set(e, errnum,
	    "Unable to set up memory of %llu MiB in huge pages: the host has not so many free (see "
	    "/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages)",
	    (unsigned long long)(size / MIB), (unsigned long long)(page / KIB)));
}

int
gmem_create(struct gmem *gm, uint64_t size, struct err *e)
{
	return (gmem_create_huge(gm, size, 0, e));
}

int
gmem_create_huge(struct gmem *gm, uint64_t size, uint64_t page, struct err *e)
{
	/* Huge pages are reserved: a guest that finds them gone would end zhyve by a bus error. */
	int flags = page == 0 ? MAP_SHARED | MAP_NORESERVE : MAP_SHARED;
	CLEANUP_FD int fd = -1;
	uint64_t low = MIN(size, GMEM_LOW_MAX);
	void *base;

	*gm = (struct gmem){ .fd = -1 };
	if (size == 0 || size % MAX(page, PAGE) != 0)
		return (err_say(e, EINVAL, "guest memory of %llu bytes is not a multiple of %llu",
		    (unsigned long long)size, (unsigned long long)MAX(page, PAGE)));
	if ((fd = memfd_sealed_huge("guest-ram", size, page)) < 0)
		return (no_memory(-fd, size, page, e));
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED)
		return (no_memory(errno, size, page, e));
	/*
	 * A core file of zhyve is for our own state; the guest's secrets stay out of it (bhyve's -C
	 * brings them in).
	 */
	(void)madvise(base, size, MADV_DONTDUMP);
	/* Where the system gives huge pages to shared memory that asks (shmem_enabled: advise). */
	(void)madvise(base, size, MADV_HUGEPAGE);
	add_range(gm, 0, low, 0, base);
	if (size > low)
		add_range(gm, GMEM_HIGH_BASE, size - low, low, base);
	gm->fd = fd_steal(&fd);
	gm->size = size;
	return (0);
}

void
gmem_wrap(struct gmem *gm, void *mem, uint64_t len)
{
	*gm = (struct gmem){ .fd = -1, .size = len };
	add_range(gm, 0, len, 0, mem);
}

void
gmem_empty(struct gmem *gm)
{
	*gm = (struct gmem){ .fd = -1, .pieces = true };
}

int
gmem_map_piece(struct gmem *gm, uint64_t gpa, uint64_t len, int fd, uint64_t offset)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint64_t last;
	void *mem;

	assert(gm->pieces);
	if (end < 0)
		return (-errno);
	if (len == 0 || (gpa | len | offset) % PAGE != 0 || !add_ok(gpa, len, &last) ||
	    !range_ok(offset, len, (uint64_t)end))
		return (-EINVAL);
	for (unsigned i = 0; i < gm->nranges; i++) {
		const struct gmem_range *r = &gm->range[i];

		if (gpa < r->gpa + r->len && r->gpa < last)
			return (-EINVAL);
	}
	if (gm->nranges == GMEM_RANGES_MAX)
		return (-ENOSPC);
	mem =
	    mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
	if (mem == MAP_FAILED)
		return (-errno);
	gm->range[gm->nranges++] =
	    (struct gmem_range){ .gpa = gpa, .len = len, .offset = offset, .hva = mem };
	gm->size += len;
	return (0);
}

void
gmem_destroy(struct gmem *gm)
{
	for (unsigned i = 0; gm->pieces && i < gm->nranges; i++)
		(void)munmap(gm->range[i].hva, gm->range[i].len);
	if (gm->fd >= 0) {
		(void)munmap(gm->range[0].hva, gm->size);
		fd_close(&gm->fd);
	}
	gm->nranges = 0;
	gm->size = 0;
}

void *
gmem_ptr(const struct gmem *gm, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return (NULL);
	for (unsigned i = 0; i < gm->nranges; i++) {
		const struct gmem_range *r = &gm->range[i];
		if (gpa >= r->gpa && range_ok(gpa - r->gpa, len, r->len))
			return (r->hva + (gpa - r->gpa));
	}
	return (NULL);
}

bool
gmem_is_ram(const struct gmem *gm, uint64_t gpa, uint64_t len)
{
	return (gmem_ptr(gm, gpa, len) != NULL);
}

int
gmem_read(const struct gmem *gm, uint64_t gpa, void *buf, size_t len)
{
	const void *p = gmem_ptr(gm, gpa, len);

	if (p == NULL)
		return (len == 0 ? 0 : -EFAULT);
	gmem_snapshot(buf, p, len);
	return (0);
}

int
gmem_write(const struct gmem *gm, uint64_t gpa, const void *buf, size_t len)
{
	void *p = gmem_ptr(gm, gpa, len);

	if (p == NULL)
		return (len == 0 ? 0 : -EFAULT);
	memcpy(p, buf, len);
	return (0);
}

int
gmem_load16(const struct gmem *gm, uint64_t gpa, uint16_t *v)
{
	uint16_t *p;

	if ((gpa & 1) != 0)
		return (-EINVAL);
	if ((p = gmem_ptr(gm, gpa, sizeof(*p))) == NULL)
		return (-EFAULT);
	*v = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	return (0);
}

int
gmem_store16(const struct gmem *gm, uint64_t gpa, uint16_t v)
{
	uint16_t *p;

	if ((gpa & 1) != 0)
		return (-EINVAL);
	if ((p = gmem_ptr(gm, gpa, sizeof(*p))) == NULL)
		return (-EFAULT);
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
	return (0);
}

/* Walk iovecs from `skip` bytes on; copy up to len bytes in the direction asked. */
static size_t
iov_copy(const struct iovec *iov, unsigned niov, size_t skip, uint8_t *buf, size_t len, bool to_iov)
{
	size_t done = 0, run;
	uint8_t *at;

	for (unsigned i = 0; i < niov && done < len; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		at = (uint8_t *)iov[i].iov_base + skip;
		run = MIN(iov[i].iov_len - skip, len - done);
		if (to_iov)
			memcpy(at, buf + done, run);
		else
			memcpy(buf + done, at, run);
		done += run;
		skip = 0;
	}
	return (done);
}

size_t
gmem_iov_to_buf(const struct iovec *iov, unsigned niov, size_t skip, void *buf, size_t len)
{
	return (iov_copy(iov, niov, skip, buf, len, false));
}

size_t
gmem_buf_to_iov(const void *buf, size_t len, const struct iovec *iov, unsigned niov, size_t skip)
{
	/* Only read through: the direction says so. */
	return (iov_copy(iov, niov, skip, (uint8_t *)(uintptr_t)buf, len, true));
}
