/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talks to a TPM 2.0 through its command response buffer: TPM2_Startup, then TPM2_GetRandom twice,
 * whose bytes differ; what the interface refuses; ACPI names the TPM2 table.
 */
#include "guest.h"

#define CRB       0xfed40000ull
#define LOC_STATE (CRB + 0x00)
#define LOC_CTRL  (CRB + 0x08)
#define LOC_STS   (CRB + 0x0c)
#define INTF_ID   (CRB + 0x30)
#define CTRL_REQ  (CRB + 0x40)
#define CTRL_STS  (CRB + 0x44)
#define START     (CRB + 0x4c)
#define CMD_SIZE  (CRB + 0x58)
#define CMD_ADDR  (CRB + 0x5c)
#define BUFFER    (CRB + 0x80)
#define SPINS     20000000u

static uint32_t
be32(uint64_t addr)
{
	return (__builtin_bswap32(mmio32(addr)));
}

/* Send a command of `len` bytes; its response code. */
static uint32_t
command(const uint8_t *cmd, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		mmio8_put(BUFFER + i, cmd[i]);
	mmio32_put(START, 1);
	for (unsigned i = 0; (mmio32(START) & 1) != 0; i++)
		CHECK(i < SPINS, i);
	CHECK((mmio32(CTRL_STS) & 1) == 0, mmio32(CTRL_STS));
	CHECK(mmio8(BUFFER) == 0x80, mmio8(BUFFER));
	return (be32(BUFFER + 6));
}

static void
find_table(uint64_t rsdp)
{
	uint64_t xsdt = *(uint64_t *)(rsdp + 24);
	uint32_t len = mmio32(xsdt + 4);

	for (uint64_t p = xsdt + 36; p < xsdt + len; p += 8) {
		uint64_t t = *(uint64_t *)p;

		if (mmio32(t) == 0x324d5054) { /* "TPM2" */
			CHECK(mmio32(t + 40) == (uint32_t)CTRL_REQ && mmio32(t + 48) == 7, t);
			return;
		}
	}
	fail("no TPM2 table", xsdt);
}

void
guest_main(const struct start_info *info)
{
	static const uint8_t startup[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0 };
	static const uint8_t get_random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 16 };
	static const uint8_t too_long[] = { 0x80, 1, 0, 1, 0, 0, 0, 0, 1, 0x44, 0, 0 };
	static const uint8_t unknown[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 0xff, 0xff };
	uint32_t rc, random[2][4], same = 0;

	find_table(info->rsdp);
	CHECK((mmio32(INTF_ID) & 0xff) == 0x11, mmio32(INTF_ID));
	CHECK(mmio32(CMD_ADDR) == (uint32_t)BUFFER, mmio32(CMD_ADDR));
	CHECK(mmio32(CMD_SIZE) == 0xf80, mmio32(CMD_SIZE));
	mmio32_put(START, 1); /* nobody has asked for access */
	CHECK(mmio32(START) == 0, 0);
	mmio32_put(LOC_CTRL, 1);
	CHECK((mmio32(LOC_STS) & 1) == 1, mmio32(LOC_STS));
	CHECK((mmio32(CTRL_STS) & 2) == 2, mmio32(CTRL_STS));
	mmio32_put(CTRL_REQ, 1);
	CHECK((mmio32(CTRL_STS) & 2) == 0, mmio32(CTRL_STS));
	CHECK(command(too_long, sizeof(too_long)) == 0x142, be32(BUFFER + 6));
	rc = command(startup, sizeof(startup));
	CHECK(rc == 0, rc);
	for (unsigned n = 0; n < 2; n++) {
		rc = command(get_random, sizeof(get_random));
		CHECK(rc == 0, rc);
		CHECK(be32(BUFFER + 2) == 10 + 2 + 16, be32(BUFFER + 2));
		for (unsigned i = 0; i < 4; i++)
			random[n][i] = mmio32(BUFFER + 12 + i * 4);
	}
	for (unsigned i = 0; i < 4; i++)
		same += random[0][i] == random[1][i];
	CHECK(same < 4, random[0][0]);
	rc = command(unknown, sizeof(unknown));
	CHECK(rc == 0x143, rc); /* TPM_RC_COMMAND_CODE */
	mmio32_put(CTRL_REQ, 2);
	CHECK((mmio32(CTRL_STS) & 2) == 2, mmio32(CTRL_STS));
	put_text("ok\n");
}
