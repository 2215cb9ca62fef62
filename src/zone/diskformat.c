/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which format a disk's file has, and whether it may be converted: see diskformat.h. qcow2 is looked at in
 * qcow2.c. What is not known by a magic number is raw. Every offset of a header is checked against the
 * file's length before it is read. Tools.
 */
#include "zone/diskformat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/qcow2.h"

#define SECTOR     512u
#define DISK_MAX   (1ull << 52)
#define LONG_MAGIC 8 /* bytes of the longest magic number at a file's begin */

struct disk_file {
	int fd;
	uint64_t len;
};

static int
refuse(struct err *e, enum disk_format format, const char *why)
{
	return (err_say(e, EINVAL, "%s file refused: %s", disk_format_name(format), why));
}

static int
get(const struct disk_file *f, uint64_t off, void *buf, size_t len, enum disk_format format,
    struct err *e)
{
	int rc;

	if (!range_ok(off, len, f->len))
		return (refuse(e, format, "it is shorter than its headers say"));
	if ((rc = fd_pread_full(f->fd, buf, len, (off_t)off)) != 0)
		return (err_set(e, -rc, "cannot read the %s file", disk_format_name(format)));
	return (0);
}

static int
take_size(uint64_t bytes, enum disk_format format, uint64_t *size, struct err *e)
{
	if (bytes == 0 || bytes > DISK_MAX)
		return (refuse(e, format, "the size of its disk is not possible"));
	*size = ROUND_UP(bytes, (uint64_t)SECTOR);
	return (0);
}

static int
probe_qcow2(const struct disk_file *f, uint64_t *size, struct err *e)
{
	size_t len = (size_t)MIN(f->len, QCOW2_HEAD_MAX);
	CLEANUP_FREE uint8_t *head = malloc(len);
	int rc;

	if (head == NULL)
		return (err_set(e, ENOMEM, "cannot read the qcow2 file"));
	if ((rc = get(f, 0, head, len, DISK_QCOW2, e)) != 0 ||
	    (rc = qcow2_check(head, len, size, e)) != 0)
		return (rc);
	return (take_size(*size, DISK_QCOW2, size, e));
}

/* ---- vmdk: VMware's "Virtual Disk Format 5.0", sparse extents ---- */

#define VMDK_CAPACITY    12 /* all sizes in sectors */
#define VMDK_DESC_OFFSET 28
#define VMDK_DESC_SIZE   36
#define VMDK_DESC_FIXED \
	(20u * SECTOR) /* what QEMU looks at, from the second sector on, whatever the header says */
#define VMDK_DESC_MAX (64u * KIB)
#define VMDK_CID_NONE "ffffffff"

/* The descriptor within the file must not lead to another. */
static int
check_descriptor(const struct disk_file *f, uint64_t off, uint64_t len, struct err *e)
{
	static const char hint[] = "parentFileNameHint", cid[] = "parentCID=";
	CLEANUP_FREE char *text = malloc(VMDK_DESC_MAX);
	const char *p;
	int rc;

	if (text == NULL)
		return (err_set(e, ENOMEM, "cannot read the vmdk file"));
	if (len > VMDK_DESC_MAX)
		return (refuse(e, DISK_VMDK, "its descriptor is too long"));
	if ((rc = get(f, off, text, (size_t)len, DISK_VMDK, e)) != 0)
		return (rc);
	if (memmem(text, (size_t)len, hint, sizeof(hint) - 1) != NULL)
		return (refuse(e, DISK_VMDK, "it has a parent file; make it whole first"));
	p = memmem(text, (size_t)len, cid, sizeof(cid) - 1);
	if (p != NULL &&
	    ((size_t)(text + len - p) < sizeof(cid) - 1 + 8 ||
		strncasecmp(p + sizeof(cid) - 1, VMDK_CID_NONE, 8) != 0))
		return (refuse(e, DISK_VMDK, "it has a parent file; make it whole first"));
	return (0);
}

static int
probe_vmdk(const struct disk_file *f, uint64_t *size, struct err *e)
{
	uint64_t capacity, off, len;
	uint8_t h[SECTOR];
	int rc;

	if ((rc = get(f, 0, h, sizeof(h), DISK_VMDK, e)) != 0)
		return (rc);
	capacity = le64_get(h + VMDK_CAPACITY);
	off = le64_get(h + VMDK_DESC_OFFSET);
	len = le64_get(h + VMDK_DESC_SIZE);
	if (capacity == 0) /* then the descriptor says of which files it consists */
		return (refuse(e, DISK_VMDK, "its content is in other files"));
	if (capacity > DISK_MAX / SECTOR || off > DISK_MAX / SECTOR || len > DISK_MAX / SECTOR)
		return (refuse(e, DISK_VMDK, "a number of its header is not possible"));
	if ((off != 0 && (rc = check_descriptor(f, off * SECTOR, len * SECTOR, e)) != 0) ||
	    (f->len > SECTOR &&
		(rc = check_descriptor(
		     f, SECTOR, MIN(f->len - SECTOR, (uint64_t)VMDK_DESC_FIXED), e)) != 0))
		return (rc);
	return (take_size(capacity * SECTOR, DISK_VMDK, size, e));
}

/* The descriptor as a file of its own. */
static int
probe_vmdk_text(const struct disk_file *f, uint64_t *size, struct err *e)
{
	(void)f, (void)size;
	return (refuse(e, DISK_VMDK,
	    "it is a descriptor, which names other files; convert it to one file first "
	    "(vmware-vdiskmanager -t 0, or qemu-img convert where you trust it)"));
}

/* ---- vhdx: [MS-VHDX] 2.2.3 (region table), 2.6 (metadata) ---- */

#define VHDX_REGIONS_1  (192u * KIB)
#define VHDX_REGIONS_2  (256u * KIB)
#define VHDX_TABLE      (64u * KIB) /* of regions, of metadata */
#define VHDX_ENTRY      32u
#define VHDX_HAS_PARENT (1u << 1)

/* GUIDs as they stand in the file. */
static const uint8_t vhdx_metadata_region[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
	0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const uint8_t vhdx_file_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
	0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const uint8_t vhdx_disk_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2,
	0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const uint8_t vhdx_parent_locator[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
	0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

/* The entry of that GUID among `n` that begin at `first`; NULL. */
static const uint8_t *
vhdx_find(const uint8_t *table, size_t first, size_t n, const uint8_t guid[16])
{
	for (size_t i = 0; i < n && first + (i + 1) * VHDX_ENTRY <= VHDX_TABLE; i++) {
		const uint8_t *entry = table + first + i * VHDX_ENTRY;

		if (memcmp(entry, guid, 16) == 0)
			return (entry);
	}
	return (NULL);
}

/* Where the metadata are: both copies of the region table must say the same, for QEMU takes either. */
static int
vhdx_metadata(const struct disk_file *f, uint8_t *table, uint64_t *off, struct err *e)
{
	static const uint64_t at[] = { VHDX_REGIONS_1, VHDX_REGIONS_2 };
	const uint8_t *entry;
	int rc;

	for (size_t i = 0; i < NITEMS(at); i++) {
		if ((rc = get(f, at[i], table, VHDX_TABLE, DISK_VHDX, e)) != 0)
			return (rc);
		if (memcmp(table, "regi", 4) != 0 ||
		    (entry = vhdx_find(table, 16, le32_get(table + 8), vhdx_metadata_region)) ==
			NULL ||
		    (i > 0 && le64_get(entry + 16) != *off))
			return (refuse(e, DISK_VHDX, "its region tables are damaged"));
		*off = le64_get(entry + 16);
	}
	return (0);
}

/* A metadata item's content. */
static int
vhdx_item(const struct disk_file *f, const uint8_t *table, uint64_t base, const uint8_t guid[16],
    uint8_t out[8], struct err *e)
{
	const uint8_t *entry = vhdx_find(table, 32, le16_get(table + 10), guid);

	if (entry == NULL || le32_get(entry + 20) < 8)
		return (refuse(e, DISK_VHDX, "its metadata are damaged"));
	return (get(f, base + le32_get(entry + 16), out, 8, DISK_VHDX, e));
}

static int
probe_vhdx(const struct disk_file *f, uint64_t *size, struct err *e)
{
	CLEANUP_FREE uint8_t *table = malloc(VHDX_TABLE);
	uint8_t item[8];
	uint64_t base;
	int rc;

	if (table == NULL)
		return (err_set(e, ENOMEM, "cannot read the vhdx file"));
	if ((rc = vhdx_metadata(f, table, &base, e)) != 0 ||
	    (rc = get(f, base, table, VHDX_TABLE, DISK_VHDX, e)) != 0)
		return (rc);
	if (memcmp(table, "metadata", 8) != 0)
		return (refuse(e, DISK_VHDX, "its metadata are damaged"));
	if ((rc = vhdx_item(f, table, base, vhdx_file_parameters, item, e)) != 0)
		return (rc);
	if ((le32_get(item + 4) & VHDX_HAS_PARENT) != 0 ||
	    vhdx_find(table, 32, le16_get(table + 10), vhdx_parent_locator) != NULL)
		return (refuse(e, DISK_VHDX, "it has a parent file; make it whole first"));
	if ((rc = vhdx_item(f, table, base, vhdx_disk_size, item, e)) != 0)
		return (rc);
	return (take_size(le64_get(item), DISK_VHDX, size, e));
}

/* ---- vdi: VirtualBox's header, version 1.1 ---- */

#define VDI_MAGIC_AT  0x40
#define VDI_MAGIC     0xbeda107fu
#define VDI_VERSION   0x00010001u
#define VDI_DYNAMIC   1u
#define VDI_FIXED     2u
#define VDI_TYPE      0x4c
#define VDI_DISK_SIZE 0x170
#define VDI_LINK      0x1a8 /* UUIDs of the disk before it, and of that one's state */
#define VDI_UUIDS     32

static int
probe_vdi(const struct disk_file *f, uint64_t *size, struct err *e)
{
	static const uint8_t none[VDI_UUIDS];
	uint8_t h[SECTOR];
	uint32_t type;
	int rc;

	if ((rc = get(f, 0, h, sizeof(h), DISK_VDI, e)) != 0)
		return (rc);
	type = le32_get(h + VDI_TYPE);
	if (le32_get(h + VDI_MAGIC_AT + 4) != VDI_VERSION)
		return (refuse(e, DISK_VDI, "its version is not 1.1"));
	if ((type != VDI_DYNAMIC && type != VDI_FIXED) ||
	    memcmp(h + VDI_LINK, none, VDI_UUIDS) != 0)
		return (refuse(e, DISK_VDI, "it has a parent file; make it whole first"));
	return (take_size(le64_get(h + VDI_DISK_SIZE), DISK_VDI, size, e));
}

/* ---- which ---- */

static const struct {
	const char *magic;
	size_t len;
	uint64_t at;
	enum disk_format format;
	int (*probe)(const struct disk_file *f, uint64_t *size, struct err *e);
	const char *what; /* with no probe: known, and not taken; what to do */
} formats[] = {
	{ "QFI\xfb", 4, 0, DISK_QCOW2, probe_qcow2, NULL },
	{ "KDMV", 4, 0, DISK_VMDK, probe_vmdk, NULL },
	{ "# Disk D", 8, 0, DISK_VMDK, probe_vmdk_text, NULL },
	{ "vhdxfile", 8, 0, DISK_VHDX, probe_vhdx, NULL },
	{ "\x7f\x10\xda\xbe", 4, VDI_MAGIC_AT, DISK_VDI, probe_vdi, NULL },
	{ "COWD", 4, 0, DISK_RAW, NULL,
	    "a COW disk of VMware ESX: convert it to raw or qcow2 first" },
	{ "conectix", 8, 0, DISK_RAW, NULL, "a VHD, not VHDX: convert it to raw or qcow2 first" },
	{ "QED\0", 4, 0, DISK_RAW, NULL, "a QED disk: convert it to raw or qcow2 first" },
	{ "\xac\xcb\xba\xf5\x02\0\0", 8, 8, DISK_RAW, NULL,
	    "a stream of zfs send, not a disk: import it into a zvol with zfs receive, copy that "
	    "to a "
	    "raw file" },
};

const char *
disk_format_name(enum disk_format format)
{
	static const char *const names[] = { "raw", "qcow2", "vmdk", "vhdx", "vdi" };

	return (names[format]);
}

int
disk_format_probe(int fd, uint64_t len, enum disk_format *format, uint64_t *size, struct err *e)
{
	const struct disk_file f = { .fd = fd, .len = len };
	uint8_t magic[LONG_MAGIC];
	int rc;

	for (size_t i = 0; i < NITEMS(formats); i++) {
		if (!range_ok(formats[i].at, formats[i].len, len))
			continue;
		if ((rc = get(&f, formats[i].at, magic, formats[i].len, DISK_RAW, e)) != 0)
			return (rc);
		if (memcmp(magic, formats[i].magic, formats[i].len) != 0)
			continue;
		if (formats[i].probe == NULL)
			return (err_say(e, EINVAL, "it is %s", formats[i].what));
		*format = formats[i].format;
		return (formats[i].probe(&f, size, e));
	}
	*format = DISK_RAW;
	*size = len;
	return (0);
}
