/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk whose power can be cut. As a file system (FUSE, spoken directly) it has one file, `disk`, for a loop
 * device: it is a disk with a volatile cache, and writes down in order what it is told (write, zero, flush).
 * From that log the disk is made again as it may be after a cut at any moment: everything that a flush had
 * followed, and of what came after it a part by chance: requests kept, lost or torn between two blocks of 4 KiB.
 *
 *   cutdisk serve FOLDER STORE LOG MIB      mounted at FOLDER until it is unmounted; its content is in STORE
 *   cutdisk count LOG                       how many entries there are
 *   cutdisk cut LOG OUT MIB ENTRY SEED      OUT is the disk after a cut before that entry; prints the last mark,
 *                                           and how many requests were not flushed and not kept as a whole
 *
 * A second file, `control`, takes words: `fail` (each request gets EIO), `fail-writes`, `ok`; `good MIB`: what is
 * below goes on working meanwhile; and anything else is a mark in the log. Killing the server is pulling the disk out.
 *
 * One thread, one request after the other: what was answered before a flush came is in the log before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PHYSICAL \
	4096u /* what is written as a whole, or not: XFS does not outlive less (docs/power-cuts.md) */
#define WRITE_MAX (1u << 20)
#define MARK_MAX  64u

enum node {
	NODE_ROOT = FUSE_ROOT_ID,
	NODE_DISK,
	NODE_CONTROL
};

enum kind {
	LOG_WRITE = 1,
	LOG_ZERO,
	LOG_FLUSH,
	LOG_MARK
};

/* An entry of the log; after it, a write's or a mark's bytes. */
struct entry {
	uint64_t kind, offset, len;
};

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "cutdisk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool
has_data(const struct entry *e)
{
	return (e->kind == LOG_WRITE || e->kind == LOG_MARK);
}

static int
zero(int fd, uint64_t offset, uint64_t len)
{
	return (
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len));
}

/* ---- the server ---- */

struct disk {
	int fuse, store, log;
	uint64_t size;
	bool fail_reads, fail_writes;
	uint64_t good; /* below this nothing fails */
};

struct request {
	struct fuse_in_header head;
	union {
		struct fuse_write_in write;
		struct fuse_read_in read;
		struct fuse_fallocate_in fallocate;
		char name[NAME_MAX + 1];
		uint8_t bytes[WRITE_MAX + 8192];
	} u;
};

static void
answer(const struct disk *d, const struct request *r, int error, const void *data, size_t len)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + len), .error = error, .unique = r->head.unique
	};
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)data, len } };

	/* ENOENT: whoever asked has been interrupted. */
	if (writev(d->fuse, iov, 2) < 0 && errno != ENOENT && errno != ENODEV)
		die("cannot answer");
}

static void
note(const struct disk *d, enum kind kind, uint64_t offset, uint64_t len, const void *data)
{
	struct entry e = { kind, offset, len };
	struct iovec iov[2] = { { &e, sizeof(e) },
		{ (void *)(uintptr_t)data, has_data(&e) ? len : 0 } };

	if (writev(d->log, iov, 2) != (ssize_t)(sizeof(e) + iov[1].iov_len))
		die("cannot write the log");
}

static struct fuse_attr
attributes(const struct disk *d, uint64_t node)
{
	return ((struct fuse_attr){ .ino = node,
	    .size = node == NODE_DISK ? d->size : 0,
	    .blocks = node == NODE_DISK ? d->size / 512 : 0,
	    .mode = node == NODE_ROOT ? S_IFDIR | 0700 : S_IFREG | 0600,
	    .nlink = 1,
	    .blksize = 4096 });
}

static void
do_init(const struct disk *d, const struct request *r)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.flags = FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ASYNC_READ | FUSE_ASYNC_DIO,
		.max_background = 64,
		.congestion_threshold = 64,
		.max_write = WRITE_MAX,
		.max_pages = WRITE_MAX / 4096,
		.time_gran = 1,
	};

	answer(d, r, 0, &out, sizeof(out));
}

static void
do_lookup(const struct disk *d, const struct request *r)
{
	struct fuse_entry_out out = { .entry_valid = 3600, .attr_valid = 3600 };

	out.nodeid = strcmp(r->u.name, "disk") == 0 ? NODE_DISK
	    : strcmp(r->u.name, "control") == 0     ? NODE_CONTROL
						    : 0;
	out.attr = attributes(d, out.nodeid);
	answer(d, r, out.nodeid != 0 ? 0 : -ENOENT, &out, out.nodeid != 0 ? sizeof(out) : 0);
}

static void
do_read(const struct disk *d, const struct request *r)
{
	static uint8_t buf[WRITE_MAX];
	ssize_t n = 0;

	if (d->fail_reads && r->u.read.offset >= d->good)
		n = -EIO;
	else if (r->head.nodeid == NODE_DISK && r->u.read.size <= sizeof(buf))
		n = pread(d->store, buf, r->u.read.size, (off_t)r->u.read.offset);
	answer(d, r, n < 0 ? -EIO : 0, buf, n < 0 ? 0 : (size_t)n);
}

static void
control(struct disk *d, const char *text, uint32_t len)
{
	char word[MARK_MAX] = "";
	unsigned mib;

	(void)snprintf(word, sizeof(word), "%.*s", (int)len, text);
	word[strcspn(word, "\n")] = '\0';
	if (strcmp(word, "fail") == 0)
		d->fail_reads = d->fail_writes = true;
	else if (strcmp(word, "fail-writes") == 0)
		d->fail_writes = true;
	else if (sscanf(word, "good %u", &mib) == 1)
		d->good = (uint64_t)mib << 20;
	else if (strcmp(word, "ok") == 0)
		d->fail_reads = d->fail_writes = false;
	else
		note(d, LOG_MARK, 0, strlen(word) + 1, word);
}

static void
do_write(struct disk *d, const struct request *r)
{
	const struct fuse_write_in *in = &r->u.write;
	const struct fuse_write_out out = { .size = in->size };
	const char *data = (const char *)(in + 1);

	if (r->head.nodeid == NODE_CONTROL) {
		control(d, data, in->size);
	} else if (d->fail_writes && in->offset >= d->good) {
		answer(d, r, -EIO, NULL, 0);
		return;
	} else {
		if (pwrite(d->store, data, in->size, (off_t)in->offset) != (ssize_t)in->size)
			die("cannot write the store");
		note(d, LOG_WRITE, in->offset, in->size, data);
	}
	answer(d, r, 0, &out, sizeof(out));
}

static void
do_zero(const struct disk *d, const struct request *r)
{
	const struct fuse_fallocate_in *in = &r->u.fallocate;

	if ((in->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0) {
		answer(d, r, -EOPNOTSUPP, NULL, 0);
		return;
	}
	if (d->fail_writes && in->offset >= d->good) {
		answer(d, r, -EIO, NULL, 0);
		return;
	}
	if (zero(d->store, in->offset, in->length) != 0)
		die("cannot write the store");
	note(d, LOG_ZERO, in->offset, in->length, NULL);
	answer(d, r, 0, NULL, 0);
}

static void
do_flush(const struct disk *d, const struct request *r)
{
	bool fails = d->fail_writes && d->good == 0;

	if (!fails)
		note(d, LOG_FLUSH, 0, 0, NULL);
	answer(d, r, fails ? -EIO : 0, NULL, 0);
}

static void
handle(struct disk *d, const struct request *r)
{
	const struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };
	const struct fuse_attr_out attr = { .attr_valid = 3600,
		.attr = attributes(d, r->head.nodeid) };

	switch (r->head.opcode) {
	case FUSE_INIT:
		do_init(d, r);
		break;
	case FUSE_LOOKUP:
		do_lookup(d, r);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR: /* a shell that redirects to `control` cuts it to nothing first */
		answer(d, r, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(d, r, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		do_read(d, r);
		break;
	case FUSE_WRITE:
		do_write(d, r);
		break;
	case FUSE_FALLOCATE:
		do_zero(d, r);
		break;
	case FUSE_FSYNC:
		do_flush(d, r);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(d, r, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: /* are not answered */
		break;
	default:
		answer(d, r, -ENOSYS, NULL, 0);
	}
}

static int
serve(const char *folder, const char *store, const char *log, uint64_t size)
{
	static struct request r;
	struct disk d = { .size = size };
	char options[96];
	ssize_t n;

	d.store = open(store, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	d.log = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (d.store < 0 || d.log < 0 || ftruncate(d.store, (off_t)size) != 0)
		die("cannot make the store");
	if ((d.fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC)) < 0)
		die("/dev/fuse");
	(void)snprintf(
	    options, sizeof(options), "fd=%d,rootmode=40700,user_id=0,group_id=0", d.fuse);
	if (mount("cutdisk", folder, "fuse.cutdisk", MS_NOSUID | MS_NODEV, options) != 0)
		die("cannot mount");
	while ((n = read(d.fuse, &r, sizeof(r))) >= 0 || errno == EINTR || errno == ENOENT)
		if (n > 0)
			handle(&d, &r);
	return (errno == ENODEV ? 0 : 1);
}

/* ---- cuts ---- */

static const uint8_t *
map_log(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	*len = (size_t)st.st_size;
	if (*len == 0)
		return (NULL);
	if ((map = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		die(path);
	(void)close(fd);
	return (map);
}

/* The entry at `*at`, and its bytes; false at the end, or where the last one was not written whole. */
static bool
next_entry(const uint8_t *log, size_t len, size_t *at, struct entry *e, const uint8_t **data)
{
	if (len - *at < sizeof(*e))
		return (false);
	memcpy(e, log + *at, sizeof(*e));
	*data = log + *at + sizeof(*e);
	if (has_data(e) && e->len > len - *at - sizeof(*e))
		return (false);
	*at += sizeof(*e) + (has_data(e) ? e->len : 0);
	return (true);
}

static uint32_t
chance(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return ((uint32_t)(*seed >> 33));
}

static void
apply(int out, const struct entry *e, const uint8_t *data, uint64_t from, uint64_t to)
{
	if (from >= to)
		return;
	if (e->kind == LOG_ZERO && zero(out, e->offset + from, to - from) != 0)
		die("cannot write the cut disk");
	if (e->kind == LOG_WRITE &&
	    pwrite(out, data + from, to - from, (off_t)(e->offset + from)) != (ssize_t)(to - from))
		die("cannot write the cut disk");
}

/* What became of a request that was not flushed: true when all of it is there. */
static bool
apply_by_chance(int out, const struct entry *e, const uint8_t *data, uint64_t *seed)
{
	uint64_t first = e->offset / PHYSICAL, n, edge;

	switch (chance(seed) % 4) {
	case 0:
	case 1:
		apply(out, e, data, 0, e->len);
		return (true);
	case 2:
		return (false);
	}
	n = (e->offset + e->len + PHYSICAL - 1) / PHYSICAL - first;
	edge = (first + chance(seed) % (n + 1)) * PHYSICAL;
	edge = edge < e->offset ? 0 : edge - e->offset;
	if (edge > e->len)
		edge = e->len;
	if (chance(seed) % 2 == 0)
		apply(out, e, data, 0, edge);
	else
		apply(out, e, data, edge, e->len);
	return (false);
}

static int
cut(const char *path, const char *file, uint64_t size, uint64_t before, uint64_t seed)
{
	size_t len, at = 0;
	const uint8_t *log = map_log(path, &len), *data;
	uint64_t i, flush = 0, loose = 0, lost = 0;
	char mark[MARK_MAX] = "none";
	struct entry e;
	int out = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (out < 0 || ftruncate(out, (off_t)size) != 0)
		die(file);
	for (i = 0; i < before && next_entry(log, len, &at, &e, &data); i++)
		if (e.kind == LOG_FLUSH)
			flush = i;
	for (i = 0, at = 0; i < before && next_entry(log, len, &at, &e, &data); i++) {
		if (e.kind == LOG_MARK)
			(void)snprintf(mark, sizeof(mark), "%s", (const char *)data);
		if (e.kind != LOG_WRITE && e.kind != LOG_ZERO)
			continue;
		if (i < flush) {
			apply(out, &e, data, 0, e.len);
			continue;
		}
		loose++;
		lost += !apply_by_chance(out, &e, data, &seed);
	}
	(void)printf("%s %llu %llu\n", mark, (unsigned long long)loose, (unsigned long long)lost);
	return (close(out) == 0 ? 0 : 1);
}

static int
count(const char *path)
{
	size_t len, at = 0;
	const uint8_t *log = map_log(path, &len), *data;
	unsigned long long n = 0;
	struct entry e;

	while (next_entry(log, len, &at, &e, &data))
		n++;
	(void)printf("%llu\n", n);
	return (0);
}

static uint64_t
number(const char *s)
{
	char *end;
	unsigned long long v = strtoull(s, &end, 10);

	if (*s == '\0' || *end != '\0') {
		errno = EINVAL;
		die(s);
	}
	return (v);
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "serve") == 0)
		return (serve(argv[2], argv[3], argv[4], number(argv[5]) << 20));
	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return (count(argv[2]));
	if (argc == 7 && strcmp(argv[1], "cut") == 0)
		return (
		    cut(argv[2], argv[3], number(argv[4]) << 20, number(argv[5]), number(argv[6])));
	(void)fprintf(stderr,
	    "usage: cutdisk serve FOLDER STORE LOG MIB | count LOG | cut LOG OUT MIB ENTRY SEED\n");
	return (2);
}
