/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of PCI device emulations. Each emulation's file registers one entry with
 * ZHYVE_EMUL; the linker collects them, so that adding a device touches its own file (and its
 * line in meson.build). An entry joins a pure device model (devices/), its backend (backend/)
 * and the machine. Runs in zhyve while the machine is built.
 */
#ifndef ZHYVE_PROCS_ZHYVE_EMUL_H
#define ZHYVE_PROCS_ZHYVE_EMUL_H

#include "base/err.h"
#include "vmm/config.h"

struct machine;

struct vmm_emul {
	const char *name;  /* as -s takes it */
	const char *first; /* the variable of an option without "=" in first place, NULL: none */
	/*
	 * For options of another shape, instead of `first`: put the text after "-s SLOT,NAME,"
	 * into variables below cfg. 0 or -errno. NULL: config_options does.
	 */
	int (*options)(struct config_node *cfg, const char *text, struct err *e);
	const char *help; /* one line for -s help: the options */
	/*
	 * Build the device at `bdf` from its variables and attach it. 0 or -errno; the error
	 * names what is wrong (the caller adds slot and name). What was made stays the
	 * machine's until the process ends.
	 */
	int (*init)(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e);
};

/* Register: `static const struct vmm_emul x = { … }; ZHYVE_EMUL(x);` */
#define ZHYVE_EMUL(e)                                      \
	static const struct vmm_emul *const zhyve_emul_##e \
	    __attribute__((section("zhyve_emul"), used)) = &e

/* By name (case matters not, as in bhyve); NULL when there is none. */
const struct vmm_emul *emul_find(const char *name);
/* Print the table, sorted by name. */
void emul_list(void);

#endif
