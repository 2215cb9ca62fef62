/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's disks: which of them boots, their slots and models (zones.md 12), and the drives that
 * are there for one start only. See brand_internal.h. Pure; runs in zoneadmd.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "zone/brand_internal.h"

#define DISK_PROCESS_DEFAULT true /* attr disk-process, when it is unset */

static bool
is_cdrom(const struct zdevice *d)
{
	const char *media = zprop_get(d->prop, d->nprop, "media");

	return (media != NULL && strcmp(media, "cdrom") == 0);
}

static const struct zdevice *
first_disk(const struct zconf *c)
{
	for (size_t i = 0; i < c->ndevice; i++) {
		if (!is_cdrom(&c->device[i]) && !brand_is_passthru(&c->device[i]))
			return (&c->device[i]);
	}
	return (NULL);
}

const struct zdevice *
brand_boot_disk(const struct zconf *c)
{
	for (size_t i = 0; i < c->ndevice; i++) {
		if (!brand_is_passthru(&c->device[i]) &&
		    brand_is_true(c->device[i].prop, c->device[i].nprop, "boot"))
			return (&c->device[i]);
	}
	return (first_disk(c));
}

const struct zdevice *
brand_system_disk(const struct zconf *c)
{
	const struct zdevice *d = brand_boot_disk(c);

	return (d != NULL && is_cdrom(d) ? first_disk(c) : d);
}

const char *
brand_boot_image(const struct zconf *c)
{
	const struct zdevice *d = brand_boot_disk(c);

	return (d != NULL ? zprop_get(d->prop, d->nprop, "image-uuid") : NULL);
}

bool
brand_boots_cdrom(const struct zconf *c)
{
	const struct zdevice *d = brand_boot_disk(c);

	return (d != NULL && is_cdrom(d));
}

/* ---- slots ---- */

bool
brand_slot_parse(const char *text, unsigned *bus, unsigned *slot, unsigned *func)
{
	unsigned v[3] = { 0 }, n = 0;
	const char *p = text;

	for (;;) {
		unsigned d = 0, digits = 0;
		for (; *p >= '0' && *p <= '9' && digits < 4; p++, digits++)
			d = d * 10 + (unsigned)(*p - '0');
		if (digits == 0 || n == 3)
			return (false);
		v[n++] = d;
		if (*p == '\0')
			break;
		if (*p++ != ':')
			return (false);
	}
	*bus = n == 3 ? v[0] : 0;
	*slot = n == 3 ? v[1] : v[0];
	*func = n == 3 ? v[2] : (n == 2 ? v[1] : 0);
	return (*bus < 256 && *slot < 32 && *func < 8);
}

void
brand_slot_take(
    struct maker *m, uint8_t used[32], const char *who, unsigned bus, unsigned slot, unsigned func)
{
	if (bus != 0) {
		brand_fail(m, EINVAL, "%s: bus %u: this machine has bus 0 only", who, bus);
		return;
	}
	if (used[slot] & (1u << func))
		brand_fail(m, EINVAL, "%s: pci slot %u:%u is used twice", who, slot, func);
	used[slot] |= (uint8_t)(1u << func);
}

/* The slot of a drive that names none: boot disk 4:0, cdroms 3:n, others 5:n. */
static void
slot_default(bool boot, bool cdrom, const uint8_t used[32], unsigned *slot, unsigned *func)
{
	*slot = boot ? 4 : (cdrom ? 3 : 5);
	for (*func = 0; *func < 7 && (used[*slot] & (1u << *func)); (*func)++)
		continue;
}

/* ---- models ---- */

/* bhyve's emulation of a model; NULL when there is none. */
static const char *
emulation(const char *model, bool cdrom)
{
	if (strcmp(model, "virtio") == 0)
		return ("virtio-blk");
	if (strcmp(model, "nvme") == 0)
		return (cdrom ? NULL : "nvme");
	if (strcmp(model, "ahci") == 0)
		return (cdrom ? "ahci-cd" : "ahci-hd");
	return (NULL);
}

/* zhyve would derive a serial from its own descriptor; the disk's process has another. */
static void
add_serial(char *options, size_t size, int fd)
{
	size_t len = strlen(options);
	char name[16];
	uint64_t h;

	if (strstr(options, ",serial=") != NULL)
		return;
	(void)snprintf(name, sizeof(name), "fd:%d", fd);
	h = hash_text(HASH_INIT, name);
	(void)snprintf(options + len, size - len, ",serial=BHYVE-%04X-%04X-%04X",
	    (unsigned)(h >> 32 & 0xffff), (unsigned)(h >> 16 & 0xffff), (unsigned)(h & 0xffff));
}

/* A place in the plan's list of disks, and -s for it. `options` follow the descriptor. */
static void
add_drive(struct maker *m, const char *path, const char *model, bool cdrom, bool readonly,
    unsigned slot, unsigned func, size_t seq, const char *options)
{
	struct brand_plan *p = m->p;
	const char *device = emulation(model, cdrom);
	struct brand_disk *disk;
	char index[24];
	int fd;

	if (device == NULL)
		brand_fail(m, EINVAL, "device %s: unknown model '%s' (there are: %s)", path, model,
		    cdrom ? "virtio, ahci" : "virtio, ahci, nvme");
	else if (p->ndisk == BRAND_DISKS_MAX)
		brand_fail(m, E2BIG, "more than %d disks", BRAND_DISKS_MAX);
	if (m->rc != 0)
		return;
	disk = &p->disk[p->ndisk];
	*disk = (struct brand_disk){ .path = path, .readonly = readonly };
	fd = brand_want_fd(m, BRAND_FD_DISK, p->ndisk++);
	(void)snprintf(disk->options, sizeof(disk->options), "%s%s",
	    readonly && strcmp(device, "ahci-cd") != 0 ? ",ro" : "", options);
	(void)brand_bootindex(m, cdrom ? BOOT_CDROM : BOOT_DISK, seq, index);
	disk->process = !cdrom && strcmp(device, "virtio-blk") == 0 &&
	    brand_attr_true(m, "disk-process", DISK_PROCESS_DEFAULT);
	brand_arg(m, "-s");
	if (disk->process) {
		add_serial(disk->options, sizeof(disk->options), fd);
		brand_arg(m, "%u:%u,vhost-user-blk,fd:%d%s", slot, func, fd, index);
	} else {
		brand_arg(m, "%u:%u,%s,fd:%d%s%s", slot, func, device, fd, disk->options, index);
	}
}

/* ---- disks of the configuration ---- */

/* What follows the descriptor: the disk's properties as bhyve's block options. */
static void
disk_options(struct maker *m, const struct zdevice *d, const char *model, char *out, size_t size)
{
	const char *serial = zprop_get(d->prop, d->nprop, "serial");
	const char *sector = zprop_get(d->prop, d->nprop, "guest-block-size");
	bool virtio = strcmp(model, "virtio") == 0;
	char sectorsize[48] = "", ser[64] = "";

	if (serial != NULL && (brand_has_comma(serial) || strlen(serial) > 40))
		brand_fail(
		    m, EINVAL, "device %s: a comma in its serial, or it is too long", d->match);
	else if (serial != NULL)
		(void)snprintf(ser, sizeof(ser), ",%s=%s", virtio ? "serial" : "ser", serial);
	if (sector != NULL &&
	    (strspn(sector, "0123456789/") != strlen(sector) || strlen(sector) > 24))
		brand_fail(
		    m, EINVAL, "device %s: malformed guest-block-size '%s'", d->match, sector);
	else if (sector != NULL && virtio && strcmp(sector, "0") != 0)
		(void)snprintf(sectorsize, sizeof(sectorsize), ",sectorsize=%s", sector);
	/* As on SmartOS, the last two are virtio's. */
	(void)snprintf(out, size, "%s%s%s",
	    virtio && brand_is_true(d->prop, d->nprop, "notrim") ? ",nodelete" : "", sectorsize,
	    ser);
}

static void
add_disk(struct maker *m, const struct zdevice *d, bool boot, size_t seq, uint8_t used[32])
{
	const char *model = zprop_get(d->prop, d->nprop, "model");
	const char *at = zprop_get(d->prop, d->nprop, "pci-slot");
	unsigned bus = 0, slot = 0, func = 0;
	bool cdrom = is_cdrom(d);
	char options[192] = "";

	if (d->match == NULL || d->match[0] == '\0')
		brand_fail(m, EINVAL, "a device has no path");
	else if (model == NULL)
		brand_fail(
		    m, EINVAL, "device %s: no model (set its property model to virtio)", d->match);
	else if (at != NULL && !brand_slot_parse(at, &bus, &slot, &func))
		brand_fail(m, EINVAL, "device %s: malformed pci-slot '%s' (B:S:F)", d->match, at);
	if (m->rc != 0)
		return;
	disk_options(m, d, model, options, sizeof(options));
	if (at == NULL)
		slot_default(boot, cdrom, used, &slot, &func);
	brand_slot_take(m, used, d->match, bus, slot, func);
	add_drive(m, d->match, model, cdrom, cdrom || brand_is_true(d->prop, d->nprop, "readonly"),
	    slot, func, seq, options);
}

/* ---- all of them ---- */

/* Drives of this start come first among the cdroms, and last among the disks. */
static size_t
count_start(const struct maker *m, bool cdroms)
{
	size_t n = 0;

	for (size_t i = 0; m->start != NULL && i < m->start->ndrive; i++)
		n += m->start->drive[i].cdrom == cdroms;
	return (n);
}

static size_t
count_configured(const struct zconf *c, bool cdroms)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ndevice; i++)
		n += !brand_is_passthru(&c->device[i]) && is_cdrom(&c->device[i]) == cdroms;
	return (n);
}

size_t
brand_count_disks(const struct maker *m, bool cdroms)
{
	return (count_configured(m->c, cdroms) + count_start(m, cdroms));
}

static void
add_start_drives(struct maker *m, uint8_t used[32])
{
	size_t seq[2] = { count_configured(m->c, false), 0 }; /* disks, cdroms */
	unsigned slot, func;

	for (size_t i = 0; m->start != NULL && i < m->start->ndrive && m->rc == 0; i++) {
		const struct start_drive *d = &m->start->drive[i];

		slot_default(false, d->cdrom, used, &slot, &func);
		brand_slot_take(m, used, d->path, 0, slot, func);
		add_drive(
		    m, d->path, d->model, d->cdrom, d->cdrom, slot, func, seq[d->cdrom]++, "");
	}
}

void
brand_add_disks(struct maker *m, uint8_t used[32])
{
	const struct zdevice *boot = brand_boot_disk(m->c);
	size_t disks = boot != NULL && !is_cdrom(boot) ? 1 : 0; /* 0 is the boot disk's place */
	size_t cdroms = count_start(m, true);
	unsigned boots = 0;

	for (size_t i = 0; i < m->c->ndevice; i++) {
		if (!brand_is_passthru(&m->c->device[i]) &&
		    brand_is_true(m->c->device[i].prop, m->c->device[i].nprop, "boot"))
			boots++;
	}
	if (boots > 1)
		brand_fail(m, EINVAL, "more than one boot disk: %u devices have boot=true", boots);
	for (size_t i = 0; i < m->c->ndevice && m->rc == 0; i++) {
		const struct zdevice *d = &m->c->device[i];

		if (!brand_is_passthru(d))
			add_disk(m, d, d == boot,
			    is_cdrom(d)     ? cdroms++
				: d == boot ? 0
					    : disks++,
			    used);
	}
	add_start_drives(m, used);
}
