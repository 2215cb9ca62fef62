/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI with two disks. Instruction 6 ends a request of one of them, or gives a whole command: the
 * input fills its frame and issues it. Lists, tables and descriptors are laid out before; the
 * input can overwrite all of them.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/ahci.h"
#include "devices/ahci_regs.h"
#include "fuzz_host.h"

#define PORTS    2
#define LIST(p)  (0x1000u + 0x1000u * (p))
#define FRAME(p) (0x4000u + 0x100u * (p))
#define TABLE(s) (0x8000u + 0x200u * (s))
#define DATA(s)  (0x10000u + 0x1000u * (s))

struct target {
	struct fuzz_host h;
	struct ahci ahci;
	struct fuzz_disk disk[PORTS];
};

static void
reg(struct target *t, unsigned port, unsigned off, uint32_t val)
{
	pci_bar_ops[5].write(&t->ahci.pci, AHCI_PORT_BASE + port * AHCI_PORT_SIZE + off, 4, val);
}

static void
start(struct target *t, unsigned port)
{
	uint8_t b[32] = { 0 };

	for (unsigned s = 0; s < 32; s++) {
		memset(b, 0, sizeof(b));
		le32_put(b, 5 | 3u << HDR_PRDTL_SHIFT);
		le64_put(b + 8, TABLE(s));
		(void)gmem_write(&t->h.gm, LIST(port) + s * 32, b, 32);
		for (unsigned i = 0; i < 3; i++) {
			le64_put(b, DATA(s) + i * 0x400);
			le32_put(b + 12, i == 0 ? 255 : 639);
			(void)gmem_write(&t->h.gm, TABLE(s) + TBL_PRDT + i * PRD_SIZE, b, PRD_SIZE);
		}
	}
	reg(t, port, PX_CLB, LIST(port));
	reg(t, port, PX_FB, FRAME(port));
	reg(t, port, PX_IE, ~0u);
	reg(t, port, PX_CMD, CMD_FRE | CMD_ST);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct target *t = ctx;
	uint8_t what = fuzz_u8(in), slot, fis[16] = { FIS_H2D, FIS_COMMAND };
	unsigned port = what & 1;

	if ((what & 2) != 0) {
		fuzz_disk_step(&t->disk[port], in);
		return;
	}
	slot = fuzz_u8(in) & 31;
	(void)fuzz_bytes(in, fis + 2, 2);
	fis[F_LBA] = fuzz_u8(in);
	fis[F_LBA + 1] = fuzz_u8(in) & 15;
	fis[F_DEVICE] = DEVICE_LBA;
	fis[F_COUNT] = (what & 4) != 0 ? (uint8_t)(slot << 3) : fuzz_u8(in) & 7;
	(void)gmem_write(&h->gm, TABLE(slot), fis, sizeof(fis));
	reg(t, port, PX_SACT, 1u << slot);
	reg(t, port, PX_CI, 1u << slot);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ahci_drive drive[PORTS] = { { .kind = AHCI_HD }, { .kind = AHCI_HD } };
	struct fuzz in = { data, size };
	static struct target t;
	int rc;

	fuzz_host_init(&t.h);
	for (unsigned i = 0; i < PORTS; i++) {
		fuzz_disk_init(&t.disk[i]);
		drive[i].backend = &t.disk[i].be;
	}
	t.disk[1].be.info.logical = 4096;
	rc = ahci_init(&t.ahci, &t.h.gm, drive, PORTS);
	assert(rc == 0);
	fuzz_host_attach(&t.h, &t.ahci.pci);
	pci_bar_ops[5].write(&t.ahci.pci, AHCI_GHC, 4, GHC_IE);
	for (unsigned i = 0; i < PORTS; i++)
		start(&t, i);
	t.h.own = own;
	t.h.ctx = &t;
	fuzz_host_run(&t.h, &t.ahci.pci, &in);
	for (unsigned i = 0; i < PORTS; i++)
		fuzz_disk_fini(&t.disk[i]);
	ahci_destroy(&t.ahci);
	fuzz_host_fini(&t.h);
	return (0);
}
