/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats of disk files: each is told, measured, and refused for each thing that leads to another file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "zone/diskformat.h"

#define FILE_LEN (4u * 1024u * 1024u)
#define META     (2u * 1024u * 1024u) /* where a vhdx has its metadata here */

static uint8_t *file; /* of `fd` */
static int fd;

static int
set_up(void **state)
{
	fd = memfd_create("disk", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, FILE_LEN) != 0)
		return (-1);
	file = mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return (file == MAP_FAILED ? -1 : 0);
}

static int
clear(void **state)
{
	memset(file, 0, FILE_LEN);
	return (0);
}

static void
is(enum disk_format want, uint64_t bytes)
{
	enum disk_format format;
	uint64_t size;
	struct err e;

	if (disk_format_probe(fd, FILE_LEN, &format, &size, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(format, want);
	assert_int_equal(size, bytes);
}

static void
refused(uint64_t len, const char *reason)
{
	enum disk_format format;
	uint64_t size;
	struct err e;

	assert_int_equal(disk_format_probe(fd, len, &format, &size, &e), -EINVAL);
	if (strstr(e.text, reason) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, reason);
}

static void
raw(void **state)
{
	is(DISK_RAW, FILE_LEN);
	memcpy(file, "KDM", 3);
	is(DISK_RAW, FILE_LEN);
}

static void
not_taken(void **state)
{
	memcpy(file, "conectix", 8);
	refused(FILE_LEN, "it is a VHD, not VHDX");
	memcpy(file, "COWDxxxx", 8);
	refused(FILE_LEN, "it is a COW disk of VMware ESX");
	memcpy(file, "QED\0\1\2\3\4", 8);
	refused(FILE_LEN, "it is a QED disk");
	memset(file, 0, 8);
	le64_put(file + 8, 0x00000002f5bacbacull);
	refused(FILE_LEN, "a stream of zfs send");
}

static void
qcow2(void **state)
{
	memcpy(file, "QFI\xfb\0\0\0\2", 8);
	file[23] = 16;
	file[29] = 1; /* 64 KiB */
	is(DISK_QCOW2, 65536);
	file[15] = 1;
	refused(FILE_LEN, "backing file");
}

static void
make_vmdk(const char *descriptor)
{
	clear(NULL);
	memcpy(file, "KDMV\1", 5);
	le64_put(file + 12, 2048); /* sectors */
	le64_put(file + 28, 1);
	le64_put(file + 36, 20);
	memcpy(file + 512, descriptor, strlen(descriptor));
}

static void
vmdk(void **state)
{
	make_vmdk("# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 2048 SPARSE \"x\"\n");
	is(DISK_VMDK, MIB);
	make_vmdk("parentCID=FFFFFFFF");
	is(DISK_VMDK, MIB);
	le64_put(file + 36, 1ull << 60);
	refused(FILE_LEN, "a number of its header is not possible");
	le64_put(file + 36, 129);
	refused(FILE_LEN, "its descriptor is too long");
	le64_put(file + 36, 20);
	le64_put(file + 28, FILE_LEN / 512 - 19);
	refused(FILE_LEN, "shorter than its headers say");
	refused(300, "shorter than its headers say");
	le64_put(file + 12, UINT64_MAX);
	refused(FILE_LEN, "a number of its header is not possible");
}

static void
vmdk_other_files(void **state)
{
	static const char text[] = "# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\nRW 2048 "
				   "FLAT \"/etc/shadow\" 0\n";

	make_vmdk("CID=1\nparentCID=12345678\n");
	refused(FILE_LEN, "it has a parent file");
	make_vmdk("parentFileNameHint=\"/etc/shadow\"\n");
	refused(FILE_LEN, "it has a parent file");
	/* where the header says, and where QEMU looks in any case */
	make_vmdk("");
	memcpy(file + 4096, "parentFileNameHint=", 19);
	refused(FILE_LEN, "it has a parent file");
	le64_put(file + 28, 100);
	refused(FILE_LEN, "it has a parent file");
	make_vmdk("");
	le64_put(file + 28, 100);
	memcpy(file + 51200, "parentCID=0", 11);
	refused(FILE_LEN, "it has a parent file");
	/* cut off in the number */
	make_vmdk("");
	memcpy(file + 512 + 20 * 512 - 12, "parentCID=ff", 12);
	refused(FILE_LEN, "it has a parent file");
	make_vmdk(text);
	le64_put(file + 12, 0);
	refused(FILE_LEN, "its content is in other files");
	clear(NULL);
	memcpy(file, text, sizeof(text));
	refused(FILE_LEN, "it is a descriptor, which names other files");
}

static void
put_guid(size_t at, const char *hex)
{
	for (size_t i = 0; i < 16; i++)
		file[at + i] =
		    (uint8_t)strtoul((char[]){ hex[2 * i], hex[2 * i + 1], 0 }, NULL, 16);
}

static void
make_vhdx(void)
{
	clear(NULL);
	memcpy(file, "vhdxfile", 8);
	for (size_t at = 192 * KIB; at <= 256 * KIB; at += 64 * KIB) {
		memcpy(file + at, "regi", 4);
		le32_put(file + at + 8, 1);
		put_guid(at + 16, "06a27c8b90479a4bb8fe575f050f886e");
		le64_put(file + at + 32, META);
	}
	memcpy(file + META, "metadata", 8);
	le16_put(file + META + 10, 2);
	put_guid(META + 32, "3767a1ca36fa434db3b633f0aa44e76b");
	le32_put(file + META + 48, 65536);
	le32_put(file + META + 52, 8);
	put_guid(META + 64, "2442a52f1bcd7648b2115dbed83bf4b8");
	le32_put(file + META + 80, 65544);
	le32_put(file + META + 84, 8);
	le64_put(file + META + 65544, 3 * MIB);
}

static void
vhdx(void **state)
{
	make_vhdx();
	is(DISK_VHDX, 3 * MIB);
	le32_put(file + META + 65540, 2);
	refused(FILE_LEN, "it has a parent file");
	make_vhdx();
	le16_put(file + META + 10, 3);
	put_guid(META + 96, "2d5fd3a80bb34d45abf7d3d84834ab0c");
	refused(FILE_LEN, "it has a parent file");
	make_vhdx();
	le64_put(file + META + 65544, 0);
	refused(FILE_LEN, "the size of its disk is not possible");
}

static void
vhdx_damaged(void **state)
{
	make_vhdx();
	le64_put(file + 256 * KIB + 32, MIB); /* the two copies differ */
	refused(FILE_LEN, "its region tables are damaged");
	make_vhdx();
	le32_put(file + 192 * KIB + 8, 0);
	refused(FILE_LEN, "its region tables are damaged");
	make_vhdx();
	le32_put(file + 192 * KIB + 8, UINT32_MAX);
	file[192 * KIB + 16] ^= 1;
	refused(FILE_LEN, "its region tables are damaged");
	make_vhdx();
	le32_put(file + META + 80, UINT32_MAX);
	refused(FILE_LEN, "shorter than its headers say");
	make_vhdx();
	le32_put(file + META + 84, 4);
	refused(FILE_LEN, "its metadata are damaged");
	make_vhdx();
	file[META] = 'M';
	refused(FILE_LEN, "its metadata are damaged");
	refused(100 * KIB, "shorter than its headers say");
	make_vhdx();
	for (size_t at = 192 * KIB; at <= 256 * KIB; at += 64 * KIB)
		le64_put(file + at + 32, UINT64_MAX - 8);
	refused(FILE_LEN, "shorter than its headers say");
}

static void
vdi(void **state)
{
	memcpy(file, "<<< Oracle VM VirtualBox Disk Image >>>\n", 40);
	le32_put(file + 0x40, 0xbeda107f);
	le32_put(file + 0x44, 0x00010001);
	le32_put(file + 0x4c, 1);
	le64_put(file + 0x170, MIB + 1);
	is(DISK_VDI, MIB + 512);
	file[0x1b8] = 1;
	refused(FILE_LEN, "it has a parent file");
	file[0x1b8] = 0;
	le32_put(file + 0x4c, 4); /* a difference */
	refused(FILE_LEN, "it has a parent file");
	le32_put(file + 0x44, 1);
	refused(FILE_LEN, "its version is not 1.1");
	refused(0x100, "shorter than its headers say");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(raw, clear),
		cmocka_unit_test_setup(not_taken, clear),
		cmocka_unit_test_setup(qcow2, clear),
		cmocka_unit_test(vmdk),
		cmocka_unit_test(vmdk_other_files),
		cmocka_unit_test(vhdx),
		cmocka_unit_test(vhdx_damaged),
		cmocka_unit_test_setup(vdi, clear),
	};
	return (cmocka_run_group_tests(tests, set_up, NULL));
}
