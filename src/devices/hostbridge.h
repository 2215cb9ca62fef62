/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host bridge in slot 0 (bhyve's hostbridge and amd_hostbridge): a function with ids and a
 * class and nothing behind it; the windows belong to pci.c. Pure (device.h). Runs in zhyve.
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
