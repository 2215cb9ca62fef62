/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DSDT: the PCI root with its windows and interrupt routing, what sits behind the ISA bridge,
 * the ports and memory that belong to the board, and sleep state S5. Runs in zhyve, before any
 * guest code.
 */
#include "base/checked.h"
#include "devices/acpi_internal.h"
#include "devices/aml.h"
#include "devices/fwcfg.h"
#include "devices/hpet.h"
#include "devices/i8042.h"
#include "devices/lpc.h"
#include "devices/pci.h"
#include "devices/pm.h"
#include "devices/rtc.h"
#include "devices/tpm_crb.h"

/* _PRT (6.2.13): for each slot and pin the I/O APIC's input, as pci.h says. */
static void
put_routing(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			aml_package(a);
			aml_int(a, (uint64_t)slot << 16 | 0xffff);
			aml_int(a, pin);
			aml_int(a, 0);
			aml_int(a, PCI_INTX_GSI_BASE + (slot + pin) % PCI_INTX_GSIS);
			aml_end(a);
		}
	}
	aml_end(a);
}

static void
put_mem32(struct aml *a, uint64_t base, uint64_t end)
{
	if (end > base)
		aml_res_mem32_window(a, (uint32_t)base, (uint32_t)(end - 1));
}

static void
put_windows(struct aml *a, const struct acpi_config *c)
{
	aml_resources(a, "_CRS");
	aml_res_bus_window(a, 0, c->last_bus);
	aml_res_io(a, PCI_PORT_BASE, PCI_PORT_LEN);
	aml_res_io_window(a, 0, PCI_PORT_BASE - 1);
	aml_res_io_window(a, PCI_PORT_BASE + PCI_PORT_LEN, PCI_IO_END - 1);
	put_mem32(a, c->mem32_base, MIN(c->mem32_end, PCI_ECAM_BASE));
	put_mem32(a, MAX(c->mem32_base, PCI_ECAM_BASE + PCI_ECAM_SIZE), c->mem32_end);
	if (c->mem64_end > c->mem64_base)
		aml_res_mem64_window(a, c->mem64_base, c->mem64_end - 1);
	aml_end(a);
}

/* Names count from 1, as the devices do. */
static void
put_com(struct aml *a, unsigned n)
{
	char name[] = "COM1";

	name[3] = (char)('1' + n);
	aml_device(a, name);
	aml_name_eisaid(a, "_HID", "PNP0501");
	aml_name_int(a, "_UID", n + 1);
	aml_resources(a, "_CRS");
	aml_res_io(a, lpc_com[n].port, 8);
	aml_res_irq(a, lpc_com[n].irq);
	aml_end(a);
	aml_end(a);
}

/* Keyboard and mouse: the controller's ports are the keyboard's. */
static void
put_ps2(struct aml *a)
{
	aml_device(a, "KBD_");
	aml_name_eisaid(a, "_HID", "PNP0303");
	aml_resources(a, "_CRS");
	aml_res_io(a, I8042_PORT_DATA, 1);
	aml_res_io(a, I8042_PORT_CMD, 1);
	aml_res_irq(a, I8042_IRQ_KBD);
	aml_end(a);
	aml_end(a);
	aml_device(a, "MOU_");
	aml_name_eisaid(a, "_HID", "PNP0F13");
	aml_resources(a, "_CRS");
	aml_res_irq(a, I8042_IRQ_AUX);
	aml_end(a);
	aml_end(a);
}

static void
put_isa(struct aml *a, const struct acpi_config *c)
{
	unsigned bdf = c->lpc_bdf;

	aml_device(a, "ISA_");
	aml_name_int(a, "_ADR", (uint64_t)((bdf >> 3) & 31) << 16 | (bdf & 7));
	for (unsigned n = 0; n < LPC_COMS; n++)
		put_com(a, n);
	if (c->i8042)
		put_ps2(a);
	aml_device(a, "RTC_");
	aml_name_eisaid(a, "_HID", "PNP0B00");
	aml_resources(a, "_CRS");
	aml_res_io(a, RTC_PORT_BASE, RTC_PORT_LEN);
	aml_res_irq(a, LPC_IRQ_RTC);
	aml_end(a);
	aml_end(a);
	aml_end(a);
}

/* As QEMU describes it: Linux' qemu_fw_cfg driver looks for this. */
static void
put_fwcfg(struct aml *a)
{
	aml_device(a, "FWCF");
	aml_name(a, "_HID");
	aml_string(a, "QEMU0002");
	aml_name_int(a, "_STA", 0x0B); /* present, enabled, not shown */
	aml_resources(a, "_CRS");
	aml_res_io(a, FWCFG_PORT_BASE, FWCFG_PORT_LEN);
	aml_end(a);
	aml_end(a);
}

/* What no other device may be given: PM ports and ECAM. */
static void
put_board(struct aml *a, const struct acpi_config *c)
{
	aml_device(a, "MBRD");
	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 0);
	aml_resources(a, "_CRS");
	aml_res_io(a, acpi_pm_base(c), PM_PORT_LEN);
	aml_res_io(a, PM_PORT_SMI, 1);
	aml_res_memory32(a, (uint32_t)PCI_ECAM_BASE, (uint32_t)PCI_ECAM_SIZE);
	aml_end(a);
	aml_end(a);
}

static void
put_tpm(struct aml *a)
{
	aml_device(a, "TPM_");
	aml_name(a, "_HID");
	aml_string(a, "MSFT0101");
	aml_name_int(a, "_STA", 0xf);
	aml_resources(a, "_CRS");
	aml_res_memory32(a, (uint32_t)TPM_CRB_BASE, TPM_CRB_LEN);
	aml_end(a);
	aml_end(a);
}

static void
put_hpet(struct aml *a)
{
	aml_device(a, "HPET");
	aml_name_eisaid(a, "_HID", "PNP0103");
	aml_name_int(a, "_UID", 0);
	aml_resources(a, "_CRS");
	aml_res_memory32(a, (uint32_t)HPET_BASE, HPET_LEN);
	aml_end(a);
	aml_end(a);
}

static void
put_root(struct aml *a, const struct acpi_config *c)
{
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A08");
	aml_name_eisaid(a, "_CID", "PNP0A03");
	aml_name_int(a, "_UID", 0);
	aml_name_int(a, "_SEG", 0);
	aml_name_int(a, "_BBN", 0);
	put_windows(a, c);
	put_routing(a);
	/*
	 * Firmware keeps no PCI Express feature to itself: whatever control is asked for is
	 * given.
	 */
	aml_method(a, "_OSC", 4);
	aml_return_arg(a, 3);
	aml_end(a);
	if (c->lpc_bdf != ACPI_NO_LPC)
		put_isa(a, c);
	aml_end(a);
}

int
acpi_dsdt(const struct acpi_config *c, void *buf, size_t size)
{
	struct aml a;

	aml_init(&a, buf, size);
	aml_scope(&a, "_SB_");
	put_root(&a, c);
	put_board(&a, c);
	if (c->fwcfg)
		put_fwcfg(&a);
	if (c->tpm)
		put_tpm(&a);
	if (c->hpet)
		put_hpet(&a);
	aml_end(&a);
	aml_name(&a, "_S5_");
	aml_package(&a);
	aml_int(&a, PM_SLP_TYP_S5);
	aml_int(&a, PM_SLP_TYP_S5);
	aml_int(&a, 0);
	aml_int(&a, 0);
	aml_end(&a);
	return (aml_finish(&a));
}
