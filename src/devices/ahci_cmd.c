/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI: from a bit in PxCI to the frame that ends the command (AHCI 1.3.1, 5.3 and 5.5; Serial
 * ATA 3.1, chapter 10). One command that is not queued runs at a time; queued ones run together.
 * After an error nothing is taken until the guest has cleared PxCMD.ST (6.2.2). Structures that
 * are not in RAM stop the port with a host bus error. No DMA Setup frame is posted: no driver
 * looks at it. Runs in zhyve.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"

static uint32_t
bit(const struct ahci_slot *s)
{
	return (1u << s->index);
}

/* --- frames to the guest --- */

/* Without a place, or the right to write there, a frame is lost and nobody waits for it. */
static void
post(struct ahci_port *p, unsigned where, const uint8_t *fis, unsigned len)
{
	if ((p->cmd & CMD_FRE) == 0 || !pci_bus_master(&p->hba->pci))
		return;
	if (gmem_write(p->hba->gm, p->fb + where, fis, len) != 0) {
		p->halted = true;
		ahci_port_interrupt(p, IS_HBFS);
	}
}

static void
set_tfd(struct ahci_port *p, uint8_t status, uint8_t error)
{
	p->tfd = (uint32_t)error << 8 | status;
}

/* Register FIS, device to host: the command's fields as the command left them. */
static void
post_d2h(struct ahci_slot *s, uint8_t status, uint8_t error, bool intr)
{
	uint8_t fis[FIS_LEN] = { FIS_D2H, intr ? FIS_INTR : 0, status, error };

	memcpy(fis + F_LBA, s->fis + F_LBA, F_COUNT_EXP + 1 - F_LBA);
	fis[F_FEATURES_EXP] = 0;
	set_tfd(s->port, status, error);
	post(s->port, RFIS_D2H, fis, sizeof(fis));
}

/* PIO Setup FIS, for data that have already moved. */
static void
post_pio(struct ahci_slot *s)
{
	uint8_t fis[FIS_LEN] = { FIS_PIO, FIS_INTR | FIS_PIO_IN, ATA_S_OK | ATA_S_DRQ };

	memcpy(fis + F_LBA, s->fis + F_LBA, F_COUNT_EXP + 1 - F_LBA);
	fis[F_FEATURES_EXP] = 0;
	fis[F_E_STATUS] = ATA_S_OK;
	le16_put(fis + F_TRANSFER, (uint16_t)MIN(s->moved, 0xfffeu));
	set_tfd(s->port, ATA_S_OK, 0);
	post(s->port, RFIS_PIO, fis, sizeof(fis));
}

/* Set Device Bits FIS: queued commands that ended. */
static void
post_sdb(struct ahci_port *p, uint8_t status, uint8_t error, uint32_t ended)
{
	uint8_t fis[FIS_SDB_LEN] = { FIS_SDB, FIS_INTR,
		(uint8_t)(status & ~(ATA_S_BUSY | ATA_S_DRQ)), error };

	le32_put(fis + 4, ended);
	p->sact &= ~ended;
	set_tfd(p, (uint8_t)(status | (p->tfd & (ATA_S_BUSY | ATA_S_DRQ))), error);
	post(p, RFIS_SDB, fis, sizeof(fis));
}

void
ahci_greet(struct ahci_port *p)
{
	uint8_t fis[FIS_LEN] = { FIS_D2H };

	if (!p->greeting_due || (p->cmd & CMD_FRE) == 0)
		return;
	p->greeting_due = false;
	fis[F_STATUS] = (uint8_t)p->tfd;
	fis[F_ERROR] = (uint8_t)(p->tfd >> 8);
	fis[F_COUNT] = (uint8_t)p->sig;
	memcpy(fis + F_LBA,
	    (uint8_t[3]){
		(uint8_t)(p->sig >> 8), (uint8_t)(p->sig >> 16), (uint8_t)(p->sig >> 24) },
	    3);
	post(p, RFIS_D2H, fis, sizeof(fis));
}

/* --- ends of commands --- */

static void
report_moved(struct ahci_slot *s)
{
	uint8_t v[4];

	le32_put(v, s->moved);
	(void)gmem_write(s->port->hba->gm, s->header + HDR_PRDBC, v, sizeof(v));
}

void
ahci_accept(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;

	s->queued = true;
	p->tags |= bit(s);
	p->ci &= ~bit(s);
	post_d2h(s, ATA_S_OK, 0, false);
}

void
ahci_ok(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	uint32_t bits = s->intr ? IS_DPS : 0;

	if (s->queued) {
		p->tags &= ~bit(s);
		post_sdb(p, ATA_S_OK, 0, bit(s));
		bits |= IS_SDBS;
	} else {
		report_moved(s);
		if (s->pio_in)
			post_pio(s);
		else
			post_d2h(s, ATA_S_OK, 0, true);
		p->ci &= ~bit(s);
		bits |= s->pio_in ? IS_PSS : IS_DHRS;
	}
	ahci_port_interrupt(p, bits);
}

/* The queue is over: the other commands in it are as good as never given. */
static void
break_queue(struct ahci_port *p, const struct ahci_slot *culprit, uint8_t error)
{
	p->queue_error.valid = true;
	p->queue_error.unqueued = culprit == NULL || !culprit->queued;
	if (culprit != NULL)
		memcpy(p->queue_error.fis, culprit->fis, FIS_LEN);
	else
		memset(p->queue_error.fis, 0, FIS_LEN);
	p->queue_error.fis[F_STATUS] = ATA_S_READY | ATA_S_ERR;
	p->queue_error.fis[F_ERROR] = error;
	ahci_port_drop(p);
}

static void
fail(struct ahci_slot *s, uint8_t error, uint32_t bits)
{
	struct ahci_port *p = s->port;

	p->halted = true;
	if (p->tags != 0)
		break_queue(p, s, error);
	if (s->queued) {
		post_sdb(p, ATA_S_READY | ATA_S_ERR, error, 0);
		bits |= IS_SDBS;
	} else {
		report_moved(s);
		post_d2h(s, ATA_S_READY | ATA_S_ERR, error, true);
		bits |= IS_DHRS;
	}
	ahci_port_interrupt(p, bits | IS_TFES);
}

void
ahci_fail(struct ahci_slot *s, uint8_t error)
{
	fail(s, error, 0);
}

void
ahci_bus_error(struct ahci_slot *s, uint32_t bits)
{
	fail(s, ATA_E_ABORT, bits);
}

void
ahci_port_drop(struct ahci_port *p)
{
	p->dropped = p->flying;
	p->tags = 0;
}

/* --- data --- */

/*
 * The next bytes that the descriptors name, at most `max`: their address and number, which is 0 at
 * the end of the table. False: the table is not in RAM. An entry is copied, then looked at.
 */
static bool
cursor_take(const struct gmem *gm, struct ahci_slot *s, uint64_t max, uint64_t *addr, uint32_t *len)
{
	struct ahci_cursor *c = &s->cur;
	uint8_t prd[PRD_SIZE];
	uint32_t ctl;

	*len = 0;
	while (c->len == 0) {
		if (c->left == 0)
			return (true);
		if (gmem_read(gm, c->next, prd, sizeof(prd)) != 0)
			return (false);
		c->left--;
		c->next += PRD_SIZE;
		ctl = le32_get(prd + 12);
		c->addr = le64_get(prd) & ~1ull;
		c->len = ((ctl & PRD_DBC_MASK) | 1) + 1;
		s->intr |= (ctl & PRD_INTR) != 0;
	}
	*addr = c->addr;
	*len = (uint32_t)MIN(c->len, max);
	c->addr += *len;
	c->len -= *len;
	return (true);
}

/* Copy in one direction, up to the end of the table. */
static bool
copy(struct ahci_slot *s, uint8_t *buf, size_t size, bool to_guest)
{
	const struct gmem *gm = s->port->hba->gm;
	uint64_t addr;
	uint32_t len;
	int rc;

	while (size > 0) {
		rc = cursor_take(gm, s, size, &addr, &len) ? 0 : -EFAULT;
		if (rc == 0 && len == 0)
			break;
		if (rc == 0)
			rc = to_guest ? gmem_write(gm, addr, buf, len)
				      : gmem_read(gm, addr, buf, len);
		if (rc != 0) {
			ahci_bus_error(s, IS_HBFS);
			return (false);
		}
		buf += len;
		size -= len;
		s->moved += len;
	}
	return (true);
}

bool
ahci_to_guest(struct ahci_slot *s, const void *buf, size_t len)
{
	return (copy(s, (uint8_t *)(uintptr_t)buf, len, true));
}

bool
ahci_from_guest(struct ahci_slot *s, void *buf, size_t len)
{
	return (copy(s, buf, len, false));
}

/*
 * Fill the request with as many whole sectors as its vector holds and the descriptors name; 0 or
 * the PxIS bit of what is wrong. What was taken beyond the last whole sector goes back: the cursor
 * then stands where that sector ended.
 */
static uint32_t
gather(struct ahci_slot *s)
{
	const struct gmem *gm = s->port->hba->gm;
	struct ahci_cursor good = s->cur;
	uint64_t bytes = 0, addr;
	uint32_t len, over, beyond = 0;

	s->io.niov = 0;
	for (unsigned n = 0; n < BLOCK_IOV_MAX && bytes < s->left; n++) {
		if (!cursor_take(gm, s, s->left - bytes, &addr, &len))
			return (IS_HBFS);
		if (len == 0)
			break;
		s->io.iov[n].iov_base = gmem_ptr(gm, addr, len);
		s->io.iov[n].iov_len = len;
		if (s->io.iov[n].iov_base == NULL)
			return (IS_HBFS);
		bytes += len;
		over = (uint32_t)(bytes % s->unit);
		if (over >= len)
			continue;
		/* A sector ends in this piece, `over` bytes before the piece does. */
		good = s->cur;
		good.addr -= over;
		good.len += over;
		s->io.niov = n + 1;
		s->io.len = bytes - over;
		beyond = over;
	}
	if (s->io.niov == 0)
		return (IS_OFS);
	s->io.iov[s->io.niov - 1].iov_len -= beyond;
	s->cur = good;
	return (0);
}

static void next_piece(struct ahci_slot *s);

static void
piece_done(struct ahci_slot *s)
{
	if (s->result < 0) {
		if (s->port->kind == AHCI_CD)
			ahci_atapi_unreadable(s);
		else
			ahci_fail(s, s->io.op == BLOCK_READ ? ATA_E_UNREADABLE : ATA_E_ABORT);
		return;
	}
	s->offset += s->io.len;
	s->left -= s->io.len;
	s->moved += (uint32_t)s->io.len;
	next_piece(s);
}

static void
next_piece(struct ahci_slot *s)
{
	uint32_t wrong;

	if (s->left == 0) {
		ahci_ok(s);
		return;
	}
	if ((wrong = gather(s)) != 0) {
		ahci_bus_error(s, wrong);
		return;
	}
	s->io.offset = s->offset;
	s->next = piece_done;
	ahci_submit(s);
}

void
ahci_transfer(struct ahci_slot *s, enum block_op op, bool fua, uint32_t unit)
{
	s->io.op = op;
	s->io.fua = fua;
	s->unit = unit;
	next_piece(s);
}

/* --- requests --- */

static void
io_done(struct block_req *io, int result)
{
	struct ahci_slot *s = io->arg;

	/* More in ahci_batch_done: a request may not be submitted from here. */
	s->result = result;
	s->port->arrived |= bit(s);
}

void
ahci_submit(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;

	s->io.done = io_done;
	s->io.arg = s;
	s->io.moved = 0;
	s->io.unmap = false;
	assert((p->flying & bit(s)) == 0);
	if (p->backend->ops->submit(p->backend, &s->io) < 0) {
		/* It takes more requests than there are slots. */
		ahci_fail(s, ATA_E_ABORT);
		return;
	}
	p->flying |= bit(s);
}

void
ahci_batch_done(void *dev)
{
	struct ahci_port *p = dev;
	struct ahci_slot *s;
	bool dropped;

	for (; p->arrived != 0; p->arrived &= p->arrived - 1) {
		s = &p->slot[__builtin_ctz(p->arrived)];
		dropped = (p->dropped & bit(s)) != 0;
		p->flying &= ~bit(s);
		p->dropped &= ~bit(s);
		if (!dropped)
			s->next(s);
		else if (p->flying == 0)
			ahci_port_drained(p);
	}
	ahci_port_run(p);
}

/* --- taking commands --- */

/* A frame without the command bit: the two halves of a software reset (ATA8-ACS, 6.3 SRST). */
static void
control(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	bool srst = (s->fis[F_CONTROL] & CONTROL_SRST) != 0;

	p->ci &= ~bit(s);
	if (srst)
		ahci_port_drop(p);
	else if (p->srst)
		ahci_drive_reset(p);
	p->srst = srst;
}

/* Copy all there is to know about a command; false: it is not in RAM. */
static bool
load(struct ahci_slot *s)
{
	struct ahci_port *p = s->port;
	const struct gmem *gm = p->hba->gm;
	uint8_t hdr[HDR_SIZE];
	uint32_t dw;

	s->header = p->clb + (uint64_t)s->index * HDR_SIZE;
	s->moved = 0;
	s->queued = s->pio_in = s->intr = false;
	if (gmem_read(gm, s->header, hdr, sizeof(hdr)) != 0)
		return (false);
	dw = le32_get(hdr);
	s->table = le64_get(hdr + 8) & ~0x7full;
	if (gmem_read(gm, s->table, s->fis, sizeof(s->fis)) != 0)
		return (false);
	s->is_packet = (dw & HDR_ATAPI) != 0;
	/* A table that is shorter than a frame, or meant for a port multiplier: no command. */
	if ((dw & HDR_CFL_MASK) * 4 < FIS_LEN || (dw >> HDR_PMP_SHIFT & 15) != 0)
		s->fis[0] = 0;
	s->cur = (struct ahci_cursor){ .next = s->table + TBL_PRDT, .left = dw >> HDR_PRDTL_SHIFT };
	return (true);
}

static void
take(struct ahci_port *p, unsigned n)
{
	struct ahci_slot *s = &p->slot[n];

	p->last = n;
	p->cmd = (p->cmd & ~CMD_CCS_MASK) | n << CMD_CCS_SHIFT;
	if ((p->flying & bit(s)) != 0) {
		/* The same tag again while the drive has it; the slot is not ours to touch. */
		p->halted = true;
		break_queue(p, NULL, ATA_E_ABORT);
		post_sdb(p, ATA_S_READY | ATA_S_ERR, ATA_E_ABORT, 0);
		ahci_port_interrupt(p, IS_SDBS | IS_TFES);
		return;
	}
	if (!load(s)) {
		p->halted = true;
		ahci_port_interrupt(p, IS_HBFS);
		return;
	}
	if (s->fis[0] == FIS_H2D && (s->fis[1] & FIS_COMMAND) == 0) {
		control(s);
		return;
	}
	set_tfd(p, ATA_S_OK | ATA_S_BUSY, 0);
	if (s->fis[0] != FIS_H2D || p->srst)
		ahci_fail(s, ATA_E_ABORT);
	else if (p->kind == AHCI_CD)
		ahci_atapi_command(s);
	else
		ahci_ata_command(s);
}

static bool
ready(const struct ahci_port *p)
{
	return ((p->cmd & CMD_ST) != 0 && !p->halted && p->dropped == 0 && p->ssts == SSTS_UP &&
	    (p->tfd & (ATA_S_BUSY | ATA_S_DRQ)) == 0 && pci_bus_master(&p->hba->pci));
}

void
ahci_port_run(struct ahci_port *p)
{
	uint32_t after;

	/* Each turn ends a bit of PxCI or the loop; the guest sets none meanwhile. */
	while (p->ci != 0 && ready(p)) {
		after = p->last == AHCI_SLOTS - 1 ? 0 : p->ci & (~0u << (p->last + 1));
		take(p, (unsigned)__builtin_ctz(after != 0 ? after : p->ci));
	}
	if (p->backend != NULL)
		p->backend->ops->kick(p->backend);
}
