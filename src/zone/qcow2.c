/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The check of a qcow2 header: see qcow2.h. It exists because a qcow2 file can name other files,
 * which a converter running on the host would read into the guest's disk. Pure; every access is
 * bounded by the bytes given. Tools.
 */
#include "zone/qcow2.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define QCOW2_MAGIC    0x514649fbu /* "QFI\xfb" */
#define QCOW2_SIZE_MAX (1ull << 52)

/* Offsets in the header; all numbers are big-endian. */
#define H_MAGIC            0
#define H_VERSION          4
#define H_BACKING_OFFSET   8
#define H_CLUSTER_BITS     20
#define H_SIZE             24
#define H_CRYPT_METHOD     32
#define H_V2_LENGTH        72
#define H_INCOMPATIBLE     72
#define H_HEADER_LENGTH    100
#define H_V3_LENGTH        104

#define INCOMPAT_DIRTY     (1ull << 0)
#define INCOMPAT_CORRUPT   (1ull << 1)
#define INCOMPAT_DATA_FILE (1ull << 2)
#define INCOMPAT_ZSTD      (1ull << 3) /* another compression type */
#define INCOMPAT_EXT_L2    (1ull << 4)
#define INCOMPAT_KNOWN     (INCOMPAT_DIRTY | INCOMPAT_ZSTD | INCOMPAT_EXT_L2)

/* Header extensions. */
#define EXT_END       0x00000000u
#define EXT_DATA_FILE 0x44415441u
#define EXT_CRYPTO    0x0537be77u

static uint32_t
be32_at(const uint8_t *p, size_t off)
{
	return ((uint32_t)p[off] << 24 | (uint32_t)p[off + 1] << 16 | (uint32_t)p[off + 2] << 8 |
	    p[off + 3]);
}

static uint64_t
be64_at(const uint8_t *p, size_t off)
{
	return ((uint64_t)be32_at(p, off) << 32 | be32_at(p, off + 4));
}

bool
qcow2_is(const void *head, size_t len)
{
	return (len >= 8 && be32_at(head, H_MAGIC) == QCOW2_MAGIC);
}

static int
bad(struct err *e, const char *why)
{
	return (err_say(e, EINVAL, "qcow2 file refused: %s", why));
}

/* Extensions from `off` on, up to the end mark or the end of the first cluster. */
static int
check_extensions(const uint8_t *h, size_t off, size_t end, struct err *e)
{
	uint32_t type, len;

	while (range_ok(off, 8, end)) {
		type = be32_at(h, off);
		len = be32_at(h, off + 4);
		off += 8;
		switch (type) {
		case EXT_END:
			return (0);
		case EXT_DATA_FILE:
			return (bad(e, "it has an external data file"));
		case EXT_CRYPTO:
			return (bad(e, "it is encrypted"));
		default:
			break;
		}
		if (!range_ok(off, ROUND_UP((uint64_t)len, 8), end))
			return (bad(e, "a header extension reaches beyond the first cluster"));
		off += ROUND_UP((size_t)len, 8);
	}
	return (0);
}

/* Where the extensions begin. */
static int
check_v3(const uint8_t *h, size_t len, size_t *ext, struct err *e)
{
	uint64_t features;

	if (len < H_V3_LENGTH)
		return (bad(e, "it is shorter than its header"));
	features = be64_at(h, H_INCOMPATIBLE);
	*ext = be32_at(h, H_HEADER_LENGTH);
	if ((features & INCOMPAT_DATA_FILE) != 0)
		return (bad(e, "it has an external data file"));
	if ((features & INCOMPAT_CORRUPT) != 0)
		return (bad(e, "it is marked as corrupt (qemu-img check)"));
	if ((features & ~INCOMPAT_KNOWN) != 0)
		return (bad(e, "it uses features that are not known"));
	if (*ext < H_V3_LENGTH || *ext % 8 != 0 || *ext > len)
		return (bad(e, "the length of its header is wrong"));
	return (0);
}

int
qcow2_check(const void *head, size_t len, uint64_t *size, struct err *e)
{
	const uint8_t *h = head;
	uint32_t version, bits;
	size_t ext = H_V2_LENGTH;
	int rc;

	if (!qcow2_is(head, len))
		return (bad(e, "it has not the format's magic number"));
	if (len < H_V2_LENGTH)
		return (bad(e, "it is shorter than its header"));
	version = be32_at(h, H_VERSION);
	if (version != 2 && version != 3)
		return (bad(e, "its version is neither 2 nor 3"));
	if (be64_at(h, H_BACKING_OFFSET) != 0) /* without one its size is undefined */
		return (bad(
		    e, "it has a backing file; make it whole first (qemu-img convert -O qcow2)"));
	if (be32_at(h, H_CRYPT_METHOD) != 0)
		return (bad(e, "it is encrypted"));
	bits = be32_at(h, H_CLUSTER_BITS);
	if (bits < 9 || bits > 21)
		return (bad(e, "its cluster size is not between 512 bytes and 2 MiB"));
	*size = be64_at(h, H_SIZE);
	if (*size == 0 || *size > QCOW2_SIZE_MAX)
		return (bad(e, "the size of its disk is not possible"));
	if (version == 3 && (rc = check_v3(h, len, &ext, e)) != 0)
		return (rc);
	return (check_extensions(h, ext, MIN(len, (size_t)1 << bits), e));
}
