/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw disks on temporary files, each test with both engines. */
#include "backend/block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/block_engine.h"
#include "base/checked.h"
#include "base/fd.h"
#include "../loop.h"

#define SIZE (8u << 20)

static char path[64];
static struct mevent_loop *loop;
static struct lock lock = LOCK_INIT;
static struct block_backend *disk;
static unsigned done_count, batches;
static int last;
static bool no_uring;

static void
on_done(struct block_req *req, int result)
{
	done_count++;
	last = result;
}

static void
on_batch(void *dev)
{
	batches++;
}

static char failed[256];

static void
on_failed(void *arg, const char *text)
{
	(void)snprintf(arg, sizeof(failed), "%s", text);
}

static int
open_with(struct block_opts o, struct err *e)
{
	int rc;

	o.no_uring = no_uring;
	rc = block_open(&disk, path, &o, loop, &lock, e);
	if (rc == 0)
		disk->batch_done = on_batch;
	return (rc);
}

static void
make_file(off_t size)
{
	CLEANUP_FD int fd = -1;

	(void)snprintf(path, sizeof(path), "test_block.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
}

static int
setup_engine(bool thread)
{
	no_uring = thread;
	make_file(SIZE);
	assert_int_equal(mevent_loop_create(&loop), 0);
	done_count = batches = 0;
	assert_int_equal(open_with((struct block_opts){ 0 }, NULL), 0);
	return (0);
}

static int
setup_uring(void **state)
{
	return (setup_engine(false));
}

static int
setup_thread(void **state)
{
	return (setup_engine(true));
}

static int
teardown(void **state)
{
	block_close(disk);
	disk = NULL;
	assert_int_equal(mevent_count(loop), 0);
	mevent_loop_destroy(loop);
	(void)unlink(path);
	return (0);
}

static void
reopen(struct block_opts o)
{
	block_close(disk);
	disk = NULL;
	assert_int_equal(open_with(o, NULL), 0);
}

static void
start(struct block_req *r, enum block_op op, uint64_t off, void *buf, uint64_t len)
{
	*r = (struct block_req){ .op = op, .offset = off, .len = len, .done = on_done };
	if (buf != NULL) {
		r->iov[0] = (struct iovec){ buf, len };
		r->niov = 1;
	}
	lock_take(&lock);
	assert_int_equal(disk->ops->submit(disk, r), 0);
	disk->ops->kick(disk);
	lock_drop(&lock);
}

static void
wait_for(unsigned n)
{
	/* A round may end without a callback: io_uring interrupts system calls. */
	for (unsigned rounds = 0; done_count < n && rounds < 10000; rounds++)
		assert_true(mevent_poll(loop, 1000) >= 0);
	assert_int_equal(done_count, n);
}

static int
io(enum block_op op, uint64_t off, void *buf, uint64_t len)
{
	static struct block_req r;

	start(&r, op, off, buf, len);
	wait_for(done_count + 1);
	return (last);
}

static void
test_engine(void **state)
{
	/* io_uring may be switched off on the machine that runs this: then both are the thread. */
	if (no_uring)
		assert_string_equal(block_engine_name(disk), "thread");
	else
		print_message("engine: %s\n", block_engine_name(disk));
	assert_int_equal(disk->info.size, SIZE);
	assert_int_equal(disk->info.logical, 512);
	assert_false(disk->info.readonly);
}

static void
test_write_read(void **state)
{
	static uint8_t a[65536], b[65536];

	for (unsigned i = 0; i < sizeof(a); i++)
		a[i] = (uint8_t)(i * 31 + i / 256);
	assert_int_equal(io(BLOCK_WRITE, 12345 * 512, a, sizeof(a)), 0);
	assert_int_equal(io(BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(io(BLOCK_READ, 12345 * 512, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_true(batches >= 3);
}

static void
test_many(void **state)
{
	static struct block_req reqs[BLOCK_DEPTH + 1];
	static uint8_t data[BLOCK_DEPTH][512], back[512];
	struct block_req *extra = &reqs[BLOCK_DEPTH];
	CLEANUP_FD int fd = -1;

	lock_take(&lock);
	for (unsigned i = 0; i < BLOCK_DEPTH; i++) {
		memset(data[i], (int)i, 512);
		reqs[i] = (struct block_req){
			.op = BLOCK_WRITE, .offset = i * 512, .len = 512, .niov = 2, .done = on_done
		};
		reqs[i].iov[0] = (struct iovec){ data[i], 100 };
		reqs[i].iov[1] = (struct iovec){ data[i] + 100, 412 };
		assert_int_equal(disk->ops->submit(disk, &reqs[i]), 0);
	}
	*extra = (struct block_req){ .op = BLOCK_FLUSH, .done = on_done };
	assert_int_equal(disk->ops->submit(disk, extra), -EAGAIN);
	disk->ops->kick(disk);
	lock_drop(&lock);
	wait_for(BLOCK_DEPTH);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < BLOCK_DEPTH; i++) {
		assert_int_equal(fd_pread_full(fd, back, 512, i * 512), 0);
		assert_memory_equal(back, data[i], 512);
	}
}

static off_t
blocks(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	return (st.st_blocks);
}

static void
test_discard(void **state)
{
	static uint8_t buf[1 << 20], back[1 << 20];
	off_t before;

	if (!disk->info.can_discard)
		skip();
	memset(buf, 0xab, sizeof(buf));
	assert_int_equal(io(BLOCK_WRITE, 0, buf, sizeof(buf)), 0);
	assert_int_equal(io(BLOCK_FLUSH, 0, NULL, 0), 0);
	before = blocks();
	assert_int_equal(io(BLOCK_DISCARD, 0, NULL, sizeof(buf)), 0);
	assert_true(blocks() < before);
	assert_int_equal(io(BLOCK_READ, 0, back, sizeof(back)), 0);
	memset(buf, 0, sizeof(buf));
	assert_memory_equal(back, buf, sizeof(buf));
	reopen((struct block_opts){ .nodelete = true });
	assert_false(disk->info.can_discard);
}

/* Zeroes, by whatever way the file system has, end up as zeroes there and nowhere else. */
static void
check_zeroes(uint64_t off, uint64_t len)
{
	static uint8_t buf[SIZE];

	memset(buf, 0xcd, SIZE);
	assert_int_equal(io(BLOCK_WRITE, 0, buf, SIZE), 0);
	assert_int_equal(io(BLOCK_WRITE_ZEROES, off, NULL, len), 0);
	assert_int_equal(io(BLOCK_READ, 0, buf, SIZE), 0);
	for (uint64_t i = 0; i < SIZE; i++)
		if ((buf[i] == 0) != (i >= off && i < off + len))
			fail_msg("byte %llu is %02x", (unsigned long long)i, buf[i]);
}

static void
test_write_zeroes(void **state)
{
	check_zeroes(512, 512);
	check_zeroes(65536 - 512, 3 << 20);
	/* On a file system that cannot zero ranges. */
	((struct block_file *)disk->softc)->zero_by_write = true;
	check_zeroes(512, 512);
	check_zeroes(65536 - 512, 3 << 20);
	check_zeroes(0, SIZE);
}

static void
test_sync(void **state)
{
	static uint8_t buf[512] = "x";

	reopen((struct block_opts){ .sync = true });
	assert_int_equal(io(BLOCK_WRITE, 0, buf, 512), 0);
	assert_int_equal(io(BLOCK_WRITE_ZEROES, 0, NULL, 4096), 0);
}

static void
test_readonly(void **state)
{
	static uint8_t buf[512];

	reopen((struct block_opts){ .readonly = true });
	assert_true(disk->info.readonly);
	assert_false(disk->info.can_discard);
	assert_false(disk->info.can_write_zeroes);
	assert_int_equal(io(BLOCK_READ, 0, buf, 512), 0);
	assert_int_equal(io(BLOCK_WRITE, 0, buf, 512), -EBADF);
}

static void
test_fd(void **state)
{
	static uint8_t buf[512];
	struct block_backend *b;
	struct block_opts o = { .no_uring = no_uring };
	char name[32];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	(void)snprintf(name, sizeof(name), "fd:%d", fd);
	assert_int_equal(block_open(&b, name, &o, loop, NULL, NULL), 0);
	assert_true(b->info.readonly); /* as the descriptor is */
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	block_close(b);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(io(BLOCK_READ, 0, buf, 512), 0);
}

/* The file is cut short under the running disk: errors, and only for what is gone. */
static void
test_short(void **state)
{
	static uint8_t buf[8192];

	block_close(disk);
	assert_int_equal(
	    open_with((struct block_opts){ .failed = on_failed, .failed_arg = failed }, NULL), 0);
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(io(BLOCK_READ, 4096, buf, 512), -EIO);
	/* Who wants to know is told. */
	assert_non_null(strstr(failed, "read at byte 4096, 512 bytes: Input/output error"));
	assert_int_equal(io(BLOCK_READ, 0, buf, 8192), -EIO);
	assert_non_null(strstr(failed, "read at byte 0, 8192 bytes"));
	failed[0] = '\0';
	assert_int_equal(io(BLOCK_READ, 0, buf, 4096), 0);
	assert_string_equal(failed, "");
}

/* No space, made with the limit on file sizes: part of it can be written, then an error comes. */
static void
test_no_space(void **state)
{
	static uint8_t buf[8192];
	struct rlimit old, lim;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	lim = old;
	lim.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
	assert_int_equal(io(BLOCK_WRITE, 0, buf, 8192), -EFBIG);
	assert_int_equal(io(BLOCK_WRITE, 0, buf, 4096), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(io(BLOCK_WRITE, 0, buf, 8192), 0);
}

static void
test_direct(void **state)
{
	struct err e;
	void *buf = NULL;

	block_close(disk);
	disk = NULL;
	if (open_with((struct block_opts){ .nocache = true, .logical = 4096 }, &e) < 0) {
		print_message("%s\n", e.text);
		skip(); /* tmpfs of older kernels has no O_DIRECT */
	}
	assert_int_equal(posix_memalign(&buf, 4096, 4096), 0);
	memset(buf, 0x42, 4096);
	assert_int_equal(io(BLOCK_WRITE, 8192, buf, 4096), 0);
	memset(buf, 0, 4096);
	assert_int_equal(io(BLOCK_READ, 8192, buf, 4096), 0);
	assert_int_equal(*(uint8_t *)buf, 0x42);
	free(buf);
}

/* Memory that O_DIRECT does not take goes through buffers, several pieces long, many at a time. */
static void
test_direct_crooked(void **state)
{
	static struct block_req reqs[BLOCK_DEPTH];
	static uint8_t data[256 * 1024 + 64], back[256 * 1024 + 64];
	const unsigned len = 256 * 1024;
	struct block_req *r = &reqs[0];
	struct err e;

	block_close(disk);
	disk = NULL;
	if (open_with((struct block_opts){ .nocache = true, .logical = 4096 }, &e) < 0) {
		print_message("%s\n", e.text);
		skip();
	}
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 13 + i / 4096);
	for (unsigned round = 0; round < 2; round++) {
		uint8_t *buf = round == 0 ? data + 3 : back + 5;

		*r = (struct block_req){ .op = round == 0 ? BLOCK_WRITE : BLOCK_READ,
			.offset = 65536,
			.len = len,
			.niov = 3,
			.done = on_done };
		r->iov[0] = (struct iovec){ buf, 1000 };
		r->iov[1] = (struct iovec){ buf + 1000, 100000 };
		r->iov[2] = (struct iovec){ buf + 101000, len - 101000 };
		lock_take(&lock);
		assert_int_equal(disk->ops->submit(disk, r), 0);
		disk->ops->kick(disk);
		lock_drop(&lock);
		wait_for(done_count + 1);
		assert_int_equal(last, 0);
	}
	assert_memory_equal(data + 3, back + 5, len);
	/* All that may be in flight, each with a buffer of its own. */
	for (unsigned i = 0; i < BLOCK_DEPTH; i++)
		start(&reqs[i], BLOCK_READ, 65536 + (i % 32) * 4096, back + 1 + (i % 32) * 4096,
		    4096);
	wait_for(done_count + BLOCK_DEPTH);
	assert_int_equal(last, 0);
	assert_memory_equal(data + 3, back + 1, 32 * 4096);
	/* Zeroes by writing them. */
	((struct block_file *)disk->softc)->zero_by_write = true;
	assert_int_equal(io(BLOCK_WRITE_ZEROES, 65536, NULL, len), 0);
	assert_int_equal(io(BLOCK_READ, 65536 + len - 4096, back + 1, 4096), 0);
	assert_int_equal(back[1] | back[4096], 0);
}

/* The file grows and shrinks under the running disk. */
static void
test_refresh(void **state)
{
	static uint8_t buf[512] = "end";

	assert_false(block_refresh(disk));
	assert_int_equal(truncate(path, SIZE + 4096 + 100), 0);
	assert_true(block_refresh(disk));
	assert_int_equal(disk->info.size, SIZE + 4096); /* whole sectors */
	assert_false(block_refresh(disk));
	assert_int_equal(io(BLOCK_WRITE, SIZE + 4096 - 512, buf, 512), 0);
	assert_int_equal(truncate(path, 4096), 0);
	assert_true(block_refresh(disk));
	assert_int_equal(disk->info.size, 4096);
	assert_int_equal(truncate(path, 100), 0); /* nothing left: it stays what it was */
	assert_false(block_refresh(disk));
	assert_int_equal(disk->info.size, 4096);
	assert_int_equal(io(BLOCK_READ, 0, buf, 512), -EIO);
}

/* A block device instead of the file: its sizes, what it frees and zeroes, its growth. */
static void
test_device(void **state)
{
	static uint8_t buf[65536], back[65536];
	struct err e = { 0 };
	char name[32];
	struct block_backend *b;
	int fd = loop_make(path, 4096, name);
	struct block_opts o = { .no_uring = no_uring, .nocache = true };

	if (fd < 0)
		skip();
	o.logical = 512;
	assert_int_equal(block_open(&b, name, &o, loop, &lock, &e), -EINVAL);
	assert_non_null(strstr(e.text, "smaller than the device's own 4096"));
	o.logical = 0;
	block_close(disk);
	assert_int_equal(block_open(&disk, name, &o, loop, &lock, NULL), 0);
	disk->batch_done = on_batch;
	assert_int_equal(disk->info.size, SIZE);
	assert_int_equal(disk->info.logical, 4096);
	assert_true(disk->info.can_discard);
	memset(buf, 0xcd, sizeof(buf));
	assert_int_equal(io(BLOCK_WRITE, 65536, buf, sizeof(buf)), 0);
	assert_int_equal(io(BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(io(BLOCK_READ, 65536, back, sizeof(back)), 0);
	assert_memory_equal(buf, back, sizeof(buf));
	assert_int_equal(io(BLOCK_DISCARD, 65536, NULL, 32768), 0);
	assert_int_equal(io(BLOCK_WRITE_ZEROES, 65536 + 32768, NULL, 32768), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(io(BLOCK_READ, 65536, back, sizeof(back)), 0);
	assert_memory_equal(buf, back, sizeof(buf));
	assert_int_equal(truncate(path, SIZE * 2), 0);
	assert_int_equal(ioctl(fd, LOOP_SET_CAPACITY, 0), 0);
	assert_true(block_refresh(disk));
	assert_int_equal(disk->info.size, SIZE * 2);
	assert_int_equal(io(BLOCK_READ, SIZE * 2 - 4096, back, 4096), 0);
	(void)close(fd);
}

static void
expect_refused(struct block_opts o, const char *word)
{
	struct err e = { 0 };

	assert_true(open_with(o, &e) < 0);
	if (strstr(e.text, word) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, word);
	assert_non_null(strstr(e.text, path));
}

static void
test_refused(void **state)
{
	block_close(disk);
	disk = NULL;
	expect_refused((struct block_opts){ .logical = 513 }, "powers of two");
	expect_refused((struct block_opts){ .logical = 256 }, "powers of two");
	expect_refused((struct block_opts){ .logical = 512, .physical = 1536 }, "powers of two");
	assert_int_equal(truncate(path, SIZE + 1), 0);
	expect_refused((struct block_opts){ 0 }, "not a multiple of the sector size");
	assert_int_equal(truncate(path, 0), 0);
	expect_refused((struct block_opts){ 0 }, "not a multiple of the sector size");
	assert_int_equal(unlink(path), 0);
	expect_refused((struct block_opts){ 0 }, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused((struct block_opts){ 0 }, "neither a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mevent_count(loop), 0);
}

static void
test_drain(void **state)
{
	static struct block_req r[8];
	static uint8_t buf[8][65536];

	for (unsigned i = 0; i < 8; i++)
		start(&r[i], BLOCK_WRITE, i * 65536, buf[i], 65536);
	block_drain(disk);
	assert_int_equal(done_count, 8);
}

int
main(void)
{
	/* clang-format off */
#define T(name) \
	{ #name " (io_uring)", name, setup_uring, teardown, NULL }, \
	{ #name " (thread)", name, setup_thread, teardown, NULL }
	/* clang-format on */
	const struct CMUnitTest tests[] = {
		T(test_engine),
		T(test_write_read),
		T(test_many),
		T(test_discard),
		T(test_write_zeroes),
		T(test_sync),
		T(test_readonly),
		T(test_fd),
		T(test_short),
		T(test_no_space),
		T(test_direct),
		T(test_direct_crooked),
		T(test_refresh),
		T(test_device),
		T(test_refused),
		T(test_drain),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
