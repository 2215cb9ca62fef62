/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ahci, ahci-hd, ahci-cd: a SATA controller with disks and CD drives on raw files, block devices
 * or descriptors. Runs in zhyve while the machine is built.
 *
 * ahci takes drives as hd:PATH and cd:PATH, up to 32 of them, each followed by its options; the
 * other two have one drive, whose path comes first. Options of a drive: those of every disk
 * (disk_options.h), ser= (serial=), rev=, model=, nmrr=, bootindex=. In the tree of variables drive N stands
 * below port.N with type= and path=. A CD drive without a path has no disc.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/ahci.h"
#include "procs/zhyve/disk_options.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"

struct ahci_emul {
	struct ahci ahci;
	struct lock lock;
	struct ahci_drive drive[AHCI_PORTS_MAX];
	char serial[AHCI_PORTS_MAX][AHCI_SERIAL_LEN + 1];
};

/* The options of one drive, `len` bytes at text, go below port.n. */
static int
set_drive(struct config_node *cfg, unsigned n, const char *type, const char *text, size_t len,
    struct err *e)
{
	char name[16], one[CONFIG_VALUE_MAX];
	struct config_node *port;

	if (n >= AHCI_PORTS_MAX)
		return (err_say(e, EINVAL, "more than %d drives", AHCI_PORTS_MAX));
	if (len >= sizeof(one))
		return (err_say(e, E2BIG, "the options of drive %u are too long", n));
	(void)snprintf(name, sizeof(name), "port.%u", n);
	(void)snprintf(one, sizeof(one), "%.*s", (int)len, text);
	if ((port = config_make(cfg, name)) == NULL || config_set(port, "type", type) != 0)
		return (err_set(e, ENOMEM, "drive %u", n));
	/* "cd:" and "cd:,ser=X": a drive without a disc. */
	return (one[0] == ',' ? config_options(port, NULL, one + 1, e)
			      : config_options(port, "path", one, e));
}

static bool
begins_drive(const char *p)
{
	return (strncmp(p, "hd:", 3) == 0 || strncmp(p, "cd:", 3) == 0);
}

static int
ahci_options(struct config_node *cfg, const char *text, struct err *e)
{
	const char *p = text, *end;
	int rc;

	for (unsigned n = 0; *p != '\0'; n++) {
		if (!begins_drive(p))
			return (err_say(
			    e, EINVAL, "'%s' does not begin a drive: hd:PATH or cd:PATH", p));
		for (end = strchr(p, ','); end != NULL && !begins_drive(end + 1);)
			end = strchr(end + 1, ',');
		if (end == NULL)
			end = p + strlen(p);
		rc = set_drive(cfg, n, p[0] == 'h' ? "hd" : "cd", p + 3, (size_t)(end - p - 3), e);
		if (rc != 0)
			return (rc);
		p = end + (*end == ',');
	}
	return (0);
}

static int
hd_options(struct config_node *cfg, const char *text, struct err *e)
{
	return (set_drive(cfg, 0, "hd", text, strlen(text), e));
}

static int
cd_options(struct config_node *cfg, const char *text, struct err *e)
{
	return (set_drive(cfg, 0, "cd", text, strlen(text), e));
}

static int
drive_kind(struct config_node *port, const char *otherwise, enum ahci_kind *kind, struct err *e)
{
	const char *type = config_text(port, "type", otherwise);

	if (strcmp(type, "hd") != 0 && strcmp(type, "cd") != 0)
		return (err_say(e, EINVAL, "type: '%s' is neither hd nor cd", type));
	*kind = type[0] == 'h' ? AHCI_HD : AHCI_CD;
	return (0);
}

static int
open_drive(struct ahci_emul *a, struct machine *m, struct config_node *port, unsigned n,
    const char *type, struct err *e)
{
	struct ahci_drive *d = &a->drive[n];
	const char *path = config_get(port, "path");
	struct block_opts opts;
	uint32_t nmrr;
	int rc;

	if ((rc = drive_kind(port, type, &d->kind, e)) != 0 ||
	    (rc = disk_options(m, port, &opts, e)) != 0 ||
	    (rc = config_number(port, "nmrr", 0, UINT16_MAX, 0, &nmrr, e)) != 0)
		return (rc);
	d->nmrr = (uint16_t)nmrr;
	d->revision = config_get(port, "rev");
	d->model = config_get(port, "model");
	if ((d->serial = config_text(port, "ser", config_get(port, "serial"))) == NULL)
		d->serial = disk_default_serial(
		    path == NULL ? "" : path, a->serial[n], sizeof(a->serial[n]));
	if (path == NULL && d->kind == AHCI_CD)
		return (0);
	if (path == NULL)
		return (err_say(e, EINVAL, "no path is given, as in -s 3,ahci-hd,PATH"));
	opts.readonly |= d->kind == AHCI_CD;
	if ((rc = block_open(&d->backend, path, &opts, m->loop, &a->lock, e)) != 0)
		return (rc);
	if (d->kind == AHCI_CD && (d->backend->info.logical > 2048 || d->backend->info.size < 2048))
		return (err_say(
		    e, EINVAL, "disk '%s' cannot be a disc: it has sectors of 2048 bytes", path));
	return (0);
}

static int
make(struct machine *m, struct config_node *cfg, unsigned bdf, const char *type, struct err *e)
{
	struct ahci_emul *a = calloc(1, sizeof(*a));
	struct config_node *port;
	char name[16];
	unsigned n;
	int rc;

	if (a == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	(void)pthread_mutex_init(&a->lock.mutex, NULL);
	for (n = 0; n < AHCI_PORTS_MAX; n++) {
		(void)snprintf(name, sizeof(name), "port.%u", n);
		if ((port = config_find(cfg, name)) == NULL)
			break;
		if ((rc = open_drive(a, m, port, n, type, e)) != 0 ||
		    (rc = fwcfg_bootorder(m, port, bdf, BOOTORDER_AHCI, n, e)) != 0)
			return (err_ctx(e, "drive %u", n));
	}
	if (n == 0)
		return (err_say(e, EINVAL, "no drive is given, as in -s 3,ahci,hd:PATH,cd:PATH"));
	if ((rc = ahci_init(&a->ahci, &m->gm, a->drive, n)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	a->ahci.pci.bdf = bdf;
	a->ahci.pci.lock = &a->lock;
	return (pci_attach(m->pci, &a->ahci.pci, e));
}

static int
init_hd(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	return (make(m, cfg, bdf, "hd", e));
}

static int
init_cd(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	return (make(m, cfg, bdf, "cd", e));
}

#define DRIVE_HELP                                                    \
	"[,ser=S][,rev=S][,model=S][,nmrr=N][,nocache][,sync|direct]" \
	"[,sectorsize=L[/P]][,bootindex=N]"

static const struct vmm_emul ahci = {
	.name = "ahci",
	.options = ahci_options,
	.help = "hd:PATH|cd:[PATH]" DRIVE_HELP "[,hd:...]",
	.init = init_hd,
};
static const struct vmm_emul ahci_hd = {
	.name = "ahci-hd",
	.options = hd_options,
	.help = "PATH[,ro][,nodelete]" DRIVE_HELP,
	.init = init_hd,
};
static const struct vmm_emul ahci_cd = {
	.name = "ahci-cd",
	.options = cd_options,
	.help = "[PATH]" DRIVE_HELP,
	.init = init_cd,
};
ZHYVE_EMUL(ahci);
ZHYVE_EMUL(ahci_hd);
ZHYVE_EMUL(ahci_cd);
