/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judges a disk of the guest in tests/guest/writer.c: is everything there that it wrote up to a batch whose flush was
 * done? What later batches wrote may be there or not, sector by sector.
 *
 * usage: written DISK FLUSHED     prints each loss; exit status 1 if there is one
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "writes.h"

#define SECTORS   (WRITES_BLOCKS * WRITES_BLOCK)
#define BATCH_MAX 100000u

/* The last batch up to `limit` that wrote each sector; 0: none has. */
static uint32_t last[SECTORS];

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

/* May zeroes be there, by a batch after the last flushed one? */
static bool
zeroed_since(uint32_t flushed, uint32_t newest, uint32_t sector)
{
	for (uint32_t b = flushed + 1; b <= newest; b++)
		if (writes_zeroes(b) && wrote(b, sector))
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
	/* What the guest can be ahead of its word: the batch after the one whose flush has just been told, and those
	 * that it did while the word was on its way. */
	const uint32_t ahead = 1000;
	uint32_t flushed, losses = 0, there = 0;
	const uint8_t *disk;
	struct stat st;
	int fd;

	if (argc != 3 || (flushed = (uint32_t)strtoul(argv[2], NULL, 10)) > BATCH_MAX)
		return (2);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < (off_t)SECTORS * WRITES_SECTOR) {
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
		remember(b);
	for (uint32_t s = 0; s < SECTORS; s++) {
		const char *wrong =
		    judge(disk + (size_t)s * WRITES_SECTOR, s, flushed, flushed + ahead);

		there += last[s] != 0;
		if (wrong != NULL && losses++ < 5)
			(void)printf("sector %u, written last in batch %u of %u: %s\n", s, last[s],
			    flushed, wrong);
	}
	if (losses > 0)
		(void)printf("%u of %u sectors\n", losses, there);
	return (losses > 0);
}
