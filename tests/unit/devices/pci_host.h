/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine in which the tests of PCI devices put their bus: it decodes nothing (the tests call
 * the BAR handlers themselves), counts messages, keeps the last of them and the level of the line.
 */
#ifndef ZHYVE_TESTS_PCI_HOST_H
#define ZHYVE_TESTS_PCI_HOST_H

#include "devices/pci.h"

static unsigned messages;
static uint64_t last_addr;
static uint32_t last_data;
static bool line;

static inline int
host_map(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	return (0);
}

static inline void
host_unmap(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
}

static inline void
host_msi(void *ctx, uint64_t addr, uint32_t data)
{
	messages++;
	last_addr = addr;
	last_data = data;
}

static inline void
host_intx(void *ctx, unsigned gsi, bool level)
{
	line = level;
}

/* A bus with memory from 3 GiB on. The test destroys it. */
static inline struct pci_bus *
host_bus(void)
{
	const struct pci_host_ops ops = { host_map, host_unmap, host_msi, host_intx, NULL };

	messages = 0;
	line = false;
	return (pci_bus_create(&ops, 0xC0000000, 0xE0000000, 0, 0));
}

#endif
