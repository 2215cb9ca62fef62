/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe controller in slot 5: brings it up as a driver does, asks what it is, makes a pair of I/O
 * queues whose completions interrupt by MSI-X, reads and writes. The runner has put "zhyve" at the
 * start of block 3; the guest writes a pattern to blocks 8 to 39 by a list of pages, flushes,
 * reads it back crooked; the runner looks at the file afterwards. A command beyond the end fails;
 * the controller is switched off and on again.
 */
#include "guest.h"

#define BDF     (5u << 3)
#define BAR     0xd0000000u
#define TABLE   0xd0010000u /* MSI-X */
#define ENTRIES 8
#define LAPIC   0xfee00000u

struct command {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid;
	uint64_t reserved[2], prp1, prp2;
	uint32_t dw10, dw11, dw12, dw[3];
};
struct completion {
	uint32_t result, reserved;
	uint16_t head, sqid, cid, status;
};
struct queue {
	struct command sq[64] __attribute__((aligned(4096)));
	struct completion cq[256] __attribute__((aligned(4096)));
	unsigned id, tail, head, phase;
};
struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t mid;
	uint32_t high, zero;
};

static struct queue queue[2];
static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t list[512] __attribute__((aligned(4096)));
static uint8_t data[8 * 4096] __attribute__((aligned(4096)));
static struct gate idt[256];
static volatile unsigned interrupts;

__attribute__((naked)) static void
on_interrupt(void)
{
	__asm__ volatile("push %%rax\n\t"
			 "lock incl %0\n\t"
			 "movl $0xfee000b0, %%eax\n\tmovl $0, (%%rax)\n\t"
			 "pop %%rax\n\tiretq"
			 :
			 : "m"(interrupts));
}

static void
set_up_interrupts(void)
{
	uint64_t handler = (uint64_t)on_interrupt;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned i = 0; i < 256; i++)
		idt[i] =
		    (struct gate){ (uint16_t)handler, 8, 0, 0x8e, (uint16_t)(handler >> 16), 0, 0 };
	__asm__ volatile("lidt %0" : : "m"(pointer));
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	mmio32_put(LAPIC + 0xf0, 0x1ff); /* on */
}

static void
set_up_msix(void)
{
	unsigned cap = pci_read(BDF, 0x34) & 0xff;

	while (cap != 0 && (pci_read(BDF, cap) & 0xff) != 0x11)
		cap = pci_read(BDF, cap) >> 8 & 0xff;
	CHECK(cap != 0, cap);
	CHECK((pci_read(BDF, cap + 4) & 7) == 4, pci_read(BDF, cap + 4));
	for (unsigned v = 0; v < 2; v++) {
		mmio32_put(TABLE + v * 16, LAPIC | (mmio32(LAPIC + 0x20) >> 24) << 12);
		mmio32_put(TABLE + v * 16 + 4, 0);
		mmio32_put(TABLE + v * 16 + 8, 0x40 + v);
		mmio32_put(TABLE + v * 16 + 12, 0);
	}
	pci_write(BDF, cap, pci_read(BDF, cap) | 1u << 31);
}

/* Asleep until the interrupt of the one command there is; its status. */
static uint16_t
wait_for(struct queue *q, uint16_t cid)
{
	static unsigned taken;
	volatile struct completion *c = &q->cq[q->head];

	while (interrupts == taken)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	CHECK(interrupts == ++taken, interrupts);
	CHECK((c->status & 1) == q->phase, c->status);
	CHECK(c->cid == cid, c->cid);
	CHECK(c->sqid == q->id, c->sqid);
	CHECK(c->head == q->tail, c->head);
	if (++q->head == ENTRIES) {
		q->head = 0;
		q->phase ^= 1;
	}
	mmio32_put(BAR + 0x1004 + 8 * q->id, q->head);
	return (c->status >> 1 & 0x7ff);
}

static uint16_t
command(struct queue *q, struct command c)
{
	static uint16_t cid;

	c.cid = ++cid;
	q->sq[q->tail] = c;
	q->tail = (q->tail + 1) % ENTRIES;
	__asm__ volatile("mfence" : : : "memory");
	mmio32_put(BAR + 0x1000 + 8 * q->id, q->tail);
	return (wait_for(q, cid));
}

static uint16_t
admin(uint8_t opcode, uint32_t nsid, void *where, uint32_t dw10, uint32_t dw11)
{
	return (command(&queue[0],
	    (struct command){
		.opcode = opcode,
		.nsid = nsid,
		.prp1 = (uint64_t)where,
		.dw10 = dw10,
		.dw11 = dw11,
	    }));
}

static uint16_t
io(uint8_t opcode, uint64_t prp1, uint64_t prp2, uint32_t lba, uint32_t blocks)
{
	return (command(&queue[1],
	    (struct command){
		.opcode = opcode,
		.nsid = 1,
		.prp1 = prp1,
		.prp2 = prp2,
		.dw10 = lba,
		.dw12 = blocks - 1,
	    }));
}

static void
empty(struct queue *q, unsigned id)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		q->cq[i] = (struct completion){ 0 };
	q->id = id;
	q->tail = q->head = 0;
	q->phase = 1;
}

static void
enable(bool on)
{
	mmio32_put(BAR + 0x14, 0x460000 | on);
	while ((mmio32(BAR + 0x1c) & 1) != on)
		;
	CHECK((mmio32(BAR + 0x1c) & 2) == 0, mmio32(BAR + 0x1c));
}

static void
start(void)
{
	enable(false);
	empty(&queue[0], 0);
	mmio32_put(BAR + 0x24, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	mmio32_put(BAR + 0x28, (uint32_t)(uint64_t)queue[0].sq);
	mmio32_put(BAR + 0x2c, 0);
	mmio32_put(BAR + 0x30, (uint32_t)(uint64_t)queue[0].cq);
	mmio32_put(BAR + 0x34, 0);
	enable(true);
	empty(&queue[1], 1);
	CHECK(admin(0x05, 0, queue[1].cq, (ENTRIES - 1) << 16 | 1, 1 << 16 | 3) == 0, 0);
	CHECK(admin(0x01, 0, queue[1].sq, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1) == 0, 0);
}

static void
identify(void)
{
	CHECK(admin(0x06, 0, page, 1, 0) == 0, 0);
	CHECK(page[4] == 'D' && page[7] == 'K' && page[8] == ' ', page[4]); /* the serial */
	CHECK(admin(0x06, 1, page, 0, 0) == 0, 0);
	CHECK(*(uint64_t *)page == 2048, *(uint64_t *)page);
	CHECK(admin(0x06, 2, page, 0, 0) == 0x0b, 0);
	CHECK(admin(0x80, 1, page, 0, 0) == 0x01, 0); /* format */
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	CHECK(pci_read(BDF, 0) == 0x0a0afb5d, pci_read(BDF, 0));
	pci_write(BDF, 4, 0);
	pci_write(BDF, 0x10, BAR);
	pci_write(BDF, 0x14, 0);
	pci_write(BDF, 0x20, TABLE);
	pci_write(BDF, 0x24, 0);
	pci_write(BDF, 4, 6);
	CHECK(mmio32(BAR + 8) == 0x10400, mmio32(BAR + 8));
	set_up_interrupts();
	set_up_msix();
	start();
	identify();

	CHECK(io(2, (uint64_t)data, 0, 3, 1) == 0, 0);
	CHECK(data[0] == 'z' && data[4] == 'e', data[0]);
	/* 16 KiB in pages turned around. */
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 512);
	for (unsigned i = 0; i < 3; i++)
		list[i] = (uint64_t)data + 4096 * (2 - i);
	CHECK(io(1, (uint64_t)data + 4096 * 3, (uint64_t)list, 8, 32) == 0, 0);
	CHECK(io(0, 0, 0, 0, 1) == 0, 0);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = 0;
	CHECK(io(2, (uint64_t)data + 4092, (uint64_t)data + 8192, 8, 8) == 0, 0);
	for (unsigned i = 0; i < 4096; i++) {
		uint8_t want = (uint8_t)((i + 3 * 4096) * 7 + (i + 3 * 4096) / 512);
		uint8_t got = i < 4 ? data[4092 + i] : data[8192 + i - 4];

		CHECK(got == want, i);
	}
	CHECK(io(2, (uint64_t)data, 0, 2048, 1) == 0x80, 0);
	CHECK(io(2, 0xd0000000, 0, 0, 1) == 0x04, 0); /* into its own registers */

	start(); /* off and on again */
	CHECK(io(2, (uint64_t)data, 0, 3, 1) == 0, 0);
	mmio32_put(BAR + 0x14, 0x464001); /* shut down */
	while ((mmio32(BAR + 0x1c) & 0xc) != 8)
		;
	put_text("ok\n");
}
