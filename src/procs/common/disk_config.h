/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block options of bhyve(8) on a command line, for zhyve and zhyve-blk.
 */
#ifndef ZHYVE_PROCS_COMMON_DISK_CONFIG_H
#define ZHYVE_PROCS_COMMON_DISK_CONFIG_H

#include "backend/block_file.h"
#include "vmm/config.h"

/* Read nocache, sync (direct), ro, sectorsize=L[/P], nodelete and uring=false below `cfg`. 0 or -errno. */
int disk_config(struct config_node *cfg, struct block_opts *o, struct err *e);

/*
 * The serial of a disk that was given none, in buf of `size` bytes: a digest of its path. bhyve's
 * is one, too, but not the same. Returns buf.
 */
const char *disk_default_serial(const char *path, char *buf, size_t size);

#endif
