/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware configuration: see fwcfg.h. What lies behind the end of an item reads as zero, as do
 * items that are not there. DMA to what is not RAM, and writing of any kind, ends with the error
 * bit. Pure; runs in zhyve.
 */
#include "devices/fwcfg.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define ID_TRADITIONAL 1u
#define ID_DMA         2u
#define OFF_SELECT     0
#define OFF_DATA       1
#define OFF_DMA_HIGH   4
#define OFF_DMA_LOW    8

/* The DMA request in guest memory: control, length, address, all big-endian. */
#define DMA_LEN    16
#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u
#define DMA_KEY(c) ((uint16_t)((c) >> 16))

static const uint8_t dma_signature[8] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };

static uint32_t
be32(const uint8_t *p)
{
	return (__builtin_bswap32(le32_get(p)));
}

static void
select_key(struct fwcfg *f, uint16_t key)
{
	f->cur = NULL;
	f->cur_len = f->cur_off = 0;
	if (key >= FWCFG_FILE_FIRST && key < FWCFG_FILE_FIRST + f->nfiles) {
		f->cur = f->file[key - FWCFG_FILE_FIRST].data;
		f->cur_len = f->file[key - FWCFG_FILE_FIRST].len;
		return;
	}
	for (unsigned i = 0; i < f->nitems; i++) {
		if (f->item[i].key != key)
			continue;
		f->cur = f->item[i].data;
		f->cur_len = f->item[i].len;
		return;
	}
}

/* How much of the next `len` bytes the item has; moves on by len. */
static uint32_t
advance(struct fwcfg *f, uint32_t len, const uint8_t **at)
{
	uint32_t have = MIN(len, f->cur_len - f->cur_off);

	*at = have != 0 ? f->cur + f->cur_off : NULL;
	f->cur_off += have;
	return (have);
}

static bool
dma_read(struct fwcfg *f, uint64_t addr, uint32_t len)
{
	uint8_t *to = gmem_ptr(f->gm, addr, len);
	const uint8_t *from;
	uint32_t have;

	if (len == 0)
		return (true);
	if (to == NULL)
		return (false);
	have = advance(f, len, &from);
	if (have != 0)
		memcpy(to, from, have);
	memset(to + have, 0, len - have);
	return (true);
}

static void
dma(struct fwcfg *f, uint64_t request)
{
	uint8_t rq[DMA_LEN], status[4] = { 0 };
	uint32_t control, len;
	const uint8_t *skipped;
	uint64_t addr;
	bool good = true;

	if (gmem_read(f->gm, request, rq, sizeof(rq)) != 0)
		return; /* there is nowhere to say so */
	control = be32(rq);
	len = be32(rq + 4);
	addr = __builtin_bswap64(le64_get(rq + 8));
	if ((control & DMA_SELECT) != 0)
		select_key(f, DMA_KEY(control));
	if ((control & DMA_READ) != 0)
		good = dma_read(f, addr, len);
	else if ((control & DMA_WRITE) != 0)
		good = false;
	else if ((control & DMA_SKIP) != 0)
		(void)advance(f, len, &skipped);
	status[3] = good ? 0 : DMA_ERROR;
	(void)gmem_write(f->gm, request, status, sizeof(status));
}

static uint64_t
fwcfg_read(void *dev, uint64_t off, unsigned size)
{
	struct fwcfg *f = dev;
	const uint8_t *at;
	uint64_t v = 0;

	if (off == OFF_DATA && size == 1)
		return (advance(f, 1, &at) != 0 ? *at : 0);
	if (off < OFF_DMA_HIGH || off + size > FWCFG_PORT_LEN)
		return (UINT64_MAX);
	memcpy(&v, dma_signature + (off - OFF_DMA_HIGH), size);
	return (v);
}

static void
fwcfg_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct fwcfg *f = dev;

	if (off == OFF_SELECT && size == 2) {
		select_key(f, (uint16_t)val);
	} else if (off == OFF_DMA_HIGH && size == 4) {
		f->dma_high = __builtin_bswap32((uint32_t)val);
	} else if (off == OFF_DMA_LOW && size == 4) {
		uint64_t high = f->dma_high;

		f->dma_high = 0;
		dma(f, high << 32 | __builtin_bswap32((uint32_t)val));
	}
}

const struct bus_ops fwcfg_ops = { fwcfg_read, fwcfg_write };

static struct fwcfg_item *
new_item(struct fwcfg *f, uint16_t key, uint32_t len)
{
	struct fwcfg_item *it = &f->item[f->nitems++];

	it->key = key;
	it->len = len;
	return (it);
}

static int
may_add(const struct fwcfg *f, uint16_t key)
{
	for (unsigned i = 0; i < f->nitems; i++) {
		if (f->item[i].key == key)
			return (-EEXIST);
	}
	return (f->nitems < FWCFG_ITEMS_MAX ? 0 : -ENOSPC);
}

int
fwcfg_add_item(struct fwcfg *f, uint16_t key, const void *data, uint32_t len)
{
	int rc = may_add(f, key);

	if (rc == 0)
		new_item(f, key, len)->data = data;
	return (rc);
}

int
fwcfg_add_number(struct fwcfg *f, uint16_t key, uint64_t value, uint32_t len)
{
	struct fwcfg_item *it;
	int rc = may_add(f, key);

	if (rc != 0)
		return (rc);
	it = new_item(f, key, len);
	it->number = value;
	it->data = (const uint8_t *)&it->number;
	return (0);
}

int
fwcfg_add_file(struct fwcfg *f, const char *name, const void *data, uint32_t len)
{
	uint8_t *entry = f->dir + 4 + f->nfiles * FWCFG_DIR_ENTRY;
	size_t n = strlen(name);

	if (n == 0 || n >= FWCFG_NAME_MAX)
		return (-EINVAL);
	for (unsigned i = 0; i < f->nfiles; i++) {
		if (strcmp((const char *)f->dir + 4 + i * FWCFG_DIR_ENTRY + 8, name) == 0)
			return (-EEXIST);
	}
	if (f->nfiles == FWCFG_FILES_MAX)
		return (-ENOSPC);
	/* Size (4), key (2), reserved (2), name; the numbers big-endian. */
	le32_put(entry, __builtin_bswap32(len));
	le16_put(entry + 4, __builtin_bswap16((uint16_t)(FWCFG_FILE_FIRST + f->nfiles)));
	memcpy(entry + 8, name, n + 1);
	f->file[f->nfiles++] = (struct fwcfg_file){ .data = data, .len = len };
	le32_put(f->dir, __builtin_bswap32(f->nfiles));
	return (0);
}

void
fwcfg_init(struct fwcfg *f, const struct gmem *gm)
{
	memset(f, 0, sizeof(*f));
	f->gm = gm;
	(void)fwcfg_add_item(f, FWCFG_SIGNATURE, "QEMU", 4);
	(void)fwcfg_add_number(f, FWCFG_ID, ID_TRADITIONAL | ID_DMA, 4);
	(void)fwcfg_add_item(f, FWCFG_FILE_DIR, f->dir, sizeof(f->dir));
}
