/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The static ACPI tables: see acpi.h; the DSDT is in acpi_dsdt.c. Tables are built one after the
 * other in a private buffer that stands for guest memory from `base` on, and copied out when all
 * is known to fit. Runs in zhyve, before any guest code.
 */
#include "devices/acpi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/acpi_internal.h"
#include "devices/hpet.h"
#include "devices/lpc.h"
#include "devices/pci.h"
#include "devices/pm.h"
#include "devices/rtc.h"
#include "devices/tpm_crb.h"

#define HEADER_LEN 36
#define RSDP_LEN   ACPI_RSDP_LEN
#define FACS_LEN   64
#define FADT_LEN   276
#define TABLES_MAX 8
#define BASE_SIZE  (24 * KIB) /* everything but the per-vCPU entries, with room to spare */
#define PER_CPU    16

/* FADT (5.2.9): offsets. */
#define FADT_FACS       36
#define FADT_DSDT       40
#define FADT_SCI        46
#define FADT_SMI_CMD    48
#define FADT_ACPI_ON    52
#define FADT_ACPI_OFF   53
#define FADT_PM1_EVT    56
#define FADT_PM1_CNT    64
#define FADT_PM_TMR     76
#define FADT_GPE0       80
#define FADT_EVT_LEN    88
#define FADT_CNT_LEN    89
#define FADT_TMR_LEN    91
#define FADT_GPE0_LEN   92
#define FADT_C2_LAT     96
#define FADT_C3_LAT     98
#define FADT_CENTURY    108
#define FADT_BOOT_ARCH  109
#define FADT_FLAGS      112
#define FADT_RESET_REG  116
#define FADT_RESET_VAL  128
#define FADT_MINOR      131
#define FADT_X_FACS     132
#define FADT_X_DSDT     140
#define FADT_X_PM1_EVT  148
#define FADT_X_PM1_CNT  172
#define FADT_X_PM_TMR   208
#define FADT_X_GPE0     220
#define FADT_HYPERVISOR 268

/*
 * Flags: WBINVD, C1, no sleep button, no RTC wake status, 32-bit timer, reset register, headless.
 */
#define FADT_FLAGS_VAL (1u << 0 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 8 | 1u << 10 | 1u << 12)
/*
 * Legacy devices on the ISA bus, no VGA, ASPM to be left alone; an 8042 only where there is one:
 * else it is not probed.
 */
#define FADT_BOOT_VAL   (1u << 0 | 1u << 2 | 1u << 4)
#define FADT_BOOT_I8042 (1u << 1)

/* MADT entries (5.2.12). */
#define MADT_LAPIC      0
#define MADT_IOAPIC     1
#define MADT_OVERRIDE   2
#define MADT_LAPIC_NMI  4
#define MADT_X2APIC     9
#define MADT_X2APIC_NMI 10
#define MADT_ENABLED    1
#define MADT_LEVEL_LOW  0x000F

#define TPM2_START_CRB  7

struct builder {
	uint8_t *buf;
	size_t size, len;
	uint64_t base;
	bool failed;
	uint64_t table[TABLES_MAX]; /* what the XSDT lists */
	unsigned ntables;
	struct acpi_fixups *fix; /* NULL: `base` is where the tables will be */
};

/* `len` zero bytes at the next multiple of `align`; NULL when there is no room. */
static uint8_t *
claim(struct builder *b, size_t len, size_t align)
{
	size_t at = ROUND_UP(b->len, align);

	if (b->failed || at > b->size || len > b->size - at) {
		b->failed = true;
		return (NULL);
	}
	b->len = at + len;
	memset(b->buf + at, 0, len);
	return (b->buf + at);
}

static uint64_t
gpa_of(const struct builder *b, const uint8_t *p)
{
	return (b->base + (uint64_t)(p - b->buf));
}

/* Make the bytes sum up to zero. */
static void
checksum(uint8_t *p, size_t len, size_t at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += p[i];
	p[at] = (uint8_t)-sum;
}

/* The `len` bytes at p are an address within the tables. */
static void
note_pointer(struct builder *b, const uint8_t *p, unsigned len)
{
	struct acpi_fixups *f = b->fix;

	if (f == NULL || b->failed)
		return;
	if (f->npointers == ACPI_FIXUPS_MAX)
		b->failed = true;
	else
		f->pointer[f->npointers++] = (struct acpi_fixup){ (uint32_t)(p - b->buf), len };
}

/* A table of `len` bytes with its header; the checksum comes with finish(). */
static uint8_t *
table(struct builder *b, const char *sig, uint8_t revision, size_t len)
{
	uint8_t *t = claim(b, len, 16);

	if (t == NULL)
		return (NULL);
	memcpy(t, sig, 4);
	le32_put(t + 4, (uint32_t)len);
	t[8] = revision;
	memcpy(t + 10, ACPI_OEM_ID, 6);
	memcpy(t + 16, ACPI_OEM_TABLE_ID, 8);
	le32_put(t + 24, 1);
	memcpy(t + 28, ACPI_CREATOR, 4);
	le32_put(t + 32, 1);
	return (t);
}

static void
finish(struct builder *b, uint8_t *t, bool listed)
{
	struct acpi_fixups *f = b->fix;

	if (f == NULL)
		checksum(t, le32_get(t + 4), ACPI_TABLE_SUM);
	else if (f->ntables == ACPI_FIXUPS_MAX)
		b->failed = true;
	else
		f->table[f->ntables++] =
		    (struct acpi_fixup){ (uint32_t)(t - b->buf), le32_get(t + 4) };
	if (listed && b->ntables < TABLES_MAX)
		b->table[b->ntables++] = gpa_of(b, t);
}

/* Generic address structure of an I/O port (5.2.3.2); access sizes 1: byte, 2: word, 3: dword. */
static void
gas_io(uint8_t *p, uint16_t port, uint8_t bits, uint8_t access)
{
	p[0] = 1;
	p[1] = bits;
	p[2] = 0;
	p[3] = access;
	le64_put(p + 4, port);
}

static uint64_t
put_facs(struct builder *b)
{
	uint8_t *t = claim(b, FACS_LEN, 64);

	if (t == NULL)
		return (0);
	memcpy(t, "FACS", 4);
	le32_put(t + 4, FACS_LEN);
	t[32] = 2; /* version */
	return (gpa_of(b, t));
}

static uint64_t
put_dsdt(struct builder *b, const struct acpi_config *c)
{
	uint8_t *t = table(b, "DSDT", 2, HEADER_LEN);
	int n;

	if (t == NULL)
		return (0);
	n = acpi_dsdt(c, b->buf + b->len, b->size - b->len);
	if (n < 0) {
		b->failed = true;
		return (0);
	}
	b->len += (size_t)n;
	le32_put(t + 4, (uint32_t)(HEADER_LEN + n));
	finish(b, t, false);
	return (gpa_of(b, t));
}

static void
put_pm_ports(uint8_t *t, uint16_t base)
{
	uint16_t evt = base + PM_OFF_EVT, cnt = base + PM_OFF_CNT, tmr = base + PM_OFF_TMR,
		 gpe0 = base + PM_OFF_GPE0;

	le32_put(t + FADT_PM1_EVT, evt);
	le32_put(t + FADT_PM1_CNT, cnt);
	le32_put(t + FADT_PM_TMR, tmr);
	le32_put(t + FADT_GPE0, gpe0);
	gas_io(t + FADT_X_PM1_EVT, evt, 32, 2);
	gas_io(t + FADT_X_PM1_CNT, cnt, 16, 2);
	gas_io(t + FADT_X_PM_TMR, tmr, 32, 3);
	gas_io(t + FADT_X_GPE0, gpe0, 32, 1);
}

static void
put_fadt(struct builder *b, const struct acpi_config *c, uint64_t facs, uint64_t dsdt)
{
	uint8_t *t = table(b, "FACP", 6, FADT_LEN);

	if (t == NULL)
		return;
	le32_put(t + FADT_FACS, (uint32_t)facs);
	note_pointer(b, t + FADT_FACS, 4);
	le32_put(t + FADT_DSDT, (uint32_t)dsdt);
	note_pointer(b, t + FADT_DSDT, 4);
	le16_put(t + FADT_SCI, LPC_IRQ_SCI);
	le32_put(t + FADT_SMI_CMD, PM_PORT_SMI);
	t[FADT_ACPI_ON] = PM_SMI_ACPI_ON;
	t[FADT_ACPI_OFF] = PM_SMI_ACPI_OFF;
	put_pm_ports(t, acpi_pm_base(c));
	t[FADT_EVT_LEN] = 4;
	t[FADT_CNT_LEN] = 2;
	t[FADT_TMR_LEN] = 4;
	t[FADT_GPE0_LEN] = 4;
	le16_put(t + FADT_C2_LAT, 0x0fff); /* above 100 us: there is no C2 ... */
	le16_put(t + FADT_C3_LAT, 0x0fff); /* ... and above 1,000 us: no C3 */
	t[FADT_CENTURY] = RTC_CENTURY;
	le16_put(t + FADT_BOOT_ARCH, FADT_BOOT_VAL | (c->i8042 ? FADT_BOOT_I8042 : 0));
	le32_put(t + FADT_FLAGS, FADT_FLAGS_VAL);
	gas_io(t + FADT_RESET_REG, PM_PORT_RESET, 8, 1);
	t[FADT_RESET_VAL] = PM_RESET_VALUE;
	t[FADT_MINOR] = 5;
	/*
	 * One of the two pointers to a table is to be used; the 32-bit one of the FACS stands
	 * alone.
	 */
	le64_put(t + FADT_X_DSDT, dsdt);
	note_pointer(b, t + FADT_X_DSDT, 8);
	memcpy(t + FADT_HYPERVISOR, ACPI_HYPERVISOR, 8);
	finish(b, t, true);
}

static uint32_t
apic_id(const struct acpi_config *c, unsigned cpu)
{
	return (c->apic_id != NULL ? c->apic_id[cpu] : cpu);
}

/* Local APICs have 8-bit ids, of which 255 means all; above that they are x2APICs. */
static void
madt_cpu(struct builder *b, uint32_t uid, uint32_t id)
{
	uint8_t *p = claim(b, id < 255 ? 8 : 16, 1);

	if (p == NULL)
		return;
	if (id < 255) {
		p[0] = MADT_LAPIC;
		p[1] = 8;
		p[2] = (uint8_t)uid;
		p[3] = (uint8_t)id;
		le32_put(p + 4, MADT_ENABLED);
	} else {
		p[0] = MADT_X2APIC;
		p[1] = 16;
		le32_put(p + 4, id);
		le32_put(p + 8, MADT_ENABLED);
		le32_put(p + 12, uid);
	}
}

static void
madt_override(struct builder *b, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	uint8_t *p = claim(b, 10, 1);

	if (p == NULL)
		return;
	p[0] = MADT_OVERRIDE;
	p[1] = 10;
	p[3] = irq;
	le32_put(p + 4, gsi);
	le16_put(p + 8, flags);
}

/* LINT1 of every processor is its NMI. */
static void
madt_nmi(struct builder *b, bool x2apic)
{
	uint8_t *p = claim(b, x2apic ? 12 : 6, 1);

	if (p == NULL)
		return;
	if (!x2apic) {
		p[0] = MADT_LAPIC_NMI;
		p[1] = 6;
		p[2] = 0xff;
		p[5] = 1;
	} else {
		p[0] = MADT_X2APIC_NMI;
		p[1] = 12;
		le32_put(p + 4, 0xffffffff);
		p[8] = 1;
	}
}

static void
put_madt(struct builder *b, const struct acpi_config *c)
{
	uint8_t *t = table(b, "APIC", 5, HEADER_LEN + 8), *p;
	bool x2apic = false;

	if (t == NULL)
		return;
	le32_put(t + 36, ACPI_LAPIC);
	le32_put(t + 40, c->no_pic ? 0 : 1); /* 8259s are there too */
	for (unsigned i = 0; i < c->ncpus; i++) {
		madt_cpu(b, i, apic_id(c, i));
		x2apic |= apic_id(c, i) >= 255;
	}
	p = claim(b, 12, 1);
	if (p == NULL)
		return;
	p[0] = MADT_IOAPIC;
	p[1] = 12;
	le32_put(p + 4, ACPI_IOAPIC);
	madt_override(b, 0, 2, 0);
	madt_override(b, LPC_IRQ_SCI, LPC_IRQ_SCI, MADT_LEVEL_LOW);
	madt_nmi(b, false);
	if (x2apic)
		madt_nmi(b, true);
	if (b->failed)
		return;
	le32_put(t + 4, (uint32_t)(b->buf + b->len - t));
	finish(b, t, true);
}

static void
put_mcfg(struct builder *b, const struct acpi_config *c)
{
	uint8_t *t = table(b, "MCFG", 1, HEADER_LEN + 8 + 16);

	if (t == NULL)
		return;
	le64_put(t + 44, PCI_ECAM_BASE);
	t[55] = c->last_bus;
	finish(b, t, true);
}

/* IA-PC HPET specification 1.0a, 3.2.4. */
static void
put_hpet(struct builder *b)
{
	uint8_t *t = table(b, "HPET", 1, HEADER_LEN + 20);

	if (t == NULL)
		return;
	le32_put(t + 36, HPET_ID);
	t[41] = 64; /* a register of 64 bits in memory */
	le64_put(t + 44, HPET_BASE);
	le16_put(t + 53, HPET_PERIOD_MIN);
	finish(b, t, true);
}

/* Serial Port Console Redirection (Microsoft), revision 2. */
static void
put_spcr(struct builder *b)
{
	uint8_t *t = table(b, "SPCR", 2, 80);

	if (t == NULL)
		return;
	gas_io(t + 40, lpc_com[0].port, 8, 1);
	t[52] = 3; /* interrupts by 8259 and by I/O APIC */
	t[53] = lpc_com[0].irq;
	le32_put(t + 54, lpc_com[0].irq);
	t[58] = 7;                /* 115,200 baud, no parity, ... */
	t[60] = 1;                /* ... one stop bit */
	t[62] = 3;                /* an ANSI terminal */
	le16_put(t + 64, 0xffff); /* not a PCI device */
	le16_put(t + 66, 0xffff);
	finish(b, t, true);
}

/* TCG ACPI Specification 1.4, 7.3. There is no area for the event log: its fields are zero. */
static void
put_tpm2(struct builder *b)
{
	uint8_t *t = table(b, "TPM2", 4, 76);

	if (t == NULL)
		return;
	le64_put(t + 40, TPM_CRB_CONTROL);
	le32_put(t + 48, TPM2_START_CRB);
	finish(b, t, true);
}

/* RSDT and XSDT: the same list in two widths. Returns the address. */
static uint64_t
put_list(struct builder *b, const char *sig, unsigned width)
{
	uint8_t *t = table(b, sig, 1, HEADER_LEN + (size_t)width * b->ntables);

	if (t == NULL)
		return (0);
	for (unsigned i = 0; i < b->ntables; i++) {
		memcpy(t + HEADER_LEN + width * i, &b->table[i], width);
		note_pointer(b, t + HEADER_LEN + width * i, width);
	}
	finish(b, t, false);
	return (gpa_of(b, t));
}

static void
make_rsdp(uint8_t p[RSDP_LEN], uint64_t rsdt, uint64_t xsdt, bool final)
{
	memset(p, 0, RSDP_LEN);
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, ACPI_OEM_ID, 6);
	p[15] = 2;
	le32_put(p + ACPI_RSDP_RSDT, (uint32_t)rsdt);
	le32_put(p + 20, RSDP_LEN);
	le64_put(p + ACPI_RSDP_XSDT, xsdt);
	if (!final)
		return;
	checksum(p, ACPI_RSDP_V1_LEN, ACPI_RSDP_SUM);
	checksum(p, RSDP_LEN, ACPI_RSDP_SUM2);
}

/* Build everything but the RSDP for the address b->base, and the RSDP that leads to it. */
static int
build(struct builder *b, const struct acpi_config *c, uint8_t rsdp[RSDP_LEN])
{
	uint64_t facs, dsdt, rsdt, xsdt;

	b->len = 0;
	b->ntables = 0;
	facs = put_facs(b);
	dsdt = put_dsdt(b, c);
	put_fadt(b, c, facs, dsdt);
	put_madt(b, c);
	put_mcfg(b, c);
	if (c->hpet)
		put_hpet(b);
	if (c->spcr)
		put_spcr(b);
	if (c->tpm)
		put_tpm2(b);
	rsdt = put_list(b, "RSDT", 4);
	xsdt = put_list(b, "XSDT", 8);
	make_rsdp(rsdp, rsdt, xsdt, b->fix == NULL);
	if (b->fix != NULL) {
		b->fix->rsdt = (uint32_t)rsdt;
		b->fix->xsdt = (uint32_t)xsdt;
	}
	return (b->failed ? -ENOSPC : 0);
}

/* Decide where the tables go, in the BIOS area or at the end of low RAM, and put them there. */
static int
place(struct builder *b, const struct gmem *gm, const struct acpi_config *c, struct acpi_place *out,
    struct err *e)
{
	uint64_t low_end = gm->range[0].gpa + gm->range[0].len, len;
	uint8_t rsdp[RSDP_LEN];
	int rc;

	out->rsdp = ACPI_AREA;
	b->base = ROUND_UP(ACPI_AREA + RSDP_LEN, 64);
	rc = build(b, c, rsdp);
	if (rc == 0 && b->len > ACPI_AREA_END - b->base) {
		/* The sizes do not depend on the place, so this one fits. */
		len = ROUND_UP((uint64_t)b->len, 4096);
		if (low_end < ACPI_AREA_END + len)
			return (err_say(e, ENOSPC,
			    "%llu KiB of ACPI tables for %u vCPUs do not fit into the guest's "
			    "memory",
			    (unsigned long long)(len / KIB), c->ncpus));
		b->base = low_end - len;
		out->ram_base = b->base;
		out->ram_len = len;
		rc = build(b, c, rsdp);
	}
	if (rc != 0)
		return (err_say(e, -rc, "the ACPI tables do not fit into their buffer"));
	if (gmem_write(gm, out->rsdp, rsdp, sizeof(rsdp)) != 0 ||
	    gmem_write(gm, b->base, b->buf, b->len) != 0)
		return (err_say(e, ENOSPC,
		    "no room for ACPI tables: the guest needs at least 1 MiB of memory (-m)"));
	return (0);
}

static int
new_builder(struct builder *b, const struct acpi_config *c, struct err *e)
{
	*b = (struct builder){ 0 };
	if (c->ncpus == 0 || c->ncpus > ACPI_MAX_VCPUS)
		return (err_say(
		    e, EINVAL, "cannot describe a machine with %u vCPUs in ACPI tables", c->ncpus));
	b->size = BASE_SIZE + (size_t)c->ncpus * PER_CPU;
	b->buf = malloc(b->size);
	if (b->buf == NULL)
		return (err_set(e, ENOMEM, "cannot build ACPI tables"));
	return (0);
}

int
acpi_write(
    const struct gmem *gm, const struct acpi_config *c, struct acpi_place *out, struct err *e)
{
	struct builder b;
	int rc;

	memset(out, 0, sizeof(*out));
	if (gm->nranges == 0)
		return (err_say(e, EINVAL, "there is no memory for ACPI tables"));
	if ((rc = new_builder(&b, c, e)) != 0)
		return (rc);
	rc = place(&b, gm, c, out, e);
	free(b.buf);
	return (rc);
}

int
acpi_build_unplaced(const struct acpi_config *c, uint8_t **out, uint8_t rsdp[ACPI_RSDP_LEN],
    struct acpi_fixups *fix, struct err *e)
{
	struct builder b;
	int rc;

	memset(fix, 0, sizeof(*fix));
	if ((rc = new_builder(&b, c, e)) != 0)
		return (rc);
	b.fix = fix;
	if (build(&b, c, rsdp) != 0) {
		free(b.buf);
		return (err_say(e, ENOSPC, "the ACPI tables do not fit into their buffer"));
	}
	*out = b.buf;
	return ((int)b.len);
}
