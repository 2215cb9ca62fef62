/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for the tables of the machine as an operating system does: ACPI's root pointer where
 * the start information says and where a scan finds it, checksums, a MADT with as many
 * processors as the command line says (in decimal), the DSDT; SMBIOS by its 64-bit entry point,
 * with the product's name.
 */
#include "guest.h"

#define RSDP_SCAN_START 0xE0000
#define RSDP_SCAN_END   0x100000

static uint32_t
get32(const uint8_t *p)
{
	return (p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

static uint64_t
get64(const uint8_t *p)
{
	return (get32(p) | (uint64_t)get32(p + 4) << 32);
}

static bool
same(const void *a, const char *b, unsigned n)
{
	const char *p = a;

	for (unsigned i = 0; i < n; i++) {
		if (p[i] != b[i])
			return (false);
	}
	return (true);
}

static bool
sums_to_zero(const uint8_t *p, uint32_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum += *p++;
	return (sum == 0);
}

/* The first place, 16-byte aligned, where a signature of the BIOS area stands. */
static const uint8_t *
scan(const char *sig, unsigned n)
{
	for (uint64_t a = RSDP_SCAN_START; a < RSDP_SCAN_END; a += 16) {
		if (same((const void *)a, sig, n))
			return ((const uint8_t *)a);
	}
	fail(sig, 0);
}

static const uint8_t *
table(uint64_t addr, const char *sig)
{
	const uint8_t *t = (const uint8_t *)addr;

	if (sig != NULL)
		CHECK(same(t, sig, 4), addr);
	CHECK(sums_to_zero(t, get32(t + 4)), addr);
	return (t);
}

static const uint8_t *
find(const uint8_t *xsdt, const char *sig)
{
	for (uint32_t off = 36; off < get32(xsdt + 4); off += 8) {
		const uint8_t *t = table(get64(xsdt + off), NULL);

		if (same(t, sig, 4))
			return (t);
	}
	fail(sig, 0);
}

static unsigned
processors(const uint8_t *madt)
{
	unsigned n = 0;

	for (uint32_t off = 44; off < get32(madt + 4); off += madt[off + 1]) {
		CHECK(madt[off + 1] >= 2, off);
		n += madt[off] == 0 || madt[off] == 9;
	}
	return (n);
}

static void
check_acpi(const struct start_info *info, unsigned cpus)
{
	const uint8_t *rsdp = scan("RSD PTR ", 8), *xsdt, *fadt;

	CHECK(info->rsdp == (uint64_t)rsdp, info->rsdp);
	CHECK(sums_to_zero(rsdp, 20) && sums_to_zero(rsdp, 36), 0);
	xsdt = table(get64(rsdp + 24), "XSDT");
	CHECK(processors(find(xsdt, "APIC")) == cpus, processors(find(xsdt, "APIC")));
	(void)find(xsdt, "MCFG");
	fadt = find(xsdt, "FACP");
	(void)table(get64(fadt + 140), "DSDT");
	CHECK(same((const void *)(uint64_t)get32(fadt + 36), "FACS", 4), get32(fadt + 36));
}

static void
check_smbios(void)
{
	const uint8_t *entry = scan("_SM3_", 5), *p = (const uint8_t *)get64(entry + 16);
	const uint8_t *end = p + get32(entry + 12);

	CHECK(sums_to_zero(entry, entry[6]), 0);
	while (p < end && p[0] != 1) { /* system information */
		p += p[1];
		while (p[0] != 0 || p[1] != 0)
			p++;
		p += 2;
	}
	CHECK(p < end, 0);
	CHECK(get32(p + 8) == 0x00112233, get32(p + 8)); /* the UUID's first field */
	for (unsigned n = p[5], i = (p += p[1], 1); i < n; i++) {
		while (*p++ != 0)
			;
	}
	CHECK(same(p, "SmartDC HVM", 12), *p);
}

void
guest_main(const struct start_info *info)
{
	unsigned cpus = 0;

	for (const char *s = (const char *)info->cmdline; *s >= '0' && *s <= '9'; s++)
		cpus = cpus * 10 + (unsigned)(*s - '0');
	check_acpi(info, cpus);
	check_smbios();
	put_text("ok\n");
}
