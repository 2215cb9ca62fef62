/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files named on the command line: by a path, or, where nothing may be opened, as fd:N. Runs in
 * zhyve while the machine is opened and built.
 */
#ifndef ZHYVE_PROCS_ZHYVE_FILES_H
#define ZHYVE_PROCS_ZHYVE_FILES_H

#include "devices/pci.h"
#include "vmm/boot.h"

/*
 * Take a regular file that is not empty, with O_RDONLY or O_RDWR as `mode`; `what` it is stands in
 * messages (NULL: the caller says it). 0, or -errno with f->fd -1. The descriptor is the caller's, also one that was handed
 * over.
 */
int file_take(struct boot_file *f, const char *what, const char *path, int mode, struct err *e);

/*
 * Attach a file of at most 1 MiB to the function as its expansion ROM, before pci_attach; path NULL:
 * there is none. With `adopt` it is a ROM for another device's identifiers and gets the function's
 * own; what is no ROM is refused then. 0 or -errno.
 */
int file_add_rom(struct pci_dev *d, const char *path, bool adopt, struct err *e);

#endif
