/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing PNG: see png.h. Compression is zlib's, at its fastest. Runs in zoneadmd. */
#include "zone/png.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fd.h"
#include "zone/codec.h"

#define CHUNK_MAX  65536u
#define COLOUR_RGB 2

struct png {
	int fd;
	z_stream z;
	uint8_t chunk[8 + CHUNK_MAX + 4]; /* length, name, data, checksum */
};

static void
put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

/* The chunk whose `len` bytes of data stand in p->chunk. */
static int
put_chunk(struct png *p, const char name[4], size_t len)
{
	put32(p->chunk, (uint32_t)len);
	memcpy(p->chunk + 4, name, 4);
	put32(p->chunk + 8 + len, crc32_ieee(p->chunk + 4, 4 + len));
	return (fd_write_full(p->fd, p->chunk, 8 + len + 4));
}

static int
put_head(struct png *p, uint32_t width, uint32_t height)
{
	static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	static const uint8_t kind[5] = { 8, COLOUR_RGB, 0, 0, 0 };
	int rc;

	if ((rc = fd_write_full(p->fd, signature, sizeof(signature))) != 0)
		return (rc);
	put32(p->chunk + 8, width);
	put32(p->chunk + 12, height);
	memcpy(p->chunk + 16, kind, sizeof(kind));
	return (put_chunk(p, "IHDR", 13));
}

/* Compress what zlib was given; what comes out goes into chunks as they fill. */
static int
deflate_into(struct png *p, int flush)
{
	int rc, zrc;

	do {
		zrc = deflate(&p->z, flush);
		if (zrc != Z_OK && zrc != Z_STREAM_END && zrc != Z_BUF_ERROR)
			return (-EIO);
		if (p->z.avail_out == 0 || (flush == Z_FINISH && p->z.avail_out < CHUNK_MAX)) {
			if ((rc = put_chunk(p, "IDAT", CHUNK_MAX - p->z.avail_out)) != 0)
				return (rc);
			p->z.next_out = p->chunk + 8;
			p->z.avail_out = CHUNK_MAX;
		}
	} while (p->z.avail_in > 0 || (flush == Z_FINISH && zrc != Z_STREAM_END));
	return (0);
}

static int
put_lines(struct png *p, uint32_t width, uint32_t height,
    const uint32_t *(*line)(void *ctx, uint32_t y), void *ctx)
{
	CLEANUP_FREE uint8_t *row = malloc(1 + (size_t)width * 3);
	int rc;

	if (row == NULL)
		return (-ENOMEM);
	row[0] = 0; /* no filter */
	p->z.next_out = p->chunk + 8;
	p->z.avail_out = CHUNK_MAX;
	for (uint32_t y = 0; y < height; y++) {
		const uint32_t *pixels = line(ctx, y);

		for (uint32_t x = 0; x < width; x++) {
			uint32_t v = __atomic_load_n(&pixels[x], __ATOMIC_RELAXED);

			row[1 + 3 * x] = (uint8_t)(v >> 16);
			row[2 + 3 * x] = (uint8_t)(v >> 8);
			row[3 + 3 * x] = (uint8_t)v;
		}
		p->z.next_in = row;
		p->z.avail_in = 1 + width * 3;
		if ((rc = deflate_into(p, Z_NO_FLUSH)) != 0)
			return (rc);
	}
	return (deflate_into(p, Z_FINISH));
}

int
png_write(int fd, uint32_t width, uint32_t height, const uint32_t *(*line)(void *ctx, uint32_t y),
    void *ctx)
{
	CLEANUP_FREE struct png *p = NULL;
	int rc;

	if (width == 0 || height == 0 || width > PNG_WIDTH_MAX || height > PNG_WIDTH_MAX)
		return (-EINVAL);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (-ENOMEM);
	p->fd = fd;
	if (deflateInit(&p->z, Z_BEST_SPEED) != Z_OK)
		return (-ENOMEM);
	if ((rc = put_head(p, width, height)) == 0 &&
	    (rc = put_lines(p, width, height, line, ctx)) == 0)
		rc = put_chunk(p, "IEND", 0);
	(void)deflateEnd(&p->z);
	return (rc);
}
