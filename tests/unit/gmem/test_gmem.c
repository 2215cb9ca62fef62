/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest addresses: nothing outside RAM is reached, no range wraps, the PCI hole is no memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "gmem/gmem.h"

static void
test_split_around_the_hole(void **state)
{
	struct gmem gm;
	uint64_t v = 0x1122334455667788ull, w = 0;

	assert_int_equal(gmem_create(&gm, 5 * GIB, NULL), 0);
	assert_int_equal(gm.nranges, 2);
	assert_true(gmem_is_ram(&gm, 0, 3 * GIB));
	assert_false(gmem_is_ram(&gm, 3 * GIB - 1, 2));
	assert_false(gmem_is_ram(&gm, 3 * GIB, 1));
	assert_false(gmem_is_ram(&gm, 4 * GIB - 1, 1));
	assert_true(gmem_is_ram(&gm, 4 * GIB, 2 * GIB));
	assert_false(gmem_is_ram(&gm, 4 * GIB, 2 * GIB + 1));
	assert_false(gmem_is_ram(&gm, 6 * GIB - 1, 2));
	assert_int_equal(gmem_write(&gm, 4 * GIB + 4096, &v, 8), 0);
	assert_int_equal(gmem_read(&gm, 4 * GIB + 4096, &w, 8), 0);
	assert_true(v == w);
	/* A range that wraps round the end of the address space. */
	assert_null(gmem_ptr(&gm, UINT64_MAX - 3, 8));
	assert_null(gmem_ptr(&gm, 4096, UINT64_MAX));
	assert_int_equal(gmem_read(&gm, 3 * GIB - 4, &w, 8), -EFAULT);
	gmem_destroy(&gm);
}

static void
test_small_and_bad_sizes(void **state)
{
	struct gmem gm;
	struct err e = { 0 };

	assert_int_equal(gmem_create(&gm, 0, &e), -EINVAL);
	assert_int_equal(gmem_create(&gm, 4097, &e), -EINVAL);
	assert_int_equal(gmem_create(&gm, 4096, &e), 0);
	assert_int_equal(gm.nranges, 1);
	assert_true(gmem_is_ram(&gm, 4095, 1));
	assert_false(gmem_is_ram(&gm, 4096, 1));
	assert_null(gmem_ptr(&gm, 0, 0));
	assert_int_equal(gmem_read(&gm, 1ull << 60, NULL, 0), 0);
	gmem_destroy(&gm);
}

/* Flags of the mapping at `p` as the kernel shows them: "... hg ..." is one that asks for huge pages. */
static bool
asks_for_huge_pages(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from = 0, to = 0;
	bool here = false, found = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " hg") != NULL;
	}
	(void)fclose(f);
	return (found);
}

static void
test_huge_pages(void **state)
{
	struct gmem gm;

	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
		skip();
	assert_int_equal(gmem_create(&gm, 5 * GIB, NULL), 0);
	assert_true(asks_for_huge_pages(gm.range[0].hva));
	assert_true(asks_for_huge_pages(gm.range[1].hva));
	gmem_destroy(&gm);
}

static void
test_ring_words(void **state)
{
	static _Alignas(8) uint8_t mem[64];
	struct gmem gm;
	uint16_t v;

	gmem_wrap(&gm, mem, sizeof(mem));
	assert_int_equal(gmem_store16(&gm, 62, 0xBEEF), 0);
	assert_int_equal(gmem_load16(&gm, 62, &v), 0);
	assert_int_equal(v, 0xBEEF);
	assert_int_equal(gmem_load16(&gm, 63, &v), -EINVAL);
	assert_int_equal(gmem_load16(&gm, 64, &v), -EFAULT);
	assert_int_equal(gmem_store16(&gm, UINT64_MAX - 1, 0), -EFAULT);
}

static void
test_iov(void **state)
{
	char a[4], b[3], c[5], out[16];
	struct iovec iov[] = { { a, 4 }, { b, 3 }, { c, 5 } };

	assert_int_equal(gmem_buf_to_iov("0123456789abXYZ", 15, iov, 3, 0), 12);
	assert_int_equal(gmem_iov_to_buf(iov, 3, 0, out, sizeof(out)), 12);
	assert_memory_equal(out, "0123456789ab", 12);
	assert_int_equal(gmem_iov_to_buf(iov, 3, 5, out, 4), 4);
	assert_memory_equal(out, "5678", 4);
	assert_int_equal(gmem_iov_to_buf(iov, 3, 12, out, 4), 0);
	assert_int_equal(gmem_buf_to_iov("QQ", 2, iov, 3, 6), 2);
	assert_int_equal(b[2], 'Q');
	assert_int_equal(c[0], 'Q');
}

/* The pool may be empty here: then it says so, and nothing is left half made. */
static void
test_pool_of_huge_pages(void **state)
{
	struct err e = { 0 };
	struct gmem gm;
	int rc;

	assert_int_equal(gmem_create_huge(&gm, 2 * MIB + 4096, 2 * MIB, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not a multiple of 2097152"));
	rc = gmem_create_huge(&gm, 2 * MIB, 2 * MIB, &e);
	if (rc == 0) {
		assert_int_equal(gmem_write(&gm, 2 * MIB - 1, "x", 1), 0);
		gmem_destroy(&gm);
		return;
	}
	assert_int_equal(rc, -ENOMEM);
	assert_non_null(strstr(e.text, "hugepages-2048kB/nr_hugepages"));
	assert_int_equal(gm.fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_around_the_hole),
		cmocka_unit_test(test_small_and_bad_sizes),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_ring_words),
		cmocka_unit_test(test_iov),
		cmocka_unit_test(test_pool_of_huge_pages),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
