/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware (ACPI 6.5, 4.8): PM1 event and control block, PM timer, GPE0, the SMI
 * command port that switches ACPI on and off, sleep state S5, the power button, and the reset
 * register at 0xCF9. The same ports as bhyve's, told to the guest by the FADT (acpi.c). Pure
 * (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_PM_H
#define ZHYVE_DEVICES_PM_H

#include "devices/bus.h"
#include "devices/device.h"

#define PM_PORT_BASE    0x400 /* pm_ops: the whole block, as in bhyve ... */
#define PM_PORT_ROM     0x600 /* ... and where it is for a boot ROM (piix4.h) */
#define PM_PORT_LEN     0x10
#define PM_OFF_EVT      0x0 /* status, enable: 2 bytes each */
#define PM_OFF_CNT      0x4 /* 2 bytes */
#define PM_OFF_TMR      0x8 /* 4 bytes */
#define PM_OFF_GPE0     0xC /* status, enable: 2 bytes each */
#define PM_PORT_EVT     (PM_PORT_BASE + PM_OFF_EVT)
#define PM_PORT_CNT     (PM_PORT_BASE + PM_OFF_CNT)
#define PM_PORT_TMR     (PM_PORT_BASE + PM_OFF_TMR)
#define PM_PORT_GPE0    (PM_PORT_BASE + PM_OFF_GPE0)
#define PM_PORT_SMI     0xB2  /* pm_smi_ops: one port */
#define PM_PORT_RESET   0xCF9 /* pm_reset_ops: through pci_bus_set_reset_port */
#define PM_SMI_ACPI_ON  0xA0
#define PM_SMI_ACPI_OFF 0xA1
#define PM_RESET_VALUE  0x06
#define PM_SLP_TYP_S5   5
#define PM_SLP_TYP_ROM  0 /* what boot ROMs made for QEMU's PIIX4 write to power off */
#define PM_TIMER_HZ     3579545u
#define PM_GPE_VMGENC   0 /* the one GPE bit there is */

struct pm {
	struct irq_line sci; /* level */
	struct machine_ctl ctl;
	struct clock clock;
	uint16_t pm1_sts, pm1_en, pm1_cnt;
	uint16_t gpe_sts, gpe_en;
	uint8_t reset_ctl;
	bool sci_level;
	bool for_rom; /* PM_SLP_TYP_ROM powers off, too; set by the owner */
};

/* Everything given is copied. ACPI mode is off (SCI_EN clear) until the guest asks for it. */
void pm_init(struct pm *pm, const struct irq_line *sci, const struct machine_ctl *ctl,
    const struct clock *clock);
void pm_reset(struct pm *pm);

/*
 * The power button was pressed (SIGTERM, the wire): sets its status bit, and raises the SCI when
 * the guest has enabled the event. False when the guest has not yet answered the press before (no
 * effect) or has no ACPI.
 */
bool pm_power_button(struct pm *pm);
/* Raise a general-purpose event. */
void pm_gpe_raise(struct pm *pm, unsigned bit);

/* `dev` is the struct pm. */
extern const struct bus_ops pm_ops;
extern const struct bus_ops pm_smi_ops;
extern const struct bus_ops pm_reset_ops;

struct state;
/*
 * Save or load it (state.h). The timer is the clock's: it stands where that does.
 */
int pm_state(struct pm *pm, struct state *st);

#endif
