/* SPDX-License-Identifier: BSD-2-Clause */
/* PIIX4 power management function: see piix4.h. Pure; runs in zhyve. */
#include "devices/piix4.h"

#include "base/checked.h"
#include "devices/lpc.h"
#include "devices/pci_regs.h"

#define PIIX4_VENDOR    0x8086
#define PIIX4_DEVICE    0x7113
#define PIIX4_REVISION  3
#define CLASS_BRIDGE    0x068000 /* other bridge */

#define PMBA            0x40       /* PM base address, bit 0: it is a port */
#define DEVACTB         0x58       /* device activity B */
#define DEVACTB_APMC_EN (1u << 25) /* writes to 0xB2 make SMIs: SeaBIOS then takes SMM as set up */
#define PMREGMISC       0x80       /* bit 0: the PM block is decoded */

void
piix4_pm_init(struct piix4_pm *p, uint16_t pm_base)
{
	static const struct pci_dev_ops ops = { 0 };

	pci_dev_init(
	    &p->pci, "piix4-pm", &ops, p, PIIX4_VENDOR, PIIX4_DEVICE, CLASS_BRIDGE, PIIX4_REVISION);
	p->pci.bdf = PIIX4_PM_BDF;
	le32_put(&p->pci.cfg[PMBA], pm_base | 1u);
	le32_put(&p->pci.cfg[DEVACTB], DEVACTB_APMC_EN);
	p->pci.cfg[PMREGMISC] = 1;
	p->pci.cfg[PCIR_INTLINE] = LPC_IRQ_SCI;
}
