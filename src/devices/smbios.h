/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS tables (DMTF DSP0134 3.3): what `dmidecode` shows, and how cloud-init finds out where it
 * is. Types 0, 1, 2, 3, 4, 16, 17, 19, 32 and 127, with a 64-bit entry point and an old 32-bit
 * one, written into guest memory where readers scan for them. Strings are bhyve's variables and
 * defaults (bhyve_config(5)), set by its option -B. Runs in zhyve, before any guest code.
 */
#ifndef ZHYVE_DEVICES_SMBIOS_H
#define ZHYVE_DEVICES_SMBIOS_H

#include "base/err.h"
#include "gmem/gmem.h"

#define SMBIOS_AREA        0xF1000ull
#define SMBIOS_AREA_LEN    0x1400u /* the ACPI tables begin behind */
#define SMBIOS_STRINGS     20
#define SMBIOS_SOCKETS_MAX 64 /* so many have a structure of type 4 */

/* One settable string. */
struct smbios_var {
	const char *variable; /* "system.product_name" */
	unsigned type;        /* of the structure it is in: the first token of -B */
	const char *key;      /* in -B: "product_name" ... */
	const char *alias;    /* ... or this, NULL: none */
	const char *def;
};
extern const struct smbios_var smbios_vars[SMBIOS_STRINGS];

struct smbios_config {
	/* In the order of smbios_vars; NULL is the default. Not copied. */
	const char *string[SMBIOS_STRINGS];
	uint8_t uuid[16]; /* in the order of the text; the table has it in SMBIOS' mixed order */
	unsigned sockets, cores, threads; /* cores per socket, threads per core */
	uint64_t lowmem, highmem;         /* bytes of RAM below 3 GiB and from 4 GiB up */
};

/* The index in smbios_vars of a variable ("system.sku"), or of a key of -B; -1: unknown. */
int smbios_find_variable(const char *variable);
int smbios_find_key(unsigned type, const char *key);

/* Write entry points and structures. 0; -ENOSPC (strings too long, no RAM there), -EINVAL. */
int smbios_write(const struct gmem *gm, const struct smbios_config *c, struct err *e);

/*
 * The same for a boot ROM, which places them itself (fw_cfg's etc/smbios/smbios-anchor and
 * -tables): the 32-bit entry point, whose address it will replace, and the structures.
 */
#define SMBIOS_ANCHOR_LEN 0x1F
struct smbios_files {
	uint8_t anchor[SMBIOS_ANCHOR_LEN];
	uint8_t tables[SMBIOS_AREA_LEN];
	uint32_t tables_len;
};
int smbios_files(const struct smbios_config *c, struct smbios_files *out, struct err *e);

#endif
