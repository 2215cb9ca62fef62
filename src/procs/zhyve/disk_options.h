/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the emulations of disks (virtio-blk, ahci, nvme) have in common on the command line: the
 * block options of bhyve(8). Runs in zhyve while the machine is built.
 */
#ifndef ZHYVE_PROCS_ZHYVE_DISK_OPTIONS_H
#define ZHYVE_PROCS_ZHYVE_DISK_OPTIONS_H

#include "procs/common/disk_config.h"
#include "procs/zhyve/machine.h"

/*
 * Read nocache, sync (direct), ro, sectorsize=L[/P], nodelete and uring=false below `cfg`, and
 * have the disk's own threads, where there are any, put themselves under their filter. 0 or -errno.
 */
int disk_options(struct machine *m, struct config_node *cfg, struct block_opts *o, struct err *e);

#endif
