/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe controller with its disk. The input writes registers, doorbells and memory as it likes;
 * the target's own instruction is a driver's: a command into a ring and its doorbell, completions
 * taken, requests of the disk ended, another size. So that most inputs get beyond the registers,
 * the controller may be enabled with a pair of I/O queues before they begin.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/nvme.h"
#include "fuzz_host.h"

#define ASQ     0x1000u
#define ACQ     0x2000u
#define SQ      0x3000u
#define CQ      0x4000u
#define ENTRIES 16u

struct target {
	struct nvme nvme;
	struct fuzz_disk disk;
	struct fuzz_host host;
};

static void
put(struct target *t, uint64_t off, unsigned size, uint64_t val)
{
	pci_bar_ops[NVME_BAR].write(&t->nvme.pci, off, size, val);
}

/* A command at the tail of a queue that is there, and its doorbell. */
static void
submit(struct target *t, unsigned q, const uint8_t cmd[64])
{
	const struct nvme_sq *sq = &t->nvme.sq[q];

	if (!sq->live)
		return;
	(void)gmem_write(&t->host.gm, sq->base + sq->tail * 64, cmd, 64);
	put(t, 0x1000 + 8 * q, 4, (sq->tail + 1) % sq->size);
}

static void
take_all(struct target *t, unsigned q)
{
	if (t->nvme.cq[q].live)
		put(t, 0x1004 + 8 * q, 4, t->nvme.cq[q].tail);
}

static void
admin(struct target *t, uint8_t opcode, uint64_t prp, uint32_t dw10, uint32_t dw11)
{
	uint8_t cmd[64] = { opcode };

	le64_put(cmd + 24, prp);
	le32_put(cmd + 40, dw10);
	le32_put(cmd + 44, dw11);
	submit(t, 0, cmd);
	take_all(t, 0);
}

static void
start(struct target *t)
{
	put(t, 0x24, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	put(t, 0x28, 8, ASQ);
	put(t, 0x30, 8, ACQ);
	put(t, 0x14, 4, 0x460001);
	admin(t, 0x05, CQ, (ENTRIES - 1) << 16 | 1, 1 << 16 | 3);
	admin(t, 0x01, SQ, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1);
	assert(t->nvme.sq[1].live);
}

/* A command whose fields are mostly within reason. */
static void
command(struct target *t, struct fuzz *in)
{
	static const uint8_t opcodes[] = { 0, 1, 2, 4, 5, 6, 8, 9, 10, 12 };
	uint8_t cmd[64] = { 0 }, op = fuzz_u8(in), q = fuzz_u8(in);

	cmd[0] = op < 250 ? opcodes[op % NITEMS(opcodes)] : op;
	cmd[1] = q >= 250 ? q : 0;
	le16_put(cmd + 2, op);
	le32_put(cmd + 4, (q & 0x40) != 0 ? fuzz_u32(in) : 1);
	le64_put(cmd + 24, (uint64_t)fuzz_u16(in) << 4);
	le64_put(cmd + 32, (uint64_t)fuzz_u16(in) << 4);
	le32_put(cmd + 40, fuzz_u32(in));
	le32_put(cmd + 44, (q & 0x20) != 0 ? fuzz_u32(in) : fuzz_u8(in));
	le32_put(cmd + 48, (q & 0x10) != 0 ? fuzz_u32(in) : fuzz_u8(in));
	submit(t, q % 4, cmd);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct target *t = ctx;
	uint8_t what = fuzz_u8(in);

	switch (what % 4) {
	case 0:
		fuzz_disk_step(&t->disk, in);
		break;
	case 1:
		take_all(t, what >> 2 & 3);
		break;
	case 2:
		command(t, in);
		break;
	default:
		if (what >= 0xf0) {
			pci_reset(h->pci);
			break;
		}
		fuzz_disk_resize(&t->disk, in);
		nvme_resized(&t->nvme);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nvme_options opt = { .serial = "FUZZ", .queues = 3, .entries = 64 };
	static struct target t;
	struct fuzz in = { data, size };
	uint8_t how = fuzz_u8(&in);
	int rc;

	fuzz_host_init(&t.host);
	t.host.own = own;
	t.host.ctx = &t;
	fuzz_disk_init(&t.disk);
	fuzz_disk_kind(&t.disk, how);
	rc = nvme_init(&t.nvme, &t.host.gm, &t.disk.be, &opt);
	assert(rc == 0);
	fuzz_host_attach(&t.host, &t.nvme.pci);
	if ((how & 2) != 0)
		pci_cfg_write(t.host.pci, t.nvme.pci.bdf, t.nvme.pci.msix.cap_off + 2, 2, 0x8000);
	if ((how & 3) == 3)
		start(&t);
	fuzz_host_run(&t.host, &t.nvme.pci, &in);
	fuzz_disk_drain(&t.disk);
	nvme_destroy(&t.nvme); /* asserts that nothing is in work */
	fuzz_disk_fini(&t.disk);
	fuzz_host_fini(&t.host);
	return (0);
}
