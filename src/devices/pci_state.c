/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a PCI function (state.h): configuration space, from which its BARs, MSI and the MSI-X
 * switches follow, MSI-X table and pending bits, the INTx line. Refuses the configuration space of a
 * function that is not like this one. Pure; runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/pci.h"
#include "devices/pci_internal.h"
#include "devices/pci_regs.h"
#include "devices/state.h"

#define ENTRY_STATE(F, T)            \
	F(T, addr, SAVED, STATE_ANY) \
	F(T, data, SAVED, STATE_ANY) \
	F(T, ctrl, SAVED, PCI_MSIX_VEC_MASK)
STATE_TYPE(entry_type, struct msix_entry, ENTRY_STATE, "msix-entry", 1);

/* Its switches follow from the message control word. */
#define MSIX_STATE(F, T)                 \
	F(T, nvec, SAME, STATE_ANY)      \
	F(T, cap_off, SAME, STATE_ANY)   \
	F(T, bar, SAME, STATE_ANY)       \
	F(T, pba_bar, SAME, STATE_ANY)   \
	F(T, table_off, SAME, STATE_ANY) \
	F(T, pba_off, SAME, STATE_ANY)   \
	F(T, enabled, OWN, 0)            \
	F(T, masked, OWN, 0)             \
	F(T, table, OWN, 0)              \
	F(T, pba, OWN, 0)
STATE_TYPE(msix_type, struct pci_msix, MSIX_STATE, "msix", 1);

/*
 * The function's address may be another one. Its BARs are where cfg says; as many and as large as
 * before they are when the same bits of cfg can be written.
 */
#define PCI_STATE(F, T)                \
	F(T, name, OWN, 0)             \
	F(T, bdf, OWN, 0)              \
	F(T, ops, OWN, 0)              \
	F(T, softc, OWN, 0)            \
	F(T, lock, OWN, 0)             \
	F(T, bus, OWN, 0)              \
	F(T, cfg, BYTES, 0)            \
	F(T, wmask, BYTES, 0)          \
	F(T, bar, OWNS, 0)             \
	F(T, msix, PART, msix_type)    \
	F(T, msi_off, SAME, STATE_ANY) \
	F(T, rom, OWN, 0)              \
	F(T, cap_last, OWN, 0)         \
	F(T, cap_next, OWN, 0)         \
	F(T, gsi, OWN, 0)              \
	F(T, no_intx, SAME, 1)         \
	F(T, intx_level, SAVED, 1)     \
	F(T, intx_out, OWN, 0)         \
	F(T, cfg_attached, OWNS, 0)
STATE_TYPE(pci_type, struct pci_dev, PCI_STATE, "pci", 1);

/* Is it a function like this one: but for what the guest may write, the same? */
static bool
same_kind(const struct pci_dev *d, const struct pci_dev *loaded)
{
	if (memcmp(d->wmask, loaded->wmask, sizeof(d->wmask)) != 0)
		return (false);
	for (unsigned i = 0; i < PCI_CFG_SIZE; i++)
		if (((d->cfg[i] ^ loaded->cfg[i]) & ~d->wmask[i]) != 0)
			return (false);
	return (true);
}

static int
msix_state(struct pci_dev *d, struct state *st)
{
	struct pci_msix *m = &d->msix;
	unsigned words = (m->nvec + 63) / 64;

	state_structs(st, &entry_type, m->table, m->nvec);
	state_bytes(st, "msix-pending", m->pba, words * sizeof(*m->pba));
	if (st->rc != 0 || !st->loading)
		return (st->rc);
	for (unsigned i = 0; i < m->nvec; i++)
		if ((m->table[i].addr & 3) != 0)
			return (state_refuse(st, EINVAL, "MSI-X vector %u is not aligned", i));
	if (m->nvec % 64 != 0 && m->pba[words - 1] >> m->nvec % 64 != 0)
		return (state_refuse(st, EINVAL, "an MSI-X vector is pending that is not there"));
	return (0);
}

int
pci_dev_state(struct pci_dev *d, struct state *st)
{
	struct pci_dev image = *d; /* so that what is not like it leaves it as it is */

	state_struct(st, &pci_type, &image);
	if (st->rc == 0 && st->loading && !same_kind(d, &image))
		state_refuse(st, EINVAL, "it is the state of another PCI function");
	if (d->msix.nvec != 0)
		msix_state(d, st);
	if (st->rc != 0 || !st->loading)
		return (st->rc);
	memcpy(d->cfg, image.cfg, sizeof(d->cfg));
	(void)pci_bars_update(d);
	if (d->msix.nvec != 0)
		pci_msix_ctrl_written(d);
	pci_intx_set(d, image.intx_level);
	return (0);
}

#define BUS_STATE(F, T)                               \
	F(T, host, OWNS, 0)                           \
	F(T, io, OWNS, 0)                             \
	F(T, mem32, OWNS, 0)                          \
	F(T, mem64, OWNS, 0)                          \
	F(T, dev, OWNS, 0)                            \
	F(T, config_address, SAVED, PCI_CONFIG_WMASK) \
	F(T, reset_ops, OWN, 0)                       \
	F(T, reset_dev, OWN, 0)                       \
	F(T, enable_bars, OWN, 0)                     \
	F(T, intx, OWNS, 0)
STATE_TYPE(bus_type, struct pci_bus, BUS_STATE, "pci-bus", 1);

int
pci_bus_state(struct pci_bus *bus, struct state *st)
{
	if (state_struct(st, &bus_type, bus) == 0 && st->loading)
		bus->config_address &= PCI_CONFIG_WMASK;
	return (st->rc);
}
