/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI: the CD drive: ATAPI commands with packets of MMC-5 and SPC-3, for a disc of one data
 * track. A file is the disc: its bytes are sectors of 2048. Nothing is written; audio, raw sectors
 * and DVD structures are refused. The tray opens and closes for the guest alone: the disc behind
 * it stays. Runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"

#define PACKET_LEN 16u
#define REASON_END 3 /* interrupt reason: command over, to the host */
#define SECTOR_MSF 150
#define CD_SECTORS (900u * 60 * 75 / 10) /* 90 minutes: more is a DVD */
#define REPLY_MAX  64u

/* Sense keys and codes. */
#define KEY_NOT_READY 2
#define KEY_MEDIUM    3
#define KEY_ILLEGAL   5
#define KEY_ATTENTION 6
#define ASC_READ      0x11
#define ASC_OPCODE    0x20
#define ASC_LBA       0x21
#define ASC_FIELD     0x24
#define ASC_CHANGED   0x28
#define ASC_RESET     0x29
#define ASC_SAVING    0x39
#define ASC_NO_DISC   0x3A
#define ASC_LOCKED    0x53

#define EVENT_NEW     2
#define EVENT_GONE    3

struct packet {
	struct ahci_slot *s;
	struct ahci_port *p;
	uint8_t cdb[PACKET_LEN];
	uint8_t out[REPLY_MAX];
};

static void
be16_put(uint8_t *b, unsigned v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static void
be32_put(uint8_t *b, uint32_t v)
{
	be16_put(b, v >> 16);
	be16_put(b + 2, v & 0xffff);
}

static unsigned
be16_get(const uint8_t *b)
{
	return ((unsigned)b[0] << 8 | b[1]);
}

static uint32_t
be32_get(const uint8_t *b)
{
	return ((uint32_t)be16_get(b) << 16 | be16_get(b + 2));
}

static bool
disc_in(const struct ahci_port *p)
{
	return (p->backend != NULL && !p->open);
}

static uint64_t
disc_sectors(const struct ahci_port *p)
{
	return (p->backend->info.size / AHCI_CD_SECTOR);
}

void
ahci_atapi_reset(struct ahci_port *p)
{
	p->srst = false;
	p->sense_key = p->asc = p->ascq = 0;
	p->attention = ASC_RESET;
	p->event = disc_in(p) ? EVENT_NEW : 0;
	p->locked = false;
	p->sig = SIG_ATAPI;
	p->tfd = 1u << 8; /* diagnostics passed; not ready before the first packet */
}

/* --- ends --- */

static void
set_sense(struct ahci_port *p, uint8_t key, uint8_t asc, uint8_t ascq)
{
	p->sense_key = key;
	p->asc = asc;
	p->ascq = ascq;
}

static void
refuse(struct packet *k, uint8_t key, uint8_t asc, uint8_t ascq)
{
	set_sense(k->p, key, asc, ascq);
	ahci_fail(k->s, (uint8_t)(key << 4 | (key == KEY_ILLEGAL ? ATA_E_ABORT : 0)));
}

void
ahci_atapi_unreadable(struct ahci_slot *s)
{
	set_sense(s->port, KEY_MEDIUM, ASC_READ, 0);
	ahci_fail(s, KEY_MEDIUM << 4);
}

static void
done(struct packet *k)
{
	set_sense(k->p, 0, 0, 0);
	ahci_ok(k->s);
}

/* Answer with `len` bytes of out, of which the guest wants `room` at most. */
static void
reply(struct packet *k, unsigned len, unsigned room)
{
	if (ahci_to_guest(k->s, k->out, MIN(len, room)))
		done(k);
}

/* --- what the drive is --- */

static void
inquiry(struct packet *k)
{
	uint8_t *o = k->out;

	if ((k->cdb[1] & 1) != 0) { /* vital product data: none */
		refuse(k, KEY_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	o[0] = 0x05; /* CD/DVD */
	o[1] = 0x80; /* removable */
	o[3] = 0x21; /* ATAPI 2, its format of this answer */
	o[4] = 36 - 5;
	memcpy(o + 8, "BHYVE   BHYVE DVD-ROM   ", 24);
	memset(o + 32, ' ', 4);
	memcpy(o + 32, k->p->revision, strnlen(k->p->revision, 4));
	reply(k, 36, be16_get(k->cdb + 3));
}

/* Capabilities and Mechanical Status (MMC-3, 5.5.10). */
static unsigned
page_capabilities(const struct ahci_port *p, uint8_t *o)
{
	const unsigned speed = 16 * 176; /* kB/s */

	o[0] = 0x2A;
	o[1] = 20;
	o[2] = 0x3B; /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
	o[4] = 0x70; /* multi-session, modes 2 */
	o[6] = (uint8_t)(1u << 5 | 1u << 3 | (unsigned)p->locked << 1 | 1); /* tray, eject, lock */
	be16_put(o + 8, speed);
	be16_put(o + 12, 512); /* KiB of buffer */
	be16_put(o + 14, speed);
	return (22);
}

/* Read Error Recovery: eight bytes, three retries. */
static unsigned
page_recovery(uint8_t *o)
{
	o[0] = 0x01;
	o[1] = 6;
	o[3] = 3;
	return (8);
}

static void
mode_sense(struct packet *k)
{
	bool ten = k->cdb[0] == 0x5A;
	unsigned page = k->cdb[2] & 0x3f, head = ten ? 8 : 4, len = head;

	if (k->cdb[2] >> 6 == 3) { /* saved values */
		refuse(k, KEY_ILLEGAL, ASC_SAVING, 0);
		return;
	}
	if (page == 0x01 || page == 0x3f)
		len += page_recovery(k->out + len);
	if (page == 0x2A || page == 0x3f)
		len += page_capabilities(k->p, k->out + len);
	if (len == head) {
		refuse(k, KEY_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	if (ten)
		be16_put(k->out, len - 2);
	else
		k->out[0] = (uint8_t)(len - 1);
	reply(k, len, ten ? be16_get(k->cdb + 7) : k->cdb[4]);
}

static unsigned
profile(const struct ahci_port *p)
{
	if (!disc_in(p))
		return (0);
	return (disc_sectors(p) > CD_SECTORS ? 0x10 : 0x08); /* DVD-ROM, CD-ROM */
}

/* A feature of GET CONFIGURATION that is always current; its data follow. */
static unsigned
feature(uint8_t *o, unsigned code, unsigned data)
{
	be16_put(o, code);
	o[2] = 0x03; /* persistent, current */
	o[3] = (uint8_t)data;
	return (4 + data);
}

static void
get_configuration(struct packet *k)
{
	unsigned how = k->cdb[1] & 3, from = be16_get(k->cdb + 2), len = 8;
	unsigned now = profile(k->p);
	uint8_t *o = k->out;

#define WANTED(code) (how == 2 ? from == (code) : from <= (code))
	if (WANTED(0x0000)) { /* profile list */
		unsigned at = len + 4;

		len += feature(o + len, 0x0000, 8);
		be16_put(o + at, 0x10);
		o[at + 2] = now == 0x10;
		be16_put(o + at + 4, 0x08);
		o[at + 6] = now == 0x08;
	}
	if (WANTED(0x0001)) { /* core: ATAPI */
		unsigned at = len + 4;

		len += feature(o + len, 0x0001, 8);
		be32_put(o + at, 2);
	}
	if (WANTED(0x0003)) { /* removable medium: tray, eject, lock */
		unsigned at = len + 4;

		len += feature(o + len, 0x0003, 4);
		o[at] = 1u << 5 | 1u << 3 | 1;
	}
#undef WANTED
	be32_put(o, len - 4);
	be16_put(o + 6, now);
	reply(k, len, be16_get(k->cdb + 7));
}

/* --- its state --- */

static void
test_ready(struct packet *k)
{
	done(k);
}

static void
request_sense(struct packet *k)
{
	uint8_t *o = k->out;
	struct ahci_port *p = k->p;

	if (p->sense_key == 0 && p->attention != 0) {
		set_sense(p, KEY_ATTENTION, p->attention, 0);
		p->attention = 0;
	}
	o[0] = 0x70;
	o[2] = p->sense_key;
	o[7] = 18 - 8;
	o[12] = p->asc;
	o[13] = p->ascq;
	reply(k, 18, k->cdb[4]);
}

static void
start_stop(struct packet *k)
{
	struct ahci_port *p = k->p;
	bool start = (k->cdb[4] & 1) != 0, eject = (k->cdb[4] & 2) != 0;

	if (eject && !start && p->locked) {
		refuse(k, KEY_ILLEGAL, ASC_LOCKED, 2);
		return;
	}
	if (eject && p->open == start) {
		p->open = !start;
		p->event = start ? EVENT_NEW : EVENT_GONE;
		p->attention = start ? ASC_CHANGED : 0;
	}
	done(k);
}

static void
prevent(struct packet *k)
{
	k->p->locked = (k->cdb[4] & 1) != 0;
	done(k);
}

static void
get_event(struct packet *k)
{
	struct ahci_port *p = k->p;
	uint8_t *o = k->out;
	unsigned len = 4;

	if ((k->cdb[1] & 1) == 0) { /* only when asked, never by itself */
		refuse(k, KEY_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	o[2] = 0x80; /* no event of a class asked for */
	o[3] = 0x10; /* the classes there are: media */
	if ((k->cdb[4] & 0x10) != 0) {
		o[2] = 4;
		o[4] = p->event;
		o[5] = (uint8_t)((unsigned)disc_in(p) << 1 | p->open);
		p->event = 0;
		len = 8;
	}
	be16_put(o, len - 2);
	reply(k, len, be16_get(k->cdb + 7));
}

/* --- the disc --- */

static void
read_capacity(struct packet *k)
{
	be32_put(k->out, (uint32_t)MIN(disc_sectors(k->p) - 1, 0xffffffffull));
	be32_put(k->out + 4, AHCI_CD_SECTOR);
	reply(k, 8, 8);
}

static void
read_sectors(struct packet *k)
{
	uint32_t lba = be32_get(k->cdb + 2);
	uint32_t count = k->cdb[0] == 0xA8 ? be32_get(k->cdb + 6) : be16_get(k->cdb + 7);

	if (!range_ok(lba, count, disc_sectors(k->p))) {
		refuse(k, KEY_ILLEGAL, ASC_LBA, 0);
		return;
	}
	set_sense(k->p, 0, 0, 0);
	k->s->offset = (uint64_t)lba * AHCI_CD_SECTOR;
	k->s->left = (uint64_t)count * AHCI_CD_SECTOR;
	ahci_transfer(k->s, BLOCK_READ, false, AHCI_CD_SECTOR);
}

static void
toc_address(uint8_t *o, uint32_t lba, bool msf)
{
	if (!msf) {
		be32_put(o, lba);
		return;
	}
	lba += SECTOR_MSF;
	o[1] = (uint8_t)(lba / (60 * 75));
	o[2] = (uint8_t)(lba / 75 % 60);
	o[3] = (uint8_t)(lba % 75);
}

/* A track's descriptor: eight bytes. */
static unsigned
toc_track(uint8_t *o, unsigned track, uint32_t lba, bool msf)
{
	o[1] = 0x14; /* data */
	o[2] = (uint8_t)track;
	toc_address(o + 4, lba, msf);
	return (8);
}

static void
read_toc(struct packet *k)
{
	bool msf = (k->cdb[1] & 2) != 0;
	unsigned format = k->cdb[2] & 15, track = k->cdb[6], len = 4;

	if (format == 0)
		format = k->cdb[9] >> 6; /* where it was in SFF-8020i */
	if (format > 1 || (format == 0 && track > 1 && track != 0xAA)) {
		refuse(k, KEY_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	k->out[2] = k->out[3] = 1; /* first and last: track or session */
	if (format == 1 || track <= 1)
		len += toc_track(k->out + len, 1, 0, msf);
	if (format == 0)
		len += toc_track(
		    k->out + len, 0xAA, (uint32_t)MIN(disc_sectors(k->p), 0xffffff00ull), msf);
	be16_put(k->out, len - 2);
	reply(k, len, be16_get(k->cdb + 7));
}

static void
disc_information(struct packet *k)
{
	uint8_t *o = k->out;

	be16_put(o, 32);
	o[2] = 0x0E;                   /* complete, as is its last session */
	o[3] = o[4] = o[5] = o[6] = 1; /* one track in one session */
	memset(o + 16, 0xff, 8);
	reply(k, 34, be16_get(k->cdb + 7));
}

static void
nothing(struct packet *k)
{
	done(k);
}

#define NEEDS_DISC 1u
#define ANY_TIME   2u /* even while attention is asked for */

static const struct {
	uint8_t op;
	uint8_t needs;
	void (*run)(struct packet *k);
} commands[] = {
	{ 0x00, NEEDS_DISC, test_ready }, { 0x03, ANY_TIME, request_sense },
	{ 0x12, ANY_TIME, inquiry }, { 0x1A, 0, mode_sense }, { 0x1B, 0, start_stop },
	{ 0x1E, 0, prevent }, { 0x25, NEEDS_DISC, read_capacity },
	{ 0x28, NEEDS_DISC, read_sectors }, { 0x2B, NEEDS_DISC, nothing }, /* SEEK */
	{ 0x43, NEEDS_DISC, read_toc }, { 0x46, ANY_TIME, get_configuration },
	{ 0x4A, ANY_TIME, get_event }, { 0x51, NEEDS_DISC, disc_information },
	{ 0x5A, 0, mode_sense }, { 0xA8, NEEDS_DISC, read_sectors },
	{ 0xBB, 0, nothing }, /* SET CD SPEED */
};

static void
packet(struct ahci_slot *s)
{
	struct packet k = { .s = s, .p = s->port };
	size_t i = 0;

	s->fis[F_COUNT] = REASON_END;
	if (!s->is_packet ||
	    gmem_read(s->port->hba->gm, s->table + TBL_ACMD, k.cdb, sizeof(k.cdb)) != 0) {
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	while (i < NITEMS(commands) && commands[i].op != k.cdb[0])
		i++;
	if (i == NITEMS(commands))
		refuse(&k, KEY_ILLEGAL, ASC_OPCODE, 0);
	else if (k.p->attention != 0 && (commands[i].needs & ANY_TIME) == 0) {
		refuse(&k, KEY_ATTENTION, k.p->attention, 0);
		k.p->attention = 0;
	} else if ((commands[i].needs & NEEDS_DISC) != 0 && !disc_in(k.p))
		refuse(&k, KEY_NOT_READY, ASC_NO_DISC, k.p->open ? 2 : 1);
	else
		commands[i].run(&k);
}

/* IDENTIFY PACKET DEVICE (ATA8-ACS, 7.17). */
static void
identify_packet(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	uint8_t *o = p->buf;

	memset(o, 0, AHCI_SECTOR);
	le16_put(o, 0x85C0); /* ATAPI, CD, removable, packets of 12 bytes */
	ahci_ata_string(o + 2 * 10, p->serial, AHCI_SERIAL_LEN);
	ahci_ata_string(o + 2 * 23, p->revision, AHCI_REVISION_LEN);
	ahci_ata_string(o + 2 * 27, p->model, AHCI_MODEL_LEN);
	le16_put(o + 2 * 49, 1u << 11 | 1u << 9 | 1u << 8); /* IORDY, LBA, DMA */
	le16_put(o + 2 * 50, 0x4000);
	le16_put(o + 2 * 53, 1u << 2 | 1u << 1);
	le16_put(o + 2 * 63, 0x0007);
	le16_put(o + 2 * 64, 0x0003);
	for (unsigned w = 65; w <= 68; w++)
		le16_put(o + 2 * w, 120); /* ns per cycle */
	le16_put(o + 2 * 76, 7u << 1);
	le16_put(o + 2 * 77, 3u << 1);
	le16_put(o + 2 * 80, 0x01F0);
	le16_put(o + 2 * 82, 1u << 4); /* PACKET */
	le16_put(o + 2 * 83, 0x4000);
	le16_put(o + 2 * 84, 0x4000);
	le16_put(o + 2 * 85, 1u << 4);
	le16_put(o + 2 * 87, 0x4000);
	le16_put(o + 2 * 88, 0x407F);
	le16_put(o + 2 * 222, 0x103F);
	s->pio_in = true;
	if (ahci_to_guest(s, o, AHCI_SECTOR))
		ahci_ok(s);
}

/* Commands of disks are aborted with the drive's signature, which tells it from one. */
static void
not_a_disk(struct ahci_slot *s)
{
	s->fis[F_COUNT] = s->fis[F_LBA] = 1;
	s->fis[F_LBA + 1] = 0x14;
	s->fis[F_LBA + 2] = 0xEB;
	ahci_fail(s, ATA_E_ABORT);
}

void
ahci_atapi_command(struct ahci_slot *s)
{
	switch (s->fis[F_COMMAND]) {
	case 0xA0:
		packet(s);
		break;
	case 0xA1:
		identify_packet(s);
		break;
	case 0x08: /* DEVICE RESET */
		ahci_atapi_reset(s->port);
		ahci_ok(s);
		break;
	case 0xE0: /* power modes */
	case 0xE1:
	case 0xE2:
	case 0xE3:
	case 0xE6:
	case 0xEF: /* SET FEATURES: transfer modes, of which there are none */
		ahci_ok(s);
		break;
	case 0xE5: /* CHECK POWER MODE */
		s->fis[F_COUNT] = 0xFF;
		ahci_ok(s);
		break;
	default:
		not_a_disk(s);
	}
}
