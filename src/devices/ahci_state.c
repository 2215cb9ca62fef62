/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of the AHCI controller (state.h): registers, and what the drives remember between
 * commands. Commands that were taken have ended; others wait in PxCI. Refuses a controller that is
 * resetting. Pure; runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"
#include "devices/state.h"

#define HBA_STATE(F, T)               \
	F(T, pci, OWNS, 0)            \
	F(T, gm, OWN, 0)              \
	F(T, nports, SAME, STATE_ANY) \
	F(T, ghc, SAVED, STATE_ANY)   \
	F(T, is, SAVED, STATE_ANY)    \
	F(T, port, OWN, 0)
STATE_TYPE(hba_type, struct ahci, HBA_STATE, "ahci", 1);

#define QUEUE_ERROR_STATE(F, T)  \
	F(T, valid, SAVED, 1)    \
	F(T, unqueued, SAVED, 1) \
	F(T, fis, BYTES, 0)
STATE_TYPE(queue_error_type, struct ahci_queue_error, QUEUE_ERROR_STATE, "ahci-ncq-error", 1);

#define PORT_STATE(F, T)                          \
	F(T, hba, OWN, 0)                         \
	F(T, index, OWN, 0)                       \
	F(T, kind, SAME, STATE_ANY)               \
	F(T, backend, OWN, 0)                     \
	F(T, serial, OWNS, 0)                     \
	F(T, revision, OWNS, 0)                   \
	F(T, model, OWNS, 0)                      \
	F(T, nmrr, SAME, STATE_ANY)               \
	F(T, clb, SAVED, STATE_ANY)               \
	F(T, fb, SAVED, STATE_ANY)                \
	F(T, is, SAVED, STATE_ANY)                \
	F(T, ie, SAVED, STATE_ANY)                \
	F(T, cmd, SAVED, STATE_ANY)               \
	F(T, tfd, SAVED, STATE_ANY)               \
	F(T, sig, SAVED, STATE_ANY)               \
	F(T, ssts, SAVED, STATE_ANY)              \
	F(T, sctl, SAVED, STATE_ANY)              \
	F(T, serr, SAVED, STATE_ANY)              \
	F(T, sact, SAVED, STATE_ANY)              \
	F(T, ci, SAVED, STATE_ANY)                \
	F(T, flying, OWN, 0)                      \
	F(T, dropped, OWN, 0)                     \
	F(T, arrived, OWN, 0)                     \
	F(T, last, SAVED, AHCI_SLOTS - 1)         \
	F(T, halted, SAVED, 1)                    \
	F(T, reset_due, OWN, 0)                   \
	F(T, greeting_due, SAVED, 1)              \
	F(T, tags, SAVED, STATE_ANY)              \
	F(T, srst, SAVED, 1)                      \
	F(T, write_cache, SAVED, 1)               \
	F(T, look_ahead, SAVED, 1)                \
	F(T, smart, SAVED, 1)                     \
	F(T, multiple, SAVED, STATE_ANY)          \
	F(T, queue_error, PART, queue_error_type) \
	F(T, sense_key, SAVED, STATE_ANY)         \
	F(T, asc, SAVED, STATE_ANY)               \
	F(T, ascq, SAVED, STATE_ANY)              \
	F(T, attention, SAVED, STATE_ANY)         \
	F(T, event, SAVED, STATE_ANY)             \
	F(T, locked, SAVED, 1)                    \
	F(T, open, SAVED, 1)                      \
	F(T, buf, OWNS, 0)                        \
	F(T, range, OWN, 0)                       \
	F(T, slot, OWNS, 0)
STATE_TYPE(port_type, struct ahci_port, PORT_STATE, "ahci-port", 1);

static bool
busy(const struct ahci *a)
{
	for (unsigned i = 0; i < a->nports; i++)
		if (a->port[i].flying != 0)
			return (true);
	return (false);
}

int
ahci_state(struct ahci *a, struct state *st)
{
	if (busy(a))
		return (state_refuse(st, EBUSY, "a drive is at work"));
	pci_dev_state(&a->pci, st);
	state_struct(st, &hba_type, a);
	state_structs(st, &port_type, a->port, a->nports);
	/* With nothing at work no reset can be under way. */
	if (st->rc == 0 && st->loading && (a->ghc & GHC_HR) != 0)
		state_refuse(st, EINVAL, "it is being reset");
	return (st->rc);
}
