/* SPDX-License-Identifier: BSD-2-Clause */
/* e1000: sending: descriptors, checksums, segmentation, and what a hostile guest may try there. */
#include "e1000_guest.h"
#include "saved.h"

static unsigned tail;

static int
setup_tx(void **state)
{
	tail = 0;
	return (setup(state));
}

static void
go(void)
{
	wr(E1000_TDT, tail);
}

static void
be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned
get16(const uint8_t *p)
{
	return ((unsigned)p[0] << 8 | p[1]);
}

/* The sum of a pseudo header: addresses, protocol, length. */
static unsigned
pseudo(const uint8_t *addr, unsigned len, unsigned proto, unsigned l4len)
{
	return (~inet_sum(addr, len, proto + l4len) & 0xffff);
}

/*
 * A TCP packet over IPv4 (or 6) at TX_DATA as a driver leaves it for segmentation, with `payload`
 * bytes. The length of its headers.
 */
static unsigned
tcp_packet(bool v6, unsigned payload)
{
	uint8_t *p = ram + TX_DATA, *ip = p + 14, *tcp = ip + (v6 ? 40 : 20);
	unsigned hdr = 14 + (v6 ? 40 : 20) + 20;

	memset(p, 0, hdr);
	memcpy(p, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	be16(p + 12, v6 ? 0x86dd : 0x0800);
	ip[0] = v6 ? 0x60 : 0x45;
	for (unsigned i = 0; i < (v6 ? 32u : 8u); i++)
		ip[(v6 ? 8 : 12) + i] = (uint8_t)(10 + i);
	if (!v6) {
		be16(ip + 4, 0x1234);
		ip[8] = 64;
		ip[9] = 6;
	} else {
		ip[6] = 6;
		ip[7] = 64;
	}
	be16(tcp + 4, 0xffff); /* the sequence number is about to wrap */
	be16(tcp + 6, 0xff00);
	tcp[12] = 5 << 4;
	tcp[13] = 0x10 | 0x08 | 0x01 | 0x80; /* ACK PSH FIN CWR */
	be16(tcp + 16, pseudo(ip + (v6 ? 8 : 12), v6 ? 32 : 8, 6, 0));
	for (unsigned i = 0; i < payload; i++)
		p[hdr + i] = (uint8_t)(i * 5 + i / 256);
	return (hdr);
}

static void
context(bool v6, unsigned hdr, unsigned mss, uint8_t cmd)
{
	unsigned tcp = hdr - 20;
	uint8_t *d =
	    put_desc(&tail, 0, (uint32_t)(cmd | DEXT) << 24, (uint32_t)mss << 16 | hdr << 8);

	d[0] = 14;
	d[1] = 24;
	le16_put(d + 2, (uint16_t)(v6 ? 0 : tcp - 1));
	d[4] = (uint8_t)tcp;
	d[5] = (uint8_t)(tcp + 16);
	le16_put(d + 6, 0);
}

static void
data(uint64_t addr, uint32_t len, uint8_t cmd, uint8_t popts)
{
	(void)put_desc(
	    &tail, addr, len | 1u << 20 | (uint32_t)(cmd | DEXT) << 24, (uint32_t)popts << 8);
}

static void
test_legacy(void **state)
{
	for (unsigned i = 0; i < 200; i++)
		ram[TX_DATA + i] = (uint8_t)(i * 3);
	(void)put_desc(&tail, TX_DATA, 60, 0);
	(void)put_desc(&tail, TX_DATA + 60, 140 | (EOP | RS) << 24, 0);
	go();
	assert_int_equal(net.nsent, 1);
	assert_int_equal(net.sent_len[0], 200);
	assert_memory_equal(net.sent[0], ram + TX_DATA, 200);
	assert_int_equal(rd(E1000_TDH), 2);
	assert_int_equal(ram[TX_RING + 12], 0);
	assert_int_equal(ram[TX_RING + DESC_LEN + 12], 1);
	assert_true(line);
	assert_int_equal(rd(E1000_ICR), INT_TXDW | INT_TXQE);
	assert_int_equal(rd(E1000_GPTC), 1);
	/* Short ones are padded; far too short ones are lost. */
	(void)put_desc(&tail, TX_DATA, 20 | EOP << 24, 0);
	(void)put_desc(&tail, TX_DATA, 13 | EOP << 24, 0);
	go();
	assert_int_equal(net.nsent, 2);
	assert_int_equal(net.sent_len[1], 60);
	assert_int_equal(net.sent[1][19], 57);
	assert_int_equal(net.sent[1][20], 0);
}

static void
test_legacy_checksum(void **state)
{
	uint8_t *d;

	memset(ram + TX_DATA, 0x31, 100);
	le16_put(ram + TX_DATA + 50, 0);
	d = put_desc(&tail, TX_DATA, 100 | (uint32_t)(EOP | IC) << 24, 0);
	d[10] = 50; /* where */
	d[13] = 34; /* from where on */
	go();
	assert_int_equal(inet_sum(net.sent[0] + 34, 66, 0), 0);
	/* The guest's own memory is not touched. */
	assert_int_equal(le16_get(ram + TX_DATA + 50), 0);
}

static void
test_checksums(void **state)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		unsigned hdr = tcp_packet(v6 != 0, 101), ip = v6 != 0 ? 40 : 20;
		uint8_t *f = net.sent[v6];

		be16(ram + TX_DATA + hdr - 4,
		    pseudo(ram + TX_DATA + (v6 ? 22 : 26), v6 ? 32 : 8, 6, 121));
		context(v6 != 0, hdr, 0, 1);
		data(TX_DATA, hdr + 101, EOP, v6 != 0 ? 2 : 3);
		go();
		assert_int_equal(net.nsent, v6 + 1);
		if (v6 == 0)
			assert_int_equal(inet_sum(f + 14, 20, 0), 0);
		assert_int_equal(
		    inet_sum(f + 14 + ip, 121, pseudo(f + (v6 ? 22 : 26), v6 ? 32 : 8, 6, 121)), 0);
	}
}

/* A sent segment is right in all its fields. */
static void
check_segment(unsigned i, bool v6, unsigned off, unsigned size, bool last)
{
	const uint8_t *f = net.sent[i], *ip = f + 14, *tcp = ip + (v6 ? 40 : 20);
	unsigned hdr = 34 + (v6 ? 40 : 20), addrs = v6 ? 22 : 26;
	uint32_t seq = 0xffffff00u + off;

	assert_int_equal(net.sent_len[i], hdr + size);
	if (v6)
		assert_int_equal(get16(ip + 4), 20 + size);
	else {
		assert_int_equal(get16(ip + 2), 40 + size);
		assert_int_equal(get16(ip + 4), 0x1234 + i);
		assert_int_equal(inet_sum(ip, 20, 0), 0);
	}
	assert_int_equal(get16(tcp + 4), seq >> 16);
	assert_int_equal(get16(tcp + 6), seq & 0xffff);
	assert_int_equal(tcp[13], 0x10 | (last ? 0x09 : 0) | (i == 0 ? 0x80 : 0));
	assert_int_equal(inet_sum(tcp, 20 + size, pseudo(f + addrs, v6 ? 32 : 8, 6, 20 + size)), 0);
	assert_memory_equal(f + hdr, ram + TX_DATA + hdr + off, size);
}

static void
test_segmentation(void **state)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		unsigned hdr = tcp_packet(v6 != 0, 3333);

		net.nsent = 0;
		context(v6 != 0, hdr, 1448, TSE | (v6 != 0 ? 1 : 3));
		data(TX_DATA, hdr, TSE, 3);
		data(TX_DATA + hdr, 3333, EOP | RS | TSE, 3);
		go();
		assert_int_equal(net.nsent, 3);
		check_segment(0, v6 != 0, 0, 1448, false);
		check_segment(1, v6 != 0, 1448, 1448, false);
		check_segment(2, v6 != 0, 2896, 437, true);
	}
	/* Exactly one, and 64 KiB. */
	net.nsent = 0;
	context(false, tcp_packet(false, 1448), 1448, TSE | 3);
	data(TX_DATA, 54 + 1448, EOP | TSE, 3);
	go();
	assert_int_equal(net.nsent, 1);
	check_segment(0, false, 0, 1448, true);
	net.nsent = 0;
	context(false, tcp_packet(false, 65495), 1448, TSE | 3);
	data(TX_DATA, 54 + 65495, EOP | TSE, 3);
	go();
	assert_int_equal(net.nsent, 46);
	check_segment(45, false, 45 * 1448, 65495 - 45 * 1448, true);
}

/* The link is full in the middle of a packet: it goes on where it stopped. */
static void
test_full_link(void **state)
{
	context(false, tcp_packet(false, 5000), 1000, TSE | 3);
	data(TX_DATA, 5054, EOP | RS | TSE, 3);
	(void)put_desc(&tail, TX_DATA, 60 | EOP << 24, 0);
	net.room = 2;
	go();
	assert_int_equal(net.nsent, 2);
	assert_true(net.want_write);
	assert_int_equal(rd(E1000_TDH), 2);
	/* The guest may do with its memory what it likes by now. */
	memset(ram + TX_DATA + 54 + 3000, 0xEE, 10);
	net.room = 1;
	backend.writable(backend.dev);
	assert_true(net.want_write);
	net.room = 10;
	backend.writable(backend.dev);
	assert_false(net.want_write);
	assert_int_equal(net.nsent, 6);
	assert_int_equal(net.sent[3][54], (uint8_t)(3000 * 5 + 3000 / 256));
	assert_int_equal(net.sent_len[5], 60);
	assert_int_equal(rd(E1000_TDH), 3);
	/* Reset while one waits. */
	net.room = 0;
	(void)put_desc(&tail, TX_DATA, 60 | EOP << 24, 0);
	go();
	assert_true(net.want_write);
	wr(E1000_CTRL, CTRL_RST);
	assert_false(net.want_write);
	net.room = 10;
	backend.writable(backend.dev);
	assert_int_equal(net.nsent, 6);
}

static void
test_vlan(void **state)
{
	memset(ram + TX_DATA, 0x11, 100);
	wr(E1000_CTRL, CTRL_VME);
	(void)put_desc(&tail, TX_DATA, 100 | (uint32_t)(EOP | VLE) << 24, (uint32_t)0x2005 << 16);
	go();
	assert_int_equal(net.sent_len[0], 104);
	assert_memory_equal(net.sent[0] + 12, "\x81\0\x20\x05\x11", 5);
	context(false, tcp_packet(false, 2000), 1000, TSE | 3);
	data(TX_DATA, 2054, EOP | VLE | TSE, 3);
	le16_put(ram + TX_RING + 2 * DESC_LEN + 14, 7);
	go();
	assert_int_equal(net.nsent, 3);
	assert_int_equal(net.sent_len[2], 1058);
	assert_memory_equal(net.sent[2] + 12, "\x81\0\0\7\x08\0\x45", 7);
}

/* Offsets that lead nowhere change nothing; segmentation that makes no sense loses the packet. */
static void
test_hostile_offsets(void **state)
{
	static const struct {
		unsigned hdr, mss, cmd, ipcss, tucss, tucso;
	} bad[] = {
		{ 54, 0, 3, 14, 34, 50 },      /* no size */
		{ 54, 63, 3, 14, 34, 50 },     /* crumbs */
		{ 0, 1000, 3, 14, 34, 50 },    /* no header */
		{ 255, 1000, 3, 14, 236, 50 }, /* none for TCP */
		{ 54, 1000, 3, 15, 34, 50 },   /* none for IP */
		{ 54, 1000, 1, 14, 34, 50 },   /* too short for version 6 */
		{ 54, 1000, 3, 14, 34, 53 },   /* checksum beyond the header */
		{ 54, 1000, 2, 14, 34, 50 },   /* UDP */
		{ 55, 1000, 3, 14, 34, 50 },   /* crooked */
	};
	uint8_t *d;

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		d = ram + TX_RING + tail * DESC_LEN;
		context(false, 54, bad[i].mss, (uint8_t)(TSE | bad[i].cmd));
		d[13] = (uint8_t)bad[i].hdr;
		d[0] = (uint8_t)bad[i].ipcss;
		d[4] = (uint8_t)bad[i].tucss;
		d[5] = (uint8_t)bad[i].tucso;
		(void)tcp_packet(false, 2000);
		data(TX_DATA, 2054, EOP | TSE, 3);
		go();
		assert_int_equal(net.nsent, 0);
	}
	/* A packet that is all header. */
	context(false, 54, 1000, TSE | 3);
	data(TX_DATA, 54, EOP | TSE, 3);
	go();
	assert_int_equal(net.nsent, 0);
	/* Checksums of a packet too short for them. */
	d = ram + TX_RING + tail * DESC_LEN;
	context(false, 54, 0, 1);
	d[0] = d[1] = d[4] = d[5] = 255;
	data(TX_DATA, 100, EOP, 3);
	d = put_desc(&tail, TX_DATA, 100 | (uint32_t)(EOP | IC) << 24, 0);
	d[10] = 99;
	d[13] = 34;
	go();
	assert_int_equal(net.nsent, 2);
	assert_memory_equal(net.sent[0], ram + TX_DATA, 100);
	assert_memory_equal(net.sent[1], ram + TX_DATA, 100);
}

static void
test_hostile_rings(void **state)
{
	/* Longer than any packet, without end: lost as a whole, and the next one is not. */
	for (unsigned i = 0; i < 10; i++)
		data(TX_DATA, 20000, 0, 0);
	data(TX_DATA, 100, EOP, 0);
	data(TX_DATA, 100, EOP, 0);
	go();
	assert_int_equal(net.nsent, 1);
	/* Data outside RAM, across its end, of all the length there is. */
	data(RAM, 100, EOP, 0);
	data(RAM - 50, 100, EOP, 0);
	go();
	tail = 14;
	data(0xffffffffffffff00ull, 0xfffff, EOP, 0);
	go();
	assert_int_equal(net.nsent, 1);
	assert_int_equal(rd(E1000_TDH), 15);
	/* Registers that make no ring, or lead outside RAM. */
	wr(E1000_TDT, 0xffff);
	wr(E1000_TDH, 0xffff);
	assert_int_equal(rd(E1000_TDH), 0xffff);
	wr(E1000_TDLEN, 0);
	wr(E1000_TDH, 0);
	wr(E1000_TDT, 1);
	assert_int_equal(rd(E1000_TDH), 0);
	wr(E1000_TDLEN, 128);
	wr(E1000_TDBAH, 0xffffffff);
	wr(E1000_TDT, 2);
	assert_int_equal(rd(E1000_TDH), 0);
	/* A context in the middle of a packet does not change it. */
	wr(E1000_CTRL, CTRL_RST);
	start_nic();
	tail = 0;
	context(false, tcp_packet(false, 2000), 1000, TSE | 3);
	data(TX_DATA, 1000, TSE, 3);
	context(false, 54, 10, TSE | 3);
	data(TX_DATA + 1000, 1054, EOP | TSE, 3);
	net.nsent = 0;
	go();
	assert_int_equal(net.nsent, 2);
	check_segment(1, false, 1000, 1000, true);
	/* Not enabled, or no bus master. */
	wr(E1000_TCTL, 0);
	data(TX_DATA, 100, EOP, 0);
	go();
	pci_cfg_write(bus, nic->pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM);
	wr(E1000_TCTL, TCTL_EN);
	assert_int_equal(net.nsent, 2);
	pci_cfg_write(bus, nic->pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	assert_int_equal(net.nsent, 3);
}

static unsigned kicks;

static void
count_kick(void *ctx)
{
	kicks++;
}

/* With an owner that is to be asked, registers only ask; nothing runs for too long. */
static void
test_kick(void **state)
{
	nic->kick = count_kick;
	kicks = 0;
	data(TX_DATA, 100, EOP, 0);
	go();
	assert_int_equal(kicks, 1);
	assert_int_equal(net.nsent, 0);
	e1000_run(nic);
	assert_int_equal(net.nsent, 1);
	/* A ring of more than one batch of packets that are lost. */
	wr(E1000_TDLEN, 1024 * DESC_LEN);
	wr(E1000_TDBAL, 0x300000);
	wr(E1000_TDH, 0);
	for (unsigned i = 0; i < 1024; i++)
		ram[0x300000 + i * DESC_LEN + 11] = EOP;
	wr(E1000_TDT, 1000);
	kicks = 0;
	e1000_run(nic);
	assert_int_equal(rd(E1000_TDH), 256);
	assert_int_equal(kicks, 1);
}

static int
nic_state(void *n, struct state *st)
{
	return (e1000_state(n, st));
}

static void
replace(void)
{
	e1000_destroy(nic);
	pci_bus_destroy(bus);
	memset(nic, 0xa5, sizeof(*nic));
	net.want_read = net.want_write = false;
	bus = host_bus();
	assert_int_equal(e1000_init(nic, &gm, &backend), 0);
	nic->pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(bus, &nic->pci, NULL), 0);
}

/* A packet that waits for the link, and one of which the guest has given a part only. */
static void
test_saved(void **state)
{
	memcpy(ram + TX_DATA, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	memset(ram + TX_DATA + 12, 0x5c, 188);
	net.room = 0;
	put_desc(&tail, TX_DATA, 0x0b000000 | 100, 0);
	put_desc(&tail, TX_DATA, 0x00000000 | 80, 0);
	go();
	assert_true(net.want_write);
	assert_int_equal(saved_from(nic_state, nic), 0);
	replace();
	saved_goes_into(nic_state, nic);
	assert_true(net.want_write);
	assert_int_equal(rd(E1000_TDT), tail);
	net.room = FRAMES;
	backend.writable(backend.dev);
	assert_int_equal(net.nsent, 1);
	assert_int_equal(saved_from(nic_state, nic), 0);
	replace();
	saved_goes_into(nic_state, nic);
	put_desc(&tail, TX_DATA + 80, 0x0b000000 | 40, 0);
	go();
	assert_int_equal(net.nsent, 2);
	assert_int_equal(net.sent_len[1], net.sent_len[0] + 20);
	/* A packet that cannot have waited. */
	nic->tx.held = nic->tx.begun = nic->tx.segment = true;
	nic->tx.len = 100;
	nic->tx.ctx[1].hdrlen = 200;
	assert_int_equal(saved_from(nic_state, nic), 0);
	nic->tx.held = false;
	replace();
	assert_int_equal(saved_into(nic_state, nic), -EINVAL);
	assert_non_null(strstr(saved_why.text, "a packet waits that cannot be sent"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_tx, teardown)
	const struct CMUnitTest tests[] = {
		T(test_legacy),
		T(test_legacy_checksum),
		T(test_checksums),
		T(test_segmentation),
		T(test_full_link),
		T(test_vlan),
		T(test_hostile_offsets),
		T(test_hostile_rings),
		T(test_kick),
		T(test_saved),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
