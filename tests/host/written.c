/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judges a disk of the guest in tests/guest/writer.c: is everything there that it wrote up to a batch whose flush was
 * done? What later batches wrote may be there or not, sector by sector.
 *
 * usage: written DISK FLUSHED [FAILED...]     prints losses; exit status 1 if there is one. FAILED: batches, in
 * hexadecimal as the guest says them, that it was told have failed: they may be there or not, too
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "writes.h"

#define SECTORS   (WRITES_BLOCKS * WRITES_BLOCK)
#define BATCH_MAX 100000u
#define AHEAD     1000u /* what the guest may have done while its word was on its way */

/* The last batch up to `limit` that wrote each sector; 0: none has. */
static uint32_t last[SECTORS];
static bool failed[BATCH_MAX + AHEAD + 1];

static void
remember(uint32_t batch)
{
	for (uint32_t i = 0; i < WRITES; i++) {
		uint32_t block, n;

		writes_place(batch, i, &block, &n);
		for (uint32_t s = 0; s < n * WRITES_BLOCK; s++)
			last[block * WRITES_BLOCK + s] = batch;
	}
}

/* Did this batch write the sector? */
static bool
wrote(uint32_t batch, uint32_t sector)
{
	for (uint32_t i = 0; i < WRITES; i++) {
		uint32_t block, n;

		writes_place(batch, i, &block, &n);
		if (sector / WRITES_BLOCK >= block && sector / WRITES_BLOCK < block + n)
			return (true);
	}
	return (false);
}

/* May zeroes be there, by a batch that came after the last one which is to be there, and need not be? */
static bool
zeroed_since(uint32_t flushed, uint32_t newest, uint32_t sector)
{
	for (uint32_t b = last[sector] + 1; b <= newest; b++)
		if ((b > flushed || failed[b]) && writes_zeroes(b) && wrote(b, sector))
			return (true);
	return (false);
}

static bool
is_zero(const uint8_t *p)
{
	static const uint8_t zeroes[WRITES_SECTOR];

	return (memcmp(p, zeroes, WRITES_SECTOR) == 0);
}

/* NULL: as it may be; else what is wrong. */
static const char *
judge(const uint8_t *p, uint32_t sector, uint32_t flushed, uint32_t newest)
{
	struct writes_stamp a, b;

	if (is_zero(p))
		return (last[sector] == 0 || writes_zeroes(last[sector]) ||
			    zeroed_since(flushed, newest, sector)
			? NULL
			: "lost");
	memcpy(&a, p, sizeof(a));
	memcpy(&b, p + WRITES_SECTOR - sizeof(b), sizeof(b));
	if (memcmp(&a, &b, sizeof(a)) != 0)
		return ("torn");
	if (a.sector != sector || a.batch == 0 || a.batch > newest ||
	    writes_zeroes((uint32_t)a.batch) || !wrote((uint32_t)a.batch, sector))
		return ("never written");
	return (a.batch >= last[sector] ? NULL : "older than what was flushed");
}

int
main(int argc, char **argv)
{
	uint32_t flushed, losses = 0, there = 0;
	const uint8_t *disk;
	int fd;

	if (argc < 3 || (flushed = (uint32_t)strtoul(argv[2], NULL, 10)) > BATCH_MAX)
		return (2);
	for (int i = 3; i < argc; i++)
		failed[strtoul(argv[i], NULL, 16) % BATCH_MAX] = true;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || lseek(fd, 0, SEEK_END) < (off_t)SECTORS * WRITES_SECTOR) {
		(void)fprintf(stderr, "written: %s: %s\n", argv[1],
		    fd < 0 ? strerror(errno) : "shorter than the guest's disk");
		return (1);
	}
	disk = mmap(NULL, (size_t)SECTORS * WRITES_SECTOR, PROT_READ, MAP_PRIVATE, fd, 0);
	if (disk == MAP_FAILED) {
		(void)fprintf(stderr, "written: %s: %s\n", argv[1], strerror(errno));
		return (1);
	}
	for (uint32_t b = 1; b <= flushed; b++)
		if (!failed[b])
			remember(b);
	for (uint32_t s = 0; s < SECTORS; s++) {
		const char *wrong =
		    judge(disk + (size_t)s * WRITES_SECTOR, s, flushed, flushed + AHEAD);

		there += last[s] != 0;
		if (wrong != NULL && losses++ < 5)
			(void)printf("sector %u, written last in batch %u of %u: %s\n", s, last[s],
			    flushed, wrong);
	}
	if (losses > 0)
		(void)printf("%u of %u sectors\n", losses, there);
	return (losses > 0);
}
