/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI: what a disk says about itself: IDENTIFY DEVICE (ATA8-ACS, 7.16), the logs (annex A) and
 * SMART's pages, which hold nothing but their checksum. Runs in zhyve.
 */
#include <string.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"

#define LOG_DIRECTORY 0x00
#define LOG_QUEUE     0x10 /* NCQ Command Error */
#define LBA28_MAX     0x0FFFFFFFull
#define MULTIPLE_MAX  16

static void
put_word(uint8_t *out, unsigned word, unsigned val)
{
	le16_put(out + 2 * word, (uint16_t)val);
}

/* All bytes of such a page add up to zero. */
static void
checksum(uint8_t *page)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < AHCI_SECTOR - 1; i++)
		sum += page[i];
	page[AHCI_SECTOR - 1] = (uint8_t)-sum;
}

void
ahci_ata_string(uint8_t *out, const char *text, unsigned len)
{
	size_t n = strnlen(text, len);

	memset(out, ' ', len);
	for (size_t i = 0; i < n; i++)
		out[i ^ 1] = (uint8_t)text[i];
}

static void
put_sizes(const struct ahci_port *p, uint8_t *out)
{
	const struct block_info *info = &p->backend->info;
	uint64_t sectors = ahci_sectors(p), chs = 16383ull * 16 * 63;
	unsigned per = info->physical / info->logical, word106 = 0x4000;

	put_word(out, 1, (unsigned)(sectors >= chs ? 16383 : sectors / (16 * 63)));
	put_word(out, 3, 16);
	put_word(out, 6, 63);
	le32_put(out + 2 * 60, (uint32_t)MIN(sectors, LBA28_MAX));
	le64_put(out + 2 * 100, sectors);
	if (per > 1)
		word106 |= 0x2000u | (unsigned)__builtin_ctz(per);
	if (info->logical > AHCI_SECTOR) {
		word106 |= 0x1000;
		le32_put(out + 2 * 117, info->logical / 2);
	}
	put_word(out, 106, word106);
	put_word(out, 209, 0x4000); /* logical sector 0 begins a physical one */
}

static void
put_features(const struct ahci_port *p, uint8_t *out)
{
	unsigned on = 1u << 3 | (unsigned)p->smart;

	put_word(out, 82, 1u << 6 | 1u << 5 | 1u << 3 | 1); /* look-ahead, cache, power, SMART */
	put_word(out, 83, 1u << 14 | 1u << 13 | 1u << 12 | 1u << 10); /* flushes, 48 bits */
	put_word(out, 84, 1u << 14 | 1u << 6 | 1u << 5);              /* FUA, logs */
	put_word(out, 85, on | (unsigned)p->look_ahead << 6 | (unsigned)p->write_cache << 5);
	put_word(out, 86, 1u << 13 | 1u << 12 | 1u << 10);
	put_word(out, 87, 1u << 14 | 1u << 6 | 1u << 5);
	if (p->backend->info.can_discard && !p->backend->info.readonly) {
		put_word(out, 105, 1); /* sectors of ranges per command */
		put_word(out, 169, 1);
	}
}

void
ahci_identify(const struct ahci_port *p, uint8_t out[AHCI_SECTOR])
{
	memset(out, 0, AHCI_SECTOR);
	put_word(out, 0, 0x0040); /* not removable */
	put_sizes(p, out);
	ahci_ata_string(out + 2 * 10, p->serial, AHCI_SERIAL_LEN);
	ahci_ata_string(out + 2 * 23, p->revision, AHCI_REVISION_LEN);
	ahci_ata_string(out + 2 * 27, p->model, AHCI_MODEL_LEN);
	put_word(out, 47, 0x8000 | MULTIPLE_MAX);
	put_word(out, 49, 1u << 11 | 1u << 9 | 1u << 8); /* IORDY, LBA, DMA */
	put_word(out, 50, 0x4000);
	put_word(out, 53, 1u << 2 | 1u << 1); /* words 88 and 64-70 are valid */
	put_word(out, 59, p->multiple == 0 ? 0 : 0x100u | p->multiple);
	put_word(out, 63, 0x0007);
	put_word(out, 64, 0x0003);
	for (unsigned w = 65; w <= 68; w++)
		put_word(out, w, 120); /* ns per cycle */
	put_word(out, 75, AHCI_SLOTS - 1);
	put_word(out, 76, 1u << 8 | 7u << 1); /* queueing, three generations */
	put_word(out, 77, 3u << 1);           /* 6 Gbit/s now */
	put_word(out, 80, 0x01F0);            /* ATA/ATAPI-4 to ATA8-ACS */
	put_features(p, out);
	put_word(out, 88, 0x407F); /* Ultra DMA 0-6, the last one chosen */
	put_word(out, 217, p->nmrr);
	put_word(out, 222, 0x103F); /* serial, up to SATA 3.0 */
	out[510] = 0xA5;
	checksum(out);
}

/* The command that broke the queue: tag or none, and its registers. */
static void
queue_log(struct ahci_port *p, uint8_t *out)
{
	const uint8_t *f = p->queue_error.fis;

	if (p->queue_error.valid) {
		out[0] = p->queue_error.unqueued ? 0x80 : (uint8_t)(f[F_COUNT] >> 3);
		out[2] = f[F_STATUS];
		out[3] = f[F_ERROR];
		memcpy(out + 4, f + F_LBA, 4);
		memcpy(out + 8, f + F_LBA_EXP, 3);
		out[12] = f[F_COUNT];
		out[13] = f[F_COUNT_EXP];
	}
	p->queue_error.valid = false;
	checksum(out);
}

bool
ahci_log_page(struct ahci_port *p, uint8_t log, unsigned page, uint8_t out[AHCI_SECTOR])
{
	memset(out, 0, AHCI_SECTOR);
	if (page != 0)
		return (false);
	switch (log) {
	case LOG_DIRECTORY:
		put_word(out, 0, 1);         /* version */
		put_word(out, LOG_QUEUE, 1); /* pages */
		return (true);
	case LOG_QUEUE:
		queue_log(p, out);
		return (true);
	default:
		return (false);
	}
}

void
ahci_smart_page(uint8_t out[AHCI_SECTOR])
{
	memset(out, 0, AHCI_SECTOR);
	put_word(out, 0, 16); /* revision of the structure */
	checksum(out);
}
