/* SPDX-License-Identifier: BSD-2-Clause */
/* SMBIOS tables: see smbios.h. Runs in zhyve, before any guest code. */
#include "devices/smbios.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

/* Indices into smbios_vars. */
enum smbios_string {
	BIOS_VENDOR,
	BIOS_VERSION,
	BIOS_DATE,
	SYS_MANUFACTURER,
	SYS_PRODUCT,
	SYS_VERSION,
	SYS_SERIAL,
	SYS_SKU,
	SYS_FAMILY,
	BOARD_MANUFACTURER,
	BOARD_PRODUCT,
	BOARD_VERSION,
	BOARD_SERIAL,
	BOARD_ASSET,
	BOARD_LOCATION,
	CHASSIS_MANUFACTURER,
	CHASSIS_VERSION,
	CHASSIS_SERIAL,
	CHASSIS_ASSET,
	CHASSIS_SKU
};

const struct smbios_var smbios_vars[SMBIOS_STRINGS] = {
	[BIOS_VENDOR] = { "bios.vendor", 0, "vendor", NULL, "BHYVE" },
	[BIOS_VERSION] = { "bios.version", 0, "version", NULL, "14.0" },
	[BIOS_DATE] = { "bios.release_date", 0, "release_date", NULL, "10/17/2021" },
	[SYS_MANUFACTURER] = { "system.manufacturer", 1, "manufacturer", NULL, "illumos" },
	[SYS_PRODUCT] = { "system.product_name", 1, "product_name", "product", "BHYVE" },
	[SYS_VERSION] = { "system.version", 1, "version", NULL, "1.0" },
	[SYS_SERIAL] = { "system.serial_number", 1, "serial_number", "serial", "None" },
	[SYS_SKU] = { "system.sku", 1, "sku", NULL, "None" },
	[SYS_FAMILY] = { "system.family_name", 1, "family_name", "family", "Virtual Machine" },
	[BOARD_MANUFACTURER] = { "board.manufacturer", 2, "manufacturer", NULL, "illumos" },
	[BOARD_PRODUCT] = { "board.product_name", 2, "product_name", NULL, "BHYVE" },
	[BOARD_VERSION] = { "board.version", 2, "version", NULL, "1.0" },
	[BOARD_SERIAL] = { "board.serial_number", 2, "serial_number", NULL, "None" },
	[BOARD_ASSET] = { "board.asset_tag", 2, "asset_tag", NULL, "None" },
	[BOARD_LOCATION] = { "board.location", 2, "location", NULL, "None" },
	[CHASSIS_MANUFACTURER] = { "chassis.manufacturer", 3, "manufacturer", NULL, "illumos" },
	[CHASSIS_VERSION] = { "chassis.version", 3, "version", NULL, "1.0" },
	[CHASSIS_SERIAL] = { "chassis.serial_number", 3, "serial_number", NULL, "None" },
	[CHASSIS_ASSET] = { "chassis.asset_tag", 3, "asset_tag", NULL, "None" },
	[CHASSIS_SKU] = { "chassis.sku", 3, "sku", NULL, "None" },
};

#define EP32_LEN  0x1F
#define EP64_OFF  0x20
#define EP64_LEN  0x18
#define TABLE_OFF 0x40
#define TABLE_MAX (SMBIOS_AREA_LEN - TABLE_OFF)
#define NO_HANDLE 0xFFFE /* of error information that does not exist */

struct builder {
	uint8_t buf[SMBIOS_AREA_LEN];
	size_t len;   /* of all, the entry points' place included */
	size_t start; /* of the structure that is open */
	unsigned nstrings, count;
	size_t longest;
	bool failed;
	const struct smbios_config *c;
};

int
smbios_find_variable(const char *variable)
{
	for (int i = 0; i < SMBIOS_STRINGS; i++) {
		if (strcmp(smbios_vars[i].variable, variable) == 0)
			return (i);
	}
	return (-1);
}

int
smbios_find_key(unsigned type, const char *key)
{
	for (int i = 0; i < SMBIOS_STRINGS; i++) {
		const struct smbios_var *v = &smbios_vars[i];

		if (v->type == type &&
		    (strcmp(v->key, key) == 0 || (v->alias != NULL && strcmp(v->alias, key) == 0)))
			return (i);
	}
	return (-1);
}

/*
 * Begin a structure of `len` bytes. Always a place to write to: when there is no room the builder
 * has failed and what is written at the beginning of its buffer is of no use. Handles are numbers
 * in order.
 */
static uint8_t *
begin(struct builder *b, uint8_t type, uint8_t len)
{
	if (len > sizeof(b->buf) - b->len) {
		b->failed = true;
		b->len = 0;
	}
	b->start = b->len;
	b->nstrings = 0;
	memset(b->buf + b->len, 0, len);
	b->len += len;
	b->buf[b->start] = type;
	b->buf[b->start + 1] = len;
	le16_put(b->buf + b->start + 2, (uint16_t)b->count++);
	return (b->buf + b->start);
}

static void
put_text(struct builder *b, const char *s)
{
	size_t n = strlen(s) + 1;

	if (n > sizeof(b->buf) - b->len) {
		b->failed = true;
		return;
	}
	memcpy(b->buf + b->len, s, n);
	b->len += n;
}

/* Append a string to the open structure; its number. Empty strings have none. */
static uint8_t
text(struct builder *b, const char *s)
{
	if (*s == '\0')
		return (0);
	put_text(b, s);
	return ((uint8_t)++b->nstrings);
}

static uint8_t
var(struct builder *b, enum smbios_string i)
{
	return (text(b, b->c->string[i] != NULL ? b->c->string[i] : smbios_vars[i].def));
}

/* The strings of a structure end with an empty one; without any there are two end bytes. */
static void
end(struct builder *b)
{
	if (b->nstrings == 0)
		put_text(b, "");
	put_text(b, "");
	b->longest = MAX(b->longest, b->len - b->start);
}

static void
put_bios(struct builder *b)
{
	uint8_t *t = begin(b, 0, 24);

	t[4] = var(b, BIOS_VENDOR);
	t[5] = var(b, BIOS_VERSION);
	le16_put(t + 6, 0xF000);
	t[8] = var(b, BIOS_DATE);
	le64_put(t + 10, 1u << 7); /* PCI */
	t[18] = 0x01;              /* ACPI */
	t[19] = 0x11;              /* BIOS boot specification; a virtual machine */
	memset(t + 20, 0xff, 4);   /* releases: see the string */
	end(b);
}

/* The first three fields of a UUID are little-endian numbers (7.2.1). */
static void
put_uuid(uint8_t *out, const uint8_t in[16])
{
	static const uint8_t from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	for (unsigned i = 0; i < 16; i++)
		out[i] = in[from[i]];
}

static void
put_system(struct builder *b)
{
	uint8_t *t = begin(b, 1, 27);

	t[4] = var(b, SYS_MANUFACTURER);
	t[5] = var(b, SYS_PRODUCT);
	t[6] = var(b, SYS_VERSION);
	t[7] = var(b, SYS_SERIAL);
	put_uuid(t + 8, b->c->uuid);
	t[24] = 6; /* woken by the power switch */
	t[25] = var(b, SYS_SKU);
	t[26] = var(b, SYS_FAMILY);
	end(b);
}

static void
put_board(struct builder *b)
{
	uint8_t *t = begin(b, 2, 15);

	t[4] = var(b, BOARD_MANUFACTURER);
	t[5] = var(b, BOARD_PRODUCT);
	t[6] = var(b, BOARD_VERSION);
	t[7] = var(b, BOARD_SERIAL);
	t[8] = var(b, BOARD_ASSET);
	t[9] = 1; /* a hosting board */
	t[10] = var(b, BOARD_LOCATION);
	le16_put(t + 11, (uint16_t)b->count); /* the chassis comes next */
	t[13] = 0x0A;                         /* motherboard */
	end(b);
}

static void
put_chassis(struct builder *b)
{
	uint8_t *t = begin(b, 3, 22);

	t[4] = var(b, CHASSIS_MANUFACTURER);
	t[5] = 2; /* unknown kind */
	t[6] = var(b, CHASSIS_VERSION);
	t[7] = var(b, CHASSIS_SERIAL);
	t[8] = var(b, CHASSIS_ASSET);
	memset(t + 9, 3, 4); /* boot, power supply, thermal state safe; no security */
	t[21] = var(b, CHASSIS_SKU);
	end(b);
}

static void
put_socket(struct builder *b, unsigned n)
{
	uint8_t *t = begin(b, 4, 48);
	unsigned cores = b->c->cores, threads = b->c->cores * b->c->threads;
	char name[32];

	(void)snprintf(name, sizeof(name), "CPU #%u", n);
	t[4] = text(b, name);
	t[5] = 3;                /* central processor */
	t[6] = 1;                /* family: other */
	t[24] = 0x41;            /* populated, enabled */
	t[25] = 2;               /* upgrade unknown */
	memset(t + 26, 0xff, 6); /* no information on caches */
	t[35] = (uint8_t)MIN(cores, 0xffu);
	t[36] = t[35];
	t[37] = (uint8_t)MIN(threads, 0xffu);
	le16_put(t + 38, 1u << 2); /* 64-bit */
	le16_put(t + 40, 1);
	le16_put(t + 42, (uint16_t)cores);
	le16_put(t + 44, (uint16_t)cores);
	le16_put(t + 46, (uint16_t)threads);
	end(b);
}

static void
put_memory(struct builder *b)
{
	uint64_t size = b->c->lowmem + b->c->highmem;
	uint16_t array = (uint16_t)b->count;
	uint8_t *t = begin(b, 16, 23);

	t[4] = 3; /* on the motherboard, system memory, no error correction */
	t[5] = 3;
	t[6] = 3;
	le32_put(t + 7, size / KIB < 0x80000000u ? (uint32_t)(size / KIB) : 0x80000000u);
	le16_put(t + 11, NO_HANDLE);
	le16_put(t + 13, 1);
	if (size / KIB >= 0x80000000u)
		le64_put(t + 15, size);
	end(b);

	t = begin(b, 17, 40);
	le16_put(t + 4, array);
	le16_put(t + 6, NO_HANDLE);
	le16_put(t + 8, 64);
	le16_put(t + 10, 64);
	if (size / MIB < 0x7fff) {
		le16_put(t + 12,
		    size % MIB == 0 ? (uint16_t)(size / MIB)
				    : (uint16_t)(0x8000 | MIN(size / KIB, 0x7fffu)));
	} else {
		le16_put(t + 12, 0x7fff);
		le32_put(t + 28, (uint32_t)(size / MIB));
	}
	t[14] = 2; /* form unknown */
	t[16] = text(b, "DIMM 0");
	t[18] = 7; /* RAM */
	le16_put(t + 19, 1u << 2);
	end(b);
}

static void
put_range(struct builder *b, uint16_t array, uint64_t base, uint64_t len)
{
	uint8_t *t = begin(b, 19, 31);
	uint64_t first = base / KIB, last = (base + len - 1) / KIB;

	if (last < UINT32_MAX) {
		le32_put(t + 4, (uint32_t)first);
		le32_put(t + 8, (uint32_t)last);
	} else {
		le32_put(t + 4, UINT32_MAX);
		le32_put(t + 8, UINT32_MAX);
		le64_put(t + 15, base);
		le64_put(t + 23, base + len - 1);
	}
	le16_put(t + 12, array);
	t[14] = 1;
	end(b);
}

static void
put_structures(struct builder *b)
{
	uint16_t array;

	put_bios(b);
	put_system(b);
	put_board(b);
	put_chassis(b);
	for (unsigned n = 0; n < MIN(b->c->sockets, (unsigned)SMBIOS_SOCKETS_MAX); n++)
		put_socket(b, n);
	array = (uint16_t)b->count;
	put_memory(b);
	put_range(b, array, 0, b->c->lowmem);
	if (b->c->highmem != 0)
		put_range(b, array, GMEM_HIGH_BASE, b->c->highmem);
	(void)begin(b, 32, 11); /* last boot went well */
	end(b);
	(void)begin(b, 127, 4);
	end(b);
}

static void
checksum(uint8_t *p, size_t len, size_t at)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	p[at] = (uint8_t)-sum;
}

/* Entry points (5.2): the 32-bit one says 2.8, the last version it was made for. */
static void
put_entry_points(struct builder *b)
{
	uint8_t *p = b->buf;
	uint16_t table_len = (uint16_t)(b->len - TABLE_OFF);

	memcpy(p, "_SM_", 4);
	p[5] = EP32_LEN;
	p[6] = 2;
	p[7] = 8;
	le16_put(p + 8, (uint16_t)b->longest);
	memcpy(p + 16, "_DMI_", 5);
	le16_put(p + 22, table_len);
	le32_put(p + 24, (uint32_t)(SMBIOS_AREA + TABLE_OFF));
	le16_put(p + 28, (uint16_t)b->count);
	p[30] = 0x28;
	checksum(p + 16, 15, 5);
	checksum(p, EP32_LEN, 4);

	p = b->buf + EP64_OFF;
	memcpy(p, "_SM3_", 5);
	p[6] = EP64_LEN;
	p[7] = 3;
	p[8] = 3;
	p[10] = 1;
	le32_put(p + 12, table_len);
	le64_put(p + 16, SMBIOS_AREA + TABLE_OFF);
	checksum(p, EP64_LEN, 5);
}

static int
build(struct builder *b, struct err *e)
{
	const struct smbios_config *c = b->c;

	if (c->sockets == 0 || c->cores == 0 || c->threads == 0 || c->lowmem == 0)
		return (err_say(e, EINVAL,
		    "cannot describe a machine without processor or memory "
		    "in SMBIOS tables"));
	put_structures(b);
	if (b->failed)
		return (err_say(e, ENOSPC,
		    "the SMBIOS strings (-B) are too long: all tables together may have %u bytes",
		    TABLE_MAX));
	put_entry_points(b);
	return (0);
}

int
smbios_write(const struct gmem *gm, const struct smbios_config *c, struct err *e)
{
	struct builder b = { .len = TABLE_OFF, .c = c };
	int rc = build(&b, e);

	if (rc != 0)
		return (rc);
	if (gmem_write(gm, SMBIOS_AREA, b.buf, b.len) != 0)
		return (err_say(e, ENOSPC,
		    "no room for SMBIOS tables: the guest needs at least 1 MiB of memory (-m)"));
	return (0);
}

int
smbios_files(const struct smbios_config *c, struct smbios_files *out, struct err *e)
{
	struct builder b = { .len = TABLE_OFF, .c = c };
	int rc = build(&b, e);

	if (rc != 0)
		return (rc);
	memcpy(out->anchor, b.buf, sizeof(out->anchor));
	out->tables_len = (uint32_t)(b.len - TABLE_OFF);
	memcpy(out->tables, b.buf + TABLE_OFF, out->tables_len);
	return (0);
}
