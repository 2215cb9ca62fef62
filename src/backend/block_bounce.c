/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for O_DIRECT: a guest may say to the byte where its data is, the kernel takes aligned
 * memory only. A request that is not aligned goes through a buffer, piece by piece; nothing else
 * is copied. Refuses nothing: there is a buffer for each request that may be in flight. Runs in
 * zhyve and zhyve-blk; block_bounce_next and _read also on a disk's own threads.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "backend/block_engine.h"
#include "base/checked.h"
#include "gmem/gmem.h"

#define LEN ((size_t)BLOCK_DEPTH * BLOCK_BOUNCE_LEN)

/* What the kernel says it takes; older ones do not, and take whole sectors. */
static void
ask_alignment(const struct block_file *f, uint32_t *mem, uint32_t *len)
{
	*mem = *len = f->be.info.logical;
#ifdef STATX_DIOALIGN
	struct statx sx = { 0 };

	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
	    (sx.stx_mask & STATX_DIOALIGN) != 0 && IS_POW2(sx.stx_dio_mem_align) &&
	    IS_POW2(sx.stx_dio_offset_align)) {
		*mem = sx.stx_dio_mem_align;
		*len = sx.stx_dio_offset_align;
	}
#endif
}

int
block_bounce_init(struct block_file *f)
{
	struct block_bounce *b = &f->bounce;

	ask_alignment(f, &b->mem_align, &b->len_align);
	b->mem = mmap(
	    NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->mem == MAP_FAILED) {
		b->mem = NULL;
		return (-errno);
	}
	for (b->nfree = 0; b->nfree < BLOCK_DEPTH; b->nfree++)
		b->free[b->nfree] = (uint16_t)(BLOCK_DEPTH - 1 - b->nfree);
	return (0);
}

void
block_bounce_destroy(struct block_file *f)
{
	if (f->bounce.mem != NULL)
		(void)munmap(f->bounce.mem, LEN);
	f->bounce.mem = NULL;
}

static bool
aligned(const struct block_bounce *b, const struct block_req *req)
{
	for (unsigned i = 0; i < req->niov; i++)
		if ((uintptr_t)req->iov[i].iov_base % b->mem_align != 0 ||
		    req->iov[i].iov_len % b->len_align != 0)
			return (false);
	return (true);
}

void
block_bounce_begin(struct block_file *f, struct block_req *req)
{
	struct block_bounce *b = &f->bounce;

	req->bounce = -1;
	if (b->mem == NULL || (req->op != BLOCK_READ && req->op != BLOCK_WRITE) || aligned(b, req))
		return;
	assert(b->nfree > 0);
	req->bounce = b->free[--b->nfree];
}

void
block_bounce_end(struct block_file *f, struct block_req *req)
{
	if (req->bounce >= 0)
		f->bounce.free[f->bounce.nfree++] = (uint16_t)req->bounce;
	req->bounce = -1;
}

void
block_bounce_next(struct block_file *f, struct block_req *req, struct block_step *step)
{
	struct iovec *iov = &f->bounce.iov[req->bounce];

	step->len = MIN(step->len, (uint64_t)BLOCK_BOUNCE_LEN);
	iov->iov_base = f->bounce.mem + (size_t)req->bounce * BLOCK_BOUNCE_LEN;
	iov->iov_len = step->len;
	if (req->op == BLOCK_WRITE)
		(void)gmem_iov_to_buf(
		    req->iov, req->niov, req->moved, iov->iov_base, (size_t)step->len);
	step->iov = iov;
	step->niov = 1;
}

void
block_bounce_read(struct block_file *f, struct block_req *req, uint64_t n)
{
	(void)gmem_buf_to_iov(
	    f->bounce.iov[req->bounce].iov_base, n, req->iov, req->niov, req->moved);
}
