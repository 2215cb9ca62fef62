/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host bridge in slot 0 (bhyve's hostbridge and amd_hostbridge): a function with ids and a
 * class and nothing behind it; the windows belong to pci.c. Pure (device.h). Runs in zhyve.
 *
 * The model i440fx (Intel 82441FX data sheet) is the one that boot ROMs know: with the subsystem
 * under which SeaBIOS looks for fw_cfg, and the PAM registers by which it makes 0xC0000-0xFFFFF
 * writable. They are zero at reset (the segments show ROM), so that it copies itself there as on a
 * PC; but that is RAM from the start (vmm/boot_rom.h), and what is written to them is kept and has
 * no effect. A ROM that protects its code from the guest afterwards gets no protection, nor would
 * it keep a guest from anything.
 */
#ifndef ZHYVE_DEVICES_HOSTBRIDGE_H
#define ZHYVE_DEVICES_HOSTBRIDGE_H

#include "devices/pci.h"

struct hostbridge {
	struct pci_dev pci; /* the caller sets bdf and attaches it */
};

/*
 * The ids behind bhyve's model= (netapp, amd, i440fx, q35); model NULL is the default, netapp.
 * False: unknown name.
 */
bool hostbridge_model(const char *model, uint16_t *vendor, uint16_t *device);
/* The names, comma separated, for messages. */
extern const char hostbridge_models[];

void hostbridge_init(struct hostbridge *h, uint16_t vendor, uint16_t device);

#endif
