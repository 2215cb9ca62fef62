/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk: a raw file, a block device or a descriptor as a disk. Runs in zhyve while the
 * machine is built.
 *
 * Options as in bhyve(8): path first, then nocache, sync (direct), ro, sectorsize=L[/P],
 * nodelete, serial= (ser=); and queues=N (1 to 16, default 1), uring=false.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "backend/block_file.h"
#include "base/checked.h"
#include "base/parse.h"
#include "devices/virtio/blk.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/seccomp.h"
#include "procs/zhyve/virtio_glue.h"

struct blk_emul {
	struct virtio_blk blk;
	struct block_backend *backend;
	struct virtio_glue glue;
};

/* "512", "512/4096". */
static int
sector_sizes(const char *text, struct block_opts *o, struct err *e)
{
	char logical[16];
	size_t len = strcspn(text, "/");
	uint32_t l, p;

	(void)snprintf(logical, sizeof(logical), "%.*s", (int)MIN(len, sizeof(logical) - 1), text);
	if (parse_u32(logical, 512, 1u << 20, &l) != 0 || !IS_POW2(l))
		goto bad;
	p = l;
	if (text[len] == '/' &&
	    (parse_u32(text + len + 1, 512, 1u << 20, &p) != 0 || !IS_POW2(p) || p < l))
		goto bad;
	o->logical = l;
	o->physical = p;
	return (0);
bad:
	return (err_say(e, EINVAL,
	    "sectorsize: '%s' is not L or L/P with powers of two from 512, P a multiple of L",
	    text));
}

/*
 * The disk's own thread, where there is no io_uring: it starts before the main thread is
 * confined, so it does so itself.
 */
static int
confine_thread(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (-errno);
	return (seccomp_enter(SECCOMP_DISK));
}

static int
read_options(struct config_node *cfg, struct block_opts *o, uint32_t *queues, struct err *e)
{
	bool direct, nocache, uring;
	const char *sizes = config_get(cfg, "sectorsize");
	int rc;

	if ((rc = config_bool(cfg, "nocache", false, &nocache, e)) != 0 ||
	    (rc = config_bool(cfg, "direct", false, &direct, e)) != 0 ||
	    (rc = config_bool(cfg, "sync", false, &o->sync, e)) != 0 ||
	    (rc = config_bool(cfg, "ro", false, &o->readonly, e)) != 0 ||
	    (rc = config_bool(cfg, "nodelete", false, &o->nodelete, e)) != 0 ||
	    (rc = config_bool(cfg, "uring", true, &uring, e)) != 0 ||
	    (rc = config_number(cfg, "queues", 1, VIRTIO_BLK_QUEUES_MAX, 1, queues, e)) != 0)
		return (rc);
	o->nocache = nocache;
	/* In bhyve, too, both words mean O_SYNC; it is nocache that means O_DIRECT. */
	o->sync |= direct;
	o->no_uring = !uring;
	return (sizes == NULL ? 0 : sector_sizes(sizes, o, e));
}

/* bhyve's default serial is a digest of the path; ours too, but not the same one. */
static const char *
default_serial(const char *path, char buf[VIRTIO_BLK_ID_LEN + 1])
{
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a, 64 bit */

	for (; *path != '\0'; path++)
		h = (h ^ (uint8_t)*path) * 0x100000001b3ull;
	(void)snprintf(buf, VIRTIO_BLK_ID_LEN + 1, "BHYVE-%04X-%04X-%04X",
	    (unsigned)(h >> 32 & 0xffff), (unsigned)(h >> 16 & 0xffff), (unsigned)(h & 0xffff));
	return (buf);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *path = config_get(cfg, "path"), *serial;
	char buf[VIRTIO_BLK_ID_LEN + 1];
	struct block_opts opts = { 0 };
	struct blk_emul *b;
	uint32_t queues;
	bool confined;
	int rc;

	if (path == NULL)
		return (err_say(e, EINVAL, "no path is given, as in -s 3,virtio-blk,PATH"));
	if ((rc = read_options(cfg, &opts, &queues, e)) != 0 ||
	    (rc = config_bool(m->config, "seccomp", true, &confined, e)) != 0)
		return (rc);
	if (confined)
		opts.confine = confine_thread;
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	serial = config_text(cfg, "serial", config_get(cfg, "ser"));
	if (serial == NULL)
		serial = default_serial(path, buf);
	virtio_glue_init(&b->glue, m);
	if ((rc = block_open(&b->backend, path, &opts, m->loop, &b->glue.lock, e)) != 0)
		return (rc);
	if ((rc = virtio_blk_init(&b->blk, &m->gm, b->backend, serial, queues)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	return (virtio_glue_attach(&b->glue, &b->blk.vd, bdf, e));
}

static const struct vmm_emul virtio_blk = {
	.name = "virtio-blk",
	.first = "path",
	.help =
	    "PATH[,nocache][,sync|direct][,ro][,sectorsize=L[/P]][,nodelete][,serial=S][,queues=N]",
	.init = init,
};
ZHYVE_EMUL(virtio_blk);
