/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TPM's command response buffer: see tpm_crb.h. Table numbers are those of the TCG PC Client
 * Platform TPM Profile 1.05. Pure; runs in zhyve.
 */
#include "devices/tpm_crb.h"

#include <string.h>

#include "base/checked.h"

/* Table 24 */
#define LOC_STATE             0x00
#define LOC_CTRL              0x08
#define LOC_STS               0x0C
#define INTF_ID_LO            0x30
#define INTF_ID_HI            0x34
#define CTRL_REQ              0x40
#define CTRL_STS              0x44
#define CTRL_CANCEL           0x48
#define CTRL_START            0x4C
#define CMD_SIZE              0x58
#define CMD_LADDR             0x5C
#define RSP_SIZE              0x64
#define RSP_LADDR             0x68

#define STATE_NOT_ESTABLISHED 0x01 /* nothing was measured before this TPM's start */
#define STATE_ASSIGNED        0x02
#define STATE_VALID           0x80
#define CTRL_REQUEST          0x01
#define CTRL_RELINQUISH       0x02
#define STS_GRANTED           0x01
#define REQ_READY             0x01
#define REQ_IDLE              0x02
#define CTRL_STS_FATAL        0x01
#define CTRL_STS_IDLE         0x02

/* Table 22: CRB, version 1, locality 0 alone, transfers of up to 64 bytes, selected for good. */
#define INTF_ID_LO_VAL (1u | 1u << 4 | 3u << 11 | 1u << 14 | 1u << 17 | 1u << 19)
#define INTF_ID_HI_VAL (0x0001u << 16 | 0x1014u) /* swtpm's maker */

/* TPM 2.0 Library, part 1, 18: tag, size, code; big endian. */
#define HEADER_LEN      10u
#define TAG_NO_SESSIONS 0x8001
#define RC_FAILURE      0x101
#define RC_COMMAND_SIZE 0x142

static uint32_t
be32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static void
answer_code(struct tpm_crb *t, uint16_t code)
{
	const uint8_t a[HEADER_LEN] = { TAG_NO_SESSIONS >> 8, TAG_NO_SESSIONS & 0xff, 0, 0, 0,
		HEADER_LEN, 0, 0, (uint8_t)(code >> 8), (uint8_t)code };

	memcpy(t->buffer, a, sizeof(a));
	t->busy = t->cancel = false;
}

static void
fatal(struct tpm_crb *t)
{
	t->failed = true;
	answer_code(t, RC_FAILURE);
}

static void
done(void *dev, const uint8_t *answer, size_t len)
{
	struct tpm_crb *t = dev;

	if (answer == NULL || len > sizeof(t->buffer)) {
		fatal(t);
		return;
	}
	if (!t->busy)
		return;
	memcpy(t->buffer, answer, len);
	t->busy = t->cancel = false;
}

static void
start(struct tpm_crb *t)
{
	uint32_t len = be32(t->buffer + 2);

	if (t->busy || t->idle || !t->assigned)
		return;
	if (len < HEADER_LEN || len > sizeof(t->buffer)) {
		answer_code(t, RC_COMMAND_SIZE);
		return;
	}
	t->busy = true;
	if (t->failed || t->backend->submit(t->backend, t->buffer, len) != 0)
		fatal(t);
}

/* One of the 32-bit registers below the buffer. */
static uint32_t
reg_read(const struct tpm_crb *t, unsigned reg)
{
	switch (reg) {
	case LOC_STATE:
		return (STATE_VALID | STATE_NOT_ESTABLISHED | (t->assigned ? STATE_ASSIGNED : 0));
	case LOC_STS:
		return (t->assigned ? STS_GRANTED : 0);
	case INTF_ID_LO:
		return (INTF_ID_LO_VAL);
	case INTF_ID_HI:
		return (INTF_ID_HI_VAL);
	case CTRL_STS:
		return ((t->idle ? CTRL_STS_IDLE : 0u) | (t->failed ? CTRL_STS_FATAL : 0u));
	case CTRL_CANCEL:
		return (t->cancel);
	case CTRL_START:
		return (t->busy);
	case CMD_SIZE:
	case RSP_SIZE:
		return (TPM_BUFFER_SIZE);
	case CMD_LADDR:
	case RSP_LADDR:
		return ((uint32_t)TPM_CRB_BASE + TPM_CRB_BUFFER);
	default:
		return (0);
	}
}

static void
reg_write(struct tpm_crb *t, unsigned reg, uint32_t val)
{
	switch (reg) {
	case LOC_CTRL:
		if ((val & CTRL_REQUEST) != 0)
			t->assigned = true;
		else if ((val & CTRL_RELINQUISH) != 0 && !t->busy)
			t->assigned = false;
		break;
	case CTRL_REQ:
		if (t->busy || !t->assigned)
			break;
		if ((val & REQ_READY) != 0)
			t->idle = false;
		else if ((val & REQ_IDLE) != 0)
			t->idle = true;
		break;
	case CTRL_CANCEL:
		if ((val & 1) == 0)
			t->cancel = false;
		else if (t->busy && !t->cancel) {
			t->cancel = true;
			t->backend->cancel(t->backend);
		}
		break;
	case CTRL_START:
		if ((val & 1) != 0)
			start(t);
		break;
	}
}

static uint64_t
crb_read(void *dev, uint64_t off, unsigned size)
{
	const struct tpm_crb *t = dev;
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = (unsigned)off + i;
		uint8_t byte;

		if (at >= TPM_CRB_BUFFER)
			byte = t->buffer[at - TPM_CRB_BUFFER];
		else
			byte = (uint8_t)(reg_read(t, at & ~3u) >> (at & 3) * 8);
		v |= (uint64_t)byte << i * 8;
	}
	return (v);
}

/* Registers take what is written as requests, so the bytes of one that are not written are zero. */
static void
crb_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct tpm_crb *t = dev;
	uint32_t reg = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = (unsigned)off + i;
		uint8_t byte = (uint8_t)(val >> i * 8);

		if (at >= TPM_CRB_BUFFER) {
			if (!t->busy && !t->idle)
				t->buffer[at - TPM_CRB_BUFFER] = byte;
			continue;
		}
		reg |= (uint32_t)byte << (at & 3) * 8;
		if ((at & 3) == 3 || i + 1 == size) {
			reg_write(t, at & ~3u, reg);
			reg = 0;
		}
	}
}

const struct bus_ops tpm_crb_ops = { .read = crb_read, .write = crb_write };

void
tpm_crb_init(struct tpm_crb *t, struct tpm_backend *backend)
{
	*t = (struct tpm_crb){ .backend = backend, .idle = true };
	backend->done = done;
	backend->dev = t;
}
