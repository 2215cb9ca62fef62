/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the emulations of nics (virtio-net-viona, e1000) have in common on the command line. Runs
 * in zhyve while the machine is built.
 */
#ifndef ZHYVE_PROCS_ZHYVE_NET_OPTIONS_H
#define ZHYVE_PROCS_ZHYVE_NET_OPTIONS_H

#include "procs/zhyve/machine.h"

/* mac= below `cfg`, or an address derived from the machine's name and the slot. 0 or -errno. */
int net_mac(
    struct machine *m, struct config_node *cfg, unsigned bdf, uint8_t mac[6], struct err *e);

/*
 * rom=FILE or fd:N below `cfg`: attach the file to the function as its expansion ROM, by which a
 * BIOS boots from the network. Before pci_attach. 0 or -errno.
 */
int net_rom(struct config_node *cfg, struct pci_dev *d, struct err *e);

#endif
