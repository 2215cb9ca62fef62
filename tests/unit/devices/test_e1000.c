/* SPDX-License-Identifier: BSD-2-Clause */
/* e1000: registers, EEPROM, PHY, interrupts, receiving, and what a hostile guest may try there. */
#include "e1000_guest.h"

static uint8_t frame[9100];

/* Let the link have `times` frames of `len` bytes for `mac`; the nic is told. */
static void
arrive(const uint8_t *mac, size_t len, unsigned times)
{
	memcpy(frame, mac, 6);
	for (size_t i = 6; i < len; i++)
		frame[i] = (uint8_t)(i * 3 + len);
	if (len > 14)
		le16_put(frame + 12, 0x0008);
	net.next = frame;
	net.next_len = len;
	net.times = times;
	if (net.want_read)
		backend.readable(backend.dev);
}

static uint8_t *
rx_desc(unsigned i)
{
	return (ram + RX_RING + i * DESC_LEN);
}

/* --- EEPROM and PHY --- */

static void
clock_bit(bool bit)
{
	uint32_t v = 1u << 1 | (uint32_t)bit << 2; /* CS, DI */

	wr(E1000_EECD, v);
	wr(E1000_EECD, v | 1);
	wr(E1000_EECD, v);
}

/* As a driver reads a word bit by bit. */
static uint16_t
microwire(unsigned word)
{
	uint16_t val = 0;

	wr(E1000_EECD, 1u << 6);
	assert_true((rd(E1000_EECD) & 1u << 7) != 0);
	wr(E1000_EECD, 1u << 1);
	for (int i = 8; i >= 0; i--)
		clock_bit(((6u << 6 | word) >> i & 1) != 0);
	for (unsigned i = 0; i < 16; i++) {
		wr(E1000_EECD, 3);
		val = (uint16_t)(val << 1 | (rd(E1000_EECD) >> 3 & 1));
		wr(E1000_EECD, 2);
	}
	wr(E1000_EECD, 0);
	return (val);
}

static void
test_eeprom(void **state)
{
	uint16_t sum = 0;

	for (unsigned i = 0; i < 64; i++) {
		wr(E1000_EERD, i << 8 | 1);
		assert_true((rd(E1000_EERD) & 0x10) != 0);
		assert_int_equal(rd(E1000_EERD) >> 16, microwire(i));
		sum = (uint16_t)(sum + microwire(i));
	}
	assert_int_equal(sum, 0xBABA);
	assert_int_equal(microwire(0), le16_get(our_mac));
	assert_int_equal(microwire(2), le16_get(our_mac + 4));
	wr(E1000_EERD, 0xff << 8 | 1);
	assert_int_equal(rd(E1000_EERD) >> 16, 0xffff);
	/* Clocks without end, and an operation that is not reading. */
	wr(E1000_EECD, 2);
	for (unsigned i = 0; i < 3000; i++)
		clock_bit(i % 3 == 0);
	(void)rd(E1000_EECD);
}

static uint32_t
phy(uint32_t op, unsigned address, unsigned reg, uint16_t val)
{
	wr(E1000_MDIC, op << 26 | address << 21 | reg << 16 | val);
	return (rd(E1000_MDIC));
}

static void
test_phy(void **state)
{
	assert_int_equal(phy(2, 1, 2, 0) & 0xffff, 0x0141);
	assert_int_equal(phy(2, 1, 3, 0) & 0xfff0, 0x0C20);
	assert_int_equal(phy(2, 1, 1, 0) & 0x24, 0x24); /* link, negotiated */
	assert_true((phy(2, 2, 2, 0) & 1u << 30) != 0);
	assert_true((phy(3, 1, 2, 0) & 1u << 30) != 0);
	(void)phy(1, 1, 2, 0x5555); /* identifiers cannot be written */
	assert_int_equal(phy(2, 1, 2, 0) & 0xffff, 0x0141);
	(void)phy(1, 1, 4, 0x0123);
	assert_int_equal(phy(2, 1, 4, 0) & 0xffff, 0x0123);
	(void)rd(E1000_ICR);
	(void)phy(1, 1, 0, 0x9140); /* reset: the link comes up anew */
	assert_int_equal(phy(2, 1, 0, 0) & 0x8000, 0);
	assert_int_equal(phy(2, 1, 4, 0) & 0xffff, 0x0DE1);
	assert_true((rd(E1000_ICR) & INT_LSC) != 0);
}

/* --- registers --- */

static void
test_registers(void **state)
{
	assert_int_equal(rd(E1000_STATUS) & 3, 3);
	assert_int_equal(rd(E1000_RAL), le32_get(our_mac));
	assert_int_equal(rd(E1000_RAL + 4), RAH_AV | le16_get(our_mac + 4));
	assert_int_equal(net.offload, 0);
	wr(E1000_RDLEN, 0xffffffff);
	assert_int_equal(rd(E1000_RDLEN), 0xfff80);
	wr(E1000_STATUS, 0);
	assert_int_equal(rd(E1000_STATUS) & 3, 3);
	/* By way of ports. */
	nic->pci.ops->bar_write(&nic->pci, 2, 0, 4, E1000_VET);
	assert_int_equal(nic->pci.ops->bar_read(&nic->pci, 2, 4, 4), 0x8100);
	nic->pci.ops->bar_write(&nic->pci, 2, 4, 4, 0x9100);
	assert_int_equal(rd(E1000_VET), 0x9100);
	/* Beyond the registers, crooked and small ones. */
	nic->pci.ops->bar_write(&nic->pci, 2, 0, 4, 0xfffffffc);
	nic->pci.ops->bar_write(&nic->pci, 2, 4, 4, 1);
	assert_int_equal(nic->pci.ops->bar_read(&nic->pci, 2, 4, 4), 0);
	wr(0x1fffc, 1);
	assert_int_equal(rd(0x1fffc), 0);
	wr(0x5ffc, 0x12345678); /* the last that is kept, and its neighbour that is not */
	assert_true(nic->pci.ops->bar_read(&nic->pci, 0, 0x5ffc, 8) == 0x12345678);
	nic->pci.ops->bar_write(&nic->pci, 0, E1000_VET, 2, 1);
	assert_int_equal(rd(E1000_VET), 0x9100);
	/* Reset. */
	wr(E1000_CTRL, CTRL_RST);
	assert_int_equal(rd(E1000_VET), 0x8100);
	assert_int_equal(rd(E1000_RCTL), 0);
	assert_false(net.want_read);
}

static void
test_interrupts(void **state)
{
	assert_false(line);
	wr(E1000_CTRL, CTRL_SLU | CTRL_FD);
	assert_true(line);
	assert_int_equal(rd(E1000_ICR), INT_LSC);
	assert_false(line);
	assert_int_equal(rd(E1000_ICR), 0);
	wr(E1000_IMC, ~0u);
	wr(E1000_ICS, INT_RXT0);
	assert_false(line);
	wr(E1000_IMS, INT_RXT0);
	assert_true(line);
	wr(E1000_ICR, INT_RXT0);
	assert_false(line);
	assert_int_equal(rd(E1000_IMS), INT_RXT0);
}

/* The link goes and comes: in the nic's registers and the PHY's, told once, and outlives resets. */
static void
test_link(void **state)
{
	static const unsigned regs[] = { 1, 5, 6, 10, 17 };
	uint32_t with[5];

	for (unsigned i = 0; i < 5; i++)
		with[i] = phy(2, 1, regs[i], 0) & 0xffff;
	(void)rd(E1000_ICR);
	wr(E1000_IMS, INT_LSC);
	e1000_link(nic, true);
	assert_false(line);
	e1000_link(nic, false);
	assert_true(line);
	assert_int_equal(rd(E1000_ICR) & INT_LSC, INT_LSC);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(rd(E1000_STATUS) & STATUS_LU, 0);
		assert_int_equal(phy(2, 1, 1, 0) & 0x24, 0); /* nor negotiated */
		assert_int_equal(phy(2, 1, 17, 0) & 0xffff, 0x0008);
		if (round == 0)
			wr(E1000_CTRL, CTRL_RST);
		else
			(void)phy(1, 1, 0, 0x9140);
	}
	(void)rd(E1000_ICR);
	e1000_link(nic, true);
	assert_int_equal(rd(E1000_ICR) & INT_LSC, INT_LSC);
	assert_int_equal(rd(E1000_STATUS) & STATUS_LU, STATUS_LU);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(phy(2, 1, regs[i], 0) & 0xffff, with[i]);
}

/* --- receiving --- */

static void
test_receive(void **state)
{
	assert_true(net.want_read);
	arrive(our_mac, 100, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	assert_int_equal(le16_get(rx_desc(0) + 8), 104); /* and the check sequence */
	assert_int_equal(rx_desc(0)[12], 7);
	assert_int_equal(rx_desc(0)[13], 0);
	assert_memory_equal(ram + RX_DATA, frame, 100);
	assert_true(line);
	assert_int_equal(rd(E1000_ICR), INT_RXT0);
	wr(E1000_RCTL, RCTL_EN | RCTL_SECRC);
	arrive(our_mac, 20, 1);
	assert_int_equal(le16_get(rx_desc(1) + 8), 60); /* padded */
	assert_memory_equal(ram + RX_DATA + 0x800, frame, 20);
	assert_int_equal(ram[RX_DATA + 0x800 + 21], 0);
	assert_int_equal(rd(E1000_GPRC), 2);
	assert_int_equal(rd(E1000_GPRC), 0);
	assert_int_equal(rd(E1000_GORC), 104 + 4 + 64);
}

static void
test_filters(void **state)
{
	static const uint8_t other[6] = { 2, 1, 1, 1, 1, 1 }, group[6] = { 1, 0, 0x5e, 0, 0, 0xfb },
			     all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned hash = (0xfb00u >> 4) & 0xfff;

	arrive(other, 64, 1);
	arrive(group, 64, 1);
	assert_int_equal(rd(E1000_RDH), 0);
	arrive(all, 64, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	wr(E1000_MTA + (hash >> 5) * 4, 1u << (hash & 31));
	arrive(group, 64, 1);
	assert_int_equal(rd(E1000_RDH), 2);
	wr(E1000_RCTL, RCTL_EN);
	arrive(all, 64, 1);
	assert_int_equal(rd(E1000_RDH), 2);
	wr(E1000_RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE);
	arrive(other, 64, 1);
	arrive(all, 64, 1);
	assert_int_equal(rd(E1000_RDH), 4);
	wr(E1000_RAL + 15 * 8, le32_get(other));
	wr(E1000_RAL + 15 * 8 + 4, le16_get(other + 4) | RAH_AV);
	wr(E1000_RCTL, RCTL_EN);
	arrive(other, 64, 1);
	assert_int_equal(rd(E1000_RDH), 5);
	/* Runts from the link. */
	arrive(our_mac, 13, 1);
	assert_int_equal(rd(E1000_RDH), 5);
}

static void
test_long_frames(void **state)
{
	arrive(our_mac, 1514, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	arrive(our_mac, 1515, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	wr(E1000_RCTL, RCTL_EN | RCTL_LPE | RCTL_SECRC);
	arrive(our_mac, 9000, 1);
	assert_int_equal(rd(E1000_RDH), 6);
	assert_int_equal(rx_desc(1)[12], 5);
	assert_int_equal(rx_desc(5)[12], 7);
	assert_int_equal(le16_get(rx_desc(5) + 8), 9000 - 4 * 2048);
	assert_memory_equal(ram + RX_DATA + 0x800, frame, 9000);
	/* Small buffers; large ones. */
	wr(E1000_RCTL, RCTL_EN | RCTL_LPE | RCTL_SECRC | 3u << 16);
	arrive(our_mac, 512, 1);
	assert_int_equal(rd(E1000_RDH), 8);
	wr(E1000_RCTL, RCTL_EN | RCTL_LPE | RCTL_SECRC | 1u << 16 | RCTL_BSEX);
	arrive(our_mac, 9000, 1);
	assert_int_equal(rd(E1000_RDH), 9);
	/* More buffers than the ring has. */
	wr(E1000_RCTL, RCTL_EN | RCTL_LPE | RCTL_SECRC | 3u << 16);
	arrive(our_mac, 9000, 1);
	assert_int_equal(rd(E1000_RDH), 9);
	assert_int_equal(rd(E1000_MPC), 1);
}

static void
test_no_buffers(void **state)
{
	arrive(our_mac, 64, 20);
	assert_int_equal(rd(E1000_RDH), 15);
	assert_int_equal(net.times, 5);
	assert_false(net.want_read);
	assert_true((rd(E1000_ICR) & INT_RXDMT0) != 0);
	wr(E1000_RDT, 2); /* three more */
	assert_int_equal(rd(E1000_RDH), 2);
	assert_int_equal(net.times, 2);
	/* A frame for which two are needed waits until they are there. */
	wr(E1000_RCTL, RCTL_EN | RCTL_LPE);
	arrive(our_mac, 64, 0);
	wr(E1000_RDT, 3);
	net.next_len = 3000;
	net.times = 1;
	backend.readable(backend.dev);
	assert_int_equal(net.times, 0);
	assert_int_equal(rd(E1000_RDH), 2);
	wr(E1000_RDT, 4);
	assert_int_equal(rd(E1000_RDH), 4);
}

static void
test_vlan_receive(void **state)
{
	static const uint8_t tag[4] = { 0x81, 0x00, 0x20, 0x05 };

	net.next = frame;
	net.next_len = 100;
	memcpy(frame, our_mac, 6);
	memset(frame + 6, 7, 94);
	memcpy(frame + 12, tag, 4);
	net.times = 1;
	backend.readable(backend.dev);
	assert_int_equal(le16_get(rx_desc(0) + 8), 104);
	assert_memory_equal(ram + RX_DATA + 12, tag, 4);
	wr(E1000_CTRL, CTRL_VME);
	net.times = 1;
	backend.readable(backend.dev);
	assert_int_equal(le16_get(rx_desc(1) + 8), 100);
	assert_int_equal(rx_desc(1)[12], 7 | 8);
	assert_int_equal(le16_get(rx_desc(1) + 14), 0x2005);
	assert_memory_equal(ram + RX_DATA + 0x800, our_mac, 6);
	assert_int_equal(ram[RX_DATA + 0x800 + 12], 7);
	wr(E1000_RCTL, RCTL_EN | RCTL_VFE);
	net.times = 1;
	backend.readable(backend.dev);
	assert_int_equal(rd(E1000_RDH), 2);
	wr(E1000_VFTA, 1u << 5);
	net.times = 1;
	backend.readable(backend.dev);
	assert_int_equal(rd(E1000_RDH), 3);
}

static void
test_hostile_receive(void **state)
{
	/* Buffers outside RAM: the frame is lost, and marked. */
	le64_put(rx_desc(0), 0xfffffffffffff000ull);
	arrive(our_mac, 64, 1);
	assert_int_equal(rx_desc(0)[13], 0x80);
	/* Registers that make no ring. */
	wr(E1000_RDT, 5000);
	arrive(our_mac, 64, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	wr(E1000_RDT, 3);
	wr(E1000_RDH, 0xffff);
	backend.readable(backend.dev);
	assert_false(net.want_read);
	wr(E1000_RDH, 1);
	wr(E1000_RDLEN, 0);
	wr(E1000_RDT, 3);
	assert_false(net.want_read);
	wr(E1000_RDLEN, 0xfff80);
	wr(E1000_RDBAL, RAM - 16);
	wr(E1000_RDH, 1); /* outside RAM */
	wr(E1000_RDT, 9);
	arrive(our_mac, 64, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	/* A frame that waits is forgotten by a reset. */
	wr(E1000_CTRL, CTRL_RST);
	start_nic();
	arrive(our_mac, 80, 1);
	assert_int_equal(rd(E1000_RDH), 1);
	/* Without bus mastering nothing moves. */
	pci_cfg_write(bus, nic->pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM);
	assert_false(net.want_read);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_eeprom),
		T(test_phy),
		T(test_registers),
		T(test_interrupts),
		T(test_link),
		T(test_receive),
		T(test_filters),
		T(test_long_frames),
		T(test_no_buffers),
		T(test_vlan_receive),
		T(test_hostile_receive),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
