/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables as a guest finds them: from the RSDP through every pointer, checksums, what the
 * FADT and the MADT say, where tables for very many vCPUs go, and iasl's opinion of all of them.
 */
#include "devices/acpi.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/checked.h"
#include "devices/pci.h"
#include "devices/pm.h"
#include "tables.h"

#define RAM (16 * MIB)

static struct acpi_place where;
static struct acpi_config config;

static int
setup(void **state)
{
	tables_ram(RAM);
	config = (struct acpi_config){
		.ncpus = 2,
		.mem32_base = 0xC0000000,
		.mem32_end = 0xE0000000,
		.mem64_base = 0x800000000,
		.mem64_end = 0x1000000000,
		.lpc_bdf = PCI_BDF(0, 31, 0),
		.tpm = true,
		.spcr = true,
	};
	return (0);
}

/* A table at a guest address, after a check of its length and sum. */
static const uint8_t *
table_at(uint64_t gpa, const char *sig)
{
	const uint8_t *t;
	uint32_t len;

	assert_true(range_ok(gpa, 36, RAM));
	t = ram + gpa;
	len = le32_get(t + 4);
	assert_true(range_ok(gpa, len, RAM));
	assert_memory_equal(t, sig, 4);
	assert_int_equal(sum(t, len), 0);
	return (t);
}

/* Find the RSDP as an operating system does. */
static const uint8_t *
find_rsdp(void)
{
	for (uint64_t gpa = 0xE0000; gpa < 0x100000; gpa += 16) {
		if (memcmp(ram + gpa, "RSD PTR ", 8) == 0 && sum(ram + gpa, 20) == 0 &&
		    sum(ram + gpa, 36) == 0) {
			assert_int_equal(gpa, where.rsdp);
			return (ram + gpa);
		}
	}
	fail_msg("there is no RSDP");
	return (NULL);
}

/* The n-th table of that signature by the XSDT; NULL: not listed. */
static const uint8_t *
find_table(const char *sig)
{
	const uint8_t *rsdp = find_rsdp(), *xsdt = table_at(le64_get(rsdp + 24), "XSDT");
	const uint8_t *rsdt = table_at(le32_get(rsdp + 16), "RSDT");
	unsigned n = (le32_get(xsdt + 4) - 36) / 8;

	assert_int_equal((le32_get(rsdt + 4) - 36) / 4, n);
	for (unsigned i = 0; i < n; i++) {
		uint64_t gpa = le64_get(xsdt + 36 + 8 * i);

		assert_int_equal(le32_get(rsdt + 36 + 4 * i), gpa);
		if (memcmp(ram + gpa, sig, 4) == 0)
			return (table_at(gpa, sig));
	}
	return (NULL);
}

static void
write_tables(void)
{
	struct err e = { 0 };

	if (acpi_write(&gm, &config, &where, &e) != 0)
		fail_msg("%s", e.text);
}

static void
test_fadt(void **state)
{
	const uint8_t *f, *facs;

	write_tables();
	assert_int_equal(where.ram_len, 0);
	f = find_table("FACP");
	assert_non_null(f);
	assert_int_equal(f[8], 6);
	assert_int_equal(le32_get(f + 4), 276);
	assert_int_equal(le16_get(f + 46), 9);
	assert_int_equal(le32_get(f + 48), 0xB2);
	assert_int_equal(f[52] | f[53] << 8, 0xA1A0);
	assert_int_equal(le32_get(f + 56), 0x400);
	assert_int_equal(le32_get(f + 64), 0x404);
	assert_int_equal(le32_get(f + 76), 0x408);
	assert_int_equal(le32_get(f + 80), 0x40C);
	assert_int_equal(f[108], 0x32);
	assert_int_equal(le32_get(f + 112) & 1u << 4, 0);     /* fixed power button */
	assert_int_not_equal(le32_get(f + 112) & 1u << 8, 0); /* 32-bit timer */
	assert_int_equal(f[116], 1);
	assert_int_equal(le64_get(f + 120), 0xCF9);
	assert_int_equal(f[128], 6);
	assert_int_equal(le32_get(f + 40), le64_get(f + 140));
	table_at(le64_get(f + 140), "DSDT");
	assert_int_equal(le32_get(f + 36) % 64, 0);
	facs = ram + le32_get(f + 36);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(le32_get(facs + 4), 64);
}

/* Count the MADT's entries of a type; the last one is given back. */
static unsigned
madt_entries(uint8_t type, const uint8_t **last)
{
	const uint8_t *m = find_table("APIC"), *p = m + 44, *end = m + le32_get(m + 4);
	unsigned n = 0;

	while (p < end) {
		assert_true(p[1] >= 2 && p + p[1] <= end);
		if (p[0] == type) {
			n++;
			*last = p;
		}
		p += p[1];
	}
	assert_ptr_equal(p, end);
	return (n);
}

static void
test_madt(void **state)
{
	const uint8_t *p = NULL;

	config.ncpus = 3;
	write_tables();
	assert_int_equal(madt_entries(0, &p), 3);
	assert_int_equal(p[3], 2);
	assert_int_equal(le32_get(p + 4), 1);
	assert_int_equal(madt_entries(9, &p), 0);
	assert_int_equal(madt_entries(1, &p), 1);
	assert_int_equal(le32_get(p + 4), 0xFEC00000);
	assert_int_equal(madt_entries(2, &p), 2); /* the last: SCI, level */
	assert_int_equal(p[3], 9);
	assert_int_equal(le32_get(p + 4), 9);
	assert_int_equal(le16_get(p + 8) & 0xc, 0xc);
	assert_int_equal(madt_entries(4, &p), 1);
}

static void
test_apic_ids_given(void **state)
{
	static const uint32_t ids[] = { 0, 4, 0x1000 };
	const uint8_t *p = NULL;

	config.ncpus = 3;
	config.apic_id = ids;
	write_tables();
	assert_int_equal(madt_entries(0, &p), 2);
	assert_int_equal(p[3], 4);
	assert_int_equal(madt_entries(9, &p), 1);
	assert_int_equal(le32_get(p + 4), 0x1000);
	assert_int_equal(le32_get(p + 12), 2);
	assert_int_equal(madt_entries(10, &p), 1);
}

static void
test_small_tables(void **state)
{
	const uint8_t *t;

	config.last_bus = 3;
	write_tables();
	t = find_table("MCFG");
	assert_int_equal(le64_get(t + 44), 0xE0000000);
	assert_int_equal(t[54], 0);
	assert_int_equal(t[55], 3);
	t = find_table("SPCR");
	assert_int_equal(le64_get(t + 44), 0x3F8);
	t = find_table("TPM2");
	assert_int_equal(le64_get(t + 40), 0xFED40040);
	assert_int_equal(le32_get(t + 48), 7);
	config.spcr = config.tpm = false;
	memset(ram, 0, RAM);
	write_tables();
	assert_null(find_table("SPCR"));
	assert_null(find_table("TPM2"));
}

/*
 * A thousand vCPUs still go into the BIOS area; when the area is too small RAM is taken and told.
 */
static void
test_many_vcpus(void **state)
{
	const uint8_t *p = NULL;

	config.ncpus = 1024;
	write_tables();
	assert_int_equal(where.ram_len, 0);
	assert_int_equal(madt_entries(0, &p), 255);
	assert_int_equal(madt_entries(9, &p), 1024 - 255);
	assert_int_equal(le32_get(p + 4), 1023);

	memset(ram, 0, RAM);
	config.ncpus = ACPI_MAX_VCPUS;
	write_tables();
	assert_true(where.ram_len >= 4096 * 15);
	assert_int_equal(where.ram_base % 4096, 0);
	assert_int_equal(where.ram_base + where.ram_len, RAM);
	assert_true(le64_get(find_rsdp() + 24) >= where.ram_base);
	assert_int_equal(madt_entries(9, &p), ACPI_MAX_VCPUS - 255);
	for (uint64_t gpa = 0; gpa < where.ram_base; gpa++) {
		if (gpa < ACPI_AREA || gpa >= ACPI_AREA + 36)
			assert_int_equal(ram[gpa], 0);
	}
}

static void
test_refused(void **state)
{
	struct err e = { 0 };

	config.ncpus = 0;
	assert_int_equal(acpi_write(&gm, &config, &where, &e), -EINVAL);
	config.ncpus = ACPI_MAX_VCPUS + 1;
	assert_int_equal(acpi_write(&gm, &config, &where, &e), -EINVAL);
	config.ncpus = 1;
	gm.range[0].len = 0xF0000;
	assert_int_equal(acpi_write(&gm, &config, &where, &e), -ENOSPC);
	config.ncpus = ACPI_MAX_VCPUS;
	gm.range[0].len = 0x100000;
	assert_int_equal(acpi_write(&gm, &config, &where, &e), -ENOSPC);
}

static void
dump(const char *dir, const char *name, const uint8_t *t)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.dat", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(t, le32_get(t + 4), 1, f), 1);
	assert_int_equal(fclose(f), 0);
}

static void
run_in(const char *dir, const char *cmd)
{
	char line[512];

	(void)snprintf(
	    line, sizeof(line), "cd %s && { %s; } >log 2>&1 || { cat log >&2; false; }", dir, cmd);
	assert_int_equal(system(line), 0);
}

static const char *const iasl_checks[] = {
	"for t in *.dat; do iasl -d $t || exit 1; done",
	"! grep -i 'error\\|invalid' *.dsl",
	"for t in FACP APIC MCFG SPCR TPM2 DSDT; do iasl -we -p new$t $t.dsl || exit 1; done",
	"for t in FACP APIC MCFG SPCR TPM2; do cmp -i 36 $t.dat new$t.aml || exit 1; done",
	/* iasl encodes the DSDT in another way: compared as text, once more taken apart. */
	"iasl -d newDSDT.aml",
	"for t in DSDT newDSDT; do sed -n '/^DefinitionBlock/,$p' $t.dsl >$t.text; done",
	"test -s DSDT.text && diff DSDT.text newDSDT.text",
	"for id in PNP0A08 PNP0501 PNP0B00 PNP0C02 MSFT0101; do grep -q $id DSDT.text || exit 1; "
	"done",
	"grep -q 0xC0000000 DSDT.text && grep -q 0x0000000FFFFFFFFF DSDT.text",
	"grep -q QEMU0002 DSDT.text && grep -q 0xF0000000 DSDT.text",
};

/* iasl takes every table apart and puts it together again to the same, without a warning. */
static void
test_iasl(void **state)
{
	static const char *const listed[] = { "FACP", "APIC", "MCFG", "SPCR", "TPM2" };
	char dir[] = "/tmp/zhyve-acpi-XXXXXX";
	const uint8_t *fadt;

	if (system("iasl -v >/dev/null 2>&1") != 0) {
		print_message("iasl is not installed (acpica-tools): not checked\n");
		skip();
	}
	config.ncpus = 300;
	config.fwcfg = true;
	config.mem32_end = 0xFEC00000;
	write_tables();
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < NITEMS(listed); i++)
		dump(dir, listed[i], find_table(listed[i]));
	fadt = find_table("FACP");
	dump(dir, "FACS", ram + le32_get(fadt + 36));
	dump(dir, "DSDT", table_at(le64_get(fadt + 140), "DSDT"));
	for (unsigned i = 0; i < NITEMS(iasl_checks); i++)
		run_in(dir, iasl_checks[i]);
	run_in(dir, "rm -f -- *.dat *.dsl *.aml *.text log");
	(void)rmdir(dir);
}

/* What SeaBIOS and OVMF do with a table loader's script; every address must be there. */
static void
run_loader(const struct acpi_files *f, uint64_t tables, uint64_t rsdp)
{
	for (uint32_t at = 0; at < f->loader_len; at += 128) {
		const uint8_t *c = f->loader + at, *name = c + 4;
		bool is_rsdp = strcmp((const char *)name, "etc/acpi/rsdp") == 0;
		uint64_t base = is_rsdp ? rsdp : tables, p = 0;
		uint32_t len = is_rsdp ? f->rsdp_len : f->tables_len;

		assert_true(is_rsdp || strcmp((const char *)name, "etc/acpi/tables") == 0);
		switch (le32_get(c)) {
		case 1: /* allocate: alignment, zone */
			assert_int_equal(base % le32_get(c + 60), 0);
			assert_int_equal(c[64], is_rsdp ? 2 : 1);
			memcpy(ram + base, is_rsdp ? f->rsdp : f->tables, len);
			break;
		case 2: /* add the tables' address */
			assert_string_equal((const char *)c + 60, "etc/acpi/tables");
			assert_true(range_ok(le32_get(c + 116), c[120], len));
			memcpy(&p, ram + base + le32_get(c + 116), c[120]);
			assert_true(p < f->tables_len);
			p += tables;
			memcpy(ram + base + le32_get(c + 116), &p, c[120]);
			break;
		case 3: /* checksum: OVMF wants to find a zero */
			assert_true(range_ok(le32_get(c + 64), le32_get(c + 68), len));
			assert_int_equal(ram[base + le32_get(c + 60)], 0);
			ram[base + le32_get(c + 60)] =
			    (uint8_t)-sum(ram + base + le32_get(c + 64), le32_get(c + 68));
			break;
		default:
			fail_msg("unknown command");
		}
	}
}

static void
test_loader(void **state)
{
	struct acpi_files f;
	struct err e = { 0 };
	const uint8_t *fadt;

	config.pm_base = PM_PORT_ROM;
	config.fwcfg = true;
	config.mem32_end = 0xFEC00000;
	assert_int_equal(acpi_files(&config, &f, &e), 0);
	where.rsdp = 0xF5560;
	run_loader(&f, 0x7F0000, where.rsdp);
	fadt = find_table("FACP");
	assert_non_null(fadt);
	assert_memory_equal(ram + le32_get(fadt + 36), "FACS", 4);
	assert_int_equal(le32_get(fadt + 36) % 64, 0);
	assert_int_equal(le32_get(fadt + 40), le64_get(fadt + 140));
	(void)table_at(le64_get(fadt + 140), "DSDT");
	assert_int_equal(le32_get(fadt + 76), 0x608); /* PM timer */
	assert_int_equal(le64_get(fadt + 148 + 4), 0x600);
	assert_non_null(find_table("APIC"));
	assert_non_null(find_table("MCFG"));
	assert_non_null(find_table("SPCR"));
	acpi_files_free(&f);
	config.ncpus = 0;
	assert_int_equal(acpi_files(&config, &f, &e), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fadt),
		T(test_madt),
		T(test_apic_ids_given),
		T(test_small_tables),
		T(test_many_vcpus),
		T(test_refused),
		T(test_loader),
		T(test_iasl),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
