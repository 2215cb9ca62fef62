/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme: an NVMe controller with one namespace on a raw file, a block device, a descriptor or a
 * piece of memory. Runs in zhyve while the machine is built.
 *
 * Options as in bhyve(8): path first (or ram=MiB), then maxq= (pairs of I/O queues), qsz=
 * (entries of a queue), ioslots= (commands in work), sectsz=, ser=, eui64=, dsm=; and those of
 * every disk (disk_options.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/parse.h"
#include "devices/nvme.h"
#include "procs/zhyve/disk_options.h"
#include "procs/zhyve/disks.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"

#define RAM_MAX (1u << 20) /* MiB */

struct nvme_emul {
	struct nvme nvme;
	struct disk disk;
	struct lock lock;
};

static void
resized(void *dev)
{
	nvme_resized(dev);
}

static int
dsm_of(const char *text, enum nvme_dsm *out, struct err *e)
{
	static const char *const words[] = {
		[NVME_DSM_AUTO] = "auto",
		[NVME_DSM_ENABLE] = "enable",
		[NVME_DSM_DISABLE] = "disable",
	};

	for (unsigned i = 0; i < NITEMS(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = (enum nvme_dsm)i;
			return (0);
		}
	return (err_say(e, EINVAL, "dsm: '%s' is not auto, enable or disable", text));
}

static int
read_options(struct config_node *cfg, struct nvme_options *o, struct err *e)
{
	const char *eui64 = config_get(cfg, "eui64");
	int rc;

	if ((rc = config_number(
		 cfg, "maxq", 1, NVME_IO_QUEUES_MAX, NVME_IO_QUEUES_DEFAULT, &o->queues, e)) != 0 ||
	    (rc = config_number(
		 cfg, "qsz", 2, NVME_ENTRIES_MAX, NVME_ENTRIES_DEFAULT, &o->entries, e)) != 0 ||
	    (rc = config_number(cfg, "ioslots", 1, UINT16_MAX, 0, &o->slots, e)) != 0 ||
	    (rc = dsm_of(config_text(cfg, "dsm", "auto"), &o->dsm, e)) != 0)
		return (rc);
	/* 0 is what stands for none (nvme.h). */
	if (eui64 != NULL && (parse_u64(eui64, &o->eui64) != 0 || o->eui64 == 0))
		return (err_say(e, EINVAL, "eui64: '%s' is not a number of 64 bits", eui64));
	return (0);
}

/* The sizes that NVMe drivers know. */
static int
read_sectors(const char *text, struct block_opts *o, struct err *e)
{
	uint32_t n;

	if (text == NULL)
		return (0);
	if (parse_u32(text, 512, 8192, &n) != 0 || (n != 512 && n != 4096 && n != 8192))
		return (err_say(e, EINVAL, "sectsz: '%s' is not 512, 4096 or 8192", text));
	o->logical = o->physical = n;
	return (0);
}

/* Memory that is a disk: gone with the machine. */
static int
ram_disk(const char *mib, char path[16], struct err *e)
{
	uint32_t n;
	int fd;

	if (parse_u32(mib, 1, RAM_MAX, &n) != 0)
		return (err_say(
		    e, EINVAL, "ram: '%s' is not a number of MiB from 1 to %u", mib, RAM_MAX));
	if ((fd = memfd_create("nvme", MFD_CLOEXEC)) < 0 ||
	    ftruncate(fd, (off_t)((uint64_t)n * MIB)) != 0)
		return (err_set(e, errno, "ram: cannot make %u MiB of memory a disk", n));
	(void)snprintf(path, 16, "fd:%d", fd);
	return (0);
}

/* As bhyve forms it, but for the digest. */
static const char *
serial_of(struct config_node *cfg, const char *path, char buf[NVME_SERIAL_LEN + 1])
{
	const char *given = config_text(cfg, "serial", config_get(cfg, "ser"));
	char digest[NVME_SERIAL_LEN + 1];

	if (given != NULL)
		return (given);
	(void)disk_default_serial(path, digest, sizeof(digest));
	(void)snprintf(buf, NVME_SERIAL_LEN + 1, "NVME%s", strchr(digest, '-'));
	return (buf);
}

static int
open_disk(struct machine *m, struct config_node *cfg, const char *path, struct nvme_emul *d,
    struct err *e)
{
	const char *sectors = config_get(cfg, "sectsz");
	struct block_opts opts;
	int rc;

	if ((rc = disk_options(m, cfg, &opts, e)) != 0 ||
	    (rc = read_sectors(sectors, &opts, e)) != 0)
		return (rc);
	return (block_open(&d->disk.backend, path, &opts, m->loop, &d->lock, e));
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *path = config_get(cfg, "path"), *ram = config_get(cfg, "ram");
	char serial[NVME_SERIAL_LEN + 1], memory[16];
	struct nvme_options opt = { 0 };
	struct nvme_emul *d;
	int rc;

	if ((path == NULL) == (ram == NULL))
		return (
		    err_say(e, EINVAL, "either a path is given, as in -s 3,nvme,PATH, or ram="));
	if ((rc = read_options(cfg, &opt, e)) != 0)
		return (rc);
	opt.serial = serial_of(cfg, path != NULL ? path : m->name, serial);
	if (path == NULL) {
		if ((rc = ram_disk(ram, memory, e)) != 0)
			return (rc);
		path = memory;
	}
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	(void)pthread_mutex_init(&d->lock.mutex, NULL);
	d->disk = (struct disk){ .lock = &d->lock, .resized = resized, .dev = &d->nvme };
	if ((rc = open_disk(m, cfg, path, d, e)) != 0)
		return (rc);
	if ((rc = nvme_init(&d->nvme, &m->gm, d->disk.backend, &opt)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	disks_add(m, &d->disk);
	if ((rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_NVME, 0, e)) != 0)
		return (rc);
	d->nvme.pci.bdf = bdf;
	d->nvme.pci.lock = &d->lock;
	return (pci_attach(m->pci, &d->nvme.pci, e));
}

static const struct vmm_emul nvme = {
	.name = "nvme",
	.first = "path",
	.help = "PATH|ram=MIB[,maxq=N][,qsz=N][,ioslots=N][,sectsz=512|4096|8192][,ser=S][,eui64=N]"
		"[,dsm=auto|enable|disable][,nocache][,sync|direct][,ro][,nodelete][,bootindex=N]",
	.init = init,
};
ZHYVE_EMUL(nvme);
