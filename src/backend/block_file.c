/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw disks: see block_file.h. Refuses what is neither a regular file nor a block device. Runs in
 * zhyve and zhyve-blk.
 */
#include "backend/block_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/block_engine.h"
#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

#define SECTOR_MIN 512u
#define SECTOR_MAX 65536u
#define ZERO_CHUNK 65536u

/* What is written where the file system cannot zero a range, as O_DIRECT wants it. Never modified. */
static uint8_t zeroes[ZERO_CHUNK] __attribute__((aligned(4096)));

static struct block_file *
of(struct block_backend *b)
{
	return (b->softc);
}

/* Load the request's iovec with as many zeroes as fit. */
static uint64_t
load_zeroes(struct block_req *req)
{
	uint64_t left = req->len - req->moved, got = 0;

	for (req->niov = 0; req->niov < BLOCK_IOV_MAX && got < left; req->niov++) {
		req->iov[req->niov].iov_base = zeroes;
		req->iov[req->niov].iov_len = MIN(left - got, ZERO_CHUNK);
		got += req->iov[req->niov].iov_len;
	}
	return (got);
}

void
block_begin(struct block_file *f, struct block_req *req)
{
	f->inflight++;
	block_bounce_begin(f, req);
}

void
block_next(struct block_file *f, struct block_req *req, struct block_step *step)
{
	*step = (struct block_step){ .offset = req->offset + req->moved,
		.len = req->len - req->moved,
		.dsync = f->sync || req->fua };
	switch (req->op) {
	case BLOCK_READ:
		step->kind = STEP_READ;
		break;
	case BLOCK_WRITE:
		step->kind = STEP_WRITE;
		break;
	case BLOCK_FLUSH:
		step->kind = STEP_SYNC;
		break;
	case BLOCK_DISCARD:
		step->kind = STEP_PUNCH;
		break;
	case BLOCK_WRITE_ZEROES:
		if (f->zero_by_write) {
			step->kind = STEP_WRITE;
			step->len = load_zeroes(req);
		} else
			step->kind = req->unmap && f->be.info.can_discard ? STEP_PUNCH : STEP_ZERO;
		break;
	}
	step->iov = req->iov;
	step->niov = req->niov;
	if (req->bounce >= 0)
		block_bounce_next(f, req, step);
}

int
block_fallocate_mode(const struct block_step *step)
{
	return (FALLOC_FL_KEEP_SIZE |
	    (step->kind == STEP_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE));
}

/* Take `n` transferred bytes off the front of the request's iovec. */
static void
trim(struct block_req *req, uint64_t n)
{
	unsigned i = 0;

	while (i < req->niov && n >= req->iov[i].iov_len)
		n -= req->iov[i++].iov_len;
	req->niov -= i;
	memmove(req->iov, req->iov + i, req->niov * sizeof(*req->iov));
	if (n != 0) {
		assert(req->niov != 0);
		req->iov[0].iov_base = (uint8_t *)req->iov[0].iov_base + n;
		req->iov[0].iov_len -= n;
	}
}

static bool
advance_fallocate(struct block_file *f, struct block_req *req, int64_t res, int *result)
{
	if (res == -EOPNOTSUPP && req->op == BLOCK_WRITE_ZEROES) {
		f->zero_by_write = true;
		return (true);
	}
	if (res == 0 && (f->sync || req->fua)) {
		/* There is no fallocate with O_DSYNC's promise: a flush follows. */
		req->op = BLOCK_FLUSH;
		return (true);
	}
	*result = (int)res;
	return (false);
}

bool
block_advance(struct block_file *f, struct block_req *req, const struct block_step *step,
    int64_t res, int *result)
{
	if (res == -EINTR || res == -EAGAIN)
		return (true);
	switch (step->kind) {
	case STEP_SYNC:
		*result = (int)res;
		return (false);
	case STEP_PUNCH:
	case STEP_ZERO:
		return (advance_fallocate(f, req, res, result));
	case STEP_READ:
	case STEP_WRITE:
		break;
	}
	if (res <= 0) {
		/*
		 * Nothing read: the file has been cut short. Nothing written: no reason is known.
		 */
		*result = res < 0 ? (int)res : -EIO;
		return (false);
	}
	if (req->bounce >= 0 && req->op == BLOCK_READ)
		block_bounce_read(f, req, (uint64_t)res);
	req->moved += (uint64_t)res;
	if (req->moved < req->len) {
		if (req->op != BLOCK_WRITE_ZEROES && req->bounce < 0)
			trim(req, (uint64_t)res);
		return (true);
	}
	*result = 0;
	return (false);
}

static void
tell_failed(const struct block_file *f, const struct block_req *req, int errnum)
{
	static const char *const ops[] = {
		[BLOCK_READ] = "read",
		[BLOCK_WRITE] = "write",
		[BLOCK_FLUSH] = "flush",
		[BLOCK_DISCARD] = "discard",
		[BLOCK_WRITE_ZEROES] = "write of zeroes",
	};
	char text[256];

	(void)snprintf(text, sizeof(text), "disk '%s': %s at byte %llu, %llu bytes: %s", f->name,
	    ops[req->op], (unsigned long long)req->offset, (unsigned long long)req->len,
	    strerror(errnum));
	log_guest("%s", text);
	if (f->failed != NULL)
		f->failed(f->failed_arg, text);
}

void
block_finish(struct block_file *f, struct block_req *req, int result)
{
	assert(f->inflight > 0);
	f->inflight--;
	block_bounce_end(f, req);
	if (result < 0)
		tell_failed(f, req, -result);
	req->done(req, result);
}

static void
on_event(int fd, enum mevent_type type, void *arg)
{
	struct block_file *f = arg;
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	lock_take(f->lock);
	f->engine->reap(f, false);
	if (f->be.batch_done != NULL)
		f->be.batch_done(f->be.dev);
	lock_drop(f->lock);
}

void
block_drain(struct block_backend *b)
{
	struct block_file *f = of(b);

	lock_take(f->lock);
	while (f->inflight > 0) {
		f->be.ops->kick(b);
		f->engine->reap(f, true);
		if (f->be.batch_done != NULL)
			f->be.batch_done(f->be.dev);
	}
	lock_drop(f->lock);
}

void
block_close(struct block_backend *b)
{
	struct block_file *f;

	if (b == NULL)
		return;
	f = of(b);
	block_drain(b);
	mevent_delete(f->ev);
	f->engine->stop(f);
	block_bounce_destroy(f);
	fd_close(&f->event);
	fd_close(&f->fd);
	free(f);
}

bool
block_refresh(struct block_backend *b)
{
	struct block_file *f = of(b);
	/* Files and devices alike; nobody here uses the descriptor's own offset. */
	off_t end = lseek(f->fd, 0, SEEK_END);
	uint64_t size;

	if (end < 0)
		return (false);
	size = ROUND_DOWN((uint64_t)end, (uint64_t)b->info.logical);
	if (size == 0 || size == b->info.size)
		return (false);
	b->info.size = size;
	return (true);
}

const char *
block_engine_name(const struct block_backend *b)
{
	return (((const struct block_file *)b->softc)->engine->name);
}

static int
open_disk(const char *path, const struct block_opts *o, int *fd, bool *readonly, struct err *e)
{
	int flags = O_CLOEXEC | (o->nocache ? O_DIRECT : 0), got;

	*readonly = o->readonly;
	if (parse_fd(path, fd) == 0) {
		if ((got = fcntl(*fd, F_GETFL)) < 0)
			return (err_set(e, errno, "disk '%s'", path));
		if ((got & O_ACCMODE) == O_RDONLY)
			*readonly = true;
		/* With O_NONBLOCK io_uring would give up where it is to wait for the disk. */
		got = (got & ~O_NONBLOCK) | (o->nocache ? O_DIRECT : 0);
		if (fcntl(*fd, F_SETFL, got) < 0)
			return (err_set(e, errno, "disk '%s'%s", path,
			    o->nocache ? " with nocache (O_DIRECT)" : ""));
		return (0);
	}
	*fd = open(path, flags | (*readonly ? O_RDONLY : O_RDWR));
	if (*fd < 0 && !*readonly && (errno == EACCES || errno == EPERM || errno == EROFS)) {
		*readonly = true; /* bhyve's rule */
		if ((*fd = open(path, flags | O_RDONLY)) >= 0)
			log_warn(
			    "disk '%s' may not be written: it is read-only to the guest", path);
	}
	if (*fd < 0)
		return (err_set(e, errno, "Could not open backing file '%s'%s", path,
		    errno == EINVAL && o->nocache ? " with nocache (O_DIRECT)" : ""));
	return (0);
}

/* Sizes of a block device; those of a file come from st_size and custom. */
static int
device_sizes(struct block_file *f, const char *path, struct err *e)
{
	struct block_info *info = &f->be.info;
	int logical = 0;
	unsigned physical = 0;

	if (ioctl(f->fd, BLKGETSIZE64, &info->size) < 0 || ioctl(f->fd, BLKSSZGET, &logical) < 0)
		return (err_set(e, errno, "disk '%s': cannot ask for its size", path));
	if (ioctl(f->fd, BLKPBSZGET, &physical) < 0)
		physical = (unsigned)logical;
	info->logical = (uint32_t)logical;
	info->physical = physical;
	return (0);
}

static int
set_sizes(struct block_file *f, const char *path, const struct block_opts *o, struct err *e)
{
	struct block_info *info = &f->be.info;
	struct stat st;
	int rc;

	if (fstat(f->fd, &st) < 0)
		return (err_set(e, errno, "disk '%s'", path));
	if (S_ISBLK(st.st_mode)) {
		if ((rc = device_sizes(f, path, e)) < 0)
			return (rc);
	} else if (S_ISREG(st.st_mode)) {
		info->size = (uint64_t)st.st_size;
		info->logical = info->physical = SECTOR_MIN;
	} else
		return (err_say(
		    e, EINVAL, "disk '%s' is neither a regular file nor a block device", path));
	if (o->logical != 0) {
		if (S_ISBLK(st.st_mode) && o->logical < info->logical)
			return (err_say(e, EINVAL,
			    "disk '%s': sectorsize=%u is smaller than the device's own %u", path,
			    o->logical, info->logical));
		info->logical = o->logical;
		info->physical = MAX(o->physical, o->logical);
	}
	if (!IS_POW2(info->logical) || info->logical < SECTOR_MIN || info->logical > SECTOR_MAX ||
	    !IS_POW2(info->physical) || info->physical % info->logical != 0)
		return (err_say(e, EINVAL,
		    "disk '%s': sectorsize %u/%u: both must be powers of two, the logical one at "
		    "least 512, the physical one a multiple of it",
		    path, info->logical, info->physical));
	if (info->size == 0 || info->size % info->logical != 0)
		return (err_say(e, EINVAL,
		    "disk '%s': its size of %llu bytes is not a multiple of the sector size %u "
		    "(truncate -s %%%u '%s' rounds it up)",
		    path, (unsigned long long)info->size, info->logical, info->logical, path));
	return (0);
}

/* O_DIRECT works in units that only a try tells. */
static int
check_direct(struct block_file *f, const char *path, struct err *e)
{
	CLEANUP_FREE void *buf = NULL;

	if (posix_memalign(&buf, 4096, f->be.info.logical) != 0)
		return (err_set(e, ENOMEM, "disk '%s'", path));
	if (pread(f->fd, buf, f->be.info.logical, 0) < 0 && errno == EINVAL)
		return (err_say(e, EINVAL,
		    "disk '%s': nocache does not work in sectors of %u bytes here: add "
		    "sectorsize=4096 or leave nocache out",
		    path, f->be.info.logical));
	return (0);
}

/* Punching a hole behind the end of a file changes nothing, and tells whether it can be done. */
static bool
can_punch(const struct block_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0 || f->be.info.readonly)
		return (false);
	if (S_ISBLK(st.st_mode))
		return (true);
	return (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)ROUND_UP(f->be.info.size, 4096), 4096) == 0);
}

static int
start_engine(struct block_file *f, const struct block_opts *o, const char *path, struct err *e)
{
	int rc = -ENOSYS;

	if (!o->no_uring) {
		f->engine = &block_uring_engine;
		if ((rc = f->engine->start(f)) < 0)
			log_info(
			    "disk '%s': no io_uring (%s); threads do its I/O", path, strerror(-rc));
	}
	if (rc < 0) {
		f->engine = &block_thread_engine;
		rc = f->engine->start(f);
	}
	return (rc < 0 ? err_set(e, -rc, "disk '%s': cannot set up its I/O", path) : 0);
}

int
block_open(struct block_backend **out, const char *path, const struct block_opts *o,
    struct mevent_loop *loop, struct lock *lock, struct err *e)
{
	struct block_file *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return (err_set(e, ENOMEM, "disk '%s'", path));
	f->event = -1;
	f->lock = lock;
	f->sync = o->sync;
	f->confine = o->confine;
	f->failed = o->failed;
	f->failed_arg = o->failed_arg;
	f->be.softc = f;
	(void)snprintf(f->name, sizeof(f->name), "%s", path);
	f->be.info.queue_depth = BLOCK_DEPTH;
	if ((rc = open_disk(path, o, &f->fd, &f->be.info.readonly, e)) < 0) {
		free(f);
		return (rc);
	}
	if ((rc = set_sizes(f, path, o, e)) < 0 ||
	    (o->nocache && (rc = check_direct(f, path, e)) < 0))
		goto fail;
	if (o->nocache && (rc = block_bounce_init(f)) < 0) {
		rc = err_set(e, -rc, "disk '%s': no memory for nocache", path);
		goto fail;
	}
	f->be.info.can_discard = !o->nodelete && can_punch(f);
	f->be.info.can_write_zeroes = !f->be.info.readonly;
	if ((f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		rc = err_set(e, errno, "disk '%s': eventfd", path);
		goto fail;
	}
	if ((rc = start_engine(f, o, path, e)) < 0)
		goto fail;
	if ((f->ev = mevent_add(loop, f->event, EVF_READ, on_event, f)) == NULL) {
		rc = err_set(e, errno, "disk '%s': event loop", path);
		f->engine->stop(f);
		goto fail;
	}
	*out = &f->be;
	return (0);
fail:
	block_bounce_destroy(f);
	fd_close(&f->event);
	fd_close(&f->fd);
	free(f);
	return (rc);
}
