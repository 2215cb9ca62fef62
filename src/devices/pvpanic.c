/* SPDX-License-Identifier: BSD-2-Clause */
/* The panic device: see pvpanic.h. Pure; runs in zhyve. */
#include "devices/pvpanic.h"

#define VENDOR   0x1b36
#define DEVICE   0x0011
#define CLASS    0x088000 /* base system peripheral, other */
#define BAR_SIZE 16
/* Windows' driver asks for these. */
#define SUBSYS_VENDOR 0x1af4
#define SUBSYS_DEVICE 0x1100

static uint64_t
pvpanic_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)d;
	(void)bar;
	(void)size;
	return (off == 0 ? PVPANIC_EVENTS : 0);
}

static void
pvpanic_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct pvpanic *p = d->softc;
	uint8_t events = (uint8_t)(val & PVPANIC_EVENTS);

	(void)bar;
	(void)size;
	if (off == 0 && events != 0)
		p->report(p->ctx, events);
}

void
pvpanic_init(struct pvpanic *p, void (*report)(void *ctx, uint8_t events), void *ctx)
{
	static const struct pci_dev_ops ops = {
		.bar_read = pvpanic_read,
		.bar_write = pvpanic_write,
	};

	*p = (struct pvpanic){ .report = report, .ctx = ctx };
	pci_dev_init(&p->pci, "pvpanic", &ops, p, VENDOR, DEVICE, CLASS, 1);
	pci_set_subsystem(&p->pci, SUBSYS_VENDOR, SUBSYS_DEVICE);
	(void)pci_add_bar(&p->pci, 0, PCI_BAR_MEM32, BAR_SIZE);
}
