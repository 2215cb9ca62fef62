/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CD drive on AHCI. Instruction 6 ends a request, or sends a packet that the input makes up,
 * with as many descriptors as it says.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/ahci.h"
#include "devices/ahci_regs.h"
#include "fuzz_host.h"

#define LIST  0x1000u
#define FRAME 0x2000u
#define TABLE 0x3000u
#define DATA  0x10000u

struct target {
	struct fuzz_host h;
	struct ahci ahci;
	struct fuzz_disk disk;
};

static void
reg(struct target *t, unsigned off, uint32_t val)
{
	pci_bar_ops[5].write(&t->ahci.pci, AHCI_PORT_BASE + off, 4, val);
}

/* After an error the driver starts the port again, or nothing more would happen. */
static void
restart(struct target *t)
{
	reg(t, PX_CMD, CMD_FRE);
	reg(t, PX_CMD, CMD_FRE | CMD_ST);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct target *t = ctx;
	uint8_t what = fuzz_u8(in), hdr[16] = { 0 }, fis[16] = { FIS_H2D, FIS_COMMAND, 0xA0, 1 };
	uint8_t acmd[12], prd[PRD_SIZE] = { 0 };
	unsigned ndesc = what >> 2 & 3;

	if ((what & 1) != 0) {
		fuzz_disk_step(&t->disk, in);
		return;
	}
	if ((what & 2) != 0)
		restart(t);
	le32_put(hdr, 5 | HDR_ATAPI | ndesc << HDR_PRDTL_SHIFT);
	le64_put(hdr + 8, TABLE);
	(void)gmem_write(&h->gm, LIST, hdr, sizeof(hdr));
	(void)gmem_write(&h->gm, TABLE, fis, sizeof(fis));
	(void)fuzz_bytes(in, acmd, sizeof(acmd));
	(void)gmem_write(&h->gm, TABLE + TBL_ACMD, acmd, sizeof(acmd));
	for (unsigned i = 0; i < ndesc; i++) {
		le64_put(prd, DATA + i * 0x8000);
		le32_put(prd + 12, fuzz_u16(in));
		(void)gmem_write(&h->gm, TABLE + TBL_PRDT + i * PRD_SIZE, prd, PRD_SIZE);
	}
	reg(t, PX_CI, 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ahci_drive drive = { .kind = AHCI_CD };
	struct fuzz in = { data, size };
	static struct target t;
	int rc;

	fuzz_host_init(&t.h);
	fuzz_disk_init(&t.disk);
	drive.backend = (fuzz_u8(&in) & 7) == 0 ? NULL : &t.disk.be;
	rc = ahci_init(&t.ahci, &t.h.gm, &drive, 1);
	assert(rc == 0);
	fuzz_host_attach(&t.h, &t.ahci.pci);
	pci_bar_ops[5].write(&t.ahci.pci, AHCI_GHC, 4, GHC_IE);
	reg(&t, PX_CLB, LIST);
	reg(&t, PX_FB, FRAME);
	reg(&t, PX_IE, ~0u);
	restart(&t);
	t.h.own = own;
	t.h.ctx = &t;
	fuzz_host_run(&t.h, &t.ahci.pci, &in);
	fuzz_disk_fini(&t.disk);
	ahci_destroy(&t.ahci);
	fuzz_host_fini(&t.h);
	return (0);
}
