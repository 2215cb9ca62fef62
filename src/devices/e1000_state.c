/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of the e1000 (state.h): registers, PHY, the EEPROM's serial port, contexts, and the packet
 * that is being gathered or waits for the link. Refuses a packet that could not be sent. Pure; runs
 * in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"
#include "devices/state.h"

#define CONTEXT_STATE(F, T)            \
	F(T, ipcss, SAVED, STATE_ANY)  \
	F(T, ipcso, SAVED, STATE_ANY)  \
	F(T, tucss, SAVED, STATE_ANY)  \
	F(T, tucso, SAVED, STATE_ANY)  \
	F(T, ipcse, SAVED, STATE_ANY)  \
	F(T, tucse, SAVED, STATE_ANY)  \
	F(T, cmd, SAVED, STATE_ANY)    \
	F(T, hdrlen, SAVED, STATE_ANY) \
	F(T, mss, SAVED, STATE_ANY)
STATE_TYPE(context_type, struct e1000_context, CONTEXT_STATE, "e1000-context", 1);

#define TX_STATE(F, T)                                \
	F(T, ctx, PARTS, context_type)                \
	F(T, len, SAVED, E1000_FRAME_MAX - FRAME_MIN) \
	F(T, begun, SAVED, 1)                         \
	F(T, too_long, SAVED, 1)                      \
	F(T, extended, SAVED, 1)                      \
	F(T, segment, SAVED, 1)                       \
	F(T, popts, SAVED, STATE_ANY)                 \
	F(T, held, SAVED, 1)                          \
	F(T, tagged, SAVED, 1)                        \
	F(T, tag, SAVED, STATE_ANY)                   \
	F(T, next, SAVED, E1000_FRAME_MAX)            \
	F(T, frame, BYTES, 0)                         \
	F(T, header, OWNS, 0)
STATE_TYPE(tx_type, struct e1000_tx, TX_STATE, "e1000-tx", 1);

#define EECD_STATE(F, T)             \
	F(T, last, SAVED, STATE_ANY) \
	F(T, in, SAVED, STATE_ANY)   \
	F(T, nin, SAVED, STATE_ANY)  \
	F(T, out, SAVED, STATE_ANY)  \
	F(T, reading, SAVED, 1)
STATE_TYPE(eecd_type, struct e1000_eeprom_port, EECD_STATE, "e1000-eecd", 1);

#define E1000_STATE(F, T)               \
	F(T, pci, OWNS, 0)              \
	F(T, gm, OWN, 0)                \
	F(T, backend, OWN, 0)           \
	F(T, kick, OWN, 0)              \
	F(T, kick_ctx, OWN, 0)          \
	F(T, link, SAVED, 1)            \
	F(T, reg, ARRAY, STATE_ANY)     \
	F(T, io_addr, SAVED, STATE_ANY) \
	F(T, phy, ARRAY, STATE_ANY)     \
	F(T, eeprom, OWNS, 0)           \
	F(T, eecd, PART, eecd_type)     \
	F(T, tx, PART, tx_type)         \
	F(T, rx_len, OWN, 0)            \
	F(T, rx_off, OWN, 0)            \
	F(T, rx_tagged, OWN, 0)         \
	F(T, rx_tag, OWN, 0)            \
	F(T, reading, OWN, 0)           \
	F(T, rx_frame, OWNS, 0)
STATE_TYPE(e1000_type, struct e1000, E1000_STATE, "e1000", 1);

/* A packet that waits is one that was found fit to be sent. */
static bool
packet_ok(const struct e1000_tx *t)
{
	if (!t->held)
		return (true);
	if (!t->begun || t->too_long || t->len < 2 * MAC_LEN + 2)
		return (false);
	return (!t->segment || e1000_segment_ok(&t->ctx[1], t->len));
}

static int
check(const struct e1000 *n, struct state *st)
{
	for (unsigned i = 0; i < E1000_REGS; i++)
		if (n->reg[i] != e1000_masked(i * 4, n->reg[i]))
			return (state_refuse(
			    st, EINVAL, "register %#x has bits that are not there", i * 4));
	if (!packet_ok(&n->tx))
		return (state_refuse(st, EINVAL, "a packet waits that cannot be sent"));
	return (0);
}

int
e1000_state(struct e1000 *n, struct state *st)
{
	pci_dev_state(&n->pci, st);
	state_struct(st, &e1000_type, n);
	if (st->rc != 0 || !st->loading || check(n, st) < 0)
		return (st->rc);
	if (n->tx.held)
		n->backend->ops->want_write(n->backend, true);
	return (0);
}
