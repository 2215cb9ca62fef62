/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the NVMe controller says of itself and of its namespace (NVM Express 1.4, 5.15). Refuses
 * data structures of what is not there (namespace management, sets, secondary controllers). Runs
 * in zhyve.
 */
#include <stdio.h>

#include "base/checked.h"
#include "base/hash.h"
#include "devices/nvme_internal.h"

enum {
	CNS_NAMESPACE = 0,
	CNS_CONTROLLER = 1,
	CNS_ACTIVE = 2,
	CNS_DESCRIPTORS = 3,
};

#define MODEL      "bhyve-NVMe"
#define REVISION   "1.0"
#define OUI        0x589cfcu /* FreeBSD's, which bhyve uses */
#define ONCS_DSM   0x04u
#define ONCS_ZERO  0x08u
#define DLFEAT_LOG 0x09u /* freed blocks read as zero; write zeroes may free */

bool
nvme_offers_dsm(const struct nvme *n)
{
	const struct block_info *info = &n->backend->info;

	return (
	    n->opt.dsm == NVME_DSM_ENABLE || (n->opt.dsm == NVME_DSM_AUTO && info->can_discard));
}

/* ASCII fields are padded with blanks. */
static void
put_text(uint8_t *p, size_t len, const char *text)
{
	memset(p, ' ', len);
	memcpy(p, text, MIN(strlen(text), len));
}

/* IEEE's extended identifier: as given, or of the serial's digest. */
static uint64_t
eui64(const struct nvme *n)
{
	if (n->opt.eui64 != 0)
		return (n->opt.eui64);
	return ((uint64_t)OUI << 40 | (hash_text(HASH_INIT, n->serial) & 0xffffffffffull));
}

static void
put_eui64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static void
controller(struct nvme *n)
{
	const struct block_info *info = &n->backend->info;
	uint8_t *p = n->page;

	le16_put(p, le16_get(n->pci.cfg));
	le16_put(p + 2, le16_get(n->pci.cfg));
	put_text(p + 4, NVME_SERIAL_LEN, n->serial);
	put_text(p + 24, 40, MODEL);
	put_text(p + 64, 8, REVISION);
	p[73] = OUI & 0xff;
	p[74] = OUI >> 8 & 0xff;
	p[75] = OUI >> 16 & 0xff;
	p[77] = NVME_MDTS;
	le32_put(p + 80, 0x00010400);
	le32_put(p + 88, 30 * 1000 * 1000); /* a shutdown's flush, microseconds */
	le32_put(p + 92, 0x100);            /* events: namespace attributes */
	p[111] = 1;                         /* an I/O controller */
	p[258] = 3;                         /* aborts at a time, less one */
	p[259] = NVME_AERS - 1;
	p[260] = 0x3; /* one firmware slot, read-only */
	p[261] = 0x4; /* log pages in parts */
	le16_put(p + 266, 0x157);
	le16_put(p + 268, 0x175);
	p[512] = 0x66; /* entries of 64 bytes, and of 16 */
	p[513] = 0x44;
	le32_put(p + 516, 1);
	le16_put(p + 520,
	    (uint16_t)((nvme_offers_dsm(n) ? ONCS_DSM : 0) |
		(info->can_write_zeroes ? ONCS_ZERO : 0)));
	p[525] = 0x7; /* a volatile write cache; flush takes all namespaces at once */
	(void)snprintf((char *)p + 768, 256, "nqn.2026-11.org.zhyve:nvme:%s", n->serial);
	le16_put(p + 2048, 0x64); /* one power state, a watt */
}

static void namespace(struct nvme *n)
{
	const struct block_info *info = &n->backend->info;
	uint16_t per_physical = (uint16_t)(MAX(info->physical / info->logical, 1u) - 1);
	uint64_t blocks = info->size / info->logical;
	uint8_t *p = n->page;

	le64_put(p, blocks);
	le64_put(p + 8, blocks);
	le64_put(p + 16, blocks);
	p[24] = 0x10; /* the preferred sizes below mean something */
	p[33] = info->can_discard ? DLFEAT_LOG : 0;
	for (unsigned at = 64; at <= 72; at += 2)
		le16_put(p + at, per_physical);
	p[99] = info->readonly;
	put_eui64(p + 120, eui64(n));
	p[130] = (uint8_t)__builtin_ctz(info->logical); /* format 0, the only one */
}

static void
descriptors(struct nvme *n)
{
	uint8_t *p = n->page;

	p[0] = 1; /* EUI-64 */
	p[1] = 8;
	put_eui64(p + 4, eui64(n));
}

static uint16_t
build(struct nvme *n, const struct nvme_cmd *c)
{
	memset(n->page, 0, sizeof(n->page));
	switch (c->dw10 & 0xff) {
	case CNS_NAMESPACE:
		if (c->nsid != NVME_NSID)
			return (NVME_INVALID_NAMESPACE);
		namespace(n);
		break;
	case CNS_CONTROLLER:
		controller(n);
		break;
	case CNS_ACTIVE: /* identifiers greater than the one given */
		if (c->nsid >= 0xfffffffe)
			return (NVME_INVALID_NAMESPACE);
		if (c->nsid < NVME_NSID)
			le32_put(n->page, NVME_NSID);
		break;
	case CNS_DESCRIPTORS:
		if (c->nsid != NVME_NSID)
			return (NVME_INVALID_NAMESPACE);
		descriptors(n);
		break;
	default:
		return (NVME_INVALID_FIELD);
	}
	return (NVME_OK);
}

uint16_t
nvme_identify(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	uint16_t status;

	if ((status = nvme_prp_map(n, c, NVME_PAGE, r->io.iov, &r->io.niov)) != NVME_OK ||
	    (status = build(n, c)) != NVME_OK)
		return (status);
	(void)gmem_buf_to_iov(n->page, NVME_PAGE, r->io.iov, r->io.niov, 0);
	return (NVME_OK);
}
