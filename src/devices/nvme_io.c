/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O commands of the NVMe controller: read, write, flush, write zeroes, dataset management (NVM
 * Express 1.4, chapter 6). Data goes between the backend and guest memory without a copy. An error
 * of the medium is the command's status and nothing more. Refuses blocks beyond the namespace's
 * end, transfers over MDTS, writes to a read-only namespace. Runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/nvme_internal.h"

enum {
	IO_FLUSH = 0x00,
	IO_WRITE = 0x01,
	IO_READ = 0x02,
	IO_WRITE_ZEROES = 0x08,
	IO_DSM = 0x09,
};

#define FUA         0x40000000u /* of dword 12 */
#define DEALLOCATE  0x02000000u /* of write zeroes' dword 12 */
#define DSM_FREE    0x4u        /* of dataset management's dword 11 */
#define RANGE_LEN   16u         /* le32 attributes, le32 blocks, le64 first block */
#define SECTOR_BITS 9

static uint16_t
error_status(struct nvme *n, enum block_op op, int result)
{
	if (result == -ENOSPC)
		return (NVME_CAPACITY);
	if (op == BLOCK_READ || op == BLOCK_WRITE)
		n->stats.media_errors++;
	switch (op) {
	case BLOCK_READ:
		return (NVME_READ_ERROR);
	case BLOCK_WRITE:
	case BLOCK_WRITE_ZEROES:
		return (NVME_WRITE_FAULT);
	default:
		return (NVME_INTERNAL);
	}
}

static uint16_t submit(struct nvme *n, struct nvme_req *r);
static uint16_t next_range(struct nvme *n, struct nvme_req *r);

static void
io_done(struct block_req *io, int result)
{
	struct nvme_req *r = io->arg;
	struct nvme *n = r->n;
	uint16_t status = NVME_OK;

	if (r->nranges != 0 && result == -EOPNOTSUPP)
		result = 0; /* advice that could not be taken (6.7) */
	if (result != 0)
		status = error_status(n, io->op, result);
	else if (r->nranges != 0 && !n->resetting)
		status = next_range(n, r);
	else if (r->read_next && !n->resetting) {
		r->read_next = false;
		io->op = BLOCK_READ;
		/* The disk may have shrunk meanwhile. */
		status = range_ok(io->offset, io->len, n->backend->info.size) ? submit(n, r)
									      : NVME_LBA_RANGE;
	}
	if (status != NVME_PENDING)
		nvme_complete(n, r, status, 0);
}

static uint16_t
submit(struct nvme *n, struct nvme_req *r)
{
	r->io.done = io_done;
	r->io.arg = r;
	r->io.moved = 0;
	if (n->backend->ops->submit(n->backend, &r->io) < 0)
		return (NVME_INTERNAL);
	return (NVME_PENDING);
}

/* Blocks of the namespace as bytes of the backend. */
static bool
place(const struct nvme *n, uint64_t first, uint64_t blocks, struct block_req *io)
{
	const struct block_info *info = &n->backend->info;

	if (!range_ok(first, blocks, info->size / info->logical))
		return (false);
	io->offset = first * info->logical;
	io->len = blocks * info->logical;
	return (true);
}

static uint16_t
transfer(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c, bool write)
{
	uint64_t blocks = (c->dw12 & 0xffff) + 1ull;
	uint16_t status;

	if (blocks * n->backend->info.logical > NVME_XFER_MAX)
		return (NVME_INVALID_FIELD);
	if (write && n->backend->info.readonly)
		return (NVME_WRITE_PROTECTED);
	if (!place(n, c->dw10 | (uint64_t)c->dw11 << 32, blocks, &r->io))
		return (NVME_LBA_RANGE);
	if ((status = nvme_prp_map(n, c, r->io.len, r->io.iov, &r->io.niov)) != NVME_OK)
		return (status);
	/* What is read with FUA is on stable storage before it is handed out (6.9). */
	r->read_next = !write && (c->dw12 & FUA) != 0;
	r->io.op = write ? BLOCK_WRITE : r->read_next ? BLOCK_FLUSH : BLOCK_READ;
	r->io.fua = write && ((c->dw12 & FUA) != 0 || n->feat.no_write_cache);
	if (write) {
		n->stats.writes++;
		n->stats.written_sectors += r->io.len >> SECTOR_BITS;
	} else {
		n->stats.reads++;
		n->stats.read_sectors += r->io.len >> SECTOR_BITS;
	}
	return (submit(n, r));
}

static uint16_t
write_zeroes(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	const struct block_info *info = &n->backend->info;

	if (info->readonly)
		return (NVME_WRITE_PROTECTED);
	if (!info->can_write_zeroes)
		return (NVME_INVALID_OPCODE);
	if (!place(n, c->dw10 | (uint64_t)c->dw11 << 32, (c->dw12 & 0xffff) + 1ull, &r->io))
		return (NVME_LBA_RANGE);
	r->io.op = BLOCK_WRITE_ZEROES;
	r->io.unmap = (c->dw12 & DEALLOCATE) != 0;
	r->io.fua = (c->dw12 & FUA) != 0 || n->feat.no_write_cache;
	return (submit(n, r));
}

static uint16_t
flush(struct nvme *n, struct nvme_req *r)
{
	r->io.op = BLOCK_FLUSH;
	r->io.offset = r->io.len = 0;
	return (submit(n, r));
}

static bool
place_range(struct nvme *n, const struct nvme_req *r, unsigned i, struct block_req *io)
{
	const uint8_t *range = r->ranges + (size_t)i * RANGE_LEN;

	return (place(n, le64_get(range + 8), le32_get(range + 4), io));
}

/* Free the next range that is not empty; they have been checked, but the disk may have shrunk. */
static uint16_t
next_range(struct nvme *n, struct nvme_req *r)
{
	r->io.op = BLOCK_DISCARD; /* the backend may have gone on with something else */
	while (r->range < r->nranges) {
		if (!place_range(n, r, r->range++, &r->io))
			return (NVME_LBA_RANGE);
		if (r->io.len != 0)
			return (submit(n, r));
	}
	return (NVME_OK);
}

static uint16_t
dataset_management(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	unsigned count = (c->dw10 & 0xff) + 1;
	size_t len = (size_t)count * RANGE_LEN;
	uint16_t status;

	if (!nvme_offers_dsm(n))
		return (NVME_INVALID_OPCODE);
	if ((c->dw11 & DSM_FREE) == 0)
		return (NVME_OK); /* hints on how it will be used */
	if (n->backend->info.readonly)
		return (NVME_WRITE_PROTECTED);
	if ((status = nvme_prp_map(n, c, len, r->io.iov, &r->io.niov)) != NVME_OK)
		return (status);
	(void)gmem_iov_to_buf(r->io.iov, r->io.niov, 0, r->ranges, len);
	for (unsigned i = 0; i < count; i++)
		if (!place_range(n, r, i, &r->io))
			return (NVME_LBA_RANGE);
	if (!n->backend->info.can_discard)
		return (NVME_OK);
	r->io.niov = 0;
	r->range = 0;
	r->nranges = (uint16_t)count;
	return (next_range(n, r));
}

uint16_t
nvme_io(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	bool every = c->opcode == IO_FLUSH && c->nsid == NVME_NSID_ALL;

	if (c->nsid != NVME_NSID && !every)
		return (NVME_INVALID_NAMESPACE);
	switch (c->opcode) {
	case IO_FLUSH:
		return (flush(n, r));
	case IO_WRITE:
	case IO_READ:
		return (transfer(n, r, c, c->opcode == IO_WRITE));
	case IO_WRITE_ZEROES:
		return (write_zeroes(n, r, c));
	case IO_DSM:
		return (dataset_management(n, r, c));
	default:
		return (NVME_INVALID_OPCODE);
	}
}
