/* SPDX-License-Identifier: BSD-2-Clause */
/* The host bridge: see hostbridge.h. Pure; runs in zhyve. */
#include "devices/hostbridge.h"

#include <string.h>

#include "base/checked.h"
#include "devices/pci_regs.h"

#define CLASS_HOST_BRIDGE 0x060000
#define I440FX_VENDOR     0x8086
#define I440FX_DEVICE     0x1237
#define I440FX_PAM        0x59 /* programmable attribute map: seven registers */
#define I440FX_PAMS       7
#define QEMU_SUBVENDOR    0x1AF4
#define QEMU_SUBDEVICE    0x1100

const char hostbridge_models[] = "netapp, amd, i440fx, q35";

bool
hostbridge_model(const char *model, uint16_t *vendor, uint16_t *device)
{
	static const struct {
		const char *name;
		uint16_t vendor, device;
	} models[] = {
		{ "netapp", 0x1275, 0x1275 },
		{ "amd", 0x1022, 0x7432 },
		{ "i440fx", 0x8086, 0x1237 },
		{ "q35", 0x8086, 0x29b0 },
	};

	for (unsigned i = 0; i < NITEMS(models); i++) {
		if (strcmp(model != NULL ? model : "netapp", models[i].name) != 0)
			continue;
		*vendor = models[i].vendor;
		*device = models[i].device;
		return (true);
	}
	return (false);
}

void
hostbridge_init(struct hostbridge *h, uint16_t vendor, uint16_t device)
{
	static const struct pci_dev_ops ops = { 0 };

	pci_dev_init(&h->pci, "hostbridge", &ops, h, vendor, device, CLASS_HOST_BRIDGE, 0);
	if (vendor != I440FX_VENDOR || device != I440FX_DEVICE)
		return;
	pci_set_subsystem(&h->pci, QEMU_SUBVENDOR, QEMU_SUBDEVICE);
	memset(&h->pci.wmask[I440FX_PAM], 0xff, I440FX_PAMS);
}
