/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio block device: see blk.h. Request layout by virtio 1.2, 5.2.6; no assumption is made
 * about how the driver cuts a request into descriptors (2.7.4). Refuses, with an error for the
 * one request, what lies outside the disk or is not whole sectors. Runs in zhyve and in device
 * processes.
 */
#include "devices/virtio/blk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

#define F_SEG_MAX      (1ull << 2)
#define F_RO           (1ull << 5)
#define F_BLK_SIZE     (1ull << 6)
#define F_FLUSH        (1ull << 9)
#define F_TOPOLOGY     (1ull << 10)
#define F_CONFIG_WCE   (1ull << 11)
#define F_MQ           (1ull << 12)
#define F_DISCARD      (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

enum {
	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13
};
enum {
	S_OK = 0,
	S_IOERR = 1,
	S_UNSUPP = 2
};

#define C_CAPACITY    0u  /* of the configuration: le64, in sectors */
#define C_WRITEBACK   32u /* one byte: 1 is a write cache, 0 is written through */
#define SECTOR        512u
#define HEADER_LEN    16u /* le32 type, le32 reserved, le64 sector */
#define RANGE_LEN     16u /* le64 sector, le32 sectors, le32 flags */
#define RANGE_UNMAP   1u
#define SEG_MAX       126u       /* fits BLOCK_IOV_MAX with room to spare */
#define RANGE_SECTORS (1u << 21) /* at most 1 GiB per discard or write zeroes */
#define REQUESTS_MAX  256u

struct blk_req {
	struct block_req io;
	struct virtio_blk *blk;
	struct blk_req *next_free;
	unsigned queue;
	uint16_t head;
	uint8_t *status;  /* in guest memory */
	uint32_t written; /* to be reported when it ends well */
};

static_assert(SEG_MAX + 2 <= BLOCK_IOV_MAX, "a request's data fits the backend's iovec");

static struct blk_req *
req_get(struct virtio_blk *blk)
{
	struct blk_req *r = blk->free;

	if (r != NULL)
		blk->free = r->next_free;
	else if (blk->fresh < blk->nreqs) {
		/* Touched for the first time only now: a quiet disk takes little memory. */
		r = &blk->reqs[blk->fresh++];
		r->blk = blk;
	}
	return (r);
}

static void
req_put(struct virtio_blk *blk, struct blk_req *r)
{
	r->next_free = blk->free;
	blk->free = r;
}

/*
 * Give a request back to the driver. After a reset, or once the device is broken, nothing is
 * told.
 */
static void
complete(struct blk_req *r, uint8_t status)
{
	struct virtio_blk *blk = r->blk;
	uint32_t written = r->written;

	if (virtio_running(&blk->vd)) {
		/*
		 * The length counts from the first writable byte, so after a failure it covers
		 * none of the data.
		 */
		if (status != S_OK && written > 1)
			written = 0;
		*r->status = status;
		virtq_push(&blk->vd.queue[r->queue], r->head, written);
		blk->dirty |= 1ull << r->queue;
	}
	req_put(blk, r);
}

static void
io_done(struct block_req *io, int result)
{
	struct blk_req *r = io->arg;
	struct virtio_blk *blk = r->blk;

	blk->inflight--;
	complete(r, result == 0 ? S_OK : result == -EOPNOTSUPP ? S_UNSUPP : S_IOERR);
	if (blk->inflight == 0 && blk->vd.resetting)
		virtio_stopped(&blk->vd);
}

static void
submit(struct blk_req *r)
{
	struct virtio_blk *blk = r->blk;

	r->io.done = io_done;
	r->io.arg = r;
	r->io.moved = 0;
	if (blk->backend->ops->submit(blk->backend, &r->io) < 0)
		complete(r, S_IOERR);
	else
		blk->inflight++;
}

/*
 * Cut [skip, skip + len) out of src into dst. The number of pieces, or -1 when they are more than
 * max.
 */
static int
iov_cut(const struct iovec *src, unsigned n, uint64_t skip, uint64_t len, struct iovec *dst,
    unsigned max)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n && len > 0; i++) {
		uint64_t take;

		if (skip >= src[i].iov_len) {
			skip -= src[i].iov_len;
			continue;
		}
		if (k == max)
			return (-1);
		take = MIN(src[i].iov_len - skip, len);
		dst[k].iov_base = (uint8_t *)src[i].iov_base + skip;
		dst[k++].iov_len = take;
		len -= take;
		skip = 0;
	}
	return ((int)k);
}

/* A range of the disk in sectors of 512 bytes: within it, and whole logical sectors. */
static bool
place(const struct virtio_blk *blk, uint64_t sector, uint64_t len, uint64_t *offset)
{
	const struct block_info *info = &blk->backend->info;

	if (sector > info->size / SECTOR)
		return (false);
	*offset = sector * SECTOR;
	return (*offset % info->logical == 0 && len % info->logical == 0 && len != 0 &&
	    range_ok(*offset, len, info->size));
}

/*
 * Is a write to be on stable storage when it is done (5.2.6.2)? Where the driver cannot flush, and
 * where it has switched the write cache off.
 */
static bool
write_through(const struct virtio_blk *blk)
{
	return (!virtio_has(&blk->vd, F_FLUSH) ||
	    (virtio_has(&blk->vd, F_CONFIG_WCE) && blk->config[C_WRITEBACK] == 0));
}

static void
do_transfer(struct blk_req *r, const struct vq_chain *c, uint64_t sector, bool write)
{
	struct virtio_blk *blk = r->blk;
	const struct iovec *from = write ? c->iov : c->iov + c->nread;
	unsigned n = write ? c->nread : c->nwrite;
	uint64_t skip = write ? HEADER_LEN : 0;
	uint64_t len = write ? c->read_len - HEADER_LEN : c->write_len - 1;
	int k;

	if (write && blk->backend->info.readonly) {
		complete(r, S_IOERR);
		return;
	}
	k = iov_cut(from, n, skip, len, r->io.iov, BLOCK_IOV_MAX);
	if (k <= 0 || !place(blk, sector, len, &r->io.offset)) {
		complete(r, S_IOERR);
		return;
	}
	r->io.op = write ? BLOCK_WRITE : BLOCK_READ;
	r->io.fua = write && write_through(blk);
	r->io.len = len;
	r->io.niov = (unsigned)k;
	r->written = write ? 1 : (uint32_t)len + 1;
	submit(r);
}

static void
do_range(struct blk_req *r, const struct vq_chain *c, bool zeroes)
{
	struct virtio_blk *blk = r->blk;
	const struct block_info *info = &blk->backend->info;
	uint8_t range[RANGE_LEN];
	uint32_t sectors, flags;

	if (!virtio_has(&blk->vd, zeroes ? F_WRITE_ZEROES : F_DISCARD)) {
		complete(r, S_UNSUPP);
		return;
	}
	/* One range per request is what the configuration promises. */
	if (info->readonly || c->read_len != HEADER_LEN + RANGE_LEN) {
		complete(r, S_IOERR);
		return;
	}
	(void)gmem_iov_to_buf(c->iov, c->nread, HEADER_LEN, range, sizeof(range));
	sectors = le32_get(range + 8);
	flags = le32_get(range + 12);
	if ((flags & ~(zeroes ? RANGE_UNMAP : 0)) != 0) {
		complete(r, S_UNSUPP);
		return;
	}
	r->io.len = (uint64_t)sectors * SECTOR;
	if (sectors > RANGE_SECTORS || !place(blk, le64_get(range), r->io.len, &r->io.offset)) {
		complete(r, S_IOERR);
		return;
	}
	r->io.op = zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD;
	r->io.unmap = (flags & RANGE_UNMAP) != 0;
	r->io.fua = zeroes && write_through(blk);
	r->io.niov = 0;
	submit(r);
}

static void
do_get_id(struct blk_req *r, const struct vq_chain *c)
{
	size_t n = MIN(c->write_len - 1, (uint64_t)VIRTIO_BLK_ID_LEN);

	n = gmem_buf_to_iov(r->blk->id, n, c->iov + c->nread, c->nwrite, 0);
	r->written = (uint32_t)n + 1;
	complete(r, S_OK);
}

static void
do_flush(struct blk_req *r)
{
	r->io.op = BLOCK_FLUSH;
	r->io.offset = r->io.len = 0;
	r->io.niov = 0;
	submit(r);
}

static void
handle(struct blk_req *r, unsigned queue, const struct vq_chain *c)
{
	struct virtio_blk *blk = r->blk;
	const struct iovec *last = &c->iov[c->nread + c->nwrite - 1];
	uint8_t header[HEADER_LEN];

	r->queue = queue;
	r->head = c->head;
	r->written = 1;
	r->io.fua = r->io.unmap = false;
	if (c->write_len < 1 || c->read_len < HEADER_LEN) {
		/* There is no place for a status, or no question: it cannot be answered. */
		virtio_needs_reset(&blk->vd, "block request without header or status");
		req_put(blk, r);
		return;
	}
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	(void)gmem_iov_to_buf(c->iov, c->nread, 0, header, sizeof(header));
	switch (le32_get(header)) {
	case T_IN:
	case T_OUT:
		do_transfer(r, c, le64_get(header + 8), le32_get(header) == T_OUT);
		break;
	case T_FLUSH:
		do_flush(r);
		break;
	case T_GET_ID:
		do_get_id(r, c);
		break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		do_range(r, c, le32_get(header) == T_WRITE_ZEROES);
		break;
	default:
		complete(r, S_UNSUPP);
	}
}

static void
publish(struct virtio_blk *blk)
{
	while (blk->dirty != 0) {
		unsigned queue = (unsigned)__builtin_ctzll(blk->dirty);

		blk->dirty &= blk->dirty - 1;
		if (virtio_running(&blk->vd))
			virtio_publish(&blk->vd, queue);
	}
}

/* Take at most one ring's length of requests; false when we have no request left to hold one. */
static bool
take_round(struct virtio_blk *blk, unsigned queue)
{
	struct virtq *q = &blk->vd.queue[queue];
	struct blk_req *r;

	for (unsigned n = 0; n < q->size; n++) {
		if ((r = req_get(blk)) == NULL)
			return (false);
		if (!virtio_pop(&blk->vd, queue, &blk->chain)) {
			req_put(blk, r);
			return (true);
		}
		handle(r, queue, &blk->chain);
	}
	return (true);
}

static void
blk_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_blk *blk = vd->softc;
	unsigned round = 0;

	do {
		virtq_kick_off(&vd->queue[queue]);
		if (!take_round(blk, queue)) {
			/* Kicks stay off: completions bring us back. */
			blk->stalled |= 1ull << queue;
			break;
		}
	} while (virtio_another_round(vd, queue, round++));
	blk->backend->ops->kick(blk->backend);
	publish(blk);
}

static void
blk_batch_done(void *dev)
{
	struct virtio_blk *blk = dev;
	uint64_t again = blk->stalled;

	publish(blk);
	blk->stalled = 0;
	for (; again != 0; again &= again - 1)
		virtio_notify(&blk->vd, (unsigned)__builtin_ctzll(again));
}

static bool
blk_stop(struct virtio_dev *vd)
{
	struct virtio_blk *blk = vd->softc;

	blk->stalled = 0;
	blk->dirty = 0;
	return (blk->inflight == 0);
}

static void
blk_was_reset(struct virtio_dev *vd)
{
	struct virtio_blk *blk = vd->softc;

	blk->config[C_WRITEBACK] = 1;
}

/* The write cache is all that a driver may set. */
static void
blk_config_write(struct virtio_dev *vd, uint32_t off, const void *buf, uint32_t len)
{
	struct virtio_blk *blk = vd->softc;

	if (off == C_WRITEBACK && len == 1 && virtio_has(vd, F_CONFIG_WCE))
		blk->config[C_WRITEBACK] = *(const uint8_t *)buf & 1;
}

#define BLK_STATE(F, T)        \
	F(T, vd, OWNS, 0)      \
	F(T, backend, OWN, 0)  \
	F(T, id, OWNS, 0)      \
	F(T, config, BYTES, 0) \
	F(T, chain, OWNS, 0)   \
	F(T, reqs, OWN, 0)     \
	F(T, nreqs, OWN, 0)    \
	F(T, fresh, OWN, 0)    \
	F(T, free, OWN, 0)     \
	F(T, inflight, OWN, 0) \
	F(T, stalled, OWN, 0)  \
	F(T, dirty, OWN, 0)
STATE_TYPE(blk_type, struct virtio_blk, BLK_STATE, "blk", 1);

static int
blk_state(struct virtio_dev *vd, struct state *st)
{
	struct virtio_blk *blk = vd->softc, image = *blk;
	uint64_t size = le64_get(blk->config + C_CAPACITY);

	if (blk->inflight != 0 || blk->dirty != 0)
		return (state_refuse(st, EBUSY, "%u requests are under way", blk->inflight));
	if (state_struct(st, &blk_type, &image) < 0 || !st->loading)
		return (st->rc);
	if (image.config[C_WRITEBACK] > 1)
		return (state_refuse(st, EINVAL, "a write cache that is neither on nor off"));
	blk->config[C_WRITEBACK] = image.config[C_WRITEBACK];
	le64_put(blk->config + C_CAPACITY, le64_get(image.config + C_CAPACITY));
	if (memcmp(blk->config, image.config, sizeof(blk->config)) != 0)
		return (state_refuse(st, EINVAL, "it is the state of a disk of another kind"));
	/* It may have become larger meanwhile. */
	if (le64_get(blk->config + C_CAPACITY) != size)
		virtio_blk_resized(blk);
	return (0);
}

static const struct virtio_dev_ops blk_ops = {
	.name = "virtio-blk",
	.type = VIRTIO_TYPE_BLOCK,
	.pci_class =
	    0x010000, /* mass storage, SCSI: what drivers of block devices over virtio look for */
	.config_write = blk_config_write,
	.notify = blk_notify,
	.stop = blk_stop,
	.was_reset = blk_was_reset,
	.state = blk_state,
};

/* struct virtio_blk_config, 5.2.4 */
static void
fill_config(struct virtio_blk *blk)
{
	const struct block_info *info = &blk->backend->info;
	uint32_t align = MAX(info->logical, info->physical) / SECTOR;
	uint8_t *c = blk->config;

	le64_put(c + C_CAPACITY, info->size / SECTOR);
	le32_put(c + 12, SEG_MAX);
	le32_put(c + 20, info->logical);
	c[24] = (uint8_t)__builtin_ctz(MAX(info->physical / info->logical, 1u));
	le16_put(c + 26, (uint16_t)(MAX(info->physical / info->logical, 1u))); /* min_io_size */
	c[C_WRITEBACK] = 1;
	le16_put(c + 34, (uint16_t)blk->vd.nqueues);
	le32_put(c + 36, RANGE_SECTORS);
	le32_put(c + 40, 1);
	le32_put(c + 44, align);
	le32_put(c + 48, RANGE_SECTORS);
	le32_put(c + 52, 1);
	c[56] = info->can_discard;
	blk->vd.config = c;
	blk->vd.config_len = VIRTIO_BLK_CONFIG_LEN;
}

static void
offer_features(struct virtio_blk *blk)
{
	const struct block_info *info = &blk->backend->info;

	blk->vd.offered |= F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE;
	if (blk->vd.nqueues > 1)
		blk->vd.offered |= F_MQ;
	if (info->readonly)
		blk->vd.offered |= F_RO;
	if (info->can_discard && !info->readonly)
		blk->vd.offered |= F_DISCARD;
	if (info->can_write_zeroes && !info->readonly)
		blk->vd.offered |= F_WRITE_ZEROES;
}

int
virtio_blk_init(struct virtio_blk *blk, const struct gmem *gm, struct block_backend *backend,
    const char *serial, unsigned nqueues)
{
	int rc;

	*blk = (struct virtio_blk){ .backend = backend };
	blk->nreqs = MIN(backend->info.queue_depth, REQUESTS_MAX);
	if (nqueues == 0 || nqueues > VIRTIO_BLK_QUEUES_MAX || blk->nreqs == 0)
		return (-EINVAL);
	rc = virtio_init(&blk->vd, &blk_ops, blk, gm, nqueues, VIRTIO_BLK_QUEUE_SIZE);
	if (rc < 0)
		return (rc);
	blk->reqs = calloc(blk->nreqs, sizeof(*blk->reqs));
	if (blk->reqs == NULL || vq_chain_init(&blk->chain, &blk->vd.queue[0]) < 0) {
		virtio_blk_destroy(blk);
		return (-ENOMEM);
	}
	memcpy(blk->id, serial, strnlen(serial, VIRTIO_BLK_ID_LEN));
	fill_config(blk);
	offer_features(blk);
	backend->batch_done = blk_batch_done;
	backend->dev = blk;
	return (0);
}

void
virtio_blk_resized(struct virtio_blk *blk)
{
	le64_put(blk->config + C_CAPACITY, blk->backend->info.size / SECTOR);
	virtio_config_changed(&blk->vd);
}

void
virtio_blk_destroy(struct virtio_blk *blk)
{
	assert(blk->inflight == 0);
	if (blk->backend != NULL)
		blk->backend->batch_done = NULL;
	vq_chain_destroy(&blk->chain);
	free(blk->reqs);
	blk->reqs = NULL;
	virtio_destroy(&blk->vd);
}
