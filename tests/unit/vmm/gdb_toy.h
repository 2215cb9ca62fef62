/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a debugger looks at, for tests of vmm/gdb_server.h: registers of TOY_CPUS vCPUs, and TOY_LEN
 * bytes of memory at TOY_BASE, which are defined before this is included.
 */
#ifndef ZHYVE_TESTS_GDB_TOY_H
#define ZHYVE_TESTS_GDB_TOY_H

#include <errno.h>
#include <string.h>

#include "vmm/gdb_server.h"

static struct {
	struct gdb_regs regs[TOY_CPUS];
	uint8_t mem[TOY_LEN];
} toy;

static inline int
toy_read_regs(void *ctx, unsigned cpu, struct gdb_regs *r)
{
	(void)ctx;
	*r = toy.regs[cpu];
	return (0);
}

static inline int
toy_write_regs(void *ctx, unsigned cpu, const struct gdb_regs *r)
{
	(void)ctx;
	toy.regs[cpu] = *r;
	return (0);
}

/* Where the bytes are, or NULL. */
static inline uint8_t *
toy_at(uint64_t addr, size_t len)
{
	uint64_t off = addr - TOY_BASE; /* of what is below: very large */

	return (off > TOY_LEN || len > TOY_LEN - off ? NULL : toy.mem + off);
}

static inline int
toy_read_mem(void *ctx, unsigned cpu, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *p = toy_at(addr, len);

	(void)ctx;
	(void)cpu;
	if (p == NULL)
		return (-EFAULT);
	memcpy(buf, p, len);
	return (0);
}

static inline int
toy_write_mem(void *ctx, unsigned cpu, uint64_t addr, const void *buf, size_t len)
{
	uint8_t *p = toy_at(addr, len);

	(void)ctx;
	(void)cpu;
	if (p == NULL)
		return (-EFAULT);
	memcpy(p, buf, len);
	return (0);
}

#endif
