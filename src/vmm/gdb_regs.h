/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target description of a vCPU, and its registers as GDB's hexadecimal text: see gdb_server.h.
 * Names and order are those of GDB's own features for x86-64 (GDB manual, G.5.5 "i386 Features").
 * Pure. Runs in zhyve.
 */
#ifndef ZHYVE_VMM_GDB_REGS_H
#define ZHYVE_VMM_GDB_REGS_H

#include "vmm/gdb_server.h"

/* The description (XML) into `out`; its length, 0 when it does not fit. */
size_t gdb_regs_xml(char *out, size_t size);

/* All registers as the g packet has them; bytes written. `out` has GDB_OUT_MAX. */
size_t gdb_regs_put(const struct gdb_regs *r, char *out);
/* From a G packet. -EINVAL: not of its form. Read-only ones are skipped. */
int gdb_regs_get(struct gdb_regs *r, const char *text);

/* One register by its number. 0 or -EINVAL (no such), -EACCES (read-only). */
int gdb_reg_put(const struct gdb_regs *r, unsigned n, char *out, size_t *len);
int gdb_reg_get(struct gdb_regs *r, unsigned n, const char *text);

/* Hexadecimal text of bytes, and back; false when there are other characters or too few. */
size_t gdb_hex_put(char *out, const void *bytes, size_t n);
bool gdb_hex_get(const char *text, void *bytes, size_t n);

#endif
