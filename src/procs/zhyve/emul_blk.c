/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk: a raw file, a block device or a descriptor as a disk. Runs in zhyve while the
 * machine is built.
 *
 * Options: path first, those of every disk (disk_options.h), serial= (ser=); and queues=N (1 to
 * 16, default 1).
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/block_file.h"
#include "devices/virtio/blk.h"
#include "procs/zhyve/disk_options.h"
#include "procs/zhyve/disks.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/virtio_glue.h"

struct blk_emul {
	struct virtio_blk blk;
	struct disk disk;
	struct virtio_glue glue;
};

static void
resized(void *dev)
{
	virtio_blk_resized(dev);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *path = config_get(cfg, "path"), *serial;
	char buf[VIRTIO_BLK_ID_LEN + 1];
	struct block_opts opts = { 0 };
	struct blk_emul *b;
	uint32_t queues;
	int rc;

	if (path == NULL)
		return (err_say(e, EINVAL, "no path is given, as in -s 3,virtio-blk,PATH"));
	if ((rc = disk_options(m, cfg, &opts, e)) != 0 ||
	    (rc = config_number(cfg, "queues", 1, VIRTIO_BLK_QUEUES_MAX, 1, &queues, e)) != 0)
		return (rc);
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	serial = config_text(cfg, "serial", config_get(cfg, "ser"));
	if (serial == NULL)
		serial = disk_default_serial(path, buf, sizeof(buf));
	virtio_glue_init(&b->glue, m);
	b->disk = (struct disk){ .lock = &b->glue.lock, .resized = resized, .dev = &b->blk };
	if ((rc = block_open(&b->disk.backend, path, &opts, m->loop, b->disk.lock, e)) != 0)
		return (rc);
	if ((rc = virtio_blk_init(&b->blk, &m->gm, b->disk.backend, serial, queues)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	disks_add(m, &b->disk);
	if ((rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_VIRTIO_BLK, 0, e)) != 0)
		return (rc);
	return (virtio_glue_attach(&b->glue, &b->blk.vd, bdf, e));
}

static const struct vmm_emul virtio_blk = {
	.name = "virtio-blk",
	.first = "path",
	.help = "PATH[,nocache][,sync|direct][,ro][,sectorsize=L[/P]][,nodelete][,serial=S]"
		"[,queues=N][,bootindex=N]",
	.init = init,
};
ZHYVE_EMUL(virtio_blk);
