/* SPDX-License-Identifier: BSD-2-Clause */
/* PNG files are what they should be: read back chunk by chunk. */
#include "zone/png.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/fd.h"

static uint32_t row[2048];

static uint32_t
colour(uint32_t x, uint32_t y)
{
	return (((x * 2654435761u) ^ (y * 40503u)) & 0xffffff); /* nothing that compresses well */
}

static const uint32_t *
line(void *ctx, uint32_t y)
{
	uint32_t width = *(uint32_t *)ctx;

	for (uint32_t x = 0; x < width; x++)
		row[x] = colour(x, y) | 0xff000000;
	return (row);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return (be32toh(v));
}

/* Check every chunk; the joined IDAT data into `data`. */
static size_t
read_chunks(const uint8_t *p, size_t len, uint8_t *data)
{
	size_t at = 8, n = 0;
	bool ended = false;

	assert_memory_equal(p, "\x89PNG\r\n\x1a\n", 8);
	while (at < len) {
		uint32_t size = get32(p + at);

		assert_false(ended);
		assert_true(size <= len - at - 12);
		assert_int_equal(get32(p + at + 8 + size), crc32(0, p + at + 4, size + 4));
		if (memcmp(p + at + 4, "IDAT", 4) == 0) {
			memcpy(data + n, p + at + 8, size);
			n += size;
		}
		ended = memcmp(p + at + 4, "IEND", 4) == 0;
		at += 12 + size;
	}
	assert_true(ended);
	return (n);
}

static void
check(uint32_t width, uint32_t height)
{
	uLongf raw_len = (1 + width * 3) * height;
	uint8_t *file, *data, *raw = malloc(raw_len);
	int fd = memfd_create("png", MFD_CLOEXEC);
	struct stat st;
	size_t n;

	assert_int_equal(png_write(fd, width, height, line, &width), 0);
	assert_int_equal(fstat(fd, &st), 0);
	file = malloc((size_t)st.st_size);
	data = malloc((size_t)st.st_size);
	assert_int_equal(fd_pread_full(fd, file, (size_t)st.st_size, 0), 0);
	assert_int_equal(get32(file + 16), width);
	assert_int_equal(get32(file + 20), height);
	n = read_chunks(file, (size_t)st.st_size, data);
	assert_int_equal(uncompress(raw, &raw_len, data, n), Z_OK);
	assert_int_equal(raw_len, (1 + width * 3) * height);
	for (uint32_t y = 0; y < height; y++) {
		const uint8_t *r = raw + (size_t)y * (1 + width * 3);

		assert_int_equal(r[0], 0);
		for (uint32_t x = 0; x < width; x++)
			assert_int_equal(
			    r[1 + 3 * x] << 16 | r[2 + 3 * x] << 8 | r[3 + 3 * x], colour(x, y));
	}
	free(file);
	free(data);
	free(raw);
	(void)close(fd);
}

static void
test_sizes(void **state)
{
	(void)state;
	check(1, 1);
	check(64, 64);
	check(2048, 300); /* many chunks */
}

static void
test_refused(void **state)
{
	uint32_t width = 1;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(png_write(fd, 0, 1, line, &width), -EINVAL);
	assert_int_equal(png_write(fd, 1, PNG_WIDTH_MAX + 1, line, &width), -EINVAL);
	assert_int_equal(png_write(fd, 1, 1, line, &width), -ENOSPC);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
