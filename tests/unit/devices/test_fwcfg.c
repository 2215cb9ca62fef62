/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fw_cfg as a boot ROM uses it: signature, directory, bytes through the port, DMA; and what a
 * hostile one may try. Boot order text.
 */
#include "devices/fwcfg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/bootorder.h"

#define RAM      65536u
#define DATA     1
#define DMA_HIGH 4
#define DMA_LOW  8
#define RQ       0x1000u
#define BUF      0x2000u

static uint8_t ram[RAM];
static struct gmem gm;
static struct fwcfg f;

static int
setup(void **state)
{
	memset(ram, 0xEE, sizeof(ram));
	gmem_wrap(&gm, ram, RAM);
	fwcfg_init(&f, &gm);
	assert_int_equal(fwcfg_add_number(&f, FWCFG_NB_CPUS, 0x1234, 2), 0);
	assert_int_equal(fwcfg_add_file(&f, "etc/one", "first", 5), 0);
	assert_int_equal(fwcfg_add_file(&f, "opt/two", "second file", 11), 0);
	return (0);
}

static void
read_key(uint16_t key, void *buf, size_t len)
{
	fwcfg_ops.write(&f, 0, 2, key);
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)fwcfg_ops.read(&f, DATA, 1);
}

static uint32_t
be32_at(uint32_t at)
{
	return (__builtin_bswap32(le32_get(ram + at)));
}

/* One DMA request at RQ; the control word as left by the device. */
static uint32_t
dma(uint32_t control, uint32_t len, uint64_t addr)
{
	le32_put(ram + RQ, __builtin_bswap32(control));
	le32_put(ram + RQ + 4, __builtin_bswap32(len));
	le64_put(ram + RQ + 8, __builtin_bswap64(addr));
	fwcfg_ops.write(&f, DMA_LOW, 4, __builtin_bswap32(RQ));
	return (be32_at(RQ));
}

static void
test_port(void **state)
{
	uint8_t b[16];

	read_key(FWCFG_SIGNATURE, b, 6);
	assert_memory_equal(b, "QEMU\0\0", 6); /* zeros behind the end */
	read_key(FWCFG_ID, b, 4);
	assert_int_equal(le32_get(b), 3);
	read_key(FWCFG_NB_CPUS, b, 2);
	assert_int_equal(le16_get(b), 0x1234);
	read_key(0x7777, b, 4); /* not there */
	assert_int_equal(le32_get(b), 0);
	/* Other sizes are nobody's. */
	assert_int_equal((uint16_t)fwcfg_ops.read(&f, DATA, 2), 0xffff);
	assert_int_equal((uint32_t)fwcfg_ops.read(&f, 2, 4), 0xffffffff);
	assert_int_equal((uint32_t)fwcfg_ops.read(&f, DMA_LOW + 2, 4), 0xffffffff);
	fwcfg_ops.write(&f, 0, 1, FWCFG_SIGNATURE);
	assert_int_equal(fwcfg_ops.read(&f, DATA, 1), 0);
	assert_int_equal(fwcfg_ops.read(&f, DMA_HIGH, 4), 0x554D4551); /* "QEMU" */
	assert_int_equal(fwcfg_ops.read(&f, DMA_LOW, 4), 0x47464320);  /* " CFG" */
}

static void
test_directory(void **state)
{
	uint8_t d[4 + 2 * FWCFG_DIR_ENTRY], b[12];
	uint16_t key;

	read_key(FWCFG_FILE_DIR, d, sizeof(d));
	assert_int_equal(__builtin_bswap32(le32_get(d)), 2);
	assert_string_equal((char *)d + 4 + 8, "etc/one");
	assert_string_equal((char *)d + 4 + FWCFG_DIR_ENTRY + 8, "opt/two");
	assert_int_equal(__builtin_bswap32(le32_get(d + 4 + FWCFG_DIR_ENTRY)), 11);
	key = __builtin_bswap16(le16_get(d + 4 + FWCFG_DIR_ENTRY + 4));
	read_key(key, b, 12);
	assert_memory_equal(b, "second file\0", 12);
}

static void
test_add(void **state)
{
	char name[FWCFG_NAME_MAX + 1];

	assert_int_equal(fwcfg_add_file(&f, "etc/one", "", 0), -EEXIST);
	assert_int_equal(fwcfg_add_file(&f, "", "", 0), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[FWCFG_NAME_MAX] = '\0';
	assert_int_equal(fwcfg_add_file(&f, name, "", 0), -EINVAL);
	name[FWCFG_NAME_MAX - 1] = '\0';
	assert_int_equal(fwcfg_add_file(&f, name, "", 0), 0);
	for (unsigned i = f.nfiles; i < FWCFG_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(fwcfg_add_file(&f, name, "", 0), 0);
	}
	assert_int_equal(fwcfg_add_file(&f, "more", "", 0), -ENOSPC);
	assert_int_equal(fwcfg_add_number(&f, FWCFG_NB_CPUS, 1, 2), -EEXIST);
	for (uint16_t key = 0xA000; f.nitems < FWCFG_ITEMS_MAX; key++)
		assert_int_equal(fwcfg_add_item(&f, key, "", 0), 0);
	assert_int_equal(fwcfg_add_item(&f, 0xB000, "", 0), -ENOSPC);
}

static void
test_dma(void **state)
{
	assert_int_equal(dma(0x0021u << 16 | 0x08 | 0x02, 6, BUF), 0);
	assert_memory_equal(ram + BUF, "second", 6);
	assert_int_equal(ram[BUF + 6], 0xEE);
	assert_int_equal(dma(0x04, 1, 0), 0); /* skip */
	assert_int_equal(dma(0x02, 8, BUF), 0);
	assert_memory_equal(ram + BUF, "file\0\0\0\0", 8);
	/* The port goes on where DMA stopped, and select alone is a request. */
	assert_int_equal(dma(0x0020u << 16 | 0x08, 0, 0), 0);
	assert_int_equal(fwcfg_ops.read(&f, DATA, 1), 'f');
	/* The high half counts, and is used once. */
	fwcfg_ops.write(&f, DMA_HIGH, 4, __builtin_bswap32(1));
	le32_put(ram + RQ, __builtin_bswap32(0x02));
	fwcfg_ops.write(&f, DMA_LOW, 4, __builtin_bswap32(RQ));
	assert_int_equal(be32_at(RQ), 0x02); /* 4 GiB is not there: nothing happened */
	assert_int_equal(dma(0x02, 4, BUF), 0);
	assert_memory_equal(ram + BUF, "irst", 4);
}

static void
test_hostile(void **state)
{
	assert_int_equal(dma(0x0020u << 16 | 0x08 | 0x10, 4, BUF), 1); /* write */
	assert_int_equal(dma(0x02, 4, RAM - 2), 1);
	assert_int_equal(dma(0x02, 4, UINT64_MAX - 1), 1);
	assert_int_equal(dma(0x02, UINT32_MAX, 0), 1);
	assert_int_equal(dma(0x04, UINT32_MAX, 0), 0); /* skipped to the end, not beyond */
	assert_int_equal(dma(0x04, UINT32_MAX, 0), 0);
	assert_int_equal(dma(0x02, 4, BUF), 0);
	assert_int_equal(le32_get(ram + BUF), 0);
	/* Onto the request itself: the status comes last. */
	assert_int_equal(dma(0x0020u << 16 | 0x08 | 0x02, 16, RQ), 0);
	/* A request that is not wholly in RAM. */
	fwcfg_ops.write(&f, DMA_LOW, 4, __builtin_bswap32(RAM - 8));
	assert_int_equal(ram[RAM - 1], 0xEE);
}

static void
test_bootorder(void **state)
{
	static struct bootorder b;
	char text[512];
	int n;

	assert_int_equal(bootorder_text(&b, text, sizeof(text)), 0);
	assert_int_equal(bootorder_add(&b, 7, BOOTORDER_NET, 6 << 3 | 2, 0), 0);
	assert_int_equal(bootorder_add(&b, 1, BOOTORDER_VIRTIO_BLK, 4 << 3, 0), 0);
	assert_int_equal(bootorder_add(&b, 3, BOOTORDER_AHCI, 0x1e << 3, 2), 0);
	assert_int_equal(bootorder_add(&b, 2, BOOTORDER_NVME, 5 << 3, 0), 0);
	assert_int_equal(bootorder_add(&b, 3, BOOTORDER_NET, 9 << 3, 0), -EEXIST);
	n = bootorder_text(&b, text, sizeof(text));
	assert_int_equal(n, strlen(text) + 1);
	assert_string_equal(text,
	    "/pci@i0cf8/scsi@4/disk@0,0\n"
	    "/pci@i0cf8/pci8086,5845@5/namespace@1,0\n"
	    "/pci@i0cf8/pci8086,2922@1e/drive@2/disk@0\n"
	    "/pci@i0cf8/ethernet@6,2/ethernet-phy@0");
	assert_int_equal(bootorder_text(&b, text, (size_t)n - 1), -ENOSPC);
	while (b.n < BOOTORDER_MAX)
		assert_int_equal(bootorder_add(&b, 100 + b.n, BOOTORDER_NET, 8, 0), 0);
	assert_int_equal(bootorder_add(&b, 0, BOOTORDER_NET, 8, 0), -ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_port, setup),
		cmocka_unit_test_setup(test_directory, setup),
		cmocka_unit_test_setup(test_add, setup),
		cmocka_unit_test_setup(test_dma, setup),
		cmocka_unit_test_setup(test_hostile, setup),
		cmocka_unit_test(test_bootorder),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
