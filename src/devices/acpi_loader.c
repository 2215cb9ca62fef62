/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables for a boot ROM, and the script by which it places them: see acpi_files() in
 * acpi.h. A script is a list of commands of 128 bytes: allocate memory for a file, add a file's
 * address to a pointer, make a checksum. Runs in zhyve, before any guest code.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/acpi_internal.h"

#define CMD_LEN         128
#define CMD_ALLOCATE    1
#define CMD_ADD_POINTER 2
#define CMD_CHECKSUM    3
#define ZONE_HIGH       1
#define ZONE_FSEG       2 /* between 0xF0000 and 1 MiB, where RSDPs are looked for */
#define FILE_LEN        56
#define CMDS_FIXED      6 /* two files, two pointers and two checksums of the RSDP */

static const char tables_file[] = "etc/acpi/tables", rsdp_file[] = "etc/acpi/rsdp";

struct script {
	uint8_t *buf;
	uint32_t len;
};

/* The next command, zeroed, its kind and first file filled in; the rest begins at offset 60. */
static uint8_t *
command(struct script *s, uint32_t kind, const char *file)
{
	uint8_t *p = s->buf + s->len;

	s->len += CMD_LEN;
	memset(p, 0, CMD_LEN);
	le32_put(p, kind);
	memcpy(p + 4, file, strlen(file));
	return (p);
}

static void
allocate(struct script *s, const char *file, uint32_t align, uint8_t zone)
{
	uint8_t *p = command(s, CMD_ALLOCATE, file);

	le32_put(p + 4 + FILE_LEN, align);
	p[4 + FILE_LEN + 4] = zone;
}

/* Add the tables' address to the pointer of `size` bytes at `off` in `file`. */
static void
add_pointer(struct script *s, const char *file, uint32_t off, uint32_t size)
{
	uint8_t *p = command(s, CMD_ADD_POINTER, file);

	memcpy(p + 4 + FILE_LEN, tables_file, sizeof(tables_file));
	le32_put(p + 4 + 2 * FILE_LEN, off);
	p[4 + 2 * FILE_LEN + 4] = (uint8_t)size;
}

static void
add_checksum(struct script *s, const char *file, uint32_t at, uint32_t start, uint32_t len)
{
	uint8_t *p = command(s, CMD_CHECKSUM, file);

	le32_put(p + 4 + FILE_LEN, at);
	le32_put(p + 4 + FILE_LEN + 4, start);
	le32_put(p + 4 + FILE_LEN + 8, len);
}

static void
write_script(struct script *s, const struct acpi_fixups *fix)
{
	allocate(s, rsdp_file, 16, ZONE_FSEG);
	allocate(s, tables_file, ACPI_TABLES_ALIGN, ZONE_HIGH);
	for (unsigned i = 0; i < fix->npointers; i++)
		add_pointer(s, tables_file, fix->pointer[i].off, fix->pointer[i].len);
	for (unsigned i = 0; i < fix->ntables; i++) {
		const struct acpi_fixup *t = &fix->table[i];

		add_checksum(s, tables_file, t->off + ACPI_TABLE_SUM, t->off, t->len);
	}
	add_pointer(s, rsdp_file, ACPI_RSDP_RSDT, 4);
	add_pointer(s, rsdp_file, ACPI_RSDP_XSDT, 8);
	add_checksum(s, rsdp_file, ACPI_RSDP_SUM, 0, ACPI_RSDP_V1_LEN);
	add_checksum(s, rsdp_file, ACPI_RSDP_SUM2, 0, ACPI_RSDP_LEN);
}

int
acpi_files(const struct acpi_config *c, struct acpi_files *out, struct err *e)
{
	struct acpi_fixups fix;
	struct script s = { 0 };
	int n;

	memset(out, 0, sizeof(*out));
	if ((out->rsdp = malloc(ACPI_RSDP_LEN)) == NULL)
		return (err_set(e, ENOMEM, "cannot build ACPI tables"));
	if ((n = acpi_build_unplaced(c, &out->tables, out->rsdp, &fix, e)) < 0) {
		acpi_files_free(out);
		return (n);
	}
	if ((s.buf = malloc((size_t)(CMDS_FIXED + fix.npointers + fix.ntables) * CMD_LEN)) ==
	    NULL) {
		acpi_files_free(out);
		return (err_set(e, ENOMEM, "cannot build ACPI tables"));
	}
	write_script(&s, &fix);
	out->tables_len = (uint32_t)n;
	out->rsdp_len = ACPI_RSDP_LEN;
	out->loader = s.buf;
	out->loader_len = s.len;
	return (0);
}

void
acpi_files_free(struct acpi_files *f)
{
	free(f->tables);
	free(f->rsdp);
	free(f->loader);
	memset(f, 0, sizeof(*f));
}
