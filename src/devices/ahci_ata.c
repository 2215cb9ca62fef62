/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI: the disk. Commands of ATA8-ACS with 28 and 48 bits of address, and queued ones. Addresses
 * are of logical sectors; cylinders, heads and security have gone. A command that is not known, or
 * that asks for what the disk has not, is aborted. Runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"

#define DSM_TRIM       0x01u
#define RANGE_LEN      8u /* six bytes of address, two of count */
#define RANGES         (AHCI_SECTOR / RANGE_LEN)
#define SMART_LBA      0xC24Fu
#define MULTIPLE_MAX   16
#define POWER_ACTIVE   0xFF
#define LOG_PAGES_MAX  32u

#define FEAT_WCACHE    0x02
#define FEAT_NO_WCACHE 0x82
#define FEAT_XFER      0x03
#define FEAT_AHEAD     0xAA
#define FEAT_NO_AHEAD  0x55

/* How a command moves sectors. */
#define RW_WRITE 0x01u
#define RW_EXT   0x02u
#define RW_PIO   0x04u
#define RW_FUA   0x08u
#define RW_MULTI 0x10u /* only after SET MULTIPLE MODE */
#define RW_NONE  0x20u /* READ VERIFY: nothing moves */

static const struct {
	uint8_t op, how;
} transfers[] = {
	{ 0x20, RW_PIO },
	{ 0x21, RW_PIO },
	{ 0x24, RW_PIO | RW_EXT },
	{ 0x25, RW_EXT },
	{ 0x29, RW_PIO | RW_EXT | RW_MULTI },
	{ 0x30, RW_PIO | RW_WRITE },
	{ 0x31, RW_PIO | RW_WRITE },
	{ 0x34, RW_PIO | RW_EXT | RW_WRITE },
	{ 0x35, RW_EXT | RW_WRITE },
	{ 0x39, RW_PIO | RW_EXT | RW_WRITE | RW_MULTI },
	{ 0x3D, RW_EXT | RW_WRITE | RW_FUA },
	{ 0x40, RW_NONE },
	{ 0x41, RW_NONE },
	{ 0x42, RW_EXT | RW_NONE },
	{ 0xC4, RW_PIO | RW_MULTI },
	{ 0xC5, RW_PIO | RW_WRITE | RW_MULTI },
	{ 0xC8, 0 },
	{ 0xC9, 0 },
	{ 0xCA, RW_WRITE },
	{ 0xCB, RW_WRITE },
	{ 0xCE, RW_PIO | RW_EXT | RW_WRITE | RW_FUA | RW_MULTI },
};

uint64_t
ahci_sectors(const struct ahci_port *p)
{
	return (p->backend->info.size / p->backend->info.logical);
}

void
ahci_ata_reset(struct ahci_port *p)
{
	p->srst = false;
	p->write_cache = p->look_ahead = p->smart = true;
	p->multiple = MULTIPLE_MAX;
	p->queue_error.valid = false;
	p->sig = SIG_ATA;
	p->tfd = 1u << 8 | ATA_S_OK; /* error register: diagnostics passed */
}

static uint64_t
address(const struct ahci_slot *s, bool ext)
{
	const uint8_t *f = s->fis;
	uint64_t low = f[F_LBA] | (uint32_t)f[F_LBA + 1] << 8 | (uint32_t)f[F_LBA + 2] << 16;

	if (!ext)
		return (low | (uint64_t)(f[F_DEVICE] & 0xf) << 24);
	return (low | (uint64_t)f[F_LBA_EXP] << 24 | (uint64_t)f[F_LBA_EXP + 1] << 32 |
	    (uint64_t)f[F_LBA_EXP + 2] << 40);
}

static void
put_address(struct ahci_slot *s, uint64_t lba, bool ext)
{
	uint8_t *f = s->fis;

	for (unsigned i = 0; i < 3; i++) {
		f[F_LBA + i] = (uint8_t)(lba >> (8 * i));
		f[F_LBA_EXP + i] = ext ? (uint8_t)(lba >> (24 + 8 * i)) : 0;
	}
	if (!ext)
		f[F_DEVICE] = (uint8_t)((f[F_DEVICE] & 0xf0) | (lba >> 24 & 0xf));
}

/* Where a command goes: whole sectors within the disk. False: the command has ended. */
static bool
place(struct ahci_slot *s, uint64_t lba, uint32_t count, bool write)
{
	const struct block_info *info = &s->port->backend->info;

	if (write && info->readonly) {
		ahci_fail(s, ATA_E_ABORT);
		return (false);
	}
	if (!range_ok(lba, count, ahci_sectors(s->port))) {
		ahci_fail(s, ATA_E_ID);
		return (false);
	}
	s->offset = lba * info->logical;
	s->left = (uint64_t)count * info->logical;
	return (true);
}

static void
move(struct ahci_slot *s, bool write, bool fua)
{
	struct ahci_port *p = s->port;

	ahci_transfer(s, write ? BLOCK_WRITE : BLOCK_READ, write && (fua || !p->write_cache),
	    p->backend->info.logical);
}

static void
transfer(struct ahci_slot *s, unsigned how)
{
	bool ext = (how & RW_EXT) != 0, write = (how & RW_WRITE) != 0;
	uint32_t count = s->fis[F_COUNT];

	if (ext)
		count |= (uint32_t)s->fis[F_COUNT_EXP] << 8;
	if (count == 0)
		count = ext ? 65536 : 256;
	if ((!ext && (s->fis[F_DEVICE] & DEVICE_LBA) == 0) ||
	    ((how & RW_MULTI) != 0 && s->port->multiple == 0)) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	if (!place(s, address(s, ext), count, write))
		return;
	/* READ VERIFY: the address is all that can be wrong without moving data. */
	if ((how & RW_NONE) != 0) {
		ahci_ok(s);
		return;
	}
	s->pio_in = (how & RW_PIO) != 0 && !write;
	move(s, write, (how & RW_FUA) != 0);
}

/* READ and WRITE FPDMA QUEUED: the tag is the slot's number. */
static void
queued(struct ahci_slot *s, bool write)
{
	const uint8_t *f = s->fis;
	uint32_t count = f[F_FEATURES] | (uint32_t)f[F_FEATURES_EXP] << 8;
	bool fua = (f[F_DEVICE] & DEVICE_FUA) != 0;

	if (f[F_COUNT] >> 3 != s->index) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	ahci_accept(s);
	if (place(s, address(s, true), count == 0 ? 65536 : count, write))
		move(s, write, fua);
}

/* --- flushing and discarding --- */

static void
flush_done(struct ahci_slot *s)
{
	if (s->result < 0)
		ahci_fail(s, ATA_E_ABORT);
	else
		ahci_ok(s);
}

static void
flush(struct ahci_slot *s)
{
	s->io.op = BLOCK_FLUSH;
	s->io.fua = false;
	s->io.offset = s->io.len = 0;
	s->io.niov = 0;
	s->next = flush_done;
	ahci_submit(s);
}

static void trim_next(struct ahci_slot *s);

static void
trim_done(struct ahci_slot *s)
{
	if (s->result < 0) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	s->port->range++;
	trim_next(s);
}

/* Discard the ranges in buf, one request after the other. */
static void
trim_next(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	uint64_t entry, count;

	for (; p->range < RANGES; p->range++) {
		entry = le64_get(p->buf + p->range * RANGE_LEN);
		if ((count = entry >> 48) == 0)
			continue;
		if (!place(s, entry & 0xffffffffffffull, (uint32_t)count, true))
			return;
		s->io.op = BLOCK_DISCARD;
		s->io.fua = false;
		s->io.offset = s->offset;
		s->io.len = s->left;
		s->io.niov = 0;
		s->next = trim_done;
		ahci_submit(s);
		return;
	}
	ahci_ok(s);
}

static void
trim(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	uint32_t sectors = s->fis[F_COUNT] | (uint32_t)s->fis[F_COUNT_EXP] << 8;

	if (s->fis[F_FEATURES] != DSM_TRIM || sectors != 1 || !p->backend->info.can_discard ||
	    p->backend->info.readonly) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	memset(p->buf, 0, sizeof(p->buf));
	p->range = 0;
	if (ahci_from_guest(s, p->buf, sizeof(p->buf)))
		trim_next(s);
}

/* --- data that the disk makes up --- */

static void
give_sector(struct ahci_slot *s, bool pio)
{
	s->pio_in = pio;
	if (ahci_to_guest(s, s->port->buf, AHCI_SECTOR))
		ahci_ok(s);
}

static void
identify(struct ahci_slot *s)
{
	ahci_identify(s->port, s->port->buf);
	give_sector(s, true);
}

/* READ LOG EXT and READ LOG DMA EXT. */
static void
read_log(struct ahci_slot *s, bool pio)
{
	struct ahci_port *p = s->port;
	const uint8_t *f = s->fis;
	unsigned page = f[F_LBA + 1] | (unsigned)f[F_LBA_EXP + 1] << 8;
	unsigned count = f[F_COUNT] | (unsigned)f[F_COUNT_EXP] << 8;

	if (count == 0 || count > LOG_PAGES_MAX) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	for (; count > 0; count--, page++) {
		if (!ahci_log_page(p, f[F_LBA], page, p->buf)) {
			ahci_fail(s, ATA_E_ABORT);
			return;
		}
		if (!ahci_to_guest(s, p->buf, AHCI_SECTOR))
			return;
	}
	s->pio_in = pio;
	ahci_ok(s);
}

static void
smart(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	uint8_t sub = s->fis[F_FEATURES];

	if ((address(s, false) >> 8 & 0xffff) != SMART_LBA || (!p->smart && sub != 0xD8)) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	switch (sub) {
	case 0xD0: /* READ DATA */
	case 0xD1: /* READ THRESHOLDS */
		ahci_smart_page(p->buf);
		give_sector(s, true);
		break;
	case 0xD2: /* attribute autosave */
	case 0xDA: /* RETURN STATUS: the signature unchanged says that no threshold is exceeded */
		ahci_ok(s);
		break;
	case 0xD8: /* ENABLE */
	case 0xD9: /* DISABLE */
		p->smart = sub == 0xD8;
		ahci_ok(s);
		break;
	default:
		ahci_fail(s, ATA_E_ABORT);
	}
}

/* --- settings --- */

static void
set_features(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;

	switch (s->fis[F_FEATURES]) {
	case FEAT_WCACHE:
		p->write_cache = true;
		break;
	case FEAT_NO_WCACHE: /* what is in the cache goes to the disk now */
		p->write_cache = false;
		flush(s);
		return;
	case FEAT_AHEAD:
		p->look_ahead = true;
		break;
	case FEAT_NO_AHEAD:
		p->look_ahead = false;
		break;
	case FEAT_XFER: /* there are no modes to choose from on a serial link */
		break;
	default:
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	ahci_ok(s);
}

static void
set_multiple(struct ahci_slot *s)
{
	uint8_t n = s->fis[F_COUNT];

	if (n > MULTIPLE_MAX || (n != 0 && !IS_POW2(n))) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	s->port->multiple = n;
	ahci_ok(s);
}

static void
native_max(struct ahci_slot *s, bool ext)
{
	uint64_t last = ahci_sectors(s->port) - 1;

	put_address(s, ext ? last : MIN(last, 0xfffffffull), ext);
	ahci_ok(s);
}

static void
power_mode(struct ahci_slot *s)
{
	s->fis[F_COUNT] = POWER_ACTIVE;
	ahci_ok(s);
}

static void
diagnose(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;

	ahci_ata_reset(p);
	put_address(s, 0, true);
	s->fis[F_LBA] = s->fis[F_COUNT] = 1; /* the signature */
	ahci_ok(s);
}

void
ahci_ata_command(struct ahci_slot *s)
{
	uint8_t op = s->fis[F_COMMAND];

	if (op == 0x60 || op == 0x61) {
		queued(s, op == 0x61);
		return;
	}
	if (s->port->tags != 0) { /* only queued commands may join queued ones */
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	for (unsigned i = 0; i < NITEMS(transfers); i++) {
		if (transfers[i].op == op) {
			transfer(s, transfers[i].how);
			return;
		}
	}
	switch (op) {
	case 0x06: /* DATA SET MANAGEMENT */
		trim(s);
		break;
	case 0x2F: /* READ LOG EXT */
	case 0x47: /* READ LOG DMA EXT */
		read_log(s, op == 0x2F);
		break;
	case 0x10: /* RECALIBRATE */
	case 0x70: /* SEEK */
	case 0x91: /* INITIALIZE DEVICE PARAMETERS */
	case 0xE1: /* IDLE IMMEDIATE */
	case 0xE3: /* IDLE */
		ahci_ok(s);
		break;
	case 0xE0: /* STANDBY IMMEDIATE */
	case 0xE2: /* STANDBY */
	case 0xE6: /* SLEEP */
	case 0xE7: /* FLUSH CACHE */
	case 0xEA: /* FLUSH CACHE EXT */
		flush(s);
		break;
	case 0x27: /* READ NATIVE MAX ADDRESS EXT */
	case 0xF8: /* READ NATIVE MAX ADDRESS */
		native_max(s, op == 0x27);
		break;
	case 0x90: /* EXECUTE DEVICE DIAGNOSTIC */
		diagnose(s);
		break;
	case 0xB0:
		smart(s);
		break;
	case 0xC6: /* SET MULTIPLE MODE */
		set_multiple(s);
		break;
	case 0xE5: /* CHECK POWER MODE */
		power_mode(s);
		break;
	case 0xEC: /* IDENTIFY DEVICE */
		identify(s);
		break;
	case 0xEF: /* SET FEATURES */
		set_features(s);
		break;
	default:
		ahci_fail(s, ATA_E_ABORT);
	}
}
